/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blacklist: kinds, times, refusals, lines; against a naive list; many threads; a hostile block. */
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/sbuf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(n)  ((uint64_t)(n) * NS_PER_SEC)
#define NOW   S(1000000)

static struct blacklist *made(uint32_t entries, uint32_t per_minute)
{
    struct blacklist_config c = {.entries = entries, .per_minute = per_minute, .seed = 7};
    struct blacklist *b;
    void *m = calloc(1, blacklist_bytes(&c));
    assert_non_null(m);
    blacklist_lay(m, &c);
    assert_int_equal(blacklist_attach(m, blacklist_bytes(&c), &b), 0);
    return b;
}

static void gone(struct blacklist *b)
{
    void *block;
    memcpy(&block, b, sizeof(block)); /* its first member */
    blacklist_detach(b);
    free(block);
}

static struct block_entry entry(const char *line)
{
    struct block_entry e;
    const char *why;
    if (!block_entry_parse(str_cstr(line), NOW, &e, &why))
        fail_msg("%s: %s", line, why);
    return e;
}

static bool look(struct blacklist *b, const char *src, const char *dst, unsigned sp, unsigned proto, uint64_t now)
{
    struct ip_addr s, d;
    uint8_t v, w;
    assert_true(ip_parse(str_cstr(src), &s, &v) && ip_parse(str_cstr(dst), &d, &w) && v == w);
    return blacklist_look(b, &(struct block_ends){.src = &s, .dst = &d, .sp = (uint16_t)sp, .ver = v, .proto = (uint8_t)proto}, now, NULL);
}

/* Each kind names what its words say, and nothing beside it. */
static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *line, *src, *dst;
        unsigned sp, proto;
        bool hit;
    } t[] = {
        {"src 10.0.0.1", "10.0.0.1", "10.0.0.2", 5, 6, true},
        {"src 10.0.0.1", "10.0.0.2", "10.0.0.1", 5, 6, false},
        {"src 10.0.0.1", "::ffff:10.0.0.1", "::1", 5, 6, false}, /* another family */
        {"src 2001:db8::1", "2001:db8::1", "::2", 0, 58, true},
        {"dst 10.0.0.1", "10.0.0.2", "10.0.0.1", 5, 17, true},
        {"dst 10.0.0.1", "10.0.0.1", "10.0.0.2", 5, 17, false},
        {"pair 10.0.0.1 10.0.0.2", "10.0.0.1", "10.0.0.2", 0, 1, true},
        {"pair 10.0.0.1 10.0.0.2", "10.0.0.2", "10.0.0.1", 0, 1, false},
        {"pair 10.0.0.1 10.0.0.2", "10.0.0.1", "10.0.0.3", 0, 1, false},
        {"src_port 10.0.0.1 53 udp", "10.0.0.1", "10.0.0.9", 53, 17, true},
        {"src_port 10.0.0.1 53 udp", "10.0.0.1", "10.0.0.9", 53, 6, false},
        {"src_port 10.0.0.1 53 udp", "10.0.0.1", "10.0.0.9", 54, 17, false},
        {"net 10.1.0.0/16", "10.1.255.3", "10.0.0.9", 1, 6, true},
        {"net 10.1.0.0/16", "10.2.0.0", "10.1.0.9", 1, 6, false},
        {"net 10.1.2.3/32", "10.1.2.3", "10.1.0.9", 1, 6, true},
        {"net 0.0.0.0/0", "9.9.9.9", "10.1.0.9", 1, 6, true},
        {"net 0.0.0.0/0", "2001:db8::9", "2001:db8::1", 1, 6, false},
        {"net 2001:db8:1:8000::/49", "2001:db8:1:ffff::1", "::1", 1, 6, true},
        {"net 2001:db8:1:8000::/49", "2001:db8:1:7fff::1", "::1", 1, 6, false},
        {"net 2001:db8::1/128", "2001:db8::1", "::1", 1, 6, true},
    };
    for (size_t k = 0; k < sizeof(t) / sizeof(*t); k++) {
        struct blacklist *b = made(100, 0);
        struct block_entry e = entry(t[k].line);
        uint64_t before = blacklist_generation(b);
        assert_false(look(b, t[k].src, t[k].dst, t[k].sp, t[k].proto, NOW));
        assert_int_equal(blacklist_add(b, &e, false, NOW), BLOCK_ADDED);
        assert_true(blacklist_generation(b) != before);
        if (look(b, t[k].src, t[k].dst, t[k].sp, t[k].proto, NOW) != t[k].hit)
            fail_msg("%s against %s -> %s", t[k].line, t[k].src, t[k].dst);
        assert_true(blacklist_del(b, &e.key));
        assert_false(blacklist_del(b, &e.key));
        assert_false(look(b, t[k].src, t[k].dst, t[k].sp, t[k].proto, NOW));
        gone(b);
    }
}

