/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings and stores of frames, with a kernel played here: counts that wrap, nonsense on the other
 * side, and that every frame is in one place at any time.
 */
#include "capture/test_util.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "base/hash.h"
#include "capture/xdp/area.h"

enum { SIZE = 64, FRAMES = 4096, CHUNK = 2048 };

/* A ring in plain memory; the kernel's side is `theirs`. */
struct fake {
    uint32_t ours, theirs, flags;
    uint64_t addr[SIZE];
    struct xring r;
};

static void fake_init(struct fake *f, uint32_t at)
{
    memset(f, 0, sizeof *f);
    f->ours = f->theirs = at;
    f->r = (struct xring){.ours = &f->ours,
                          .theirs = &f->theirs,
                          .flags = &f->flags,
                          .entry = f->addr,
                          .size = SIZE,
                          .mask = SIZE - 1,
                          .at = at,
                          .seen = at};
}

static void put_over_the_end(void **state)
{
    (void)state;
    struct fake f;
    fake_init(&f, UINT32_MAX - 40);
    uint64_t put = 0, taken = 0, rnd = (uint64_t)time(NULL);
    printf("# seed %llu\n", (unsigned long long)rnd);
    for (unsigned k = 0; k < 3000; k++) {
        uint32_t want = (uint32_t)((rnd = hash_mix(rnd)) % (SIZE + 1)),
                 room = xring_room(&f.r, want);
        assert_true(room <= SIZE - (put - taken));
        assert_true(room >= want || room == SIZE - (put - taken));
        for (uint32_t i = 0; i < want && i < room; i++)
            xring_put(&f.r, put++);
        assert_true(f.ours != f.r.at || !want || !room);
        xring_tell(&f.r);
        assert_int_equal(f.ours, f.r.at);
        assert_int_equal(xring_behind(&f.r), put - taken);
        for (uint64_t n = (rnd = hash_mix(rnd)) % (put - taken + 1); n; n--) {
            assert_int_equal(f.addr[f.theirs & (SIZE - 1)], taken++);
            f.theirs++;
        }
    }
    assert_true(put > 2 * SIZE && f.r.at < UINT32_MAX - 40); /* it wrapped */
}

static void take_over_the_end(void **state)
{
    (void)state;
    struct fake f;
    fake_init(&f, UINT32_MAX - 40);
    uint64_t put = 0, taken = 0, rnd = (uint64_t)time(NULL);
    for (unsigned k = 0; k < 3000; k++) {
        for (uint64_t n = (rnd = hash_mix(rnd)) % (SIZE - (put - taken) + 1); n; n--)
            f.addr[f.theirs++ & (SIZE - 1)] = put++;
        uint32_t n = xring_waiting(&f.r, (uint32_t)((rnd = hash_mix(rnd)) % (SIZE + 1)));
        assert_true(n <= put - taken);
        assert_int_equal(xring_waiting(&f.r, SIZE), put - taken);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(xring_take(&f.r), taken++);
        xring_tell(&f.r);
        assert_int_equal(f.ours, f.r.at);
    }
    assert_true(taken > 2 * SIZE && f.r.at < UINT32_MAX - 40);
}

/* A kernel that says what can't be: nothing is there, and nothing is put. */
static void nonsense(void **state)
{
    (void)state;
    struct fake f;
    fake_init(&f, 1000);
    f.theirs = 1000 + SIZE + 1;
    assert_int_equal(xring_waiting(&f.r, SIZE), 0);
    fake_init(&f, 1000);
    f.theirs = 999; /* behind what it has given already */
    assert_int_equal(xring_waiting(&f.r, 1), 0);
    fake_init(&f, 1000);
    f.theirs = 1001; /* taken before it was put */
    assert_int_equal(xring_room(&f.r, SIZE + 1), 0);
}

/* ------------------------------------------------------------------ frames */

static struct xdp_area *area_new(void)
{
    struct xdp_frames f = {.bytes = (uint64_t)FRAMES * CHUNK, .chunk = CHUNK};
    int fd = memfd_create("frames", MFD_CLOEXEC);
    assert_true(fd >= 0 && !ftruncate(fd, (off_t)f.bytes));
    struct xdp_area *a = xdp_area_new(fd, &f, 2);
    close(fd);
    assert_non_null(a);
    return a;
}

