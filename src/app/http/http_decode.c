/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content codings (RFC 9110 8.4.1): gzip, deflate, br and lzma, one inside the other.
 *
 * What the header says is a hint: servers and attackers send zlib for raw deflate, gzip for
 * deflate, or plain text.  So each layer first keeps its bytes until something has come out; when a
 * reading fails before that, the next one is tried on the same bytes (gzip, gzip with its header
 * skipped, zlib, raw deflate), and when none fits the bytes go on as they are.  A reading that
 * fails later lets the rest go on as it is.  The result does not depend on how the body is cut.
 *
 * Bombs: a layer that has made more than the limit and more than 2048 times what went in is
 * stopped; the rest of the body is a gap.
 */
#include "app/http/http_tx.h"

#include <brotli/decode.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>

#include "base/cursor.h"

enum {
    LAYERS_MAX = 8,
    HEAD_MAX = 1024, /* bytes kept for another reading */
    OUT_BYTES = 4096,
    BOMB_RATIO = 2048,
    ZLIB_COST = 48 * 1024, /* what a reading takes from malloc, about: counted, not measured */
    LZMA_HEADER = 5,
};
enum reading {
    READ_GZIP,
    READ_GZIP_BODY,
    READ_ZLIB,
    READ_DEFLATE,
    READ_BROTLI,
    READ_LZMA,
    READ_PLAIN,
    READ_NOTHING
};

struct layer {
    uint8_t coding;  /* enum http_coding */
    uint8_t reading; /* enum reading */
    uint8_t tried;
    bool running, made; /* the library's state is there; something came out */
    bool between; /* a gzip member has ended; head collects what may be the next one's magic */
    uint32_t n_head;
    uint64_t out;
    union {
        z_stream z;
        lzma_stream lzma;
        BrotliDecoderState *br;
    };
    uint8_t head[HEAD_MAX];
    uint8_t buf[OUT_BYTES];
};
struct http_decoder {
    struct http_tx *t;
    unsigned dir, n;
    bool stopped;
    uint64_t in;
    struct layer *layer[LAYERS_MAX];
};

/* In which order a coding is read; what none of them can read goes on plain. */
static const uint8_t readings[][5] = {
    [CODING_GZIP] = {READ_GZIP, READ_GZIP_BODY, READ_ZLIB, READ_PLAIN},
    [CODING_DEFLATE] = {READ_ZLIB, READ_DEFLATE, READ_GZIP, READ_GZIP_BODY, READ_PLAIN},
    [CODING_BROTLI] = {READ_BROTLI, READ_PLAIN},
    [CODING_LZMA] = {READ_LZMA, READ_PLAIN},
};

static void feed(struct http_decoder *d, unsigned i, const uint8_t *p, size_t n);

/* ------------------------------------------------------------------ one reading */

/* Where the deflate data begin behind a gzip header (RFC 1952 2.3); 0: not all of it is there. */
static uint32_t gzip_header(const uint8_t *p, uint32_t n)
{
    enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };
    struct cursor c = cur_of(p, n);
    const uint8_t *fixed = cur_take(&c, 10);
    uint8_t flags = fixed ? fixed[3] : 0;
    if (flags & EXTRA)
        cur_skip(&c, cur_le16(&c));
    for (unsigned text = NAME; text <= COMMENT; text <<= 1)
        while ((flags & text) && cur_u8(&c))
            ;
    if (flags & HCRC)
        cur_skip(&c, 2);
    return c.bad ? 0 : n - (uint32_t)cur_left(&c);
}

static bool fits(const struct layer *l, enum reading r)
{
    bool gzip = l->n_head >= 2 && l->head[0] == 0x1f && l->head[1] == 0x8b;
    switch (r) {
    case READ_GZIP:
        return gzip;
    case READ_GZIP_BODY:
        return gzip && gzip_header(l->head, l->n_head) != 0;
    case READ_ZLIB: /* RFC 1950 2.2: method 8, check bits */
        return l->n_head >= 2 && (l->head[0] & 0x0f) == 8 &&
               (l->head[0] << 8 | l->head[1]) % 31 == 0;
    case READ_DEFLATE:
        return !gzip || l->coding == CODING_DEFLATE;
    case READ_BROTLI:
    case READ_LZMA:
    case READ_PLAIN:
    case READ_NOTHING:
        break;
    }
    return true;
}
/* The dictionary is at most what the memory limit allows: short streams don't need what they ask
 * for. */
