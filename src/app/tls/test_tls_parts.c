/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS without a connection: fingerprints, certificates, names of versions. */
#include "app/test_util.h"

#include <stdio.h>

#include "app/tls/test_tls_hex.h"
#include "app/tls/tls_cert.h"

/* ------------------------------------------------------------------ fingerprints */

static const struct {
    uint16_t version;
    const char *ciphers, *extensions;
    const char *ja3, *ja4;
} prints[] = {
    /* the example of JA3's own description: ada70206e40642a3e4461f35503241d5 */
    {0x0301, "002f 0035 0005 000a c009 c00a c013 c014 0032 0038 0013 0004",
     "0000 0006 0004 00 0001 61 000a 0008 0006 0017 0018 0019 000b 0002 0100",
     "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", NULL},
    /* the example of JA4's own description, out of order and with GREASE */
    {0x0303, "0a0a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035",
     "1a1a 0000 0000 0006 0004 00 0001 61 0017 0000 ff01 0001 00 000a 0004 0002 001d 000b 0002 "
     "0100 0023 0000 "
     "0010 000e 000c 02 6832 08 687474702f312e31 0005 0000 000d 0012 0010 0403 0804 0401 0503 0805 "
     "0501 0806 0601 "
     "0012 0000 0033 0000 002d 0000 002b 0007 06 2a2a 0304 0303 001b 0000 4469 0000 0015 0000",
     NULL, "t13d1516h2_8daaf6152771_e5627efa2ab1"},
    {0x0303, "", NULL, "771,,,,", "t12i000000_000000000000_000000000000"},
    {0x0300, "0a0a", "1a1a 0000", "768,,,,", "ts3i000000_000000000000_000000000000"},
    {0x0303, "", "0010 0005 0003 02 ab31", NULL, "t12i0001a1_000000000000_000000000000"},
    {0x0303, "", "0010 0004 0002 01 68", NULL, "t12i0001hh_000000000000_000000000000"},
};

static void fingerprints(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
        uint8_t b[4096];
        struct tls_hello h;
        char ja4[TLS_JA4_BYTES + 1];
        uint32_t n = hello_build(b, prints[i].version, prints[i].ciphers, prints[i].extensions);
        assert_true(tls_client_hello_read(b, n, &h));
        assert_int_equal(h.events, 0);
        struct str s = tls_ja3_string(&h, &a);
        if (prints[i].ja3) {
            assert_int_equal(s.n, strlen(prints[i].ja3));
            assert_memory_equal(s.p, prints[i].ja3, s.n);
        }
        assert_true(tls_ja4(&h, &a, ja4));
        if (prints[i].ja4)
            assert_string_equal(ja4, prints[i].ja4);
        for (uint32_t k = 0; k < n; k++) { /* shorter ones, in buffers of their size */
            uint8_t *exact = malloc(k + 1);
            memcpy(exact, b, k);
            if (tls_client_hello_read(exact, k, &h)) {
                (void)tls_ja3_string(&h, &a);
                assert_true(tls_ja4(&h, &a, ja4));
            } else {
                assert_true(h.events & TLS_BIT(INVALID_HANDSHAKE_MESSAGE));
            }
            free(exact);
        }
    }
    arena_done(&a);
}

/* ------------------------------------------------------------------ certificates */

static const struct {
    const char *der, *text;
    uint32_t n; /* of text, where it holds a NUL; 0: strlen */
} dn[] = {
    {"310b 3009 0603550406 13024154", "C=AT", 0},
    {"310b 3009 0603550406 13024154 310c 300a 0603550403 0c03 616263", "C=AT, CN=abc", 0},
    {"3117 3009 0603550406 13024154 300a 0603550403 0c03 616263", "C=AT + CN=abc", 0},
    {"310d 300b 0603550403 1e04 00e4 20ac", "CN=\xc3\xa4\xe2\x82\xac", 0},
    {"310c 300a 0603550403 0c03 610062", "CN=a\0b", 6},
    {"310d 300b 06042a030405 0c03 616263", "1.2.3.4.5=abc", 0},
    {"310d 300b 0604 88370304 0c03 616263", "2.999.3.4=abc", 0},
    {"", "", 0},
    {"31", "", 0},
    {"310b 3009 0603550406 1303 4154", "", 0}, /* string longer than its pair */
    {"0500", "", 0},
};

