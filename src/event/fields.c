/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tape of fields.
 *
 * An item is an operation byte (bit 7: a key follows), the key (length byte, bytes) and the value:
 * a fixed number of bytes, or a 32-bit length and bytes, in the machine's order (a record never
 * leaves the host).  Writing is a bounds check and two copies.  Behind every item there is room for
 * the cut mark and the ends of all open levels, so that a tape that can't grow still closes.
 */
#include "event/fields.h"

#include <string.h>

enum { KEY = 0x80, KEY_MOST = 255, SLACK = FIELDS_DEPTH + 1 };

void fields_init(struct fields *f, struct sbuf *out)
{
    *f = (struct fields){.out = out};
}

static void cut(struct fields *f)
{
    f->cut = true;
    struct sbuf *b = f->out;
    b->failed = false; /* the mark says it */
    if (b->room - b->n > f->depth)
        b->p[b->n++] = FIELDS_CUT;
}

/* Operation and key, with room for n bytes behind them; NULL when the tape is cut. */
static inline uint8_t *item(struct fields *f, unsigned op, const char *key, size_t kn, size_t n)
{
    struct sbuf *b = f->out;
    if (f->cut)
        return NULL;
    if (kn > KEY_MOST)
        kn = KEY_MOST;
    size_t need = 2 + kn + n + SLACK;
    if (n > FIELDS_MOST || b->n + need > FIELDS_MOST ||
        (b->room - b->n < need && !sbuf_room(b, need))) {
        cut(f);
        return NULL;
    }
    uint8_t *to = b->p + b->n;
    if (!key) {
        *to = (uint8_t)op;
        return to + 1;
    }
    to[0] = (uint8_t)(op | KEY);
    to[1] = (uint8_t)kn;
    memcpy(to + 2, key, kn);
    return to + 2 + kn;
}

static inline void done(struct fields *f, const uint8_t *to)
{
    f->out->n = (size_t)(to - f->out->p);
}

void fields_put(struct fields *f, enum fields_op op, const char *key, size_t kn, const void *v,
                size_t n)
{
    uint8_t *to = item(f, op, key, kn, n);
    if (!to)
        return;
    if (n)
        memcpy(to, v, n);
    done(f, to + n);
}

void fields_put_bytes(struct fields *f, enum fields_op op, const char *key, size_t kn,
                      const void *v, size_t n)
{
    uint8_t *to = item(f, op, key, kn, n + 4);
    if (!to)
        return;
    uint32_t len = (uint32_t)n;
    memcpy(to, &len, 4);
    if (n)
        memcpy(to + 4, v, n);
    done(f, to + 4 + n);
}

void fields_begin(struct fields *f, enum fields_op op, const char *key, size_t kn)
{
    if (f->depth == FIELDS_DEPTH && !f->cut)
        cut(f);
    uint8_t *to = item(f, op, key, kn, 0);
    if (!to) {
        f->skipped++;
        return;
    }
    f->depth++;
    done(f, to);
}

void fields_end(struct fields *f)
{
    struct sbuf *b = f->out;
    if (f->skipped) {
        f->skipped--;
        return;
    }
    assert(f->depth);
    f->depth--;
    if (b->n < b->room) /* always: SLACK */
        b->p[b->n++] = FIELDS_END;
}

void fields_finish(struct fields *f)
{
    f->skipped = 0;
    while (f->depth)
        fields_end(f);
}

/* ---- reading */

enum { VAR = 0xff };
static const uint8_t value_bytes[FIELDS_OP_COUNT] = {
    [FIELDS_STR] = VAR, [FIELDS_HEX] = VAR, [FIELDS_BASE64] = VAR, [FIELDS_PRINTABLE] = VAR,
    [FIELDS_U64] = 8,   [FIELDS_I64] = 8,   [FIELDS_DOUBLE] = 8,   [FIELDS_TIME] = 8,
    [FIELDS_IP4] = 4,   [FIELDS_IP6] = 16,
};

bool fields_next(struct cursor *c, struct fields_item *out)
{
    uint8_t op = cur_u8(c);
    out->has_key = op & KEY;
    out->op = op & 0x7f;
    if (!out->op || out->op >= FIELDS_OP_COUNT)
        return false;
    out->key = (struct str){0};
    if (out->has_key) {
        uint8_t kn = cur_u8(c);
        out->key = (struct str){cur_take(c, kn), kn};
    }
    uint32_t n = value_bytes[out->op];
    if (n == VAR) {
        const uint8_t *len = cur_take(c, 4);
        if (!len)
            return false;
        memcpy(&n, len, 4);
    }
    out->v = (struct str){cur_take(c, n), n};
    return !c->bad;
}

/* True if the bytes stand in JSON as they are. */
static bool key_plain(struct str k)
{
    for (uint32_t i = 0; i < k.n; i++)
        if (k.p[i] < 32 || k.p[i] > 126 || k.p[i] == '"' || k.p[i] == '\\')
            return false;
    return true;
}

static void key_put(struct json *j, struct str k)
{
    struct sbuf *b = j->out;
    uint64_t bit = 1ull << j->depth;
    if (!key_plain(k)) {
        /* Readers choke on controls in names, above all on NUL. */
        uint8_t clean[KEY_MOST];
        for (uint32_t i = 0; i < k.n; i++)
            clean[i] = k.p[i] < 32 ? '.' : k.p[i];
        json_str(j, NULL, str_of(clean, k.n));
        sbuf_byte(b, ':');
    } else if (b->room - b->n >= (size_t)k.n + 4 || sbuf_room(b, (size_t)k.n + 4)) {
        uint8_t *to = b->p + b->n;
        if (j->comma & bit)
            *to++ = ',';
        *to++ = '"';
        memcpy(to, k.p, k.n);
        to += k.n;
        *to++ = '"';
        *to++ = ':';
        b->n = (size_t)(to - b->p);
    }
    j->comma &= ~bit; /* the value brings no comma of its own */
}

