/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blacklist: an internal firewall.  A rule's condition, or a person, puts an address, a port, a pair or a
 * network into it for a time; packets that an entry names are dropped before rules are asked, and on mirror
 * ports their new connections are answered.
 *
 * The table lives in one block of memory without pointers, which the supervisor owns and every engine maps: what
 * is blocked outlives an engine.  Engines are hostile to the supervisor: everything read from the block is checked
 * against the size that each process remembers itself.
 *
 * Threads: all functions may be called by any number of threads and processes at once, but for
 * blacklist_attach/detach and blacklist_break_locks.  A look that finds nothing takes no lock.  Locks spin for a
 * bounded time: a process that died with one costs a counted miss, until the supervisor breaks it.
 *
 * Time is a parameter: nanoseconds of packets' clock.  An entry blocks while now < until_ns, exactly.
 */
#ifndef VERDICT_BLACKLIST_BLACKLIST_H
#define VERDICT_BLACKLIST_BLACKLIST_H

#include "base/attr.h"
#include "base/ip.h"
#include "base/str.h"
#include "rules/rules.h"

struct sbuf;

const char *block_kind_word(unsigned kind);
bool block_kind_parse(struct str word, uint8_t *kind) MUST_CHECK;

/* Compared byte by byte: made by block_key_of or block_entry_parse, which zero what a kind does not use. */
struct block_key {
    struct ip_addr a, b; /* b: BLOCK_PAIR */
    uint8_t kind, ver;
    uint8_t proto;  /* BLOCK_SRC_PORT */
    uint8_t prefix; /* BLOCK_NET: a's host bits are zero */
    uint16_t port;  /* BLOCK_SRC_PORT */
    uint8_t zero[2];
};
enum { BLOCK_AUTHOR = 24, BLOCK_REASON = 64 };
struct block_entry {
    struct block_key key;
    uint64_t since_ns, until_ns; /* until UINT64_MAX: for good */
    uint64_t hits, last_hit_ns;
    uint32_t gid, sid;           /* the rule, or 0 */
    char author[BLOCK_AUTHOR];   /* "rule", or who asked; with NUL */
    char reason[BLOCK_REASON];
};

/* The ends of one packet; ver 4 or 6. */
struct block_ends {
    const struct ip_addr *src, *dst;
    uint16_t sp;
    uint8_t ver, proto;
};
/* The key that `kind` makes of these ends; prefix: of BLOCK_NET.  False: it can't be made (no ports, prefix too long). */
bool block_key_of(unsigned kind, unsigned prefix, const struct block_ends *e, struct block_key *out) MUST_CHECK;

enum { BLACKLIST_ENTRIES = 65536, BLACKLIST_ENTRIES_MOST = 4 << 20, BLACKLIST_PER_MINUTE = 10000 };
struct blacklist_config {
    uint32_t entries;    /* bound; 0: BLACKLIST_ENTRIES */
    uint32_t per_minute; /* entries that rules may add in a minute; 0: BLACKLIST_PER_MINUTE */
    uint64_t seed;       /* of the hash; from random_bytes */
};
#define BLACKLIST_COUNTERS(X)                                                                      \
    X(entries)                                                                                     \
    X(added)                                                                                       \
    X(extended)       /* asked for again while there: the later end counts */                      \
    X(removed)        /* by a person */                                                            \
    X(expired)                                                                                     \
    X(hits)           /* packets that an entry named */                                            \
    X(refused_full)                                                                                \
    X(refused_never)  /* named by the never-block list */                                          \
    X(refused_rate)   /* more than per_minute */                                                   \
    X(lock_busy)      /* a look or a change that gave up waiting for another process */
#define BLACKLIST_COUNTER(name) uint64_t name;
struct blacklist_counters {
    BLACKLIST_COUNTERS(BLACKLIST_COUNTER)
};
#undef BLACKLIST_COUNTER

/* Bytes of the block for this configuration. */
size_t blacklist_bytes(const struct blacklist_config *c);
/* Lays an empty table into zeroed memory of that size. */
void blacklist_lay(void *block, const struct blacklist_config *c);
struct blacklist; /* a process's hold on the block */
/* -EINVAL: not a table of this build, or not of these bytes.  -ENOMEM. */
int blacklist_attach(void *block, size_t bytes, struct blacklist **out) MUST_CHECK;
void blacklist_detach(struct blacklist *b); /* the block stays the caller's */

/*
 * Addresses that must never be blocked: own ones, gateways, resolvers, settings.  A network holds what lies in it; an
 * entry that holds any of them is refused.  They are copied into the block, for all processes, and replace those before;
 * entries that name them are taken out.  How many were kept: at most BLACKLIST_NEVER.
 */
enum { BLACKLIST_NEVER = 512 };
size_t blacklist_never(struct blacklist *b, const struct ip_prefix *p, size_t n);

enum block_added { BLOCK_ADDED, BLOCK_EXTENDED, BLOCK_FULL, BLOCK_NEVER, BLOCK_RATE, BLOCK_BUSY, BLOCK_WOULD /* inline-test */ };
const char *block_added_word(enum block_added r); /* "added", "the never-block list names it" ... */
/* by_rule: per_minute holds.  An entry that is there keeps its start and hits, and gets the later end. */
enum block_added blacklist_add(struct blacklist *b, const struct block_entry *e, bool by_rule, uint64_t now_ns);
bool blacklist_get(struct blacklist *b, const struct block_key *k, struct block_entry *out); /* false: not there */
bool blacklist_del(struct blacklist *b, const struct block_key *k); /* false: not there */
/* Removes all of one kind of author, or all (NULL); how many. */
uint64_t blacklist_clear(struct blacklist *b, const char *author);

/* Changes with each entry that comes: what was looked up and not found at a generation need not be looked up again. */
uint64_t blacklist_generation(const struct blacklist *b);
/* True: an entry names this packet; it is counted there, and *out is a copy (may be NULL). */
bool blacklist_look(struct blacklist *b, const struct block_ends *e, uint64_t now_ns, struct block_entry *out);

/* Takes out what is over; f (may be NULL) sees each.  Looks at a part of the table at a call: all within 100 ms of
 * calls every 10 ms. */
typedef void block_entry_fn(void *ctx, const struct block_entry *e);
void blacklist_tick(struct blacklist *b, uint64_t now_ns, block_entry_fn *f, void *ctx);
/* All entries that hold at now_ns, in no order. */
void blacklist_each(struct blacklist *b, uint64_t now_ns, block_entry_fn *f, void *ctx);
void blacklist_counters(const struct blacklist *b, struct blacklist_counters *out);
/* The supervisor, when a process that held the block has died and no other runs that could hold a lock. */
void blacklist_break_locks(struct blacklist *b);

/*
 * One entry as a line, for people, export and import:
 *
 *     src 203.0.113.9 for 10m by anna reason "scans the library"
 *     net 198.51.100.0/24 until 2026-11-23T10:00:00Z
 *     src_port 192.0.2.1 53 udp | pair A B | dst A
 *
 * Without a time: for good.  False: *why tells what is wrong, a static text.
 */
bool block_entry_parse(struct str line, uint64_t now_ns, struct block_entry *out, const char **why) MUST_CHECK;
void block_entry_print(struct sbuf *out, const struct block_entry *e);
#endif
