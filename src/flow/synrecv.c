/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SYN and SYN/ACK were seen; the client's ACK is awaited. */
#include "flow/session.h"

void session_up(struct pass *c)
{
    session_state(c, TCP_ESTABLISHED);
    if (c->s->hs) {
        handshake_give(c->e, c->s->hs);
        c->s->hs = NULL;
    }
    state_connected(c);
}

static void recv_synack(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_session *s = c->s;
    if (c->dir == 0) {
        if (!(s->flags & SSN_FOURWAY))
            stream_event(c, STREAM_EV_3WHS_SYNACK_TOSERVER_ON_SYN_RECV);
        packet_refuse(c);
        return;
    }
    const struct tcp_half *a = &s->half[0], *b = &s->half[1];
    if (s->flags & SSN_FOURWAY) { /* both have sent SYN, then SYN/ACK */
        if (p->tcp.ack != a->isn + 1)
            stream_event(c, STREAM_EV_4WHS_INVALID_ACK);
        else if (p->tcp.seq != b->isn)
            stream_event(c, STREAM_EV_4WHS_WRONG_SEQ);
        else {
            session_state(c, TCP_ESTABLISHED);
            return;
        }
        packet_refuse(c);
        return;
    }
    bool same_ack = p->tcp.ack == a->last_ack, same_seq = p->tcp.seq == b->isn;
    if (same_ack && same_seq)
        return;
    if (!same_ack)
        stream_event(c, STREAM_EV_3WHS_SYNACK_RESEND_WITH_DIFF_ACK);
    if (!same_seq)
        stream_event(c, STREAM_EV_3WHS_SYNACK_RESEND_WITH_DIFF_SEQ);
    if (!syn_of_ack(s, p->tcp.ack)) {
        packet_refuse(c);
        return;
    }
    struct tcp_syn synack;
    syn_read(p, &synack);
    synack_queue(c, &synack);
}

static void recv_syn(struct pass *c)
{
    if (c->dir == 1) {
        stream_event(c, STREAM_EV_3WHS_SYN_TOCLIENT_ON_SYN_RECV);
        packet_refuse(c);
        return;
    }
    if (c->p->tcp.seq == c->s->syn.isn)
        return;
    stream_event(c, STREAM_EV_3WHS_SYN_RESEND_DIFF_SEQ_ON_SYN_RECV);
    syn_queue(c);
}

/* Another SYN/ACK than the first is the one that this ACK answers. */
static bool switch_synack(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_session *s = c->s;
    for (unsigned i = 0; s->hs && i < s->hs->synacks; i++) {
        struct tcp_syn cand = s->hs->synack[i];
        const struct tcp_syn *syn = syn_of_ack(s, cand.ack);
        if (!syn || p->tcp.ack != cand.isn + 1 || p->tcp.seq != cand.ack)
            continue;
        synack_take(c, syn, &cand);
        return true;
    }
    return false;
}

/* The client's: the end of the handshake. */
static void recv_ack_to_server(struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_half *a = &c->s->half[0], *b = &c->s->half[1];
    uint32_t seq = p->tcp.seq, ack = p->tcp.ack;
    bool seq_exact = seq == a->last_ack || (seq_ge(seq, a->isn + 1) && seq_le(seq, a->next_seq));
    /* An ACK of later data: the handshake's own was lost before the capture. */
    bool seq_good = seq_exact || (seq_ge(seq, a->last_ack) && seq_le(seq, a->next_win));
    bool ack_good = seq_ge(ack, b->isn + 1) && seq_le(ack, b->next_seq);
    if (!ack_good && switch_synack(c)) {
        session_up(c);
        return;
    }
    if (!ack_good && seq_exact && seq_gt(ack, b->next_seq) && seq_le(ack, b->next_win))
        ack_good =
            (c->s->flags & SSN_MIDSTREAM) || !p->payload_len; /* data of the server not seen */
    if (ack_good && seq_good && c->s->flags & SSN_FOURWAY)
        packet_skip(c); /* the server's answer decides */
    else if (ack_good && seq_good)
        session_up(c);
    else {
        bool evasion = seq_exact && !ack_good;
        stream_event(c, evasion ? STREAM_EV_3WHS_RIGHT_SEQ_WRONG_ACK_EVASION
                                : STREAM_EV_3WHS_WRONG_SEQ_WRONG_ACK);
        packet_refuse(c);
    }
}

/* The server speaks although the client's ACK was not seen. */
static void recv_ack_to_client(struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_session *s = c->s;
    const struct tcp_half *a = &s->half[0], *b = &s->half[1];
    bool exact = p->tcp.seq == b->next_seq && seq_ge(p->tcp.ack, a->isn + 1) &&
                 seq_le(p->tcp.ack, a->next_win);
    if (s->flags & SSN_FOURWAY) {
        bool seq_good = p->tcp.seq == b->next_seq || p->tcp.seq == b->isn;
        if (!seq_good)
            stream_event(c, STREAM_EV_4WHS_WRONG_SEQ);
        else if (p->tcp.ack != a->isn + 1)
            stream_event(c, STREAM_EV_4WHS_INVALID_ACK);
        else {
            session_up(c);
            return;
        }
        packet_refuse(c);
        return;
    }
    if (exact && s->flags & (SSN_FASTOPEN | SSN_MIDSTREAM)) {
        session_up(c);
        return;
    }
    stream_event(c, STREAM_EV_3WHS_ACK_IN_WRONG_DIR);
    /* Nobody but the server knows both numbers: the client's ACK was lost before the capture. */
    if (exact && (p->payload_len || seq_gt(p->tcp.ack, a->next_seq))) {
        if (p->payload_len)
            stream_event(c, STREAM_EV_3WHS_ACK_DATA_INJECT);
        session_up(c);
        return;
    }
    packet_refuse(c);
}

void state_syn_recv(struct pass *c)
{
    uint8_t fl = c->p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    if (fl & TCP_RST) {
        if (reset_counts(c))
            reset_take(c);
        else
            packet_refuse(c);
    } else if (fl == (TCP_SYN | TCP_ACK)) {
        recv_synack(c);
    } else if (fl == TCP_SYN) {
        recv_syn(c);
    } else if ((fl & TCP_ACK) && !(fl & TCP_SYN)) {
        if (c->dir == 0)
            recv_ack_to_server(c);
        else
            recv_ack_to_client(c);
    } else {
        packet_skip(c);
    }
}