static void count(void *ctx, const struct block_entry *e)
{
    assert_true(e->key.ver == 4);
    ++*(unsigned *)ctx;
}

static void any(void *ctx, const struct block_entry *e)
{
    assert_true(e->key.kind < BLOCK_KIND_COUNT);
    ++*(unsigned *)ctx;
}

/* It blocks while now < until, to the nanosecond; a longer end counts, a shorter does not; over is over, swept or not. */
static void test_times(void **state)
{
    (void)state;
    struct blacklist *b = made(100, 0);
    struct block_entry e = entry("src 10.0.0.1 for 10s");
    struct blacklist_counters c;
    unsigned over = 0;
    assert_int_equal(blacklist_add(b, &e, false, NOW), BLOCK_ADDED);
    assert_true(look(b, "10.0.0.1", "10.0.0.2", 0, 6, NOW + S(10) - 1));
    assert_false(look(b, "10.0.0.1", "10.0.0.2", 0, 6, NOW + S(10)));
    e.until_ns = NOW + S(20);
    assert_int_equal(blacklist_add(b, &e, false, NOW + 1), BLOCK_EXTENDED);
    e.until_ns = NOW + S(5);
    assert_int_equal(blacklist_add(b, &e, false, NOW + 1), BLOCK_EXTENDED);
    assert_true(look(b, "10.0.0.1", "10.0.0.2", 0, 6, NOW + S(20) - 1));
    blacklist_tick(b, NOW + S(20) - 1, count, &over);
    assert_int_equal(over, 0);
    e.until_ns = NOW + S(40);
    assert_int_equal(blacklist_add(b, &e, false, NOW + S(21)), BLOCK_ADDED); /* it was over: a new one */
    blacklist_tick(b, NOW + S(40), count, &over);
    assert_int_equal(over, 1);
    blacklist_tick(b, NOW + S(41), count, &over);
    assert_int_equal(over, 1);
    blacklist_counters(b, &c);
    assert_int_equal(c.entries, 0);
    assert_int_equal(c.added, 2);
    assert_int_equal(c.extended, 2);
    assert_int_equal(c.expired, 2);
    assert_int_equal(c.hits, 2);
    gone(b);
}

