/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in an image file.  Private to detect.
 *
 * header | sections, each aligned to 64 bytes.  Everything is found by section and index or by a byte
 * offset in SEC_DATA; nothing holds an address.  Pattern databases lie as Hyperscan uses them (already
 * deserialised) at multiples of 64 bytes, so that a page-aligned map is ready at once.
 *
 * The reader trusts a file whose checksum is right no further than the checks in image_file.c: every
 * index and offset is tested once when the file is opened.
 */
#ifndef DETECT_IMAGE_LAYOUT_H
#define DETECT_IMAGE_LAYOUT_H

#include "base/attr.h"
#include "base/hash.h"
#include "base/str.h"
#include "rules/rules.h"

#define IMAGE_MAGIC "RIPOSTE\x1a"
enum { IMAGE_ALIGN = 64 };

enum image_section {
    SEC_RULES,      /* struct img_rule */
    SEC_TESTS,      /* struct img_test */
    SEC_BLOCKS,     /* struct img_block */
    SEC_WHERES,     /* struct img_where */
    SEC_TEXTS,      /* struct img_text: pairs behind rules' references and metadata */
    SEC_ADDRS,      /* struct img_text: address expressions */
    SEC_PORTS,      /* struct img_text */
    SEC_NAMES,      /* struct img_text: flowbits and so on */
    SEC_BIT_GROUPS, /* struct img_bit_group */
    SEC_CLASSES,    /* struct img_class */
    SEC_GROUPS,     /* struct img_group */
    SEC_PATTERNS,   /* struct img_pattern */
    SEC_LISTS,      /* struct img_list: rules without a pattern, by what brings them up */
    SEC_RULE_REFS,  /* u32 rule indices, of patterns and lists */
    SEC_PAIRS,      /* u32 an entry of LIST_PAYLOAD: pair_word */
    SEC_THRESHOLDS, /* struct rule_threshold */
    SEC_PACKED,     /* struct img_packed: blocks of rules' texts */
    SEC_NOTES,      /* struct img_note: what the compile had to say */
    SEC_FILES,      /* struct img_file: the rule files */
    SEC_SETS,       /* struct img_set: lists that rules look into */
    SEC_SET_ENTRIES, /* struct img_set_entry */
    SEC_SET_SLOTS,  /* u32: entries + 1 by the hash of their keys */
    SEC_DEPS,       /* struct img_dep: files that lists came from */
    SEC_DATA,       /* bytes: literals, texts */
    SEC_PACKED_DATA, /* bytes: the blocks, deflated */
    SEC_DBS,        /* pattern databases */
    SEC_COUNT
};

enum { IMG_ACTIONS = 40 };
static_assert((int)ACTION_COUNT <= (int)IMG_ACTIONS && RULE_TYPES_OWN + 1 <= IMG_ACTIONS, "each has its rank");
struct img_header {
    char magic[8];
    uint32_t version;
    uint32_t struct_hash; /* sizes of all structs: a build with another layout refuses */
    uint64_t size;
    uint64_t checksum;    /* see image_checksum */
    uint64_t content_hash;
    uint64_t platform;    /* library version and CPU features that the databases were made for */
    uint32_t n_slow;
    uint32_t needs;       /* enum img_need */
    uint32_t n_file_thresholds; /* the last ones of SEC_THRESHOLDS */
    uint32_t n_pcre;
    uint32_t loaded, disabled, refused, replaced, skipped, notes_left; /* struct image_report */
    uint8_t action_rank[IMG_ACTIONS], ruletype_rank[IMG_ACTIONS]; /* order of evaluation, for actions that an overlay changes */
    struct {
        uint64_t at, n; /* byte offset in the file, number of elements */
    } sec[SEC_COUNT];
};
enum img_need { NEED_STREAM_RAW = 1, NEED_FILES = 2, NEED_MD5 = 4, NEED_SHA1 = 8, NEED_SHA256 = 16, NEED_STORE = 32, NEED_MAGIC = 64 };

