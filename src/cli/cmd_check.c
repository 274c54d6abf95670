/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte check: load rules, say the sum, each refusal with place, reason and hint, and notes on what loads. */
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/load.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "sensor/sensor.h"
#include "verdict/verdict.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPT_JSON = 256, OPT_DIALECT, OPT_ALL, OPT_SET, OPT_HELP, OPT_LINT, OPT_INIT_FATAL, OPT_VIPS };
enum { FILES = 64, SETS = 128, PRINT_MOST = 10000 };

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPT_JSON},       {"dialect", required_argument, NULL, OPT_DIALECT},
    {"all", no_argument, NULL, OPT_ALL},         {"set", required_argument, NULL, OPT_SET},
    {"lint", no_argument, NULL, OPT_LINT},       {"init-errors-fatal", no_argument, NULL, OPT_INIT_FATAL},
    {"vips", required_argument, NULL, OPT_VIPS}, {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};
static const char usage[] = "usage: riposte check -S FILE [-S FILE ...] [options]\n"
                            "  -S FILE        rule file (plain or .gz)\n"
                            "  -c FILE        configuration: its settings are tested as by -T, its variables and rule files count\n"
                            "  --dialect D    snort2, snort3, suricata (default: by the file's marks)\n"
                            "  --all          also load rules behind #\n"
                            "  --json         one JSON object: loaded, disabled, refused, refusals, lints\n"
                            "  --lint         also notes: no literal, bits never set or read, what can't match\n"
                            "  --vips NAME    of a configuration with virtual-ips: this one\n"
                            "  --set K=V      override a setting\n";

const struct opt *check_options(size_t *n, const char **text)
{
    *n = 0;
    *text = usage;
    return NULL;
}

struct args {
    const char *file[FILES], *set[SETS], *config, *vips;
    unsigned n_files, n_set;
    enum rule_dialect dialect;
    bool json, all, lint, help, fatal;
};

static int parse(struct args *a, int argc, char **argv)
{
    *a = (struct args){0};
    optind = 1;
    for (int o, d; (o = getopt_long(argc, argv, "S:s:c:", long_options, NULL)) != -1;) {
        switch (o) {
        case 'S':
        case 's':
            if (a->n_files == FILES)
                return -EINVAL;
            a->file[a->n_files++] = optarg;
            break;
        case 'c':
            a->config = optarg;
            break;
        case OPT_JSON:
            a->json = true;
            break;
        case OPT_ALL:
            a->all = true;
            break;
        case OPT_LINT:
            a->lint = true;
            break;
        case OPT_HELP:
            a->help = true;
            break;
        case OPT_INIT_FATAL:
            a->fatal = true;
            break;
        case OPT_VIPS:
            a->vips = optarg;
            break;
        case OPT_SET:
            if (a->n_set == SETS)
                return -EINVAL;
            a->set[a->n_set++] = optarg;
            break;
        case OPT_DIALECT:
            d = rule_dialect_find(str_cstr(optarg));
            if (d < 0) {
                log_at(LOG_AT_ERROR, "check", "--dialect takes snort2, snort3 or suricata, not \"%s\"", optarg);
                return -EINVAL;
            }
            a->dialect = (enum rule_dialect)d;
            break;
        default:
            return -EINVAL;
        }
    }
    while (optind < argc && a->n_files < FILES)
        a->file[a->n_files++] = argv[optind++];
    if (!a->n_files && !a->config && !a->help) {
        log_at(LOG_AT_ERROR, "check", "which rules? Give -S FILE or -c FILE");
        return -EINVAL;
    }
    return 0;
}

static void text(const char *s, struct json *j, const char *key)
{
    if (s)
        json_cstr(j, key, s);
    else
        json_null(j, key);
}

static void note_json(void *ctx, const struct rule *r, const char *kind, const char *what)
{
    struct json *j = ctx;
    json_open(j, NULL);
    json_cstr(j, "kind", kind);
    json_u64(j, "sid", r ? r->sid : 0);
    text(r ? r->file : NULL, j, "file");
    json_u64(j, "line", r ? r->line : 0);
    json_cstr(j, "text", what);
    json_close(j);
}

