/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before the start: what the outputs section asks for that nobody here does, and slips of the pen. */
#include "event/logger_impl.h"

#include <string.h>

/* What does the work of outputs that other programs have; NULL: nothing does. */
static const struct {
    const char *name, *instead;
} elsewhere[] = {
    {"http-log", "eve-log with types: [http]"},
    {"tls-log", "eve-log with types: [tls]"},
    {"dns-log", "eve-log with types: [dns]"},
    {"drop", "eve-log with types: [drop]"},
    {"alert-debug", "full, or eve-log with alert: {payload: yes, packet: yes}"},
    {"tls-store", NULL},
    {"file-log", "eve-log with types: [files]"},
    {"tcp-data", NULL},
    {"http-body-data", NULL},
    {"lua", NULL},
    {"alert-prelude", NULL},
    {"unified-alert", "unified2"},
};

static bool is_output(const char *name)
{
    for (size_t i = 0; output_name(i); i++)
        if (!strcmp(output_name(i), name))
            return true;
    return false;
}

/* Members of an output: what is nearly one of these is a slip of the pen. */
static const char *const members[] = {
    "enabled",
    "ruletype",
    "filename",
    "force-filestore",
    "stream-depth",
    "max-open-files",
    "force-magic",
    "force-hash",
    "write-fileinfo",
    "filetype",
    "append",
    "limit",
    "rotate-size",
    "max-files",
    "filemode",
    "format",
    "fields",
    "facility",
    "level",
    "identity",
    "prefix",
    "host",
    "socket",
    "types",
    "conditional",
    "link",
    "payload",
    "raw",
    "chars",
    "arp",
    "by-host",
    "home",
    "compression",
    "nostamp",
    "vlan-event-types",
    "records",
    "extra-data",
    "sensor-id",
    "totals",
    "threads",
    "null-values",
    "community-id",
    "community-id-seed",
    "dir",
    "metadata",
    "pcap-file",
    "ethernet",
    "mode",
    "xff",
    "sguil-base-dir",
    "ts-format",
    "use-stream-depth",
    "honor-pass-rules",
    "redis",
    "threaded",
    "suricata-version",
    "rotate-interval",
    "buffer-size",
    "version",
    "bpf-filter",
    "flows",
    "lz4-checksum",
    "lz4-level",
    "broadcast-flow-id",
};

static bool is_filetype(const char *s)
{
    static const char *const known[] = {"regular", "file", "syslog", "unix_stream", "unix_dgram"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i], s))
            return true;
    return false;
}

static void member_check(const char *output, const struct conf_node *m, bool enabled, struct diags *d)
{
    static const char *const sizes[] = {"limit", "rotate-size"};
    uint64_t v;
    struct name_search near = {.name = str_cstr(m->name)};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!strcmp(members[i], m->name)) {
            near.best = m->name;
            break;
        }
        name_offer(&near, members[i]);
    }
    if (near.best != m->name)
        diag_add(d, DIAG_WARNING, m->file, m->line, m->column, near.best,
                 "outputs: %s: unknown member %s", output, m->name);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (!strcmp(sizes[i], m->name) && m->value && *m->value &&
            !str_size(str_cstr(m->value), &v))
            diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "10mb, 1 GiB ...",
                     "outputs: %s: %s: %s is no size", output, m->name, m->value);
    struct out_turn turn;
    if (!strcmp(m->name, "rotate-interval") && m->value && *m->value && !out_turn_read(str_cstr(m->value), &turn))
        diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "minute, hour, day, 30s, 10m, 3h, 2d, 1w",
                 "outputs: %s: rotate-interval: %s is no interval", output, m->value);
    if (!strcmp(m->name, "max-files") && m->value && *m->value &&
        (!str_u64(str_cstr(m->value), &v) || v > 1 << 20))
        diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "0 to 1048576",
                 "outputs: %s: max-files: %s is no such number", output, m->value);
    if (!strcmp(m->name, "filemode") && m->value && *m->value &&
        (!str_u64_base(str_cstr(m->value), 8, &v) || v > 0777))
        diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "octal, as 640",
                 "outputs: %s: filemode: %s", output, m->value);
    if (enabled && !strcmp(m->name, "filetype") && m->value && *m->value && !is_filetype(m->value))
        diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "regular, syslog, unix_stream and unix_dgram are known",
                 "outputs: %s: no such filetype: %s", output, m->value);
    if (!strcmp(m->name, "enabled") && m->value && *m->value && conf_truth(m->value) < 0)
        diag_add(d, DIAG_ERROR, m->file, m->line, m->column, "yes or no",
                 "outputs: %s: enabled: %s", output, m->value);
}

