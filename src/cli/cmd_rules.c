/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte rules show SID -S FILE: a rule's compiled form in words. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: riposte rules show SID [-S FILE ...] [-c FILE] [--dialect D]\n";
enum { FILES = 64, OPT_DIALECT = 256, OPT_HELP };

static int show(const struct rule_set *s, uint64_t sid)
{
    unsigned found = 0;
    for (uint32_t k = 0; k < s->n_rules; k++) {
        if (s->rules[k]->sid != sid)
            continue;
        struct sbuf b;
        sbuf_init(&b);
        rule_explain(s, s->rules[k], &b);
        fwrite(b.p, 1, b.n, stdout);
        sbuf_done(&b);
        found++;
    }
    for (uint32_t k = 0; k < s->n_refusals; k++)
        if (s->refusals[k].sid == sid) {
            const struct rule_refusal *r = &s->refusals[k];
            printf("%s:%u:%u: refused: %s%s%s\n", r->file ? r->file : "-", r->line, r->column, r->reason, r->hint ? "; " : "",
                   r->hint ? r->hint : "");
            found++;
        }
    if (!found)
        log_at(LOG_AT_ERROR, "rules", "no rule with sid %llu is in these files", (unsigned long long)sid);
    return found ? 0 : -ENOENT;
}

int cmd_rules(int argc, char **argv)
{
    static const struct option long_options[] = {{"dialect", required_argument, NULL, OPT_DIALECT}, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    const char *file[FILES], *config = NULL;
    unsigned n = 0;
    int dialect = DIALECT_AUTO;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "S:s:c:", long_options, NULL)) != -1;) {
        if ((o == 'S' || o == 's') && n < FILES)
            file[n++] = optarg;
        else if (o == 'c')
            config = optarg;
        else if (o == OPT_HELP)
            return fputs(usage, stdout) < 0;
        else if (o != OPT_DIALECT || (dialect = rule_dialect_find(str_cstr(optarg))) < 0)
            return fputs(usage, stderr), 2;
    }
    uint64_t sid;
    if (argc - optind != 2 || strcmp(argv[optind], "show") || !str_u64(str_cstr(argv[optind + 1]), &sid)) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = conf_new();
    int rc = !c ? -ENOMEM : config ? conf_load(c, config, CONF_FORMAT_AUTO, &d) : conf_load_stock(c);
    struct load_options o = {.conf = c, .only = file, .n_only = n, .dialect = (enum rule_dialect)dialect, .keep_disabled = true, .threads = 2};
    struct rule_set *s = rc ? NULL : load_set(&o, &d);
    print_diags(&d, true);
    rc = s ? show(s, sid) : -EINVAL;
    rules_free(s);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}