static void note_text(void *ctx, const struct rule *r, const char *kind, const char *what)
{
    (void)ctx;
    printf("%s:%u: note: sid %u: %s: %s\n", r && r->file ? r->file : "-", r ? r->line : 0, r ? r->sid : 0, kind, what);
}

static void lint_json(void *ctx, const struct rule_note *n)
{
    struct json *j = ctx;
    json_open(j, NULL);
    text(n->file, j, "file");
    json_u64(j, "line", n->line);
    json_u64(j, "column", n->column);
    json_u64(j, "sid", n->sid);
    json_cstr(j, "kind", n->kind);
    json_cstr(j, "reason", n->reason);
    text(n->hint, j, "hint");
    json_close(j);
}

static void lint_text(void *ctx, const struct rule_note *n)
{
    (void)ctx;
    printf("%s:%u:%u: note: sid %u: %s: %s%s%s\n", n->file ? n->file : "-", n->line, n->column, n->sid, n->kind, n->reason,
           n->hint ? "; " : "", n->hint ? n->hint : "");
}

static void left_out_json(struct json *j, const char *key, const struct rule_refusal *list, uint32_t n)
{
    json_array(j, key);
    for (uint32_t k = 0; k < n; k++) {
        const struct rule_refusal *r = &list[k];
        json_open(j, NULL);
        text(r->file, j, "file");
        json_u64(j, "line", r->line);
        json_u64(j, "column", r->column);
        json_u64(j, "sid", r->sid);
        text(r->reason, j, "reason");
        text(r->hint, j, "hint");
        json_close(j);
    }
    json_array_end(j);
}

/* What is no rule's refusal: classes, variables, lines of threshold files. */
static void diags_json(struct json *j, const char *name, const struct diags *d)
{
    json_array(j, name);
    for (const struct diag *x = d->first; x; x = x->next) {
        json_open(j, NULL);
        json_cstr(j, "level", x->level == DIAG_ERROR ? "error" : "warning");
        text(x->file, j, "file");
        json_u64(j, "line", x->line);
        json_u64(j, "column", x->column);
        text(x->reason, j, "reason");
        text(x->hint, j, "hint");
        json_close(j);
    }
    json_array_end(j);
}

static void print_json(const struct rule_set *s, const struct diags *settings)
{
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_u64(&j, "loaded", s->n_rules);
    json_u64(&j, "disabled", s->disabled);
    json_u64(&j, "refused", s->n_refusals);
    json_u64(&j, "replaced", s->n_replaced);
    json_u64(&j, "skipped", s->skipped);
    unsigned quic;
    json_array(&j, "mirror_rules");
    unsigned not_on_mirror = response_lint(s, note_json, &j, &quic);
    json_array_end(&j);
    json_u64(&j, "not_on_mirror", not_on_mirror);
    json_u64(&j, "not_on_mirror_quic", quic);
    json_array(&j, "files");
    for (uint32_t k = 0; k < s->n_files; k++) {
        const struct rule_file_info *f = &s->files[k];
        json_open(&j, NULL);
        text(f->path, &j, "path");
        json_cstr(&j, "dialect", rule_dialect_name(f->dialect));
        json_bool(&j, "dialect_given", f->told);
        json_open(&j, "marks");
        json_u64(&j, "snort2", f->marks[0]);
        json_u64(&j, "snort3", f->marks[1]);
        json_u64(&j, "suricata", f->marks[2]);
        json_close(&j);
        json_u64(&j, "loaded", f->loaded);
        json_u64(&j, "disabled", f->disabled);
        json_u64(&j, "refused", f->refused);
        json_close(&j);
    }
    json_array_end(&j);
    left_out_json(&j, "refusals", s->refusals, s->n_refusals);
    left_out_json(&j, "replacements", s->replaced, s->n_replaced);
    diags_json(&j, "warnings", &s->diags);
    diags_json(&j, "settings", settings);
    json_array(&j, "lints");
    rules_lint(s, lint_json, &j);
    json_array_end(&j);
    json_close(&j);
    sbuf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, stdout);
    sbuf_done(&b);
}

