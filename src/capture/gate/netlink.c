/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink requests (netlink.h). */
#include "capture/gate/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void nl_begin(struct nl_request *q, uint16_t type, uint16_t flags, const void *head, size_t n)
{
    memset(q, 0, sizeof(*q));
    q->h.nlmsg_type = type;
    q->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    q->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(n);
    memcpy(NLMSG_DATA(&q->h), head, n);
}

void nl_put(struct nl_request *q, uint16_t type, const void *p, size_t n)
{
    size_t at = NLMSG_ALIGN(q->h.nlmsg_len);
    if (n > UINT16_MAX || at + RTA_SPACE(n) > sizeof(q->bytes)) {
        q->full = true;
        return;
    }
    struct rtattr a = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(n)};
    memcpy(q->bytes + at, &a, sizeof(a));
    if (n)
        memcpy(q->bytes + at + RTA_LENGTH(0), p, n);
    q->h.nlmsg_len = (uint32_t)(at + RTA_SPACE(n));
}

void nl_put_u8(struct nl_request *q, uint16_t type, uint8_t v)
{
    nl_put(q, type, &v, sizeof(v));
}

void nl_put_u16(struct nl_request *q, uint16_t type, uint16_t v)
{
    nl_put(q, type, &v, sizeof(v));
}

void nl_put_u32(struct nl_request *q, uint16_t type, uint32_t v)
{
    nl_put(q, type, &v, sizeof(v));
}

size_t nl_nest(struct nl_request *q, uint16_t type)
{
    size_t at = NLMSG_ALIGN(q->h.nlmsg_len);
    nl_put(q, type, NULL, 0);
    return at;
}

void nl_nest_end(struct nl_request *q, size_t at)
{
    if (q->full)
        return;
    uint16_t n = (uint16_t)(q->h.nlmsg_len - at);
    memcpy(q->bytes + at + offsetof(struct rtattr, rta_len), &n, sizeof(n));
}

static int exchange(struct nl_request *q, void *answer, size_t room)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct timeval most = {.tv_sec = 5};
    if (q->full)
        return -E2BIG;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc = fd < 0 ? -errno : 0;
    if (fd < 0)
        return rc;
    q->h.nlmsg_seq = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    ssize_t n = sendto(fd, q->bytes, q->h.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    if (n >= 0)
        n = recv(fd, answer, room, 0);
    rc = n < 0 ? -errno : (int)n;
    close(fd);
    const struct nlmsghdr *h = answer;
    if (rc < 0 || !NLMSG_OK(h, (uint32_t)rc))
        return rc < 0 ? rc : -EPROTO;
    if (h->nlmsg_type != NLMSG_ERROR)
        return rc;
    struct nlmsgerr e;
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
        return -EPROTO;
    memcpy(&e, NLMSG_DATA(h), sizeof(e));
    return e.error;
}

int nl_do(struct nl_request *q)
{
    _Alignas(NLMSG_ALIGNTO) char answer[4096];
    q->h.nlmsg_flags |= NLM_F_ACK;
    int rc = exchange(q, answer, sizeof(answer));
    return rc > 0 ? 0 : rc;
}

int nl_ask(struct nl_request *q, void *answer, size_t room)
{
    int rc = exchange(q, answer, room);
    return rc ? rc : -EPROTO;
}

void nl_attrs(struct rtattr **tb, unsigned most, struct rtattr *a, int bytes)
{
    memset(tb, 0, (most + 1) * sizeof(*tb));
    for (; RTA_OK(a, bytes); a = RTA_NEXT(a, bytes))
        if ((a->rta_type & NLA_TYPE_MASK) <= most)
            tb[a->rta_type & NLA_TYPE_MASK] = a;
}
