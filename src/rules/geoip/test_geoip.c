/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Countries of addresses: databases written here, in each size of record, whole, cut and broken. */
#include "rules/rules_test.h"

#include "config/config.h"
#include "rules/geoip/mmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { NODES = 4096, FILE_ROOM = 64 * 1024 };
struct maker {              /* a tree, and data behind it */
    uint32_t rec[NODES][2]; /* 0: nothing, DATA | offset, else a node */
    uint32_t nodes;
    uint8_t data[4096];
    uint32_t n_data;
    unsigned ver;
};
#define DATA 0x80000000u

static void put(struct maker *m, const void *p, size_t n)
{
    memcpy(m->data + m->n_data, p, n);
    m->n_data += (uint32_t)n;
}

/* {"city": {..., [..]}, "country": {"geoname_id": 1, "iso_code": CODE}}; its offset. The key is a
 * pointer where there is one. */
static uint32_t country_put(struct maker *m, const char *code, bool pointer)
{
    static const char before[] =
        "\xe2\x44"
        "city\xe2\x41z\x0e\x07\x41l\x03\x04\xa1\x05\xc1\x07\x44list"; /* bool, array of 3: u16, u32,
                                                                         text */
    static const char country[] = "\x47"
                                  "country\xe2\x4a"
                                  "geoname_id\xc1\x01";
    if (!m->n_data)
        put(m, "\x48iso_code", 9); /* at 0 */
    uint32_t at = m->n_data;
    put(m, before, sizeof(before) - 1);
    put(m, country, sizeof(country) - 1);
    put(m, pointer ? "\x20\x00" : "\x48iso_code", pointer ? 2 : 9);
    put(m, "\x42", 1);
    put(m, code, 2);
    return at;
}

static void network(struct maker *m, const char *prefix, uint32_t data)
{
    struct ip_prefix p;
    uint32_t node = 0;
    assert_true(ip_prefix_parse(str_cstr(prefix), &p));
    unsigned from = p.ver == 4 && m->ver == 4 ? 96 : 0, bits = p.bits + (p.ver == 4 ? 96u : 0u);
    struct ip_addr a = p.addr;
    if (p.ver == 4)
        memset(a.b, 0, 12);
    for (unsigned bit = from; bit < bits; bit++) {
        uint32_t *r = &m->rec[node][a.b[bit / 8] >> (7 - bit % 8) & 1];
        if (bit + 1 == bits)
            *r = DATA | data;
        else if (!*r)
            *r = m->nodes++;
        node = *r;
    }
}

static uint32_t meta_put(uint8_t *out, const struct maker *m, unsigned bits)
{
    uint8_t text[128];
    uint32_t n = 0;
#define TEXT(s) (memcpy(text + n, s, sizeof(s) - 1), n += sizeof(s) - 1)
    TEXT("\xab\xcd\xefMaxMind.com\xe4\x4d"
         "database_type\x43Own\x4anode_count\xc4");
    text[n++] = (uint8_t)(m->nodes >> 24);
    text[n++] = (uint8_t)(m->nodes >> 16);
    text[n++] = (uint8_t)(m->nodes >> 8);
    text[n++] = (uint8_t)m->nodes;
    TEXT("\x4brecord_size\xa1");
    text[n++] = (uint8_t)bits;
    TEXT("\x4aip_version\xa2\x00");
    text[n++] = (uint8_t)m->ver;
#undef TEXT
    memcpy(out, text, n);
    return n;
}