struct img_text {
    uint32_t at, n; /* in SEC_DATA */
};
/* Rules' texts are a half of all bytes and hardly ever read. */
struct img_packed {
    uint64_t at; /* in SEC_PACKED_DATA */
    uint32_t packed, n;
};
enum { PACKED_BLOCK = 16384, PACKED_MOST = 1 << 24 };
/* Texts end with a NUL; n 0: none. */
struct img_note {
    uint32_t line, column, sid;
    uint8_t level, refusal, pad[2]; /* enum diag_level */
    struct img_text file, reason, hint;
};
struct img_file {
    struct img_text path;
    uint32_t dialect, told, loaded, disabled, refused;
};
/* A list: rules.h says what keys are. */
struct img_set {
    struct img_text name, save;
    uint32_t first, n;      /* in SEC_SET_ENTRIES */
    uint32_t slot_first, slots; /* in SEC_SET_SLOTS, a power of two; 0: no entry */
    uint64_t memcap_bytes;
    uint64_t lengths[3];    /* LISTED_IPREP: bit a length of prefixes that are there */
    uint8_t kind, type, changes, pad[5];
};
struct img_set_entry {
    struct img_text key, json;
    uint32_t score;
};
struct img_dep {
    struct img_text path; /* with a NUL */
    uint64_t hash;
};
struct img_class {
    struct img_text name, text;
    uint32_t priority;
};

struct img_bit_group { /* Snort: a flowbit belongs to a group */
    uint16_t group, name; /* group: of a name, + 1 */
};

/* Is a match written?  As its action says, never, or always (`alert` beside `pass`). */
enum rule_voice { RULE_USUAL, RULE_SILENT, RULE_LOUD };

/* What a candidate is tested against first stands in the first 64 bytes. */
struct img_rule {
    uint32_t flags; /* enum rule_flag */
    uint8_t transports;
    uint8_t type;
    uint8_t dirs;   /* bit 0: to server, bit 1: to client */
    uint8_t of_tx;  /* judged with a transaction */
    uint16_t app;   /* 0: any */
    uint16_t hook_app;
    uint8_t hook_dir, hook_progress;
    uint8_t hook; /* enum rule_hook */
    uint8_t n_vars;
    uint32_t addr[2], port[2];
    uint32_t pre_first, post_first; /* tests of no buffer; what is done on a match */
    uint16_t n_pre, n_post;
    uint32_t block_first;
    uint16_t n_blocks;
    uint8_t needs_packet; /* TCP payload is also judged packet by packet */
    uint8_t needs_stream; /* 1: a packet of a stream is not looked at by itself; 2: nor is any other */

    /* behind line 0: facts */
    uint32_t gid, sid, rev, priority;
    uint16_t class_id;
    uint8_t action, dialect;
    uint8_t response, target, scope, noalert; /* enum rule_voice */
    uint16_t n_references, n_metadata;
    uint32_t references, metadata; /* first in SEC_TEXTS; metadata: key, value pairs */
    struct img_text msg;
    struct img_text text; /* in the packed block */
    uint32_t text_block;
    uint16_t longest; /* bytes of its longest content */
    uint8_t replaces; /* a content of its payload has a replacement */
    uint8_t pad2;
    uint64_t text_hash;
    uint32_t threshold, detection_filter; /* index + 1 in SEC_THRESHOLDS; 0: none */
    uint16_t apps[6];
    uint8_t n_apps;
    uint8_t tells; /* an entry of a list goes into its alerts */
    uint8_t ruletype; /* the configuration's own action; 0: none */
    uint8_t hook_before, secondary; /* "<state"; enum rule_secondary */
    uint8_t pad[3];
    uint32_t load_order;
    uint32_t activates, activated_by, count;
};
static_assert(offsetof(struct img_rule, gid) <= 64, "the header check stays in line 0");

enum { RULE_BLOCKS_MOST = 32 }; /* what was found of a rule is a mask of so many bits */
/* Tests of one buffer, in order. */
struct img_block {
    uint32_t where;
    uint32_t first;
    uint16_t n;
    uint8_t dirs;     /* in which directions the buffer exists */
    uint8_t kind;     /* enum img_block_kind */
    uint16_t buffer;  /* enum rule_buffer */
    uint8_t tx_dir;   /* of => rules */
    uint8_t absent;   /* 1: must not be there; 2: not there, or the tests hold */
};
enum img_block_kind { BLOCK_PAYLOAD, BLOCK_PACKET, BLOCK_APP, BLOCK_APP_UINT };

