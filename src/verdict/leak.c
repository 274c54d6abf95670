/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What reached an end behind the forbidden bytes, by rule.
 *
 * A frame goes to its receiver whole: what stands behind the forbidden bytes in it has leaked when the receiver
 * acknowledges it, as has all that passes later.  Packets are those behind the one that holds the last forbidden
 * byte; a super-frame is as many as it has segments.
 */
#include "verdict/respond.h"

#include <netinet/in.h>

enum { SEGMENT = 1448 };

/* What of p itself, and of what had passed before it, stands behind the number `end` on the way to the end e. */
static void tail_of(const struct end *e, const struct packet *p, uint32_t end, struct leak_from *x)
{
    uint32_t begin = p->tcp.seq + !!(p->tcp.flags & TCP_SYN), past = begin + packet_tcp_wire_len(p);
    uint32_t segment = p->seg_n > 1 && p->seg_size ? p->seg_size : past - begin;
    uint32_t high = e->high - ((p->tcp.flags & TCP_FIN) && e->high == past + 1); /* a FIN is no byte */
    if (!seq_gt(high, end) || high - end > 1u << 26) /* of another connection's numbers */
        return;
    x->base = end;
    x->tail = high - end;
    /* What came before p, on either side of it: of so many packets, if they were full. */
    if (seq_gt(high, past))
        x->tail_packets = (high - (seq_gt(end, past) ? end : past) + SEGMENT - 1) / SEGMENT;
    if (seq_gt(begin, end))
        x->tail_packets += (begin - end + SEGMENT - 1) / SEGMENT;
    if (!seq_gt(past, end) || !segment)
        return;
    if (!seq_gt(end, begin)) {
        x->tail_packets += (past - begin + segment - 1) / segment;
        return;
    }
    uint32_t holds = (end - 1 - begin) / segment; /* the segment with the last forbidden byte */
    x->spare = u32_min((holds + 1) * segment, past - begin) - (end - begin);
    x->tail_packets += (past - begin + segment - 1) / segment - 1 - holds;
}

void leak_begin(const struct answered *a, const struct packet *p, const struct decision *d, struct leak_from from[2])
{
    bool from0 = p->sp == a->end[0].port && ip_eq(&p->src, &a->end[0].addr);
    for (unsigned s = 0; s < 2; s++) {
        const struct end *e = &a->end[s];
        bool receiver = (s == 0) != from0, placed = d->response_placed && d->response_dir == p->dir;
        from[s] = (struct leak_from){
            .base = e->high, .packets = e->after_packets, .bytes = (uint32_t)e->after_bytes, .unseen = !e->seen};
        if (receiver && placed && !d->drop && (p->flags & PKT_TCP))
            tail_of(e, p, d->response_end_seq, &from[s]);
    }
}

static void leak_add(const struct answered *a, const struct end *e, const struct leak_from *x, struct leak *sum)
{
    uint64_t passed = (uint32_t)(e->after_bytes - x->bytes) + (uint64_t)x->tail, got = passed;
    uint64_t packets = (e->after_packets - x->packets) + (uint64_t)x->tail_packets;
    uint32_t base = x->unseen ? e->first : x->base; /* a number of 0 would be one of any connection's */
    if (a->proto == IPPROTO_TCP && e->acked)
        got = seq_gt(e->ack, base) ? u64_min(e->ack - base, got) : 0;
    sum->bytes += got;
    if (got <= x->spare) /* all in the forbidden packet */
        return;
    got -= x->spare;
    passed -= x->spare;
    sum->packets += (packets * got + passed - 1) / passed;
}

struct leak leaked(const struct answered *a, const struct leak_from from[2])
{
    struct leak sum = {0};
    for (unsigned s = 0; s < 2; s++)
        leak_add(a, &a->end[s], &from[s], &sum);
    return sum;
}
