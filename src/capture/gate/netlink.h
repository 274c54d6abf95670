/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink requests, one at a time: built in place, sent, answered (netlink(7)). */
#ifndef CAPTURE_GATE_NETLINK_H
#define CAPTURE_GATE_NETLINK_H

#include "base/attr.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct nl_request {
    union {
        struct nlmsghdr h;
        uint8_t bytes[1024];
    };
    bool full; /* something had no room: it is not sent */
};

/* `head`: the fixed part behind the header. */
void nl_begin(struct nl_request *q, uint16_t type, uint16_t flags, const void *head, size_t n);
void nl_put(struct nl_request *q, uint16_t type, const void *p, size_t n);
void nl_put_u8(struct nl_request *q, uint16_t type, uint8_t v);
void nl_put_u16(struct nl_request *q, uint16_t type, uint16_t v);
void nl_put_u32(struct nl_request *q, uint16_t type, uint32_t v);
size_t nl_nest(struct nl_request *q, uint16_t type);
void nl_nest_end(struct nl_request *q, size_t at);
/* Sends it and waits for its acknowledgement.  0 or -errno. */
int nl_do(struct nl_request *q) MUST_CHECK;
/* Sends it and takes the one message that answers; its bytes, or -errno. */
int nl_ask(struct nl_request *q, void *answer, size_t room) MUST_CHECK;
/* Attributes by type, NULL: not there; tb has most + 1. */
void nl_attrs(struct rtattr **tb, unsigned most, struct rtattr *a, int bytes);

#endif
