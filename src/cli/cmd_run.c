/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte run: the sensor.  Options as Suricata's users know them. */
#include "cli/about.h"
#include "cli/cli.h"
#include "cli/launch.h"

#include "base/log.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run_args {
    const char *config, *capture, *log_dir, *queue, *csum, *pidfile, *response, *user, *group,
        *dialect, *format, *control, *name, *bpf_file, *af_packet, *pcap, *runmode, *data_dir;
    const char *mode;
    struct texts only, more, iface, pair, set, habit;
    uint64_t workers;
    struct about_args about;
    bool inline_test, test, background, simulate, fatal, verbose, no_cache, recursive, delete_after, follow, help;
    /* made of them */
    char *filter, *home, *rules, *starting;
};
#define AT(member) offsetof(struct run_args, member)
static const struct opt rows[] = {
    {"i", "interface", "IF", OPT_LIST, AT(iface),
     "watch this port (again for more); needs no configuration file"},
    {"", "pair", "A:B", OPT_LIST, AT(pair), "stand in the wire between these two ports (again for more): drop rules drop"},
    {"", "mode", "MODE", OPT_TEXT, AT(mode), "with --pair: how it is read (af-packet or af-xdp)"},
    {"", "inline-test", NULL, OPT_FLAG, AT(inline_test), "with --pair: decide everything, drop nothing; events say would"},
    {"", "response", "IF", OPT_TEXT, AT(response), "port that resets and ICMP errors leave by"},
    {"c", "config", "FILE", OPT_TEXT, AT(config),
     "configuration: ours, a suricata.yaml or a snort.conf"},
    {"S", NULL, "FILE", OPT_LIST, AT(only), "load exactly this rule file (again for more)"},
    {"s", NULL, "FILE", OPT_LIST, AT(more),
     "load this rule file besides those of the configuration"},
    {"l", "log-dir", "DIR", OPT_TEXT, AT(log_dir),
     "folder of the outputs (default: as configured, else /var/log/riposte)"},
    {"r", "read", "CAPTURE", OPT_TEXT, AT(capture),
     "a capture file instead: the same as riposte replay -r"},
    {"k", NULL, "all|none", OPT_TEXT, AT(csum), "verify checksums"},
    {"T", "test", NULL, OPT_FLAG, AT(test), "load configuration and rules, say what is wrong, end"},
    {"D", "daemon", NULL, OPT_FLAG, AT(background),
     "run in the background; messages go to riposte.log in the log folder"},
    {"", "workers", "N", OPT_NUMBER, AT(workers),
     "worker threads (default, and 0: all cores but one, at least one)"},
    {"", "pidfile", "FILE", OPT_TEXT, AT(pidfile), "write the process id there"},
    {"", "set", "KEY=VALUE", OPT_LIST, AT(set),
     "override a setting (riposte config show lists them)"},
    {"", "user", "USER", OPT_TEXT, AT(user),
     "engine and logger run as this user (default: nobody)"},
    {"", "group", "GROUP", OPT_TEXT, AT(group), "and this group"},
    {"", "name", "NAME", OPT_TEXT, AT(name),
     "name of this sensor's virtual IPS, in events and of the control socket"},
    {"", "control", "PATH", OPT_TEXT, AT(control),
     "control socket (default: /run/riposte/NAME.sock)"},
    {"", "init-errors-fatal", NULL, OPT_FLAG, AT(fatal),
     "a rule that can't be loaded ends the start"},
    {"", "simulate-ips", NULL, OPT_FLAG, AT(simulate),
     "with -r: treat the capture as inline traffic"},
    {"", "dialect", "D", OPT_TEXT, AT(dialect), "snort2, snort3 or suricata (default: by file)"},
    {"", "config-format", "F", OPT_TEXT, AT(format),
     "riposte, suricata or snort (default: by its marks)"},
    {"", "no-cache", NULL, OPT_FLAG, AT(no_cache), "compile the rules anew"},
    {"q", "queue", "N", OPT_MAYBE, AT(queue),
     "N or N-M: stand in the wire by these NFQUEUEs (doc/nfqueue.md); without a number: fewer messages"},
    {"v", "verbose", NULL, OPT_FLAG, AT(verbose), "more messages"},
    {"F", NULL, "FILE", OPT_TEXT, AT(bpf_file), "BPF filter from a file"},
    {"", "af-packet", "IF", OPT_JOINED, AT(af_packet),
     "--af-packet=IF: as -i IF; alone: the ports of the configuration"},
    {"", "pcap", "IF", OPT_JOINED, AT(pcap), "--pcap=IF: as -i IF, captured by libpcap"},
    {"", "runmode", "MODE", OPT_TEXT, AT(runmode), "single (one worker), workers or autofp"},
    {"", "pcap-file-recursive", NULL, OPT_FLAG, AT(recursive), "with -r: folders in the folder"},
    {"", "pcap-file-delete", NULL, OPT_FLAG, AT(delete_after),
     "with -r: delete each file when it was read whole"},
    {"", "pcap-file-continuous", NULL, OPT_FLAG, AT(follow),
     "with -r FOLDER: wait for new files"},
    {"", "data-dir", "DIR", OPT_TEXT, AT(data_dir), "folder of saved data sets"},
    ABOUT_ROWS(AT(about)),
    {"h", "help", NULL, OPT_FLAG, AT(help), "this text"},
    {"", "disable-detection", NULL, OPT_ABSENT, 0, "-S /dev/null runs without rules"},
    {"", "pcap-buffer-size", "N", OPT_ABSENT, 0, "--set capture.ring-size=64mb"},
    ABSENT_ROWS,
};
static const char usage[] =
    "usage: riposte run -i IF [-i IF ...] [--response IF] [options] [BPF filter]\n"
    "       riposte run --pair A:B [options]\n"
    "       riposte run --queue N[-M] [options]\n\n"
    "Watches mirror ports, writes alerts, and with --response ends forbidden connections; or stands in\n"
    "the wire between two ports, or behind queues of the packet filter, and drops what drop rules find\n"
    "(doc/inline.md, doc/nfqueue.md).\n"
    "Signals: TERM, INT end; HUP opens log files anew; USR2 reloads; USR1 logs counters.";

