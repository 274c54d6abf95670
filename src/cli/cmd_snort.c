/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte snort: the Snort 2 way of life.  Its options become settings of the same meaning. */
#include "cli/cli.h"
#include "cli/launch.h"

#include "base/log.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snort_args {
    const char *alert, *config, *log_dir, *packets, *csum, *count, *user, *group, *umask, *home,
        *mask, *event_base, *bpf_file, *pid_path, *pid_suffix, *snaplen, *log_name, *control,
        *response;
    struct texts iface, capture, var, empty, set;
    bool binary, background, no_log, syslog, year, iface_in_alert, utc, quiet, test, verbose,
        no_promisc, obfuscate, pidfile, fatal, help, version;
    /* made of them */
    char *filter, *pid_name;
};
#define AT(member) offsetof(struct snort_args, member)
static const struct opt rows[] = {
    {"A", NULL, "MODE", OPT_TEXT, AT(alert),
     "alerts: fast, full, none, console, cmg, unsock, test"},
    {"b", NULL, NULL, OPT_FLAG, AT(binary), "packets of alerts as pcap (snort.log.TIME)"},
    {"c", NULL, "FILE", OPT_TEXT, AT(config), "snort.conf"},
    {"D", NULL, NULL, OPT_FLAG, AT(background), "run in the background"},
    {"F", NULL, "FILE", OPT_TEXT, AT(bpf_file), "BPF filter from a file"},
    {"g", NULL, "GROUP", OPT_TEXT, AT(group), "engine and logger run as this group"},
    {"G", "event-id-base", "ID", OPT_EMPTY, AT(empty), NULL},
    {"h", NULL, "NET", OPT_TEXT, AT(home), "home network"},
    {"i", NULL, "IF", OPT_LIST, AT(iface), "watch this port"},
    {"I", NULL, NULL, OPT_FLAG, AT(iface_in_alert), "name the port in alerts"},
    {"k", NULL, "MODE", OPT_TEXT, AT(csum),
     "checksums: all, none (noip, notcp, noudp, noicmp: all are tested)"},
    {"K", NULL, "MODE", OPT_TEXT, AT(packets), "packets: pcap, none (ascii: pcap is written)"},
    {"l", NULL, "DIR", OPT_TEXT, AT(log_dir),
     "folder of the outputs (default: as configured, else /var/log/snort)"},
    {"L", NULL, "NAME", OPT_TEXT, AT(log_name), "name of the pcap file (default: snort.log)"},
    {"m", NULL, "MASK", OPT_TEXT, AT(umask), "umask"},
    {"n", NULL, "N", OPT_TEXT, AT(count), "end after N packets"},
    {"N", NULL, NULL, OPT_FLAG, AT(no_log), "log no packets"},
    {"O", NULL, NULL, OPT_FLAG, AT(obfuscate), "hide addresses in text logs"},
    {"B", NULL, "MASK", OPT_TEXT, AT(mask), "hide addresses (they are hidden whole)"},
    {"p", NULL, NULL, OPT_FLAG, AT(no_promisc), "not promiscuous"},
    {"P", NULL, "BYTES", OPT_TEXT, AT(snaplen), "bytes kept of a frame"},
    {"q", NULL, NULL, OPT_FLAG, AT(quiet), "fewer messages"},
    {"r", NULL, "FILE", OPT_LIST, AT(capture), "read a capture file"},
    {"R", NULL, "SUFFIX", OPT_TEXT, AT(pid_suffix), "suffix of the pid file's name"},
    {"s", NULL, NULL, OPT_FLAG, AT(syslog), "alerts to syslog"},
    {"S", NULL, "VAR=VALUE", OPT_LIST, AT(var), "set a variable"},
    {"T", NULL, NULL, OPT_FLAG, AT(test), "test configuration and rules, then end"},
    {"u", NULL, "USER", OPT_TEXT, AT(user), "engine and logger run as this user"},
    {"U", NULL, NULL, OPT_FLAG, AT(utc), "times in UTC"},
    {"v", NULL, NULL, OPT_FLAG, AT(verbose), "more messages"},
    {"V", "version", NULL, OPT_FLAG, AT(version), "print the version"},
    {"y", NULL, NULL, OPT_FLAG, AT(year), "year in times"},
    {"", "pid-path", "DIR", OPT_TEXT, AT(pid_path), "folder of the pid file (default: /var/run)"},
    {"", "create-pidfile", NULL, OPT_FLAG, AT(pidfile), "write a pid file also in the foreground"},
    {"", "response", "IF", OPT_TEXT, AT(response),
     "port that resets leave by (also: config flexresp2_interface)"},
    {"", "control", "PATH", OPT_TEXT, AT(control),
     "control socket (default: /run/riposte/snort-IF.sock)"},
    {"", "set", "KEY=VALUE", OPT_LIST, AT(set), "override a setting of Riposte"},
    {"", "init-errors-fatal", NULL, OPT_FLAG, AT(fatal),
     "a rule that can't be loaded ends the start"},
    {"?", "help", NULL, OPT_FLAG, AT(help), "this text"},
    {"", NULL, NULL, OPT_HEAD, 0, "Taken and without meaning here:"},
    {"a", NULL, NULL, OPT_EMPTY, AT(empty), "ARP packets"},
    {"C", NULL, NULL, OPT_EMPTY, AT(empty), "payload as text only"},
    {"d", NULL, NULL, OPT_EMPTY, AT(empty), "payload in text logs (full and cmg have it)"},
    {"e", NULL, NULL, OPT_EMPTY, AT(empty), "link layer in text logs (full and cmg have it)"},
    {"f", NULL, NULL, OPT_EMPTY, AT(empty), "no line buffering"},
    {"H", NULL, NULL, OPT_EMPTY, AT(empty), "fixed hashes"},
    {"M", NULL, NULL, OPT_EMPTY, AT(empty), "messages to syslog"},
    {"o", NULL, NULL, OPT_EMPTY, AT(empty), "order of rules"},
    {"t", NULL, "DIR", OPT_EMPTY, AT(empty), "chroot (the children see no files anyway)"},
    {"x", NULL, NULL, OPT_EMPTY, AT(empty), "end on bad settings"},
    {"X", NULL, NULL, OPT_EMPTY, AT(empty), "whole frame in text logs"},
    {"Z", "perfmon-file", "FILE", OPT_EMPTY, AT(empty), "performance monitor"},
    {"", "nolock-pidfile", NULL, OPT_EMPTY, AT(empty), "pid file without lock (it has none)"},
    {"", "no-interface-pidfile", NULL, OPT_EMPTY, AT(empty), "pid file without the port's name"},
};
static const char usage[] =
    "usage: riposte snort [options] [BPF filter]\n\n"
    "The command line of Snort 2.  Two of them may watch two ports side by side.";

