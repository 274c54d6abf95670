/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the cli: what the verbs of `riposte rules` share. */
#ifndef CLI_RULES_CMD_H
#define CLI_RULES_CMD_H

#include "cli/load.h"
#include "engine/engine.h"
#include "sensor/sensor.h"

struct rules_args {
    const char *capture, *bpf, *socket;
    bool json, csum_none;
    uint64_t gid, sid; /* gid 0: any */
    unsigned count;    /* lines of top */
};

/* An image of these rules and its overlay, as a sensor would load them; NULL with d. */
struct overlay *rules_in_force(const struct rule_set *s, const struct conf *c, struct diags *d);
/* Runs the capture with no output at all. */
int rules_replay(const struct rules_args *a, struct conf *c, struct replay_options *o, struct replay_result *r,
                 struct diags *d) MUST_CHECK;
int rules_why(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d) MUST_CHECK;
int rules_top_live(const struct rules_args *a); /* exit status */
int rules_top(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d) MUST_CHECK;

#endif
