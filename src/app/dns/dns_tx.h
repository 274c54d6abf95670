/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A DNS transaction: one message, as Suricata has them since 7 (a request and its response are
 * two).
 *
 * One block of memory: the transaction, then the index of records, then the message's bytes.
 */
#ifndef APP_DNS_DNS_TX_H
#define APP_DNS_DNS_TX_H

#include "app/app.h"
#include "app/dns/dns_msg.h"

enum { DNS_PROGRESS_STARTED = 0, DNS_PROGRESS_COMPLETE = 1 };

struct dns_tx {
    struct app_tx tx;
    struct dns_msg m;
    uint8_t dir;   /* in which it was sent */
    bool response; /* QR bit */
    bool broken;   /* questions or answers could not be read: no EVE record */
};

/* What the EVE options of one output say; parsed once an options node. */
struct dns_log_options {
    const struct conf_node *node;
    uint8_t version;
    bool seen, requests, responses, detailed, grouped, all_types;
    uint16_t types[64];
    uint32_t n_types;
};

/* A worker's own. */
struct dns_config {
    struct dns_log_options log[4]; /* by use; the last is overwritten */
    struct dns_rr rr[DNS_RECORDS_MAX];
};

extern const struct app_buffer dns_buffers[];
extern const struct app_log dns_logs[];
void dns_alert_fields(const struct app_log_ctx *c, struct fields *out);

enum app_probe_result dns_probe_udp(const uint8_t *data, uint32_t n, unsigned dir);
enum app_probe_result dns_probe_tcp(const uint8_t *data, uint32_t n, unsigned dir);
/* On ports that say nothing: only what parses whole and holds nothing unusual. */
enum app_probe_result dns_probe_udp_any(const uint8_t *data, uint32_t n, unsigned dir);
enum app_probe_result dns_probe_tcp_any(const uint8_t *data, uint32_t n, unsigned dir);
/* Is this a header with counts that `n` bytes could hold?  Used to find messages again behind a
 * gap. */
bool dns_header_plausible(const uint8_t *raw, uint32_t n, uint32_t message_bytes);

#endif
