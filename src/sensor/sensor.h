/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor: processes around one virtual IPS (doc/processes.md).
 *
 * supervisor   root; opens what needs rights, starts the others, holds the control socket
 * compiler     short-lived; rule files to an image
 * engine       workers are threads; reads its capture, writes events into rings
 * logger       takes events from the rings, writes files and sockets
 */
#ifndef SENSOR_SENSOR_H
#define SENSOR_SENSOR_H

#include "base/attr.h"
#include "base/diag.h"
#include "config/config.h"
#include "rules/rules.h"

struct sbuf;

enum {
    SENSOR_WORKERS = 64,
    SENSOR_CONTROL_MAX = 4096, /* bytes of a request on the control socket */
};

struct sensor_options {
    /* Makes the configuration, at the start and at each reload.  NULL with d. */
    struct conf *(*configure)(void *ctx, struct diags *d);
    void *ctx;
    const char *const *only; /* -S: exactly these rule files, instead of the configuration's */
    unsigned n_only;
    const char *const *more; /* -s: besides */
    unsigned n_more;
    enum rule_dialect dialect;
    int check_csum;       /* -1 as configured, 0 none, 1 all */
    bool fatal;           /* a rule that can't be loaded ends the start */
    bool test;            /* -T: load everything, start nothing */
    const char *starting; /* what was guessed, said at the start; may be NULL */
};
/* Runs until it is told to end.  The exit status. */
int sensor_run(const struct sensor_options *o);
/*
 * What a start would refuse of the settings alone: values that mean nothing to the engine, a mirror port
 * that is to answer.  Whether ports are there is not asked.  -EINVAL with d.
 */
int sensor_check(const struct conf *c, struct diags *d) MUST_CHECK;
/* A child of the supervisor: riposte -P engine|logger|compiler.  The exit status. */
int sensor_role(char *role);

/* ---- the control socket */

/* Where `name` (a vIPS, a path, or NULL: the only one there is) listens.  -errno with d. */
int sensor_control_path(const char *name, char *out, size_t room, struct diags *d) MUST_CHECK;
/* The paths of all that answer in /run/riposte, by name; at most `most` of at least PATH_MAX bytes.  How many. */
unsigned sensor_control_all(char (*out)[4096], unsigned most);
/* One request (words), one JSON object; `out` is cleared.  0, or negative errno with d. */
int sensor_request(const char *path, const char *request, struct sbuf *out,
                   struct diags *d) MUST_CHECK;

/* ---- finding and guessing */

/*
 * A file or folder of the installation ("etc/rules", "lab/lab.sh"): below $RIPOSTE_HOME, beside the
 * program (../NAME from its folder), in ../share/riposte, ../lib/riposte, /etc/riposte.
 */
bool sensor_find(const char *name, char *out, size_t room);
/*
 * HOME_NET when nobody says: the networks of the watched ports that have addresses; for mirror
 * ports, which have none, all private networks and what global ones this host has.
 */
bool sensor_guess_home(const char *const *iface, unsigned n, char *out, size_t room);

/* ---- proving that the response port works */

struct selftest_options {
    const char *response;      /* port that the reset leaves by */
    const char *const *mirror; /* ports that show the switch; may be none */
    unsigned n_mirror;
    const char *to; /* ADDRESS:PORT, [ADDRESS6]:PORT; NULL: one that the mirror shows */
    const char
        *address; /* own address, ADDRESS/LENGTH: a guest on the response port; NULL: this host's */
    unsigned wait_s; /* for a server to show up; 0: 10 */
    void (*step)(void *ctx, const char *name, bool ok, const char *text);
    void *ctx;
};
/*
 * Opens a TCP connection of its own across the switch, resets it at the server through the response
 * port, and looks whether it died.  0; -errno of the step that failed (told by `step`).  The
 * process changes its network namespace when `address` is given: it should end afterwards.
 */
int sensor_selftest(const struct selftest_options *o) MUST_CHECK;

#endif