static bool start_lzma(struct layer *l, uint64_t limit)
{
    enum { TABLES = 1 << 20 }; /* what else the library takes, at most */
    if (le32_at(l->head + 1) > limit) {
        for (unsigned i = 0; i < 4; i++)
            l->head[1 + i] = (uint8_t)(limit >> 8 * i);
    }
    l->lzma = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_alone_decoder(&l->lzma, limit + TABLES) == LZMA_OK;
}
static bool start(struct http_decoder *d, struct layer *l)
{
    static const int8_t window[] = {
        [READ_GZIP] = 31, [READ_GZIP_BODY] = -15, [READ_ZLIB] = 15, [READ_DEFLATE] = -15};
    const struct http_server *s = d->t->hf->server;
    if (l->reading == READ_PLAIN || l->reading == READ_NOTHING)
        return true;
    if (!app_mem_take(d->t->hf->af, ZLIB_COST))
        return false;
    bool good;
    if (l->reading == READ_BROTLI)
        good = (l->br = BrotliDecoderCreateInstance(NULL, NULL, NULL)) != NULL;
    else if (l->reading == READ_LZMA)
        good = start_lzma(l, u64_min(s->lzma_memlimit, 1u << 30));
    else {
        memset(&l->z, 0, sizeof l->z);
        good = inflateInit2(&l->z, window[l->reading]) == Z_OK;
    }
    l->running = good;
    if (!good)
        app_mem_give(d->t->hf->af, ZLIB_COST);
    return good;
}
static void end(struct http_decoder *d, struct layer *l)
{
    if (!l->running)
        return;
    l->running = false;
    if (l->reading == READ_BROTLI)
        BrotliDecoderDestroyInstance(l->br);
    else if (l->reading == READ_LZMA)
        lzma_end(&l->lzma);
    else
        inflateEnd(&l->z);
    app_mem_give(d->t->hf->af, ZLIB_COST);
}

enum step { STEP_MORE, STEP_OUTPUT_FULL, STEP_END, STEP_BAD };
/* One call of the library: takes from *p, makes *made bytes in buf. */
static enum step step(struct http_decoder *d, struct layer *l, const uint8_t **p, size_t *n,
                      size_t *made)
{
    if (l->reading == READ_BROTLI) {
        size_t room = OUT_BYTES;
        uint8_t *out = l->buf;
        BrotliDecoderResult r = BrotliDecoderDecompressStream(l->br, n, p, &room, &out, NULL);
        *made = OUT_BYTES - room;
        return r == BROTLI_DECODER_RESULT_SUCCESS             ? STEP_END
               : r == BROTLI_DECODER_RESULT_ERROR             ? STEP_BAD
               : r == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT ? STEP_OUTPUT_FULL
                                                              : STEP_MORE;
    }
    if (l->reading == READ_LZMA) {
        l->lzma.next_in = *p;
        l->lzma.avail_in = *n;
        l->lzma.next_out = l->buf;
        l->lzma.avail_out = OUT_BYTES;
        lzma_ret r = lzma_code(&l->lzma, LZMA_RUN);
        *p = l->lzma.next_in;
        *n = l->lzma.avail_in;
        *made = OUT_BYTES - l->lzma.avail_out;
        if (r == LZMA_MEMLIMIT_ERROR)
            http_event(d->t, HTTP_EV_LZMA_MEMORY);
        return r == LZMA_STREAM_END                  ? STEP_END
               : r != LZMA_OK && r != LZMA_BUF_ERROR ? STEP_BAD
               : *made == OUT_BYTES                  ? STEP_OUTPUT_FULL
                                                     : STEP_MORE;
    }
    uInt give = *n < 1u << 30 ? (uInt)*n : 1u << 30;
    l->z.next_in = (z_const Bytef *)(uintptr_t)*p;
    l->z.avail_in = give;
    l->z.next_out = l->buf;
    l->z.avail_out = OUT_BYTES;
    int r = inflate(&l->z, Z_SYNC_FLUSH);
    *p += give - l->z.avail_in;
    *n -= give - l->z.avail_in;
    *made = OUT_BYTES - l->z.avail_out;
    return r == Z_STREAM_END               ? STEP_END
           : r != Z_OK && r != Z_BUF_ERROR ? STEP_BAD
           : *made == OUT_BYTES            ? STEP_OUTPUT_FULL
                                           : STEP_MORE;
}

/* ------------------------------------------------------------------ a layer */

