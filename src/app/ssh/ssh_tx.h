/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An SSH connection as one transaction: what each end said of itself.
 *
 * The banner is kept as it came (up to its 255 bytes); of KEXINIT what HASSH is made of: four lists
 * of names, joined by semicolons, in one block of the transaction.  The hash is made when it is
 * first asked for.
 */
#ifndef APP_SSH_SSH_TX_H
#define APP_SSH_SSH_TX_H

#include "app/app.h"

/* Progress, of requests and of responses. */
#define SSH_STATES(X)                                                                              \
    X(STARTED, "started")                                                                          \
    X(BANNER_WAIT_EOL, "banner_wait_eol") /* a banner longer than it may be: its end is awaited */ \
    X(BANNER_DONE, "banner_done")                                                                  \
    X(FINISHED, "finished") /* NEWKEYS: what follows is encrypted */
#define SSH_STATE_ID(id, name) SSH_##id,
enum ssh_state_id { SSH_STATES(SSH_STATE_ID) };
#undef SSH_STATE_ID

#define SSH_EVENTS(X)                                                                              \
    X(INVALID_BANNER, "invalid_banner")                                                            \
    X(LONG_BANNER, "long_banner")                                                                  \
    X(INVALID_RECORD, "invalid_record")                                                            \
    X(LONG_KEX_RECORD, "long_kex_record")
#define SSH_EVENT_ID(id, name) SSH_EVENT_##id,
enum ssh_event { SSH_EVENTS(SSH_EVENT_ID) };
#undef SSH_EVENT_ID

enum {
    SSH_BANNER_MAX = 255,        /* RFC 4253 4.2, with the line's end */
    SSH_KEX_RECORD_MAX = 65536,  /* bytes of a KEXINIT that is read; 6.1 asks for 35,000 */
    SSH_RECORD_MAX = 256 * 1024, /* of any; none but a broken one is longer */
    SSH_HASH_TEXT = 32,
};

struct ssh_side {
    uint8_t banner[SSH_BANNER_MAX];
    struct str proto, software; /* in `banner`; p == NULL: not said */
    struct str hassh; /* "kex;encryption;mac;compression"; p == NULL: no KEXINIT, or not wanted */
    char hash[SSH_HASH_TEXT + 1]; /* empty: not made yet */
};
struct ssh_tx {
    struct app_tx tx;
    struct ssh_side side[2]; /* client, server */
    bool hassh_asked;        /* by a rule */
};

enum ssh_hassh { SSH_HASSH_NO, SSH_HASSH_AUTO, SSH_HASSH_YES };
struct ssh_config {
    uint8_t hassh;      /* enum ssh_hassh */
    uint8_t encryption; /* enum encryption_handling */
};

extern const struct app_buffer ssh_buffers[];
extern const struct app_keyword ssh_keywords[];
extern const struct app_log ssh_logs[];
void ssh_alert_fields(const struct app_log_ctx *c, struct fields *out);

static inline struct ssh_tx *ssh_tx_of(const struct app_tx *tx)
{
    return (struct ssh_tx *)(uintptr_t)tx;
}
/* A line without its end: protocol and software; false: not of the form of RFC 4253 4.2. */
bool ssh_banner_read(struct str line, struct str *proto, struct str *software);
/* A whole KEXINIT record of the client (0) or the server: the lists of HASSH; false: it is broken.
 */
bool ssh_kexinit_read(struct str record, unsigned dir, struct str list[4]);
/* The hash in hex; NULL: there is none. */
const char *ssh_hassh_get(struct ssh_side *s);

#endif
