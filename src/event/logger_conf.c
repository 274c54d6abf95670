/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Outputs made from the configuration, or one by one as a command line asks. */
#include "event/logger_impl.h"

#include "config/config.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB (1ull << 20)

/* What a format is when nobody says otherwise. */
static const struct format_def {
    const char *file; /* "-": standard output */
    enum out_kind kind;
    bool text;
    uint64_t limit_bytes;
    const char *facility, *level; /* of syslog */
} formats[] = {
    [LOGFMT_EVE] = {"eve.json", OUT_FILE, true, 0, "local0", "info"},
    [LOGFMT_FAST] = {"fast.log", OUT_FILE, true, 0, "local0", "err"},
    [LOGFMT_SNORT_FAST] = {"alert", OUT_FILE, true, 0, "auth", "alert"},
    [LOGFMT_FULL] = {"alert", OUT_FILE, true, 0, NULL, NULL},
    [LOGFMT_CONSOLE_CMG] = {"-", OUT_FILE, true, 0, NULL, NULL},
    [LOGFMT_UNIFIED2] = {"snort.u2", OUT_STAMPED, false, 128 * MIB, NULL, NULL},
    [LOGFMT_SYSLOG] = {"/dev/log", OUT_DGRAM, false, 0, "auth", "alert"},
    [LOGFMT_STATS] = {"stats.log", OUT_FILE, true, 0, NULL, NULL},
    [LOGFMT_CSV] = {"alert.csv", OUT_FILE, true, 0, NULL, NULL},
    [LOGFMT_PACKETS] = {"-", OUT_FILE, true, 0, NULL, NULL},
    [LOGFMT_FILES] = {"filestore", OUT_FILE, false, 0, NULL, NULL},
    [LOGFMT_PCAP] = {"tcpdump.log", OUT_STAMPED, false, 1000 * MIB, NULL, NULL},
};

static void *no_memory(struct output *u, struct diags *d)
{
    diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory for an output");
    output_done(u);
    return NULL;
}

static struct output *output_new(struct logger *l, enum log_format f, struct diags *d)
{
    const struct writer *w = writer_of(f);
    if (!w || l->n == LOGGER_OUTPUTS) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, w ? "more than %d outputs" : "no such output", LOGGER_OUTPUTS);
        return NULL;
    }
    struct output *u = &l->output[l->n];
    memset(u, 0, sizeof(*u));
    u->writer = w;
    u->newline = true;
    u->style = l->style;
    u->stats.totals = true;
    if (f == LOGFMT_CSV) {
        struct str none;
        (void)!csv_columns_read(STR("default"), &u->csv, &none);
    }
    if (f == LOGFMT_FULL || f == LOGFMT_CONSOLE_CMG || f == LOGFMT_CSV ||
        f == LOGFMT_PACKETS) {
        u->text = packet_text_new();
        if (!u->text)
            return no_memory(u, d);
    }
    if (f == LOGFMT_EVE) {
        u->eve = malloc(sizeof(*u->eve));
        if (!u->eve)
            return no_memory(u, d);
        eve_options_all(u->eve);
    }
    return u;
}

/* Capture files are opened when the first packet tells the link type; here the folder is tried. */
static int pcap_open(struct logger *l, struct output *u, const struct out_config *c)
{
    struct out *probe;
    u->pcap = *c;
    u->pcap_path = strdup(c->path);
    u->most_pcap = u->multi ? PCAP_LINKS * LOGGER_RINGS : PCAP_LINKS;
    u->pcap_file = calloc(u->most_pcap, sizeof(*u->pcap_file));
    if (!u->pcap_path || !u->pcap_file)
        return -ENOMEM;
    if (u->multi && strchr(c->path, '%')) /* a folder by worker is made by who wants it */
        return 0;
    int rc = out_new(c, &l->st, &probe);
    if (!rc)
        out_free(probe);
    return rc;
}

/* Opens where u writes; the output counts when that worked, else it is gone. */
static int output_open(struct logger *l, struct output *u, struct out_config *c, struct diags *d)
{
    if (!strcmp(c->path, "-")) {
        c->kind = OUT_FD;
        c->fd = STDOUT_FILENO;
    }
    int rc = u->writer == writer_of(LOGFMT_PCAP) ? pcap_open(l, u, c) : out_new(c, &l->st, &u->out);
    if (!rc) {
        l->n++;
        return 0;
    }
    diag_add(d, DIAG_ERROR, NULL, 0, 0, "does the folder exist, and may this user write there?",
             "cannot open %s: %s", c->path, strerror(-rc));
    output_done(u);
    return rc;
}

