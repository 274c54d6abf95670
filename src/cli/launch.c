/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/launch.h"

#include "base/sbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int launch_set(struct launch *l, struct conf *c, struct diags *d, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "too long: %.60s ...", text);
        return -E2BIG;
    }
    if (l->kept) {
        const char *copy =
            l->kept->n < TEXTS_MOST ? (const char *)arena_dup(l->keep_in, text, (size_t)n).p : NULL;
        if (!copy) {
            diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no room for one setting more: %.60s", text);
            return -ENOMEM;
        }
        l->kept->v[l->kept->n++] = copy;
    }
    return conf_set(c, text, d);
}

int launch_set_list(struct launch *l, struct conf *c, struct diags *d, const char *path,
                    const struct texts *values)
{
    int rc = 0;
    for (unsigned i = 0; i < values->n && !rc; i++)
        /* The path itself is a list of one, and forgets what was there; the others follow. */
        rc = i ? launch_set(l, c, d, "%s.%u=%s", path, i, values->v[i])
               : launch_set(l, c, d, "%s=%s", path, values->v[i]);
    return rc;
}

int launch_types(struct conf *c, const char *const *only, unsigned n_only, const char *const *more, unsigned n_more,
                 struct diags *d)
{
    const struct conf_rule_file *f;
    size_t n = n_only ? 0 : conf_rule_files(c, &f);
    int rc = 0;
    for (unsigned i = 0; i < n_only && !rc; i++)
        rc = conf_ruletypes_of(c, only[i], d);
    for (size_t i = 0; i < n && !rc; i++)
        rc = conf_ruletypes_of(c, f[i].path, d);
    for (unsigned i = 0; i < n_more && !rc; i++)
        rc = conf_ruletypes_of(c, more[i], d);
    return rc;
}

struct conf *launch_configure(void *launch, struct diags *d)
{
    struct launch *l = launch;
    struct conf *c = conf_new();
    int rc = c ? 0 : -ENOMEM;
    if (!rc)
        rc = l->config ? conf_load(c, l->config, l->format, d) : conf_load_stock(c);
    for (unsigned i = 0; l->set && i < l->set->n && !rc; i++)
        rc = conf_set(c, l->set->v[i], d);
    if (!rc && l->adjust)
        rc = l->adjust(l, l->ctx, c, d);
    if (!rc)
        rc = launch_types(c, l->only ? l->only->v : NULL, l->only ? l->only->n : 0, l->more ? l->more->v : NULL,
                          l->more ? l->more->n : 0, d);
    if (!rc)
        return c;
    if (!d->errors)
        diag_add(d, DIAG_ERROR, l->config, 0, 0, NULL, "the configuration can't be made: %s",
                 strerror(-rc));
    conf_free(c);
    return NULL;
}

char *launch_join(const struct texts *words)
{
    struct sbuf b;
    sbuf_init(&b);
    for (unsigned i = 0; i < words->n; i++) {
        if (i)
            sbuf_byte(&b, ' ');
        sbuf_cstr(&b, words->v[i]);
    }
    const char *z = sbuf_z(&b);
    char *out = z ? strdup(z) : NULL;
    sbuf_done(&b);
    return out;
}
