/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a capture file through decode, flow and stream and prints what it cost, or with -d what
 * happened packet by packet.  For people; nothing is asserted.
 *
 *   bench_flow [-a] [-r] [-i] [-m] [-y] [-d] [-k] [-x TEXT] [-n LOOPS] FILE
 *     -a on acknowledgement, -r raw views, -i in line, -m midstream, -y async, -d dump, -k bad
 * checksums are good, -x TEXT count TEXT in the raw views
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/diag.h"
#include "capture/capture.h"
#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
    struct decoder *d;
    struct flow_table *t;
    struct stream_engine *e;
    struct stream_sink sink;
    struct packet *pkts;
    uint64_t packets, tcp, data_bytes, gap_bytes, raw_bytes, ns, ns_decode, ended;
    const char *look_for;
    uint64_t hits[2];
    bool dump, raw;
};

static void on_data(void *ctx, struct flow *f, struct packet *p, unsigned dir, const uint8_t *data,
                    uint32_t n, unsigned piece)
{
    struct bench *b = ctx;
    (void)f;
    (void)p;
    (void)data;
    if (piece & PIECE_GAP)
        b->gap_bytes += n;
    else
        b->data_bytes += n;
    if (b->dump)
        printf("      %s %u bytes%s%s%s%s\n", dir ? "to client" : "to server", n,
               piece & PIECE_START ? " start" : "", piece & PIECE_GAP ? " GAP" : "",
               piece & PIECE_EOF ? " eof" : "", piece & PIECE_DEPTH ? " depth" : "");
}

static void count_hits(struct bench *b, const struct stream_view *v, unsigned dir)
{
    size_t n = strlen(b->look_for);
    const uint8_t *at = v->data, *end = v->data + v->n;
    while ((at = memmem(at, (size_t)(end - at), b->look_for, n))) {
        b->hits[dir] += at + n > v->data + v->fresh;
        at++;
    }
}

static void look_raw(struct bench *b, struct flow *f, const struct packet *p)
{
    struct stream_view v;
    for (unsigned d = 0; d < 2; d++)
        while (stream_raw(b->e, f, p, d, &v)) {
            b->raw_bytes += v.n - v.fresh;
            if (b->look_for)
                count_hits(b, &v, d);
            if (b->dump)
                printf("      raw %s [%llu, +%u) fresh from %u%s\n", d ? "to client" : "to server",
                       (unsigned long long)v.offset, v.n, v.fresh, v.eof ? " eof" : "");
            stream_raw_done(b->e, f, d);
        }
}

static void on_end(void *ctx, struct flow *f)
{
    struct bench *b = ctx;
    b->ended++;
    if (b->dump)
        printf("      end of flow %016llx: %s, tcp %s, reason %u, %llu+%llu packets\n",
               (unsigned long long)f->id, flow_state_name(f), tcp_state_name(tcp_flow_state(f)),
               f->end, (unsigned long long)f->pkts[0], (unsigned long long)f->pkts[1]);
    stream_flush(b->e, f, &b->sink);
    if (b->raw && f->tcp)
        look_raw(b, f, NULL);
    stream_done(b->e, f);
}

static void dump_packet(const struct packet *p, const struct flow *f)
{
    printf("%6llu proto %u %u>%u dir %u len %u flags %02x seq %u ack %u: %s",
           (unsigned long long)p->number, p->proto, p->sp, p->dp, p->dir, p->payload_len,
           p->tcp.flags, p->tcp.seq, p->tcp.ack, f ? flow_state_name(f) : "no flow");
    if (f && f->tcp)
        printf(" %s", tcp_state_name(tcp_flow_state(f)));
    printf("%s%s%s", p->flags & PKT_STREAM_ADD ? " add" : "",
           p->flags & PKT_STREAM_IGNORE ? " ignored" : "",
           p->flags & PKT_RETRANSMIT ? " again" : "");
    for (unsigned i = 0; i < p->n_events; i++)
        printf(" [%s]", p->events[i] >= STREAM_EVENT_BASE
                            ? stream_event_name(p->events[i] - STREAM_EVENT_BASE)
                            : decode_event_name(p->events[i]));
    printf("\n");
}

static void one_packet(struct bench *b, struct packet *p)
{
    struct exception exc;
    struct flow *f = flow_get(b->t, p, &exc, on_end, b);
    b->packets++;
    if (f && (p->flags & PKT_TCP)) {
        b->tcp++;
        stream_packet(b->e, f, p, &b->sink);
        if (b->raw && f->tcp)
            look_raw(b, f, p);
    }
    if (b->dump)
        dump_packet(p, f);
}

