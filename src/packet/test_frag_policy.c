/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which copy of overlapping fragments wins, by table and against a naive model; where datagrams
 * end. */
#include "packet/frag_test.h"

static const char *const policy_names[POLICIES] = {"first", "last",    "bsd",    "bsd-right",
                                                   "linux", "windows", "solaris"};

/* Units of 8 bytes: where, how many, the letter that they are full of; in order of arrival. */
struct unit {
    uint8_t at, n;
    char letter;
};
static const struct overlap {
    const char *name;
    struct unit f[8];
    const char *want[POLICIES]; /* first last bsd bsd-right linux windows solaris */
} overlaps[] = {
    {"left",
     {{0, 4, 'A'}, {2, 4, 'B'}},
     {"AAAABB", "AABBBB", "AAAABB", "AABBBB", "AAAABB", "AAAABB", "AAAABB"}},
    {"left, old ends with new",
     {{0, 6, 'A'}, {2, 4, 'B'}},
     {"AAAAAA", "AABBBB", "AAAAAA", "AAAAAA", "AAAAAA", "AAAAAA", "AAAAAA"}},
    {"inside old",
     {{0, 6, 'A'}, {2, 2, 'B'}},
     {"AAAAAA", "AABBAA", "AAAAAA", "AAAAAA", "AAAAAA", "AAAAAA", "AAAAAA"}},
    {"right",
     {{2, 4, 'A'}, {0, 4, 'B'}},
     {"BBAAAA", "BBBBAA", "BBBBAA", "BBAAAA", "BBBBAA", "BBAAAA", "BBAAAA"}},
    {"right, same start",
     {{0, 6, 'A'}, {0, 4, 'B'}},
     {"AAAAAA", "BBBBAA", "AAAAAA", "AAAAAA", "BBBBAA", "AAAAAA", "AAAAAA"}},
    {"cover, same place",
     {{0, 4, 'A'}, {0, 4, 'B'}},
     {"AAAA", "BBBB", "AAAA", "BBBB", "BBBB", "AAAA", "AAAA"}},
    {"cover, starts before",
     {{2, 2, 'A'}, {0, 4, 'B'}},
     {"BBAA", "BBBB", "BBBB", "BBBB", "BBBB", "BBAA", "BBBB"}},
    {"cover, ends behind",
     {{0, 2, 'A'}, {0, 4, 'B'}},
     {"AABB", "BBBB", "AABB", "BBBB", "BBBB", "AABB", "AABB"}},
    {"cover, sticks out on both sides",
     {{1, 1, 'A'}, {0, 3, 'B'}},
     {"BAB", "BBB", "BBB", "BBB", "BBB", "BBB", "BBB"}},
    {"six fragments of the papers",
     {{0, 3, '1'}, {4, 2, '2'}, {6, 3, '3'}, {1, 4, '4'}, {6, 3, '5'}, {9, 3, '6'}},
     {"111422333666", "144442555666", "111442333666", "144422555666", "111442555666",
      "111422333666", "111422333666"}},
    {"over two and a hole",
     {{1, 1, 'A'}, {3, 1, 'B'}, {0, 5, 'C'}},
     {"CACBC", "CCCCC", "CCCCC", "CCCCC", "CCCCC", "CCCCC", "CCCCC"}},
};

static void overlaps_by_policy(void **state)
{
    (void)state;
    for (unsigned c = 0; c < ARRAY_LEN(overlaps); c++)
        for (unsigned policy = 0; policy < POLICIES; policy++)
            for (uint8_t ver = 4; ver <= 6; ver += 2) {
                const struct overlap *w = &overlaps[c];
                size_t units = strlen(w->want[policy]);
                policy_now = policy;
                for (unsigned i = 0; w->f[i].n; i++) {
                    uint8_t data[16 * UNIT];
                    memset(data, w->f[i].letter, sizeof(data));
                    assert_null(piece_send((struct piece){.ver = ver,
                                                          .id = c,
                                                          .off = w->f[i].at * UNIT,
                                                          .data = data,
                                                          .n = w->f[i].n * UNIT,
                                                          .more = true}));
                }
                const struct packet *p = piece_send((struct piece){.ver = ver,
                                                                   .id = c,
                                                                   .off = (uint32_t)units * UNIT,
                                                                   .data = (const uint8_t *)"end",
                                                                   .n = 3});
                assert_non_null(p);
                assert_int_equal(p->payload_len, units * UNIT + 3);
                char got[17] = {0};
                for (size_t u = 0; u < units; u++) {
                    got[u] = (char)p->payload[u * UNIT];
                    for (unsigned k = 1; k < UNIT; k++)
                        assert_int_equal(p->payload[u * UNIT + k], got[u]);
                }
                if (strcmp(got, w->want[policy]) != 0)
                    fail_msg("%s, %s, v%u: %s", w->name, policy_names[policy], ver, got);
                decoder_burst_end(o.d, 0);
            }
    all_given_back();
}

/*
 * The model: each byte knows the fragment that it is of.  A piece is the longest run of one owner.
 * The words of the table, byte by byte.
 */
enum { MODEL = 4000 };
struct model {
    int owner[MODEL]; /* -1: nobody */
    uint8_t byte[MODEL];
};