static void addresses(void **state)
{
    (void)state;
    struct xdp_area *a = area_new();
    for (uint32_t i = 0; i < FRAMES; i++)
        assert_true(xdp_frame(a, xdp_addr(a, i)) == i &&
                    xdp_frame(a, xdp_addr(a, i) + CHUNK - 1) == i);
    assert_true(xdp_frame(a, UINT64_MAX) < FRAMES); /* the kernel's word is checked */
    assert_int_equal(xdp_room(a), CHUNK - 256);
    xdp_area_free(a);
}

/* Two workers take and give at random; fill and completion rings in between.  Each frame has one
 * owner. */
enum { NOBODY = 0, WORKER, KERNEL };
static uint8_t owner[FRAMES];
static void belongs(uint32_t frame, uint8_t was, uint8_t is)
{
    assert_true(frame < FRAMES);
    assert_int_equal(owner[frame], was);
    owner[frame] = is;
}

static void one_owner(void **state)
{
    (void)state;
    struct xdp_area *a = area_new();
    struct fake fill, done;
    struct xdp_store s[2];
    static uint32_t held[FRAMES];
    uint32_t n = 0, frame;
    uint64_t rnd = (uint64_t)time(NULL);
    printf("# seed %llu\n", (unsigned long long)rnd);
    fake_init(&fill, UINT32_MAX - 100);
    fake_init(&done, UINT32_MAX - 100);
    a->queue[0].fill = fill.r;
    a->queue[0].done = done.r;
    xdp_store_init(&s[0], a, 2);
    xdp_store_init(&s[1], a, 2);
    memset(owner, 0, sizeof owner);
    for (unsigned k = 0; k < 200000; k++) {
        struct xdp_store *w = &s[(rnd = hash_mix(rnd)) & 1];
        switch (rnd >> 8 & 7) {
        case 0:
        case 1:
        case 2:
            if (xdp_store_get(w, 0, &frame)) {
                belongs(frame, NOBODY, WORKER);
                held[n++] = frame;
            }
            break;
        case 3:
        case 4:
            if (n) {
                belongs(held[--n], WORKER, NOBODY);
                xdp_store_put(w, held[n]);
            }
            break;
        case 5: /* sent, and done */
            if (n && done.theirs - done.ours < SIZE) {
                belongs(held[--n], WORKER, NOBODY);
                done.addr[done.theirs++ & (SIZE - 1)] = xdp_addr(a, held[n]) + 300;
            }
            break;
        case 6:
            xdp_queue_reclaim(w, &a->queue[0]);
            break;
        default: /* filled, received */
            xdp_queue_fill(w, &a->queue[0]);
            for (; fill.theirs != fill.ours && n < FRAMES; n++) {
                held[n] = xdp_frame(a, fill.addr[fill.theirs++ & (SIZE - 1)]);
                belongs(held[n], NOBODY, WORKER);
            }
        }
        if (n > FRAMES / 2)
            for (; n; n--) {
                belongs(held[n - 1], WORKER, NOBODY);
                xdp_store_put(w, held[n - 1]);
            }
    }
    /* All of them are there at the end. */
    xdp_queue_reclaim(&s[0], &a->queue[0]);
    xdp_store_done(&s[0]);
    xdp_store_done(&s[1]);
    assert_int_equal(a->n_free + n, FRAMES);
    memset(owner, 0, sizeof owner);
    for (uint32_t i = 0; i < a->n_free; i++)
        belongs(a->free[i], NOBODY, KERNEL);
    memset(&a->queue[0], 0, sizeof a->queue[0]);
    xdp_area_free(a);
}

/* The fill rings leave some, so that answers and held frames can go. */
static void some_are_kept(void **state)
{
    (void)state;
    struct xdp_area *a = area_new();
    struct xdp_store s;
    struct fake fill;
    uint32_t frame, got = 0, taken = 0;
    fake_init(&fill, 0);
    a->queue[0].fill = fill.r;
    xdp_store_init(&s, a, 1);
    for (unsigned k = 0; k < FRAMES; k++, fill.theirs = fill.ours) { /* a kernel that eats all */
        uint32_t before = fill.ours;
        xdp_queue_fill(&s, &a->queue[0]);
        taken += fill.ours - before;
    }
    while (xdp_store_get(&s, 0, &frame))
        got++;
    assert_true(got >= a->reserve && got + taken == FRAMES);
    assert_false(xdp_store_get(&s, 0, &frame));
    memset(&a->queue[0], 0, sizeof a->queue[0]);
    xdp_area_free(a);
}