/* What must never be blocked is refused, also inside of a network, and a network around it. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum block_added want;
    } t[] = {
        {"src 10.0.0.1", BLOCK_NEVER},          {"dst 10.0.0.1", BLOCK_NEVER},  {"src 10.0.0.2", BLOCK_ADDED},
        {"net 10.0.0.0/24", BLOCK_NEVER},       {"net 10.0.1.0/24", BLOCK_ADDED}, {"src 192.168.7.7", BLOCK_NEVER},
        {"net 192.168.7.0/25", BLOCK_NEVER},    {"net 0.0.0.0/0", BLOCK_NEVER}, {"pair 10.0.0.1 9.9.9.9", BLOCK_NEVER},
        {"pair 9.9.9.9 10.0.0.1", BLOCK_ADDED}, {"net ::/0", BLOCK_ADDED},      {"src_port 10.0.0.1 53 udp", BLOCK_NEVER},
    };
    struct ip_prefix never[2];
    assert_true(ip_prefix_parse(STR("10.0.0.1"), &never[0]) && ip_prefix_parse(STR("192.168.0.0/16"), &never[1]));
    struct blacklist *b = made(100, 0);
    struct block_entry before = entry("src 10.0.0.1");
    assert_int_equal(blacklist_add(b, &before, false, NOW), BLOCK_ADDED); /* and taken out by the list */
    assert_int_equal(blacklist_never(b, never, 2), 2);
    assert_false(look(b, "10.0.0.1", "9.9.9.9", 0, 6, NOW));
    for (size_t k = 0; k < sizeof(t) / sizeof(*t); k++) {
        struct block_entry e = entry(t[k].line);
        if (blacklist_add(b, &e, false, NOW) != t[k].want)
            fail_msg("%s", t[k].line);
    }
    gone(b);

    b = made(100, 3); /* rules: three a minute; people: as they like */
    struct block_entry e = entry("src 10.9.0.0 for 1h");
    for (unsigned k = 1; k <= 5; k++) {
        e.key.a.b[15] = (uint8_t)k;
        assert_int_equal(blacklist_add(b, &e, true, NOW + k), k <= 3 ? BLOCK_ADDED : BLOCK_RATE);
    }
    assert_int_equal(blacklist_add(b, &e, false, NOW + 6), BLOCK_ADDED);
    e.key.a.b[15] = 77;
    assert_int_equal(blacklist_add(b, &e, true, NOW + S(61)), BLOCK_ADDED);
    gone(b);

    b = made(100, 0);
    struct blacklist_counters c;
    unsigned held = 0;
    for (unsigned k = 0; k < 150; k++) {
        e.key.a.b[14] = (uint8_t)k;
        assert_int_equal(blacklist_add(b, &e, false, NOW), k < 100 ? BLOCK_ADDED : BLOCK_FULL);
    }
    blacklist_each(b, NOW, count, &held);
    blacklist_counters(b, &c);
    assert_int_equal(held, 100);
    assert_int_equal(c.refused_full, 50);
    assert_int_equal(blacklist_clear(b, "nobody"), 0);
    assert_int_equal(blacklist_clear(b, NULL), 100);
    blacklist_counters(b, &c);
    assert_int_equal(c.entries, 0);
    gone(b);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused, and why names it */
        const char *why;
    } t[] = {
        {"src 10.0.0.1", "src 10.0.0.1 since 1970-01-12T13:46:40Z", NULL},
        {"  src  10.0.0.1\tfor 10m by anna reason \"scans the library\"  ",
         "src 10.0.0.1 since 1970-01-12T13:46:40Z until 1970-01-12T13:56:40Z by \"anna\" reason \"scans the library\"", NULL},
        {"net 198.51.100.7/24 until 2026-11-23T10:00:00Z", "net 198.51.100.0/24 since 1970-01-12T13:46:40Z until 2026-11-23T10:00:00Z", NULL},
        {"src_port 2001:db8::5 53 udp sid 1:2002152", "src_port 2001:db8::5 53 udp since 1970-01-12T13:46:40Z sid 1:2002152", NULL},
        {"pair 10.0.0.1 10.0.0.2 since 2026-11-23T10:00:00Z for 1w", "pair 10.0.0.1 10.0.0.2 since 2026-11-23T10:00:00Z until 1970-01-19T13:46:40Z", NULL},
        {"", NULL, "begins with"},
        {"from 10.0.0.1", NULL, "begins with"},
        {"src", NULL, "no IPv4"},
        {"src 10.0.0.256", NULL, "no IPv4"},
        {"src 10.0.0.1 10.0.0.2", NULL, "behind the key"},
        {"src 10.0.0.0/8", NULL, "no IPv4"},
        {"net 10.0.0.1", NULL, "net wants"},
        {"net 10.0.0.1/33", NULL, "net wants"},
        {"pair 10.0.0.1 ::1", NULL, "one family"},
        {"pair 10.0.0.1", NULL, "one family"},
        {"src_port 10.0.0.1 0 tcp", NULL, "src_port"},
        {"src_port 10.0.0.1 65536 tcp", NULL, "src_port"},
        {"src_port 10.0.0.1 53 icmp", NULL, "src_port"},
        {"src_port 10.0.0.1 53", NULL, "src_port"},
        {"src 10.0.0.1 for 0", NULL, "for wants"},
        {"src 10.0.0.1 for 11000d", NULL, "for wants"},
        {"src 10.0.0.1 for 99999999999999999999", NULL, "for wants"},
        {"src 10.0.0.1 for", NULL, "for wants"},
        {"src 10.0.0.1 until yesterday", NULL, "until wants"},
        {"src 10.0.0.1 until 1970-01-01T00:00:09Z", NULL, "over"},
        {"src 10.0.0.1 by 0123456789012345678901234", NULL, "author"},
    };
    for (size_t k = 0; k < sizeof(t) / sizeof(*t); k++) {
        struct block_entry e, again;
        const char *why = NULL;
        bool ok = block_entry_parse(str_cstr(t[k].in), NOW, &e, &why);
        if (!t[k].out) {
            if (ok || !strstr(why, t[k].why))
                fail_msg("\"%s\": %s", t[k].in, ok ? "taken" : why);
            continue;
        }
        struct sbuf text;
        sbuf_init(&text);
        block_entry_print(&text, &e);
        assert_true(ok);
        assert_string_equal(sbuf_z(&text), t[k].out);
        assert_true(block_entry_parse(sbuf_view(&text), NOW, &again, &why)); /* what is exported is imported */
        assert_memory_equal(&again.key, &e.key, sizeof(e.key));
        assert_int_equal(again.until_ns, e.until_ns);
        sbuf_done(&text);
    }
}

