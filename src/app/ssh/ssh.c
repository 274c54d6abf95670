/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSH on a flow, until it is encrypted: lines and the banner of each end (RFC 4253 4.2), then
 * records (6) up to NEWKEYS.
 *
 * A line, a KEXINIT and a NEWKEYS are taken when they are whole (what waits is held by the core, at
 * most one record of 64 KB); of other records only the length counts.  A direction ends with its
 * NEWKEYS: all that follows is taken unread. SSH 1 has other records: after its banner nothing is
 * read.
 */
#include "app/ssh/ssh.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/ssh/ssh_tx.h"
#include "base/bytes.h"
#include "config/config.h"

enum {
    MSG_KEXINIT = 20, /* RFC 4253 12 */
    MSG_NEWKEYS = 21,
    RECORD_HEAD = 6, /* length, length of padding, kind */
    NEWKEYS_MAX = 512,
    LINES_MAX = 64, /* of the server in front of its banner */
};

struct ssh_dir {
    uint32_t skip; /* bytes of a record that come yet */
    uint8_t lines; /* without a banner so far */
    bool banner;   /* was whole */
    bool wait_eol; /* too long a line: its end is awaited */
    bool said;     /* ... it was the banner */
    bool over;     /* NEWKEYS was said */
};
struct ssh_state {
    struct app_flow *af;
    struct ssh_tx *tx; /* NULL: refused, or gone */
    struct ssh_dir dir[2];
    bool asked;           /* for the transaction */
    bool old;             /* SSH 1 */
    bool settled;         /* what encryption-handling says was done */
    uint64_t over_number; /* packet that made it encrypted in both directions; 0: not yet */
};

/* ------------------------------------------------------------------ settings, state */

static void *ssh_config_new(const struct conf *c, struct diags *d)
{
    (void)d;
    struct ssh_config *cfg = calloc(1, sizeof(*cfg));
    if (!cfg)
        return NULL;
    struct str v =
        str_cstr(c ? conf_str(c, "app-layer.protocols.ssh.encryption-handling") : "track-only");
    const char *hassh = c ? conf_str(c, "app-layer.protocols.ssh.hassh") : "auto";
    cfg->encryption = str_ieq(v, STR("full"))     ? ENCRYPT_FULL
                      : str_ieq(v, STR("bypass")) ? ENCRYPT_BYPASS
                                                  : ENCRYPT_TRACK_ONLY;
    int truth = conf_truth(hassh); /* "auto" is none */
    cfg->hassh = truth < 0 ? SSH_HASSH_AUTO : truth ? SSH_HASSH_YES : SSH_HASSH_NO;
    return cfg;
}

static void *ssh_state_new(struct app_flow *af)
{
    struct ssh_state *st = app_alloc(af, sizeof(*st));
    if (st)
        st->af = af;
    return st;
}

static void ssh_state_free(struct app_flow *af, void *state)
{
    app_free(af, state);
}

static void ssh_tx_free(struct app_flow *af, struct app_tx *tx)
{
    struct ssh_tx *t = ssh_tx_of(tx);
    struct ssh_state *st = af->state;
    for (unsigned i = 0; i < 2; i++)
        app_free(af, (void *)(uintptr_t)t->side[i].hassh.p);
    if (st && st->tx == t)
        st->tx = NULL;
}

static void event(struct ssh_state *st, unsigned e)
{
    if (st->tx)
        app_event_tx(&st->tx->tx, e);
    else
        app_event_flow(st->af, e);
}

static int64_t refuse(struct ssh_state *st, unsigned e)
{
    event(st, e);
    return -1;
}

static void advance(struct ssh_state *st, unsigned dir, uint8_t to)
{
    app_trigger_raw(st->af, dir);
    if (st->tx)
        app_tx_progress(&st->tx->tx, dir, to);
}

/* ------------------------------------------------------------------ encrypted */

static void direction_over(struct ssh_state *st, unsigned dir)
{
    st->dir[dir].over = true;
    advance(st, dir, SSH_FINISHED);
    if (st->dir[0].over && st->dir[1].over && !st->old)
        st->over_number = st->af->number;
}