const struct opt *run_options(size_t *n, const char **text)
{
    *n = ARRAY_LEN(rows);
    *text = usage;
    return rows;
}

static int bad(const char *what, const char *value)
{
    log_at(LOG_AT_ERROR, "run", "%s%s%s (riposte run --help lists the options)", what,
           value ? ": " : "", value ? value : "");
    return -EINVAL;
}

static int format_of(const char *name, enum conf_format *out)
{
    static const char *const names[] = {"auto", "riposte", "suricata", "snort"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], name)) {
            *out = (enum conf_format)i;
            return 0;
        }
    return bad("--config-format takes riposte, suricata or snort", name);
}

/* ------------------------------------------------------------------ without a configuration file
 */

static bool is_set(const struct run_args *a, const char *path)
{
    size_t n = strlen(path);
    for (unsigned i = 0; i < a->set.n; i++)
        if (!strncmp(a->set.v[i], path, n) && (a->set.v[i][n] == '=' || a->set.v[i][n] == '.'))
            return true;
    return false;
}

/* Who gives no configuration gets one, and is told what it is. */
static int guess(struct run_args *a)
{
    char home[4096], rules[PATH_MAX], text[9000];
    bool own = sensor_guess_home(a->iface.v, a->iface.n, home, sizeof(home));
    bool need_home = !is_set(a, "vars.address-groups.HOME_NET");
    bool need_rules = !a->only.n && !is_set(a, "rules") && !is_set(a, "rule-files");
    int n = snprintf(text, sizeof(text), "no configuration file");
    if (need_home) {
        a->home = strdup(home);
        n += snprintf(text + n, sizeof(text) - (size_t)n, "; HOME_NET is %s (%s)", home,
                      own ? "the networks of the watched ports"
                          : "private networks and what this host has");
    }
    if (need_rules && sensor_find("etc/rules", rules, sizeof(rules))) {
        a->rules = strdup(rules);
        n += snprintf(text + n, sizeof(text) - (size_t)n, "; starter rules from %s", rules);
    } else if (need_rules) {
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "; no rules: the starter rules are not there, -S FILE names others");
    }
    snprintf(text + n, sizeof(text) - (size_t)n, "; outputs in %s",
             a->log_dir ? a->log_dir : "/var/log/riposte");
    a->starting = strdup(text);
    return a->starting ? 0 : -ENOMEM;
}

