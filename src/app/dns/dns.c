/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS on a flow: datagrams and length-prefixed messages (RFC 1035 4.2), each one transaction.
 *
 * Over TCP the prefix tells where the next message starts, so a broken message costs itself alone,
 * and a gap inside a message whose length is known is skipped exactly.  After any other gap the
 * stream is lost until a piece starts with something that looks like a message.
 */
#include "app/dns/dns.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/dns/dns_tx.h"
#include "base/bytes.h"

enum {
    DNS_PREFIX = 2,
    DNS_UNLOGGED = 32, /* requests whose answers are not written either; the oldest makes room */
    DNS_BROKEN_MAX = 16, /* messages in a row that can't be read: give up */
};

struct dns_dir {
    uint32_t skip; /* bytes of a message that a gap has eaten into */
    uint32_t
        want; /* bytes of the message that the caller holds the start of; 0: none, or not known */
    uint8_t broken; /* in a row */
    bool lost;
};
struct dns_state {
    struct dns_dir dir[2];
    uint32_t unlogged[DNS_UNLOGGED]; /* ids, and 1, of requests that rules took out of the log */
    uint32_t n_unlogged;
};

static void *dns_config_new(const struct conf *c, struct diags *d)
{
    (void)c;
    (void)d;
    return calloc(1, sizeof(struct dns_config));
}

static void *dns_state_new(struct app_flow *af)
{
    return app_alloc(af, sizeof(struct dns_state));
}

static void dns_state_free(struct app_flow *af, void *state)
{
    app_free(af, state);
}

/* ------------------------------------------------------------------ transactions */

static void events_set(struct dns_tx *t)
{
    uint32_t e = t->m.events;
    if (t->response != (t->dir == 1))
        e |= t->dir == 0 ? 1u << DNS_EVENT_NOT_REQUEST | 1u << DNS_EVENT_NOT_A_REQUEST
                         : 1u << DNS_EVENT_NOT_RESPONSE | 1u << DNS_EVENT_NOT_A_RESPONSE;
    for (unsigned i = 0; i < DNS_EVENT_COUNT; i++)
        if (e & 1u << i)
            app_event_tx(&t->tx, i);
    /* second names of the same thing: for rules, not for the log */
    t->tx.events_logged |= 1u << DNS_EVENT_NOT_A_REQUEST | 1u << DNS_EVENT_NOT_A_RESPONSE;
    t->broken = e & (1u << DNS_EVENT_MALFORMED_DATA | 1u << DNS_EVENT_NOT_REQUEST |
                     1u << DNS_EVENT_NOT_RESPONSE);
}

/* A request and its answer are two transactions: what a rule says of the one holds for the other. */
static void dns_tx_free(struct app_flow *af, struct app_tx *tx)
{
    struct dns_state *st = af->state;
    const struct dns_tx *t = (const struct dns_tx *)tx;
    if (st && (tx->flags & TX_UNLOGGED) && !t->response)
        st->unlogged[st->n_unlogged++ % DNS_UNLOGGED] = t->m.id + 1u;
}
static bool answers_unlogged(struct app_flow *af, uint16_t id)
{
    struct dns_state *st = af->state;
    for (uint32_t k = 0; st && k < u32_min(st->n_unlogged, DNS_UNLOGGED); k++)
        if (st->unlogged[k] == id + 1u) {
            st->unlogged[k] = 0;
            return true;
        }
    for (const struct app_tx *tx = af->first; tx; tx = tx->next) {
        const struct dns_tx *t = (const struct dns_tx *)tx;
        if ((tx->flags & TX_UNLOGGED) && !t->response && t->m.id == id)
            return true;
    }
    return false;
}

/* A whole message; false: it could not be read. */
static bool message(struct app_flow *af, unsigned dir, const uint8_t *raw, uint32_t n)
{
    struct dns_config *cfg = app_config_get(af);
    if (!cfg)
        return true;
    struct dns_msg m = {.events = 1u << DNS_EVENT_MALFORMED_DATA};
    if (!dns_msg_read(&m, raw, n, cfg->rr, DNS_RECORDS_MAX))
        n = 0;
    size_t index = m.records * sizeof(struct dns_rr);
    struct dns_tx *t = app_tx_new(af, sizeof(*t) + index + n);
    if (!t)
        return true; /* refused and counted there */
    t->m = m;
    t->dir = (uint8_t)dir;
    t->response = n ? (m.flags & DNS_QR) != 0 : dir == 1;
    uint8_t *at = (uint8_t *)(t + 1);
    memcpy(at, cfg->rr, index);
    t->m.rr = (const struct dns_rr *)(const void *)at;
    if (n)
        memcpy(at + index, raw, n);
    t->m.raw = at + index;
    events_set(t);
    if (t->response && answers_unlogged(af, m.id))
        t->tx.flags |= TX_UNLOGGED;
    t->tx.flags |= TX_DONE | (dir == 0 ? TX_SKIP_TO_CLIENT : TX_SKIP_TO_SERVER);
    app_tx_progress(&t->tx, 1 - dir, DNS_PROGRESS_COMPLETE);
    app_tx_progress(&t->tx, dir, DNS_PROGRESS_COMPLETE);
    return !(m.events & 1u << DNS_EVENT_MALFORMED_DATA);
}

