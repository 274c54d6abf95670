/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to src/rules: the parser of one rule and what its keywords share.
 *
 * Rules are parsed in chunks, each on one thread with an arena and name tables of its own (struct
 * chunk); load.c joins them in the order of the input, so that any number of threads gives the same
 * set.  Numbers in rules (addr, port, where, bits, class) are the chunk's until then.
 */
#ifndef RULES_PARSE_H
#define RULES_PARSE_H

#include "rules/key.h"
#include "rules/rules.h"

#include <stdarg.h>

#define D_S2  DIALECT_SNORT2
#define D_S3  DIALECT_SNORT3
#define D_SU  DIALECT_SURICATA
#define D_SN  (DIALECT_SNORT2 | DIALECT_SNORT3)
#define D_ALL (DIALECT_SNORT2 | DIALECT_SNORT3 | DIALECT_SURICATA)

enum {
    RULE_OPTIONS_MAX = 1024,
    RULE_TESTS_MAX = 512,
    RULE_NEST_MAX = 32,
    RULE_NO_TEST = -1,
};

/* ---- names and texts kept once (strtab.c) */
struct strtab {
    struct arena *arena;
    struct str *s;
    uint32_t n, room;
    uint32_t *slot; /* index + 1 */
    uint32_t n_slot;
};
void strtab_init(struct strtab *t, struct arena *a);
/* Number of the text, added when new; -1: no memory.  copy: the text is copied into the arena. */
int64_t strtab_add(struct strtab *t, struct str s, bool copy);
int64_t strtab_find(const struct strtab *t, struct str s);

/* ---- options of a rule as text (token.c) */
struct option {
    struct str name, value;
    uint32_t at, value_at; /* offsets in the rule's text */
    bool has_value;
};
enum split_style { SPLIT_SURICATA, SPLIT_SNORT2, SPLIT_QUOTES };
/* Splits what stands between the parentheses.  0, or -EINVAL with *error and *error_at. */
int options_split(struct str body, uint32_t at, enum split_style style, struct option *out,
                  uint32_t room, uint32_t *n, const char **error, uint32_t *error_at) MUST_CHECK;
/* The next blank- or comma-separated word of *s. */
struct str word_next(struct str *s);
struct str list_next(struct str *s, uint8_t sep); /* trimmed part before sep */
bool value_negated(struct str *v);                /* takes a leading '!' */
/* Takes quotes off; false: no or one-sided quotes. */
bool value_unquote(struct str *v);

/* ---- a rule as found in a file (reader.c) */
struct raw_rule {
    struct str text; /* joined, trimmed */
    struct str src;  /* as in the file; for lines and columns */
    uint32_t line;   /* of src[0] */
    uint32_t column; /* of src[0], from 1 */
    uint32_t file;   /* index */
    uint32_t n_vars; /* definitions of variables in files before it */
    uint8_t dialect; /* enum rule_dialect of the file */
    bool disabled;   /* behind # and wanted */
    bool firewall;
    const char *error, *hint; /* not a rule at all */
};
/* A statement beside rules: "event_filter ...", "var ..." (statements.c). */
struct raw_line {
    struct str text; /* joined, trimmed */
    uint32_t file, line;
};
struct raw_rules {
    struct raw_rule *r;
    uint32_t n, room;
    uint32_t disabled; /* not wanted: counted */
    struct raw_line *lines;
    uint32_t n_lines, lines_room;
};
struct source {
    const char *name;
    uint8_t *bytes;
    size_t n;
    uint8_t dialect; /* as told, or AUTO */
    bool told, firewall;
    bool embedded; /* a configuration with rules in it: its other statements are not looked at */
    bool followed; /* its includes are sources, too */
    uint8_t depth; /* of inclusion */
    uint32_t from; /* number + 1 of the source that includes it; 0: none */
    uint64_t dev, ino;
};
/* Bytes of a file, gunzipped if need be; negative errno. */
int source_read(const char *path, uint8_t **bytes, size_t *n) MUST_CHECK;
/* The dialect by the majority of telling marks; Suricata when there are none. */
struct marks;
enum rule_dialect source_dialect(struct str text, struct marks *out);
/* Finds all rules of a source; -ENOMEM. */
int source_split(const struct source *s, uint32_t file, enum rule_dialect d, const struct rules_options *o,
                 struct arena *a, struct raw_rules *out) MUST_CHECK;
/* Is it no rule file at all (NUL bytes, or many lines and none like a rule)?  One refusal says so. */
bool source_is_odd(const struct source *s);
/* Line and column of an offset in the joined text. */
void raw_locate(const struct raw_rule *r, uint32_t at, uint32_t *line, uint32_t *column);
/* Length of a leading action word ("alert", "drop:flow,alert") followed by a blank or '('; 0: none.
 */
