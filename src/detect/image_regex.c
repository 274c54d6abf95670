/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that every match of a regular expression has.
 *
 * The expression is read from left to right, outside of all groups: there each item has to be in a
 * match as often as its quantifier says at least.  Items that stand for one byte and neighbour each
 * other form a run; a group, a class or a quantifier ends it.  For pairs of bytes any digit is one
 * symbol (pair_fold), so \d belongs to a run of pairs though not to one of text.  An alternative
 * outside of all groups, or a construct that changes the meaning of what follows, ends the attempt:
 * nothing is known then.  pcre2pattern(3).
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/image_regex.h"
#include "detect/image_layout.h"

#include <pcre2.h>
#include <string.h>

enum kind { ITEM_BYTE, ITEM_DIGIT, ITEM_OTHER, ITEM_NOTHING /* has no width */, ITEM_UNKNOWN };
struct item {
    enum kind kind;
    uint8_t byte;
};
struct reader {
    const uint8_t *p;
    uint32_t n, at;
    struct regex_need *out;
    bool nocase;
    uint8_t text[REGEX_LITERAL_MOST];
    uint32_t n_text;
    int last; /* symbol of the item before in a run of pairs; -1: none */
    struct {
        uint32_t place, weight;
    } best[2];
};

static int peek(const struct reader *r, uint32_t ahead)
{
    return r->at + ahead < r->n ? r->p[r->at + ahead] : -1;
}
static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static bool is_alpha(int c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static int hex_digit(int c)
{
    return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Behind a backslash. */
static struct item escape(struct reader *r)
{
    int c = peek(r, 0);
    if (c < 0)
        return (struct item){ITEM_UNKNOWN, 0};
    r->at++;
    if (!is_alpha(c) && !is_digit(c))
        return (struct item){ITEM_BYTE, (uint8_t)c};
    static const char plain[] = "ntrfae", means[] = "\n\t\r\f\a\033";
    const char *at = strchr(plain, c);
    if (at)
        return (struct item){ITEM_BYTE, (uint8_t)means[at - plain]};
    if (c == 'x') {
        int hi = hex_digit(peek(r, 0)), lo = hi < 0 ? -1 : hex_digit(peek(r, 1));
        if (lo < 0)
            return (struct item){ITEM_UNKNOWN, 0};
        r->at += 2;
        return (struct item){ITEM_BYTE, (uint8_t)(hi * 16 + lo)};
    }
    if (c == 'd')
        return (struct item){ITEM_DIGIT, 0};
    if (strchr("DwWsShHvVR", c))
        return (struct item){ITEM_OTHER, 0};
    if (c >= '1' && c <= '9' && !is_digit(peek(r, 0))) /* what a group took */
        return (struct item){ITEM_OTHER, 0};
    if (strchr("bBAZzG", c))
        return (struct item){ITEM_NOTHING, 0};
    return (struct item){ITEM_UNKNOWN, 0};
}

/* Behind an opening bracket; false: it has no end, or something unusual. */
static bool skip_class(struct reader *r)
{
    if (peek(r, 0) == '^')
        r->at++;
    if (peek(r, 0) == ']')
        r->at++;
    for (int c; (c = peek(r, 0)) >= 0; r->at++) {
        if (c == ']') {
            r->at++;
            return true;
        }
        if (c == '[' && (peek(r, 1) == ':' || peek(r, 1) == '.' || peek(r, 1) == '='))
            return false;
        if (c == '\\') {
            if (peek(r, 1) == 'Q' || peek(r, 1) == 'E')
                return false;
            r->at++;
        }
    }
    return false;
}

/* Behind an opening parenthesis, to behind its end. */
static bool skip_group(struct reader *r)
{
    for (unsigned depth = 1; depth;) {
        int c = peek(r, 0);
        if (c < 0)
            return false;
        r->at++;
        if (c == '\\') {
            if (peek(r, 0) == 'Q' || peek(r, 0) == 'E')
                return false;
            r->at++;
        } else if (c == '[') {
            if (!skip_class(r))
                return false;
        } else if (c == '(') {
            if (peek(r, 0) == '*' || (peek(r, 0) == '?' && peek(r, 1) == '#'))
                return false;
            depth++;
        } else if (c == ')') {
            depth--;
        }
    }
    return true;
}

/* `(`: groups that take text, named or not, and assertions. */
static struct item group(struct reader *r)
{
    bool assertion = false;
    if (peek(r, 0) == '*')
        return (struct item){ITEM_UNKNOWN, 0};
    if (peek(r, 0) == '?') {
        int c = peek(r, 1), then = peek(r, 2);
        if (c == '=' || c == '!')
            assertion = true;
        else if (c == '<')
            assertion = then == '=' || then == '!';
        else if (c != ':' && c != '>' && !(c == 'P' && (then == '<' || then == '=')))
            return (struct item){ITEM_UNKNOWN, 0}; /* options, conditions, comments, calls */
    }
    if (!skip_group(r))
        return (struct item){ITEM_UNKNOWN, 0};
    return (struct item){assertion ? ITEM_NOTHING : ITEM_OTHER, 0};
}

static struct item next_item(struct reader *r)
{
    uint8_t c = r->p[r->at++];
    switch (c) {
    case '\\':
        return escape(r);
    case '(':
        return group(r);
    case '[':
        return (struct item){skip_class(r) ? ITEM_OTHER : ITEM_UNKNOWN, 0};
    case '.':
        return (struct item){ITEM_OTHER, 0};
    case '^':
    case '$':
        return (struct item){ITEM_NOTHING, 0};
    case '{': /* newer libraries take more of these for a quantifier */
        if (is_digit(peek(r, 0)) || peek(r, 0) == ',' || peek(r, 0) == ' ')
            return (struct item){ITEM_UNKNOWN, 0};
        return (struct item){ITEM_BYTE, c};
    case '|':
    case ')':
    case '*':
    case '+':
    case '?':
        return (struct item){ITEM_UNKNOWN, 0};
    default:
        return (struct item){ITEM_BYTE, c};
    }
}

/* {N}, {N,}, {N,M}; anything else in braces is text. */
static bool braces(struct reader *r, uint32_t *least, bool *one)
{
    uint32_t at = r->at + 1, a = 0, digits = 0;
    for (; at < r->n && is_digit(r->p[at]) && digits < 6; at++, digits++)
        a = a * 10 + (uint32_t)(r->p[at] - '0');
    if (!digits || at >= r->n)
        return false;
    bool comma = r->p[at] == ',';
    if (comma)
        for (at++; at < r->n && is_digit(r->p[at]); at++)
            ;
    if (at >= r->n || r->p[at] != '}')
        return false;
    r->at = at + 1;
    *least = a;
    *one = a == 1 && !comma;
    return true;
}

/* How often the item is there at least; one: exactly once. */
static uint32_t quantifier(struct reader *r, bool *one)
{
    uint32_t least = 1;
    *one = true;
    int c = peek(r, 0);
    if (c == '*' || c == '?' || c == '+') {
        least = c == '+';
        *one = false;
        r->at++;
    } else if (c != '{' || !braces(r, &least, one)) {
        return 1;
    }
    if (peek(r, 0) == '?' || peek(r, 0) == '+') /* lazy, possessive */
        r->at++;
    return least;
}

static void text_end(struct reader *r)
{
    if (r->n_text > r->out->n) {
        memcpy(r->out->literal, r->text, r->n_text);
        r->out->n = r->n_text;
    }
    r->n_text = 0;
}

static void text_add(struct reader *r, uint8_t c)
{
    if (r->n_text == REGEX_LITERAL_MOST)
        text_end(r);
    r->text[r->n_text++] = r->nocase && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Pairs of digits and blanks are everywhere, others tell more. */
static void pair_add(struct reader *r, uint8_t symbol)
{
    if (r->last >= 0) {
        uint8_t a = (uint8_t)r->last;
        uint32_t place = pair_place(a, symbol);
        uint32_t weight = 1 + 2 * (uint32_t)(a != '0' && a != ' ') +
                          2 * (uint32_t)(symbol != '0' && symbol != ' ') + (uint32_t)(a != symbol);
        unsigned worse = r->best[0].weight <= r->best[1].weight ? 0 : 1;
        if (r->best[0].place != place && r->best[1].place != place &&
            weight > r->best[worse].weight) {
            r->best[worse].place = place;
            r->best[worse].weight = weight;
        }
    }
    r->last = symbol;
}

static void take_item(struct reader *r, struct item i, uint32_t least, bool one)
{
    enum { MOST = 8 };          /* of a repeated item */
    if (i.kind == ITEM_NOTHING) /* between neighbours or not: what follows begins anew */
        least = 0;
    if (i.kind == ITEM_OTHER || !least) {
        text_end(r);
        r->last = -1;
        return;
    }
    uint8_t symbol = i.kind == ITEM_DIGIT ? '0' : pair_fold(i.byte);
    for (uint32_t k = 0; k < least && k < MOST; k++) {
        pair_add(r, symbol);
        if (i.kind == ITEM_BYTE)
            text_add(r, i.byte);
        else
            text_end(r);
    }
    if (one || i.kind == ITEM_DIGIT)
        return;
    /* More of it may follow: the last one is the neighbour of what comes. */
    text_end(r);
    text_add(r, i.byte);
}

bool regex_needs(struct str pattern, uint32_t options, struct regex_need *out)
{
    const uint32_t known = PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_ANCHORED |
                           PCRE2_DOLLAR_ENDONLY | PCRE2_UNGREEDY;
    *out = (struct regex_need){.nocase = options & PCRE2_CASELESS, .pair = PAIRS_NONE};
    struct reader r = {.p = pattern.p,
                       .n = (uint32_t)pattern.n,
                       .out = out,
                       .nocase = out->nocase,
                       .last = -1,
                       .best = {{.place = UINT32_MAX}, {.place = UINT32_MAX}}};
    if (options & ~known)
        return false;
    while (r.at < r.n) {
        bool one;
        struct item i = next_item(&r);
        if (i.kind == ITEM_UNKNOWN) {
            *out = (struct regex_need){.pair = PAIRS_NONE};
            return false;
        }
        uint32_t least = quantifier(&r, &one);
        take_item(&r, i, least, one);
    }
    text_end(&r);
    if (!r.best[0].weight && !r.best[1].weight)
        return false;
    unsigned a = r.best[0].weight ? 0 : 1, b = r.best[1].weight ? 1 : 0;
    out->pair = r.best[a].place | r.best[b].place << 16;
    return true;
}
