/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte config show: every effective setting with its source. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: riposte config show [-c FILE] [--set KEY=VALUE ...] [PREFIX]\n";

const struct opt *config_options(size_t *n, const char **text)
{
    *n = 0;
    *text = usage;
    return NULL;
}

struct shown {
    const char *prefix;
    unsigned n;
};

static void one(void *ctx, const struct setting *s, const char *value, const char *source)
{
    struct shown *w = ctx;
    if (strncmp(s->path, w->prefix, strlen(w->prefix)))
        return;
    printf("%-48s %-24s %s\n", s->path, value ? value : "-", source);
    w->n++;
}

static void no_such(const char *prefix)
{
    const char *near = setting_nearest(prefix);
    log_at(LOG_AT_ERROR, "config", "no setting begins with \"%s\"%s%s", prefix, near ? "; nearest: " : " (riposte config show lists them)",
           near ? near : "");
}

int cmd_config(int argc, char **argv)
{
    enum { OPT_SET = 256, OPT_HELP, SETS = 128 };
    static const struct option long_options[] = {{"set", required_argument, NULL, OPT_SET}, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    const char *config = NULL, *set[SETS];
    unsigned n_set = 0;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:", long_options, NULL)) != -1;) {
        if (o == 'c')
            config = optarg;
        else if (o == OPT_SET && n_set < SETS)
            set[n_set++] = optarg;
        else
            return fputs(usage, o == OPT_HELP ? stdout : stderr), o == OPT_HELP ? 0 : 2;
    }
    if (optind >= argc || strcmp(argv[optind], "show")) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = conf_new();
    int rc = !c ? -ENOMEM : config ? conf_load(c, config, CONF_FORMAT_AUTO, &d) : conf_load_stock(c);
    for (unsigned k = 0; k < n_set && !rc; k++)
        rc = conf_set(c, set[k], &d);
    print_diags(&d, false);
    struct shown w = {.prefix = optind + 1 < argc ? argv[optind + 1] : ""};
    if (!rc)
        conf_each(c, one, &w);
    if (!rc && !w.n)
        no_such(w.prefix);
    conf_free(c);
    arena_done(&mem);
    return rc || !w.n ? 1 : 0;
}
