/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the blacklist as keys of packets and as lines of text. */
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/sbuf.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#define KIND_WORD(id, word) word,
static const char *const kind_words[] = {BLOCK_KINDS(KIND_WORD)};
#undef KIND_WORD
static const struct {
    uint8_t proto;
    const char *word;
} protos[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_SCTP, "sctp"}};

const char *block_kind_word(unsigned kind) { return kind < BLOCK_KIND_COUNT ? kind_words[kind] : "?"; }

bool block_kind_parse(struct str word, uint8_t *kind)
{
    for (uint8_t k = 0; k < BLOCK_KIND_COUNT; k++)
        if (str_eq(word, str_cstr(kind_words[k]))) {
            *kind = k;
            return true;
        }
    return false;
}

const char *block_added_word(enum block_added r)
{
    static const char *const words[] = {
        [BLOCK_ADDED] = "added",
        [BLOCK_EXTENDED] = "was there, and lasts as long as asked now",
        [BLOCK_FULL] = "the blacklist is full (blacklist.entries)",
        [BLOCK_NEVER] = "the never-block list names it (blacklist.never)",
        [BLOCK_RATE] = "rules may add no more this minute (blacklist.per-minute)",
        [BLOCK_WOULD] = "would be added (inline-test)",
        [BLOCK_BUSY] = "the blacklist was held by another process; try again",
    };
    return words[r];
}

/* ------------------------------------------------------------------ keys */

static struct ip_addr masked(const struct ip_addr *a, unsigned ver, unsigned bits)
{
    struct ip_addr out = *a;
    bits += ver == 4 ? 96 : 0;
    for (unsigned k = 0; k < 16; k++) {
        unsigned keep = bits > 8 * k ? bits - 8 * k : 0;
        if (keep < 8)
            out.b[k] &= (uint8_t)(0xff00u >> keep);
    }
    return out;
}

static bool has_ports(unsigned proto)
{
    for (size_t k = 0; k < sizeof(protos) / sizeof(*protos); k++)
        if (protos[k].proto == proto)
            return true;
    return false;
}

bool block_key_of(unsigned kind, unsigned prefix, const struct block_ends *e, struct block_key *out)
{
    *out = (struct block_key){.a = *e->src, .kind = (uint8_t)kind, .ver = e->ver};
    switch (kind) {
    case BLOCK_SRC:
        return true;
    case BLOCK_DST:
        out->a = *e->dst;
        return true;
    case BLOCK_SRC_PORT:
        out->proto = e->proto;
        out->port = e->sp;
        return has_ports(e->proto);
    case BLOCK_PAIR:
        out->b = *e->dst;
        return true;
    case BLOCK_NET:
        if (prefix > (e->ver == 6 ? 128u : 32u))
            return false;
        out->prefix = (uint8_t)prefix;
        out->a = masked(e->src, e->ver, prefix);
        return true;
    default:
        return false;
    }
}

/* ------------------------------------------------------------------ lines */

/* The next word, or what stands between quotes. */
static struct str word_of(struct str *rest)
{
    *rest = str_trim(*rest);
    if (rest->n && rest->p[0] == '"') {
        struct str in = str_skip(*rest, 1), after;
        struct str w = str_split(in, '"', &after);
        *rest = after;
        return w;
    }
    uint32_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct str w = str_first(*rest, n);
    *rest = str_skip(*rest, n);
    return w;
}

/* 2026-11-23T10:00:00Z, or seconds since 1970. */
static bool moment(struct str s, uint64_t *ns)
{
    char z[32];
    struct tm t = {0};
    uint64_t n;
    if (str_u64(s, &n)) {
        *ns = n * NS_PER_SEC;
        return n && n < UINT64_MAX / NS_PER_SEC;
    }
    if (!s.n || s.n >= sizeof(z))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    const char *end = strptime(z, "%Y-%m-%dT%H:%M:%SZ", &t);
    time_t at = end && !*end ? timegm(&t) : 0;
    *ns = (uint64_t)at * NS_PER_SEC;
    return at > 0;
}

static bool key_parse(struct str *rest, struct block_key *k, const char **why)
{
    uint64_t port;
    struct str w = word_of(rest), a = word_of(rest);
    *k = (struct block_key){0};
    *why = "an entry begins with src, dst, src_port, pair or net";
    if (!block_kind_parse(w, &k->kind))
        return false;
    struct ip_prefix net;
    if (k->kind == BLOCK_NET) {
        *why = "net wants a network as 198.51.100.0/24";
        if (str_chr(a, '/') < 0 || !ip_prefix_parse(a, &net))
            return false;
        k->a = net.addr;
        k->ver = net.ver;
        k->prefix = net.bits;
        return true;
    }
    *why = "this is no IPv4 or IPv6 address";
    if (!ip_parse(a, &k->a, &k->ver))
        return false;
    uint8_t ver = k->ver;
    if (k->kind == BLOCK_PAIR) {
        *why = "pair wants two addresses of one family";
        return ip_parse(word_of(rest), &k->b, &ver) && ver == k->ver;
    }
    if (k->kind != BLOCK_SRC_PORT)
        return true;
    *why = "src_port wants an address, a port (1 to 65535) and tcp, udp or sctp";
    if (!str_u64(word_of(rest), &port) || !port || port > 65535)
        return false;
    k->port = (uint16_t)port;
    w = word_of(rest);
    for (size_t n = 0; n < sizeof(protos) / sizeof(*protos); n++)
        if (str_eq(w, str_cstr(protos[n].word)))
            k->proto = protos[n].proto;
    return k->proto != 0;
}