static void one_burst(struct bench *b, const struct burst *in)
{
    struct packet *list[BURST_MAX];
    unsigned n = 0, at = 0;
    uint64_t t0 = clock_mono_ns();
    for (unsigned i = 0; i < in->n; i++) {
        unsigned got = decode_frame(b->d, &in->frame[i], b->pkts + at, PACKET_LAYERS_MAX);
        for (unsigned k = 0; k < got && n < BURST_MAX; k++)
            list[n++] = &b->pkts[at + k];
        at += got;
    }
    uint64_t t1 = clock_mono_ns();
    flow_prefetch(b->t, list, n);
    for (unsigned i = 0; i < n; i++)
        one_packet(b, list[i]);
    flow_tick(b->t, in->now_ns, on_end, b);
    b->ns += clock_mono_ns() - t1;
    b->ns_decode += t1 - t0;
    decoder_burst_end(b->d, in->now_ns);
}

static int run_file(struct bench *b, const char *path)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    struct capture *c = capture_file_open(path, &(struct capture_file_options){0}, &d);
    if (!c) {
        fprintf(stderr, "cannot open %s\n", path);
        arena_done(&a);
        return 1;
    }
    static struct burst in;
    while (capture_recv(c, &in, 0) == CAPTURE_MORE) {
        one_burst(b, &in);
        capture_verdict(c, &in);
    }
    capture_close(c);
    arena_done(&a);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct stream_config sc = {.check_csum = true,
                               .depth_bytes = 1 << 20,
                               .memcap_bytes = 64 << 20,
                               .reassembly_memcap_bytes = 256 << 20,
                               .max_syn_queued = 10,
                               .max_synack_queued = 5,
                               .chunk_bytes = {2560, 2560},
                               .max_regions = 8};
    unsigned loops = 1;
    for (int o; (o = getopt(argc, argv, "arimydkx:n:")) != -1;) {
        if (o == 'a')
            sc.inspect = INSPECT_ON_ACK;
        else if (o == 'r')
            sc.raw = b.raw = true;
        else if (o == 'i')
            sc.inline_mode = true;
        else if (o == 'm')
            sc.midstream = true;
        else if (o == 'k')
            sc.check_csum = false;
        else if (o == 'y')
            sc.async_oneside = true;
        else if (o == 'x')
            sc.raw = b.raw = true, b.look_for = optarg;
        else if (o == 'd')
            b.dump = true;
        else if (o == 'n')
            loops = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (optind != argc - 1)
        return 2;
    struct flow_config fc = {.memcap_bytes = 128 << 20,
                             .buckets = 65536,
                             .emergency_recovery = 30,
                             .tcp = {{60, 600, 60, 100}, {5, 100, 10, 50}},
                             .udp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
                             .icmp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
                             .other = {{30, 300, 30, 100}, {10, 100, 10, 50}},
                             .vlan_in_key = true};
    struct decode_config dc = {.check_csum = true,
                               .frag_max = 65535,
                               .frag_cap_bytes = 32 << 20,
                               .frag_timeout_ns = 60000000000};
    b.pkts = malloc(sizeof(*b.pkts) * PACKET_LAYERS_MAX * (BURST_MAX + 1));
    for (unsigned i = 0; i < loops; i++) {
        b.d = decoder_new(&dc);
        b.t = flow_table_new(&fc);
        b.e = stream_engine_new(&sc);
        b.sink = (struct stream_sink){.ctx = &b, .data = on_data};
        if (!b.pkts || !b.d || !b.t || !b.e || run_file(&b, argv[optind]))
            return 1;
        flow_end_all(b.t, on_end, &b);
        if (i + 1 < loops) {
            flow_table_free(b.t);
            stream_engine_free(b.e);
            decoder_free(b.d);
        }
    }
    const struct flow_counters *fn = flow_counters(b.t);
    const struct stream_counters *sn = stream_counters(b.e);
    printf("packets %llu tcp %llu data %llu gap %llu raw %llu flows %llu ended %llu\n",
           (unsigned long long)b.packets, (unsigned long long)b.tcp,
           (unsigned long long)b.data_bytes, (unsigned long long)b.gap_bytes,
           (unsigned long long)b.raw_bytes, (unsigned long long)fn->total,
           (unsigned long long)b.ended);
    printf("ns a packet: decode %.1f, flow and stream %.1f\n",
           (double)b.ns_decode / (double)b.packets, (double)b.ns / (double)b.packets);
    if (b.look_for)
        printf("hits to server %llu to client %llu\n", (unsigned long long)b.hits[0],
               (unsigned long long)b.hits[1]);
    for (unsigned i = 0; i < STREAM_EVENT_COUNT; i++)
        if (sn->event[i])
            printf("  %s %llu\n", stream_event_name(i), (unsigned long long)sn->event[i]);
    flow_table_free(b.t);
    stream_engine_free(b.e);
    decoder_free(b.d);
    free(b.pkts);
    return 0;
}