uint32_t action_word(struct str line);

/* Marks of one rule: points for each dialect. (marks.c) */
struct marks {
    uint32_t snort2, snort3, suricata; /* unmistakable */
    uint32_t weak_snort2, weak_snort3; /* count for files, not for one rule alone */
};
void rule_marks(struct str rule, struct marks *m);

/* ---- classification and references (classes.c) */
struct class_row {
    struct str name, text;
    uint32_t priority;
};
struct classes {
    struct strtab names;
    struct class_row *rows;
    uint32_t n, room;
};
int classes_init(struct classes *c, struct arena *a) MUST_CHECK; /* built-in table */
/* Lines "config classification: name,text,priority"; a broken one is an error in d. */
int classes_read(struct classes *c, struct str text, const char *file, struct diags *d) MUST_CHECK;
int classes_read_line(struct classes *c, struct str line, const char *file, uint32_t no,
                      struct diags *d) MUST_CHECK;
int references_read_line(struct str line, const char *file, uint32_t no,
                         struct diags *d) MUST_CHECK;
int references_check(struct str text, const char *file, struct diags *d) MUST_CHECK;

/* ---- lists (lists.c) */
enum listed_format { LISTED_FORMAT_CSV, LISTED_FORMAT_JSON, LISTED_FORMAT_NDJSON };
struct listed_words {
    struct str name, load, save, value_key, array_key;
    bool load_below_data, remove_key;
    uint8_t format; /* enum listed_format */
    uint64_t memcap, hashsize;
};

/* ---- variables that rule files define (file_vars.c) */
struct file_var {
    struct str name, value;
    bool address, port; /* where it may stand; var: both */
    bool same;          /* as the configuration has it in the end: references to it stay */
};
struct file_var_mark { /* in source `src`, from `line` on, the first n definitions hold */
    uint32_t src, line, n;
};
struct file_vars {
    struct file_var *def;
    uint32_t n, room;
    struct file_var_mark *mark;
    uint32_t n_marks, marks_room;
};
void file_vars_done(struct file_vars *v);
/* "ipvar NAME VALUE"; what can't be taken is an error in d, or with `silent` nothing.  -ENOMEM, else 0. */
int file_vars_line(struct file_vars *v, struct str text, const struct rules_options *o, struct arena *a,
                   const char *file, uint32_t line, bool silent, struct diags *d) MUST_CHECK;
int file_vars_mark(struct file_vars *v, uint32_t src, uint32_t line) MUST_CHECK;
uint32_t file_vars_at(const struct file_vars *v, uint32_t src, uint32_t line); /* how many hold there */
const struct file_var *file_vars_find(const struct file_vars *v, struct str name); /* the last; NULL: none */
/* References to the first n definitions replaced; {NULL}: no memory. */
struct str file_vars_expand(const struct file_vars *v, uint32_t n, bool port, struct str text, struct arena *a);

/* ---- a chunk */
struct keyword;
struct kw_hit {
    struct str name;
    const struct keyword *k;  /* NULL: none of that name in the dialect */
    const struct app_keyword *app; /* a protocol's own, else NULL */
    int32_t sticky, modifier; /* buffer numbers, -1 */
    uint8_t dialect;
    bool used;
};
enum { KW_SLOTS = 2048 };
enum expr_state { EXPR_FINE = 1, EXPR_NEGATED = 2, EXPR_BAD = 4 };
struct chunk {
    struct arena *arena;  /* results */
    struct arena scratch; /* of the rule in work */
    struct arena tmp;     /* as long as the chunk is parsed */
    const struct rules_options *o;
    const struct classes *classes;
    const struct file_vars *vars; /* NULL: none */
    struct strtab addr, port, bits, class_new; /* class_new: names that no file knows */
    uint8_t *addr_state, *port_state;          /* by index: enum expr_state */
    uint32_t n_addr_state, n_port_state;
    struct str *addr_error, *port_error; /* reason and hint of each bad one */
    struct rule_where *where;
    uint32_t n_where, where_room;
    struct kw_hit *kw;
    struct option *options;
    struct rule_test *tests; /* of the rule in work */
    struct rule **rules;
    uint32_t n_rules, rules_room;
    struct rule_refusal *refusals;
    uint32_t n_refusals, refusals_room;
    const char **skipped; /* files of rules whose `requires` is not met */
    uint32_t n_skipped, skipped_room;
    bool no_memory;
};
int chunk_init(struct chunk *c, struct arena *a, const struct rules_options *o,
               const struct classes *k) MUST_CHECK;
