/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte snort: the Snort 2 way of life.  Its options become settings of the same meaning. */
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/snort_args.h"

#include "base/log.h"
#include "base/str.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS = 100000 };
static const char usage[] =
    "usage: riposte snort [options] [BPF filter]\n\n"
    "The command line of Snort 2.  Two of them may watch two ports side by side.";

const struct opt *snort_command_options(size_t *n, const char **text)
{
    *text = usage;
    return snort_options(n);
}

static int bad(const char *what, const char *value)
{
    log_at(LOG_AT_ERROR, "snort", "%s%s%s (riposte snort --help lists the options)", what,
           value ? ": " : "", value ? value : "");
    return -EINVAL;
}

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

/* -Q, or a DAQ that says so. */
static bool snort_in_wire(const struct snort_args *a)
{
    return !a->capture.n && (a->inline_mode || (a->daq_mode && !strcmp(a->daq_mode, "inline")));
}

#define BUFFER "buffer_size_mb="
static const struct texts alert_first = {
    {"activate", "dynamic", "drop", "sdrop", "reject", "alert", "pass", "log"}, 8};

/* The port that names the instance: of -i, else `config interface`. */
static const char *first_port(const struct snort_args *a, const struct conf *c)
{
    const struct conf_node *list = conf_node(c, "capture.interfaces");
    if (a->iface.n)
        return a->iface.v[0];
    return list && list->child && list->child->value ? list->child->value : NULL;
}

/* In the background, also where snort.conf says so, or with --create-pidfile. */
static const char *pid_name(const struct snort_args *a, const struct conf *c, char path[PATH_MAX])
{
    const char *port = first_port(a, c), *dir = a->pid_path ? a->pid_path : "/var/run", *suffix = a->pid_suffix ? a->pid_suffix : "";
    if (!a->background && !a->pidfile && (a->capture.n || !conf_bool(c, "daemon")))
        return NULL;
    if (a->pid_plain) /* snort.pid */
        snprintf(path, PATH_MAX, "%s/snort%s.pid", dir, suffix);
    else
        snprintf(path, PATH_MAX, "%s/snort_%s%s.pid", dir, port ? port : "", suffix);
    return path;
}

static int adjust(struct launch *l, void *ctx, struct conf *c, struct diags *d)
{
    struct snort_args *a = ctx;
    char pid[PATH_MAX];
    const char *dir = conf_str(c, "default-log-dir"), *inspect = conf_str(c, "stream.inspect");
    bool dir_given = dir && strcmp(dir, ".") && strcmp(dir, setting_find("default-log-dir")->dflt);
    const char *iface = first_port(a, c);
    const struct {
        const char *path, *value;
    } text[] = {
        {"default-log-dir", a->log_dir  ? a->log_dir
                            : dir_given ? NULL
                                        : "/var/log/snort"},
        {"capture.bpf-filter", a->filter},
        {"capture.bpf-file", a->bpf_file},
        {"capture.packet-count", a->count},
        /* The packet of an alert is the one that brought the bytes, as live. */
        {"stream.inspect", inspect && !strcmp(inspect, "auto") ? "arrival" : NULL},
        {"capture.snaplen", a->snaplen},
        {"capture.promiscuous", a->no_promisc ? "no" : NULL},
        {"run-as.user", a->user},
        {"run-as.group", a->group},
        {"umask", a->umask},
        {"daemon", a->background ? "yes" : NULL},
        {"quiet", a->quiet ? "yes" : NULL},
        {"event.utc", a->utc ? "yes" : NULL},
        {"event.year", a->year ? "yes" : NULL},
        {"event.interface-in-alert", a->iface_in_alert ? "yes" : NULL},
        {"event.obfuscate", a->obfuscate || a->mask ? "yes" : NULL},
        {"pid-file", pid_name(a, c, pid)},
        {"control.socket", a->control},
        {"response.interface", a->response},
        {"detect.process-all-events", a->all_events ? "yes" : NULL},
        {"response.on-drop", a->drop_alerts ? "none" : NULL},
        {"detect.checksum-mode", a->csum},
        {"capture.library", !a->daq                       ? NULL
                            : !strcmp(a->daq, "pcap")     ? "pcap"
                            : !strcmp(a->daq, "afpacket") ? "af-packet"
                                                          : NULL},
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(text) && !rc; i++)
        if (text[i].value)
            rc = launch_set(l, c, d, "%s=%s", text[i].path, text[i].value);
    if (!rc && !a->capture.n)
        rc = launch_set(l, c, d, "vips.name=snort-%s", iface ? iface : "default");
    if (!rc)
        rc = adjust_vars(l, a, c, d);
    if (!rc)
        rc = launch_set_list(l, c, d, snort_in_wire(a) ? "capture.pairs" : "capture.interfaces", &a->iface);
    if (!rc && snort_in_wire(a) && (a->inline_test || a->drop_alerts))
        rc = launch_set(l, c, d, "inline-test=yes");
    if (!rc && a->alert_first)
        rc = launch_set_list(l, c, d, "action-order", &alert_first);
    for (unsigned i = 0; i < a->daq_var.n && !rc; i++)
        if (!strncmp(a->daq_var.v[i], BUFFER, strlen(BUFFER)))
            rc = launch_set(l, c, d, "capture.ring-size=%smb", a->daq_var.v[i] + strlen(BUFFER));
    return rc ? rc : snort_outputs(l, a, c, d);
}