/* Lines of u go to the syslog socket. */
static int syslog_set(struct output *u, const struct format_def *f, const struct conf_node *n,
                      struct diags *d)
{
    const char *facility = conf_sub_str(n, "facility", f->facility ? f->facility : "user");
    const char *level = conf_sub_str(n, "level", f->level ? f->level : "info");
    int fac = syslog_facility(facility), lev = syslog_level(level);
    if (fac < 0 || lev < 0) {
        diag_add(d, DIAG_WARNING, n ? n->file : NULL, n ? n->line : 0, n ? n->column : 0,
                 "local5 and info, for example", "unknown syslog facility or level: %s, %s",
                 facility, level);
        fac = fac < 0 ? 1 : fac;
        lev = lev < 0 ? 6 : lev;
    }
    char tag[80];
    snprintf(tag, sizeof(tag), "%.40s[%ld]", conf_sub_str(n, "identity", "riposte"),
             (long)getpid());
    u->priority = (uint32_t)(fac << 3 | lev);
    u->newline = false;
    u->syslog_tag = strdup(tag);
    return u->syslog_tag ? 0 : -ENOMEM;
}

int logger_add(struct logger *l, enum log_format fmt, const char *path, struct diags *d)
{
    struct output *u = output_new(l, fmt, d);
    if (!u)
        return -EINVAL;
    const struct format_def *f = &formats[fmt];
    struct out_config c = {.kind = f->kind,
                           .path = path ? path : f->file,
                           .text = f->text,
                           .limit_bytes = f->limit_bytes};
    if (fmt == LOGFMT_SYSLOG && syslog_set(u, f, NULL, d)) {
        no_memory(u, d);
        return -ENOMEM;
    }
    return output_open(l, u, &c, d);
}

/* ---- from the configuration */

struct opener {
    struct logger *l;
    const char *dir;
    struct diags *d;
    uint32_t eves;
};

/* Name of a file below dir; an absolute one and "-" stay. */
static int path_join(const char *dir, const char *name, char out[PATH_MAX])
{
    bool whole = *name == '/' || !strcmp(name, "-") || !dir;
    int len =
        whole ? snprintf(out, PATH_MAX, "%s", name) : snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* `filetype` other than regular; false: one that isn't known. */
static bool kind_read(struct opener *o, struct output *u, const struct conf_node *n,
                      const struct format_def *f, struct out_config *c)
{
    const char *type = conf_sub_str(n, "filetype", "regular");
    if (!strcmp(type, "regular") || !strcmp(type, "file"))
        return true;
    if (!strcmp(type, "unix_stream") || !strcmp(type, "unix_dgram")) {
        c->kind = !strcmp(type, "unix_stream") ? OUT_STREAM : OUT_DGRAM;
        return true;
    }
    if (strcmp(type, "syslog") != 0)
        return false;
    c->kind = OUT_DGRAM;
    c->path = conf_sub_str(n, "socket", "/dev/log");
    return !syslog_set(u, f, n, o->d);
}

static uint32_t mode_read(const struct conf_node *n)
{
    uint64_t mode;
    const char *s = conf_sub_str(n, "filemode", NULL);
    return s && str_u64_base(str_cstr(s), 8, &mode) && mode <= 0777 ? (uint32_t)mode : 0;
}

/* What every output has: filename, filetype, append, limit, prefix. */
static void open_common(struct opener *o, struct output *u, enum log_format fmt,
                        const struct conf_node *n)
{
    char path[PATH_MAX], dir[PATH_MAX];
    const struct format_def *f = &formats[fmt];
    struct out_config c = {.kind = f->kind, .path = path, .text = f->text};
    const char *prefix = conf_sub_str(n, "prefix", NULL), *below = conf_sub_str(n, "dir", NULL);
    const char *file = conf_sub_str(n, "filename", f->file), *turn = conf_sub_str(n, "rotate-interval", NULL);
    u->prefix = prefix ? strdup(prefix) : NULL;
    int rc = below ? path_join(o->dir, below, dir) : 0;
    if (!rc)
        rc = path_join(below ? dir : o->dir, file, path);
    c.truncate = !conf_sub_bool(n, "append", true);
    c.limit_bytes = conf_sub_bytes(n, "limit", f->limit_bytes);
    if (f->kind == OUT_FILE)
        c.limit_bytes = conf_sub_bytes(n, "rotate-size", c.limit_bytes);
    int64_t files = conf_sub_int(n, "max-files", 0);
    c.max_files = files > 0 && files <= 1 << 20 ? (uint32_t)files : 0;
    c.nostamp = conf_sub_bool(n, "nostamp", false);
    c.mode = mode_read(n);
    if (!rc && !kind_read(o, u, n, f, &c)) {
        diag_add(o->d, DIAG_ERROR, n->file, n->line, n->column,
                 "regular, syslog, unix_stream and unix_dgram are known", "no such filetype: %s",
                 conf_sub_str(n, "filetype", ""));
        rc = -EINVAL;
    }
    if (!rc && c.kind == OUT_FILE) {
        if (turn)
            (void)out_turn_read(str_cstr(turn), &c.every); /* outputs_check says what is none */
        c.dated = strchr(file, '%') != NULL;
        c.dated_from = strlen(path) - strlen(file);
    }
    if (rc)
        output_done(u);
    else
        (void)output_open(o->l, u, &c, o->d);
}

static void open_eve(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_EVE, o->d);
    uint32_t index = o->eves++;
    if (!u)
        return;
    u->eve_index = u32_min(index, EVENT_EVES - 1);
    eve_options_read(n, u->eve);
    open_common(o, u, LOGFMT_EVE, n);
}