/* Rules see the packets that end the exchange; from the next one on there is nothing to be read. */
static void settle(struct ssh_state *st)
{
    const struct ssh_config *cfg = app_config_get(st->af);
    if (st->settled || !st->over_number || st->over_number == st->af->number)
        return;
    st->settled = true;
    if (!cfg || cfg->encryption == ENCRYPT_FULL)
        return;
    st->af->flow->flags |= FLOW_NO_PAYLOAD_INSPECTION;
    if (cfg->encryption != ENCRYPT_BYPASS)
        return;
    st->af->flow->flags |= FLOW_BYPASS;
    app_no_more(st->af, 0);
    app_no_more(st->af, 1);
}

/* ------------------------------------------------------------------ banner */

/* Keeps a line as the banner; false: it is none. */
static bool banner_keep(struct ssh_state *st, unsigned dir, struct str line)
{
    struct str proto = {NULL, 0}, software = {NULL, 0};
    bool whole = ssh_banner_read(line, &proto, &software);
    if (!proto.p)
        return false;
    if (!whole)
        event(st, SSH_EVENT_INVALID_BANNER);
    st->old |= proto.p[0] == '1' && !str_eq(proto, STR("1.99"));
    if (!st->tx)
        return true;
    struct ssh_side *s = &st->tx->side[dir];
    memcpy(s->banner, line.p, line.n);
    s->proto = str_of(s->banner + (proto.p - line.p), proto.n);
    if (software.n)
        s->software = str_of(s->banner + (software.p - line.p), software.n);
    return true;
}

static void banner_done(struct ssh_state *st, unsigned dir)
{
    st->dir[dir].banner = true;
    advance(st, dir, SSH_BANNER_DONE);
}

/* Of a line that is too long the beginning counts. */
static int64_t long_line(struct ssh_state *st, unsigned dir, const uint8_t *p)
{
    struct ssh_dir *d = &st->dir[dir];
    event(st, SSH_EVENT_LONG_BANNER);
    d->wait_eol = true;
    d->said = banner_keep(st, dir, str_of(p, SSH_BANNER_MAX));
    if (d->said)
        advance(st, dir, SSH_BANNER_WAIT_EOL);
    return SSH_BANNER_MAX;
}

/* A line that is whole or the rest of a long one: bytes taken; 0: more is needed. */
static int64_t line_take(struct ssh_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct ssh_dir *d = &st->dir[dir];
    uint32_t most = d->wait_eol ? n : u32_min(n, SSH_BANNER_MAX);
    const uint8_t *end = memchr(p, '\n', most);
    if (!end)
        return d->wait_eol ? n : n < SSH_BANNER_MAX ? 0 : long_line(st, dir, p);
    uint32_t length = (uint32_t)(end - p);
    bool said = d->wait_eol ? d->said : banner_keep(st, dir, str_of(p, length));
    d->wait_eol = false;
    if (said)
        banner_done(st, dir);
    else if (dir == 0 || ++d->lines == LINES_MAX) /* the server may say something in front of it */
        return refuse(st, SSH_EVENT_INVALID_BANNER);
    return length + 1;
}

/* ------------------------------------------------------------------ records */

static void kexinit(struct ssh_state *st, unsigned dir, struct str record)
{
    const struct ssh_config *cfg = app_config_get(st->af);
    struct str list[4];
    if (!ssh_kexinit_read(record, dir, list)) {
        event(st, SSH_EVENT_INVALID_RECORD);
        return;
    }
    struct ssh_side *s = st->tx ? &st->tx->side[dir] : NULL;
    if (!s || s->hassh.p || !cfg || cfg->hassh == SSH_HASSH_NO)
        return;
    uint8_t *text = app_alloc(st->af, (size_t)record.n + 4), *at = text;
    if (!text)
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (i)
            *at++ = ';';
        if (list[i].n)
            memcpy(at, list[i].p, list[i].n);
        at += list[i].n;
    }
    s->hassh = str_of(text, (uint32_t)(at - text));
    st->tx->tx.updated[dir] = true;
}