/* The settings could not be read, so no rules were. */
static void print_settings_json(const struct diags *settings)
{
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_u64(&j, "loaded", 0);
    json_u64(&j, "disabled", 0);
    json_u64(&j, "refused", 0);
    json_array(&j, "refusals");
    json_array_end(&j);
    diags_json(&j, "settings", settings);
    json_close(&j);
    sbuf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, stdout);
    sbuf_done(&b);
}

static void print_text(const struct args *a, const struct rule_set *s)
{
    for (uint32_t k = 0; k < s->n_refusals && k < PRINT_MOST; k++) {
        const struct rule_refusal *r = &s->refusals[k];
        char which[24] = ""; /* a whole file's has none */
        if (r->sid)
            snprintf(which, sizeof(which), "sid %u: ", r->sid);
        printf("%s:%u:%u: %s%s%s%s\n", r->file ? r->file : "-", r->line, r->column, which, r->reason,
               r->hint ? "; " : "", r->hint ? r->hint : "");
    }
    if (a->lint)
        rules_lint(s, lint_text, NULL);
    unsigned quic, not_on_mirror = response_lint(s, a->lint ? note_text : NULL, NULL, &quic);
    for (uint32_t k = 0; k < s->n_files; k++) {
        const struct rule_file_info *f = &s->files[k];
        printf("%s: %s", f->path, rule_dialect_name(f->dialect));
        if (!f->told)
            printf(" (by its marks: snort2 %u, snort3 %u, suricata %u)", f->marks[0], f->marks[1], f->marks[2]);
        printf(", %u loaded, %u disabled, %u refused\n", f->loaded, f->disabled, f->refused);
    }
    printf("%u rules loaded, %u disabled, %u refused\n", s->n_rules, s->disabled, s->n_refusals);
    if (s->n_replaced || s->skipped)
        printf("of the disabled %u are replaced by a later one with their sid, of %u the requires is not met (or: enable:no)\n", s->n_replaced,
               s->skipped);
    if (not_on_mirror)
        printf("%u can't be prevented from a mirror port: %u are attacks of one packet, %u of QUIC, which no forged answer ends%s\n",
               not_on_mirror, not_on_mirror - quic, quic, a->lint ? "" : " (--lint names them)");
}

int cmd_check(int argc, char **argv)
{
    struct args a;
    if (parse(&a, argc, argv))
        return 2;
    if (a.help) {
        fputs(usage, stdout);
        return 0;
    }
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = conf_new();
    int rc = !c ? -ENOMEM : a.config ? conf_load(c, a.config, CONF_FORMAT_AUTO, &d) : conf_load_stock(c);
    for (unsigned k = 0; k < a.n_set && !rc; k++)
        rc = conf_set(c, a.set[k], &d);
    if (!rc)
        rc = load_vips(c, a.vips, &d);
    if (!rc)
        rc = launch_types(c, a.file, a.n_files, NULL, 0, &d);
    bool wrong = rc || ((a.config || a.n_set) && sensor_check(c, &d)); /* as -T of run */
    struct load_options o = {.conf = c, .only = a.file, .n_only = a.n_files, .dialect = a.dialect, .keep_disabled = a.all,
                             .init_errors_fatal = a.fatal};
    struct rule_set *s = rc ? NULL : load_set(&o, &d);
    print_diags(&d, false);
    if (s) {
        print_diags(&s->diags, a.json);
        if (a.json)
            print_json(s, &d);
        else
            print_text(&a, s);
        rc = wrong || s->diags.errors || (a.fatal && s->n_refusals) ? -EINVAL : 0;
    } else {
        rc = -EINVAL;
        if (a.json)
            print_settings_json(&d);
    }
    rules_free(s);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}
