/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, folders, users and ports that the supervisor prepares. */
#ifndef SENSOR_PLACE_H
#define SENSOR_PLACE_H

#include "sensor/message.h"

#include <sys/types.h>

/* Users by name or number; `drop` false: this process is not root and stays who it is. */
int place_user(const struct conf *c, struct msg_setup *out, struct diags *d) MUST_CHECK;
/*
 * The folder of the outputs: made if it is not there, and usable by the run-as user.  A folder that
 * was there and that this user can't write gets his group, and log files in it that the
 * configuration names become his; folders of the system are left alone.  A descriptor, or -errno.
 */
int place_logs(const struct conf *c, const struct msg_setup *s, struct diags *d) MUST_CHECK;
/* The folder of data sets (data-dir), in the same way; none named: nothing is done.  What is wrong is a warning. */
void place_data(const struct conf *c, const struct msg_setup *s, struct diags *d);
/* Whether it would do, for -T: nothing is made or changed. */
int place_logs_check(const struct conf *c, const struct msg_setup *s, struct diags *d) MUST_CHECK;
/* Where compiled rules are kept; "" if nowhere. */
void place_cache(const struct conf *c, char *out, size_t room);
/* A private folder for one compilation, the run-as user's. */
int place_build(const char *cache, const struct msg_setup *s, char *out, size_t room) MUST_CHECK;
void place_build_done(const char *dir); /* removes it with what is in it */
/* Moves a built image into the cache (or keeps it nameless) and opens it for reading. */
int place_image(const char *built, const char *cache, uint64_t key, struct diags *d) MUST_CHECK;

/* Removes images that nobody used for `max_age` ("7d"), and what broken compilations left. */
void place_prune(const char *cache, const char *max_age, uint64_t now_s);
/* The same by a process of its own, that nobody waits for: the supervisor has engines to watch. */
void place_prune_apart(const char *cache, const char *max_age, uint64_t now_s);

/*
 * Writes our process id; the file stays locked as long as the descriptor is open.  -EBUSY with a
 * diag that names the process: another sensor has it.  Children do not inherit it.
 */
int pidfile_take(const char *path, struct diags *d) MUST_CHECK;

/* Which frames of its ports it asks for: none named, all that no other asks for. */
struct port_claims {
    bool vlans;
    uint64_t vlan[65]; /* bits; the last one: frames without a tag (SHARE_UNTAGGED) */
    const struct ip_prefix *net;
    unsigned n_nets;
};
/* Ports, ring, responses: from the configuration, in memory of its own (it outlives a reload). */
struct port_plan {
    struct capture_live_options live;
    const char *filter[CAPTURE_IFACES]; /* NULL: that of all */
    unsigned n;
    uint32_t with_address; /* mask: ports of this host itself: not silenced, own frames taken */
    bool pcap;             /* by libpcap */
    const char *response;  /* port, NULL: none */
    bool raw;              /* raw IP sockets */
    unsigned workers;
    bool realtime;        /* workers run before all ordinary processes */
    uint64_t event_bytes; /* ring of events */
    /* In the wire: ports 2k and 2k + 1 are a pair. */
    bool in_wire, test;  /* test: nothing is dropped */
    bool xdp;            /* in_wire: by AF_XDP */
    bool hold_start, drop_stale, remove_at_stop;
    uint64_t after_ns;
    bool queue; /* in_wire by NFQUEUE: live.iface[0] is their name, a worker has one each */
    bool queue_rules, queue_bridge;
    struct capture_queue_options q; /* of the first */
    struct port_claims claims;
    struct arena arena;
    char filter_file[8192];
};
int port_plan(const struct conf *c, struct port_plan *p, struct diags *d) MUST_CHECK;
int port_claims(const struct conf *c, struct port_plan *p, struct diags *d) MUST_CHECK; /* its last step */
/*
 * Are the ports of the plan there?  -ENODEV with a diag each that says where it is named.
 * libpcap's own devices ("any") are not looked for.
 */
int port_plan_check(const struct conf *c, const struct port_plan *p, struct diags *d) MUST_CHECK;
/* -EINVAL with diags: a filter that libpcap does not understand. */
int port_filters_check(const struct conf *c, const struct port_plan *p, struct diags *d) MUST_CHECK;
/* -EINVAL with a diag: a port is to answer that is watched, and nobody said that it may. */
int ports_apart(const struct conf *c, const struct port_plan *p, struct diags *d) MUST_CHECK;
void port_plan_done(struct port_plan *p);
bool port_has_address(const char *iface);

#endif
