/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reader never takes half a snapshot for a whole one. */
#include "sensor/snapshot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { WORDS = 300, ROUNDS = 20000 };
struct shared {
    _Atomic uint64_t seq, word[WORDS];
    _Atomic bool done;
};

static void *writer(void *ctx)
{
    struct shared *s = ctx;
    uint64_t v[WORDS];
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        for (unsigned k = 0; k < WORDS; k++)
            v[k] = i;
        snapshot_put(&s->seq, s->word, v, sizeof(v));
    }
    atomic_store(&s->done, true);
    return NULL;
}

static void whole_or_nothing(void **state)
{
    (void)state;
    static struct shared s;
    uint64_t v[WORDS], last = 0, got = 0;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, writer, &s), 0);
    for (bool done = false; !done;) {
        done = atomic_load(&s.done);
        if (!snapshot_get(&s.seq, s.word, v, sizeof(v)))
            continue;
        for (unsigned k = 1; k < WORDS; k++)
            assert_true(v[k] == v[0]);
        assert_true(v[0] >= last);
        last = v[0];
        got++;
    }
    pthread_join(t, NULL);
    assert_true(snapshot_get(&s.seq, s.word, v, sizeof(v)));
    assert_int_equal(v[WORDS - 1], ROUNDS);
    assert_true(got > 0);
}

/* A writer that died in the middle: the reader says no; its successor mends it. */
static void died_inside(void **state)
{
    (void)state;
    static struct shared s;
    uint64_t v[WORDS] = {7}, out[WORDS];
    snapshot_put(&s.seq, s.word, v, sizeof(v));
    atomic_fetch_add(&s.seq, 1);
    assert_false(snapshot_get(&s.seq, s.word, out, sizeof(out)));
    v[0] = 8;
    snapshot_put(&s.seq, s.word, v, sizeof(v));
    assert_true(snapshot_get(&s.seq, s.word, out, sizeof(out)));
    assert_int_equal(out[0], 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_nothing),
                                       cmocka_unit_test(died_inside)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
