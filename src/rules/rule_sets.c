/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For developers: how many rules of a file load, and why others don't.
 *   rule_sets [-d dialect] [-a] [-t threads] [-v] FILE...
 * -a: also rules behind #; -v: each refusal; -x: rules in words; -l: notes; -F: firewall rules. All
 * variables that rule sets name are set.
 */
#include "rules/rules.h"

#include "base/sbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *var(void *ctx, bool port, const char *name)
{
    (void)ctx;
    if (!port && strcmp(name, "EXTERNAL_NET") == 0)
        return "!$HOME_NET";
    if (!port)
        return strstr(name, "NET") || strstr(name, "SERVERS")
                   ? "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"
                   : NULL;
    if (strcmp(name, "SHELLCODE_PORTS") == 0)
        return "!80";
    if (strcmp(name, "FILE_DATA_PORTS") == 0)
        return "[$HTTP_PORTS,110,143]";
    return strstr(name, "PORTS") ? "80" : NULL;
}

struct reason {
    const char *text;
    unsigned n;
};
static int by_number(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    return x->n > y->n ? -1 : x->n < y->n;
}

static void top(const struct rule_set *s)
{
    struct reason *r = calloc(s->n_refusals + 1, sizeof(*r));
    unsigned n = 0;
    for (uint32_t i = 0; r && i < s->n_refusals; i++) {
        unsigned k = 0;
        while (k < n && strcmp(r[k].text, s->refusals[i].reason) != 0)
            k++;
        r[k].text = s->refusals[i].reason;
        r[k].n++;
        n += k == n;
    }
    if (r)
        qsort(r, n, sizeof(*r), by_number);
    for (unsigned i = 0; r && i < n && i < 25; i++)
        printf("  %6u  %s\n", r[i].n, r[i].text);
    free(r);
}

static void say(void *ctx, const struct rule_note *n)
{
    (void)ctx;
    printf("%u: %s: %s\n", n->sid, n->kind, n->reason);
}

int main(int argc, char **argv)
{
    struct rules_options o = {.var = var};
    unsigned threads = 1;
    bool verbose = false, explain = false, lint = false;
    for (int c; (c = getopt(argc, argv, "d:at:vFxl")) != -1;) {
        if (c == 'd')
            o.dialect = (enum rule_dialect)rule_dialect_find(str_cstr(optarg));
        if (c == 'a')
            o.keep_disabled = true;
        if (c == 't')
            threads = (unsigned)strtoul(optarg, NULL, 10);
        if (c == 'F')
            o.firewall = true;
        verbose |= c == 'v';
        explain |= c == 'x';
        lint |= c == 'l';
    }
    struct rule_loader *l = rules_begin(&o);
    for (int i = optind; l && i < argc; i++)
        if (rules_add_file(l, argv[i], DIALECT_AUTO, false) < 0)
            fprintf(stderr, "%s can't be read\n", argv[i]);
    clock_t t0 = clock();
    struct rule_set *s = l ? rules_finish(l, threads) : NULL;
    if (!s)
        return 1;
    double cpu = (double)(clock() - t0) / CLOCKS_PER_SEC;
    for (uint32_t i = 0; i < s->n_files; i++)
        printf("%s: %s%s, %u loaded, %u disabled, %u refused\n", s->files[i].path,
               rule_dialect_name(s->files[i].dialect), s->files[i].told ? " (told)" : "",
               s->files[i].loaded, s->files[i].disabled, s->files[i].refused);
    unsigned types[16] = {0}, none = 0;
    for (uint32_t i = 0; i < s->n_rules; i++) {
        types[s->rules[i]->type]++;
        none += s->rules[i]->fast < 0;
    }
    printf("%u rules (%.2f %%), %.3f s; skipped %u; without a literal %u; types", s->n_rules,
           100.0 * s->n_rules / (s->n_rules + s->n_refusals + !s->n_rules), cpu, s->skipped, none);
    for (unsigned i = 0; i < 9; i++)
        printf(" %u", types[i]);
    printf("; %u where, %u addr, %u port, %u bits\n", s->n_where, s->n_addr, s->n_port, s->n_bits);
    for (const struct diag *d = s->diags.first; d; d = d->next)
        printf("%s: %s:%u: %s\n", d->level == DIAG_ERROR ? "error" : "warning",
               d->file ? d->file : "-", d->line, d->reason);
    top(s);
    for (uint32_t i = 0; verbose && i < s->n_refusals; i++) {
        const struct rule_refusal *r = &s->refusals[i];
        printf("%s:%u:%u: sid %u: %s%s%s\n", r->file, r->line, r->column, r->sid, r->reason,
               r->hint ? "; " : "", r->hint ? r->hint : "");
    }
    for (uint32_t i = 0; explain && i < s->n_rules; i++) {
        struct sbuf b;
        sbuf_init(&b);
        rule_explain(s, s->rules[i], &b);
        fwrite(b.p, 1, b.n, stdout);
        sbuf_done(&b);
    }
    if (lint)
        rules_lint(s, say, NULL);
    rules_free(s);
    return 0;
}
