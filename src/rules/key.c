/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of keywords that are folders of their own, and what is alike in all of them. */
#include "rules/kw.h"

#define X(folder) extern const struct key_word *const keys_##folder[];
#include "rules/rule_keys.def"
#undef X

enum { PER_FOLDER = 16 }; /* a key's number: folder * PER_FOLDER + place in it */
#define X(folder) keys_##folder,
static const struct key_word *const *const folders[] = {
#include "rules/rule_keys.def"
};
#undef X

const struct key_word *key_word_of(unsigned number)
{
    unsigned folder = number / PER_FOLDER, place = number % PER_FOLDER;
    if (folder >= ARRAY_LEN(folders))
        return NULL;
    for (unsigned i = 0; i < place; i++)
        if (!folders[folder][i])
            return NULL;
    return folders[folder][place];
}

const struct key_def *rule_key_def(unsigned number)
{
    const struct key_word *w = key_word_of(number);
    return w ? &w->def : NULL;
}

const struct key_word *key_word_next(unsigned *at)
{
    while (*at / PER_FOLDER < ARRAY_LEN(folders)) {
        const struct key_word *w = key_word_of(*at);
        if (w) {
            ++*at;
            return w;
        }
        *at = (*at / PER_FOLDER + 1) * PER_FOLDER;
    }
    return NULL;
}

bool key_option(struct parse *p, const struct keyword *k, struct str v)
{
    unsigned at = 0;
    const struct key_word *w;
    while ((w = key_word_next(&at)) && &w->kw != k)
        ;
    if (!w)
        return bad(p, NULL, "%s is no keyword of its own", k->name);
    struct rule_key key = {.key = (uint16_t)(at - 1), .data = KEY_NO_DATA, .value = keep(p, v)};
    if (!w->parse(p, &key, v))
        return false;
    struct rule_test *t = w->def.place == KEY_OF_BUFFER ? test_add(p, TEST_KEY_BUFFER)
                                                        : test_add_at(p, TEST_KEY_PACKET, 0, 0);
    if (!t)
        return false;
    t->u.key = key;
    return true;
}