static int bad(const char *what, const char *value)
{
    log_at(LOG_AT_ERROR, "snort", "%s%s%s (riposte snort --help lists the options)", what,
           value ? ": " : "", value ? value : "");
    return -EINVAL;
}

/* ------------------------------------------------------------------ outputs */

/* Which of the two an entry of `outputs` is. */
static bool is_alerts(const char *name)
{
    static const char *const names[] = {"fast",   "full",           "console",
                                        "syslog", "unified2-alert", "eve-log"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

struct outputs {
    struct launch *l;
    struct conf *c;
    struct diags *d;
    unsigned n;           /* entries of the list */
    bool alerts, packets; /* the configuration has some */
};

/* The command line's word counts for more than the file's: those of a kind go off. */
static int turn_off(struct outputs *o, bool alerts)
{
    const struct conf_node *list = conf_node(o->c, "outputs");
    int rc = 0;
    unsigned k = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next, k++) {
        const char *name;
        (void)conf_item(i, &name);
        if (is_alerts(name) == alerts && (alerts || !strcmp(name, "pcap-log")))
            rc = launch_set(o->l, o->c, o->d, "outputs.%u.%s.enabled=no", k, name);
    }
    return rc;
}

static int put(struct outputs *o, const char *name, const char *filename, const char *key,
               const char *value)
{
    unsigned k = o->n++;
    int rc = launch_set(o->l, o->c, o->d, "outputs.%u.%s.enabled=yes", k, name);
    if (!rc && filename)
        rc = launch_set(o->l, o->c, o->d, "outputs.%u.%s.filename=%s", k, name, filename);
    if (!rc && key)
        rc = launch_set(o->l, o->c, o->d, "outputs.%u.%s.%s=%s", k, name, key, value);
    return rc;
}

static const struct mode {
    const char *mode, *output, *filename, *key, *value, *warning;
} modes[] = {
    {"fast", "fast", "alert", "format", "snort", NULL},
    {"full", "full", "alert", NULL, NULL, NULL},
    {"none", NULL, NULL, NULL, NULL, NULL},
    {"console", "console", NULL, "format", "fast", NULL},
    {"console:fast", "console", NULL, "format", "fast", NULL},
    {"console:full", "console", NULL, "format", "full", NULL},
    {"cmg", "console", NULL, "format", "cmg", NULL},
    {"unsock", "fast", "snort_alert", "filetype", "unix_dgram",
     "-A unsock: lines of text go to LOGDIR/snort_alert, not Snort's struct"},
    {"test", "fast", "alert", "format", "snort", "-A test: written as fast"},
};

static const struct mode *mode_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (!strcmp(modes[i].mode, name))
            return &modes[i];
    return NULL;
}

