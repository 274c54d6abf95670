/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output NAME: one entry of the list `outputs`, in the order of the file. */
#include "config/snort.h"

#include <errno.h>
#include <string.h>

/* file [packet] [limit]: alert_fast, alert_full, log_tcpdump. */
static int out_file(struct snort *s, struct conf_node *map, struct str args)
{
    struct str name = snort_word(&args);
    int rc = name.n ? snort_put(s, map, "filename", name) : 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        uint64_t bytes;
        if (str_size(w, &bytes))
            rc = snort_put(s, map, "rotate-size", w);
        else
            snort_warn(s, "output: unknown option %.*s", (int)u32_min(w.n, 60), (const char *)w.p);
    }
    return rc;
}

/* [host=H[:P],] LOG_FACILITY LOG_PRIORITY LOG_OPTIONS */
static int out_syslog(struct snort *s, struct conf_node *map, struct str args)
{
    static const char *const levels[] = {"EMERG",   "ALERT",  "CRIT", "ERR",
                                         "WARNING", "NOTICE", "INFO", "DEBUG"};
    static const char *const options[] = {"CONS", "NDELAY", "PERROR", "PID", "NOWAIT", "ODELAY"};
    int rc = 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        if (str_starts(w, STR("host="))) {
            rc = snort_put(s, map, "host", str_skip(w, 5));
            continue;
        }
        struct str name = str_istarts(w, STR("LOG_")) ? str_skip(w, 4) : w;
        bool level = false, option = false;
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
            level |= str_ieq(name, str_cstr(levels[i]));
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
            option |= str_ieq(name, str_cstr(options[i]));
        uint8_t lower[32];
        uint32_t n = u32_min(name.n, sizeof(lower));
        for (uint32_t i = 0; i < n; i++)
            lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i];
        if (!option)
            rc = snort_put(s, map, level ? "level" : "facility", str_of(lower, n));
    }
    return rc;
}

/* filename F, limit MB, nostamp, mpls_event_types, vlan_event_types */
static int out_unified2(struct snort *s, struct conf_node *map, struct str args)
{
    int rc = 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        if (str_eq(w, STR("filename"))) {
            rc = snort_put(s, map, "filename", snort_word(&args));
        } else if (str_eq(w, STR("limit"))) {
            struct sbuf b;
            sbuf_init(&b);
            sbuf_str(&b, snort_word(&args));
            sbuf_cstr(&b, " MiB");
            rc = b.failed ? -ENOMEM : snort_put(s, map, "limit", sbuf_view(&b));
            sbuf_done(&b);
        } else if (str_eq(w, STR("nostamp"))) {
            rc = snort_put(s, map, "nostamp", STR("yes"));
        } else if (str_eq(w, STR("vlan_event_types")) || str_eq(w, STR("mpls_event_types"))) {
            rc = snort_put(s, map, "vlan-event-types", STR("yes"));
        } else {
            snort_warn(s, "output unified2: unknown option %.*s", (int)u32_min(w.n, 60),
                       (const char *)w.p);
        }
    }
    return rc;
}

/* [file [columns [limit]]]: columns with commas, perhaps in quotes, or "default". */
static int out_csv(struct snort *s, struct conf_node *map, struct str args)
{
    struct str name = snort_word(&args), columns = str_trim(args);
    int rc = name.n ? snort_put(s, map, "filename", name) : 0;
    uint32_t n = 0;
    bool quoted = columns.n && columns.p[0] == '"';
    if (quoted) {
        columns = str_skip(columns, 1);
        int64_t end = str_chr(columns, '"');
        n = end < 0 ? columns.n : (uint32_t)end;
    } else { /* a blank after a comma does not end the list */
        for (bool comma = false; n < columns.n; n++) {
            bool blank = columns.p[n] == ' ' || columns.p[n] == '\t';
            if (blank && !comma)
                break;
            comma = columns.p[n] == ',' || (blank && comma);
        }
    }
    struct str fields = str_trim(str_first(columns, n)), limit = str_skip(columns, n);
    if (quoted && limit.n)
        limit = str_skip(limit, 1);
    limit = str_trim(limit);
    uint64_t bytes;
    if (!rc && fields.n)
        rc = snort_put(s, map, "fields", fields);
    if (!rc && limit.n && str_size(limit, &bytes))
        rc = snort_put(s, map, "rotate-size", limit);
    else if (limit.n)
        snort_warn(s, "output alert_csv: %.*s is no limit (a size as 128M)",
                   (int)u32_min(limit.n, 60), (const char *)limit.p);
    return rc;
}

