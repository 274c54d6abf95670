/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions.  The image carries pattern and options; the engine compiles one (with JIT) when a
 * rule first needs it: most of a rule set's are never needed, and a compiled form depends on the library.
 */
#include "detect/match.h"

#include <errno.h>

int regex_init(struct detect *d)
{
    d->pcre = calloc(d->image->h->n_pcre + 1, sizeof(*d->pcre));
    d->pcre_data = pcre2_match_data_create(1, NULL);
    d->pcre_groups = pcre2_match_data_create(REGEX_GROUPS, NULL);
    d->pcre_context = pcre2_match_context_create(NULL);
    d->pcre_wide = pcre2_match_context_create(NULL);
    if (!d->pcre || !d->pcre_data || !d->pcre_groups || !d->pcre_context || !d->pcre_wide)
        return -ENOMEM;
    pcre2_set_match_limit(d->pcre_context, d->config.pcre_match_limit);
    pcre2_set_depth_limit(d->pcre_context, d->config.pcre_recursion_limit);
    return 0;
}

void regex_done(struct detect *d)
{
    for (uint32_t k = 0; d->pcre && k < d->image->h->n_pcre; k++)
        pcre2_code_free(d->pcre[k]);
    free(d->pcre);
    pcre2_match_data_free(d->pcre_data);
    pcre2_match_data_free(d->pcre_groups);
    pcre2_match_context_free(d->pcre_context);
    pcre2_match_context_free(d->pcre_wide);
    d->pcre = NULL;
    d->pcre_data = d->pcre_groups = NULL;
    d->pcre_context = d->pcre_wide = NULL;
}

int regex_match(struct detect *d, const struct img_test *t, const uint8_t *p, uint32_t n, uint32_t from,
                uint32_t ov[2])
{
    pcre2_code **code = &d->pcre[t->u.pcre.index];
    if (!*code) {
        struct str s = img_str(d->image, t->u.pcre.pattern);
        int err;
        PCRE2_SIZE at;
        *code = pcre2_compile(s.p, s.n, t->u.pcre.options, &err, &at, NULL);
        if (!*code) { /* the rule compiler has tried it: memory is short */
            d->count.pcre_errors++;
            return 0;
        }
        (void)pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE); /* without: interpreted */
    }
    d->count.pcre_runs++;
    pcre2_match_context *c = t->flags & REGEX_NO_LIMIT ? d->pcre_wide : d->pcre_context;
    pcre2_match_data *found = t->u.pcre.n_captures ? d->pcre_groups : d->pcre_data;
    int rc = pcre2_match(*code, p, n, from, 0, found, c);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        d->count.pcre_errors++;
    if (rc < 0)
        return 0;
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(found);
    ov[0] = (uint32_t)v[0];
    ov[1] = (uint32_t)v[1];
    return 1;
}
