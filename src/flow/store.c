/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a direction that are kept: regions (pieces of the stream that lie apart) of memory,
 * and two lists of ranges that say which bytes are there: `run` what was delivered, `ext` the
 * segments beyond.  A region may have holes up to REGION_SLACK; what lies farther apart gets its
 * own, so a byte sent far ahead costs no more than a small buffer.
 */
#include "flow/session.h"

#include <string.h>

static uint64_t region_end(const struct region *r)
{
    return r->off + r->len;
}

/* Grows r to reach `to`; its start stays. */
static bool region_grow(struct stream_engine *e, struct region *r, uint64_t to)
{
    uint64_t need = to - r->off;
    if (need > buf_room(BUF_CLASSES - 1))
        return false;
    if (r->head + need > r->room) {
        if (need <= r->room && r->head >= r->room / 2) {
            memmove(r->buf, r->buf + r->head, r->len);
        } else {
            /* a quarter more, so that a sliding window does not move at every packet */
            uint8_t class;
            uint32_t want = (uint32_t)u64_min(need + need / 4, buf_room(BUF_CLASSES - 1));
            uint8_t *buf = buf_take(e, want, &class);
            if (!buf)
                return false;
            memcpy(buf, r->buf + r->head, r->len);
            buf_give(e, r->buf, r->class);
            r->buf = buf;
            r->class = class;
            r->room = buf_room(class);
        }
        r->head = 0;
    }
    if (need > r->len)
        r->len = (uint32_t)need; /* what no segment fills is never read: no need to clear it */
    return true;
}

/* One region of what regions [a, b) hold and [from, to). */
static bool regions_join(struct stream_engine *e, struct store *st, unsigned a, unsigned b,
                         uint64_t from, uint64_t to)
{
    struct region n = {.off = from};
    uint64_t end = to;
    if (b > a) {
        n.off = u64_min(from, st->region[a].off);
        end = u64_max(to, region_end(&st->region[b - 1]));
    }
    if (end - n.off > buf_room(BUF_CLASSES - 1))
        return false;
    n.len = (uint32_t)(end - n.off);
    n.buf = buf_take(e, n.len, &n.class);
    if (!n.buf)
        return false;
    n.room = buf_room(n.class);
    for (unsigned i = a; i < b; i++) {
        struct region *r = &st->region[i];
        memcpy(n.buf + (r->off - n.off), r->buf + r->head, r->len);
        buf_give(e, r->buf, r->class);
    }
    memmove(&st->region[a + 1], &st->region[b], (st->regions - b) * sizeof(n));
    st->regions = (uint8_t)(st->regions - (b - a) + 1);
    st->region[a] = n;
    return true;
}

enum reserve store_reserve(struct stream_engine *e, struct tcp_half *h, uint64_t from, uint64_t to)
{
    struct store *st = h->store;
    if (!st) {
        st = h->store = store_take(e);
        if (!st)
            return RESERVE_MEMCAP;
    }
    unsigned a = 0;
    while (a < st->regions && region_end(&st->region[a]) + REGION_SLACK < from)
        a++;
    unsigned b = a;
    while (b < st->regions && st->region[b].off <= to + REGION_SLACK)
        b++;
    if (b == a + 1 && from >= st->region[a].off) {
        if (to <= region_end(&st->region[a]) || region_grow(e, &st->region[a], to))
            return RESERVE_OK;
        return RESERVE_MEMCAP;
    }
    if (b == a) {
        unsigned most = e->cfg.max_regions ? e->cfg.max_regions : STORE_REGIONS;
        if (st->regions >= STORE_REGIONS || st->regions >= most)
            return RESERVE_REGIONS;
        if (a < st->regions)
            memmove(&st->region[a + 1], &st->region[a], (st->regions - a) * sizeof(st->region[0]));
        struct region n = {.off = from, .len = (uint32_t)(to - from)};
        n.buf = buf_take(e, n.len, &n.class);
        if (!n.buf) {
            memmove(&st->region[a], &st->region[a + 1], (st->regions - a) * sizeof(st->region[0]));
            return RESERVE_MEMCAP;
        }
        n.room = buf_room(n.class);
        st->region[a] = n;
        st->regions++;
    } else if (!regions_join(e, st, a, b, from, to)) {
        return RESERVE_MEMCAP;
    }
    if (st->regions > h->max_regions)
        h->max_regions = st->regions;
    return RESERVE_OK;
}

uint8_t *store_at(const struct store *st, uint64_t off, uint64_t *n)
{
    for (unsigned i = 0; i < st->regions; i++) {
        const struct region *r = &st->region[i];
        if (off >= r->off && off < region_end(r)) {
            *n = region_end(r) - off;
            return r->buf + r->head + (off - r->off);
        }
    }
    *n = 0;
    return NULL;
}

/* Joins what touches or overlaps: the segments' ends are forgotten, the bytes are not. */
static void extents_join(struct store *st)
{
    struct extent *x = st->ext + st->ext_head;
    uint32_t n = 0;
    for (uint32_t i = 0; i < st->ext_n; i++) {
        if (n && x[i].s <= x[n - 1].e) {
            x[n - 1].e = u64_max(x[n - 1].e, x[i].e);
            st->ext_longest = u64_max(st->ext_longest, x[n - 1].e - x[n - 1].s);
            continue;
        }
        x[n++] = x[i];
    }
    st->ext_n = n;
}

