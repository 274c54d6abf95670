/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of formats. */
#include "event/logger_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool wants_alert(const struct output *u, const struct event_view *v)
{
    (void)u;
    return v->head->type == EVENT_ALERT && v->section[SECTION_ALERT].n;
}

static bool wants_eve(const struct output *u, const struct event_view *v)
{
    if (v->head->type == EVENT_FRAME || v->head->type == EVENT_FLOW_PACKET || v->head->type == EVENT_FILE)
        return false;
    if (v->head->outputs && !(v->head->outputs >> u->eve_index & 1))
        return false;
    return eve_wants_event(u->eve, v);
}

static bool wants_unified2(const struct output *u, const struct event_view *v)
{
    bool packet = v->head->type == EVENT_PACKET && !u->u2.no_packets;
    return (packet && v->section[SECTION_PACKET].n) || wants_alert(u, v);
}

static bool wants_pcap(const struct output *u, const struct event_view *v)
{
    if (!v->section[SECTION_PACKET].n || (u->honor_pass && (v->head->more & EVENT_PASSED)))
        return false;
    if (u->all_packets || v->head->type == EVENT_FRAME)
        return u->all_packets && v->head->type == EVENT_FRAME;
    if (v->head->type == EVENT_FLOW_PACKET)
        return !u->only_tagged && (v->head->outputs & (u->flows ? EVENT_KEPT_FLOW : EVENT_KEPT_MATCH));
    if (v->head->type == EVENT_PACKET)
        return !u->flows;
    struct event_alert a;
    return v->head->type == EVENT_ALERT && (!u->only_tagged || (view_alert(v, &a) && a.tags));
}

/* bpf-filter of a capture file. */
static bool filtered(struct output *u, const struct event_packet *p, struct str frame)
{
    struct frame f = {.data = frame.p, .len = frame.n, .wire_len = p->wire_len, .link = (uint16_t)p->link};
    return u->filter && cap_filter_keep(u->filter, &f) != 1;
}

static bool wants_stats(const struct output *u, const struct event_view *v)
{
    (void)u;
    return v->head->type == EVENT_STATS;
}

/* What stands before a line, and what ends it. */
static void line_begin(const struct output *u, const struct event_view *v, struct sbuf *b)
{
    if (u->syslog_tag)
        syslog_head_put(u->priority, u->syslog_tag, v->head->ts_ns, b);
    if (u->prefix)
        sbuf_cstr(b, u->prefix);
}

static void line_end(const struct output *u, struct sbuf *b)
{
    if (u->newline)
        sbuf_byte(b, '\n');
}

/* stats has what only the logger knows: the tape's last object gets one more member. */
static void stats_of_files(const struct logger *l, struct event_view *v, struct sbuf *tape)
{
    struct str s = v->section[SECTION_FIELDS];
    struct fields f;
    if (!s.n || s.p[s.n - 1] != FIELDS_END)
        return;
    sbuf_str(tape, str_first(s, s.n - 1));
    fields_init(&f, tape);
    fields_open(&f, "file_store");
    fields_u64(&f, "fs_errors", l->files_failed);
    fields_close(&f);
    sbuf_byte(tape, FIELDS_END);
    v->section[SECTION_FIELDS] = sbuf_view(tape);
}

static void put_eve(struct logger *l, struct output *u, const struct event_view *whole, struct sbuf *b)
{
    struct event_view of = *whole, *v = &of;
    struct sbuf tape;
    sbuf_init(&tape);
    if (l->has_files && v->head->type == EVENT_STATS)
        stats_of_files(l, v, &tape);
    line_begin(u, v, b);
    if (!eve_put(&l->eve, u->eve, v, b))
        l->st.count.broken++;
    line_end(u, b);
    sbuf_done(&tape);
}

static void put_line(struct output *u, const struct event_view *v, enum line_dialect d,
                     struct sbuf *b)
{
    line_begin(u, v, b);
    fast_put(v, d, &u->style, b);
    line_end(u, b);
}

static void put_fast(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    put_line(u, v, LINE_SURICATA, b);
}

static void put_snort_fast(struct logger *l, struct output *u, const struct event_view *v,
                           struct sbuf *b)
{
    (void)l;
    put_line(u, v, LINE_SNORT, b);
}

static void put_syslog(struct logger *l, struct output *u, const struct event_view *v,
                       struct sbuf *b)
{
    (void)l;
    put_line(u, v, LINE_SYSLOG, b);
}

static void put_full(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    full_put(u->text, v, &u->style, b);
}

static void put_csv(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    if (u->prefix)
        sbuf_cstr(b, u->prefix);
    csv_put(u->text, &u->csv, v, &u->style, b);
}

static void put_cmg(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    cmg_put(u->text, v, &u->style, b);
}

static void put_unified2(struct logger *l, struct output *u, const struct event_view *v,
                         struct sbuf *b)
{
    unified2_put(v, &u->u2, l->event_id, b);
}

static void put_stats(struct logger *l, struct output *u, const struct event_view *v,
                      struct sbuf *b)
{
    (void)l;
    stats_put(v, &u->stats, b);
}

static void put_pcap(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    struct event_packet p;
    struct str frame;
    (void)l;
    (void)u;
    if (view_packet(v, &p, &frame))
        pcap_put(&p, frame, b);
}

static void put_packets(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    packets_put(u->text, v, &u->packets, &u->style, b);
}

/* Standard output, or the file of the packet's host. */
static struct out *packets_sink(struct logger *l, struct output *u, const struct event_view *v)
{
    if (v->head->number && u->last_number == v->head->number)
        return NULL; /* several alerts of one packet */
    u->last_number = v->head->number;
    return u->hosts ? host_files_get(u->hosts, l, v) : u->out;
}

