/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that are seen twice (twin.h). */
#include "engine/twin.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETS = 8192, /* a power of two */
    WAYS = 4,
    IFACES = 32, /* four bits each */
    COPIES = 15, /* of one port, counted */
    TAGS_MOST = 3,
    HEAD4 = 20,
    HEAD6 = 40,
};

struct twin {
    uint64_t key, ts_ns; /* of the first copy; key 0: free */
    uint64_t copies[IFACES / 16];
    uint8_t judged;
};

struct twins {
    uint64_t window_ns, seed;
    bool vlan;
    struct twin row[SETS][WAYS];
};

struct twins *twins_new(uint64_t window_ns, uint64_t seed, bool vlan)
{
    struct twins *t = calloc(1, sizeof(*t));
    if (t) {
        t->window_ns = window_ns;
        t->seed = seed;
        t->vlan = vlan;
    }
    return t;
}

void twins_free(struct twins *t)
{
    free(t);
}

/* ------------------------------------------------------------------ what is the same */

/* The IP header's offset in an Ethernet or raw frame, 0xffffffff: none.  Tags go into *tags. */
static uint32_t find_ip(const struct frame *f, uint64_t *tags)
{
    uint32_t at = 12;
    *tags = 0;
    for (unsigned k = 0; k < f->vlan_n && k < 2; k++)
        *tags = *tags << 12 | (f->vlan_tci[k] & 0xfff);
    if (f->link == LINK_RAW)
        return 0;
    if (f->link != LINK_ETHERNET)
        return UINT32_MAX;
    for (unsigned k = 0; k <= TAGS_MOST && at + 4 <= f->len; k++, at += 4) {
        uint16_t type = be16_at(f->data + at);
        if (type == 0x0800 || type == 0x86dd)
            return at + 2;
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
            return UINT32_MAX;
        *tags = *tags << 12 | (be16_at(f->data + at + 2) & 0xfff);
    }
    return UINT32_MAX;
}

/* 0: nothing that could be known again. */
static uint64_t key_of(const struct twins *t, const struct frame *f)
{
    uint64_t tags;
    uint32_t at = find_ip(f, &tags);
    if (at >= f->len)
        return 0;
    const uint8_t *ip = f->data + at;
    uint32_t room = f->len - at, len;
    uint8_t head[HEAD6];
    uint32_t n;
    if (*ip >> 4 == 4 && room >= HEAD4) {
        n = HEAD4;
        memcpy(head, ip, n);
        len = be16_at(ip + 2);
        head[1] = head[8] = head[10] = head[11] = 0; /* class, hops, checksum */
    } else if (*ip >> 4 == 6 && room >= HEAD6) {
        n = HEAD6;
        memcpy(head, ip, n);
        len = be16_at(ip + 4);
        len = len ? len + HEAD6 : 0;
        head[0] &= 0xf0;
        head[1] &= 0x0f;
        head[7] = 0;
    } else {
        return 0;
    }
    if (len < n || len > room) /* the padding of short frames is no part of it; a big one says 0 */
        len = room;
    uint64_t key = hash_bytes(head, n, t->seed ^ (t->vlan ? hash_mix(tags + 1) : 0));
    key = hash_bytes(ip + n, len - n, key);
    return key ? key : 1;
}

/* ------------------------------------------------------------------ who has shown it */

static struct twin *find(struct twins *t, uint64_t key, uint64_t ts_ns)
{
    struct twin *set = t->row[key & (SETS - 1)], *oldest = set;
    for (unsigned w = 0; w < WAYS; w++) {
        struct twin *x = &set[w];
        /* Ports are read in turn: the second copy may bear the earlier time. */
        uint64_t apart = x->ts_ns > ts_ns ? x->ts_ns - ts_ns : ts_ns - x->ts_ns;
        if (x->key == key && apart <= t->window_ns)
            return x;
        if (!x->key || x->ts_ns < oldest->ts_ns)
            oldest = x;
        if (!oldest->key)
            break;
    }
    *oldest = (struct twin){.key = key, .ts_ns = ts_ns};
    return oldest;
}

bool twins_seen(struct twins *t, const struct frame *f)
{
    uint64_t key = key_of(t, f);
    if (!key || f->iface >= IFACES)
        return false;
    struct twin *x = find(t, key, f->ts_ns);
    uint64_t *word = &x->copies[f->iface / 16];
    unsigned shift = f->iface % 16 * 4, n = (unsigned)(*word >> shift & 15);
    if (n < COPIES)
        *word += (uint64_t)1 << shift;
    if (n < x->judged)
        return true;
    x->judged = (uint8_t)(x->judged + (x->judged < COPIES));
    return false;
}
