/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings: order, refusal, two threads, two processes, and a hostile writer. */
#include "base/hash.h"
#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { COUNT = 200000, PAYLOAD = 4096 };

static void *producer(void *arg)
{
    struct ptr_ring *r = arg;
    for (uintptr_t i = 1; i <= COUNT; i++)
        while (!ptr_ring_put(r, (void *)i))
            sched_yield();
    return NULL;
}

static void pointers_pass_threads(void **state)
{
    (void)state;
    struct ptr_ring r;
    pthread_t t;
    assert_int_equal(ptr_ring_init(&r, 3), -EINVAL);
    assert_int_equal(ptr_ring_init(&r, 64), 0);
    assert_null(ptr_ring_get(&r));
    for (uintptr_t i = 1; i <= 64; i++)
        assert_true(ptr_ring_put(&r, (void *)i));
    assert_false(ptr_ring_put(&r, &r));
    for (uintptr_t i = 1; i <= 64; i++)
        assert_ptr_equal(ptr_ring_get(&r), (void *)i);
    assert_int_equal(pthread_create(&t, NULL, producer, &r), 0);
    for (uintptr_t i = 1; i <= COUNT;) {
        void *p = ptr_ring_get(&r);
        if (!p) {
            sched_yield();
            continue;
        }
        assert_ptr_equal(p, (void *)i);
        i++;
    }
    pthread_join(t, NULL);
    ptr_ring_done(&r);
}

static void *shared_new(size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(m, MAP_FAILED);
    return m;
}

static void records_refuse_when_full(void **state)
{
    (void)state;
    size_t bytes = rec_ring_bytes(PAYLOAD);
    void *m = shared_new(bytes);
    assert_null(rec_ring_attach(m, bytes));
    assert_null(rec_ring_format(m, bytes - 1));
    struct rec_ring *w = rec_ring_format(m, bytes), *r = rec_ring_attach(m, bytes);
    assert_non_null(w);
    assert_non_null(r);
    assert_null(rec_ring_attach(m, rec_ring_bytes(PAYLOAD / 2)));
    const void *rec;
    assert_int_equal(rec_ring_peek(r, &rec), 0);
    assert_null(rec_ring_reserve(w, PAYLOAD));
    unsigned put = 0;
    for (char *p; (p = rec_ring_reserve(w, 100)); put++) {
        memset(p, (int)put, 100);
        rec_ring_commit(w, put % 100 + 1);
    }
    assert_true(put > 40);
    assert_int_equal(rec_ring_dropped(r), 2);
    assert_true(rec_ring_used(r) > PAYLOAD / 2 && rec_ring_used(r) <= PAYLOAD);
    for (unsigned i = 0; i < put; i++) {
        assert_int_equal(rec_ring_peek(r, &rec), i % 100 + 1);
        assert_int_equal(rec_ring_peek(r, &rec), i % 100 + 1);
        assert_int_equal(*(const uint8_t *)rec, i);
        rec_ring_next(r);
    }
    assert_int_equal(rec_ring_peek(r, &rec), 0);
    rec_ring_next(r);
    assert_non_null(rec_ring_reserve(w, 10));
    rec_ring_commit(w, 0);
    assert_int_equal(rec_ring_peek(r, &rec), 0);
    /* The largest record that always fits, from every position. */
    for (unsigned i = 0; i < 600; i++) {
        uint32_t n = i % 2 ? 24 + i % 5 : PAYLOAD / 2 - 8;
        void *p = rec_ring_reserve(w, n);
        assert_non_null(p);
        memset(p, (int)i, n);
        rec_ring_commit(w, n);
        assert_int_equal(rec_ring_peek(r, &rec), n);
        assert_int_equal(((const uint8_t *)rec)[n - 1], i & 0xff);
        rec_ring_next(r);
    }
    rec_ring_free(w);
    rec_ring_free(r);
    munmap(m, bytes);
}

static uint32_t length_of(uint32_t i)
{
    return 4 + (uint32_t)(hash_mix(i + 1) % 300);
}

static void write_records(void *m, size_t bytes)
{
    struct rec_ring *w = rec_ring_attach(m, bytes);
    if (!w)
        _exit(1);
    for (uint32_t i = 0; i < COUNT / 4; i++) {
        uint32_t n = length_of(i);
        uint8_t *p;
        while (!(p = rec_ring_reserve(w, n + 5)))
            sched_yield();
        memcpy(p, &i, 4);
        memset(p + 4, (int)(i & 0xff), n - 4);
        rec_ring_commit(w, n);
    }
    rec_ring_free(w);
    _exit(0);
}

