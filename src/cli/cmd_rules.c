/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte rules show | why | top: a rule's compiled form in words, why it does not fire, what rules cost. */
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/options.h"
#include "cli/rules_cmd.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "verdict/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 20 };
struct args {
    struct texts only, set;
    const char *config, *dialect_word, *bpf, *socket, *capture, *csum_word, *vips;
    uint64_t count;
    bool json, help;
};
#define AT(field) offsetof(struct args, field)
static const struct opt rows[] = {
    {"S", NULL, "FILE", OPT_LIST, AT(only), "rule file (plain or .gz); may stand more than once"},
    {"s", NULL, "FILE", OPT_LIST, AT(only), "the same"},
    {"c", "config", "FILE", OPT_TEXT, AT(config), "configuration: its variables, and its rules if no -S stands there"},
    {"", "vips", "NAME", OPT_TEXT, AT(vips), "of a configuration with virtual-ips: this one's rules and variables"},
    {"", "set", "K=V", OPT_LIST, AT(set), "override a setting"},
    {"", "dialect", "D", OPT_TEXT, AT(dialect_word), "snort2, snort3 or suricata"},
    {"r", NULL, "CAPTURE", OPT_TEXT, AT(capture), "why, top: capture file or folder"},
    {"k", NULL, "none", OPT_TEXT, AT(csum_word), "why, top: take checksums as good"},
    {"", "bpf", "FILTER", OPT_TEXT, AT(bpf), "why, top: only these packets"},
    {"n", NULL, "N", OPT_NUMBER, AT(count), "top: so many rules (default 20)"},
    {"", "socket", "PATH", OPT_TEXT, AT(socket), "top of a running sensor: its control socket"},
    {"", "json", NULL, OPT_FLAG, AT(json), "why, top: one JSON object"},
    {"h", "help", NULL, OPT_FLAG, AT(help), "this text"},
};
static const char usage[] =
    "usage: riposte rules show [GID:]SID [-S FILE ...] [-c FILE]\n"
    "       riposte rules why [GID:]SID -r CAPTURE [-S FILE ...] [-c FILE] [--json]\n"
    "       riposte rules top -r CAPTURE [-S FILE ...] [-c FILE] [-n N] [--json]\n"
    "       riposte rules top [--socket PATH] [-n N] [--json]\n\n"
    "show: a rule's compiled form in words.\n"
    "why: which of its tests fails, at which packet and byte, where most of it holds.\n"
    "top: what rules cost: of a capture file, or of a running sensor.";

const struct opt *rules_options(size_t *n, const char **text)
{
    *n = ARRAY_LEN(rows);
    *text = usage;
    return rows;
}

struct overlay *rules_in_force(const struct rule_set *s, const struct conf *c, struct diags *d)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/riposte-%ld-rules.image", (long)getpid());
    struct image *i = image_build(s, path, image_threads(), d) ? NULL : image_open(path, d);
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
            o = rules_in_force(w->s, w->c, d);
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

int rules_replay(const struct rules_args *a, struct conf *c, struct replay_options *o, struct replay_result *r,
                 struct diags *d)
{
    struct logger_identity id = {.host = "rules", .version = RIPOSTE_VERSION};
    struct logger *l = logger_new(NULL, NULL, &id, d); /* without outputs */
    o->capture = a->capture;
    o->bpf = a->bpf;
    o->recursive = conf_bool(c, "pcap-file.recursive");
    o->check_csum = a->csum_none ? 0 : -1;
    o->conf = c;
    o->dry = true;
    o->logger = l;
    int rc = l ? replay_run(o, r, d) : -ENOMEM;
    logger_free(l);
    return rc;
}

typedef int verb_fn(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d);

static int verb_show(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d)
{
    struct show w = {.s = s, .c = c, .gid = a->gid, .sid = a->sid};
    return show(&w, d);
}

static int verb_why(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d)
{
    struct show w = {.s = s, .c = c, .gid = a->gid, .sid = a->sid};
    bool loaded = false;
    for (uint32_t k = 0; k < s->n_rules; k++)
        loaded |= s->rules[k]->sid == a->sid && (!a->gid || s->rules[k]->gid == a->gid);
    if (!loaded) /* refused, replaced, or nowhere: that is why */
        return show(&w, d) ? -ENOENT : -EINVAL;
    return rules_why(a, s, c, d);
}

static int verb_top(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d)
{
    return rules_top(a, s, c, d);
}

static int run(const struct args *a, const struct rules_args *r, int dialect, verb_fn *verb)
{
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = conf_new();
    int rc = !c ? -ENOMEM : a->config ? conf_load(c, a->config, CONF_FORMAT_AUTO, &d) : conf_load_stock(c);
    for (unsigned k = 0; k < a->set.n && !rc; k++)
        rc = conf_set(c, a->set.v[k], &d);
    if (!rc)
        rc = load_vips(c, a->vips, &d);
    if (!rc)
        rc = launch_types(c, a->only.v, a->only.n, NULL, 0, &d);
    struct load_options o = {.conf = c, .only = a->only.v, .n_only = a->only.n, .dialect = (enum rule_dialect)dialect,
                             .keep_disabled = true};
    struct rule_set *s = rc ? NULL : load_set(&o, &d);
    print_diags(&d, true);
    diags_init(&d, &mem);
    rc = s ? verb(r, s, c, &d) : -EINVAL;
    print_diags(&d, false);
    rules_free(s);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}

static int misused(const char *what)
{
    log_at(LOG_AT_ERROR, "rules", "%s (riposte rules --help lists the options)", what);
    return 2;
}

int cmd_rules(int argc, char **argv)
{
    struct args a = {.count = COUNT};
    struct texts rest = {.n = 0};
    if (options_parse("rules", rows, ARRAY_LEN(rows), &a, argc, argv, &rest))
        return 2;
    if (a.help)
        return options_help(usage, rows, ARRAY_LEN(rows)), 0;
    int dialect = a.dialect_word ? rule_dialect_find(str_cstr(a.dialect_word)) : DIALECT_AUTO;
    const char *verb = rest.n ? rest.v[0] : "";
    bool why = !strcmp(verb, "why"), top = !strcmp(verb, "top");
    struct rules_args r = {.capture = a.capture, .bpf = a.bpf, .socket = a.socket, .json = a.json, .count = (unsigned)a.count,
                           .csum_none = a.csum_word && !strcmp(a.csum_word, "none")};
    if (dialect < 0)
        return misused("--dialect takes snort2, snort3 or suricata");
    if (a.csum_word && !r.csum_none)
        return misused("-k takes none");
    if (!why && !top && strcmp(verb, "show"))
        return misused("which of show, why and top?");
    if (top ? rest.n != 1 : rest.n != 2)
        return misused(top ? "top takes no further word" : "the sid is missing, or there is more than that");
    struct show ids = {0};
    if (!top && !read_ids(rest.v[1], &ids))
        return misused("a rule is named by its sid, or gid:sid");
    r.gid = ids.gid;
    r.sid = ids.sid;
    if (why && !r.capture)
        return misused("-r CAPTURE is missing");
    if (top && !r.capture)
        return rules_top_live(&r);
    return run(&a, &r, dialect, why ? verb_why : top ? verb_top : verb_show);
}
