/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of this folder share. */
#ifndef EVENT_TEST_HELP_H
#define EVENT_TEST_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* the four above are cmocka's */
#include <cmocka.h>

#include "base/arena.h"
#include "config/config.h"
#include "event/eve.h"
#include "event/record.h"
#include "event/test_json.h"

uint64_t test_random(uint64_t *seed);
/* An emitter on a ring of its own. */
struct bench {
    void *mem;
    struct rec_ring *ring, *reader;
    struct emitter *e;
};
void bench_new(struct bench *b, size_t payload, uint32_t worker);
void bench_free(struct bench *b);
/* The oldest record, taken out; a view into a copy that the caller frees (v->head). */
void bench_take(struct bench *b, struct event_view *v);
/* A TCP event's head: 10.0.0.1:1234 -> 192.168.1.2:80, flow 77, packet 5,
 * 2016-07-13T22:42:07.573103. */
struct event *bench_event(struct bench *b, enum event_type t);
/* An alert section with these texts (NULL: none). */
void bench_alert(struct bench *b, const char *msg, const char *class_text);

/* A configuration of assignments, NULL ends; none of the stock outputs. */
struct conf *test_conf(const char *const *assignments);
/* A folder of its own; test_dir_free removes it with all in it. */
char *test_dir(void);
void test_dir_free(char *dir);
/* The whole file, malloc'ed with a NUL; NULL: none. */
char *test_file(const char *dir, const char *name, size_t *n);
/* The only name in dir that begins with `start`; fails if there isn't exactly one. */
char *test_name(const char *dir, const char *start);
unsigned test_names(const char *dir, const char *start);

#endif