static bool snort_format(const struct conf_node *n)
{
    return !strcmp(conf_sub_str(n, "format", "suricata"), "snort");
}

static void open_fast(struct opener *o, const struct conf_node *n)
{
    enum log_format f = snort_format(n) ? LOGFMT_SNORT_FAST : LOGFMT_FAST;
    struct output *u = output_new(o->l, f, o->d);
    if (!u)
        return;
    if (f == LOGFMT_FAST)
        u->style.year = YEAR_LONG;
    open_common(o, u, f, n);
}

static void open_full(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_FULL, o->d);
    if (u)
        open_common(o, u, LOGFMT_FULL, n);
}

static void open_csv(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_CSV, o->d);
    struct str bad;
    if (!u)
        return;
    if (!csv_columns_read(str_cstr(conf_sub_str(n, "fields", "default")), &u->csv, &bad))
        diag_add(
            o->d, DIAG_WARNING, n->file, n->line, n->column,
            "timestamp, sig_generator, sig_id, sig_rev, msg, proto, src, srcport, dst, dstport "
            "and those of the packet: doc/events.md",
            "alert_csv: no column \"" STR_FMT "\", left out", STR_ARG(bad));
    open_common(o, u, LOGFMT_CSV, n);
}

static void open_console(struct opener *o, const struct conf_node *n)
{
    const char *s = conf_sub_str(n, "format", "fast");
    enum log_format f = !strcmp(s, "cmg")    ? LOGFMT_CONSOLE_CMG
                        : !strcmp(s, "full") ? LOGFMT_FULL
                                             : LOGFMT_SNORT_FAST;
    struct output *u = output_new(o->l, f, o->d);
    struct out_config c = {.kind = OUT_FILE, .path = "-"};
    if (u)
        (void)output_open(o->l, u, &c, o->d);
}

static void open_syslog(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_SYSLOG, o->d);
    struct out_config c = {.kind = OUT_DGRAM, .path = conf_sub_str(n, "socket", "/dev/log")};
    if (!u)
        return;
    if (conf_sub_str(n, "host", NULL))
        diag_add(o->d, DIAG_WARNING, n->file, n->line, n->column,
                 "let the local syslog daemon forward", "syslog to another host: not supported");
    if (syslog_set(u, &formats[LOGFMT_SYSLOG], n, o->d))
        no_memory(u, o->d);
    else
        (void)output_open(o->l, u, &c, o->d);
}