struct img_where {
    uint16_t buffer;
    uint8_t n_xform;
    uint8_t xform[RULE_XFORMS];
    struct img_text arg[RULE_XFORMS];
};

/* Where a test fails, other places of what stands before it ... */
enum for_good {
    GOOD_NOT,    /* may help */
    GOOD_ALONE,  /* can't: it isn't relative, and no number is read before it */
    GOOD_ONWARDS /* can't when they lie further on: doc/matching.md */
};
/* Beside enum content_flag. Snort 2: what must not be there holds only where there is a window to look at. */
enum { IMG_CONTENT_WINDOW = 8192 };
struct img_num {
    int32_t v;
    int8_t var; /* -1: none; else the variable plus v */
};
struct img_test {
    uint8_t kind; /* enum test_kind */
    uint8_t next_relative; /* what needs the cursor next starts from it: worth another try */
    uint16_t flags;
    uint8_t on_base64; /* looks at what the base64_decode before it gave */
    uint8_t for_good;  /* enum for_good */
    uint16_t number;   /* of the test in its rule, + 1: for people */
    union {
        struct {
            struct img_text bytes; /* folded when nocase */
            struct img_num offset, depth, distance, within;
            struct img_text replace; /* with CONTENT_REPLACE: what stands for it in the wire */
        } content;
        struct {
            struct img_text pattern;
            uint32_t options, index; /* index: of the compiled form in the engine */
            uint8_t n_captures;
            uint8_t capture_kind[RULE_CAPTURES], capture_group[RULE_CAPTURES];
            uint16_t capture_name[RULE_CAPTURES];
        } pcre;
        struct {
            struct img_num n, offset;
            int64_t value;
            uint64_t bitmask;
            int32_t multiplier, post;
            int8_t value_var, post_var, result;
            uint8_t base, op;
        } bytes;
        struct {
            uint64_t a, b;
            uint16_t field;
            uint8_t op;
            int8_t index; /* vlan.id: which layer */
        } uint;
        struct {
            uint8_t value, mask, mode;
        } flags;
        struct {
            uint16_t id[8];
            uint16_t group;
            uint8_t cmd, scope, n, all;
            uint32_t expire_s;
        } bits;
        struct {
            int64_t value;
            uint16_t id, value_id;
            uint8_t op, value_is_var;
        } flowint;
        struct {
            uint64_t size;
            uint8_t who, op;
        } size;
        struct {
            uint16_t id, app;
            uint8_t negated, mode, dir, progress;
        } ref; /* events, app protocol, hooks */
        struct {
            int64_t program, version, procedure;
        } rpc;
        struct {
            uint32_t oversize_length;
            int32_t absolute_offset, relative_offset;
            uint8_t bitstring_overflow, double_overflow, oversize, relative;
        } asn1;
        struct {
            uint8_t which, ver, valid;
        } csum;
        struct test_tag tag;
        struct test_blacklist blacklist;
        struct {
            uint32_t set;
            struct img_text context;
            uint64_t a, b; /* score, op: as uint */
            uint8_t cmd, op, subdomain, who; /* who: of addresses; 0 any, 1 source, 2 destination, 3 both */
        } listed;
        struct {
            double a, b;
            uint32_t offset, bytes; /* bytes 0: all */
            uint16_t name;          /* of the buffer, for people */
            uint8_t op;
        } entropy;
        struct {
            uint64_t n[KEY_NUMBERS];
            struct img_text text[KEY_TEXTS];
            uint16_t key, data; /* data: set, KEY_NO_DATA: none */
            uint16_t name[KEY_NAMES], n_names;
            uint8_t b[8];
        } key;
        uint8_t raw[56];
    } u;
};
static_assert(sizeof(struct img_test) <= 64, "a test is one cache line");

enum img_group_kind {
    GROUP_PACKET, /* payload of a packet, by transport */
    GROUP_STREAM, /* bytes of a TCP stream */
    GROUP_BUFFER, /* a buffer of the application layer, or a header */
};
enum img_transport { TR_TCP, TR_UDP, TR_ICMP4, TR_ICMP6, TR_SCTP, TR_OTHER, TR_NO_IP, TR_COUNT };

