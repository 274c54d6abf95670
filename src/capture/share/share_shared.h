/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both sides of a shared port know: layouts of the maps.  Included by BPF code: no other header. */
#ifndef CAPTURE_SHARE_SHARE_SHARED_H
#define CAPTURE_SHARE_SHARE_SHARED_H

#include <linux/types.h>

enum {
    SHARE_MEMBERS = 256,
    SHARE_PLACES = 64,   /* workers of a member */
    SHARE_VLANS = 4097,  /* the last one: no tag */
    SHARE_PORTS = 2,
    SHARE_NETS = 65536,
    SHARE_FAMILY_BITS = 32, /* of a key, before its address: VLAN and version are compared whole */
};
#define SHARE_NONE     0xffffu
#define SHARE_ANY_VLAN 0xfffeu

/* By VLAN: whose it is; SHARE_NONE with `nets`: the addresses decide. */
struct share_vlan {
    __u16 member;
    __u16 nets; /* networks are claimed in this VLAN */
    __u16 known; /* there is a claim on this VLAN: what is claimed in any does not hold in it */
    __u16 pad;
};
struct share_all {
    __u16 rest; /* takes what nobody claims; SHARE_NONE: nobody does */
    __u16 nets; /* networks are claimed in any VLAN */
};
struct share_net {
    __u32 prefixlen; /* SHARE_FAMILY_BITS + the network's */
    __u16 vlan, version;
    __u8 addr[16];
};
struct share_pair { /* of members, the lower first: who judges what goes between their networks */
    __u16 a, b;
};
/* Where a member's sockets stand in the fanout group of a port. */
struct share_place {
    __u32 workers;
    __u32 at[SHARE_PLACES];
};
struct share_place_key {
    __u32 ifindex;
    __u32 member;
};
enum share_counted {
    SHARE_UNCLAIMED,
    SHARE_ASTRAY, /* came to a socket of another member, and was lost */
    SHARE_COUNTS
};

#endif
