/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte rules show SID -S FILE: a rule's compiled form in words. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "verdict/verdict.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: riposte rules show [GID:]SID [-S FILE ...] [-c FILE] [--dialect D] [--set K=V]\n";

const struct opt *rules_options(size_t *n, const char **text)
{
    *n = 0;
    *text = usage;
    return NULL;
}
enum { FILES = 64, SETS = 64, OPT_DIALECT = 256, OPT_HELP, OPT_SET };

/* What this configuration makes of the rules: an image and its overlay, as a sensor would load them. */
static struct overlay *in_force(const struct rule_set *s, const struct conf *c, struct diags *d)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/riposte-%ld-rules.image", (long)getpid());
    struct image *i = image_build(s, path, 2, d) ? NULL : image_open(path, d);
    unlink(path);
    struct overlay *o = i ? load_overlay(c, i, 1, d) : NULL;
    image_close(i);
    return o;
}

static bool prevents(unsigned action)
{
    return action == ACTION_DROP || action == ACTION_SDROP || action == ACTION_BLOCK ||
           (action >= ACTION_REJECT && action <= ACTION_REACT);
}

/* On a mirror port: what is answered, by whose word, and what can't be prevented. */
static void show_mirror(const struct rule *r, const struct overlay *o, uint8_t on_drop, struct sbuf *b)
{
    int64_t at = o ? image_find_sid(overlay_image(o), r->gid, r->sid) : -1;
    const struct overlay_rule *x = at >= 0 ? overlay_rule(o, (uint32_t)at) : NULL;
    unsigned action = x ? x->action : r->action;
    if (r->flags & RULE_DISABLED)
        sbuf_cstr(b, "not in force: it stands behind #\n");
    else if (x && !x->enabled)
        sbuf_cstr(b, "not in force: a variable of it can't be resolved\n");
    if (x && x->action != r->action)
        sbuf_printf(b, "by the configuration its action is %s\n", rule_action_name(x->action));
    uint8_t bits = x ? x->response : r->response, answer = response_on_mirror(action, bits, on_drop);
    sbuf_cstr(b, "on a mirror port: ");
    rule_response_words(answer, b);
    if (bits & ~r->response)
        sbuf_cstr(b, " (by response.default)");
    else if (answer != response_on_mirror(action, bits, 0))
        sbuf_cstr(b, " (by response.on-drop)");
    else if (prevents(action) && !answer)
        sbuf_cstr(b, " (response.on-drop is off)");
    sbuf_byte(b, '\n');
    const char *why = prevents(action) || bits ? response_limit(r) : NULL;
    if (why)
        sbuf_printf(b, "a mirror port can't prevent it: %s\n", why);
}

struct show {
    const struct rule_set *s;
    const struct conf *c;
    uint64_t gid, sid; /* gid 0: any */
};

static unsigned show_loaded(const struct show *w, struct diags *d)
{
    unsigned found = 0;
    struct overlay *o = NULL;
    for (uint32_t k = 0; k < w->s->n_rules; k++) {
        const struct rule *r = w->s->rules[k];
        if (r->sid != w->sid || (w->gid && r->gid != w->gid))
            continue;
        struct sbuf b;
        sbuf_init(&b);
        if (!found)
            o = in_force(w->s, w->c, d);
        rule_explain(w->s, r, &b);
        show_mirror(r, o, response_on_drop(w->c, d), &b);
        fwrite(b.p, 1, b.n, stdout);
        sbuf_done(&b);
        found++;
    }
    overlay_close(o);
    return found;
}

static unsigned show_left_out(const struct rule_refusal *list, uint32_t n, uint64_t sid, const char *what)
{
    unsigned found = 0;
    for (uint32_t k = 0; k < n; k++) {
        const struct rule_refusal *r = &list[k];
        if (r->sid != sid)
            continue;
        printf("%s:%u:%u: %s: %s%s%s\n", r->file ? r->file : "-", r->line, r->column, what, r->reason, r->hint ? "; " : "",
               r->hint ? r->hint : "");
        found++;
    }
    return found;
}

static int show(const struct show *w, struct diags *d)
{
    const struct rule_set *s = w->s;
    unsigned found = show_loaded(w, d);
    found += show_left_out(s->refusals, s->n_refusals, w->sid, "refused");
    found += show_left_out(s->replaced, s->n_replaced, w->sid, "replaced");
    if (found)
        return 0;
    log_at(LOG_AT_ERROR, "rules", "no rule with sid %llu is in these files: %u files with %u rules, %u refused%s", (unsigned long long)w->sid,
           s->n_files, s->n_rules, s->n_refusals,
           s->skipped ? "; rules whose requires is not met are left out, too" : !s->n_files ? "; give them with -S or -c" : "");
    return -ENOENT;
}

/* "SID" or "GID:SID" */
static bool read_ids(const char *text, struct show *w)
{
    struct str sid, gid = str_split(str_cstr(text), ':', &sid);
    if (!strchr(text, ':'))
        return str_u64(gid, &w->sid);
    return str_u64(gid, &w->gid) && str_u64(sid, &w->sid);
}

int cmd_rules(int argc, char **argv)
{
    static const struct option long_options[] = {{"dialect", required_argument, NULL, OPT_DIALECT},
                                                 {"set", required_argument, NULL, OPT_SET}, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    const char *file[FILES], *set[SETS], *config = NULL;
    unsigned n = 0, n_set = 0;
    int dialect = DIALECT_AUTO;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "S:s:c:", long_options, NULL)) != -1;) {
        if ((o == 'S' || o == 's') && n < FILES)
            file[n++] = optarg;
        else if (o == 'c')
            config = optarg;
        else if (o == OPT_SET && n_set < SETS)
            set[n_set++] = optarg;
        else if (o == OPT_HELP)
            return fputs(usage, stdout) < 0;
        else if (o != OPT_DIALECT || (dialect = rule_dialect_find(str_cstr(optarg))) < 0)
            return fputs(usage, stderr), 2;
    }
    struct show w = {0};
    if (argc - optind != 2 || strcmp(argv[optind], "show") || !read_ids(argv[optind + 1], &w)) {
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
    struct load_options o = {.conf = c, .only = file, .n_only = n, .dialect = (enum rule_dialect)dialect, .keep_disabled = true, .threads = 2};
    struct rule_set *s = rc ? NULL : load_set(&o, &d);
    print_diags(&d, true);
    w.s = s;
    w.c = c;
    rc = s ? show(&w, &d) : -EINVAL;
    rules_free(s);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}