static void open_unified2(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_UNIFIED2, o->d);
    const char *records = conf_sub_str(n, "records", "all");
    if (!u)
        return;
    u->u2.vlan = conf_sub_bool(n, "vlan-event-types", false);
    u->u2.no_alerts = !strcmp(records, "packets");
    u->u2.no_packets = !strcmp(records, "alerts") || u->u2.no_packets;
    u->u2.no_extra = !conf_sub_bool(n, "extra-data", true);
    int64_t id = conf_sub_int(n, "sensor-id", 0);
    u->u2.sensor_id = id > 0 && id <= UINT32_MAX ? (uint32_t)id : 0;
    open_common(o, u, LOGFMT_UNIFIED2, n);
}

static void open_pcap(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_PCAP, o->d);
    const char *what = conf_sub_str(n, "conditional", "all");
    const char *pack = conf_sub_str(n, "compression", "none");
    if (!u)
        return;
    if (strcmp(pack, "none") != 0)
        diag_add(o->d, DIAG_WARNING, n->file, n->line, n->column, NULL,
                 "pcap-log: compression %s is not supported, files stay as they are", pack);
    u->only_tagged = !strcmp(what, "tag");
    u->all_packets = !u->only_tagged && strcmp(what, "alerts") != 0;
    u->multi = !strcmp(conf_sub_str(n, "mode", "normal"), "multi");
    u->honor_pass = conf_sub_bool(n, "honor-pass-rules", false);
    u->flows = !u->all_packets && !u->only_tagged && conf_sub_bool(n, "flows", true);
    const char *bpf = conf_sub_str(n, "bpf-filter", NULL);
    char why[200];
    if (bpf && *bpf && !(u->filter = cap_filter_new(bpf, why, sizeof(why)))) {
        diag_add(o->d, DIAG_ERROR, n->file, n->line, n->column, "pcap-filter(7) tells the language",
                 "pcap-log: bpf-filter: %s", why);
        output_done(u);
        return;
    }
    open_common(o, u, LOGFMT_PCAP, n);
}

/* Packets as text: on standard output, in a file, or a file for each host and connection. */
static void open_packets(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_PACKETS, o->d);
    const char *what = conf_sub_str(n, "conditional", "all");
    if (!u)
        return;
    u->all_packets = !strcmp(what, "all");
    u->only_tagged = !strcmp(what, "tag");
    u->packets = (struct packets_style){.link = conf_sub_bool(n, "link", false),
                                        .payload = conf_sub_bool(n, "payload", false),
                                        .raw = conf_sub_bool(n, "raw", false),
                                        .chars = conf_sub_bool(n, "chars", false),
                                        .arp = conf_sub_bool(n, "arp", false)};
    if (!conf_sub_bool(n, "by-host", false)) {
        open_common(o, u, LOGFMT_PACKETS, n);
        return;
    }
    u->hosts = host_files_new(o->dir && *o->dir ? o->dir : ".", conf_sub_str(n, "home", NULL));
    if (u->hosts)
        o->l->n++;
    else
        (void)no_memory(u, o->d);
}

/* Folders are made when the first file comes. */
static void open_files(struct opener *o, const struct conf_node *n)
{
    enum { OPEN_MOST = 1024, OPEN_DEFAULT = 256 };
    char dir[PATH_MAX];
    struct output *u = output_new(o->l, LOGFMT_FILES, o->d);
    int64_t most = conf_sub_int(n, "max-open-files", 0);
    if (!u)
        return;
    if (conf_sub_int(n, "version", 2) != 2)
        diag_add(o->d, DIAG_WARNING, n->file, n->line, n->column, NULL, "file-store: files are kept as by version 2");
    if (conf_sub_bool(n, "write-fileinfo", false) && !(u->eve = malloc(sizeof(*u->eve)))) {
        (void)no_memory(u, o->d);
        return;
    }
    if (u->eve)
        eve_options_all(u->eve);
    if (!path_join(o->dir, conf_sub_str(n, "dir", "filestore"), dir))
        u->store = file_store_new(dir, most > 0 && most <= OPEN_MOST ? (uint32_t)most : OPEN_DEFAULT,
                                  conf_sub_bytes(n, "limit", 0));
    o->l->has_files |= u->store != NULL;
    if (u->store)
        o->l->n++;
    else
        (void)no_memory(u, o->d);
}

