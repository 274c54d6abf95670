/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of this folder: rules from text through an image in a file to a matcher, and packets by hand.
 * Payloads lie in heap memory of exactly their size, so that ASan sees a step past.
 */
#ifndef DETECT_DETECT_TEST_H
#define DETECT_DETECT_TEST_H

#include "detect/match.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static inline const char *dt_var(void *ctx, bool port, const char *name)
{
    static const struct {
        const char *name, *text;
        bool port;
    } vars[] = {{"HOME_NET", "[192.168.0.0/16,10.0.0.0/8,2001:db8::/32]", false},
                {"EXTERNAL_NET", "!$HOME_NET", false},
                {"HTTP_PORTS", "[80,8080:8088]", true}};
    const char *(*own)(bool port, const char *name) = ctx ? *(const char *(**)(bool, const char *))ctx : NULL;
    const char *v = own ? own(port, name) : NULL;
    for (unsigned i = 0; i < ARRAY_LEN(vars) && !v; i++)
        if (vars[i].port == port && !strcmp(vars[i].name, name))
            v = vars[i].text;
    return v;
}

struct dt {
    struct arena arena;
    struct diags diags;
    struct state *state;
    struct image *image;
    struct overlay *overlay;
    struct detect *detect;
    uint8_t *heap;
    struct packet p;
    struct flow flow;
    uint64_t number;
};

static inline struct rule_set *dt_rules_any(const char *text, enum rule_dialect dialect)
{
    struct rules_options o = {.var = dt_var};
    struct rule_loader *l = rules_begin(&o);
    assert_non_null(l);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), dialect), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    return s;
}

static inline struct rule_set *dt_rules(const char *text, enum rule_dialect dialect)
{
    struct rule_set *s = dt_rules_any(text, dialect);
    if (s->n_refusals)
        fail_msg("refused: %s (%s)", s->refusals[0].reason, text);
    return s;
}

static inline void dt_path(char out[64])
{
    snprintf(out, 64, "/tmp/riposte-test-XXXXXX");
    int fd = mkstemp(out);
    assert_true(fd >= 0);
    close(fd);
}

static inline struct image *dt_image(struct dt *t, const char *text, enum rule_dialect dialect)
{
    char path[64];
    struct rule_set *s = dt_rules(text, dialect);
    dt_path(path);
    assert_int_equal(image_build(s, path, 1, &t->diags), 0);
    rules_free(s);
    struct image *i = image_open(path, &t->diags);
    if (!i)
        fail_msg("%s", t->diags.first ? t->diags.first->reason : "no image");
    unlink(path);
    return i;
}

static inline void dt_init(struct dt *t)
{
    memset(t, 0, sizeof(*t));
    arena_init(&t->arena, 0, 0);
    diags_init(&t->diags, &t->arena);
}

/* The image of these rules with a plain overlay, and a matcher. */
static inline void dt_open(struct dt *t, const char *text, enum rule_dialect dialect)
{
    dt_init(t);
    struct state_config sc = {0};
    t->state = state_new(&sc);
    t->image = dt_image(t, text, dialect);
    struct overlay_options oo = {.var = dt_var, .version = 1};
    t->overlay = overlay_build(t->image, &oo, &t->diags);
    struct detect_config dc = {.state = t->state, .inline_mode = true};
    t->detect = t->overlay ? detect_new(&dc, t->overlay) : NULL;
    assert_non_null(t->detect);
}

static inline void dt_close(struct dt *t)
{
    if (t->detect && t->flow.detect)
        detect_flow_free(t->detect, &t->flow);
    detect_free(t->detect);
    overlay_close(t->overlay);
    image_close(t->image);
    state_free(t->state);
    free(t->heap);
    arena_done(&t->arena);
}

/* The next packet: 10.1.1.10:40000 -> 192.0.2.80:53, UDP, in no flow. */
static inline struct packet *dt_udp(struct dt *t, const void *payload, size_t n)
{
    static const uint8_t src[4] = {10, 1, 1, 10}, dst[4] = {192, 0, 2, 80};
    static const struct frame none;
    free(t->heap);
    t->heap = malloc(n ? n : 1);
    assert_non_null(t->heap);
    if (n)
        memcpy(t->heap, payload, n);
    t->p = (struct packet){.src = ip_from_v4(src),
                           .dst = ip_from_v4(dst),
                           .sp = 40000,
                           .dp = 53,
                           .proto = IPPROTO_UDP,
                           .ver = 4,
                           .flags = PKT_UDP,
                           .frame = &none,
                           .ts_ns = 1000000000u,
                           .number = ++t->number,
                           .payload = t->heap,
                           .payload_len = (uint32_t)n,
                           .seg_n = 1,
                           .ttl = 64};
    return &t->p;
}

static inline unsigned dt_hits(const struct dt *t, const struct matches *m, uint32_t sid)
{
    unsigned n = 0;
    for (uint32_t k = 0; k < m->n; k++)
        n += t->image->rules[m->m[k].rule].sid == sid;
    return n;
}

#endif