/* The file's bytes in heap memory of exactly their size. */
static struct str file_of(const struct maker *m, unsigned bits)
{
    uint8_t *b = calloc(1, FILE_ROOM);
    uint32_t n = 0;
    assert_non_null(b);
    for (uint32_t k = 0; k < m->nodes; k++) {
        uint32_t r[2];
        for (unsigned i = 0; i < 2; i++) {
            r[i] = m->rec[k][i];
            r[i] = !r[i] ? m->nodes : r[i] & DATA ? (r[i] & ~DATA) + m->nodes + 16 : r[i];
        }
        uint64_t both =
            bits == 28 ? (uint64_t)(r[0] & 0xffffff) << 32 | (uint64_t)(r[0] >> 24) << 28 | r[1]
                       : (uint64_t)r[0] << bits | r[1];
        for (unsigned i = bits / 4; i-- > 0;)
            b[n++] = (uint8_t)(both >> (8 * i));
    }
    n += 16;
    memcpy(b + n, m->data, m->n_data);
    n += m->n_data;
    n += meta_put(b + n, m, bits);
    uint8_t *exact = realloc(b, n);
    assert_non_null(exact);
    return str_of(exact, n);
}

static void file_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

static void maker_fill(struct maker *m, unsigned ver)
{
    memset(m, 0, sizeof(*m));
    m->ver = ver;
    m->nodes = 1;
    uint32_t fr = country_put(m, "FR", false), de = country_put(m, "DE", true),
             us = country_put(m, "US", true);
    network(m, "192.0.2.0/25", fr);
    network(m, "192.0.2.128/25", de);
    network(m, "198.51.100.7/32", us);
    network(m, "10.0.0.0/8", 0); /* data without a country: a text */
    if (ver == 6)
        network(m, "2001:db8::/32", de);
}

static const char *asked(struct str table, const char *addr)
{
    static char out[3];
    struct ip_prefix p;
    assert_true(ip_prefix_parse(str_cstr(addr), &p));
    out[2] = 0;
    return geo_find(table, p.ver, &p.addr, out) ? out : "";
}

static void each_size_of_record(void **state)
{
    (void)state;
    static const struct {
        const char *addr, *v4, *v6; /* by the version of the tree */
    } t[] = {{"192.0.2.1", "FR", "FR"},
             {"192.0.2.127", "FR", "FR"},
             {"192.0.2.128", "DE", "DE"},
             {"192.0.2.255", "DE", "DE"},
             {"192.0.3.1", "", ""},
             {"198.51.100.7", "US", "US"},
             {"198.51.100.6", "", ""},
             {"10.1.2.3", "", ""},
             {"2001:db8::1", "", "DE"},
             {"2001:db9::1", "", ""},
             {"::1", "", ""},
             {"0.0.0.0", "", ""}};
    static struct maker m;
    for (unsigned ver = 4; ver <= 6; ver += 2)
        for (unsigned bits = 24; bits <= 32; bits += 4) {
            struct arena a;
            struct str table;
            const char *wrong = "";
            arena_init(&a, 0, 0);
            maker_fill(&m, ver);
            struct str file = file_of(&m, bits);
            assert_int_equal(geo_compile(&a, file, &table, &wrong), 0);
            file_free(file);
            for (size_t k = 0; k < ARRAY_LEN(t); k++)
                if (strcmp(asked(table, t[k].addr), ver == 4 ? t[k].v4 : t[k].v6))
                    fail_msg("version %u, %u bits: %s is in \"%s\"", ver, bits, t[k].addr,
                             asked(table, t[k].addr));
            arena_done(&a);
        }
}

/* At every cut, and with every byte another: an error or some answer, never a step past the end. */
static void cut_and_broken(void **state)
{
    (void)state;
    static struct maker m;
    maker_fill(&m, 4);
    struct str whole = file_of(&m, 24);
    unsigned refused = 0;
    for (uint32_t n = 0; n < whole.n; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        struct arena a;
        struct str table;
        const char *wrong = NULL;
        assert_non_null(cut);
        memcpy(cut, whole.p, n);
        arena_init(&a, 0, 0);
        int rc = geo_compile(&a, str_of(cut, n), &table, &wrong);
        assert_true(rc == 0 || (rc == -EINVAL && wrong));
        refused += rc != 0;
        free(cut);
        arena_done(&a);
    }
    assert_int_equal(refused, whole.n); /* the description ends the file */
    uint8_t *b = malloc(whole.n);
    assert_non_null(b);
    for (uint32_t at = 0; at < whole.n; at++)
        for (unsigned x = 1; x < 256; x = x * 2 + 1) {
            struct arena a;
            struct str table;
            const char *wrong = NULL;
            memcpy(b, whole.p, whole.n);
            b[at] ^= (uint8_t)x;
            arena_init(&a, 0, 0);
            if (!geo_compile(&a, str_of(b, whole.n), &table, &wrong)) {
                (void)asked(table, "192.0.2.1");
                (void)asked(table, "2001:db8::1");
            }
            arena_done(&a);
        }
    free(b);
    file_free(whole);
}