static void look(struct outputs *o)
{
    const struct conf_node *list = conf_node(o->c, "outputs");
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next, o->n++) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        if (!conf_sub_bool(n, "enabled", false))
            continue;
        o->alerts |= is_alerts(name) || !strcmp(name, "unified2");
        o->packets |= !strcmp(name, "pcap-log") || !strcmp(name, "unified2");
    }
}

static int adjust_alerts(struct outputs *o, const struct snort_args *a)
{
    const struct mode *m = a->alert ? mode_of(a->alert) : NULL;
    int rc = 0;
    if (!m && !a->syslog && o->alerts)
        return 0;
    if (!m && !a->syslog)
        m = mode_of("full");
    rc = turn_off(o, true);
    if (!rc && m && m->output)
        rc = put(o, m->output, m->filename, m->key, m->value);
    if (!rc && m && !strcmp(m->mode, "unsock"))
        rc = launch_set(o->l, o->c, o->d, "outputs.%u.fast.format=snort", o->n - 1);
    if (!rc && a->syslog)
        rc = put(o, "syslog", NULL, "facility", "auth");
    return rc;
}

static int adjust_packets(struct outputs *o, const struct snort_args *a)
{
    bool none = a->no_log || (a->packets && !strcmp(a->packets, "none"));
    bool pcap = a->binary || a->log_name || (a->packets && !none);
    int rc = 0;
    if (none) {
        rc = turn_off(o, false);
        return rc ? rc : launch_set(o->l, o->c, o->d, "event.log-packets=no");
    }
    if (!pcap && o->packets)
        return 0;
    /* cmg shows packets itself and logs none. */
    if (!pcap && a->alert && !strcmp(a->alert, "cmg"))
        return 0;
    rc = turn_off(o, false);
    return rc ? rc
              : put(o, "pcap-log", a->log_name ? a->log_name : "snort.log", "conditional",
                    "alerts");
}

/* ------------------------------------------------------------------ the rest */

/* A list of ports has nothing that an address has. */
static bool looks_like_ports(const char *v)
{
    return *v && strspn(v, "0123456789:,![] ") == strlen(v) && strcmp(v, "any") != 0 &&
           !strstr(v, "::");
}

static int adjust_vars(struct launch *l, const struct snort_args *a, struct conf *c,
                       struct diags *d)
{
    int rc = 0;
    if (a->home)
        rc = launch_set(l, c, d, "vars.address-groups.HOME_NET=%s", a->home);
    for (unsigned i = 0; i < a->var.n && !rc; i++) {
        const char *eq = strchr(a->var.v[i], '=');
        if (!eq || eq == a->var.v[i])
            return bad("-S takes VAR=VALUE", a->var.v[i]);
        rc = launch_set(l, c, d, "vars.%s-groups.%s", looks_like_ports(eq + 1) ? "port" : "address",
                        a->var.v[i]);
    }
    return rc;
}