/* The stock configuration reads its starter rules from default-rule-path, if somebody set it. */
static int adjust_rules(struct launch *l, struct run_args *a, struct conf *c, struct diags *d)
{
    if (!a->rules)
        return 0;
    return launch_set(l, c, d, "rules=%s/*.rules",
                      is_set(a, "default-rule-path") ? conf_str(c, "default-rule-path") : a->rules);
}

static int adjust(struct launch *l, void *ctx, struct conf *c, struct diags *d)
{
    struct run_args *a = ctx;
    const struct {
        const char *path, *value;
    } text[] = {
        {"default-log-dir", a->log_dir                                  ? a->log_dir
                            : a->config || is_set(a, "default-log-dir") ? NULL
                                                                        : "/var/log/riposte"},
        {"vars.address-groups.HOME_NET", a->home},
        {"response.interface", a->response},
        {"pid-file", a->pidfile},
        {"run-as.user", a->user},
        {"run-as.group", a->group},
        {"vips.name", a->name},
        {"control.socket", a->control},
        {"capture.bpf-filter", a->filter},
        {"capture.bpf-file", a->bpf_file},
        {"capture.library", a->pcap ? "pcap" : NULL},
        {"data-dir", a->data_dir},
        {"capture.pair-mode", a->mode},
        {"inline-test", a->inline_test ? "yes" : NULL},
        {"daemon", a->background ? "yes" : NULL},
        {"quiet", a->queue && !*a->queue ? "yes" : NULL},
        {"capture.queues", a->queue && *a->queue ? a->queue : NULL},
        {"verbose", a->verbose ? "yes" : NULL},
        {"detect.sgh-mpm-caching", a->no_cache ? "no" : NULL},
    };
    int rc = adjust_rules(l, a, c, d);
    for (size_t i = 0; i < ARRAY_LEN(text) && !rc; i++)
        if (text[i].value)
            rc = launch_set(l, c, d, "%s=%s", text[i].path, text[i].value);
    if (!rc && a->workers)
        rc = launch_set(l, c, d, "workers=%llu", (unsigned long long)a->workers);
    if (!rc)
        rc = launch_set_list(l, c, d, "capture.pairs", &a->pair);
    return rc ? rc : launch_set_list(l, c, d, "capture.interfaces", &a->iface);
}

/* ------------------------------------------------------------------ -r */

struct words {
    char *v[3 * TEXTS_MOST];
    int n;
};

static void add(struct words *w, const char *option, const char *value)
{
    if (!value || w->n + 2 >= (int)ARRAY_LEN(w->v))
        return;
    if (option)
        w->v[w->n++] = strdup(option);
    w->v[w->n++] = strdup(value);
}

static void add_all(struct words *w, const char *option, const struct texts *t)
{
    for (unsigned i = 0; i < t->n; i++)
        add(w, option, t->v[i]);
}

static int replay(const struct run_args *a)
{
    struct words *w = calloc(1, sizeof(*w));
    char number[24];
    if (!w)
        return 1;
    add(w, NULL, "replay");
    add(w, "-r", a->capture);
    add(w, "-c", a->config);
    add(w, "-l", a->log_dir);
    add(w, "-k", a->csum);
    add_all(w, "-S", &a->only);
    add_all(w, "-s", &a->more);
    add_all(w, "--set", &a->set);
    add(w, "--runmode", a->runmode);
    add(w, "--data-dir", a->data_dir);
    add(w, "-F", a->bpf_file);
    add(w, NULL, a->recursive ? "--pcap-file-recursive" : NULL);
    add(w, NULL, a->delete_after ? "--pcap-file-delete" : NULL);
    add(w, NULL, a->follow ? "--pcap-file-continuous" : NULL);
    add(w, "--dialect", a->dialect);
    add(w, "--config-format", a->format);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)a->workers);
    add(w, "--workers", a->workers ? number : NULL);
    add(w, NULL, a->test ? "-T" : NULL);
    add(w, NULL, a->simulate ? "--simulate-ips" : NULL);
    add(w, NULL, a->fatal ? "--init-errors-fatal" : NULL);
    add(w, NULL, a->no_cache ? "--no-cache" : NULL);
    add(w, NULL, a->verbose ? "-v" : NULL);
    add(w, NULL, a->filter);
    int status = cmd_replay(w->n, w->v);
    for (int i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w);
    return status;
}

/* ------------------------------------------------------------------ */