static bool extents_room(struct stream_engine *e, struct store *st)
{
    if (st->ext_head + st->ext_n < st->ext_room)
        return true;
    if (st->ext_head) {
        memmove(st->ext, st->ext + st->ext_head, st->ext_n * sizeof(*st->ext));
        st->ext_head = 0;
        if (st->ext_n < st->ext_room - st->ext_room / 4)
            return true;
    }
    if (st->ext_n >= EXTENTS_MAX) {
        extents_join(st);
        return st->ext_n < EXTENTS_MAX;
    }
    uint8_t class;
    uint8_t *b = buf_take(e, (st->ext_n + 1) * 2 * (uint32_t)sizeof(*st->ext), &class);
    if (!b)
        return st->ext_n < st->ext_room;
    if (st->ext) {
        memcpy(b, st->ext, st->ext_n * sizeof(*st->ext));
        buf_give(e, (uint8_t *)st->ext, st->ext_class);
    }
    st->ext = (struct extent *)(void *)b;
    st->ext_class = class;
    st->ext_room = buf_room(class) / (uint32_t)sizeof(*st->ext);
    return true;
}

bool store_extent_add(struct stream_engine *e, struct store *st, struct extent new)
{
    if (!extents_room(e, st))
        return false;
    st->ext_longest = u64_max(st->ext_longest, new.e - new.s);
    struct extent *x = st->ext + st->ext_head;
    uint32_t lo = 0, hi = st->ext_n;
    if (hi && x[hi - 1].s <= new.s)
        lo = hi; /* the usual place */
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (x[mid].s <= new.s)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (uint32_t i = lo; i > 0 && x[i - 1].s == new.s; i--)
        if (x[i - 1].e == new.e)
            return true; /* the same segment again */
    memmove(x + lo + 1, x + lo, (st->ext_n - lo) * sizeof(*x));
    x[lo] = new;
    st->ext_n++;
    return true;
}

const struct extent *store_extents(const struct store *st, uint64_t from, uint32_t *n)
{
    if (!st->ext_n) {
        *n = 0;
        return NULL;
    }
    const struct extent *x = st->ext + st->ext_head;
    uint64_t low = from > st->ext_longest ? from - st->ext_longest : 0;
    uint32_t lo = 0, hi = st->ext_n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (x[mid].s < low)
            lo = mid + 1;
        else
            hi = mid;
    }
    *n = st->ext_n - lo;
    return x + lo;
}

void store_extents_drop(struct store *st, uint64_t upto)
{
    if (!st->ext_n)
        return;
    struct extent *x = st->ext + st->ext_head;
    uint32_t gone = 0;
    while (gone < st->ext_n && x[gone].e <= upto)
        gone++;
    st->ext_head += gone;
    st->ext_n -= gone;
    if (!st->ext_n) {
        st->ext_head = 0;
        st->ext_longest = 0;
        return;
    }
    /* those below that stand behind one that reaches further */
    x = st->ext + st->ext_head;
    uint32_t keep = 0;
    for (uint32_t i = 0; i < st->ext_n; i++) {
        if (x[i].s >= upto) {
            if (keep == i)
                return;
            memmove(x + keep, x + i, (st->ext_n - i) * sizeof(*x));
            st->ext_n = keep + (st->ext_n - i);
            return;
        }
        if (x[i].e > upto)
            x[keep++] = x[i];
    }
    st->ext_n = keep;
}

/* Room for one more run: few stand in the store itself, more in a buffer. */
static void runs_room(struct stream_engine *e, struct store *st)
{
    uint32_t room = st->run ? st->run_room : RUNS_FEW;
    struct extent *run = store_runs(st);
    if (st->runs < room)
        return;
    uint8_t class;
    uint8_t *b =
        st->runs < EXTENTS_MAX ? buf_take(e, st->runs * 2 * (uint32_t)sizeof(*run), &class) : NULL;
    if (!b) { /* the oldest is given up */
        memmove(run, run + 1, (st->runs - 1) * sizeof(*run));
        st->runs--;
        return;
    }
    memcpy(b, run, st->runs * sizeof(*run));
    if (st->run)
        buf_give(e, (uint8_t *)st->run, st->run_class);
    st->run = (struct extent *)(void *)b;
    st->run_class = class;
    st->run_room = buf_room(class) / (uint32_t)sizeof(*run);
}

void store_run_add(struct stream_engine *e, struct store *st, uint64_t from, uint64_t to)
{
    struct extent *run = store_runs(st);
    if (st->runs && run[st->runs - 1].e == from) {
        run[st->runs - 1].e = to;
        return;
    }
    runs_room(e, st);
    store_runs(st)[st->runs++] = (struct extent){from, to};
}

uint32_t store_run_after(const struct store *st, uint64_t off)
{
    const struct extent *run = st->run ? st->run : st->run_few;
    uint32_t lo = 0, hi = st->runs;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (run[mid].e <= off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void runs_trim(struct store *st, uint64_t floor)
{
    struct extent *run = store_runs(st);
    uint32_t gone = store_run_after(st, floor);
    if (gone) {
        memmove(run, run + gone, (st->runs - gone) * sizeof(*run));
        st->runs -= gone;
    }
    if (st->runs && run[0].s < floor)
        run[0].s = floor;
}

void store_trim(struct stream_engine *e, struct store *st, uint64_t floor)
{
    runs_trim(st, floor);
    while (st->regions && region_end(&st->region[0]) <= floor) {
        buf_give(e, st->region[0].buf, st->region[0].class);
        memmove(&st->region[0], &st->region[1], (st->regions - 1u) * sizeof(st->region[0]));
        st->regions--;
    }
    if (st->regions && st->region[0].off < floor) {
        uint32_t n = (uint32_t)(floor - st->region[0].off);
        st->region[0].off += n;
        st->region[0].head += n;
        st->region[0].len -= n;
    }
}
