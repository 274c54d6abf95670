/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to detect: the look in work of the rule under watch. */
#ifndef DETECT_WATCH_H
#define DETECT_WATCH_H

#include "detect/block.h"

enum { WATCH_TEXT = 1 << 14 };
struct watch {
    struct watch_report report;
    uint32_t rule;
    bool due;         /* its turn among these candidates is still to come */
    bool engine_ok;   /* what the engine itself says of the header */
    unsigned nearly;  /* contents that stand there: in another place or case, or behind the test that failed */
    bool matched;     /* in this packet, in the look that was made last */
    struct watch_look now;
    struct watch_step step[WATCH_STEPS];
    char text[WATCH_TEXT];
    size_t used;
    struct block_span span[WATCH_STEPS], trial[WATCH_STEPS];
};

/* watch_words.c: what was there where a test failed; borrowed until the next look, may be NULL. */
const char *watch_say(struct watch *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void watch_say_block(struct watch *w, const struct block *b, const struct img_test *t, struct watch_step *s);
const char *watch_say_pre(struct watch *w, struct detect *d, const struct img_test *t, const struct app_tx *tx);
unsigned watch_also_there(const struct detect *d, const struct img_test *t, unsigned n, const struct input *in);
void watch_say_shown(struct watch *w, struct watch_step *s, const struct app_buffer *row, uint64_t v, unsigned n);
void watch_gates(struct watch *w, struct detect *d, const struct img_rule *r);
/* watch.c */
struct watch_step *watch_step(struct watch *w, unsigned test, unsigned gate, bool holds);

#endif