static int check(struct run_args *a)
{
    bool queues = a->queue && *a->queue;
    if (queues && (a->capture || a->iface.n || a->pair.n))
        return bad("--queue stands alone: neither -r nor -i nor --pair", NULL);
    if (a->csum && strcmp(a->csum, "all") && strcmp(a->csum, "none"))
        return bad("-k takes all or none", a->csum);
    const char *const joined[] = {a->af_packet, a->pcap};
    for (unsigned i = 0; i < 2; i++)
        if (joined[i] && *joined[i] && a->iface.n < TEXTS_MOST)
            a->iface.v[a->iface.n++] = joined[i];
    if (a->runmode && strcmp(a->runmode, "single") && strcmp(a->runmode, "workers") &&
        strcmp(a->runmode, "autofp"))
        return bad("--runmode takes single, workers or autofp", a->runmode);
    if (a->runmode && !strcmp(a->runmode, "single") && !a->workers)
        a->workers = 1;
    if (a->workers > SENSOR_WORKERS)
        return bad("--workers takes 1 to 64", NULL);
    if (a->capture && (a->iface.n || a->pair.n))
        return bad("either -r or -i", NULL);
    if (a->pair.n && a->iface.n)
        return bad("either -i (mirror ports) or --pair (in the wire)", NULL);
    if (a->mode && strcmp(a->mode, "af-packet") && strcmp(a->mode, "af-xdp"))
        return bad("--mode takes af-packet or af-xdp", a->mode);
    if (((a->mode && queues) || ((a->mode || a->inline_test) && !a->pair.n && !queues)) && !a->config)
        return bad("--mode is for --pair, --inline-test for --pair and --queue", NULL);
    if (a->simulate && !a->capture)
        return bad("--simulate-ips is for -r: what a mirror port shows can't be held back "
                   "(--response answers it)",
                   NULL);
    return 0;
}

static int start(struct run_args *a, int dialect)
{
    struct launch l = {.config = a->config, .set = &a->set, .only = &a->only, .more = &a->more, .adjust = adjust, .ctx = a};
    if (a->format && format_of(a->format, &l.format))
        return 2;
    if (!a->config && guess(a))
        return 1;
    struct sensor_options o = {
        .configure = launch_configure,
        .ctx = &l,
        .only = a->only.v,
        .n_only = a->only.n,
        .more = a->more.v,
        .n_more = a->more.n,
        .dialect = (enum rule_dialect)dialect,
        .check_csum = a->csum ? !strcmp(a->csum, "all") : -1,
        .fatal = a->fatal,
        .test = a->test,
        .starting = a->starting,
    };
    return sensor_run(&o);
}

static int about(struct run_args *a)
{
    struct launch l = {.config = a->config, .set = &a->set, .only = &a->only, .more = &a->more, .adjust = adjust, .ctx = a};
    struct arena mem;
    struct diags d;
    if (a->format && format_of(a->format, &l.format))
        return 2;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    struct conf *c = a->about.config ? launch_configure(&l, &d) : NULL;
    for (const struct diag *x = d.first; x; x = x->next)
        log_at(x->level == DIAG_ERROR ? LOG_AT_ERROR : LOG_AT_WARNING, "run", "%s", x->reason);
    int status = a->about.config && !c ? 1 : about_print(&a->about, c);
    conf_free(c);
    arena_done(&mem);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct run_args *a = calloc(1, sizeof(*a));
    struct texts rest = {.n = 0};
    int dialect = DIALECT_AUTO, status = 2;
    if (!a)
        return 1;
    if (options_parse("run", rows, ARRAY_LEN(rows), a, argc, argv, &rest) || (!a->help && check(a)))
        goto out;
    if (about_asked(&a->about)) {
        status = about(a);
        goto out;
    }
    if (a->help || (!a->config && !a->iface.n && !a->pair.n && !(a->queue && *a->queue) && !a->capture && !a->test)) {
        options_help(usage, rows, ARRAY_LEN(rows));
        status = a->help ? 0 : 2;
        goto out;
    }
    if (a->dialect && (dialect = rule_dialect_find(str_cstr(a->dialect))) < 0) {
        (void)bad("--dialect takes snort2, snort3 or suricata", a->dialect);
        goto out;
    }
    a->filter = rest.n ? launch_join(&rest) : NULL;
    status = a->capture ? replay(a) : start(a, dialect);
out:
    free(a->filter);
    free(a->home);
    free(a->rules);
    free(a->starting);
    free(a);
    return status;
}
