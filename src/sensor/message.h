/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the supervisor and its children: a UNIX seqpacket channel, one record a message,
 * descriptors by SCM_RIGHTS.
 *
 * What comes from a child is foreign input: type, sender, sizes, number of descriptors and ranges
 * are checked against one table before anybody looks at it.
 */
#ifndef SENSOR_MESSAGE_H
#define SENSOR_MESSAGE_H

#include "base/attr.h"
#include "capture/capture.h"
#include "capture/xdp/xdp.h"
#include "sensor/sensor.h"
#include "sensor/survey.h"

#include <stdalign.h>

enum {
    MSG_CHANNEL = 3, /* the channel's descriptor in a child */
    MSG_BODY = 8192,
    MSG_FDS = CAPTURE_IFACES,
    MSG_NAME = 16,  /* as IFNAMSIZ */
    MSG_SCOPE = 64, /* of a virtual IPS, with its end */
};

/* Who may send: bits. */
enum msg_from { FROM_PARENT = 1, FROM_ENGINE = 2, FROM_LOGGER = 4, FROM_COMPILER = 8, FROM_TEMPLATE = 16 };
#define FROM_ANY (FROM_ENGINE | FROM_LOGGER | FROM_COMPILER)

enum setup_xdp { SETUP_NO_XDP, SETUP_XDP_COPY, SETUP_XDP_ZERO_COPY };
struct msg_setup {
    uint64_t boot;
    uint32_t uid, gid;
    uint32_t drop; /* 1: become uid and gid */
    uint32_t n_workers, n_ifaces;
    int32_t check_csum;
    uint32_t generation; /* of the engine */
    uint32_t log_level;
    uint32_t ring;     /* enum capture_ring */
    uint32_t library;  /* 1: libpcap, opened by the engine itself before it drops its rights */
    uint32_t outgoing; /* mask of interfaces whose own frames are taken */
    uint32_t realtime; /* 1: workers run before all ordinary processes */
    uint32_t in_wire;  /* 1: interfaces are ends of wires, by pairs */
    uint32_t answers;  /* 1: there are sockets to answer by */
    uint32_t xdp;      /* enum setup_xdp */
    struct xdp_frames frames;
    uint32_t queue;    /* 1: in the wire by NFQUEUE; worker i reads queue_first + i */
    uint32_t queue_first, queue_mode, queue_route, queue_mark, queue_mask, queue_done;
    uint64_t after_ns; /* fail-open.after */
    uint64_t ring_bytes, event_bytes; /* capture ring, event ring (whole mapping) */
    uint8_t queues[CAPTURE_IFACES]; /* AF_XDP: of each interface */
    char iface[CAPTURE_IFACES][MSG_NAME];
    char response[MSG_NAME];
    char scope[MSG_SCOPE]; /* name of the virtual IPS, for lines of the log; empty: there is one */
}; /* descriptors: configuration, page */
struct msg_ring {
    uint32_t generation, worker, n_workers;
    uint32_t pad;
    uint64_t bytes;
};                  /* descriptor: the ring's memory */
struct msg_worker { /* CAPTURE: a descriptor an interface (AF_XDP: a queue of one); RESPONSE: link, raw4, raw6 by mask */
    uint32_t worker, mask;
};
struct msg_rules {
    uint64_t request, version;
};                  /* descriptors: image, configuration */
struct msg_file {   /* a rule file for the compiler, or where it writes (kind) */
    uint32_t kind;  /* enum msg_file_kind */
    uint32_t value; /* dialect; or threads; or flags */
    char path[4096];
};
enum msg_file_kind { FILE_ONLY, FILE_MORE, FILE_OUT, FILE_CACHE, FILE_KINDS };
enum msg_start_flag {
    START_FATAL = 1,
    START_NO_CACHE = 2,
    START_STRICT = 4, /* a file that can't be read ends it */
    START_TEST = 8,   /* a file that gives nothing is an error */
};
struct msg_start { /* compiler */
    uint32_t flags, dialect, threads, pad;
};

