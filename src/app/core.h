/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the application core share; not for other folders. */
#ifndef APP_CORE_H
#define APP_CORE_H

#include "app/app.h"

enum { L4_TCP, L4_UDP, L4_COUNT };
enum app_use { USE_OFF, USE_DETECT_ONLY, USE_FULL };

enum {
    BLOCK_UNIT = 64, /* sizes of recycled blocks up to BLOCK_FINE of them are multiples of it */
    BLOCK_FINE = 32, /* ... then 4, 8 and 16 KB; larger ones go to malloc and back */
    BLOCK_CLASSES = BLOCK_FINE + 3,
    POOL_CAP = 4u << 20, /* bytes that wait for reuse */
    TX_CAP = 1024,       /* transactions of one flow */
    HOLD_UNKNOWN = 8192, /* bytes of a direction kept while its protocol is unknown */
    SKIP_UNKNOWN =
        100000, /* so many bytes of an unknown protocol, and the other side silent: no more */
};

/* Bytes that a parser (or detection) has not taken. */
struct app_held {
    uint32_t n, room;
    uint8_t *p;
};

struct app_block {
    struct app_block *next; /* while free */
    uint32_t size;          /* whole, with this head */
    uint32_t class;
};
static_assert(sizeof(struct app_block) == 16, "keeps what follows aligned to 16");

struct app_proto_state {
    uint8_t use[L4_COUNT]; /* enum app_use */
    void *config;          /* of def->config_new */
};

struct pd;
struct app_engine {
    uint64_t memcap_bytes, pool_bytes;
    uint64_t others; /* bytes of other engines under this cap */
    bool inline_mode;
    struct app_proto_state proto[APP_COUNT];
    struct pd *pd;
    struct app_file_config file;
    struct filetype *magic; /* types of files; mapped at start, read when asked for */
    void (*on_tx_free)(struct app_tx *tx);
    struct app_counters n;
    struct app_block *pool[BLOCK_CLASSES];
};

static inline unsigned l4_of(const struct flow *f)
{
    return f->proto == 17 /* IPPROTO_UDP */ ? L4_UDP : L4_TCP;
}

void *core_alloc(struct app_engine *e, size_t size) MUST_CHECK;
void core_free(struct app_engine *e, void *p);
struct app_flow *core_flow_get(struct app_engine *e,
                               struct flow *f); /* made when missing; NULL: cap */
/* The flow's protocol is known: state is made.  false: cap met or no parser. */
bool core_start_protocol(struct app_flow *af, enum app_proto_id id);
/* Drops state and transactions, so that another protocol may follow on the same connection. */
void core_drop_protocol(struct app_flow *af);
/* A direction is over (error, end): its transactions are complete in it. */
void core_direction_over(struct app_flow *af, unsigned dir);
void core_tx_free_all(struct app_flow *af);

/* Bytes kept. */
bool held_add(struct app_flow *af, unsigned dir, const uint8_t *p, uint32_t n);
void held_drop(struct app_flow *af, unsigned dir);
static inline uint32_t held_bytes(const struct app_flow *af, unsigned dir)
{
    return af->held[dir] ? af->held[dir]->n : 0;
}

/* Detection of the protocol (proto_detect.c). */
enum pd_result { PD_NO, PD_MORE, PD_YES };
struct pd_answer {
    enum pd_result result;
    bool reversed; /* the other direction's words */
    enum app_proto_id proto;
};
struct pd *pd_new(const struct app_engine *e, const struct conf *c);
void pd_free(struct pd *pd);
struct pd_answer pd_run(const struct pd *pd, const struct flow *f, unsigned dir,
                        const uint8_t *data, uint32_t n, bool final, bool may_reverse);
/* Does the protocol have a word that this direction should begin with? */
bool pd_has_words(const struct pd *pd, enum app_proto_id id, unsigned l4, unsigned dir);

/* What a folder declares, with or without a parser; NULL: no folder. */
const struct app_proto_def *app_declared(enum app_proto_id id);
/* Protocols without a folder (detect_only.c). */
struct detect_only {
    const struct app_pattern *patterns; /* n == 0 ends; may be NULL */
    const struct app_probe *probes;     /* ip_proto == 0 ends; may be NULL */
    bool off;                           /* not looked for unless the configuration says so */
};
const struct detect_only *detect_only_get(enum app_proto_id id);

#endif
