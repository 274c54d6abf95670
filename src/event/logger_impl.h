/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logger's inside, shared by logger.c, logger_conf.c and writers.c. */
#ifndef EVENT_LOGGER_IMPL_H
#define EVENT_LOGGER_IMPL_H

#include "capture/capture.h"
#include "config/config.h"
#include "event/eve.h"
#include "event/out.h"
#include "event/writer.h"

enum { LOGGER_OUTPUTS = 24, LOGGER_RINGS = 256, PCAP_LINKS = 4 };

struct output;
/* A format: which events, where to, and how. */
struct writer {
    bool (*wants)(const struct output *u, const struct event_view *v);
    /* Appends one record; nothing appended: none. */
    void (*put)(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b);
    /* The sink for this event, NULL: none; no function: u->out. */
    struct out *(*sink)(struct logger *l, struct output *u, const struct event_view *v);
};
const struct writer *writer_of(enum log_format f);

/* One capture file a link type, for the format knows no others, and with `mode: multi` one a worker. */
struct pcap_file {
    uint32_t link, worker;
    struct out *out;
};

/* A ruletype's own outputs take the place of the others of their kind. */
enum output_kind { KIND_ALERTS = 1, KIND_PACKETS = 2 };

struct output {
    const struct writer *writer;
    struct out *out;
    struct eve_options *eve; /* LOGFMT_EVE */
    uint32_t eve_index;      /* among the eve-logs, as in event_wants */
    char *prefix;            /* before each line */
    char *syslog_tag;        /* identity[pid]: lines go to syslog */
    uint32_t priority;       /* of syslog */
    bool newline;
    uint8_t ruletype; /* alerts of that number alone; 0: all that have no output of this kind of their own */
    uint8_t kinds;    /* enum output_kind */
    bool all_packets, only_tagged, flows; /* LOGFMT_PCAP; flows: packets of flows that alerted, too */
    struct cap_filter *filter;            /* bpf-filter; NULL: none */
    struct line_style style;
    struct unified2_style u2;
    struct stats_style stats;
    struct csv_columns csv;
    struct packet_text *text;
    struct packets_style packets; /* LOGFMT_PACKETS */
    struct file_store *store; /* LOGFMT_FILES */
    struct host_files *hosts;     /* and a file for each host and connection; NULL: one for all */
    struct out_config pcap; /* for link types that come later; path is pcap_path */
    char *pcap_path;
    struct pcap_file *pcap_file;
    unsigned n_pcap, most_pcap;
    bool multi, honor_pass; /* LOGFMT_PCAP: a file for each worker; nothing of flows that were passed */
    uint64_t last_number, last_ts_ns; /* LOGFMT_PCAP: a packet with two alerts is written once */
};
void output_done(struct output *u);
/* wants.c: names in `outputs`; NULL ends. */
const char *output_name(size_t i);
/* The i-th of an eve-log's types that is no protocol's; NULL: no more.  Names are equal when _ and - are. */
const char *eve_type_name(size_t i);
bool eve_name_is(const char *a, const char *b);
/* Nothing of what this entry writes is wanted: event.log-packets. */
bool output_silent(const struct conf *c, const char *name, const struct conf_node *n);

/* Snort's -K ascii: DIR/ADDRESS/PROTO:PORT-PORT (host_files.c); few are open at a time. */
struct host_files;
struct host_files *host_files_new(const char *dir, const char *home); /* home: a network, or NULL */
void host_files_free(struct host_files *h);
struct out *host_files_get(struct host_files *h, struct logger *l, const struct event_view *v); /* NULL: counted */
void host_files_each(struct host_files *h, void (*f)(struct out *o));

/* Files that rules want kept (file_store.c). */
struct file_store;
struct file_store *file_store_new(const char *dir, uint32_t open_most, uint64_t most_bytes); /* 0: no limit */
void file_store_free(struct file_store *s);
/* Negative errno: it is given up.  1: it has its name, which is written to path (PATH_MAX). */
int file_store_put(struct file_store *s, const struct event_view *v, char *path);
int file_store_info(const char *path, const struct event_view *v, struct str json); /* beside it */

struct logger {
    struct logger_identity id;
    struct out_state st;
    struct eve_common eve;
    struct line_style style; /* of the configuration */
    struct output output[LOGGER_OUTPUTS];
    unsigned n;
    uint32_t event_id; /* unified2's */
    bool has_files;    /* a file-store is open */
    uint64_t files_failed;
    uint8_t own[CONF_RULETYPES + 1]; /* by ruletype: the kinds of which it has outputs of its own */
};

#endif