/* Any line, at every cut and with bytes turned, is taken or refused with words. */
static void test_any_line(void **state)
{
    (void)state;
    static const char line[] = "src_port 2001:db8::5 53 udp since 2026-11-23T10:00:00Z for 2h by \"a b\" sid 1:2 reason \"x\"";
    for (size_t n = 0; n < sizeof(line); n++)
        for (unsigned turn = 0; turn < 256; turn += 5) {
            char *cut = malloc(n ? n : 1);
            struct block_entry e;
            const char *why = NULL;
            memcpy(cut, line, n);
            if (n)
                cut[n - 1] = (char)(cut[n - 1] ^ turn);
            if (!block_entry_parse(str_of(cut, n), NOW, &e, &why))
                assert_non_null(why);
            else
                assert_true(e.key.kind < BLOCK_KIND_COUNT && (e.key.ver == 4 || e.key.ver == 6));
            free(cut);
        }
}

/* Random changes against a plain array. */
static void test_naive(void **state)
{
    (void)state;
    enum { KEYS = 600, STEPS = 60000, CAP = 300 };
    static uint64_t until[KEYS];
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    struct blacklist *b = made(CAP, 1000000);
    memset(until, 0, sizeof(until));
    uint64_t now = NOW, x = seed;
    unsigned n = 0;
    struct block_entry e = entry("src 10.0.0.0");
    for (unsigned k = 0; k < STEPS; k++) {
        x = hash_mix(x + k + 1);
        unsigned key = (unsigned)(x >> 8) % KEYS;
        e.key.a.b[14] = (uint8_t)(key >> 8);
        e.key.a.b[15] = (uint8_t)key;
        now += x % 5 ? 0 : S(1);
        bool there = until[key] > now;
        switch ((x >> 40) % 8) {
        case 0:
        case 1:
        case 2:
            e.until_ns = now + S(1 + (x >> 48) % 60);
            switch (blacklist_add(b, &e, false, now)) {
            case BLOCK_ADDED:
                assert_false(there);
                n += !until[key];
                until[key] = e.until_ns;
                break;
            case BLOCK_EXTENDED:
                assert_true(there);
                until[key] = e.until_ns > until[key] ? e.until_ns : until[key];
                break;
            case BLOCK_FULL:
                assert_true(n == CAP && !until[key]);
                break;
            case BLOCK_NEVER:
            case BLOCK_RATE:
            case BLOCK_BUSY:
            case BLOCK_WOULD:
                fail();
            }
            break;
        case 3:
            assert_int_equal(blacklist_del(b, &e.key), until[key] != 0);
            n -= until[key] != 0;
            until[key] = 0;
            break;
        case 4:
            blacklist_tick(b, now, NULL, NULL);
            for (unsigned m = 0; m < KEYS; m++)
                if (until[m] && until[m] <= now) {
                    until[m] = 0;
                    n--;
                }
            break;
        default: {
            struct block_entry got;
            bool hit = blacklist_look(b, &(struct block_ends){.src = &e.key.a, .dst = &e.key.a, .ver = 4}, now, &got);
            if (hit != there || (hit && got.until_ns != until[key]))
                fail_msg("step %u", k);
        }
        }
        struct blacklist_counters c;
        blacklist_counters(b, &c);
        assert_int_equal(c.entries, n);
    }
    gone(b);
}

