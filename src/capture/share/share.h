/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One port, or the two ports of one wire, shared by several virtual IPSs: which frame is whose,
 * decided in the kernel.
 *
 * Claims are VLANs, networks, or networks within VLANs.  A frame belongs to who claims its
 * outermost VLAN; else to who claims the network of one of its ends (the longest prefix); between
 * two networks to the member that share_between names, else to the one with the lower number; what
 * nobody claims belongs to the rest, if somebody is.  So both directions of a flow have one owner.
 *
 * All members' capture sockets of a port stand in one fanout group, whose program gives each frame
 * to one of them; a filter at each socket lets its member's frames through and no others, whatever
 * the group did.  In the wire one program at tc ingress asks the gate's question of the owner's
 * beats; frames of nobody, and of members that do not run, are the bridge's.  Each member keeps its
 * own gate (gate/gate.h): an engine can reach no other's beats.
 *
 * Owner: the supervisor; one thread.
 */
#ifndef CAPTURE_SHARE_SHARE_H
#define CAPTURE_SHARE_SHARE_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/ip.h"

struct gate;
struct share;
enum { SHARE_UNTAGGED = 4096, SHARE_VLAN_ANY = 0xfffe };

/* `ports`: one mirror port, or the two of a wire.  NULL with d. */
struct share *share_new(const char *const *port, unsigned ports, bool in_wire, struct diags *d);
void share_free(struct share *s); /* the program stays at a wire's ports */

/* Claims; all before the first member opens.  -EEXIST: another has it (*by: who). */
int share_claim_vlan(struct share *s, unsigned member, unsigned vlan, unsigned *by) MUST_CHECK;
/* In this VLAN, or SHARE_VLAN_ANY: in all on which there is no claim. */
int share_claim_net(struct share *s, unsigned member, unsigned vlan, const struct ip_addr *a,
                    uint8_t ver, unsigned prefix, unsigned *by) MUST_CHECK;
int share_claim_rest(struct share *s, unsigned member, unsigned *by) MUST_CHECK;
int share_between(struct share *s, unsigned a, unsigned b, unsigned by) MUST_CHECK;

/* In the wire: at the ports' tc ingress, in place of what another gate left there. */
int share_attach(struct share *s, unsigned port, struct diags *d) MUST_CHECK;
/* Its filters, with the number in them; `g`: its gate, NULL on mirror ports.  Again: they are as
 * they were. */
int share_member(struct share *s, unsigned member, const struct gate *g,
                 struct diags *d) MUST_CHECK;
int share_filter_fd(const struct share *s, unsigned member);
/* It does not run any more: the bridge has its frames.  Its sockets keep their places, so that
 * others' don't move. */
void share_gone(struct share *s, unsigned member);

/*
 * The group of a port (its number), and the program to set in it.  A socket that has joined is told
 * of here, in the order of joining; those of a worker before are left afterwards (closed by the
 * caller at once: no other holder).
 */
uint16_t share_group(const struct share *s, unsigned port);
int share_program_fd(const struct share *s);
int share_joined(struct share *s, unsigned port, unsigned member, unsigned worker,
                 int fd) MUST_CHECK;
void share_left(struct share *s, unsigned port, int fd);
/*
 * Now and then: a port that was set down and up has its sockets in the order in which they were
 * made.  Nobody tells that reliably; frames that come to others' sockets do, and the map of places
 * follows.
 */
void share_look(struct share *s);
/* Who has set it down and up himself knows at once. */
void share_relinked(struct share *s, unsigned port);

struct share_counters {
    uint64_t unclaimed; /* of nobody, or of one that does not run: the bridge had them (mirror
                           ports: nobody did) */
    uint64_t astray;    /* came to another's socket, and were lost */
};
void share_counters(const struct share *s, struct share_counters *out);

#endif