static void a_loop_in_tree_and_data(void **state)
{
    (void)state;
    static struct maker m;
    struct arena a;
    struct str table;
    const char *wrong;
    arena_init(&a, 0, 0);
    memset(&m, 0, sizeof(m));
    m.ver = 6;
    m.nodes = 2;
    m.rec[0][0] = m.rec[0][1] = 1;
    m.rec[1][0] = 1;        /* to itself */
    put(&m, "\x20\x00", 2); /* a pointer to itself */
    m.rec[1][1] = DATA | 0;
    struct str file = file_of(&m, 24);
    assert_int_equal(geo_compile(&a, file, &table, &wrong), 0);
    assert_string_equal(asked(table, "::"), "");
    assert_string_equal(asked(table, "192.0.2.1"), "");
    file_free(file);
    arena_done(&a);
}

static const char *wrong_of(const char *options, const char *database)
{
    static char text[512];
    char rule[256];
    struct conf *c = conf_new();
    struct diags d;
    struct arena a;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    assert_int_equal(conf_load_stock(c), 0);
    char assign[256];
    snprintf(assign, sizeof(assign), "geoip-database=%s", database ? database : "");
    if (database)
        assert_int_equal(conf_set(c, assign, &d), 0);
    struct rules_options o = {.var = test_var, .conf = c};
    snprintf(rule, sizeof(rule), "alert ip any any -> any any (%s sid:1;)\n", options);
    struct rule_set *s = rules_of(rule, DIALECT_SURICATA, &o, 1);
    snprintf(text, sizeof(text), "%s",
             s->n_refusals ? s->refusals[0].reason
             : s->n_rules  ? ""
                           : "?");
    rules_free(s);
    conf_free(c);
    arena_done(&a);
    return text;
}

static void rules_name_countries(void **state)
{
    (void)state;
    static struct maker m;
    char path[] = "/tmp/riposte-geo-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    maker_fill(&m, 6);
    struct str file = file_of(&m, 28);
    assert_int_equal(write(fd, file.p, file.n), file.n);
    close(fd);
    static const struct {
        const char *options, *wrong;
    } t[] = {{"geoip:FR;", ""},
             {"geoip:any,FR,DE;", ""},
             {"geoip:src,!fr, de;", ""},
             {"geoip:both,FR; geoip:dst,!DE;", ""},
             {"geoip:FRA;", "'FRA' is no country"},
             {"geoip:any;", "no country is named"},
             {"geoip:src,;", "no country is named"},
             {"geoip:!;", "no country is named"},
             {"geoip:F1;", "'F1' is no country"}};
    for (size_t k = 0; k < ARRAY_LEN(t); k++)
        assert_string_equal(wrong_of(t[k].options, path), t[k].wrong);
    assert_non_null(strstr(wrong_of("geoip:FR;", NULL), "none is set"));
    assert_non_null(strstr(wrong_of("geoip:FR;", "/none/such.mmdb"), "can't be read"));
    assert_int_equal(truncate(path, 40), 0);
    assert_non_null(strstr(wrong_of("geoip:FR;", path), "it is no MaxMind DB"));
    file_free(file);
    unlink(path);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_of_record),
        cmocka_unit_test(cut_and_broken),
        cmocka_unit_test(a_loop_in_tree_and_data),
        cmocka_unit_test(rules_name_countries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