void chunk_done(struct chunk *c);
/* Parses one rule into the chunk: a rule, a refusal, or nothing (requires not met). */
void chunk_rule(struct chunk *c, const struct raw_rule *raw, const char *file);

/* ---- a rule in work */
struct byte_var {
    struct str name;
    uint16_t where;
    uint8_t instance;
};
struct parse {
    struct chunk *c;
    const struct raw_rule *raw;
    struct rule *r;
    enum rule_dialect d;
    const struct option *opt; /* in work */
    struct rule_test *t;      /* scratch; r->tests when done */
    uint32_t n, room;
    /* where new tests go */
    uint16_t where; /* 0: payload */
    uint8_t instance;
    bool sticky; /* a sticky buffer is set (pkt_data sets none) */
    uint16_t sticky_buffer;
    bool sticky_open; /* nothing tested in it yet */
    uint8_t tx_dir;   /* of the sticky buffer, as rule_test.tx_dir */
    const struct option *sticky_opt;
    uint8_t instances[64];            /* by buffer number modulo 64 */
    int32_t last_content, last_match; /* test numbers, RULE_NO_TEST */
    struct byte_var var[RULE_BYTE_VARS];
    struct {
        bool flow, sid, threshold, detection_filter, packet, stream_word, base64, to_server,
            to_client, prefilter, priority, protocol;
    } seen;
    uint32_t header_dirs; /* directions that the buffers allow: bit 0 to server, bit 1 to client */
    uint16_t app;         /* by header or buffer */
    bool app_by_header;
    bool skip; /* requires: not met; enable:no */
    const char *reason, *hint;
    uint32_t error_at;
    bool failed;
    struct str *refs;
    uint32_t n_refs, refs_room;
    struct rule_meta *meta;
    uint32_t n_meta, meta_room;
};
/* Refuses the rule; returns false for `return bad(...)`. hint may be NULL. */
bool bad(struct parse *p, const char *hint, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool no_memory(struct parse *p);
/* A new test at the current place; NULL (refused): too many. */
struct rule_test *test_add(struct parse *p, enum test_kind kind);
struct rule_test *test_add_at(struct parse *p, enum test_kind kind, uint16_t where,
                              uint8_t instance);
/* The number of a buffer with transforms in the chunk's table; -1 no memory. */
int32_t where_add(struct parse *p, const struct rule_where *w);
int32_t where_of_buffer(struct parse *p, unsigned buffer);
static inline unsigned buffer_at(const struct parse *p, uint16_t where)
{
    return p->c->where[where].buffer;
}
/* Interned name of bits and variables; -1 no memory. */
int32_t name_id(struct parse *p, struct str name);
/* A part of the rule's text, which lives as long as the set: nothing is copied. */
static inline struct str keep(const struct parse *p, struct str s)
{
    assert(!s.n || (s.p >= p->raw->text.p && s.p + s.n <= p->raw->text.p + p->raw->text.n));
    return s;
}

/* ---- keywords */
enum keyword_flag {
    KW_VALUE = 1,    /* must have a value */
    KW_NO_VALUE = 2, /* must have none */
    KW_PACKET = 4,   /* looks at one packet: never on the stream (Suricata) */
    KW_MARK = 8,     /* tells the dialect */
};
typedef bool keyword_fn(struct parse *p, const struct keyword *k, struct str v);
struct keyword {
    const char *name;
    uint8_t dialects, flags;
    uint16_t extra;
    keyword_fn *parse;
    const char *arg, *help;
};
/* A keyword that is a folder of its own (key.h).  Each folder has `keys_NAME`, ended by NULL. */
struct lists;
struct list_error;
struct key_word {
    struct keyword kw; /* first: one is the other; its parse is key_option */
    struct key_def def;
    bool (*parse)(struct parse *p, struct rule_key *k, struct str v); /* false: refused by bad() */
    /* 0; 1: refused, e says why (list_bad); -ENOMEM.  NULL: nothing to find. */
    int (*bind)(struct lists *x, struct rule_key *k, struct list_error *e);
};
keyword_fn key_option;
const struct key_word *key_word_of(unsigned number);
const struct key_word *key_word_next(unsigned *at); /* from *at = 0 on; NULL: these were the last */

const struct keyword *keyword_find(struct str name, unsigned dialects); /* any of them */
/* Is it a keyword or a buffer in one of the dialects? */
bool keyword_known(struct str name, unsigned dialects);
const char *keyword_nearest(struct chunk *c, struct str name);
/* A word that belongs to a protocol without parser: its name, or NULL. */
const char *keyword_protocol(struct str name);

bool option_parse(struct parse *p, const struct option *o); /* keyword, sticky buffer or modifier */
/* Sticky buffer or modifier by number (kw_buffer.c). */
bool buffer_sticky(struct parse *p, unsigned buffer, struct str v, bool has_value);
bool buffer_modifier(struct parse *p, unsigned buffer);
bool sticky_close(struct parse *p); /* refuses an open sticky buffer, or makes it a presence test */
bool sticky_reset(struct parse *p); /* pkt_data */
bool sticky_set(struct parse *p, unsigned buffer);
bool sticky_named(struct parse *p, const char *buffer); /* by Suricata's name; bound as well */
/* ---- Snort 3's buffers of HTTP (kw_http.c) */
/* What stands behind the name: field NAME, request, with_body, parts of a URI. */
bool http_arguments(struct parse *p, unsigned buffer, struct str v);
/* Which message each test looks at, and the directions in which the rule can hold. */
unsigned snort3_directions(struct parse *p, unsigned flow);
/* http_param: the first parameter of that name, or with a relative test all of them. */
bool snort3_params(struct parse *p);
/* The rule's protocol becomes that of the buffer; its direction is bound. */
bool buffer_bind(struct parse *p, unsigned buffer, const char *what);
bool app_bind(struct parse *p, unsigned app, const char *what);
const struct app_buffer *buffer_row(const struct parse *p, unsigned buffer);

/* ---- values (value.c) */
/* N, <N, >N, <=N, >=N, !N, N-M, N<>M, N<=>M, &N=M ... ; names may be NULL. */
enum uint_style {
    UINT_SURICATA, /* ranges without their ends */
    UINT_SNORT2,   /* ranges with their ends */
    UINT_SNORT3,   /* <> without, <=> with the ends */
};
bool uint_parse(struct parse *p, struct str v, enum uint_style style, uint64_t max,
                const struct app_enum *names, struct test_uint *out);
enum uint_style uint_style(const struct parse *p);
/* Largest value that the test takes; UINT64_MAX: no bound. */
uint64_t uint_max(const struct test_uint *u);
bool uint_test(const struct test_uint *u, uint64_t v);
int var_find(const struct parse *p, struct str name); /* -1 */
bool var_add(struct parse *p, struct str name, int8_t *out);
/* A number or the name of a variable, usable at `where`. */
bool num_parse(struct parse *p, struct str v, const char *what, int64_t min, int64_t max,
               uint16_t where, struct rule_num *out);
bool var_usable(struct parse *p, int var, uint16_t where);
struct rule_num num_of(int64_t v);
bool content_bytes(struct parse *p, struct str v,
                   struct str *out); /* |41 42| and escapes decoded */

/* ---- the rule as a whole */
int service_find(struct str s); /* application protocol of a service's name; -1 */
bool header_parse(struct parse *p, struct str head, uint32_t at);
int32_t addr_intern(struct parse *p, struct str text); /* checked; -1: refused */
int32_t port_intern(struct parse *p, struct str text);
bool blacklist_fits(struct parse *p); /* the action `blacklist`, and conditions that anyone can forge (kw_blacklist.c) */
bool rule_finish(struct parse *p); /* checks, direction, flags, type, prefilter (finish.c) */
/* Can the buffer hold the content at all?  *digits: the case of its hex digits (fits.c). */
enum hex_case { HEX_NONE, HEX_LOWER, HEX_UPPER };
bool form_fits(struct parse *p, const struct app_buffer *row, struct str s, enum hex_case *digits);
uint64_t form_max(const char *buffer); /* the largest number in a field of the application layer */
/* Is the number of a field that has names one of them, or in hex? */
bool form_named(struct parse *p, const struct app_buffer *row, struct str v);
void rule_type_set(struct parse *p);
void fast_choose(struct parse *p);

/* Text without blanks (the canonical form). */
struct str expr_canonical(struct arena *a, struct str s);
bool expr_negated(struct str expr, bool port, rules_var_fn *var, void *ctx, unsigned depth);
/* Lines of threshold files (threshold.c). */
struct threshold_place {
    const char *file;
    uint32_t line;
};
struct threshold_file {
    struct rule_threshold *t;
    struct threshold_place *place; /* of each */
    uint32_t n, room;
};
int thresholds_read(struct arena *a, struct strtab *addr, struct str text, const char *file,
                    uint32_t line0, bool lenient, struct threshold_file *out, rules_var_fn *var,
                    void *ctx, struct diags *d) MUST_CHECK;
/* "type limit, track by_src, count 1, seconds 60" in any order, of threshold, detection_filter ...
 */
const char *threshold_parts(struct str v, struct rule_threshold *t, enum rule_dialect d, const char **hint);

#endif