static bool model_new_wins(unsigned policy, int s, int e, int os, int oe)
{
    if (os < s) /* left */
        return policy == FRAG_LAST || (policy == FRAG_BSD_RIGHT && oe < e);
    if (e < oe) /* right */
        return policy == FRAG_LAST || policy == FRAG_LINUX || (policy == FRAG_BSD && s != os);
    switch (policy) { /* cover */
    case FRAG_LAST:
    case FRAG_LINUX:
    case FRAG_BSD_RIGHT:
        return true;
    case FRAG_BSD:
    case FRAG_SOLARIS:
        return s < os;
    case FRAG_WINDOWS:
        return s < os && e > oe;
    default:
        return false;
    }
}

static bool model_put(struct model *m, unsigned policy, int id, int s, int e, const uint8_t *data)
{
    static struct model old;
    bool overlap = false;
    old = *m;
    for (int i = s; i < e; i++) {
        bool wins = true;
        if (old.owner[i] >= 0) {
            int os = i, oe = i + 1;
            while (os > 0 && old.owner[os - 1] == old.owner[i])
                os--;
            while (oe < MODEL && old.owner[oe] == old.owner[i])
                oe++;
            overlap = true;
            wins = model_new_wins(policy, s, e, os, oe);
        }
        if (wins) {
            m->owner[i] = id;
            m->byte[i] = data[i - s];
        }
    }
    return overlap;
}

struct send {
    struct model *m;
    uint8_t ver;
    int id;
    uint32_t datagram;
};

static void model_and_send(struct send *w, int s, int e)
{
    uint8_t data[MODEL];
    for (int i = s; i < e; i++)
        data[i - s] = (uint8_t)random();
    bool overlap = model_put(w->m, policy_now, w->id++, s, e, data);
    const struct packet *p = piece_send((struct piece){.ver = w->ver,
                                                       .id = w->datagram,
                                                       .off = (uint32_t)s,
                                                       .data = data,
                                                       .n = (size_t)(e - s),
                                                       .more = true});
    assert_null(p);
    assert_int_equal(PIECE_EVENT(FRAG_OVERLAP), overlap);
}

static void against_the_model(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : 1;
    print_message("# seed %u\n", seed);
    srandom(seed);
    for (unsigned round = 0; round < 600; round++) {
        static struct model m;
        struct send w = {.m = &m, .ver = round % 2 ? 4 : 6, .datagram = 70000 + round};
        int end = 8 * (1 + (int)(random() % (MODEL / 8 - 1)));
        memset(m.owner, 0xff, sizeof(m.owner));
        policy_now = round % POLICIES;
        for (unsigned n = (unsigned)random() % 24; n; n--) {
            int s = 8 * (int)(random() % (end / 8)), most = (end - s) / 8;
            model_and_send(&w, s, s + 8 * (1 + (int)(random() % (n % 3 ? (most + 3) / 4 : most))));
        }
        for (int s = 0; s < end;) { /* fill the holes */
            int e = s + 1;
            while (e < end && (m.owner[e] < 0) == (m.owner[s] < 0))
                e++;
            if (m.owner[s] < 0)
                model_and_send(&w, s, e);
            s = e;
        }
        const struct packet *p = piece_send((struct piece){.ver = w.ver,
                                                           .id = w.datagram,
                                                           .off = (uint32_t)end,
                                                           .data = (const uint8_t *)"!",
                                                           .n = 1});
        assert_non_null(p);
        assert_int_equal(p->payload_len, end + 1);
        if (memcmp(p->payload, m.byte, (size_t)end) != 0)
            fail_msg("round %u, %s", round, policy_names[policy_now]);
        decoder_burst_end(o.d, 0);
    }
    all_given_back();
}

/* Two fragments claim to be the last, with different ends; the gap is closed afterwards. */
static void two_ends(void **state)
{
    (void)state;
    static const struct {
        uint32_t off2, n2; /* the second claim; the first is 16..24 */
        const char *want[POLICIES];
    } rows[] = {
        {16, 16, {"aaBB", "aaCC", "aaBB", "aaCC", "aaBB", "aaBB", "aaBBC"}},
        {24, 8, {"aaBB", "aaBB", "aaBB", "aaBB", "aaBB", "aaBB", "aaBBC"}},
        {8, 8, {"aCBB", "aCBB", "aCBB", "aCBB", "aCBB", "aCBB", "aCBB"}},
    };
    uint8_t a[16], b[8], c[16];
    memset(a, 'a', sizeof(a));
    memset(b, 'B', sizeof(b));
    memset(c, 'C', sizeof(c));
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned policy = 0; policy < POLICIES; policy++) {
            policy_now = policy;
            uint32_t id = 100 + i;
            assert_null(
                piece_send((struct piece){.ver = 4, .id = id, .off = 16, .data = b, .n = 8}));
            assert_null(piece_send((struct piece){
                .ver = 4, .id = id, .off = rows[i].off2, .data = c, .n = rows[i].n2}));
            const struct packet *p = piece_send(
                (struct piece){.ver = 4, .id = id, .data = a, .n = i == 2 ? 8 : 16, .more = true});
            assert_non_null(p);
            bool longer = policy == FRAG_SOLARIS && i < 2;
            assert_int_equal(p->payload_len, longer ? 32 : 24);
            char got[6] = {(char)p->payload[0], (char)p->payload[8], (char)p->payload[16],
                           (char)p->payload[23]};
            if (longer)
                got[4] = (char)p->payload[31];
            if (strcmp(got, rows[i].want[policy]) != 0)
                fail_msg("row %u, %s: %s", i, policy_names[policy], got);
            decoder_burst_end(o.d, 0);
        }
    all_given_back();
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_by_policy),
        cmocka_unit_test(against_the_model),
        cmocka_unit_test(two_ends),
    };
    struct decode_config c = config();
    t_open(&o, &c);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