/* Several at once, with a kernel that takes from the fill ring and gives to the completion ring. */
enum { CREW = 3, ROUNDS = 20000, HAND = 40 };
static _Atomic uint8_t mark[FRAMES];
static _Atomic bool crew_done;
static _Atomic unsigned wrong;
static struct fake crew_fill, crew_sent;
static void crew_mark(uint32_t frame, uint8_t was, uint8_t is)
{
    if (frame >= FRAMES || atomic_exchange(&mark[frame], is) != was)
        atomic_fetch_add(&wrong, 1);
}

static void *crew_kernel(void *ctx)
{
    struct xdp_area *a = ctx;
    while (!atomic_load(&crew_done)) {
        uint32_t to = __atomic_load_n(&crew_fill.ours, __ATOMIC_ACQUIRE);
        while (crew_fill.theirs != to &&
               crew_sent.theirs - __atomic_load_n(&crew_sent.ours, __ATOMIC_ACQUIRE) < SIZE) {
            uint64_t addr = crew_fill.addr[crew_fill.theirs & (SIZE - 1)];
            __atomic_store_n(&crew_fill.theirs, crew_fill.theirs + 1, __ATOMIC_RELEASE);
            crew_mark(xdp_frame(a, addr), NOBODY, KERNEL);
            crew_mark(xdp_frame(a, addr), KERNEL, NOBODY);
            crew_sent.addr[crew_sent.theirs & (SIZE - 1)] = addr + 256;
            __atomic_store_n(&crew_sent.theirs, crew_sent.theirs + 1, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

static void *crew_worker(void *ctx)
{
    struct xdp_area *a = ctx;
    struct xdp_store s;
    uint32_t hand[HAND];
    xdp_store_init(&s, a, CREW);
    for (unsigned k = 0; k < ROUNDS; k++) {
        unsigned n = 0;
        while (n < HAND && xdp_store_get(&s, 0, &hand[n]))
            crew_mark(hand[n++], NOBODY, WORKER);
        xdp_queue_reclaim(&s, &a->queue[0]);
        for (; n; n--) {
            crew_mark(hand[n - 1], WORKER, NOBODY);
            xdp_store_put(&s, hand[n - 1]);
        }
        xdp_queue_fill(&s, &a->queue[0]);
    }
    xdp_store_done(&s);
    return NULL;
}

static void a_crew(void **state)
{
    (void)state;
    struct xdp_area *a = area_new();
    pthread_t kernel, crew[CREW];
    fake_init(&crew_fill, UINT32_MAX - 1000);
    fake_init(&crew_sent, UINT32_MAX - 1000);
    a->queue[0].fill = crew_fill.r;
    a->queue[0].done = crew_sent.r;
    assert_int_equal(pthread_create(&kernel, NULL, crew_kernel, a), 0);
    for (unsigned i = 0; i < CREW; i++)
        assert_int_equal(pthread_create(&crew[i], NULL, crew_worker, a), 0);
    for (unsigned i = 0; i < CREW; i++)
        pthread_join(crew[i], NULL);
    atomic_store(&crew_done, true);
    pthread_join(kernel, NULL);
    assert_int_equal(wrong, 0);
    assert_true(crew_fill.ours != UINT32_MAX - 1000); /* something went through */
    uint32_t between = crew_fill.ours - crew_fill.theirs + crew_sent.theirs - crew_sent.ours;
    assert_int_equal(a->n_free + between, FRAMES);
    memset(&a->queue[0], 0, sizeof a->queue[0]);
    xdp_area_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_over_the_end), cmocka_unit_test(take_over_the_end),
        cmocka_unit_test(nonsense),         cmocka_unit_test(addresses),
        cmocka_unit_test(one_owner),        cmocka_unit_test(some_are_kept),
        cmocka_unit_test(a_crew),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
