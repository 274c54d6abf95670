/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: bytes as a record, through the view into every writer; and as a tape. */
#include "event/eve.h"
#include "event/writer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *app_name(uint16_t id)
{
    return id < 8 ? "http" : NULL;
}

struct fuzz {
    struct eve_common common;
    struct eve_options all;
    struct packet_text *text;
    struct sbuf out;
};

static const char *const vips[] = {"a", "b", NULL};
static const struct logger_identity identity = {.sensor = "s",
                                                .host = "h",
                                                .vips = vips,
                                                .iface = vips,
                                                .app_name = app_name,
                                                .extended = true};

static struct fuzz *fuzz_new(void)
{
    struct fuzz *f = calloc(1, sizeof(*f));
    if (!f || eve_common_init(&f->common, &identity))
        abort();
    eve_options_all(&f->all);
    f->all.payload = f->all.payload_printable = f->all.packet = f->all.rule_raw = true;
    f->all.reference = f->all.community_id = f->all.ethernet = f->all.anomaly_packethdr = true;
    f->text = packet_text_new();
    if (!f->text)
        abort();
    return f;
}

static void write_all(struct fuzz *f, const struct event_view *v)
{
    static const struct unified2_style u2;
    struct line_style style = {.iface = vips, .ifaces = 2};
    struct stats_style stats = {.totals = true, .threads = true, .nulls = true};
    struct event_packet p;
    struct str frame;
    (void)eve_wants_event(&f->all, v);
    (void)eve_put(&f->common, &f->all, v, &f->out);
    fast_put(v, LINE_SURICATA, &style, &f->out);
    fast_put(v, LINE_SNORT, &style, &f->out);
    full_put(f->text, v, &style, &f->out);
    cmg_put(f->text, v, &style, &f->out);
    unified2_put(v, &u2, 1, &f->out);
    stats_put(v, &stats, &f->out);
    if (view_packet(v, &p, &frame))
        pcap_put(&p, frame, &f->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct fuzz *f; /* the harness has no other place */
    struct event_view v;
    if (!f)
        f = fuzz_new();
    void *record = malloc(n ? n : 1);
    if (!record)
        return 0;
    memcpy(record, data, n);
    uint32_t size = (uint32_t)n;
    if (n >= sizeof(struct event))
        memcpy(record, &size, sizeof(size));
    sbuf_clear(&f->out);
    if (event_view(record, n, &v))
        write_all(f, &v);
    struct json j;
    sbuf_clear(&f->out);
    json_init(&j, &f->out);
    json_open(&j, NULL);
    (void)fields_to_json(&j, record, n);
    json_close(&j);
    free(record);
    return 0;
}
