/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which content of a rule the prefilter looks for.
 *
 * The choice decides no alert (the whole rule is checked afterwards), but with bodies that are
 * looked at in pieces it decides when a rule is asked, so each dialect's own choice is kept: see
 * SURVEY A2.
 */
#include "rules/parse.h"

enum { PRIORITY_POOR = 3, PRIORITY_APP = 2 };

/* Rarity of a literal: a new letter counts less than a new odd byte, a repeated one least. */
static uint32_t strength(struct str s)
{
    bool seen[256] = {false};
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool plain = (c >= 32 && c < 127) || c == 0 || c == 1 || c == 0xff;
        n += seen[c] ? 1 : letter ? 3 : plain ? 4 : 6;
        seen[c] = true;
    }
    return n;
}

static bool absent_before(const struct parse *p, uint16_t where)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (p->t[i].kind == TEST_BUFFER_ABSENT && p->t[i].where == where)
            return true;
    return false;
}

/* A request's buffer in a rule on the answer (Snort 3): it was searched before the answer came. */
static bool of_other_side(const struct parse *p, const struct rule_test *t)
{
    uint32_t own = t->tx_dir == 1 ? RULE_TO_SERVER : RULE_TO_CLIENT;
    return t->tx_dir && !(p->r->flags & (RULE_TX_WHOLE | own));
}

/* A negated content filters nothing: where it is not found the rest of the rule is still asked. */
static bool candidate(const struct parse *p, const struct rule_test *t)
{
    return t->kind == TEST_CONTENT && !(t->u.content.flags & CONTENT_NEGATED) &&
           buffer_at(p, t->where) != BUF_BASE64 && !absent_before(p, t->where) && !of_other_side(p, t);
}

/* Suricata: application buffers before the payload and the poor ones. */
static int list_priority(const struct parse *p, const struct rule_test *t)
{
    unsigned buffer = buffer_at(p, t->where);
    if (buffer < RULE_BUF_APP)
        return buffer == BUF_PAYLOAD || buffer == BUF_RAW_PAYLOAD ? PRIORITY_POOR : PRIORITY_APP;
    const struct app_buffer *row = buffer_row(p, buffer);
    if (row && (row->flags & APP_BUF_NO_MPM))
        return PRIORITY_POOR;
    return row && row->priority ? row->priority : PRIORITY_APP;
}

static bool better_suricata(const struct parse *p, const struct rule_test *a,
                            const struct rule_test *b)
{
    int pa = list_priority(p, a), pb = list_priority(p, b);
    if (pa != pb)
        return pa < pb;
    struct str sa = a->u.content.bytes, sb = b->u.content.bytes;
    if (sa.n != sb.n)
        return sa.n > sb.n;
    uint32_t ra = strength(sa), rb = strength(sb);
    if (ra != rb)
        return ra > rb;
    return buffer_at(p, a->where) > buffer_at(p, b->where); /* the buffer that was declared last */
}

static uint32_t length_snort2(struct str s)
{
    while (s.n && s.p[0] == 0)
        s = str_skip(s, 1);
    return s.n;
}

static bool better_snort(const struct parse *p, const struct rule_test *a,
                         const struct rule_test *b)
{
    if (p->d == DIALECT_SNORT3)
        return a->u.content.bytes.n > b->u.content.bytes.n;
    bool aa = buffer_at(p, a->where) >= RULE_BUF_APP, ab = buffer_at(p, b->where) >= RULE_BUF_APP;
    if (aa != ab)
        return aa;
    return length_snort2(a->u.content.bytes) > length_snort2(b->u.content.bytes);
}

void fast_choose(struct parse *p)
{
    int32_t best = -1, told = -1;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct rule_test *t = &p->t[i];
        if (!candidate(p, t))
            continue;
        if (t->u.content.flags & CONTENT_FAST) {
            told = told < 0 ? (int32_t)i : told;
            continue;
        }
        if (best < 0 || (p->d == DIALECT_SURICATA ? better_suricata(p, t, &p->t[best])
                                                  : better_snort(p, t, &p->t[best])))
            best = (int32_t)i;
    }
    p->r->fast = (int16_t)(told >= 0 ? told : best);
}