static int adjust(struct launch *l, void *ctx, struct conf *c, struct diags *d)
{
    struct snort_args *a = ctx;
    const char *dir = conf_str(c, "default-log-dir");
    bool dir_given = dir && strcmp(dir, ".") && strcmp(dir, setting_find("default-log-dir")->dflt);
    const char *iface = a->iface.n ? a->iface.v[0] : "default";
    const struct {
        const char *path, *value;
    } text[] = {
        {"default-log-dir", a->log_dir  ? a->log_dir
                            : dir_given ? NULL
                                        : "/var/log/snort"},
        {"capture.bpf-filter", a->filter},
        {"capture.bpf-file", a->bpf_file},
        {"capture.packet-count", a->count},
        {"capture.snaplen", a->snaplen},
        {"capture.promiscuous", a->no_promisc ? "no" : NULL},
        {"run-as.user", a->user},
        {"run-as.group", a->group},
        {"umask", a->umask},
        {"daemon", a->background ? "yes" : NULL},
        {"quiet", a->quiet ? "yes" : NULL},
        {"verbose", a->verbose ? "yes" : NULL},
        {"event.utc", a->utc ? "yes" : NULL},
        {"event.year", a->year ? "yes" : NULL},
        {"event.interface-in-alert", a->iface_in_alert ? "yes" : NULL},
        {"event.obfuscate", a->obfuscate || a->mask ? "yes" : NULL},
        {"pid-file", a->pid_name},
        {"control.socket", a->control},
        {"response.interface", a->response},
    };
    struct outputs o = {.l = l, .c = c, .d = d};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(text) && !rc; i++)
        if (text[i].value)
            rc = launch_set(l, c, d, "%s=%s", text[i].path, text[i].value);
    if (!rc && !a->capture.n)
        rc = launch_set(l, c, d, "vips.name=snort-%s", iface);
    if (!rc)
        rc = adjust_vars(l, a, c, d);
    if (!rc)
        rc = launch_set_list(l, c, d, "capture.interfaces", &a->iface);
    look(&o);
    if (!rc)
        rc = adjust_alerts(&o, a);
    return rc ? rc : adjust_packets(&o, a);
}

static int check(const struct snort_args *a)
{
    static const char *const csums[] = {"all", "noip", "notcp", "noudp", "noicmp", "none"};
    bool ok = !a->csum;
    for (size_t i = 0; i < ARRAY_LEN(csums); i++)
        ok |= a->csum && !strcmp(a->csum, csums[i]);
    if (!ok)
        return bad("-k takes all, none, noip, notcp, noudp or noicmp", a->csum);
    if (a->alert && !mode_of(a->alert))
        return bad("-A takes fast, full, none, console, cmg, unsock or test", a->alert);
    if (a->packets && strcmp(a->packets, "pcap") && strcmp(a->packets, "ascii") &&
        strcmp(a->packets, "none"))
        return bad("-K takes pcap, ascii or none", a->packets);
    if (a->capture.n && a->iface.n)
        return bad("either -r or -i", NULL);
    if (a->capture.n > 1)
        return bad("one -r at a time", a->capture.v[1]);
    return 0;
}

/* What was taken and does not do what it did. */
static void warn(const struct snort_args *a)
{
    char text[512] = "";
    size_t at = 0;
    for (unsigned i = 0; i < a->empty.n && at < sizeof(text); i++) {
        const char *name = a->empty.v[i];
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", i ? ", " : "",
                               strlen(name) == 1 ? "-" : "--", name);
    }
    if (a->quiet)
        return;
    if (text[0])
        log_at(LOG_AT_WARNING, "snort", "without meaning here: %s", text);
    if (a->alert && mode_of(a->alert)->warning)
        log_at(LOG_AT_WARNING, "snort", "%s", mode_of(a->alert)->warning);
    if (a->packets && !strcmp(a->packets, "ascii"))
        log_at(LOG_AT_WARNING, "snort", "-K ascii: packets are written as pcap");
    if (a->csum && !strncmp(a->csum, "no", 2) && strcmp(a->csum, "none"))
        log_at(LOG_AT_WARNING, "snort", "-k %s: all checksums are tested", a->csum);
    if (a->mask)
        log_at(LOG_AT_WARNING, "snort", "-B %s: addresses are hidden whole", a->mask);
}

