/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of nfnetlink_queue, read and written (message.h). */
#include "capture/nfq/message.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

enum { HEAD = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg), ATTRS_MOST = 64, MAC = 6 };

static uint32_t align4(uint32_t n)
{
    return (n + 3u) & ~3u;
}

/* ------------------------------------------------------------------ reading */

static uint16_t host16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}
static uint32_t host32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* One attribute: its type, its bytes as a cursor.  False: no more, or broken (bad). */
static bool attr_next(struct cursor *c, uint16_t *type, struct cursor *body)
{
    if (c->bad || cur_left(c) < NLA_HDRLEN)
        return false;
    const uint8_t *h = cur_take(c, NLA_HDRLEN);
    uint16_t len = host16(h);
    *type = host16(h + 2) & NLA_TYPE_MASK;
    if (len < NLA_HDRLEN) {
        c->bad = true;
        return false;
    }
    *body = cur_sub(c, len - (unsigned)NLA_HDRLEN);
    size_t pad = align4(len) - len;
    if (!c->bad && pad)
        (void)cur_skip(c, pad < cur_left(c) ? pad : cur_left(c));
    return !c->bad;
}

static void read_header(struct cursor *b, struct nfq_packet *out)
{
    out->id = cur_be32(b);
    out->proto = cur_be16(b);
}

static void read_hw(struct cursor *b, struct nfq_packet *out)
{
    uint16_t n = cur_be16(b);
    (void)cur_skip(b, 2);
    const uint8_t *p = n == MAC ? cur_take(b, MAC) : NULL;
    if (p && !out->has_src) {
        memcpy(out->src, p, MAC);
        out->has_src = true;
    }
}

static void read_l2(struct cursor *b, struct nfq_packet *out)
{
    const uint8_t *p = cur_left(b) >= ETH_HLEN ? cur_take(b, (size_t)2 * MAC) : NULL;
    if (!p)
        return;
    memcpy(out->dst, p, MAC);
    memcpy(out->src, p + MAC, MAC);
    out->has_dst = out->has_src = true;
}

static void read_vlan(struct cursor *b, struct nfq_packet *out)
{
    uint16_t type;
    struct cursor v;
    for (unsigned k = 0; k < 8 && attr_next(b, &type, &v); k++) {
        if (type == NFQA_VLAN_PROTO)
            out->tpid = cur_be16(&v);
        else if (type == NFQA_VLAN_TCI) {
            out->tci = cur_be16(&v);
            out->tagged = !v.bad;
        }
    }
}

static void read_time(struct cursor *b, struct nfq_packet *out)
{
    uint64_t s = (uint64_t)cur_be32(b) << 32;
    s |= cur_be32(b);
    uint64_t us = (uint64_t)cur_be32(b) << 32;
    us |= cur_be32(b);
    if (!b->bad && us < 1000000 && s < UINT64_MAX / 2000000000ull)
        out->ts_ns = s * 1000000000ull + us * 1000;
}

static void read_attr(uint16_t type, struct cursor *b, struct nfq_packet *out)
{
    switch (type) {
    case NFQA_PACKET_HDR:
        read_header(b, out);
        break;
    case NFQA_MARK:
        out->mark = cur_be32(b);
        break;
    case NFQA_TIMESTAMP:
        read_time(b, out);
        break;
    case NFQA_IFINDEX_INDEV:
        out->in = out->in ? out->in : cur_be32(b);
        break;
    case NFQA_IFINDEX_OUTDEV:
        out->out = out->out ? out->out : cur_be32(b);
        break;
    case NFQA_IFINDEX_PHYSINDEV:
        out->in = cur_be32(b);
        out->bridged = true;
        break;
    case NFQA_IFINDEX_PHYSOUTDEV:
        out->out = cur_be32(b);
        out->bridged = true;
        break;
    case NFQA_HWADDR:
        read_hw(b, out);
        break;
    case NFQA_CAP_LEN:
        out->cap_n = cur_be32(b);
        break;
    case NFQA_SKB_INFO:
        out->info = cur_be32(b);
        break;
    case NFQA_VLAN:
        read_vlan(b, out);
        break;
    case NFQA_L2HDR:
        read_l2(b, out);
        break;
    case NFQA_PAYLOAD:
        out->n = (uint32_t)cur_left(b);
        out->data = b->at;
        break;
    default: /* what later kernels tell besides */
        break;
    }
}

static enum nfq_kind read_error(struct cursor *c, struct nfq_packet *out)
{
    const uint8_t *p = cur_take(c, 4);
    if (!p)
        return NFQ_BAD;
    out->error = (int32_t)host32(p);
    return NFQ_ERROR;
}

enum nfq_kind nfq_read(const uint8_t *p, size_t n, struct nfq_packet *out)
{
    memset(out, 0, sizeof(*out));
    struct cursor all = cur_of(p, n);
    const uint8_t *h = cur_take(&all, sizeof(struct nlmsghdr));
    if (!h)
        return NFQ_BAD;
    uint32_t len = host32(h);
    uint16_t type = host16(h + 4);
    if (len < sizeof(struct nlmsghdr) || len > n)
        return NFQ_BAD;
    struct cursor c = cur_sub(&all, len - sizeof(struct nlmsghdr));
    if (type == NLMSG_ERROR)
        return read_error(&c, out);
    if (type != ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET))
        return NFQ_OTHER;
    if (!cur_skip(&c, sizeof(struct nfgenmsg)))
        return NFQ_BAD;
    bool named = false;
    uint16_t kind;
    struct cursor body;
    for (unsigned k = 0; k < ATTRS_MOST && attr_next(&c, &kind, &body); k++) {
        read_attr(kind, &body, out);
        if (body.bad)
            return NFQ_BAD;
        named |= kind == NFQA_PACKET_HDR;
    }
    return c.bad || !named ? NFQ_BAD : NFQ_PACKET;
}

