/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to detect: the worker's matcher. */
#ifndef DETECT_MATCH_H
#define DETECT_MATCH_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/detect.h"
#include "detect/image_layout.h"
#include "detect/overlay.h"

#include <hs.h>
#include <pcre2.h>
#include <pthread.h>

/* Bytes that a block is tested on. */
struct input {
    const uint8_t *p;
    uint32_t n;
    uint64_t offset; /* of p[0] from the buffer's or stream's start */
    bool last;       /* nothing follows */
    uint32_t fresh;  /* bytes before it were inspected before; 0: none */
};

struct tag {
    uint64_t until_ns;
    uint64_t begun; /* number of the alert's packet */
    uint32_t packets, bytes; /* left */
    uint32_t gid, sid;
    uint8_t limits; /* enum tag_limit: those that hold */
    bool on;
};

/* Names of bits and numbers, numbered for the worker's life (names.c). */
struct names {
    struct name {
        uint64_t hash;
        uint8_t *text;
        uint32_t n;
    } *name;
    uint32_t n, room;
    uint32_t *slot; /* + 1; 0: free */
    uint32_t slots;
    uint32_t epoch; /* changes when the table began anew */
};

/* Rules' memory of a flow, made when first needed. */
struct flow_var { /* what a rule took out of the traffic */
    uint32_t id, n;
    uint8_t *bytes;
    double value;
    bool number;
};
struct detect_flow {
    struct detect_flow *next_free;
    uint32_t stamp; /* overlay of the cached classes */
    uint16_t addr_class[2], port_class[2]; /* client, server */
    bool pd_done[2];
    uint32_t epoch; /* of the names behind bits and numbers */
    uint32_t n_bits;
    uint64_t *bits; /* flowbits by the worker's number of the name */
    struct flow_number {
        uint32_t id;
        int64_t v;
    } *numbers;
    uint32_t n_numbers, room_numbers, n_vars;
    struct flow_var *vars;
    struct tag tag;
    struct flow_once *once; /* once.c */
    struct flow_threshold {
        uint32_t gid, sid, salt, count;
        uint64_t start_ns;
        uint64_t next;
    } *thresholds;
    uint32_t n_thresholds;
};

/* What rules have found in a transaction so far. */
struct tx_rule {
    uint32_t rule;
    uint32_t gid, sid; /* another image has another number for it */
    uint32_t done; /* blocks that hold */
    uint8_t dir;   /* bit 2: of a rule over both directions */
    bool over;     /* fired, or can't any more */
    bool fired;
    bool waits; /* for a state alone: nothing was asked yet */
};
enum { TX_BITS = 16 };
struct tx_detect {
    uint32_t n, room;
    uint32_t bit[TX_BITS]; /* bits of the transaction that are set, by the worker's number of the name */
    uint32_t n_bits, epoch;
    bool slow_done[2]; /* the lists of rules without a literal were taken */
    uint64_t stamp;
    struct tx_rule rule[];
};

struct candidates {
    const uint64_t *gate; /* the overlay's, by rule */
    uint64_t now;         /* the packet's */
    uint32_t *rule;       /* in order, from candidates_sort on */
    uint32_t n, room;
    uint64_t *seen; /* bit a rule */
    uint64_t *some; /* bit a word of seen */
};

struct group_use { /* a buffer group that a protocol's direction has */
    uint32_t group;
    uint16_t buffer; /* app buffer number */
    const struct app_buffer *row;
};