/* Settings of other programs that are taken and do nothing here. */
static const struct {
    const char *output, *member, *idle; /* idle: the value that asks for nothing; NULL: none does */
    const char *what, *hint;
} unbuilt[] = {
    {"pcap-log", "use-stream-depth", "no", "packets past the depth are written, too", NULL},
    {"pcap-log", "ts-format", "sec", "files are named by the second", NULL},
    {"eve-log", "threaded", "no", "one file for all workers", NULL},
};

static bool says_no(const char *value, const char *idle)
{
    return idle && (!strcmp(value, idle) || (!strcmp(idle, "no") && conf_truth(value) == 0));
}

/* What an output that is on asks for and does not get. */
static void unbuilt_check(const char *name, const struct conf_node *n, struct diags *d)
{
    for (const struct conf_node *m = n->child; m; m = m->next)
        for (size_t i = 0; i < ARRAY_LEN(unbuilt); i++)
            if (!strcmp(unbuilt[i].output, name) && !strcmp(unbuilt[i].member, m->name) && m->value && *m->value &&
                !says_no(m->value, unbuilt[i].idle))
                diag_add(d, DIAG_WARNING, m->file, m->line, m->column, unbuilt[i].hint,
                         "outputs: %s: %s: %s is not built: %s", name, m->name, m->value, unbuilt[i].what);
    const char *file = conf_sub_str(n, "filename", "");
    bool stamped = !strcmp(name, "pcap-log") || !strncmp(name, "unified2", 8);
    if (stamped && conf_sub_str(n, "rotate-interval", NULL))
        diag_add(d, DIAG_WARNING, n->file, n->line, n->column, "limit",
                 "outputs: %s: rotate-interval: these files change by size alone", name);
    if (stamped && strchr(file, '%') && strcmp(conf_sub_str(n, "mode", "normal"), "multi") != 0)
        diag_add(d, DIAG_WARNING, n->file, n->line, n->column, "rotate-size, or logrotate with SIGHUP",
                 "outputs: %s: filename: %s: patterns are not built: the file has just that name", name, file);
}

static void pcap_check(const char *name, const struct conf_node *n, struct diags *d)
{
    static const char *const known[] = {"all", "alerts", "tag"};
    const char *what = conf_sub_str(n, "conditional", "all"), *bpf = conf_sub_str(n, "bpf-filter", NULL);
    char why[200];
    bool ok = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ok |= !strcmp(what, known[i]);
    if (!ok)
        diag_add(d, DIAG_WARNING, n->file, n->line, n->column, "all, alerts or tag",
                 "outputs: %s: conditional: %s: not known: all packets are written", name, what);
    const char *mode = conf_sub_str(n, "mode", "normal");
    if (!strcmp(name, "pcap-log") && strcmp(mode, "normal") != 0 && strcmp(mode, "multi") != 0)
        diag_add(d, DIAG_WARNING, n->file, n->line, n->column, "normal or multi",
                 "outputs: pcap-log: mode: %s: not known: one file for all workers", mode);
    struct cap_filter *f = bpf && *bpf ? cap_filter_new(bpf, why, sizeof(why)) : NULL;
    if (bpf && *bpf && !f)
        diag_add(d, DIAG_ERROR, n->file, n->line, n->column, "pcap-filter(7) tells the language",
                 "outputs: %s: bpf-filter: %s", name, why);
    cap_filter_free(f);
}