/* ------------------------------------------------------------------ streams */

/* Behind a gap: does a message start here?  All of the piece is given up if not. */
static bool found_again(const uint8_t *data, uint32_t n, unsigned dir)
{
    if (n < DNS_PREFIX + DNS_HEADER)
        return false;
    uint32_t len = be16_at(data);
    uint16_t flags = be16_at(data + 4);
    return dns_header_plausible(data + DNS_PREFIX, n - DNS_PREFIX, len) && dns_opcode(flags) < 7 &&
           ((flags & DNS_QR) != 0) == (dir == 1);
}

/* n counts what the caller held in front of the hole, too. */
static int64_t gap(struct dns_dir *d, uint32_t n)
{
    uint32_t left = d->skip ? d->skip : d->want;
    d->lost |= left < n || left == 0;
    d->skip = d->lost ? 0 : left - n;
    d->want = 0;
    return n;
}

/* Takes messages off the front; bytes taken, or -1 when it is no DNS any more. */
static int64_t messages(struct app_flow *af, struct dns_dir *d, unsigned dir, const uint8_t *data,
                        uint32_t n)
{
    uint32_t at = 0;
    d->want = 0;
    while (n - at >= DNS_PREFIX) {
        uint32_t len = be16_at(data + at);
        if (n - at - DNS_PREFIX < len) {
            d->want = DNS_PREFIX + len;
            break;
        }
        at += DNS_PREFIX;
        if (message(af, dir, data + at, len))
            d->broken = 0;
        else if (++d->broken == DNS_BROKEN_MAX)
            return -1;
        at += len;
        app_trigger_raw(af, dir);
    }
    return at;
}

static int64_t stream(struct app_flow *af, struct dns_dir *d, unsigned dir, const uint8_t *data,
                      uint32_t n)
{
    uint32_t skip = u32_min(d->skip, n);
    d->skip -= skip;
    if (skip == n)
        return n;
    if (d->lost && !found_again(data + skip, n - skip, dir))
        return n;
    d->lost = false;
    int64_t taken = messages(af, d, dir, data + skip, n - skip);
    return taken < 0 ? taken : taken + skip;
}

static int64_t dns_parse(struct app_flow *af, void *state, unsigned dir, const uint8_t *data,
                         uint32_t n, unsigned piece)
{
    struct dns_state *st = state;
    if (af->flow->proto == IPPROTO_UDP) {
        /* a datagram that can't be read is an error of the parser; the next one is read all the
         * same */
        return n == 0 || message(af, dir, data, n) ? (int64_t)n : -1;
    }
    if (piece & PIECE_GAP)
        return gap(&st->dir[dir], n);
    return n ? stream(af, &st->dir[dir], dir, data, n) : 0;
}

/* ------------------------------------------------------------------ the table */

static const struct app_probe probes[] = {
    {IPPROTO_UDP, "53", 3, DNS_HEADER, 0, dns_probe_udp},
    {IPPROTO_TCP, "53", 3, DNS_PREFIX, 0, dns_probe_tcp},
    {IPPROTO_UDP, NULL, 3, DNS_HEADER, 0, dns_probe_udp_any},
    {IPPROTO_TCP, NULL, 3, DNS_PREFIX, 0, dns_probe_tcp_any},
    {0},
};

static const struct app_event_def events[] = {
#define DNS_EVENT_ROW(id, name) {name, true},
    DNS_EVENTS(DNS_EVENT_ROW)
#undef DNS_EVENT_ROW
        {NULL, false},
};

static const struct app_enum request_states[] = {
    {"request_started", DNS_PROGRESS_STARTED},
    {"request_complete", DNS_PROGRESS_COMPLETE},
    {NULL, 0},
};
static const struct app_enum response_states[] = {
    {"response_started", DNS_PROGRESS_STARTED},
    {"response_complete", DNS_PROGRESS_COMPLETE},
    {NULL, 0},
};

const struct app_proto_def app_dns_def = {
    .name = "dns",
    .probes = probes,
    .buffers = dns_buffers,
    .events = events,
    .logs = dns_logs,
    .states = {request_states, response_states},
    .complete = {DNS_PROGRESS_COMPLETE, DNS_PROGRESS_COMPLETE},
    .udp = true,
    .tcp = true,
    .config_new = dns_config_new,
    .config_free = free,
    .state_new = dns_state_new,
    .state_free = dns_state_free,
    .tx_free = dns_tx_free,
    .parse = dns_parse,
    .hold_bytes = DNS_PREFIX + UINT16_MAX,
    .alert_fields = dns_alert_fields,
};