static bool reads_files(const struct snort_args *a)
{
    return a->capture.n || a->pcap_list.n || a->pcap_file.n || a->pcap_dir.n;
}

/* Who asks for a place in the wire must not believe that he has it. */
static int check_daq(const struct snort_args *a)
{
    static const char *const modes_known[] = {"passive", "inline", "read-file"};
    bool in_wire = a->inline_mode || (a->daq_mode && !strcmp(a->daq_mode, "inline"));
    bool known = !a->daq_mode;
    for (size_t i = 0; i < ARRAY_LEN(modes_known); i++)
        known |= a->daq_mode && !strcmp(a->daq_mode, modes_known[i]);
    if (!known)
        return bad("--daq-mode takes passive, inline or read-file", a->daq_mode);
    if (in_wire && !reads_files(a) && a->daq && strcmp(a->daq, "afpacket"))
        return bad("-Q: a pair in the wire is read by --daq afpacket", a->daq);
    if (in_wire && !reads_files(a) && !a->test && !a->iface.n)
        return bad("-Q: -i A:B names the pair of ports in the wire", NULL);
    if (a->daq && strcmp(a->daq, "pcap") && strcmp(a->daq, "afpacket") &&
        !(reads_files(a) && !strcmp(a->daq, "dump")))
        return bad("--daq takes afpacket or pcap; NFQUEUE, IPQ, IPFW and netmap are not here",
                   a->daq);
    for (unsigned i = 0; i < a->iface.n; i++)
        if (!strchr(a->iface.v[i], ':') != !in_wire)
            return in_wire ? bad("-Q: the ports in the wire are given as -i A:B", a->iface.v[i])
                           : bad("-i A:B is a pair in the wire and wants -Q; -i A -i B watches both as mirror ports",
                                 a->iface.v[i]);
    return 0;
}

static bool is_number(const char *s)
{
    uint64_t v;
    return str_u64(str_cstr(s), &v) && v < UINT32_MAX;
}

static const char *any_variable(void *ctx, bool port, const char *name)
{
    (void)ctx;
    (void)port;
    (void)name;
    return "10.0.0.1"; /* what it holds is not known yet */
}

/* -h: told by its option, before a configuration is read. */
static int check_home(const char *home)
{
    struct arena mem;
    struct diags d;
    struct ip_ranges r;
    char what[200] = "-h takes networks (10.0.0.0/8, [A,B], !A, $VAR)";
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    int rc = rules_resolve_addr(&mem, str_cstr(home), any_variable, NULL, &r, &d);
    if (rc && d.first)
        snprintf(what, sizeof(what), "-h: %.180s", d.first->reason);
    arena_done(&mem);
    return rc ? bad(what, home) : 0;
}

