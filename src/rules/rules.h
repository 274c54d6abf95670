/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule languages: the text of Snort 2, Snort 3 and Suricata rules to one intermediate form.
 *
 * A rule is an action, a header (protocol, addresses, ports, direction), facts (sid, message, class ...)
 * and an ordered list of tests over named buffers.  What can't be taken exactly is refused with
 * file:line:column, reason and hint; a refused rule never stops the others.
 *
 * All memory is the rule set's arena.  One thread builds a set (several sets may be built in parallel);
 * afterwards it is read-only.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "app/app.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/ip.h"
#include "base/str.h"
#include "rules/key.h"
#include "rules/rule.h"

struct conf;

/*
 * Lists that rules look into, read with the rules: data sets, reputation, digests of files.  Keys are bytes: of a
 * string as it is, of a digest binary, of an address 4 (ipv4) or 16 bytes (ip; IPv4 mapped), of reputation an
 * address and the length of its prefix.
 */
enum listed_kind { LISTED_SET, LISTED_REP, LISTED_JSON, LISTED_DIGESTS, LISTED_IPREP, LISTED_DATA /* one entry: bytes that a keyword reads */ };
enum listed_type { LISTED_STRING = 1, LISTED_MD5, LISTED_SHA256, LISTED_IPV4, LISTED_IP, LISTED_IPV6, LISTED_SHA1 };
struct rule_list_entry {
    struct str key;
    struct str json; /* LISTED_JSON: what alerts tell */
    uint32_t score;
};
struct rule_list {
    struct str name;
    struct str load, save; /* files; save: below the data folder */
    uint8_t kind, type;
    bool changes;     /* some rule sets or unsets */
    uint64_t memcap_bytes;
    const struct rule_list_entry *e;
    uint32_t n;
    const char *file; /* of the rule that named it first */
    uint32_t line;
};
struct rule_dep { /* a file that the set was made of, beside the rules */
    struct str path;
    uint64_t hash; /* 0: it was not there */
};

struct rule_class {
    struct str name, text;
    uint32_t priority;
};
struct rule_refusal {
    const char *file;
    uint32_t line, column, sid;
    bool twice; /* its sid stands already */
    const char *reason, *hint;
};
struct rule_file_info {
    const char *path;
    enum rule_dialect dialect; /* what it was taken as */
    bool told;                 /* by option or setting; else found out by its marks */
    uint32_t marks[3];         /* words found that only Snort 2, Snort 3, Suricata have; not told */
    uint32_t loaded, disabled, refused;
};
/* True, and told: it gives nothing but refusals.  Such a file is cut, or none of ours. */
bool rule_file_broken(const struct rule_file_info *f, enum diag_level level, struct diags *d);

struct rule_set {
    struct arena arena;
    struct rule *const *rules; /* in order of loading, duplicates resolved */
    uint32_t n_rules;
    const struct rule_where *where;
    uint32_t n_where;
    const struct str *addr, *port; /* address and port expressions, canonical text; 0 is "any" */
    uint32_t n_addr, n_port;
    const struct str *bits;        /* interned names of flowbits, xbits, flowints, captures ... */
    uint32_t n_bits;
    const struct rule_class *classes; /* 0 unused */
    uint32_t n_classes;
    const struct rule_threshold *file_thresholds;
    uint32_t n_file_thresholds;
    const struct rule_file_info *files;
    uint32_t n_files;
    const struct rule_refusal *refusals;
    uint32_t n_refusals;
    /* Rules that a later one with the same sid took the place of (a higher rev, or in Snort the same). */
    const struct rule_refusal *replaced;
    uint32_t n_replaced;
    const struct rule_list *lists;
    uint32_t n_lists;
    const struct rule_dep *deps;
    uint32_t n_deps;
    uint32_t disabled; /* behind #, replaced, or skipped: with n_rules and n_refusals every rule of the files */
    uint32_t skipped;  /* of these: `requires` is not met */
    struct diags diags; /* warnings and errors that are no rule's refusal */
    uint8_t ruletype_rank[RULE_TYPES_OWN + 1]; /* of the configuration's own actions, by rule.ruletype */
    uint8_t action_rank[ACTION_COUNT]; /* order of evaluation by action: action-order, else Suricata's */
    uint64_t content_hash; /* of all input bytes: rules, classification, thresholds */
};

struct rules_options {
    enum rule_dialect dialect;  /* AUTO: by file */
    bool keep_disabled;         /* also load rules behind # */
    bool firewall;              /* files are firewall rules */
    const struct conf *conf; /* for classification-file, threshold-file ... and lines of a snort.conf; may be NULL */
    const char *classification, *reference, *threshold; /* files, NULL: from conf, else built in */
    /* Value of a variable for checking that it exists; NULL: not set. */
    const char *(*var)(void *ctx, bool port, const char *name);
    void *ctx;
    bool init_errors_fatal;
    bool ignore_unknown_requirements; /* requires: with an unknown word skips the rule */
};
struct rule_loader;
/* Collects input; nothing is parsed before rules_finish. */
struct rule_loader *rules_begin(const struct rules_options *o);
int rules_add_file(struct rule_loader *l, const char *path, enum rule_dialect dialect, bool firewall) MUST_CHECK; /* -ENOENT ... with a diag */
int rules_add_text(struct rule_loader *l, const char *name, struct str text, enum rule_dialect dialect) MUST_CHECK;
/*
 * Firewall rules: `file` alone, or (NULL) firewall.rule-files in their order, below firewall.rule-path; and with them
 * the rules as which policies alert.  The set has a diag of what can't be read; the first -errno.
 */
