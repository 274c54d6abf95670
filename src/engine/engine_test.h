/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of this folder: rules from text to an overlay, frames by hand. */
#ifndef ENGINE_ENGINE_TEST_H
#define ENGINE_ENGINE_TEST_H

#include "engine/engine.h"

#include "base/bytes.h"
#include "rules/rules.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct et {
    struct arena arena;
    struct diags diags;
    struct conf *conf;
};

static inline void et_open(struct et *t)
{
    arena_init(&t->arena, 0, 0);
    diags_init(&t->diags, &t->arena);
    t->conf = conf_new();
    assert_non_null(t->conf);
    assert_int_equal(conf_load_stock(t->conf), 0);
}

static inline void et_close(struct et *t)
{
    conf_free(t->conf);
    arena_done(&t->arena);
}

static inline const char *et_var(void *ctx, bool port, const char *name)
{
    struct et *t = ctx;
    return port ? conf_port_var(t->conf, name) : conf_address_var(t->conf, name);
}

static inline struct overlay *et_overlay_in(struct et *t, const char *text, enum rule_dialect dialect,
                                            uint64_t version)
{
    char path[64] = "/tmp/riposte-test-XXXXXX";
    struct rules_options o = {.conf = t->conf, .var = et_var, .ctx = t};
    struct rule_loader *l = rules_begin(&o);
    assert_non_null(l);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), dialect), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    if (s->n_refusals)
        fail_msg("refused: line %u: %s", s->refusals[0].line, s->refusals[0].reason);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(image_build(s, path, 1, &t->diags), 0);
    rules_free(s);
    struct image *i = image_open(path, &t->diags);
    unlink(path);
    assert_non_null(i);
    struct overlay_options oo = {.var = et_var, .ctx = t, .version = version};
    struct overlay *v = overlay_build(i, &oo, &t->diags);
    image_close(i);
    assert_non_null(v);
    return v;
}

static inline struct overlay *et_overlay(struct et *t, const char *text, uint64_t version)
{
    return et_overlay_in(t, text, DIALECT_SURICATA, version);
}

/* One packet in a raw IP frame.  Direction 1 turns addresses and ports around. */
struct et_talk {
    uint8_t ver, proto, flags;
    uint32_t client, server; /* last bytes of the addresses */
    uint16_t sp, dp;
    uint32_t seq, ack;
};

static inline struct build_ip et_ip(const struct et_talk *k, unsigned dir)
{
    struct build_ip ip = {.ver = k->ver, .ttl = 60, .id = 1};
    struct ip_addr a[2];
    for (unsigned i = 0; i < 2; i++) {
        uint8_t b[16] = {0x20, 0x01, 0x0d, 0xb8};
        uint32_t host = (10u << 24) + (i ? k->server : k->client);
        be32_put(b + 12, host);
        a[i] = k->ver == 4 ? ip_from_v4(b + 12) : ip_from_v6(b);
    }
    ip.src = a[dir];
    ip.dst = a[!dir];
    return ip;
}

static inline size_t et_packet(uint8_t *out, size_t room, const struct et_talk *k, unsigned dir,
                               const void *data, size_t n)
{
    struct build_ip ip = et_ip(k, dir);
    uint16_t sp = dir ? k->dp : k->sp, dp = dir ? k->sp : k->dp;
    size_t len = k->proto == IPPROTO_UDP
                     ? build_udp(out, room, &ip, sp, dp, data, n)
                     : build_tcp(out, room, &ip, sp, dp, k->seq, k->ack, k->flags, 60000, data, n);
    assert_true(len > 0);
    return len;
}

#endif
