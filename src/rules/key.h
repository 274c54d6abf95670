/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keywords that are a folder of their own: src/rules/NAME with the parse function, the test, its
 * tests and its fuzz target, and one word in the list `rule_keys` of src/rules/meson.build.
 * Languages, image and matcher work on struct key_def and know none of them by name.
 *
 * The parse function fills a struct rule_key; `bind`, if there is one, makes or finds data (a
 * file's, compiled to bytes that can be read as they lie) when rules are joined (both: struct
 * key_word, rules/parse.h); `holds` looks at one packet or buffer: no heap, no lock, no system
 * call, bounded work.
 */
#ifndef RULES_KEY_H
#define RULES_KEY_H

#include "app/app.h"
#include "base/attr.h"
#include "base/str.h"
#include "packet/packet.h"

enum { KEY_NAMES = 2, KEY_TEXTS = 2, KEY_NUMBERS = 2, KEY_NO_DATA = UINT16_MAX };
/* One mention in a rule, as its keyword's parse function leaves it. */
struct rule_key {
    uint16_t key;
    uint16_t data; /* what bind made, KEY_NO_DATA: nothing */
    uint8_t n_names;
    uint16_t name[KEY_NAMES]; /* interned (name_id): of variables */
    uint8_t b[8];
    uint64_t n[KEY_NUMBERS];
    struct str text[KEY_TEXTS]; /* of the chunk's arena or the rule's text */
    struct str value;           /* as written, for people */
};

/* What `holds` sees. */
struct key_look {
    const struct packet *p;
    const uint8_t *b;
    const uint64_t *n;
    struct str text[KEY_TEXTS];
    struct str data; /* what bind made */
    struct str in;   /* KEY_BUFFER: the buffer; its part from `offset` on */
    uint64_t offset;
    uint32_t *cursor; /* KEY_BUFFER: behind the last match; `moves` may set it, within the buffer */
    /* The nth value of a variable (of a flow there is one); false: there is none. */
    bool (*var)(const struct key_look *l, unsigned which, bool of_flow, unsigned nth,
                struct str *out);
    const void *owner, *test;
};

enum key_place { KEY_OF_PACKET, KEY_OF_BUFFER };
struct key_def {
    uint8_t place;       /* enum key_place */
    bool moves;          /* KEY_OF_BUFFER: starts from the cursor and moves it */
    bool of_addresses;   /* may stand in a rule on addresses alone */
    const char *setting; /* that bind reads; NULL: none */
    const char *words;   /* what it asks, before its value: for `rules show` */
    bool (*holds)(const struct key_look *l);
};

/* By number, of a rule or image; NULL: there is none. */
const struct key_def *rule_key_def(unsigned number);

#endif
