/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel itself says through ports of these names is dropped, before there are such ports.
 *
 * A port that returns may be up, and speak (IPv6 neighbour discovery, multicast reports), before anybody has heard of
 * it.  Two tables of nf_tables, owned by a socket and gone with it, drop by name what leaves this host as IPv4, IPv6 or
 * ARP; frames of packet sockets, which are our answers, pass no such hook.  nf_tables' messages: nf_tables.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/gate/netlink.h"

enum { HUSH_PORTS = 64, BATCH_ROOM = (2 + 2 * (2 + HUSH_PORTS)) * 512 };

struct batch {
    uint8_t *bytes;
    size_t n;
    uint32_t seq;
    unsigned acks; /* to be waited for */
    bool full;
};

static void begin(struct nl_request *q, unsigned type, uint16_t flags, unsigned family, unsigned id)
{
    struct nfgenmsg g = {.nfgen_family = (uint8_t)family, .res_id = htons((uint16_t)id)};
    nl_begin(q, (uint16_t)type, flags, &g, sizeof(g));
}

static void begin_nft(struct nl_request *q, unsigned type, uint16_t flags, unsigned family)
{
    begin(q, NFNL_SUBSYS_NFTABLES << 8 | type, flags | NLM_F_CREATE | NLM_F_ACK, family, 0);
}

static void put_text(struct nl_request *q, uint16_t type, const char *s)
{
    nl_put(q, type, s, strlen(s) + 1);
}

static void put_be32(struct nl_request *q, uint16_t type, uint32_t v)
{
    nl_put_u32(q, type, htonl(v));
}

static void batch_add(struct batch *b, struct nl_request *q)
{
    size_t n = NLMSG_ALIGN(q->h.nlmsg_len);
    q->h.nlmsg_seq = ++b->seq;
    b->full |= q->full || b->n + n > BATCH_ROOM;
    if (b->full)
        return;
    memcpy(b->bytes + b->n, q->bytes, n);
    b->n += n;
    b->acks += (q->h.nlmsg_flags & NLM_F_ACK) != 0;
}

static void put_table(struct batch *b, unsigned family, unsigned hook, const char *name)
{
    struct nl_request q;
    begin_nft(&q, NFT_MSG_NEWTABLE, 0, family);
    put_text(&q, NFTA_TABLE_NAME, name);
    put_be32(&q, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    batch_add(b, &q);
    begin_nft(&q, NFT_MSG_NEWCHAIN, 0, family);
    put_text(&q, NFTA_CHAIN_TABLE, name);
    put_text(&q, NFTA_CHAIN_NAME, "out");
    size_t at = nl_nest(&q, NFTA_CHAIN_HOOK);
    put_be32(&q, NFTA_HOOK_HOOKNUM, hook);
    put_be32(&q, NFTA_HOOK_PRIORITY, 0);
    nl_nest_end(&q, at);
    put_text(&q, NFTA_CHAIN_TYPE, "filter");
    batch_add(b, &q);
}

struct expression {
    size_t whole, data;
};
static struct expression expression_begin(struct nl_request *q, const char *name)
{
    struct expression e = {.whole = nl_nest(q, NFTA_LIST_ELEM)};
    put_text(q, NFTA_EXPR_NAME, name);
    e.data = nl_nest(q, NFTA_EXPR_DATA);
    return e;
}
static void expression_end(struct nl_request *q, struct expression e)
{
    nl_nest_end(q, e.data);
    nl_nest_end(q, e.whole);
}

/* meta oifname PORT drop */
static void put_rule(struct batch *b, unsigned family, const char *table, const char *port)
{
    struct nl_request q;
    char name[IFNAMSIZ] = "";
    strncpy(name, port, sizeof(name) - 1);
    begin_nft(&q, NFT_MSG_NEWRULE, NLM_F_APPEND, family);
    put_text(&q, NFTA_RULE_TABLE, table);
    put_text(&q, NFTA_RULE_CHAIN, "out");
    size_t list = nl_nest(&q, NFTA_RULE_EXPRESSIONS);
    struct expression e = expression_begin(&q, "meta");
    put_be32(&q, NFTA_META_DREG, NFT_REG_1);
    put_be32(&q, NFTA_META_KEY, NFT_META_OIFNAME);
    expression_end(&q, e);
    e = expression_begin(&q, "cmp");
    put_be32(&q, NFTA_CMP_SREG, NFT_REG_1);
    put_be32(&q, NFTA_CMP_OP, NFT_CMP_EQ);
    size_t at = nl_nest(&q, NFTA_CMP_DATA);
    nl_put(&q, NFTA_DATA_VALUE, name, sizeof(name));
    nl_nest_end(&q, at);
    expression_end(&q, e);
    e = expression_begin(&q, "immediate");
    put_be32(&q, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    at = nl_nest(&q, NFTA_IMMEDIATE_DATA);
    size_t verdict = nl_nest(&q, NFTA_DATA_VERDICT);
    put_be32(&q, NFTA_VERDICT_CODE, NF_DROP);
    nl_nest_end(&q, verdict);
    nl_nest_end(&q, at);
    expression_end(&q, e);
    nl_nest_end(&q, list);
    batch_add(b, &q);
}

static void put_all(struct batch *b, const char *const *port, unsigned n)
{
    static const struct {
        unsigned family, hook;
    } tables[] = {{NFPROTO_INET, NF_INET_LOCAL_OUT}, {NFPROTO_ARP, NF_ARP_OUT}};
    struct nl_request q;
    char name[32];
    snprintf(name, sizeof(name), "riposte-%ld", (long)getpid());
    begin(&q, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    batch_add(b, &q);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        put_table(b, tables[t].family, tables[t].hook, name);
        for (unsigned k = 0; k < n; k++)
            put_rule(b, tables[t].family, name, port[k]);
    }
    begin(&q, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    batch_add(b, &q);
}

/* All or nothing: the first error is the batch's. */
static int batch_do(int fd, const struct batch *b)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    _Alignas(NLMSG_ALIGNTO) uint8_t answer[8192];
    if (b->full)
        return -E2BIG;
    if (sendto(fd, b->bytes, b->n, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -errno;
    for (unsigned acks = 0; acks < b->acks;) {
        ssize_t got = recv(fd, answer, sizeof(answer), 0);
        if (got <= 0)
            return got ? -errno : -EPROTO;
        uint32_t left = (uint32_t)got;
        for (const struct nlmsghdr *h = (const void *)answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            struct nlmsgerr e;
            if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
                continue;
            memcpy(&e, NLMSG_DATA(h), sizeof(e));
            if (e.error)
                return e.error;
            acks++;
        }
    }
    return 0;
}

int capture_hush(const char *const *port, unsigned n)
{
    struct timeval most = {.tv_sec = 2};
    struct batch b = {.bytes = malloc(BATCH_ROOM)};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), rc = fd < 0 ? -errno : b.bytes ? 0 : -ENOMEM;
    if (!rc) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
        put_all(&b, port, u32_min(n, HUSH_PORTS));
        rc = batch_do(fd, &b);
    }
    free(b.bytes);
    if (rc && fd >= 0)
        close(fd);
    return rc ? rc : fd;
}