enum { TOLD_MOST = 64, TAKEN_MOST = 32, VARS_PACKET = 32, VARS_FLOW = 64, VAR_BYTES = 4096, REGEX_GROUPS = 32 };
struct detect {
    struct detect_config config;
    struct overlay *overlay;
    const struct image *image;
    const struct img_rule *rules;
    hs_scratch_t *scratch;
    struct detect_counters count;
    struct arena arena; /* of this packet's inspection */
    struct candidates cand, tx_cand;
    uint32_t n_cand_tx; /* of cand: rules on transactions */
    struct matches matches;
    /* indices into the image, made at swap */
    int32_t packet_group[TR_COUNT][2], stream_group[2]; /* -1: none */
    struct group_use *tx_group[APP_COUNT][2];
    uint32_t n_tx_group[APP_COUNT][2];
    const struct img_list *list_packet[TR_COUNT][2], *list_payload[TR_COUNT][2];
    const struct img_list *list_tx[APP_COUNT][2], *list_event[APP_COUNT][2], *list_protocol[2];
    const struct img_list **list_decode, **list_stream;
    uint32_t *header_groups; /* buffer groups of packet headers */
    uint32_t n_header_groups;
    /* pcre, compiled when first needed */
    pcre2_code **pcre;
    pcre2_match_data *pcre_data, *pcre_groups; /* groups: of expressions whose rule takes some */
    pcre2_match_context *pcre_context, *pcre_wide; /* wide: the rule lifts the limit (the library's remains) */
    struct detect_flow *free_flows;
    struct names *names;
    uint32_t *name_of; /* the worker's number of each name of the image */
    bool host_tags;    /* some rule tags hosts */
    uint32_t generation; /* images so far */
    struct live_set **live; /* by the image's set; NULL: no rule changes it */
    /* this packet */
    struct told {
        struct str key, json, text; /* text: a value without JSON around it */
    } told[TOLD_MOST]; /* what rules found, of the rule in work and of those that matched */
    uint32_t n_told, told_from;
    struct taken { /* groups of the rule in work, in its bytes */
        struct str value;
        uint16_t name; /* of the image */
        uint8_t kind;  /* enum capture_kind */
    } taken[TAKEN_MOST], packet_var[VARS_PACKET];
    uint32_t n_taken, n_packet_vars;
    bool aside; /* a look of the watch: nothing may stay of it */
    struct replacement replace[REPLACEMENTS_MOST];
    struct packet *p;
    uint16_t addr_class[2], port_class[2]; /* source, destination */
    bool classes_known;
    bool pairs_known;
    uint8_t pairs[PAIR_PLACES]; /* of payload and stream view: 1 where there is such a pair */
    struct stream_view stream;
    bool has_stream;
    unsigned transport;
    /* block in work */
    int64_t var[RULE_BYTE_VARS];
    uint32_t budget;
    uint32_t reach; /* of the block that held: end of the farthest match in its buffer; 0: none has a place */
    struct input base64;
    uint32_t cursor[2]; /* in the buffer, and in base64_data */
    struct watch *watch; /* NULL: none */
    /* cost.c */
    struct rule_cost *cost; /* by rule; NULL: nothing is sampled */
    struct rule_sums *sums, *own_sums; /* NULL: no budget */
    uint32_t *until;        /* by rule: suspended before this epoch */
    uint32_t epoch, turn;   /* second of packet time; how many began */
    bool sampling;          /* this packet */
    uint64_t steps;         /* of the rule in work */
    uint64_t cost_from, cost_matched;
    bool placed;         /* of the rule in work: its farthest match ends before the number end_seq */
    uint32_t end_seq;
    bool flow_start;     /* the packet is the first of its flow's direction */
    uint8_t phase;       /* enum match_phase */
    /* firewall.c: rules in the order of their files */
    struct firewall_rules {
        uint32_t *rule; /* all lists, one behind the other */
        struct firewall_list {
            uint32_t first, n;
        } packet[FIREWALL_TABLES], app[APP_COUNT][2];
        int64_t policy_rule[2]; /* what policies alert as: of packets, of transactions; -1: no such rule */
    } firewall;
};

/* firewall.c */
int firewall_init(struct detect *d) MUST_CHECK;
void firewall_done(struct detect *d);
bool firewall_packet(struct detect *d, enum firewall_table t); /* false: the packet ends here */
void firewall_txs(struct detect *d, struct app_flow *af, unsigned dir);
bool gate_holds(const struct detect *d, uint32_t rule); /* as far as the gate tells */
/* block.c */
bool block_match(struct detect *d, const struct img_test *t, unsigned n, const struct input *in);
/* The same; where each test's match lies goes to path (n of them; untouched: it has no place). */
struct block_span {
    uint32_t at, end;
};
bool block_match_path(struct detect *d, const struct img_test *t, unsigned n, const struct input *in,
                      struct block_span *path);