struct msg_diag {
    uint32_t level, line, column, sid;
    uint32_t kind;   /* enum msg_diag_kind */
    uint32_t n_file; /* bytes of the texts that follow: file, reason, hint, without NUL */
    uint32_t n_reason, n_hint;
};
enum msg_diag_kind { DIAG_PLAIN, DIAG_REFUSAL, DIAG_KINDS };
struct msg_compiled {
    int32_t rc;      /* 0 or -errno */
    uint32_t cached; /* the image was in the cache already */
    uint64_t key;    /* of the cache */
    uint32_t loaded, disabled, refused, n_files;
    uint32_t n_groups, n_patterns, n_pcre, n_slow;
    uint64_t bytes, cpu_ns;
};
struct msg_rule_file {
    uint32_t dialect, told, loaded, disabled, refused;
    uint32_t n_path;
}; /* path */
enum { MSG_SAMPLE = 16 };
struct msg_swapped {
    uint64_t request, version;
    int32_t rc;
    uint32_t n_rules, enabled;                 /* of the new overlay */
    uint32_t added, removed, changed, retuned; /* retuned: same text, other action */
    uint32_t n_sample;
    struct {
        uint32_t gid, sid;
        uint8_t what;    /* '+', '-', '~', 'a' */
        uint8_t was, is; /* enum rule_action, with 'a' */
        uint8_t pad;
    } sample[MSG_SAMPLE];
};
/* A question of `ctl` to the workers, and a piece of the answer. */
struct msg_survey {
    uint64_t request;
    uint32_t kind, pad; /* enum survey_kind */
    struct flow_query query;
};
struct msg_surveyed {
    uint64_t request;
    uint64_t seen;          /* flows that fit, told or not */
    uint32_t kind, n, last; /* n rows follow; last: the answer is complete */
    uint32_t unheard;       /* workers that did not answer in time */
};
struct msg_block { /* descriptor: the blacklist's memory */
    uint64_t bytes;
};
struct msg_number {
    uint32_t value, mask;
};

/* X(id, who sends, least bytes, most bytes, least descriptors, most) */
#define MESSAGES(X)                                                                                \
    X(SETUP, FROM_PARENT, sizeof(struct msg_setup), sizeof(struct msg_setup), 1, 3)                \
    X(RING, FROM_PARENT, sizeof(struct msg_ring), sizeof(struct msg_ring), 1, 1)                   \
    X(CAPTURE, FROM_PARENT, sizeof(struct msg_worker), sizeof(struct msg_worker), 1, MSG_FDS)      \
    X(RESPONSE, FROM_PARENT, sizeof(struct msg_worker), sizeof(struct msg_worker), 1, 3)           \
    X(GATE, FROM_PARENT, 0, 0, 1, 2) /* the array of beats; AF_XDP: the memory of frames */                                      \
    X(BLACKLIST, FROM_PARENT, sizeof(struct msg_block), sizeof(struct msg_block), 1, 1)            \
    X(RULES, FROM_PARENT, sizeof(struct msg_rules), sizeof(struct msg_rules), 2, 2)                \
    X(FILE, FROM_PARENT, sizeof(struct msg_file), sizeof(struct msg_file), 0, 0)                   \
    X(START, FROM_PARENT, sizeof(struct msg_start), sizeof(struct msg_start), 0, 0)                \
    X(REPLACE, FROM_PARENT, sizeof(struct msg_worker), sizeof(struct msg_worker), 1, 1)            \
    X(LOG, FROM_PARENT, 0, 0, 1, 1)                                                                \
    X(REOPEN, FROM_PARENT, 0, 0, 0, 0)                                                             \
    X(SURVEY, FROM_PARENT, sizeof(struct msg_survey), sizeof(struct msg_survey), 0, 0)             \
    X(SURVEYED, FROM_ENGINE, sizeof(struct msg_surveyed), MSG_BODY, 0, 0)                          \
    X(STOP, FROM_PARENT, 0, 0, 0, 0)                                                               \
    X(DIAG, FROM_ANY, sizeof(struct msg_diag), MSG_BODY, 0, 0)                                     \
    X(READY, FROM_ENGINE | FROM_LOGGER, sizeof(struct msg_number), sizeof(struct msg_number), 0,   \
      0)                                                                                           \
    X(COMPILED, FROM_COMPILER, sizeof(struct msg_compiled), sizeof(struct msg_compiled), 0, 0)     \
    X(RULE_FILE, FROM_COMPILER, sizeof(struct msg_rule_file), MSG_BODY, 0, 0)                      \
    X(SWAPPED, FROM_ENGINE, sizeof(struct msg_swapped), sizeof(struct msg_swapped), 0, 0)          \
    X(DEAD_PORT, FROM_ENGINE, sizeof(struct msg_number), sizeof(struct msg_number), 0, 0)          \
    X(RING_DONE, FROM_LOGGER, sizeof(struct msg_number), sizeof(struct msg_number), 0, 0)          \
    X(REOPENED, FROM_LOGGER, sizeof(struct msg_number), sizeof(struct msg_number), 0, 0)           \
    X(FORK, FROM_PARENT, sizeof(struct msg_number), sizeof(struct msg_number), 3, 3) /* value: role */ \
    X(FORKED, FROM_TEMPLATE, sizeof(struct msg_number), sizeof(struct msg_number), 0, 0) /* value: process; mask: errno */