static void names(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(dn); i++) {
        uint8_t b[256];
        uint32_t n = hex_of(dn[i].der, b), want = dn[i].n ? dn[i].n : (uint32_t)strlen(dn[i].text);
        for (uint32_t k = 0; k <= n; k++) {
            uint8_t *exact = malloc(k + 1);
            memcpy(exact, b, k);
            struct str s = tls_cert_name(str_of(exact, k), &a);
            assert_non_null(s.p);
            if (k == n && (s.n != want || memcmp(s.p, dn[i].text, want)))
                fail_msg("name %zu: %.*s", i, (int)s.n, (const char *)s.p);
            free(exact);
        }
    }
    arena_done(&a);
}

static void times(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00"},           {-86400, "1969-12-31T00:00:00"},
                 {-1, "1969-12-31T23:59:59"},          {951782400, "2000-02-29T00:00:00"},
                 {1589371200, "2020-05-13T12:00:00"},  {253402300799, "9999-12-31T23:59:59"},
                 {-62135596800, "0001-01-01T00:00:00"}};
    struct arena a;
    (void)state;
    arena_init(&a, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str s = tls_cert_time(cases[i].seconds, &a);
        assert_int_equal(s.n, strlen(cases[i].text));
        assert_memory_equal(s.p, cases[i].text, s.n);
    }
    arena_done(&a);
}

#define ALG     "3003 060155"
#define NAME    "300d 310b 3009 0603550406 13024154"
#define UTC     "170d 3230303531333132303030305a"
#define GENERAL "180f 31393639313233313030303030305a"
#define KEY     "3000"
static const struct {
    const char *tbs; /* content of tbsCertificate */
    uint64_t events;
    bool ok;
} certs[] = {
    {"a003 020102 020101" ALG NAME "301e" UTC UTC NAME KEY, 0, true},
    {"020101" ALG NAME "3020" GENERAL UTC NAME KEY, 0, true},
    {"a003 020103 020101" ALG NAME "301e" UTC UTC NAME KEY, TLS_BIT(CERT_INVALID_VERSION), true},
    {"a003 020102 030101" ALG NAME "301e" UTC UTC NAME KEY, TLS_BIT(CERT_INVALID_SERIAL), false},
    {"020101 0500", TLS_BIT(CERT_INVALID_ALGORITHM), false},
    {"020101" ALG "0500", TLS_BIT(CERT_INVALID_ISSUER), false},
    {"020101" ALG NAME "0500", TLS_BIT(CERT_INVALID_VALIDITY), false},
    {"020101" ALG NAME "3004 17007600" NAME KEY, TLS_BIT(CERT_INVALID_DATE), true},
    {"020101" ALG NAME "301e" UTC UTC "0500", TLS_BIT(CERT_INVALID_SUBJECT), false},
    {"020101" ALG NAME "301e" UTC UTC NAME "0500", TLS_BIT(INVALID_CERTIFICATE), false},
    {"020101" ALG NAME "301e" UTC UTC NAME KEY "a302 0500", TLS_BIT(CERT_INVALID_EXTENSIONS), true},
    {"", TLS_BIT(INVALID_CERTIFICATE), false},
};

static uint32_t cert_build(const char *tbs, uint8_t *out)
{
    uint8_t b[512];
    uint32_t n = hex_of(tbs, b);
    const uint8_t head[6] = {0x30, 0x81, (uint8_t)(n + 3), 0x30, 0x81, (uint8_t)n};
    memcpy(out, head, 6);
    memcpy(out + 6, b, n);
    return n + 6;
}

