/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose packet is it?  One symmetric hash of addresses and ports, once in C and once as a classic
 * BPF program for the kernel's fanout (PACKET_FANOUT_CBPF), so that both directions of a flow come
 * to one worker on whichever port they are seen, and so that an engine knows the owner of a packet
 * that reached it on another way (an inner packet, one rebuilt from fragments, the flow of an ICMP
 * error).
 *
 * The program looks behind up to two tags more than the one that the kernel took off, and PPPoE.
 * What it can't read goes to worker 0, and the engine hands it on: the program need not know all,
 * but must never differ where it does.
 */
#include "capture/fanout.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/capture.h"

/* Odd constants; any would do. */
#define MIX_PORT 0x9e3779b1u
#define MIX_SUM  0x85ebca6bu
#define MIX_XOR  0xc2b2ae35u
#define MIX_END  0x27d4eb2fu
enum { FOLD = 3 };

static uint32_t end_of(uint8_t ver, const struct ip_addr *a, uint16_t port)
{
    uint32_t h = 0;
    if (ver == 4)
        h = be32_at(a->b + 12);
    else
        for (unsigned i = 0; i < 16; i += 4)
            h = (h + be32_at(a->b + i)) * FOLD;
    return h + port * MIX_PORT;
}

unsigned capture_owner(uint8_t ver, const struct ip_addr *src, const struct ip_addr *dst,
                       uint16_t sp, uint16_t dp, unsigned workers)
{
    uint32_t a = end_of(ver, src, sp), b = end_of(ver, dst, dp);
    uint32_t h = (a + b) * MIX_SUM ^ (a ^ b) * MIX_XOR;
    h = (h ^ h >> 15) * MIX_END;
    return (h >> 16) * workers >> 16;
}

/* ------------------------------------------------------------------ the same for the kernel */

static void put(struct fanout_program *p, unsigned code, uint32_t k)
{
    if (p->n < FANOUT_STEPS)
        p->step[p->n++] = (struct sock_filter){.code = (uint16_t)code, .k = k};
}
#define LOAD(size, at) put(p, BPF_LD | BPF_##size | BPF_IND, p->net + (uint32_t)(at)) /* behind X  \
                                                                                       */
#define ALU(op, k) put(p, BPF_ALU | BPF_##op | BPF_K, k)
#define ALU_X(op)  put(p, BPF_ALU | BPF_##op | BPF_X, 0)
#define KEEP(m)    put(p, BPF_ST, m)
#define A_OF(m)    put(p, BPF_LD | BPF_MEM, m)
#define X_OF(m)    put(p, BPF_LDX | BPF_MEM, m)
#define A_TO_X()   put(p, BPF_MISC | BPF_TAX, 0)
#define X_TO_A()   put(p, BPF_MISC | BPF_TXA, 0)

enum { M_A, M_B, M_T, M_AT }; /* both ends; for the moment; where the network header is */

/* If A is k, on to where `land` says. */
static unsigned jump_if(struct fanout_program *p, uint32_t k)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, k);
    p->step[p->n - 1].jf = 1;
    put(p, BPF_JMP | BPF_JA, 0);
    return p->n - 1;
}
static unsigned jump(struct fanout_program *p)
{
    put(p, BPF_JMP | BPF_JA, 0);
    return p->n - 1;
}
static void land(struct fanout_program *p, unsigned from)
{
    p->step[from].k = p->n - from - 1;
}

/* X goes on; A stays. */
static void skip(struct fanout_program *p, uint32_t bytes)
{
    KEEP(M_T);
    X_TO_A();
    ALU(ADD, bytes);
    A_TO_X();
    A_OF(M_T);
}

static void tag(struct fanout_program *p)
{
    unsigned a = jump_if(p, ETH_P_8021Q), b = jump_if(p, ETH_P_8021AD), c = jump_if(p, ETH_P_QINQ1),
             none = jump(p);
    land(p, a);
    land(p, b);
    land(p, c);
    LOAD(H, 2);
    skip(p, 4);
    land(p, none);
}