/* A file for each host and connection, as -K ascii. */
static int out_ascii(struct snort *s, struct conf_node *map, struct str args)
{
    (void)args;
    int rc = snort_put(s, map, "by-host", STR("yes"));
    return rc ? rc : snort_put(s, map, "payload", STR("yes"));
}

/* Outputs of Snort that are not here, and what does their work. */
static const struct {
    const char *name, *instead;
} missing[] = {
    {"database", "let a loader read eve.json (the console's store does) or unified2 (barnyard2)"},
    {"alert_unixsock", "outputs: fast with filetype unix_dgram writes lines to a socket"},
    {"alert_prelude", "send eve.json (filetype syslog or unix_stream) to the manager"},
    {"alert_sf_socket", "the sensor answers by itself: resp, react, --response"},
    {"alert_aruba_action", "the sensor answers by itself: resp, react, --response"},
    {"alert_test", "alert_fast"},
    {"log_tcpdump_ascii", "log_tcpdump"},
    {"sguil", "unified2"},
    {"unified", "unified2"},
    {"alert_unified", "alert_unified2"},
    {"log_unified", "log_unified2"},
};

static const struct output {
    const char *name, *ours;
    int (*f)(struct snort *s, struct conf_node *map, struct str args);
    const char *key, *value; /* a member that tells the kinds apart */
    const char *filename;    /* when the line gives none */
} outputs[] = {
    {"alert_fast", "fast", out_file, "format", "snort", "alert"},
    {"alert_csv", "csv", out_csv, NULL, NULL, "alert.csv"},
    {"alert_full", "full", out_file, NULL, NULL, "alert"},
    {"alert_syslog", "syslog", out_syslog, NULL, NULL, NULL},
    {"log_tcpdump", "pcap-log", out_file, "conditional", "alerts", "snort.log"},
    {"log_ascii", "packets", out_ascii, "conditional", "alerts", NULL},
    {"unified2", "unified2", out_unified2, NULL, NULL, "unified2.log"},
    {"alert_unified2", "unified2", out_unified2, "records", "alerts", "snort.alert"},
    {"log_unified2", "unified2", out_unified2, "records", "packets", "snort.log"},
};

static void no_output(struct snort *s, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(missing); i++)
        if (str_eq(name, str_cstr(missing[i].name))) {
            snort_warn(s, "output %s is not here, left out; instead: %s", missing[i].name,
                       missing[i].instead);
            return;
        }
    struct name_search near = {.name = name};
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        name_offer(&near, outputs[i].name);
    snort_warn(s, "output %.*s: no such output, left out%s%s", (int)u32_min(name.n, 100),
               (const char *)name.p, near.best ? "; did you mean " : "",
               near.best ? near.best : "");
}

/* A ruletype whose packets nobody writes: an output of its own that is off. */
static int no_packets(struct snort *s)
{
    struct conf_node *map = snort_item_map(s, "outputs", "pcap-log");
    if (!map)
        return -ENOMEM;
    int rc = snort_put(s, map, "enabled", STR("no"));
    return rc ? rc : snort_put(s, map, "ruletype", str_cstr(s->ruletype));
}

int snort_output(struct snort *s, struct str text)
{
    struct str args, name = snort_name(text, &args);
    const struct output *o = NULL;
    for (size_t i = 0; i < ARRAY_LEN(outputs) && !o; i++)
        if (str_eq(name, str_cstr(outputs[i].name)))
            o = &outputs[i];
    if (str_eq(name, STR("log_null")))
        return s->ruletype ? no_packets(s) : snort_set_z(s, "event.log-packets", "no");
    if (!o) {
        no_output(s, name);
        return 0;
    }
    struct conf_node *map = snort_item_map(s, "outputs", o->ours);
    if (!map)
        return -ENOMEM;
    int rc = snort_put(s, map, "enabled", STR("yes"));
    if (!rc && s->ruletype)
        rc = snort_put(s, map, "ruletype", str_cstr(s->ruletype));
    if (!rc && o->filename)
        rc = snort_put(s, map, "filename", str_cstr(o->filename));
    if (!rc && o->key)
        rc = snort_put(s, map, o->key, str_cstr(o->value));
    if (!rc && !strcmp(o->ours, "pcap-log")) /* what comes behind an alert is the tags' */
        rc = snort_put(s, map, "flows", STR("no"));
    struct sbuf b;
    sbuf_init(&b);
    if (!rc)
        rc = snort_expand(s, args, true, &b, 0);
    if (!rc)
        rc = o->f(s, map, sbuf_view(&b));
    sbuf_done(&b);
    return rc;
}
