/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte config show: every effective setting with its source. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/log.h"
#include "base/sbuf.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: riposte config show [-c FILE] [--vips NAME] [--set KEY=VALUE ...] [--json] [PREFIX]\n\n"
                            "Every effective setting, variable and rule file, and where it comes from: default, stock (the\n"
                            "configuration that holds without -c), FILE:LINE or --set; only those that begin with PREFIX.\n";

const struct opt *config_options(size_t *n, const char **text)
{
    *n = 0;
    *text = usage;
    return NULL;
}

struct shown {
    const char *prefix;
    unsigned n;
    const struct conf *c;
    bool ports;
    struct json *j; /* NULL: text */
};

static void put(struct shown *w, const char *path, const char *value, const char *source)
{
    if (strncmp(path, w->prefix, strlen(w->prefix)))
        return;
    w->n++;
    if (!w->j) {
        printf("%-48s %-24s %s\n", path, value ? value : "-", source);
        return;
    }
    json_open(w->j, NULL);
    json_cstr(w->j, "key", path);
    if (value)
        json_cstr(w->j, "value", value);
    else
        json_null(w->j, "value");
    json_cstr(w->j, "source", source);
    json_close(w->j);
}

static void count(void *ctx, const char *name, const char *text)
{
    (void)name, (void)text;
    ++*(unsigned *)ctx;
}

static void one(void *ctx, const struct setting *s, const char *value, const char *source)
{
    const struct shown *w = ctx;
    bool vars = !strncmp(s->path, "vars.", 5), ports = strstr(s->path, ".port-groups") != NULL;
    unsigned n = 0;
    /* snort.conf has its variables elsewhere: they follow one by one. */
    if (!value && vars && (conf_each_var(w->c, ports, count, &n), n))
        return;
    put(ctx, s->path, value, source);
}

/* Variables one by one, however the file writes them. */
static void variable(void *ctx, const char *name, const char *text)
{
    struct shown *w = ctx;
    const struct conf_node *n = conf_var_node(w->c, w->ports, name);
    char path[512], source[4200] = "default";
    snprintf(path, sizeof(path), "vars.%s-groups.%s", w->ports ? "port" : "address", name);
    if (n && n->from == CONF_SET)
        snprintf(source, sizeof(source), "--set");
    else if (n)
        snprintf(source, sizeof(source), n->file ? "%s:%u" : "stock", n->file, n->line);
    put(w, path, text, source);
}

static void show(struct shown *w)
{
    conf_each(w->c, one, w);
    for (unsigned ports = 0; ports < 2; ports++) {
        w->ports = ports;
        (void)conf_each_var(w->c, ports, variable, w);
    }
}

static void show_json(struct shown *w, const struct diags *d)
{
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    w->j = &j;
    json_open(&j, NULL);
    json_array(&j, "settings");
    show(w);
    json_array_end(&j);
    json_array(&j, "rule_files");
    const struct conf_rule_file *f;
    size_t n = conf_rule_files(w->c, &f);
    for (size_t k = 0; k < n; k++)
        json_cstr(&j, NULL, f[k].path);
    json_array_end(&j);
    json_array(&j, "warnings");
    for (const struct diag *x = d->first; x; x = x->next) {
        json_open(&j, NULL);
        if (x->file)
            json_cstr(&j, "file", x->file);
        json_u64(&j, "line", x->line);
        json_u64(&j, "column", x->column);
        json_cstr(&j, "reason", x->reason);
        if (x->hint)
            json_cstr(&j, "hint", x->hint);
        json_close(&j);
    }
    json_array_end(&j);
    json_close(&j);
    sbuf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, stdout);
    sbuf_done(&b);
}

static void no_such(const char *prefix)
{
    const char *near = setting_nearest(prefix);
    log_at(LOG_AT_ERROR, "config", "no setting begins with \"%s\"%s%s", prefix, near ? "; nearest: " : " (riposte config show lists them)",
           near ? near : "");
}

int cmd_config(int argc, char **argv)
{
    enum { OPT_SET = 256, OPT_HELP, OPT_JSON, OPT_VIPS, SETS = 128 };
    static const struct option long_options[] = {{"set", required_argument, NULL, OPT_SET}, {"help", no_argument, NULL, OPT_HELP},
                                                 {"json", no_argument, NULL, OPT_JSON}, {"vips", required_argument, NULL, OPT_VIPS}, {NULL, 0, NULL, 0}};
    const char *config = NULL, *vips = NULL, *set[SETS];
    unsigned n_set = 0;
    bool as_json = false;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:", long_options, NULL)) != -1;) {
        if (o == 'c')
            config = optarg;
        else if (o == OPT_SET && n_set < SETS)
            set[n_set++] = optarg;
        else if (o == OPT_JSON)
            as_json = true;
        else if (o == OPT_VIPS)
            vips = optarg;
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
    if (!rc && vips)
        rc = conf_vips_choose(c, vips, &d);
    print_diags(&d, as_json && !rc);
    struct shown w = {.prefix = optind + 1 < argc ? argv[optind + 1] : "", .c = c};
    if (!rc && as_json)
        show_json(&w, &d);
    else if (!rc)
        show(&w);
    if (!rc && !w.n)
        no_such(w.prefix);
    conf_free(c);
    arena_done(&mem);
    return rc || !w.n ? 1 : 0;
}