/* What names something of this host, also where nothing would use it (-r, -T). */
static int check_place(const struct snort_args *a)
{
    uint64_t mask;
    if (a->umask && (!str_u64_base(str_cstr(a->umask), 8, &mask) || mask > 0777))
        return bad("-m takes a umask, octal, 0 to 777", a->umask);
    if (a->user && !getpwnam(a->user) && !is_number(a->user))
        return bad("-u: there is no such user", a->user);
    if (a->group && !getgrnam(a->group) && !is_number(a->group))
        return bad("-g: there is no such group", a->group);
    return a->home ? check_home(a->home) : 0;
}

static int check(const struct snort_args *a)
{
    static const char *const csums[] = {"all", "noip", "notcp", "noudp", "noicmp", "none"};
    bool ok = !a->csum;
    for (size_t i = 0; i < ARRAY_LEN(csums); i++)
        ok |= a->csum && !strcmp(a->csum, csums[i]);
    if (!ok)
        return bad("-k takes all, none, noip, notcp, noudp or noicmp", a->csum);
    const char *warning;
    if (a->alert && !snort_alert_mode(a->alert, &warning))
        return bad("-A takes fast, full, none, console, cmg, unsock or test", a->alert);
    if (a->packets && strcmp(a->packets, "pcap") && strcmp(a->packets, "ascii") &&
        strcmp(a->packets, "none"))
        return bad("-K takes pcap, ascii or none", a->packets);
    if (reads_files(a) && a->iface.n)
        return bad("either -r or -i", NULL);
    if (a->loop > LOOPS)
        return bad("--pcap-loop takes 1 to 100000", NULL);
    int rc = check_place(a);
    return rc ? rc : check_daq(a);
}

static const char *empty_help(const char *name)
{
    size_t n;
    const struct opt *rows = snort_options(&n);
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind == OPT_EMPTY &&
            (!strcmp(rows[i].shorts, name) || (rows[i].name && !strcmp(rows[i].name, name))))
            return rows[i].help;
    return NULL;
}

/* What was taken and does not do what it did. */
static void warn(const struct snort_args *a)
{
    if (a->quiet)
        return;
    for (unsigned i = 0; i < a->empty.n; i++) {
        const char *name = a->empty.v[i], *help = empty_help(name);
        log_at(LOG_AT_WARNING, "snort", "without meaning here: %s%s%s%s%s",
               strlen(name) == 1 ? "-" : "--", name, help ? " (" : "", help ? help : "",
               help ? ")" : "");
    }
    for (unsigned i = 0; i < a->daq_var.n; i++)
        if (strncmp(a->daq_var.v[i], BUFFER, strlen(BUFFER)) != 0)
            log_at(LOG_AT_WARNING, "snort", "without meaning here: --daq-var %s", a->daq_var.v[i]);
    if (a->drop_alerts || a->inline_test)
        log_at(LOG_AT_NOTICE, "snort", "drop rules alert as [wDrop]; nothing is dropped");
    const char *warning;
    if (a->alert && snort_alert_mode(a->alert, &warning) && warning)
        log_at(LOG_AT_WARNING, "snort", "%s", warning);
    if (a->mask)
        log_at(LOG_AT_WARNING, "snort", "-B %s: addresses are hidden whole", a->mask);
}

static int replay(struct snort_args *a, const char *capture, bool folder)
{
    struct texts kept = {.n = 0};
    struct arena mem;
    struct launch l = {
        .config = a->config, .set = &a->set, .adjust = adjust, .ctx = a, .kept = &kept, .keep_in = &mem};
    struct diags d;
    char *v[3 * TEXTS_MOST];
    int n = 0;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    struct conf *c = launch_configure(&l, &d);
    const struct conf_rule_file *files;
    if (c && a->config && !conf_rule_files(c, &files) && !a->quiet)
        log_at(LOG_AT_WARNING, "snort", "no rules: nothing will be alerted");
    for (const struct diag *x = d.first; x && !c; x = x->next)
        log_at(LOG_AT_ERROR, "snort", "%s", x->reason);
    bool writes = a->config || a->log_dir || a->binary || a->log_name || a->packets;
    char *dir = c ? strdup(writes ? conf_str(c, "default-log-dir") : ".") : NULL;
    conf_free(c);
    if (!dir) {
        arena_done(&mem);
        return 1;
    }
    const char *const fixed[] = {"replay", "-r", capture, "-l", dir};
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
    if (a->quiet)
        v[n++] = strdup("-q");
    if (a->fatal)
        v[n++] = strdup("--init-errors-fatal");
    if (folder)
        v[n++] = strdup("--pcap-file-recursive");
    if (a->inline_mode || (a->daq_mode && !strcmp(a->daq_mode, "inline")))
        v[n++] = strdup("--simulate-ips");
    if (a->filter)
        v[n++] = strdup(a->filter);
    int status = cmd_replay(n, v);
    for (int i = 0; i < n; i++)
        free(v[i]);
    arena_done(&mem);
    free(dir);
    return status;
}