static void pppoe(struct fanout_program *p)
{
    unsigned is = jump_if(p, ETH_P_PPP_SES), none = jump(p);
    land(p, is);
    LOAD(H, 6);
    skip(p, 8);
    unsigned six = jump_if(p, 0x57);
    unsigned four = jump_if(p, 0x21), other = jump(p);
    land(p, six);
    put(p, BPF_LD | BPF_IMM, ETH_P_IPV6);
    unsigned out = jump(p);
    land(p, four);
    put(p, BPF_LD | BPF_IMM, ETH_P_IP);
    land(p, out);
    land(p, other);
    land(p, none);
}

static void fold6(struct fanout_program *p, uint32_t at, uint32_t to)
{
    put(p, BPF_LD | BPF_IMM, 0);
    KEEP(to);
    for (uint32_t i = 0; i < 16; i += 4) {
        X_OF(M_AT);
        LOAD(W, at + i);
        X_OF(to);
        ALU_X(ADD);
        ALU(MUL, FOLD);
        KEEP(to);
    }
    X_OF(M_AT);
}

/* X stands at the transport header. */
static void ports(struct fanout_program *p)
{
    LOAD(H, 2);
    ALU(MUL, MIX_PORT);
    KEEP(M_T);
    LOAD(H, 0);
    ALU(MUL, MIX_PORT);
    X_OF(M_A);
    ALU_X(ADD);
    KEEP(M_A);
    A_OF(M_T);
    X_OF(M_B);
    ALU_X(ADD);
    KEEP(M_B);
}

static void finish(struct fanout_program *p, unsigned workers)
{
    A_OF(M_A);
    X_OF(M_B);
    ALU_X(ADD);
    ALU(MUL, MIX_SUM);
    KEEP(M_T);
    A_OF(M_A);
    ALU_X(XOR);
    ALU(MUL, MIX_XOR);
    X_OF(M_T);
    ALU_X(XOR);
    A_TO_X();
    ALU(RSH, 15);
    ALU_X(XOR);
    ALU(MUL, MIX_END);
    ALU(RSH, 16);
    ALU(MUL, workers);
    ALU(RSH, 16);
    put(p, BPF_RET | BPF_A, 0);
}

/* A is the transport's number: three jumps to those with ports. */
static void with_ports(struct fanout_program *p, unsigned to[3])
{
    static const uint8_t proto[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
    for (unsigned i = 0; i < 3; i++)
        to[i] = jump_if(p, proto[i]);
}

void fanout_program(struct fanout_program *p, uint32_t proto, uint32_t net, unsigned workers)
{
    unsigned to4[3], to6[3];
    p->n = 0;
    p->net = net;
    put(p, BPF_LD | BPF_H | BPF_ABS, proto);
    put(p, BPF_LDX | BPF_IMM, 0);
    tag(p);
    tag(p);
    pppoe(p);
    unsigned four = jump_if(p, ETH_P_IP), six = jump_if(p, ETH_P_IPV6);
    put(p, BPF_RET | BPF_K, 0);
    land(p, six);
    put(p, BPF_STX, M_AT);
    fold6(p, 8, M_A);
    fold6(p, 24, M_B);
    LOAD(B, 6);
    with_ports(p, to6);
    unsigned bare6 = jump(p);
    for (unsigned i = 0; i < 3; i++)
        land(p, to6[i]);
    skip(p, 40);
    unsigned ports6 = jump(p);
    land(p, four);
    LOAD(W, 12);
    KEEP(M_A);
    LOAD(W, 16);
    KEEP(M_B);
    LOAD(H, 6);
    ALU(AND, 0x3fff); /* fragments, the first one too: to one worker */
    unsigned whole = jump_if(p, 0), fragment = jump(p);
    land(p, whole);
    LOAD(B, 9);
    with_ports(p, to4);
    unsigned bare4 = jump(p);
    for (unsigned i = 0; i < 3; i++)
        land(p, to4[i]);
    LOAD(B, 0);
    ALU(AND, 15);
    ALU(LSH, 2);
    ALU_X(ADD);
    A_TO_X();
    land(p, ports6);
    ports(p);
    land(p, bare4);
    land(p, bare6);
    land(p, fragment);
    finish(p, workers);
}