static int replay(struct snort_args *a)
{
    static struct texts kept; /* assignments live as long as the program */
    struct launch l = {
        .config = a->config, .set = &a->set, .adjust = adjust, .ctx = a, .kept = &kept};
    struct arena mem;
    struct diags d;
    char *v[3 * TEXTS_MOST];
    int n = 0;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    struct conf *c = launch_configure(&l, &d);
    for (const struct diag *x = d.first; x && !c; x = x->next)
        log_at(LOG_AT_ERROR, "snort", "%s", x->reason);
    char *dir = c ? strdup(conf_str(c, "default-log-dir")) : NULL;
    conf_free(c);
    arena_done(&mem);
    if (!dir)
        return 1;
    const char *const fixed[] = {"replay", "-r", a->capture.v[0], "-l", dir};
    const char *const maybe[][2] = {
        {"-c", a->config},
        {"-k", a->csum ? (!strcmp(a->csum, "none") ? "none" : "all") : NULL},
        {"--dialect", "snort2"}};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        v[n++] = strdup(fixed[i]);
    for (size_t i = 0; i < ARRAY_LEN(maybe); i++)
        for (unsigned k = 0; k < 2 && maybe[i][1]; k++)
            v[n++] = strdup(maybe[i][k]);
    for (unsigned i = 0; i < a->set.n + kept.n && n + 4 < (int)ARRAY_LEN(v); i++) {
        v[n++] = strdup("--set");
        v[n++] = strdup(i < a->set.n ? a->set.v[i] : kept.v[i - a->set.n]);
    }
    if (a->test)
        v[n++] = strdup("-T");
    if (a->fatal)
        v[n++] = strdup("--init-errors-fatal");
    if (a->filter)
        v[n++] = strdup(a->filter);
    int status = cmd_replay(n, v);
    for (int i = 0; i < n; i++)
        free(v[i]);
    free(dir);
    return status;
}

static int start(struct snort_args *a)
{
    struct launch l = {.config = a->config, .set = &a->set, .adjust = adjust, .ctx = a};
    struct sensor_options o = {
        .configure = launch_configure,
        .ctx = &l,
        .dialect = DIALECT_SNORT2,
        .check_csum = a->csum ? strcmp(a->csum, "none") != 0 : -1,
        .fatal = a->fatal,
        .test = a->test,
    };
    if (!a->config)
        log_at(LOG_AT_WARNING, "snort", "no -c: there are no rules, and nothing is alerted");
    return sensor_run(&o);
}

static char *pid_name(const struct snort_args *a)
{
    char path[PATH_MAX];
    if (!a->background && !a->pidfile)
        return NULL;
    snprintf(path, sizeof(path), "%s/snort_%s%s.pid", a->pid_path ? a->pid_path : "/var/run",
             a->iface.n ? a->iface.v[0] : "", a->pid_suffix ? a->pid_suffix : "");
    return strdup(path);
}

int cmd_snort(int argc, char **argv)
{
    struct snort_args *a = calloc(1, sizeof(*a));
    struct texts rest = {.n = 0};
    int status = 2;
    if (!a)
        return 1;
    if (options_parse("snort", rows, ARRAY_LEN(rows), a, argc, argv, &rest) || check(a))
        goto out;
    if (a->version) {
        printf("riposte " RIPOSTE_VERSION ", with the command line of Snort 2\n");
        status = 0;
        goto out;
    }
    if (a->help || (!a->config && !a->iface.n && !a->capture.n)) {
        options_help(usage, rows, ARRAY_LEN(rows));
        status = a->help ? 0 : 2;
        goto out;
    }
    a->filter = rest.n ? launch_join(&rest) : NULL;
    a->pid_name = pid_name(a);
    warn(a);
    status = a->capture.n ? replay(a) : start(a);
out:
    free(a->filter);
    free(a->pid_name);
    free(a);
    return status;
}
