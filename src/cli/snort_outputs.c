/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The outputs that the command line of Snort 2 asks for (-A, -K, -b, -L, -N, -s, -v), in place of the file's. */
#include "cli/launch.h"
#include "cli/snort_args.h"

#include "base/str.h"

#include <string.h>

/* Which of the two an entry of `outputs` is. */
static bool is_alerts(const char *name)
{
    static const char *const names[] = {"fast",   "full",           "console",
                                        "syslog", "unified2-alert", "eve-log", "csv"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static bool is_packets(const char *name)
{
    return !strcmp(name, "pcap-log") || !strcmp(name, "packets");
}

struct outputs {
    struct launch *l;
    struct conf *c;
    struct diags *d;
    unsigned n;           /* entries of the list */
    bool alerts, packets; /* the configuration has some */
};

/* unified2 has both: what is left of it is the other kind, or nothing. */
static int turn_off_unified2(struct outputs *o, unsigned k, const struct conf_node *n, bool alerts)
{
    const char *records = conf_sub_str(n, "records", "all");
    const char *mine = alerts ? "alerts" : "packets", *other = alerts ? "packets" : "alerts";
    if (!strcmp(records, other))
        return 0;
    return strcmp(records, mine) ? launch_set(o->l, o->c, o->d, "outputs.%u.unified2.records=%s", k, other)
                                 : launch_set(o->l, o->c, o->d, "outputs.%u.unified2.enabled=no", k);
}

/* The command line's word counts for more than the file's: those of a kind go off. */
static int turn_off(struct outputs *o, bool alerts)
{
    const struct conf_node *list = conf_node(o->c, "outputs");
    int rc = 0;
    unsigned k = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next, k++) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        if (conf_sub_str(n, "ruletype", NULL))
            continue; /* of an action of the configuration's own */
        if (!strcmp(name, "unified2"))
            rc = turn_off_unified2(o, k, n, alerts);
        else if (is_alerts(name) == alerts && (alerts || is_packets(name)))
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
        if (!conf_sub_bool(n, "enabled", false) || conf_sub_str(n, "ruletype", NULL))
            continue;
        const char *records = strcmp(name, "unified2") ? "none" : conf_sub_str(n, "records", "all");
        o->alerts |= is_alerts(name) || !strcmp(records, "all") || !strcmp(records, "alerts");
        o->packets |= is_packets(name) || !strcmp(records, "all") || !strcmp(records, "packets");
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

/* Packets as text, as -d, -e, -X, -C and -a say. */
static int put_packets(struct outputs *o, const struct snort_args *a, const char *which, bool by_host)
{
    const struct {
        const char *key;
        bool on;
    } shown[] = {{"payload", a->show_payload}, {"link", a->show_link}, {"raw", a->show_raw},
                 {"chars", a->show_chars},     {"arp", a->show_arp},   {"by-host", by_host}};
    int rc = put(o, "packets", by_host ? NULL : "-", "conditional", which);
    for (size_t i = 0; i < ARRAY_LEN(shown) && !rc; i++)
        if (shown[i].on)
            rc = launch_set(o->l, o->c, o->d, "outputs.%u.packets.%s=yes", o->n - 1, shown[i].key);
    if (!rc && by_host && a->home)
        rc = launch_set(o->l, o->c, o->d, "outputs.%u.packets.home=%s", o->n - 1, a->home);
    return rc;
}

static int adjust_logs(struct outputs *o, const struct snort_args *a)
{
    bool none = a->no_log || (a->packets && !strcmp(a->packets, "none"));
    bool ascii = !none && a->packets && !strcmp(a->packets, "ascii") && !a->binary;
    bool pcap = a->binary || a->log_name || (a->packets && !none && !ascii);
    const char *which = a->config ? "alerts" : "all";
    int rc = 0;
    if (none) {
        rc = turn_off(o, false);
        return rc ? rc : launch_set(o->l, o->c, o->d, "event.log-packets=no");
    }
    if (!a->config && !a->log_dir && !pcap && !ascii)
        return 0; /* a sniffer */
    if (!pcap && !ascii && o->packets)
        return 0;
    /* cmg shows packets itself and logs none. */
    if (!pcap && !ascii && a->alert && !strcmp(a->alert, "cmg"))
        return 0;
    rc = turn_off(o, false);
    if (!rc && ascii)
        return put_packets(o, a, which, true);
    if (!rc)
        rc = put(o, "pcap-log", a->log_name ? a->log_name : "snort.log", "conditional", which);
    return rc ? rc : launch_set(o->l, o->c, o->d, "outputs.%u.pcap-log.flows=no", o->n - 1);
}

static int adjust_packets(struct outputs *o, const struct snort_args *a)
{
    int rc = adjust_logs(o, a);
    return !rc && a->verbose ? put_packets(o, a, "all", false) : rc;
}

/* Without -c Snort shows or logs packets and judges nothing: none of the stock outputs. */
static int none_of_stock(struct outputs *o)
{
    const struct conf_node *list = conf_node(o->c, "outputs");
    int rc = 0;
    unsigned k = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next, k++) {
        const char *name;
        (void)conf_item(i, &name);
        rc = launch_set(o->l, o->c, o->d, "outputs.%u.%s.enabled=no", k, name);
    }
    return rc;
}

bool snort_alert_mode(const char *name, const char **warning)
{
    const struct mode *m = mode_of(name);
    *warning = m ? m->warning : NULL;
    return m;
}

int snort_outputs(struct launch *l, const struct snort_args *a, struct conf *c, struct diags *d)
{
    struct outputs o = {.l = l, .c = c, .d = d};
    int rc = a->config ? 0 : none_of_stock(&o);
    look(&o);
    if (!rc && a->config)
        rc = adjust_alerts(&o, a);
    return rc ? rc : adjust_packets(&o, a);
}