static void cert_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
        uint8_t b[512];
        uint32_t n = cert_build(certs[i].tbs, b);
        for (uint32_t k = 0; k <= n; k++) {
            uint8_t *exact = malloc(k + 1);
            struct tls_cert c;
            uint64_t events = 0;
            memcpy(exact, b, k);
            bool ok = tls_cert_read(exact, k, &c, &events);
            if (k == n && (ok != certs[i].ok || events != certs[i].events))
                fail_msg("certificate %zu: %d %lx", i, ok, (unsigned long)events);
            assert_true(k == n || !ok);
            free(exact);
        }
    }
    uint8_t b[512];
    struct tls_cert c;
    uint64_t events = 0;
    assert_true(tls_cert_read(b, cert_build(certs[1].tbs, b), &c, &events));
    assert_int_equal(c.not_before, -86400);
    assert_int_equal(c.not_after, 1589371200);
    static const struct {
        const char *der;
        uint64_t events;
    } heads[] = {{"30063084fffffffa04", TLS_BIT(INVALID_CERTIFICATE)},
                 {"30053084fffffffa04", TLS_BIT(CERT_INVALID_LENGTH)},
                 {"3085", TLS_BIT(CERT_INVALID_LENGTH)},
                 {"0500", TLS_BIT(INVALID_CERTIFICATE)},
                 {"3002 0500", TLS_BIT(CERT_INVALID_DER)}};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        events = 0;
        assert_false(tls_cert_read(b, hex_of(heads[i].der, b), &c, &events));
        if (i != 3) /* no sequence at all: one or the other */
            assert_int_equal(events, heads[i].events);
        assert_true(events);
    }
}

/* ------------------------------------------------------------------ versions */

static void versions(void **state)
{
    static const struct {
        uint16_t version;
        const char *name;
    } cases[] = {{0x0300, "SSLv3"},
                 {0x0301, "TLSv1"},
                 {0x0302, "TLS 1.1"},
                 {0x0303, "TLS 1.2"},
                 {0x0304, "TLS 1.3"},
                 {0x7f01, "TLS 1.3 draft-<16"},
                 {0x7f0e, "TLS 1.3 draft-<16"},
                 {0x7f12, "TLS 1.3 draft-18"},
                 {0x7f1c, "TLS 1.3 draft-28"},
                 {0xfb1a, "TLS 1.3 draft-26-fb"},
                 {0x7fff, "0x7fff"},
                 {0x0200, "SSLv2"},
                 {0, "UNDETERMINED"}};
    struct arena a;
    (void)state;
    arena_init(&a, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str s = tls_version_name(cases[i].version, &a);
        assert_int_equal(s.n, strlen(cases[i].name));
        assert_memory_equal(s.p, cases[i].name, s.n);
    }
    arena_done(&a);
}

/* GREASE and drafts beside a final version do not count; a hello without the list says it itself.
 */
static void offers(void **state)
{
    static const struct {
        const char *list;
        uint32_t n;
        uint16_t best;
    } cases[] = {{"\x03\x04\x03\x03", 4, 0x0304},
                 {"\x03\x03\x03\x04", 4, 0x0304},
                 {"\xaa\xaa\x03\x03\x7f\x1c", 6, 0x0303},
                 {"\x7f\x17\x7f\x1c", 4, 0x7f1c},
                 {"\xfa\xfa", 2, 0x0302},
                 {"\x03", 1, 0x0302},
                 {"", 0, 0x0302}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_hello h = {.version = 0x0302, .versions = str_of(cases[i].list, cases[i].n)};
        assert_int_equal(tls_best_offer(&h), cases[i].best);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints), cmocka_unit_test(names),    cmocka_unit_test(times),
        cmocka_unit_test(cert_table),   cmocka_unit_test(versions), cmocka_unit_test(offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