unsigned nfq_head(const struct nfq_packet *p, uint8_t *from)
{
    unsigned n = p->tagged ? NFQ_HEAD_MOST : ETH_HLEN;
    if (!p->data || !p->n || p->data - from < (ptrdiff_t)n)
        return 0;
    uint8_t *h = from + (p->data - from) - n;
    uint8_t ver = p->data[0] >> 4;
    memcpy(h, p->dst, MAC);
    memcpy(h + MAC, p->src, MAC);
    if (p->tagged) {
        be16_put(h + 2 * MAC, p->tpid ? p->tpid : ETH_P_8021Q);
        be16_put(h + 2 * MAC + 2, p->tci);
    }
    be16_put(h + n - 2, (uint16_t)(ver == 4 ? ETH_P_IP : ver == 6 ? ETH_P_IPV6 : p->proto));
    return n;
}

/* ------------------------------------------------------------------ writing */

static uint8_t *begin(struct nfq_out *o, uint16_t type, uint16_t queue, uint32_t body)
{
    uint32_t n = HEAD + body;
    if (o->room - o->n < n)
        return NULL;
    uint8_t *p = o->mem + o->n;
    struct nlmsghdr h = {.nlmsg_len = n,
                         .nlmsg_type = (uint16_t)((NFNL_SUBSYS_QUEUE << 8) | type),
                         .nlmsg_flags = NLM_F_REQUEST};
    struct nfgenmsg g = {.nfgen_family = 0, .version = NFNETLINK_V0, .res_id = htons(queue)};
    memset(p, 0, n);
    memcpy(p, &h, sizeof(h));
    memcpy(p + sizeof(h), &g, sizeof(g));
    o->n += n;
    return p + HEAD;
}

static uint8_t *attr(uint8_t *at, uint16_t type, const void *data, uint32_t n)
{
    struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type};
    memcpy(at, &a, sizeof(a));
    if (n)
        memcpy(at + NLA_HDRLEN, data, n);
    return at + NLA_HDRLEN + align4(n);
}

static uint32_t attr_n(uint32_t n)
{
    return (uint32_t)NLA_HDRLEN + align4(n);
}

bool nfq_put_bind(struct nfq_out *o, uint16_t queue, bool bind)
{
    struct nfqnl_msg_config_cmd c = {.command = bind ? NFQNL_CFG_CMD_BIND : NFQNL_CFG_CMD_UNBIND};
    uint8_t *p = begin(o, NFQNL_MSG_CONFIG, queue, attr_n(sizeof(c)));
    if (p)
        (void)attr(p, NFQA_CFG_CMD, &c, sizeof(c));
    return p != NULL;
}

bool nfq_put_settings(struct nfq_out *o, uint16_t queue, uint32_t copy, uint32_t most,
                      uint32_t flags, uint32_t mask)
{
    struct nfqnl_msg_config_params c = {.copy_range = htonl(copy), .copy_mode = NFQNL_COPY_PACKET};
    uint32_t m = htonl(most), f = htonl(flags), k = htonl(mask);
    uint8_t *p = begin(o, NFQNL_MSG_CONFIG, queue, attr_n(sizeof(c)) + 3 * attr_n(sizeof(m)));
    if (!p)
        return false;
    p = attr(p, NFQA_CFG_PARAMS, &c, sizeof(c));
    p = attr(p, NFQA_CFG_QUEUE_MAXLEN, &m, sizeof(m));
    p = attr(p, NFQA_CFG_FLAGS, &f, sizeof(f));
    (void)attr(p, NFQA_CFG_MASK, &k, sizeof(k));
    return true;
}

static bool put_verdict(struct nfq_out *o, uint16_t type, uint16_t queue, uint32_t id,
                        uint32_t verdict, const uint32_t *mark, const uint8_t *data, uint32_t n)
{
    struct nfqnl_msg_verdict_hdr v = {.verdict = htonl(verdict), .id = htonl(id)};
    if (n > UINT16_MAX - NLA_HDRLEN)
        return false;
    uint8_t *p =
        begin(o, type, queue,
              attr_n(sizeof(v)) + (mark ? attr_n(sizeof(*mark)) : 0) + (data ? attr_n(n) : 0));
    if (!p)
        return false;
    p = attr(p, NFQA_VERDICT_HDR, &v, sizeof(v));
    if (mark) {
        uint32_t m = htonl(*mark);
        p = attr(p, NFQA_MARK, &m, sizeof(m));
    }
    if (data)
        (void)attr(p, NFQA_PAYLOAD, data, n);
    return true;
}

bool nfq_put_verdict(struct nfq_out *o, uint16_t queue, uint32_t id, uint32_t verdict,
                     const uint32_t *mark, const uint8_t *data, uint32_t n)
{
    return put_verdict(o, NFQNL_MSG_VERDICT, queue, id, verdict, mark, data, n);
}

bool nfq_put_batch(struct nfq_out *o, uint16_t queue, uint32_t id, uint32_t verdict,
                   const uint32_t *mark)
{
    return put_verdict(o, NFQNL_MSG_VERDICT_BATCH, queue, id, verdict, mark, NULL, 0);
}

void nfq_ask_ack(struct nfq_out *o, uint32_t last_at)
{
    struct nlmsghdr h;
    if (o->n < last_at + sizeof(h))
        return;
    memcpy(&h, o->mem + last_at, sizeof(h));
    h.nlmsg_flags |= NLM_F_ACK;
    memcpy(o->mem + last_at, &h, sizeof(h));
}
