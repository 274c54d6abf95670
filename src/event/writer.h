/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writers other than EVE: each turns one event into one record of its file. */
#ifndef EVENT_WRITER_H
#define EVENT_WRITER_H

#include "event/out.h"
#include "event/record.h"

/* fast.log of Suricata, alert_fast of Snort, the syslog line. */
enum line_dialect { LINE_SURICATA, LINE_SNORT, LINE_SYSLOG };
/* How text logs are written. */
struct line_style {
    enum time_year year;
    bool utc;
    bool obfuscate;           /* addresses as xxx.xxx.xxx.xxx */
    const char *const *iface; /* names by number, to be written; NULL: not */
    uint32_t ifaces;
};
void fast_put(const struct event_view *v, enum line_dialect d, const struct line_style *s,
              struct sbuf *b);
/* The pieces of a line, for the longer formats. */
void line_time_put(const struct line_style *s, uint64_t ns, struct sbuf *b);
void line_text_put(struct sbuf *b, struct str s); /* controls become '.' */
void line_class_put(struct sbuf *b, const struct event_view *v, const struct event_alert *a,
                    enum line_dialect d);
void endpoint_put(struct sbuf *b, const struct event *h, const struct line_style *s,
                  bool destination, bool ports);
/* "[wDrop] ", "[Drop] " or "". */
const char *drop_mark(const struct event_view *v);

/* Snort's long forms: alert_full, and cmg (fast line, headers, hex dump). */
struct packet_text; /* a decoder */
struct packet_text *packet_text_new(void);
void packet_text_free(struct packet_text *t);
void full_put(struct packet_text *t, const struct event_view *v, const struct line_style *s,
              struct sbuf *b);
void cmg_put(struct packet_text *t, const struct event_view *v, const struct line_style *s,
             struct sbuf *b);

/* Packets as Snort shows them: -v, and what -d, -e, -X, -C, -a add. */
struct packets_style {
    bool link, payload, raw, chars, arp;
};
void packets_put(struct packet_text *t, const struct event_view *v, const struct packets_style *p,
                 const struct line_style *s, struct sbuf *b);

/* The packet of the event's frame that the event speaks of; NULL: there is none with IP. */
struct packet;
struct frame;
const struct packet *packet_text_find(struct packet_text *t, const struct event_view *v,
                                      struct frame *f);

/* Snort's alert_csv: columns by name. */
enum { CSV_COLUMNS = 64 };
struct csv_columns {
    uint8_t column[CSV_COLUMNS];
    unsigned n;
};
/*
 * "timestamp,msg,src"; "default" or nothing: all, in Snort's order.  False: *bad is the first that
 * is none; the others are taken.
 */
bool csv_columns_read(struct str text, struct csv_columns *out, struct str *bad) MUST_CHECK;
void csv_put(struct packet_text *t, const struct csv_columns *c, const struct event_view *v,
             const struct line_style *s, struct sbuf *b);

/* unified2: one event record, one packet record, extra data. */
struct unified2_style {
    bool vlan;       /* always the records with VLAN and MPLS, else only where there is a tag */
    bool no_alerts;  /* packets alone (log_unified2) */
    bool no_packets; /* alerts alone (alert_unified2) */
    bool no_extra;
    uint32_t sensor_id;
};
void unified2_put(const struct event_view *v, const struct unified2_style *s, uint32_t event_id,
                  struct sbuf *b);

/* Classic pcap with microseconds. */
void pcap_header_put(uint32_t link, struct sbuf *b);
void pcap_put(const struct event_packet *p, struct str frame, struct sbuf *b);

/* stats.log: a table for each stats event. */
struct stats_style {
    bool totals, threads, nulls;
    uint64_t first_ns; /* of the first event: uptime counts from here */
};
void stats_put(const struct event_view *v, struct stats_style *s, struct sbuf *b);

/* <PRI>Mmm dd hh:mm:ss identity[pid]:  */
void syslog_head_put(uint32_t priority, const char *tag, uint64_t ts_ns, struct sbuf *b);
/* Facility and level by name ("local5", "Info", "LOG_AUTH"); -1: unknown. */
int syslog_facility(const char *name);
int syslog_level(const char *name);

#endif