struct img_group {
    uint8_t kind, dir, transport, pad;
    uint32_t where;
    uint64_t db_at[2];   /* in SEC_DBS: long and short literals; UINT64_MAX: none */
    uint32_t db_bytes[2];
    uint32_t first[2], n[2]; /* patterns of the two */
};
struct img_pattern {
    uint32_t refs, n_refs; /* in SEC_RULE_REFS */
    struct img_text bytes;
    uint8_t nocase;
};

enum img_list_kind {
    LIST_PACKET,   /* key: transport, dir */
    LIST_DECODE,   /* key: decode event */
    LIST_STREAM_EVENT, /* key: stream event */
    LIST_TX,       /* key: app, dir */
    LIST_APP_EVENT, /* key: app, dir */
    LIST_PROTOCOL, /* pd_only; key: dir */
    LIST_IP_ONLY,  /* key: none */
    LIST_PAYLOAD,  /* short literals in payload; key: transport, dir */
};
struct img_list {
    uint8_t kind, dir;
    uint16_t key;
    uint32_t refs, n_refs;
    uint32_t pairs; /* LIST_PAYLOAD: first in SEC_PAIRS, n_refs of them; others: PAIRS_NONE */
};
enum { PAIR_PLACES = 4096 };
#define PAIRS_NONE UINT32_MAX
/* Where a pair of neighbouring bytes, in lower case and with one digit for all, stands in a map of PAIR_PLACES. */
static inline uint8_t pair_fold(uint8_t a)
{
    uint8_t b = (uint8_t)(a - 'A') < 26 ? (uint8_t)(a | 32) : a;
    return (uint8_t)(b - '0') < 10 ? '0' : b;
}
static inline uint32_t pair_place(uint8_t a, uint8_t b) { return ((uint32_t)a << 4 ^ b) % PAIR_PLACES; }
static inline uint32_t pair_of(const uint8_t *p) { return pair_place(pair_fold(p[0]), pair_fold(p[1])); }
/* First and last pair of a short literal, in 16 bits each; PAIRS_NONE: it has none. */
static inline uint32_t pair_word(struct str s)
{
    return s.n < 2 ? PAIRS_NONE : pair_of(s.p) | pair_of(s.p + s.n - 2) << 16;
}

struct image {
    const struct img_header *h;
    const struct img_rule *rules;
    const struct img_test *tests;
    const struct img_block *blocks;
    const struct img_where *wheres;
    const struct img_text *texts, *addrs, *ports, *names;
    const struct img_bit_group *bit_groups;
    const struct img_class *classes;
    const struct img_group *groups;
    const struct img_pattern *patterns;
    const struct img_list *lists;
    const uint32_t *pairs;
    const uint32_t *refs;
    const struct rule_threshold *thresholds;
    const struct img_packed *packed;
    const struct img_note *notes;
    const struct img_file *files;
    const struct img_set *sets;
    const struct img_set_entry *set_entries;
    const uint32_t *set_slots;
    const struct img_dep *deps;
    const uint8_t *packed_data;
    const uint8_t *data;
    const uint8_t *dbs;
    size_t bytes;
    _Atomic uint32_t users;
};

static inline struct str img_str(const struct image *i, struct img_text t)
{
    return (struct str){i->data + t.at, t.n};
}
static inline uint64_t img_count(const struct image *i, enum image_section s) { return i->h->sec[s].n; }
enum { IMAGE_SUM_BLOCK = 65536 };
/* One block's part of the checksum: a file can be written and summed piece by piece. */
static inline uint64_t image_sum(const void *p, size_t n, uint64_t sum) { return hash_bytes(p, n, sum); }
/* Of the header's fields that matter: the last part. */
static inline uint64_t image_sum_header(const struct img_header *h, uint64_t sum)
{
    struct img_header x = *h;
    x.checksum = 0;
    return image_sum(&x, sizeof(x), sum);
}
/* Of a whole file: the blocks behind the header, one after the other, then the header. */
uint64_t image_checksum(const void *file, size_t size);
bool image_consistent(const struct image *i); /* image_check.c */
uint32_t image_section_size(enum image_section s); /* of one element */
uint64_t image_platform(void);
uint32_t image_struct_hash(void);
const char *image_header_wrong(const struct img_header *h, size_t size); /* why the file is not for us; NULL */
const char *image_foreign(int fd); /* why a file of the cache is not trusted; NULL */
int image_map(int fd, struct image **out, struct diags *d);

#endif