#define MESSAGE_ID(id, from, least, most, fds_least, fds_most) MSG_##id,
enum msg_type { MESSAGES(MESSAGE_ID) MSG_TYPES };
#undef MESSAGE_ID
const char *msg_name(unsigned type);

struct message {
    enum msg_type type;
    uint32_t size;
    unsigned n_fds;
    int fd[MSG_FDS]; /* -1: taken */
    alignas(16) uint8_t body[MSG_BODY];
};

/* Two ends, close-on-exec.  The parent's sends give up after some seconds. */
int msg_channel(int *parent, int *child) MUST_CHECK;
/* Sends; the descriptors stay the caller's.  Negative errno: the other side is gone or stuck. */
int msg_send(int channel, enum msg_type type, const void *body, size_t size, const int *fd,
             unsigned n_fds) MUST_CHECK;
/*
 * Takes one message of those that `from` may send.  1: there is one (give it to msg_done), 0: the
 * other side has closed, -EAGAIN: none waits, -EPROTO: it is none of ours (its descriptors are
 * closed).
 */
int msg_recv(int channel, unsigned from, bool wait, struct message *m) MUST_CHECK;
int msg_take_fd(struct message *m, unsigned i); /* the caller's from then on; -1: there is none */
void msg_done(struct message *m);               /* closes what was not taken */
/* The checks of msg_recv alone, on bytes as they came (tests, fuzzing). */
bool msg_valid(const void *record, size_t n, unsigned n_fds, unsigned from);

/* A diag as message and back; texts are cut to fit, control characters replaced. */
int msg_send_diag(int channel, const struct diag *d, enum msg_diag_kind kind) MUST_CHECK;
void msg_send_diags(int channel, const struct diags *d);
struct diag *msg_read_diag(const struct message *m, struct arena *a); /* NULL: no memory */

/* Sealed memory to hand around: contents fixed (text) or size fixed (shared pages). -errno. */
int memory_of(const char *name, const void *p, size_t n) MUST_CHECK;
int memory_shared(const char *name, size_t n) MUST_CHECK;
/* Reads such a text whole; free() it. -errno */
int memory_read(int fd, size_t most, uint8_t **p, size_t *n) MUST_CHECK;

#endif