static void records_pass_processes(void **state)
{
    (void)state;
    size_t bytes = rec_ring_bytes(PAYLOAD);
    void *m = shared_new(bytes);
    rec_ring_free(rec_ring_format(m, bytes));
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        write_records(m, bytes);
    struct rec_ring *r = rec_ring_attach(m, bytes);
    assert_non_null(r);
    for (uint32_t i = 0; i < COUNT / 4;) {
        const void *rec;
        int64_t n = rec_ring_peek(r, &rec);
        assert_true(n >= 0);
        if (!n) {
            sched_yield();
            continue;
        }
        const uint8_t *b = rec;
        assert_int_equal(n, length_of(i));
        assert_memory_equal(b, &i, 4);
        assert_true(n == 4 || (b[4] == (i & 0xff) && b[n - 1] == (i & 0xff)));
        rec_ring_next(r);
        /* A reader that dies and comes back goes on where it was. */
        if (i % 1000 == 999) {
            rec_ring_free(r);
            r = rec_ring_attach(m, bytes);
            assert_non_null(r);
        }
        i++;
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    rec_ring_free(r);
    munmap(m, bytes);
}

/* Whatever stands in the shared part, neither side leaves it or loops. */
static void records_survive_noise(void **state)
{
    (void)state;
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    size_t bytes = rec_ring_bytes(PAYLOAD);
    uint8_t *m = aligned_alloc(4096, bytes); /* so that ASan sees what leaves it */
    unsigned broken = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct rec_ring *w = rec_ring_format(m, bytes), *r = rec_ring_attach(m, bytes);
        assert_non_null(r);
        for (unsigned i = 0; i < 20; i++) {
            void *p = rec_ring_reserve(w, 50);
            if (p)
                rec_ring_commit(w, 50);
            seed = hash_mix(seed + i + 1);
            size_t at = seed >> 32 & 1 ? seed % 192 : 4096 + seed % 512;
            m[at] = (uint8_t)(seed >> 40);
            const void *rec;
            int64_t n = rec_ring_peek(r, &rec);
            assert_true(n == -EPROTO || (n >= 0 && n < PAYLOAD));
            broken += n < 0;
            rec_ring_next(r);
            assert_true(rec_ring_used(r) <= PAYLOAD);
        }
        rec_ring_free(w);
        rec_ring_free(r);
    }
    assert_true(broken > 0);
    free(m);
}

static unsigned take(struct rec_ring *r, unsigned most, uint32_t *first)
{
    unsigned n = 0;
    const void *p;
    while (n < most && rec_ring_peek(r, &p) == 4) {
        uint32_t v;
        memcpy(&v, p, sizeof(v));
        if (!n++)
            *first = v;
        rec_ring_next(r);
    }
    return n;
}

/* A consumer that dies leaves what it has not given back to its successor. */
static void batches_wait_for_the_successor(void **state)
{
    (void)state;
    size_t bytes = rec_ring_bytes(1024);
    void *m = shared_new(bytes);
    struct rec_ring *w = rec_ring_format(m, bytes), *r = rec_ring_attach(m, bytes);
    uint32_t first = 0, v = 0;
    assert_non_null(w);
    assert_non_null(r);
    rec_ring_batch(r);
    for (; v < 64; v++) { /* 64 * 16 bytes: full */
        void *p = rec_ring_reserve(w, 4);
        assert_non_null(p);
        memcpy(p, &v, 4);
        rec_ring_commit(w, 4);
    }
    assert_int_equal(take(r, 100, &first), 0); /* they came after the batch began */
    rec_ring_batch(r);
    assert_int_equal(take(r, 10, &first), 10);
    assert_null(rec_ring_reserve(w, 4)); /* taken, not given back */
    rec_ring_free(r);
    r = rec_ring_attach(m, bytes);
    rec_ring_batch(r);
    assert_int_equal(take(r, 100, &first), 64);
    assert_int_equal(first, 0);
    rec_ring_batch(r);
    assert_non_null(rec_ring_reserve(w, 4));
    rec_ring_commit(w, 4);
    assert_int_equal(take(r, 100, &first), 0);
    rec_ring_batch(r);
    assert_int_equal(take(r, 100, &first), 1);
    rec_ring_free(r);
    rec_ring_free(w);
    munmap(m, bytes);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_pass_threads),
        cmocka_unit_test(records_refuse_when_full),
        cmocka_unit_test(records_pass_processes),
        cmocka_unit_test(records_survive_noise),
        cmocka_unit_test(batches_wait_for_the_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