/* Four threads change and look; none sees what can't be, and the sums hold. */
struct crowd {
    struct blacklist *b;
    _Atomic unsigned wrong;
    unsigned me;
};

static void *one_of_many(void *arg)
{
    struct crowd *c = arg;
    struct block_entry e = entry("src 10.0.0.0 for 1d"), got;
    for (unsigned k = 0; k < 20000; k++) {
        e.key.a.b[13] = (uint8_t)(c->me + 1); /* own ones: nobody else changes them */
        e.key.a.b[15] = (uint8_t)(k % 50);
        struct block_ends ends = {.src = &e.key.a, .dst = &e.key.a, .ver = 4};
        if (k % 100 < 50) {
            if (blacklist_add(c->b, &e, false, NOW) != BLOCK_ADDED || !blacklist_look(c->b, &ends, NOW, &got))
                c->wrong++;
        } else if (!blacklist_del(c->b, &e.key) || blacklist_look(c->b, &ends, NOW, NULL)) {
            c->wrong++;
        }
        e.key.a.b[13] = 0; /* the same for all */
        e.key.a.b[15] = (uint8_t)(k % 7);
        if (k % 3)
            (void)blacklist_add(c->b, &e, false, NOW);
        else
            (void)blacklist_del(c->b, &e.key);
        if (blacklist_look(c->b, &ends, NOW, &got) && !ip_eq(&got.key.a, &e.key.a))
            c->wrong++;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct blacklist *b = made(1000, 0);
    struct crowd c[4];
    pthread_t t[4];
    for (unsigned k = 0; k < 4; k++) {
        c[k] = (struct crowd){.b = b, .me = k};
        assert_int_equal(pthread_create(&t[k], NULL, one_of_many, &c[k]), 0);
    }
    unsigned wrong = 0, held = 0;
    for (unsigned k = 0; k < 4; k++) {
        pthread_join(t[k], NULL);
        wrong += c[k].wrong;
    }
    struct blacklist_counters n;
    blacklist_counters(b, &n);
    blacklist_each(b, NOW, count, &held);
    if (!n.lock_busy) /* else a machine that stopped a holder: what gave up is counted, and no error */
        assert_int_equal(wrong, 0);
    assert_int_equal(n.entries, held);
    assert_int_equal(n.added - n.removed, held);
    gone(b);
}

/* Whatever another process writes into the block: no read or write outside of it (sanitizers look). */
static void test_hostile(void **state)
{
    (void)state;
    struct blacklist_config c = {.entries = 200, .seed = 3};
    size_t bytes = blacklist_bytes(&c);
    uint8_t *m = calloc(1, bytes);
    uint64_t x = 1;
    for (unsigned round = 0; round < 60; round++) {
        memset(m, 0, bytes);
        struct blacklist *b, *other;
        blacklist_lay(m, &c);
        assert_int_equal(blacklist_attach(m, bytes, &b), 0);
        assert_int_equal(blacklist_attach(m, bytes - 1, &other), -22);
        struct block_entry e = entry("net 10.0.0.0/24 for 1h");
        for (unsigned k = 0; k < 100; k++) {
            e.key.a.b[14] = (uint8_t)k;
            (void)blacklist_add(b, &e, false, NOW);
        }
        for (size_t k = 0; k < bytes; k += 1 + x % 97) {
            x = hash_mix(x + 1);
            m[k] = (uint8_t)x;
        }
        blacklist_break_locks(b);
        for (unsigned k = 0; k < 50; k++) {
            e.key.a.b[14] = (uint8_t)k;
            (void)look(b, "10.0.3.4", "10.0.9.9", 5, 6, NOW);
            (void)blacklist_add(b, &e, true, NOW);
            (void)blacklist_del(b, &e.key);
            blacklist_tick(b, NOW + S(k), NULL, NULL);
        }
        unsigned n = 0;
        struct blacklist_counters sums;
        blacklist_each(b, NOW, any, &n);
        blacklist_counters(b, &sums);
        blacklist_detach(b);
    }
    free(m);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_times),   cmocka_unit_test(test_refused), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_any_line), cmocka_unit_test(test_naive),   cmocka_unit_test(test_threads), cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