int rules_add_firewall(struct rule_loader *l, const struct conf *c, const char *file) MUST_CHECK;
int rules_add_firewall_text(struct rule_loader *l, const char *name, struct str text) MUST_CHECK;
enum { FIREWALL_SID_PACKET = 2201000, FIREWALL_SID_APP = 2201001 };
/* Parses everything (on `threads` threads); NULL: no memory.  The loader is freed. */
struct rule_set *rules_finish(struct rule_loader *l, unsigned threads);
/* Hash of a file that lists came from, as in rule_dep; 0: it can't be read. */
uint64_t rules_dep_hash(const char *path);
/* Hash of the inputs alone (without lists: the image names them), for the image cache: cheap. */
uint64_t rules_input_hash(const struct rule_loader *l);
void rules_drop(struct rule_loader *l); /* instead of rules_finish: nothing is parsed */
void rules_free(struct rule_set *s);
/* Gives up the rules and all texts of theirs for who has made something of them: what was said (diags, refusals) and
 * the list of files stay. */
void rules_release(struct rule_set *s);
/* A rule's compiled form in words. */
void rule_explain(const struct rule_set *s, const struct rule *r, struct sbuf *out);
void rule_test_words(const struct rule_set *s, const struct rule *r, unsigned test, struct sbuf *out); /* one of its tests */
void rule_response_words(uint8_t bits, struct sbuf *out); /* enum rule_response, in both vocabularies */
/* Notes on loaded rules, for `check`. */
typedef void rules_note_fn(void *ctx, const struct rule *r, const char *kind, const char *text);
struct rule_note { /* borrowed until the call returns */
    const char *file;
    uint32_t line, column, sid;
    const char *kind, *reason, *hint; /* hint may be NULL */
};
typedef void rules_lint_fn(void *ctx, const struct rule_note *n);
/* X(kind, hint): what a lint finds in rules that load */
#define RULE_LINTS(X)                                                                                               \
    X(NO_LITERAL, "no-literal", "add a content of four bytes or more that the traffic must have")                     \
    X(PCRE_ALONE, "pcre-alone", "add a content for what the expression must find in any case")                        \
    X(NEGATED_LITERAL, "negated-literal", "add a content that must be there")                                         \
    X(ONE_BYTE_LITERAL, "one-byte-literal", "a longer content, or one more, lets fewer packets through to the rule")  \
    X(SHORT_LITERAL, "short-literal", "a content of four bytes or more lets fewer packets through to the rule")       \
    X(BIT_NEVER_SET, "bit-never-set", "load the rule that sets it, or leave this one out")                            \
    X(BIT_NEVER_READ, "bit-never-read", "load the rule that asks for it, or leave the bit out")                       \
    X(BITS_CONTRADICT, "bits-contradict", "leave one of the two out")                                                 \
    X(TWO_DIRECTIONS, "two-directions", "divide it, or write => for a rule on request and response")                  \
    X(EMPTY_RANGE, "empty-range", "write a range that some value lies in")                                            \
    X(CONTENTS_CONTRADICT, "contents-contradict", "leave one of the two out, or give it another place")               \
    X(DUPLICATE_SID, "duplicate-sid", "give each rule a sid of its own")                                              \
    X(NUMBER_NEVER_SET, "number-never-set", "load the rule that sets or counts it, or leave this one out")            \
    X(SET_NEVER_FILLED, "set-never-filled", "give it a file with load or state, or a rule that sets it")              \
    X(NEVER_ACTIVATED, "never-activated", "load an activate rule with this number, or leave this one out")            \
    X(NO_EFFECT, "no-effect", "leave noalert out, or set a bit")                                                      \
    X(RESET_WITHOUT_TCP, "reset-without-tcp", "answer by icmp_port, or write tcp in the header")
void rules_lint(const struct rule_set *s, rules_lint_fn *f, void *ctx);

/* Expressions of addresses and ports, resolved with variables. */
struct ip_range {
    struct ip_addr lo, hi;
};
struct ip_ranges {
    struct ip_range *v4, *v6; /* sorted, disjoint */
    uint32_t n4, n6;
};
typedef const char *rules_var_fn(void *ctx, bool port, const char *name);
/* Variables are expanded to depth 32; a loop or an unknown name is an error in d. Empty sets are errors as in
 * the peers ("!any"). */
int rules_resolve_addr(struct arena *a, struct str expr, rules_var_fn *var, void *ctx, struct ip_ranges *out,
                       struct diags *d) MUST_CHECK;
int rules_resolve_port(struct str expr, rules_var_fn *var, void *ctx, uint8_t bits[8192], struct diags *d) MUST_CHECK;

/* ---- keywords as a table, for help, docs and `riposte dev tables` */
struct keyword_info {
    const char *name, *arg, *help;
    uint8_t dialects;
};
/* The i-th, those of the protocols behind the others; false: no more. */
bool rules_keyword_at(size_t i, struct keyword_info *out);

#endif