static bool text_into(char *to, size_t room, struct str s)
{
    if (s.n >= room)
        return false;
    for (uint32_t k = 0; k < s.n; k++) /* it is shown on terminals and exported as a line */
        to[k] = s.p[k] < 32 || s.p[k] == 127 || s.p[k] == '"' ? '?' : (char)s.p[k];
    to[s.n] = 0;
    return true;
}

/* Word and value behind the key. */
static bool clause(struct str w, struct str v, uint64_t now_ns, struct block_entry *out, const char **why)
{
    uint64_t ns, n;
    if (str_eq(w, STR("for"))) {
        *why = "for wants a time as 90s, 10m, 2h or 7d, at most 10 years";
        if (!str_span(v, &ns))
            return false;
        out->until_ns = now_ns + ns;
        return true;
    }
    if (str_eq(w, STR("until"))) {
        *why = "until wants a time as 2026-11-23T10:00:00Z";
        return moment(v, &out->until_ns);
    }
    if (str_eq(w, STR("since"))) {
        *why = "since wants a time as 2026-11-23T10:00:00Z";
        return moment(v, &out->since_ns);
    }
    if (str_eq(w, STR("by"))) {
        *why = "an author has at most 23 bytes";
        return text_into(out->author, sizeof(out->author), v);
    }
    if (str_eq(w, STR("reason"))) {
        *why = "a reason has at most 63 bytes";
        return text_into(out->reason, sizeof(out->reason), v);
    }
    if (str_eq(w, STR("sid"))) {
        struct str sid, gid = str_split(v, ':', &sid);
        *why = "sid wants GID:SID";
        if (!str_u64(gid, &n) || n > UINT32_MAX || !str_u64(sid, &ns) || ns > UINT32_MAX)
            return false;
        out->gid = (uint32_t)n;
        out->sid = (uint32_t)ns;
        return true;
    }
    *why = "behind the key stand: for TIME, until TIME, since TIME, by AUTHOR, sid GID:SID, reason TEXT";
    return false;
}

bool block_entry_parse(struct str line, uint64_t now_ns, struct block_entry *out, const char **why)
{
    memset(out, 0, sizeof(*out));
    out->since_ns = now_ns;
    out->until_ns = UINT64_MAX;
    struct str rest = line;
    if (!key_parse(&rest, &out->key, why))
        return false;
    while (str_trim(rest).n) {
        struct str w = word_of(&rest), v = word_of(&rest);
        if (!clause(w, v, now_ns, out, why))
            return false;
    }
    *why = "its time is over";
    return out->until_ns > now_ns;
}

static void put_time(struct sbuf *out, const char *word, uint64_t ns)
{
    char z[32];
    struct tm t;
    time_t s = (time_t)(ns / NS_PER_SEC);
    if (gmtime_r(&s, &t) && strftime(z, sizeof(z), "%Y-%m-%dT%H:%M:%SZ", &t))
        sbuf_printf(out, " %s %s", word, z);
}

void block_entry_print(struct sbuf *out, const struct block_entry *e)
{
    char a[IP_TEXT], b[IP_TEXT];
    const struct block_key *k = &e->key;
    sbuf_printf(out, "%s %s", block_kind_word(k->kind), ip_format_short(&k->a, k->ver, a));
    if (k->kind == BLOCK_NET)
        sbuf_printf(out, "/%u", k->prefix);
    if (k->kind == BLOCK_PAIR)
        sbuf_printf(out, " %s", ip_format_short(&k->b, k->ver, b));
    for (size_t n = 0; k->kind == BLOCK_SRC_PORT && n < sizeof(protos) / sizeof(*protos); n++)
        if (protos[n].proto == k->proto)
            sbuf_printf(out, " %u %s", k->port, protos[n].word);
    put_time(out, "since", e->since_ns);
    if (e->until_ns != UINT64_MAX)
        put_time(out, "until", e->until_ns + NS_PER_SEC - 1); /* whole seconds, never too short */
    if (e->author[0])
        sbuf_printf(out, " by \"%s\"", e->author);
    if (e->sid)
        sbuf_printf(out, " sid %u:%u", e->gid, e->sid);
    if (e->reason[0])
        sbuf_printf(out, " reason \"%s\"", e->reason);
}