static uint64_t u64_of(struct str v)
{
    uint64_t x;
    memcpy(&x, v.p, sizeof(x));
    return x;
}

static void ip_put(struct json *j, uint8_t ver, struct str v)
{
    char text[IP_TEXT];
    struct ip_addr a = ver == 4 ? ip_from_v4(v.p) : ip_from_v6(v.p);
    json_cstr(j, NULL, ip_format(&a, ver, text));
}

static void time_value(struct json *j, struct time_cache *tc, uint64_t ns)
{
    uint8_t text[TIME_TEXT + 2];
    text[0] = '"';
    time_put(tc, ns, text + 1);
    text[TIME_TEXT + 1] = '"';
    json_raw(j, NULL, str_of(text, sizeof(text)));
}

static void value_put(struct json *j, const struct fields_item *it, struct time_cache *tc)
{
    struct str v = it->v;
    double d;
    switch ((enum fields_op)it->op) {
    case FIELDS_STR:
        json_str(j, NULL, v);
        break;
    case FIELDS_U64:
        json_u64(j, NULL, u64_of(v));
        break;
    case FIELDS_I64:
        json_i64(j, NULL, (int64_t)u64_of(v));
        break;
    case FIELDS_DOUBLE:
        memcpy(&d, v.p, sizeof(d));
        json_double(j, NULL, d);
        break;
    case FIELDS_TRUE:
    case FIELDS_FALSE:
        json_bool(j, NULL, it->op == FIELDS_TRUE);
        break;
    case FIELDS_NULL:
        json_null(j, NULL);
        break;
    case FIELDS_HEX:
        json_hex(j, NULL, v.p, v.n);
        break;
    case FIELDS_BASE64:
        json_base64(j, NULL, v.p, v.n);
        break;
    case FIELDS_PRINTABLE:
        json_printable(j, NULL, v.p, v.n);
        break;
    case FIELDS_IP4:
        ip_put(j, 4, v);
        break;
    case FIELDS_IP6:
        ip_put(j, 6, v);
        break;
    case FIELDS_TIME:
        time_value(j, tc, u64_of(v));
        break;
    case FIELDS_END:
    case FIELDS_OBJECT:
    case FIELDS_ARRAY:
    case FIELDS_CUT:
    case FIELDS_OP_COUNT:
        break;
    }
}

/* Where the player stands: bit d of `arrays`: level d is an array. */
struct player {
    struct json *j;
    struct time_cache *tc;
    uint32_t depth, arrays;
};

static void level_end(struct player *p)
{
    if (p->arrays >> p->depth & 1)
        json_array_end(p->j);
    else
        json_close(p->j);
    p->arrays &= ~(1u << p->depth);
    p->depth--;
}

static bool level_begin(struct player *p, bool array)
{
    if (p->depth == FIELDS_DEPTH)
        return false;
    if (array)
        json_array(p->j, NULL);
    else
        json_open(p->j, NULL);
    p->depth++;
    p->arrays |= (uint32_t)array << p->depth;
    return true;
}

static bool play_item(struct player *p, const struct fields_item *it)
{
    bool in_array = p->arrays >> p->depth & 1;
    if (it->op == FIELDS_END) {
        if (!p->depth || it->has_key)
            return false;
        level_end(p);
        return true;
    }
    if (it->op == FIELDS_CUT) {
        if (!in_array)
            json_bool(p->j, "cut", true);
        return !it->has_key;
    }
    if (it->has_key == in_array)
        return false;
    bool deep = it->op == FIELDS_OBJECT || it->op == FIELDS_ARRAY;
    if (deep && p->depth == FIELDS_DEPTH)
        return false;
    if (it->has_key)
        key_put(p->j, it->key);
    if (deep)
        return level_begin(p, it->op == FIELDS_ARRAY);
    value_put(p->j, it, p->tc);
    return true;
}

bool fields_play(struct json *j, struct str tape, struct time_cache *tc)
{
    struct player p = {.j = j, .tc = tc};
    if (!tape.n)
        return true;
    struct cursor c = cur_of(tape.p, tape.n);
    bool ok = true;
    while (ok && cur_left(&c)) {
        struct fields_item it;
        ok = fields_next(&c, &it) && play_item(&p, &it);
    }
    ok = ok && !p.depth;
    while (p.depth)
        level_end(&p);
    return ok;
}

bool fields_to_json(struct json *j, const void *tape, size_t n)
{
    struct time_cache tc = {0};
    return fields_play(j, str_of(tape, n), &tc);
}

static bool key_is(const struct fields_item *it, const char *key)
{
    size_t n = strlen(key);
    return it->has_key && it->key.n == n && !memcmp(it->key.p, key, n);
}

bool fields_find_str(struct str tape, const char *outer, const char *inner, struct str *out)
{
    if (!tape.n)
        return false;
    struct cursor c = cur_of(tape.p, tape.n);
    struct fields_item it;
    uint32_t depth = 0;
    bool inside = false;
    while (cur_left(&c) && fields_next(&c, &it)) {
        if (it.op == FIELDS_END) {
            if (!depth--)
                return false;
            inside = inside && depth > 0;
        } else if (it.op == FIELDS_OBJECT || it.op == FIELDS_ARRAY) {
            if (!depth && it.op == FIELDS_OBJECT)
                inside = key_is(&it, outer);
            depth++;
        } else if (inside && depth == 1 && it.op == FIELDS_STR && key_is(&it, inner)) {
            *out = it.v;
            return true;
        }
    }
    return false;
}