static bool is_bomb(const struct http_decoder *d, const struct layer *l)
{
    return l->out > d->t->hf->server->bomb_limit && l->out / BOMB_RATIO > d->in;
}
static void stop(struct http_decoder *d)
{
    d->stopped = true;
    d->t->hf->bombs++;
    http_event(d->t, HTTP_EV_BOMB);
    http_body_hole(d->t, d->dir, 0);
}
static void give_out(struct http_decoder *d, unsigned i, size_t made)
{
    struct layer *l = d->layer[i];
    l->made = true;
    l->out += made;
    if (is_bomb(d, l))
        stop(d);
    else
        feed(d, i + 1, l->buf, made);
}
/* Behind the end of a gzip member: another one begins, or what no client would show. */
static void between_members(struct http_decoder *d, struct layer *l, const uint8_t **p, size_t *n)
{
    while (*n && l->n_head < 2) {
        l->head[l->n_head++] = *(*p)++;
        --*n;
    }
    if (l->n_head < 2)
        return;
    l->between = false;
    if (l->head[0] == 0x1f && l->head[1] == 0x8b && inflateReset(&l->z) == Z_OK) {
        const uint8_t *magic = l->head;
        size_t two = 2, made;
        (void)step(d, l, &magic, &two, &made);
        return;
    }
    end(d, l);
    l->reading = READ_NOTHING;
}
static void stream_ended(struct http_decoder *d, struct layer *l)
{
    l->n_head = 0;
    l->made = true;
    l->between = l->reading == READ_GZIP;
    if (l->between)
        return;
    end(d, l);
    l->reading = READ_NOTHING;
}
/* Takes bytes by the reading that runs.  false: it failed before anything came out. */
static bool run(struct http_decoder *d, unsigned i, const uint8_t *p, size_t n)
{
    struct layer *l = d->layer[i];
    if (l->reading == READ_PLAIN) {
        l->made = true;
        feed(d, i + 1, p, n);
        return true;
    }
    while (!d->stopped && l->reading != READ_NOTHING) {
        size_t made = 0, before = n;
        if (l->between) {
            between_members(d, l, &p, &n);
            if (!n)
                return true;
            continue;
        }
        enum step s = step(d, l, &p, &n, &made);
        if (made)
            give_out(d, i, made);
        if (s == STEP_BAD && !l->made)
            return false;
        if (s == STEP_BAD) {
            http_event(d->t, HTTP_EV_GZIP_FAILED);
            end(d, l);
            l->reading = READ_PLAIN;
            if (n)
                feed(d, i + 1, p, n);
            return true;
        }
        if (s == STEP_END)
            stream_ended(d, l);
        if (s == STEP_MORE && (!n || n == before))
            return true;
    }
    return true;
}
/* The next reading, on what is kept of the beginning. */
static void try_readings(struct http_decoder *d, unsigned i)
{
    struct layer *l = d->layer[i];
    for (; l->tried < ARRAY_LEN(readings[0]); l->tried++) {
        end(d, l);
        l->reading = readings[l->coding][l->tried];
        if (!fits(l, (enum reading)l->reading))
            continue;
        if (!start(d, l))
            l->reading = READ_PLAIN;
        uint32_t skip = l->reading == READ_GZIP_BODY ? gzip_header(l->head, l->n_head) : 0;
        if (l->reading == READ_PLAIN)
            http_event(d->t, HTTP_EV_GZIP_FAILED);
        l->tried++;
        if (run(d, i, l->head + skip, l->n_head - skip))
            return;
        l->tried--;
    }
}
/* Nothing has come out yet: bytes are kept for another reading. */
static void begin_layer(struct http_decoder *d, unsigned i, const uint8_t *p, size_t n)
{
    struct layer *l = d->layer[i];
    while (n && !l->made && l->reading != READ_NOTHING && !d->stopped) {
        uint32_t take = u32_min((uint32_t)u64_min(n, UINT32_MAX), HEAD_MAX - l->n_head);
        if (!take) { /* so much in and nothing out: the reading that runs is the one */
            l->made = true;
            break;
        }
        uint32_t need = l->coding == CODING_LZMA ? LZMA_HEADER : 2;
        bool first = l->n_head < need;
        const uint8_t *at = l->head + l->n_head;
        memcpy(l->head + l->n_head, p, take);
        l->n_head += take;
        p += take;
        n -= take;
        if (l->n_head < need)
            return;
        if (first)
            try_readings(d, i);
        else if (!run(d, i, at, take))
            try_readings(d, i);
    }
    if (n && l->made && !d->stopped && l->reading != READ_NOTHING)
        (void)run(d, i, p, n);
}
static void feed(struct http_decoder *d, unsigned i, const uint8_t *p, size_t n)
{
    if (d->stopped || !n)
        return;
    if (i == d->n) {
        http_body_plain(d->t, d->dir, p, n);
        return;
    }
    struct layer *l = d->layer[i];
    if (l->made)
        (void)run(d, i, p, n);
    else
        begin_layer(d, i, p, n);
}