/* Several files: each begins anew, the outputs go on. */
static int replay_words(struct snort_args *a, const char *list)
{
    int status = 0;
    char *copy = strdup(list);
    for (char *p = copy, *w; p && (w = strsep(&p, " \t\r\n,"));)
        if (*w)
            status |= replay(a, w, false);
    free(copy);
    return status;
}

static int replay_named(struct snort_args *a, const char *file)
{
    char line[PATH_MAX];
    int status = 0;
    FILE *f = fopen(file, "re");
    if (!f)
        return bad("--pcap-file can't be read", file), 1;
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] && line[0] != '#')
            status |= replay(a, line, false);
    }
    (void)fclose(f);
    return status;
}

static int replay_all(struct snort_args *a)
{
    int status = 0;
    for (uint64_t turn = 0; turn < (a->loop ? a->loop : 1) && !status; turn++) {
        for (unsigned i = 0; i < a->capture.n; i++)
            status |= replay(a, a->capture.v[i], false);
        for (unsigned i = 0; i < a->pcap_list.n; i++)
            status |= replay_words(a, a->pcap_list.v[i]);
        for (unsigned i = 0; i < a->pcap_file.n; i++)
            status |= replay_named(a, a->pcap_file.v[i]);
        for (unsigned i = 0; i < a->pcap_dir.n; i++)
            status |= replay(a, a->pcap_dir.v[i], true);
    }
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
    if (!a->config && !a->quiet)
        log_at(LOG_AT_NOTICE, "snort", "no -c: packets are %s, nothing is judged", a->verbose ? "shown" : "logged");
    return sensor_run(&o);
}

static int list(const struct snort_args *a)
{
    if (a->daq_list)
        printf("afpacket(v1): live\npcap(v1): live, readback\n");
    struct if_nameindex *all = a->list_ports ? if_nameindex() : NULL;
    for (const struct if_nameindex *i = all; i && i->if_index; i++)
        printf("%u\t%s\n", i->if_index, i->if_name);
    if (all)
        if_freenameindex(all);
    return 0;
}

int cmd_snort(int argc, char **argv)
{
    struct snort_args *a = calloc(1, sizeof(*a));
    struct texts rest = {.n = 0};
    int status = 2;
    size_t n_rows;
    const struct opt *rows = snort_options(&n_rows);
    if (!a)
        return 1;
    if (options_parse("snort", rows, n_rows, a, argc, argv, &rest) || check(a))
        goto out;
    if (a->version) {
        printf("riposte " RIPOSTE_VERSION ", with the command line of Snort 2\n");
        status = 0;
        goto out;
    }
    if (a->daq_list || a->list_ports) {
        status = list(a);
        goto out;
    }
    if (a->help || (!a->config && !a->iface.n && !reads_files(a))) {
        options_help(usage, rows, n_rows);
        status = a->help ? 0 : 2;
        goto out;
    }
    /* -d, -e and -X alone ask for a sniffer, too; so does nothing at all. */
    a->verbose |= !a->config && !a->log_dir && !a->binary && !a->log_name && !a->packets;
    a->filter = rest.n ? launch_join(&rest) : NULL;
    warn(a);
    status = reads_files(a) ? replay_all(a) : start(a);
out:
    free(a->filter);
    free(a);
    return status;
}