/* once.c: Snort's rules see a packet and, later, the stream with its bytes; these count once */
void once_seen(struct detect *d, uint32_t rule); /* it matched in this packet */
uint32_t once_fresh(const struct detect *d, uint32_t rule); /* in the view, bytes before it were seen so; 0: none */
void once_free(struct detect_flow *m);
/* replace.c: what the rule, which has matched, wants to be replaced */
void replace_note(struct detect *d, uint32_t rule);
/* cost.c */
int cost_init(struct detect *d) MUST_CHECK;
void cost_done(struct detect *d);
int cost_overlay(struct detect *d, struct overlay *o) MUST_CHECK;
bool cost_begin(struct detect *d, uint32_t rule); /* false: it is suspended */
void cost_end(struct detect *d, uint32_t rule);
static inline bool cost_counts(const struct detect *d) { return d->sampling || d->sums; }
/* watch.c; the rule under watch in its place among candidates: of a packet, of a transaction */
bool watch_due(const struct detect *d, uint32_t before); /* its turn comes before this rule's */
void watch_packet(struct detect *d);
void watch_tx(struct detect *d, struct app_flow *af, struct app_tx *tx, unsigned dir, bool whole);
void watch_turn(struct detect *d); /* a new list of candidates begins */
void watch_matched(struct detect *d, uint32_t rule);
int base64_value(uint8_t c); /* -1: none */
bool uint_holds(unsigned op, uint64_t v, uint64_t a, uint64_t b);
/* pcre.c: 1 match, 0 none; ov: start and end in p */
int regex_match(struct detect *d, const struct img_test *t, const uint8_t *p, uint32_t n, uint32_t from, uint32_t ov[2]);
int regex_init(struct detect *d) MUST_CHECK;
void regex_done(struct detect *d);
/* transform.c: false: no memory */
bool transform_apply(struct detect *d, const struct img_where *w, struct input *in);
/* gate.c */
uint64_t gate_of_packet(struct detect *d);
/* The packet's flow is established as `flow:established` means it. */
static inline bool flow_is_established(const struct packet *p)
{
    const struct flow *f = p->flow;
    return f->proto == 6 ? (p->flags & PKT_STREAM_EST) != 0
                         : (f->flags & FLOW_SEEN_TO_SERVER) && (f->flags & FLOW_SEEN_TO_CLIENT);
}
/* header.c */
bool packet_field(const struct detect *d, unsigned field, uint64_t *v); /* false: the packet has none */
bool rule_pre_test(struct detect *d, const struct img_test *t, struct app_tx *tx);
bool rule_service_holds(const struct detect *d, const struct img_rule *r);
bool rule_transport_ok(const struct detect *d, const struct img_rule *r);
void packet_classes(struct detect *d);
bool rule_header_ok(struct detect *d, const struct img_rule *r, uint32_t index);
bool rule_pre_ok(struct detect *d, const struct img_rule *r, struct app_tx *tx, unsigned dir);
/* rulestate.c */
struct detect_flow *flow_memory(struct detect *d, struct flow *f);
struct detect_flow *flow_memory_now(const struct detect *d, const struct flow *f); /* what it has; NULL: nothing */
int rulestate_init(struct detect *d) MUST_CHECK;
void rulestate_done(struct detect *d);
bool bits_test(struct detect *d, const struct img_test *t, struct app_tx *tx);
bool flowint_get(const struct detect *d, uint16_t name, int64_t *v); /* the packet has a flow; false: not set */
bool flowint_test(struct detect *d, const struct img_test *t);
/* Snort: is this dynamic rule on? Of every other: yes. Takes one of its packets. */
bool rule_is_on(struct detect *d, const struct img_rule *r);
/* key.c: in: NULL: of the packet */
bool key_holds(struct detect *d, const struct img_test *t, const struct input *in);
/* vars.c */
void vars_rule(struct detect *d); /* another rule is tried */
void vars_take(struct detect *d, const struct img_test *t, const uint8_t *p);
void vars_put(struct detect *d); /* the rule has matched */
void vars_number(struct detect *d, unsigned name, double value);
void vars_free(struct detect_flow *m);
bool vars_flow_get(const struct detect *d, unsigned name, struct str *out);
bool vars_packet_get(const struct detect *d, unsigned name, unsigned nth, struct str *out);
/* names.c */
struct names *names_new(void);
void names_free(struct names *n);
struct str names_get(const struct names *n, uint32_t id);
uint32_t *names_of_image(struct names *n, const struct image *i); /* heap; NULL: no memory */
/* sets.c */
bool set_test(struct detect *d, const struct img_test *t, const struct input *in);
bool rep_test(struct detect *d, const struct img_test *t);
int sets_init(struct detect *d) MUST_CHECK; /* of the image that is put on */
/* tag.c */
void tag_begin(struct detect *d, const struct img_rule *r, const struct img_test *t);
void rule_post(struct detect *d, const struct img_rule *r, struct app_tx *tx);
/* prefilter.c */
int prefilter_init(struct detect *d) MUST_CHECK;
void prefilter_done(struct detect *d);
void prefilter_scan(struct detect *d, uint32_t group, const uint8_t *p, uint32_t n, struct candidates *out);
void candidates_add(struct candidates *c, uint32_t rule);
void candidates_list(const struct detect *d, struct candidates *c, const struct img_list *l);
void candidates_payload(struct detect *d, const struct img_list *l);
void candidates_sort(struct candidates *c);
void candidates_clear(struct candidates *c);
/* inspect_tx.c */
struct tx_detect *tx_memory(struct detect *d, struct app_tx *tx, uint32_t more); /* NULL: no memory */
void inspect_txs(struct detect *d, struct app_flow *af, unsigned dir);
enum found { NOT_YET, FOUND, NEVER };
struct tx_work {
    struct detect *d;
    struct app_flow *af;
    struct app_tx *tx;
    unsigned dir;
    bool whole; /* the direction is over */
};
struct tx_rule *tx_rule_find(struct tx_detect *t, uint32_t rule, unsigned dir);
/* A rule's blocks, as far as they were not found before; what was found is kept. */
enum found tx_rule_blocks(struct tx_work *w, uint32_t rule, unsigned dir, bool *in_stream);
void tx_renumber(struct detect *d, struct app_tx *tx);
/* inspect.c */
unsigned match_voice(const struct img_rule *r); /* enum match_flag */
bool judge_packet_rule(struct detect *d, uint32_t rule, bool *in_stream); /* it holds; what it does is not done yet */
void match_add(struct detect *d, uint32_t rule, unsigned flags, struct app_tx *tx, unsigned dir);
bool packet_buffer(const struct packet *p, unsigned buffer, struct input *out);
bool payload_block(struct detect *d, const struct img_rule *r, const struct img_block *b, bool *in_stream);

