/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packed configuration says the same; cut or changed bytes never crash. */
#include "config/config.h"

#include "base/sbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct row {
    char *path, *value;
};
struct rows {
    struct row r[2000];
    size_t n;
};

static void keep(void *ctx, const struct setting *s, const char *value, const char *source)
{
    struct rows *w = ctx;
    (void)source;
    assert_true(w->n < ARRAY_LEN(w->r));
    w->r[w->n].path = strdup(s->path);
    w->r[w->n++].value = value ? strdup(value) : NULL;
}

static void rows_free(struct rows *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->r[i].path);
        free(w->r[i].value);
    }
    free(w);
}

static void same(const struct conf *a, const struct conf *b)
{
    struct rows *x = calloc(1, sizeof(*x)), *y = calloc(1, sizeof(*y));
    assert_true(x && y);
    conf_each(a, keep, x);
    conf_each(b, keep, y);
    assert_int_equal(x->n, y->n);
    for (size_t i = 0; i < x->n; i++) {
        assert_string_equal(x->r[i].path, y->r[i].path);
        assert_int_equal(!x->r[i].value, !y->r[i].value);
        if (x->r[i].value)
            assert_string_equal(x->r[i].value, y->r[i].value);
    }
    rows_free(x);
    rows_free(y);
    assert_int_equal(conf_format(a), conf_format(b));
    const struct conf_rule_file *f, *g;
    size_t n = conf_rule_files(a, &f);
    assert_int_equal(conf_rule_files(b, &g), n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(f[i].path, g[i].path);
        assert_int_equal(f[i].embedded, g[i].embedded);
    }
    for (unsigned k = 0; k < CONF_LINE_KINDS; k++) {
        const struct conf_line *l, *m;
        n = conf_lines(a, (enum conf_line_kind)k, &l);
        assert_int_equal(conf_lines(b, (enum conf_line_kind)k, &m), n);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(l[i].text, m[i].text);
    }
    const char *v = conf_address_var(a, "HOME_NET"), *w = conf_address_var(b, "HOME_NET");
    assert_string_equal(v, w);
}

static struct conf *make(unsigned which)
{
    static const char *const set[] = {
        "vars.address-groups.HOME_NET=[10.1.0.0/16,fd00::/8]",
        "outputs.0.fast.filename=x y\"z",
        "capture.interfaces.0=eth1",
        "capture.interfaces.1=eth2",
        "rules.0=/etc/a.rules",
    };
    struct arena mem;
    struct diags d;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    struct conf *c = conf_new();
    assert_non_null(c);
    if (which)
        assert_int_equal(conf_load_stock(c), 0);
    if (which == 2)
        for (size_t i = 0; i < ARRAY_LEN(set); i++)
            assert_int_equal(conf_set(c, set[i], &d), 0);
    arena_done(&mem);
    return c;
}

static void round_trip(void **state)
{
    (void)state;
    for (unsigned which = 1; which < 3; which++) {
        struct conf *a = make(which);
        struct sbuf b, again;
        sbuf_init(&b);
        sbuf_init(&again);
        assert_int_equal(conf_pack(a, &b), 0);
        struct conf *c = conf_unpack(b.p, b.n);
        assert_non_null(c);
        same(a, c);
        assert_int_equal(conf_pack(c, &again), 0);
        assert_int_equal(again.n, b.n);
        assert_memory_equal(again.p, b.p, b.n);
        if (which == 2) {
            assert_string_equal(conf_sub_str(conf_node(c, "capture.interfaces"), "1", ""), "eth2");
            assert_string_equal(conf_address_var(c, "HOME_NET"), "[10.1.0.0/16,fd00::/8]");
        }
        conf_free(a);
        conf_free(c);
        sbuf_done(&b);
        sbuf_done(&again);
    }
}

static void cut_and_changed(void **state)
{
    (void)state;
    struct conf *a = make(2);
    struct sbuf b;
    sbuf_init(&b);
    assert_int_equal(conf_pack(a, &b), 0);
    for (size_t n = 0; n < b.n; n += n < 200 || b.n - n < 200 ? 1 : 97) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, b.p, n);
        assert_null(conf_unpack(exact, n));
        free(exact);
    }
    uint8_t *changed = malloc(b.n);
    for (size_t n = 0; n < b.n; n += 53) {
        memcpy(changed, b.p, b.n);
        changed[n] ^= (uint8_t)(1 + n);
        conf_free(conf_unpack(changed, b.n)); /* whatever it says, no crash */
    }
    free(changed);
    conf_free(a);
    sbuf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(cut_and_changed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