/* Types of a suricata.yaml that are no protocol's name. */
static const char *const more_types[] = {"ftp-data", "ikev2", "arp", "frame", "metadata"};

/* The protocol whose setting "enabled" this is: events may have its name, made here or not.  NULL: another setting. */
static const char *protocol_of(const struct setting *s, char room[64])
{
    static const char head[] = "app-layer.protocols.", tail[] = ".enabled";
    const size_t before = sizeof(head) - 1, behind = sizeof(tail) - 1, n = strlen(s->path);
    if (n <= before + behind || n - before - behind >= 64 || strncmp(s->path, head, before) != 0 ||
        strcmp(s->path + n - behind, tail) != 0)
        return NULL;
    memcpy(room, s->path + before, n - before - behind);
    room[n - before - behind] = 0;
    return room;
}

/* Does a protocol or one of more_types have this name?  What is nearest goes to `near`, its text perhaps to `room`. */
static bool type_of_protocol(const char *name, struct name_search *near, char room[64])
{
    size_t n;
    const struct setting *s = settings_all(&n);
    bool known = false;
    for (size_t k = 0; k < ARRAY_LEN(more_types); k++) {
        known |= eve_name_is(name, more_types[k]);
        name_offer(near, more_types[k]);
    }
    for (size_t k = 0; k < n; k++) {
        char have[64];
        const char *best = near->best;
        if (!protocol_of(&s[k], have))
            continue;
        known |= eve_name_is(name, have);
        name_offer(near, have);
        if (near->best != best)
            near->best = memcpy(room, have, sizeof(have));
    }
    return known;
}

/* A type that nobody knows writes nothing. */
static void types_check(const char *output, const struct conf_node *types, struct diags *d)
{
    for (const struct conf_node *i = types ? types->child : NULL; i; i = i->next) {
        const char *name;
        char room[64];
        bool known = false;
        (void)conf_item(i, &name);
        struct name_search near = {.name = str_cstr(name ? name : "")};
        for (size_t k = 0; eve_type_name(k); k++) {
            known |= eve_name_is(name ? name : "", eve_type_name(k));
            name_offer(&near, eve_type_name(k));
        }
        known |= type_of_protocol(name ? name : "", &near, room);
        if (!known)
            diag_add(d, DIAG_WARNING, i->file, i->line, i->column, near.best, "outputs: %s: types: %s: no such type, left out",
                     output, name ? name : "");
    }
}

void event_outputs_check(const struct conf *c, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "outputs");
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name, *instead = NULL;
        const struct conf_node *n = conf_item(i, &name);
        if (name && is_output(name)) {
            for (const struct conf_node *m = n->child; m; m = m->next)
                member_check(name, m, conf_sub_bool(n, "enabled", false), d);
            if (!conf_sub_bool(n, "enabled", false))
                continue;
            unbuilt_check(name, n, d);
            if (!strcmp(name, "eve-log"))
                types_check(name, conf_sub(n, "types"), d);
            if (!strcmp(name, "pcap-log") || !strcmp(name, "packets"))
                pcap_check(name, n, d);
            continue;
        }
        if (!name || !conf_sub_bool(n, "enabled", true))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(elsewhere); k++)
            if (!strcmp(elsewhere[k].name, name))
                instead = elsewhere[k].instead;
        struct name_search near = {.name = str_cstr(name)};
        for (size_t k = 0; output_name(k); k++)
            name_offer(&near, output_name(k));
        diag_add(d, DIAG_WARNING, n->file, n->line, n->column, instead ? instead : near.best,
                 "outputs: %s is not here: left out", name);
    }
}