/* sets_live.c: what rules have put into data sets and taken from them; shared by the workers */
struct live_set;
enum live_what { LIVE_UNKNOWN, LIVE_IN, LIVE_OUT /* of the image's entries, or it was taken again */ };
/* The set of this name and type, made if it is not there; the state's. NULL: no memory. */
struct live_set *state_set(struct state *s, struct str name, uint8_t type, uint64_t cap_bytes);
/* Any worker, in the order of packets. LIVE_IN or LIVE_OUT as `put` is what becomes of it; false: no room. */
enum live_what live_get(struct state *s, struct live_set *l, unsigned worker, uint64_t number, struct str key);
/* Puts it in (or takes it out); image: the image's list has it.  True: that changed something. */
bool live_put(struct state *s, struct live_set *l, unsigned worker, uint64_t number, struct str key, bool in, bool image);
void live_each(struct live_set *l, void (*f)(void *ctx, struct str key, enum live_what what), void *ctx);
void live_sets_free(struct live_set *first);
struct live_sets {
    pthread_mutex_t lock; /* of the chain: start and reload */
    struct live_set *first;
};
struct live_sets *state_sets(struct state *s);
void state_enter(struct state *s, unsigned worker, uint64_t number);
/* state.c: rows by key, locked one at a time */
enum state_kind { STATE_THRESHOLD, STATE_XBIT, STATE_TAG, STATE_UNIQUE, STATE_ACTIVE, STATE_DYNAMIC };
struct state_key {
    uint32_t kind, id;
    struct ip_addr a, b;
};
struct state_row {
    uint64_t expires_ns;
    uint64_t v[4];
};
/* Calls f with the row (made zeroed if `make`), locked; returns f's value, or -1 if there is none or the
 * cap is met. */
int state_with(struct state *s, unsigned worker, uint64_t number, uint64_t now_ns, const struct state_key *k,
               bool make, int (*f)(void *ctx, struct state_row *row, bool fresh), void *ctx);
/* Is any host tagged?  In replay: after all packets of lower number. */
bool state_has_tags(struct state *s, unsigned worker, uint64_t number);

#endif