/* A record begins: bytes taken; 0: more is needed; negative: this is no record. */
static int64_t record_take(struct ssh_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct ssh_dir *d = &st->dir[dir];
    if (n < RECORD_HEAD)
        return 0;
    uint32_t length = be32_at(p), whole = length + 4;
    if (length < 2 || length > SSH_RECORD_MAX || p[4] >= length)
        return refuse(st, SSH_EVENT_INVALID_RECORD);
    if (p[5] == MSG_NEWKEYS && whole > NEWKEYS_MAX)
        return refuse(st, SSH_EVENT_INVALID_RECORD);
    bool kex = p[5] == MSG_KEXINIT;
    if (kex && whole > SSH_KEX_RECORD_MAX) {
        event(st, SSH_EVENT_LONG_KEX_RECORD);
        kex = false;
    }
    if (!kex && p[5] != MSG_NEWKEYS) {
        uint32_t here = u32_min(n, whole);
        d->skip = whole - here;
        return here;
    }
    if (n < whole)
        return 0;
    if (kex)
        kexinit(st, dir, str_of(p, whole));
    else
        direction_over(st, dir);
    return whole;
}

static int64_t pieces(struct ssh_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct ssh_dir *d = &st->dir[dir];
    uint32_t at = 0;
    while (at < n && !d->over) {
        if (d->skip) {
            uint32_t k = u32_min(n - at, d->skip);
            d->skip -= k;
            at += k;
            continue;
        }
        if (d->banner && st->old) {
            direction_over(st, dir);
            break;
        }
        int64_t k =
            d->banner ? record_take(st, dir, p + at, n - at) : line_take(st, dir, p + at, n - at);
        if (k < 0)
            return k;
        if (k == 0)
            return at;
        at += (uint32_t)k;
    }
    return n;
}

/* A hole inside a record that is passed over harms nothing. */
static int64_t gap(struct ssh_dir *d, uint32_t n)
{
    if (d->over)
        return n;
    if (n > d->skip)
        return -1;
    d->skip -= n;
    return n;
}

static int64_t ssh_parse(struct app_flow *af, void *state, unsigned dir, const uint8_t *data,
                         uint32_t n, unsigned piece)
{
    struct ssh_state *st = state;
    int64_t taken = n;
    if (!st->asked) {
        st->asked = true;
        st->tx = app_tx_new(af, sizeof(struct ssh_tx));
    }
    if (n)
        settle(st);
    if (piece & PIECE_GAP)
        taken = gap(&st->dir[dir], n);
    else if (n)
        taken = pieces(st, dir, data, n);
    if (taken >= 0 && (piece & PIECE_EOF))
        advance(st, dir, SSH_FINISHED);
    return taken;
}

/* ------------------------------------------------------------------ the table */

static const struct app_pattern patterns[] = {
    {"SSH-", 4, 0, 4, 0, false, IPPROTO_TCP}, {"SSH-", 4, 0, 4, 1, false, IPPROTO_TCP}, {.n = 0}};

static const struct app_event_def event_defs[] = {
#define SSH_EVENT_ROW(id, name) {name, true},
    SSH_EVENTS(SSH_EVENT_ROW)
#undef SSH_EVENT_ROW
        {NULL, false},
};

#define SSH_REQUEST(id, name)  {"request_" name, SSH_##id},
#define SSH_RESPONSE(id, name) {"response_" name, SSH_##id},
static const struct app_enum request_states[] = {SSH_STATES(SSH_REQUEST){NULL, 0}};
static const struct app_enum response_states[] = {SSH_STATES(SSH_RESPONSE){NULL, 0}};

const struct app_proto_def app_ssh_def = {
    .name = "ssh",
    .patterns = patterns,
    .buffers = ssh_buffers,
    .keywords = ssh_keywords,
    .events = event_defs,
    .logs = ssh_logs,
    .states = {request_states, response_states},
    .complete = {SSH_FINISHED, SSH_FINISHED},
    .tcp = true,
    .config_new = ssh_config_new,
    .config_free = free,
    .state_new = ssh_state_new,
    .state_free = ssh_state_free,
    .parse = ssh_parse,
    .hold_bytes = SSH_KEX_RECORD_MAX,
    .tx_free = ssh_tx_free,
    .alert_fields = ssh_alert_fields,
};
