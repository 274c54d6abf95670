/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a decoder with the n-th allocation failing, for every n: NULL, nothing leaked; then none
 * is made. */
#include "packet/packet_test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

static unsigned calls, fail_at; /* fail_at 0: never */

static bool fails(void)
{
    return ++calls == fail_at;
}
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct decode_config c = t_config();
    fail_at = 0;
    calls = 0;
    decoder_free(decoder_new(&c));
    unsigned n = calls;
    assert_true(n >= 2);
    for (unsigned i = 1; i <= n; i++) {
        calls = 0;
        fail_at = i;
        assert_null(decoder_new(&c));
    }
    fail_at = 0;
}

/* Packets, tunnels and fragments take nothing from the heap. */
static void packets_take_none(void **state)
{
    (void)state;
    static struct t_pkt t;
    static uint8_t frame[2000];
    struct decode_config c = t_config();
    struct decoder *d = decoder_new(&c);
    struct packet p[PACKET_LAYERS_MAX];
    assert_non_null(d);
    unsigned before = calls, whole = 0, inner = 0;
    for (unsigned i = 0; i < 3000; i++) {
        t_init(&t, frame, 1000);
        t_udp(&t, 1, 2);
        t_ip4_with(&t, (struct t_ip){.proto = i % 3 ? 253 : 17,
                                     .id = (uint16_t)(i / 3),
                                     .frag = i % 3 == 1   ? 0x2000
                                             : i % 3 == 2 ? 1008 / 8
                                                          : 0});
        if (i % 5 == 0)
            t_ip4(&t, 4);
        struct frame f = {.data = t_data(&t),
                          .len = (uint32_t)t_len(&t),
                          .wire_len = (uint32_t)t_len(&t),
                          .link = LINK_RAW,
                          .number = i + 1};
        unsigned n = decode_frame(d, &f, p, PACKET_LAYERS_MAX);
        whole += n > 1 && p[0].flags & PKT_REBUILT;
        inner += n > 1 && p[0].flags & PKT_INNER;
        if (i % 64 == 63)
            decoder_burst_end(d, i);
    }
    assert_int_equal(calls, before);
    assert_true(whole > 100 && inner > 100);
    decoder_free(d);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(packets_take_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