static void open_stats(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_STATS, o->d);
    if (!u)
        return;
    u->stats.totals = conf_sub_bool(n, "totals", true);
    u->stats.threads = conf_sub_bool(n, "threads", false);
    u->stats.nulls = conf_sub_bool(n, "null-values", false);
    open_common(o, u, LOGFMT_STATS, n);
}

/* Names in `outputs`; event_wants_read (wants.c) has the same. */
static const struct {
    const char *name;
    void (*open)(struct opener *o, const struct conf_node *n);
    uint8_t kinds; /* enum output_kind */
} openers[] = {
    {"eve-log", open_eve, 0},   {"fast", open_fast, KIND_ALERTS},
    {"full", open_full, KIND_ALERTS},     {"console", open_console, KIND_ALERTS},
    {"syslog", open_syslog, KIND_ALERTS}, {"unified2", open_unified2, KIND_ALERTS | KIND_PACKETS},
    {"pcap-log", open_pcap, KIND_PACKETS}, {"unified2-alert", open_unified2, KIND_ALERTS | KIND_PACKETS},
    {"stats", open_stats, 0},   {"csv", open_csv, KIND_ALERTS},     {"packets", open_packets, KIND_PACKETS},
    {"file-store", open_files, 0},
};

/* What a unified2 file holds may be one of the two. */
static uint8_t kinds_of(const struct conf_node *n, uint8_t kinds)
{
    const char *records = conf_sub_str(n, "records", "all");
    if (kinds == (KIND_ALERTS | KIND_PACKETS) && !strcmp(records, "alerts"))
        return KIND_ALERTS;
    return kinds == (KIND_ALERTS | KIND_PACKETS) && !strcmp(records, "packets") ? KIND_PACKETS : kinds;
}

static void open_one(struct opener *o, const struct conf *c, const struct conf_node *n, size_t k)
{
    const char *type = conf_sub_str(n, "ruletype", NULL);
    int number = type ? conf_ruletype_find(c, str_cstr(type)) + 1 : 0;
    uint8_t kinds = kinds_of(n, openers[k].kinds);
    unsigned before = o->l->n;
    if (type && !number)
        diag_add(o->d, DIAG_WARNING, n->file, n->line, n->column, "ruletypes names them",
                 "outputs: %s: there is no ruletype %s: nothing is written", openers[k].name, type);
    if (number) /* also one that is off: then nothing of the kind is written */
        o->l->own[number] |= kinds;
    if (!conf_sub_bool(n, "enabled", false) || (type && !number) || output_silent(c, openers[k].name, n))
        return;
    if (before == LOGGER_OUTPUTS) {
        diag_add(o->d, DIAG_ERROR, n->file, n->line, n->column, "switch some off (enabled: no), or put them together",
                 "outputs: %s is one more than the %d outputs that can be written", openers[k].name, LOGGER_OUTPUTS);
        return;
    }
    openers[k].open(o, n);
    for (unsigned i = before; i < o->l->n; i++) {
        o->l->output[i].u2.no_packets |= !conf_bool(c, "event.log-packets");
        o->l->output[i].ruletype = (uint8_t)number;
        o->l->output[i].kinds = kinds;
    }
}

/* event.*: how text logs look. */
static void style_read(struct logger *l, const struct conf *c)
{
    const struct conf_node *n = conf_node(c, "event");
    l->style.utc = conf_bool(c, "event.utc");
    l->style.obfuscate = conf_bool(c, "event.obfuscate");
    l->style.year = conf_sub_bool(n, "year", false) ? YEAR_SHORT : YEAR_NONE;
    if (conf_bool(c, "event.interface-in-alert"))
        l->style.iface = l->id.iface;
    l->style.ifaces = l->eve.ifaces;
}

struct logger *logger_new(const struct conf *c, const char *dir, const struct logger_identity *id,
                          struct diags *d)
{
    struct logger *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->id = *id;
    tzset(); /* reads the zone's file, which a sandbox may hide later */
    if (eve_common_init(&l->eve, &l->id)) {
        logger_free(l);
        return NULL;
    }
    if (!c)
        return l;
    style_read(l, c);
    struct opener o = {.l = l, .dir = dir, .d = d};
    const struct conf_node *list = conf_node(c, "outputs");
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        for (size_t k = 0; name && k < ARRAY_LEN(openers); k++)
            if (!strcmp(openers[k].name, name))
                open_one(&o, c, n, k);
    }
    return l;
}
