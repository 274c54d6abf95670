/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MaxMind DB 2.0 (https://maxmind.github.io/MaxMind-DB/), read as foreign bytes.
 *
 * A file is a binary tree over the bits of an address (node_count nodes of two records of 24, 28 or
 * 32 bits), 16 zero bytes, data, and behind the last marker a map that describes it.  A record
 * below node_count is a node, node_count is "nothing", more is data at record - node_count - 16.
 * Data are typed values, which may point to others.
 *
 * The table that we make of it: node_count, the node where IPv4 begins (GEO_NONE: nowhere), the
 * node where IPv6 begins, then two words a node: another node, or GEO_LEAF with the two letters of
 * country.iso_code (0: none).  Words are the machine's and may lie at any byte.
 */
#include "rules/geoip/mmdb.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GEO_LEAF 0x80000000u
#define GEO_NONE UINT32_MAX
enum {
    HEAD_WORDS = 3,
    NODES_MOST = 1 << 24,
    SEPARATOR = 16,
    META_MOST = 128 * 1024,
    VALUE_DEPTH = 8,   /* of values in values */
    POINTERS_MOST = 4, /* one after the other: the format has one */
    MEMBERS_MOST = 512,
    CACHE = 1 << 14,
};

/* ------------------------------------------------------------------ values */

enum value_type {
    V_POINTER = 1,
    V_TEXT = 2,
    V_U16 = 5,
    V_U32 = 6,
    V_MAP = 7,
    V_U64 = 9,
    V_ARRAY = 11,
    V_CONTAINER = 12,
    V_END = 13,
    V_BOOL = 14
};
struct value {
    unsigned type;
    uint32_t n; /* bytes, or members */
};
struct data {
    struct str all;
    uint32_t budget; /* values that may still be looked at */
};

static uint32_t big(struct cursor *c, unsigned n)
{
    uint32_t v = 0;
    while (n--)
        v = v << 8 | cur_u8(c);
    return v;
}

/* The head of a value; of a pointer n is where it leads. */
static bool head_read(struct cursor *c, struct value *v)
{
    static const uint32_t base[] = {0, 29, 285, 65821}, pointer[] = {0, 2048, 526336, 0};
    uint8_t b = cur_u8(c);
    v->type = b >> 5;
    if (!v->type)
        v->type = 7u + cur_u8(c);
    if (v->type == V_POINTER) {
        unsigned size = b >> 3 & 3;
        uint32_t high = size == 3 ? 0 : (b & 7u) << (8 * (size + 1));
        v->n = high + big(c, size + 1) + pointer[size];
        return !c->bad;
    }
    v->n = b & 31u;
    if (v->n >= 29) {
        unsigned more = v->n - 28;
        v->n = base[more] + big(c, more);
    }
    return !c->bad && v->type > V_POINTER && v->type <= 15;
}

/* The head of the value at c, behind pointers; c stands at its content. */
static bool value_read(struct data *d, struct cursor *c, struct value *v)
{
    for (unsigned hops = 0; hops <= POINTERS_MOST && d->budget; hops++) {
        d->budget--;
        if (!head_read(c, v))
            return false;
        if (v->type != V_POINTER)
            return true;
        if (v->n >= d->all.n)
            return false;
        *c = cur_of(d->all.p + v->n, d->all.n - v->n);
    }
    return false;
}

static bool value_skip(struct data *d, struct cursor *c, unsigned depth)
{
    struct value v;
    if (!depth || !d->budget-- || !head_read(c, &v))
        return false;
    switch (v.type) {
    case V_POINTER:
    case V_END:
    case V_BOOL:
        return true;
    case V_MAP:
    case V_ARRAY:
        if (v.n > MEMBERS_MOST)
            return false;
        for (uint32_t i = 0; i < (v.type == V_MAP ? 2 * v.n : v.n); i++)
            if (!value_skip(d, c, depth - 1))
                return false;
        return true;
    default:
        return cur_skip(c, v.n);
    }
}

/* Goes to a map's member: c stands at its head. */
static bool member(struct data *d, struct cursor *c, const char *name)
{
    struct value map, key;
    if (!value_read(d, c, &map) || map.type != V_MAP || map.n > MEMBERS_MOST)
        return false;
    for (uint32_t i = 0; i < map.n; i++) {
        struct cursor k = *c;
        const uint8_t *text;
        if (!value_read(d, &k, &key) || key.type != V_TEXT || !(text = cur_take(&k, key.n)))
            return false;
        if (!value_skip(d, c, VALUE_DEPTH))
            return false;
        if (str_eq(str_of(text, key.n), str_cstr(name)))
            return true;
        if (!value_skip(d, c, VALUE_DEPTH))
            return false;
    }
    return false;
}

static bool number(struct str all, const char *name, uint64_t *out)
{
    struct data d = {all, META_MOST};
    struct cursor c = cur_of(all.p, all.n);
    struct value v;
    if (!member(&d, &c, name) || !value_read(&d, &c, &v) ||
        (v.type != V_U16 && v.type != V_U32 && v.type != V_U64) || v.n > 8)
        return false;
    *out = 0;
    while (v.n--)
        *out = *out << 8 | cur_u8(&c);
    return !c.bad;
}

/* Two letters in the low bytes; 0: none. */
static uint16_t country(struct str all, uint32_t at)
{
    struct data d = {all, 4096};
    struct value v;
    if (at >= all.n)
        return 0;
    struct cursor c = cur_of(all.p + at, all.n - at);
    if (!member(&d, &c, "country") || !member(&d, &c, "iso_code") || !value_read(&d, &c, &v) ||
        v.type != V_TEXT || v.n != 2)
        return 0;
    const uint8_t *t = cur_take(&c, 2);
    return (uint16_t)(t ? (unsigned)t[0] << 8 | t[1] : 0u);
}

/* ------------------------------------------------------------------ the file */

struct geo_file {
    struct str tree, data;
    uint32_t nodes, bits; /* of a record */
    unsigned ver;
    struct {
        uint32_t at; /* + 1 */
        uint16_t code;
    } * seen; /* CACHE places */
};

/* Behind the last marker. */
static bool meta_find(struct str file, struct str *meta)
{
    static const char marker[] = "\xab\xcd\xefMaxMind.com";
    enum { MARKER = sizeof(marker) - 1 };
    uint32_t least = file.n > META_MOST ? file.n - META_MOST : 0;
    for (uint32_t at = file.n < MARKER ? 0 : file.n - MARKER + 1; at > least; at--)
        if (!memcmp(file.p + at - 1, marker, MARKER)) {
            *meta = str_skip(file, at - 1 + MARKER);
            return true;
        }
    return false;
}

static const char *file_open(struct str file, struct geo_file *g)
{
    struct str meta;
    uint64_t nodes, bits, ver;
    if (!meta_find(file, &meta))
        return "it is no MaxMind DB";
    if (!number(meta, "node_count", &nodes) || !number(meta, "record_size", &bits) ||
        !number(meta, "ip_version", &ver))
        return "its description lacks a number";
    if ((bits != 24 && bits != 28 && bits != 32) || (ver != 4 && ver != 6) || !nodes ||
        nodes > NODES_MOST)
        return "its description says what can't be";
    uint64_t tree = nodes * bits / 4;
    if (tree + SEPARATOR > (uint64_t)(meta.p - file.p))
        return "it is cut";
    g->nodes = (uint32_t)nodes;
    g->bits = (uint32_t)bits;
    g->ver = (unsigned)ver;
    g->tree = str_first(file, (uint32_t)tree);
    g->data = str_of(file.p + tree + SEPARATOR, (uint32_t)(meta.p - file.p - tree - SEPARATOR));
    return NULL;
}

static uint32_t record(const struct geo_file *g, uint32_t node, unsigned right)
{
    const uint8_t *p = g->tree.p + (size_t)node * g->bits / 4;
    if (g->bits == 28) { /* the middle byte holds the two highest halves */
        uint32_t high = right ? p[3] & 15u : p[3] >> 4;
        p += right * 4;
        return high << 24 | (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
    struct cursor c = cur_of(p + right * g->bits / 8, g->bits / 8);
    return big(&c, g->bits / 8);
}

static uint32_t word_of(struct geo_file *g, uint32_t r)
{
    if (r < g->nodes)
        return r;
    if (r < g->nodes + (uint32_t)SEPARATOR)
        return GEO_LEAF;
    uint32_t at = r - g->nodes - SEPARATOR, k = (at * 2654435761u) >> 18;
    if (g->seen[k].at != at + 1) {
        g->seen[k].at = at + 1;
        g->seen[k].code = country(g->data, at);
    }
    return GEO_LEAF | g->seen[k].code;
}
static_assert(CACHE == 1 << (32 - 18), "the hash's bits are the places");

static inline uint32_t word_get(struct str table, uint32_t at)
{
    uint32_t w;
    memcpy(&w, table.p + 4 * (size_t)at, 4);
    return w;
}

/* In a tree over IPv6 the addresses of IPv4 stand below 96 zero bits. */
static uint32_t start4(const struct geo_file *g, struct str table)
{
    uint32_t node = 0;
    for (unsigned bit = 0; g->ver == 6 && bit < 96 && node < g->nodes; bit++)
        node = word_get(table, HEAD_WORDS + 2 * node);
    return node;
}

int geo_compile(struct arena *a, struct str file, struct str *table, const char **wrong)
{
    struct geo_file g;
    memset(&g, 0, sizeof(g));
    *wrong = file_open(file, &g);
    if (*wrong)
        return -EINVAL;
    uint32_t words = HEAD_WORDS + 2 * g.nodes;
    uint8_t *out = arena_alloc_raw(a, 4 * (size_t)words);
    g.seen = calloc(CACHE, sizeof(*g.seen));
    if (!out || !g.seen) {
        free(g.seen);
        return -ENOMEM;
    }
    *table = str_of(out, 4 * words);
    for (uint32_t k = 0; k < 2 * g.nodes; k++) {
        uint32_t w = word_of(&g, record(&g, k / 2, k & 1));
        memcpy(out + 4 * (size_t)(HEAD_WORDS + k), &w, 4);
    }
    uint32_t head[HEAD_WORDS] = {g.nodes, start4(&g, *table), g.ver == 6 ? 0 : GEO_NONE};
    memcpy(out, head, sizeof(head));
    free(g.seen);
    return 0;
}

bool geo_find(struct str table, uint8_t ver, const struct ip_addr *a, char out[2])
{
    if (table.n < 4 * HEAD_WORDS)
        return false;
    uint32_t nodes = word_get(table, 0), at = word_get(table, ver == 4 ? 1 : 2);
    if (nodes > (table.n / 4 - HEAD_WORDS) / 2)
        return false;
    for (unsigned bit = ver == 4 ? 96 : 0; bit < 128 && at < nodes; bit++)
        at = word_get(table, HEAD_WORDS + 2 * at + (a->b[bit / 8] >> (7 - bit % 8) & 1));
    if (at == GEO_NONE || !(at & GEO_LEAF) || !(at & 0xffff))
        return false;
    out[0] = (char)(at >> 8 & 0xff);
    out[1] = (char)(at & 0xff);
    return true;
}