/* ------------------------------------------------------------------ the header */

static bool has(struct str s, const char *word)
{
    return str_ifind(s, str_cstr(word)) >= 0;
}
/* One token; CODING_NONE: nothing to decode. */
static enum http_coding coding_of(struct http_tx *t, struct str s)
{
    static const struct {
        const char *word;
        enum http_coding coding;
        bool exact; /* else it counts when it stands inside the token, with an event */
    } words[] = {
        {"gzip", CODING_GZIP, false},    {"deflate", CODING_DEFLATE, false},
        {"x-gzip", CODING_GZIP, true},   {"x-deflate", CODING_DEFLATE, true},
        {"br", CODING_BROTLI, true},     {"lzma", CODING_LZMA, true},
        {"identity", CODING_NONE, true}, {"none", CODING_NONE, true},
        {"inflate", CODING_NONE, true},
    };
    uint8_t text[64]; /* clients read over NULs */
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n && n < sizeof text; i++)
        if (s.p[i])
            text[n++] = s.p[i];
    s = str_of(text, n);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(s, str_cstr(words[i].word)))
            return words[i].coding;
    http_event(t, HTTP_EV_CE_HEADER);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (!words[i].exact && has(s, words[i].word))
            return words[i].coding;
    return CODING_NONE;
}
static struct str token(struct str *rest)
{
    while (rest->n && memchr(", \t\r\n", rest->p[0], 5))
        *rest = str_skip(*rest, 1);
    uint32_t n = 0;
    while (n < rest->n && !memchr(", \t\r\n", rest->p[n], 5))
        n++;
    struct str s = str_first(*rest, n);
    *rest = str_skip(*rest, n);
    return s;
}
static bool add_layer(struct http_decoder *d, enum http_coding c)
{
    struct layer *l = app_alloc(d->t->hf->af, sizeof *l);
    if (!l)
        return false;
    l->coding = (uint8_t)c;
    /* Applied last stands last and comes off first. */
    memmove(d->layer + 1, d->layer, d->n * sizeof d->layer[0]);
    d->layer[0] = l;
    d->n++;
    return true;
}
struct http_decoder *http_decoder_new(struct http_tx *t, unsigned dir)
{
    const struct http_server *s = t->hf->server;
    struct str rest = http_header_value(http_headers(t, dir), "content-encoding");
    unsigned most = s->layers < LAYERS_MAX ? s->layers : LAYERS_MAX;
    if (!rest.n || !most)
        return NULL;
    if (t->hf->bombs >= s->bombs_max) {
        http_event(t, HTTP_EV_BOMB_LIMIT);
        return NULL;
    }
    struct http_decoder *d = app_alloc(t->hf->af, sizeof *d);
    if (!d)
        return NULL;
    d->t = t;
    d->dir = dir;
    for (struct str s1 = token(&rest); s1.n; s1 = token(&rest)) {
        enum http_coding c = coding_of(t, s1);
        if (c == CODING_BROTLI && !s->brotli) {
            http_event(t, HTTP_EV_CE_HEADER);
            continue;
        }
        if (c == CODING_NONE || (c == CODING_LZMA && !s->lzma))
            continue;
        if (d->n >= most) {
            http_event(t, HTTP_EV_ENCODING_LAYERS);
            break;
        }
        if (!add_layer(d, c))
            break;
    }
    if (!d->n) {
        http_decoder_free(d);
        return NULL;
    }
    return d;
}
void http_decoder_add(struct http_decoder *d, const uint8_t *p, size_t n)
{
    d->in += n;
    feed(d, 0, p, n);
}
/* Bytes that wait for a second one go on as they are. */
void http_decoder_end(struct http_decoder *d)
{
    for (unsigned i = 0; i < d->n && !d->stopped; i++) {
        struct layer *l = d->layer[i];
        if (!l->made && !l->tried && l->n_head)
            feed(d, i + 1, l->head, l->n_head);
        end(d, l);
        l->reading = READ_NOTHING;
        l->made = true;
    }
    d->stopped = true;
}
void http_decoder_free(struct http_decoder *d)
{
    if (!d)
        return;
    struct app_flow *af = d->t->hf->af;
    for (unsigned i = 0; i < d->n; i++) {
        end(d, d->layer[i]);
        app_free(af, d->layer[i]);
    }
    app_free(af, d);
}