static void pcap_header(void *ctx, struct sbuf *b)
{
    const struct pcap_file *k = ctx;
    pcap_header_put(k->link, b);
}

/*
 * Where a capture file goes: NAME, NAME.linkN for other link types than a worker's first.  With a file for each worker
 * %n and %i in the name are its number (from 1), %t the time of the file's first packet; what the name has not is added.
 */
static int pcap_path(const struct output *u, const struct pcap_file *k, bool first, char out[PATH_MAX], size_t *stamp_at)
{
    struct sbuf b;
    bool number = !u->multi;
    sbuf_init(&b);
    *stamp_at = 0;
    for (const char *s = u->pcap_path; *s; s++) {
        char c = u->multi && *s == '%' ? s[1] : 0;
        if (c == 'n' || c == 'i') {
            sbuf_u64(&b, k->worker + 1ull);
            number = true;
        } else if (c == 't' && !*stamp_at && b.n) {
            *stamp_at = b.n;
        } else if (c != '%' && c != 't') {
            sbuf_byte(&b, (uint8_t)*s);
            continue;
        } else if (c == '%') {
            sbuf_byte(&b, '%');
        }
        s++;
    }
    if (!number)
        sbuf_printf(&b, ".%u", k->worker + 1);
    if (!first)
        sbuf_printf(&b, ".link%u", k->link);
    const char *z = sbuf_z(&b);
    int n = z ? snprintf(out, PATH_MAX, "%s", z) : -1;
    sbuf_done(&b);
    return n < 0 ? -ENOMEM : n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The file of this link type, and of this worker. */
static struct out *pcap_sink(struct logger *l, struct output *u, const struct event_view *v)
{
    struct event_packet p;
    struct str frame;
    char path[PATH_MAX];
    uint32_t worker = u->multi ? v->head->worker : 0;
    bool first = true;
    if (!view_packet(v, &p, &frame) || filtered(u, &p, frame))
        return NULL;
    if (v->head->number && u->last_number == v->head->number && u->last_ts_ns == p.ts_ns)
        return NULL;
    u->last_number = v->head->number;
    u->last_ts_ns = p.ts_ns;
    for (unsigned i = 0; i < u->n_pcap; i++) {
        const struct pcap_file *k = &u->pcap_file[i];
        if (k->worker == worker && k->link == p.link)
            return k->out;
        first &= k->worker != worker;
    }
    if (u->n_pcap < u->most_pcap) {
        struct out_config c = u->pcap;
        struct pcap_file *k = &u->pcap_file[u->n_pcap];
        *k = (struct pcap_file){.link = p.link, .worker = worker};
        int rc = pcap_path(u, k, first, path, &c.stamp_at);
        c.path = path;
        c.header = pcap_header;
        c.ctx = k;
        if (!rc)
            rc = out_new(&c, &l->st, &k->out);
        if (!rc) {
            u->n_pcap++;
            return k->out;
        }
        l->st.count.write_errors++;
        snprintf(l->st.error, sizeof(l->st.error), "%.120s: %s", u->pcap_path, strerror(-rc));
    }
    l->st.count.lost++;
    return NULL;
}

static bool wants_files(const struct output *u, const struct event_view *v)
{
    (void)u;
    return v->head->type == EVENT_FILE;
}

static void put_nothing(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l, (void)u, (void)v, (void)b;
}

/* The file's fileinfo event, in a file of its own. */
static int info_put(struct logger *l, const struct output *u, const struct event_view *v, const char *path)
{
    struct event head = *v->head;
    struct event_view of = *v;
    struct sbuf b;
    head.type = EVENT_FILEINFO;
    of.head = &head;
    sbuf_init(&b);
    (void)eve_put(&l->eve, u->eve, &of, &b);
    sbuf_byte(&b, '\n');
    int rc = b.p ? file_store_info(path, v, sbuf_view(&b)) : -ENOMEM;
    sbuf_done(&b);
    return rc;
}

/* Each file has a sink of its own: nothing is left to write. */
static struct out *files_sink(struct logger *l, struct output *u, const struct event_view *v)
{
    char path[PATH_MAX];
    int rc = file_store_put(u->store, v, path);
    if (rc > 0)
        rc = u->eve ? info_put(l, u, v, path) : 0;
    if (rc) {
        l->files_failed++;
        l->st.count.write_errors++;
        snprintf(l->st.error, sizeof(l->st.error), "file-store: %s", strerror(-rc));
    }
    return NULL;
}

static const struct writer writers[] = {
    [LOGFMT_EVE] = {wants_eve, put_eve, NULL},
    [LOGFMT_FAST] = {wants_alert, put_fast, NULL},
    [LOGFMT_SNORT_FAST] = {wants_alert, put_snort_fast, NULL},
    [LOGFMT_FULL] = {wants_alert, put_full, NULL},
    [LOGFMT_CONSOLE_CMG] = {wants_alert, put_cmg, NULL},
    [LOGFMT_UNIFIED2] = {wants_unified2, put_unified2, NULL},
    [LOGFMT_SYSLOG] = {wants_alert, put_syslog, NULL},
    [LOGFMT_STATS] = {wants_stats, put_stats, NULL},
    [LOGFMT_CSV] = {wants_alert, put_csv, NULL},
    [LOGFMT_PACKETS] = {wants_pcap, put_packets, packets_sink},
    [LOGFMT_PCAP] = {wants_pcap, put_pcap, pcap_sink},
    [LOGFMT_FILES] = {wants_files, put_nothing, files_sink},
};

const struct writer *writer_of(enum log_format f)
{
    return (size_t)f < ARRAY_LEN(writers) && writers[f].put ? &writers[f] : NULL;
}
