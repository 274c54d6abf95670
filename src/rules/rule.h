/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule in the intermediate form: action, header, facts and an ordered list of tests over named buffers.
 * A part of rules.h, which others include.
 */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include "app/app.h"
#include "base/attr.h"
#include "base/str.h"

enum rule_dialect { DIALECT_AUTO = 0, DIALECT_SNORT2 = 1, DIALECT_SNORT3 = 2, DIALECT_SURICATA = 4 };
const char *rule_dialect_name(enum rule_dialect d);
int rule_dialect_find(struct str name); /* "snort2", "snort3", "suricata", "auto"; -1 */

/* X(id, word) */
#define RULE_ACTIONS(X)       \
    X(ALERT, "alert")         \
    X(PASS, "pass")           \
    X(LOG, "log")             \
    X(DROP, "drop")           \
    X(SDROP, "sdrop")         \
    X(BLOCK, "block")         \
    X(REJECT, "reject")       \
    X(REJECTSRC, "rejectsrc") \
    X(REJECTDST, "rejectdst") \
    X(REJECTBOTH, "rejectboth") \
    X(RESET, "reset")         \
    X(REACT, "react")         \
    X(REPLACE, "replace")     \
    X(BLACKLIST, "blacklist") \
    X(ACTIVATE, "activate")   \
    X(DYNAMIC, "dynamic")     \
    X(ACCEPT, "accept")       \
    X(CONFIG, "config")       \
    X(FILE_ID, "file_id")
#define RULE_ACTION_ID(id, word) ACTION_##id,
enum rule_action { RULE_ACTIONS(RULE_ACTION_ID) ACTION_COUNT };
#undef RULE_ACTION_ID
const char *rule_action_name(unsigned a);

enum rule_transport { /* bits of rule.transports */
    RULE_TCP = 1,
    RULE_UDP = 2,
    RULE_ICMP4 = 4,
    RULE_ICMP6 = 8,
    RULE_SCTP = 16,
    RULE_IP_OTHER = 32, /* any other IP protocol */
    RULE_NO_IP = 64,    /* frames without IP: pkthdr, arp, ether */
    RULE_IP_ALL = 63,
};
enum rule_flag {
    RULE_PACKET_ONLY = 1u << 0,  /* tcp-pkt, dsize ...: never on the stream */
    RULE_STREAM_ONLY = 1u << 1,  /* tcp-stream, flow:only_stream: what is in a stream is looked at there */
    RULE_PKTHDR = 1u << 2,       /* header word pkthdr: any frame, decode events */
    RULE_BOTH_WAYS = 1u << 3,    /* <> */
    RULE_NOALERT = 1u << 4,
    RULE_NEEDS_FLOW = 1u << 5,
    RULE_TO_SERVER = 1u << 6,    /* flow, or its buffers, bind the direction */
    RULE_TO_CLIENT = 1u << 7,
    RULE_DISABLED = 1u << 8,     /* stood behind # and the caller asked to keep such */
    RULE_TX_WHOLE = 1u << 9,     /* => : one rule over request and response */
    RULE_ARP = 1u << 10,
    RULE_ETHER = 1u << 11,
    RULE_FILESTORE = 1u << 12,
    RULE_FIREWALL = 1u << 13,
    RULE_IP4_ONLY = 1u << 14,
    RULE_IP6_ONLY = 1u << 15,
    RULE_NO_STREAM = 1u << 16,   /* flow:no_stream */
    RULE_ONLY_FRAG = 1u << 17,
    RULE_NO_FRAG = 1u << 18,
    RULE_STATELESS = 1u << 19,
    RULE_ESTABLISHED = 1u << 20,
    RULE_NOT_ESTABLISHED = 1u << 21,
    RULE_NEVER_ALONE = 1u << 23, /* flow:only_stream: a packet that is in no stream is not looked at either */
    RULE_UNLOGGED = 1u << 24,    /* its transactions are not written to the log */
    RULE_BYPASS = 1u << 22, /* its flow is let on without being looked at, from the match on */
};

/* Suricata's types; they decide when a rule is looked at and how far its action reaches (A5). */
enum rule_type {
    TYPE_IP_ONLY,
    TYPE_LIKE_IP_ONLY,
    TYPE_PD_ONLY,  /* app-layer-protocol and header only */
    TYPE_DE_ONLY,  /* decode events */
    TYPE_PKT,
    TYPE_PKT_STREAM,
    TYPE_STREAM,
    TYPE_APP_LAYER, /* header app protocol, no transaction buffer */
    TYPE_APP_TX,
};

/*
 * Buffers.  Numbers below RULE_BUF_APP are packet buffers; from there on RULE_BUF_APP + app_buffer number.
 */
enum rule_buffer {
    BUF_PAYLOAD, /* pkt_data: packet payload, and the stream for TCP */
    BUF_RAW_PAYLOAD, /* rawbytes, raw_data: packet payload as it came */
    BUF_IPV4_HDR,
    BUF_IPV6_HDR,
    BUF_IP_SRC,  /* the address: 4 or 16 bytes */
    BUF_IP_DST,
    BUF_TCP_HDR,
    BUF_UDP_HDR,
    BUF_ICMPV4_HDR,
    BUF_ICMPV6_HDR,
    BUF_BASE64,  /* result of base64_decode */
    BUF_NONE,    /* tests that look at no buffer */
    RULE_BUF_APP = 32,
};
const char *rule_buffer_name(unsigned buffer);

/* X(id, keyword) Transforms of sticky buffers, applied in order. */
#define RULE_TRANSFORMS(X)                  \
    X(DOTPREFIX, "dotprefix")               \
    X(LOWER, "to_lowercase")                \
    X(UPPER, "to_uppercase")                \
    X(STRIP_WS, "strip_whitespace")         \
    X(COMPRESS_WS, "compress_whitespace")   \
    X(MD5, "to_md5")                        \
    X(SHA1, "to_sha1")                      \
    X(SHA256, "to_sha256")                  \
    X(URLDECODE, "url_decode")              \
    X(XOR, "xor")                           \
    X(CASECHANGE, "casechange")             \
    X(HEADER_LOWER, "header_lowercase")     \
    X(STRIP_PSEUDO, "strip_pseudo_headers") \
    X(DOMAIN, "domain")                     \
    X(TLD, "tld")                           \
    X(FROM_BASE64, "from_base64")           \
    X(GUNZIP, "gunzip")                     \
    X(INFLATE, "zlib_deflate")              \
    X(PCREXFORM, "pcrexform")               \
    X(FIELD, "field") /* Snort 3: the value of one header out of lines; no such line: no buffer */ \
    /* Snort 3: one parameter's value; the first of that name or any, case as written or not */    \
    X(PARAM, "of the name")                 \
    X(PARAM_NOCASE, "of the name, case ignored") \
    X(PARAM_ANY, "each of the name")        \
    X(PARAM_ANY_NOCASE, "each of the name, case ignored")
#define RULE_TRANSFORM_ID(id, word) XFORM_##id,
enum rule_transform { XFORM_NONE, RULE_TRANSFORMS(RULE_TRANSFORM_ID) XFORM_COUNT };
#undef RULE_TRANSFORM_ID
enum { RULE_XFORMS = 6, RULE_BYTE_VARS = 32 };

/* A buffer with its transforms; equal ones are one (interned in the set: rule_test.where is an index). */
struct rule_where {
    uint16_t buffer;
    uint8_t n_xform;
    uint8_t xform[RULE_XFORMS];
    struct str arg[RULE_XFORMS]; /* xor key, pcrexform pattern, from_base64 options */
};

/* A number in a test: v, or with var >= 0 the rule's byte variable of that number plus v. */
struct rule_num {
    int64_t v;
    int8_t var; /* -1: none */
};

enum content_flag {
    CONTENT_NOCASE = 1,
    CONTENT_NEGATED = 2,
    CONTENT_RELATIVE = 4, /* distance or within is given */
    CONTENT_OFFSET = 8,   /* which of the four are given */
    CONTENT_DEPTH = 16,
    CONTENT_DISTANCE = 32,
    CONTENT_WITHIN = 64,
    CONTENT_STARTS = 128,
    CONTENT_ENDS = 256,
    CONTENT_FAST = 512,   /* the prefilter's */
    CONTENT_FAST_ONLY = 1024, /* Snort: no re-check */
    CONTENT_RAW = 2048,
    CONTENT_REPLACE = 4096,
};
/*
 * The cursor is the end of the last match in the same (where, instance).
 *
 * Not relative: the window is `depth` bytes (to the end without CONTENT_DEPTH) from `offset`; the cursor is
 * forgotten.  Relative: it starts at cursor + distance and ends at cursor + distance + within (to the end
 * without CONTENT_WITHIN); a start before the buffer counts as 0 and, with the dialects' one meaning, leaves
 * the end where it is.  CONTENT_STARTS: offset 0, depth = length (both are set as well).  CONTENT_ENDS: the
 * match ends where the buffer ends.  Offset and depth never stand with distance and within.
 */
struct test_content {
    struct str bytes; /* as written; nocase: lower-cased copy in `folded`, else folded == bytes */
    struct str folded;
    uint16_t flags;
    uint16_t fast_offset, fast_len; /* piece for the prefilter; len 0: whole */
    struct rule_num offset, depth, distance, within;
    struct str replace;
};
enum pcre_flag { REGEX_NEGATED = 1, REGEX_RELATIVE = 2, REGEX_NO_LIMIT = 4, REGEX_RAW = 8 };
enum { RULE_CAPTURES = 8, RULE_GROUP_LAST = 31 };
enum capture_kind { CAPTURE_PACKET, CAPTURE_FLOW, CAPTURE_ALERT };
struct test_pcre {
    struct str pattern;
    uint32_t options; /* PCRE2_ */
    uint8_t flags;
    uint8_t n_captures;
    struct {
        uint8_t kind, group; /* enum capture_kind; group of the expression */
        uint16_t name;       /* interned */
    } capture[RULE_CAPTURES];
};
enum byte_op { BYTE_LT, BYTE_GT, BYTE_EQ, BYTE_LE, BYTE_GE, BYTE_AND, BYTE_XOR /* ^ : no bit set */ };
enum byte_flag {
    BYTE_RELATIVE = 1,
    BYTE_LITTLE = 2,
    BYTE_STRING = 4,
    BYTE_DCE = 8,
    BYTE_NEGATED = 16,
    BYTE_ALIGN2 = 32,
    BYTE_ALIGN4 = 64,
    BYTE_FROM_BEGIN = 128,
    BYTE_FROM_END = 256,
    BYTE_ENDIAN_GIVEN = 512,
    BYTE_TO_START = 1024, /* byte_jump: to before the buffer is to its start; else it fails */
};
/*
 * byte_test, byte_jump, byte_extract, byte_math, isdataat, base64_decode.
 *
 * isdataat: `value`; BYTE_RELATIVE: at least `value` bytes lie behind the cursor; else the buffer is longer
 * than `value` bytes.  BYTE_NEGATED turns it round.  The dialects' differences are gone here.
 * byte_test: n bytes (BYTE_STRING: up to n digits; n 0: all that stand there) at offset, masked with bitmask
 * if that is not 0 (and shifted right by its trailing zeros), compared `read op value`.
 * byte_jump: n 0 reads nothing and jumps by post alone.  multiplier 0 means 1.
 * base64_decode: n 0: all; offset; BYTE_RELATIVE.
 */
struct test_bytes {
    uint16_t flags;
    uint8_t base;   /* 10, 16, 8; with BYTE_STRING (0: by prefix) */
    uint8_t op;     /* enum byte_op; byte_math: '+', '-', '*', '/', '<', '>' */
    struct rule_num n;      /* bytes to read */
    struct rule_num offset;
    struct rule_num value;  /* byte_test, byte_math's rvalue */
    int64_t multiplier, post;  /* byte_jump, byte_extract; post_offset */
    struct rule_num post_var;
    uint64_t bitmask;
    int8_t result; /* variable that extract and math fill */
};
enum num_op { NUM_EQ, NUM_NE, NUM_LT, NUM_LE, NUM_GT, NUM_GE, NUM_IN /* a..b inclusive */, NUM_NOT_IN, NUM_MASK_SET /* v&a == b */, NUM_MASK_ANY };
/* A number against constants: header fields, lengths, application fields.
 * NUM_IN: a <= x <= b, NUM_NOT_IN: the opposite; NUM_MASK_SET: (x & a) == b, NUM_MASK_ANY: (x & a) != b. */
struct test_uint {
    uint8_t op; /* enum num_op */
    uint64_t a, b;
};
/* X(id, keyword): header fields and other numbers of a packet or flow that TEST_PACKET compares.
 * FLOW_PKTS and FLOW_BYTES: of either direction, one of the two is enough. */
#define RULE_PACKET_FIELDS(X) \
    X(TTL, "ttl") X(TOS, "tos") X(ID, "id") X(ITYPE, "itype") X(ICODE, "icode") X(ICMP_ID, "icmp_id")      \
    X(ICMP_SEQ, "icmp_seq") X(SEQ, "seq") X(ACK, "ack") X(WINDOW, "window") X(DSIZE, "dsize")             \
    X(MSS, "tcp.mss") X(WSCALE, "tcp.wscale") X(ICMP6_MTU, "icmpv6.mtu") X(FLOW_AGE, "flow.age")          \
    X(FLOW_PKTS, "flow.pkts") X(FLOW_PKTS_TS, "flow.pkts_toserver") X(FLOW_PKTS_TC, "flow.pkts_toclient") \
    X(FLOW_BYTES, "flow.bytes") X(FLOW_BYTES_TS, "flow.bytes_toserver")                                   \
    X(FLOW_BYTES_TC, "flow.bytes_toclient") X(VLAN_LAYERS, "vlan.layers") X(VLAN_ID, "vlan.id")           \
    X(IP_PROTO, "ip_proto") X(VXLAN_VNI, "vxlan_vni") X(TCP_HLEN, "tcp.hlen") X(IP_HLEN, "ip.hlen")
#define RULE_PFIELD_ID(id, word) PFIELD_##id,
enum rule_packet_field { RULE_PACKET_FIELDS(RULE_PFIELD_ID) PFIELD_COUNT };
#undef RULE_PFIELD_ID

enum bits_cmd { BITS_SET, BITS_UNSET, BITS_TOGGLE, BITS_ISSET, BITS_ISNOTSET, BITS_RESET, BITS_SETX, BITS_NOALERT };
enum bits_scope { BITS_FLOW, BITS_HOST_SRC, BITS_HOST_DST, BITS_PAIR, BITS_TX, BITS_HOST_BOTH };
struct test_bits { /* flowbits, xbits, hostbits */
    uint8_t cmd, scope;
    bool all;            /* names joined by &: all of them; else any */
    uint8_t n;
    uint16_t id[8];      /* interned names */
    uint16_t group;      /* Snort's group, interned + 1; 0: none */
    uint32_t expire_s;
};
struct test_flowint {
    uint8_t op; /* '=', '+', '-', '<', '>', 'l' <=, 'g' >=, 'e' ==, 'n' !=, 's' isset, 'u' isnotset */
    uint16_t id;
    bool value_is_var;
    uint16_t value_id;
    int64_t value;
};
enum threshold_type { THRESH_LIMIT, THRESH_THRESHOLD, THRESH_BOTH, THRESH_BACKOFF, THRESH_DETECTION, THRESH_RATE, THRESH_SUPPRESS };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_FLOW, TRACK_EITHER };
struct rule_threshold {
    uint8_t type, track;
    uint8_t new_action;       /* rate_filter */
    uint8_t unique_on;        /* 0, 1 src_port, 2 dst_port */
    uint32_t count, seconds, timeout_s, multiplier;
    bool in_file;
    int32_t addr;             /* suppress: address expression (index in set->addr), -1: any */
    uint32_t gid, sid;        /* of a file entry; sid 0: whole gid; gid 0 and sid 0: all */
};
/* What a rule says of a data set; only while rules are read. */
struct listed_words;
enum listed_cmd { LISTED_IS_SET, LISTED_IS_NOT_SET, LISTED_ADD, LISTED_TAKE, LISTED_SCORE };
struct test_listed {
    uint8_t cmd;  /* enum listed_cmd */
    uint8_t type; /* enum listed_type */
    uint8_t op;   /* LISTED_SCORE: enum num_op against value */
    bool subdomain; /* a name below an entry counts, too */
    uint16_t value;
    uint32_t list; /* in set->lists */
    struct str context; /* key of alert.context */
    const struct listed_words *words;
};
struct test_tag { /* the tag ends at the first of its limits; 0: no such limit */
    uint8_t host; /* 0 session, 1 host */
    uint8_t dst;
    bool capped; /* no packets are named: Snort's tagged_packet_limit holds, too */
    uint32_t packets, seconds, bytes;
};

/* What an entry of the blacklist is compared with. */
#define BLOCK_KINDS(X)                                                                             \
    X(SRC, "src")           /* sender */                                                           \
    X(DST, "dst")           /* receiver */                                                         \
    X(SRC_PORT, "src_port") /* sender and its port, of one protocol */                             \
    X(PAIR, "pair")         /* sender and receiver, this way alone */                              \
    X(NET, "net")           /* the sender's network */
#define BLOCK_KIND_ID(id, word) BLOCK_##id,
enum block_kind { BLOCK_KINDS(BLOCK_KIND_ID) BLOCK_KIND_COUNT };
#undef BLOCK_KIND_ID
struct test_blacklist {
    uint8_t kind;           /* enum block_kind */
    uint8_t prefix, prefix6; /* BLOCK_NET: of IPv4, IPv6 */
    uint8_t sensor;         /* 1: for all of the sensor's vIPSs */
    uint32_t seconds;       /* 0: as the setting blacklist.time says */
    uint32_t after, within; /* matches in so many seconds; after 0: an alert that its thresholds let through */
};

enum { RULE_INDEX_ANY = 127, RULE_INDEX_ALL = 126 };
/*
 * TCP flags and fragment bits: x = field & mask against value.  mode '=': equal, '+': all of value (and
 * perhaps more), '*': one of them at least, '!': not all of them (of one bit, wherever a dialect means
 * "none of them").  Fragment bits as in the header's byte 6: 0x80 reserved, 0x40 DF, 0x20 MF.
 */

enum test_kind {
    TEST_CONTENT,
    TEST_PCRE,
    TEST_ISDATAAT,     /* bytes.value, flags RELATIVE, NEGATED */
    TEST_BYTE_TEST,
    TEST_BYTE_JUMP,
    TEST_BYTE_EXTRACT,
    TEST_BYTE_MATH,
    TEST_BSIZE,        /* uint against the buffer's length (bsize, urilen, bufferlen) */
    TEST_BASE64_DECODE, /* bytes: n (0 all), offset, flags RELATIVE */
    TEST_BUFFER_UINT,  /* uint against an application field (where.buffer is a UINT row) */
    TEST_BUFFER_PRESENT, /* sticky buffer without a match: it is there */
    TEST_BUFFER_ABSENT, /* absent; or_else: u.flag */
    TEST_PACKET,       /* field (u.packet.field) against uint */
    TEST_TCP_FLAGS,    /* u.flags */
    TEST_FRAGBITS,
    TEST_FRAGOFFSET,   /* u.uint */
    TEST_IPOPTS,       /* u.uint.a: bits of enum ip_opt; b: 1 any */
    TEST_SAMEIP,
    TEST_BITS,
    TEST_FLOWINT,
    TEST_STREAM_SIZE,  /* u.size */
    TEST_DECODE_EVENT, /* u.event: enum decode_event */
    TEST_STREAM_EVENT, /* u.event: enum stream_event */
    TEST_APP_EVENT,    /* u.event: index; app in rule_test.app; core events: app 0 */
    TEST_APP_PROTOCOL, /* u.app_proto */
    TEST_APP_STATE,    /* u.state; app in rule_test.app */
    TEST_HOOK,         /* rule hook: app, dir, progress in u.hook */
    TEST_RPC,          /* u.rpc */
    TEST_ASN1,         /* u.asn1 */
    TEST_FTPBOUNCE,
    TEST_CSUM,         /* u.csum */
    TEST_TAG,
    TEST_BLACKLIST,    /* u.blacklist */
    TEST_THRESHOLD,    /* u.threshold */
    TEST_DETECTION_FILTER,
    TEST_FILESTORE,
    TEST_FILE_HASH,
    TEST_DATASET,
    TEST_IPREP,
    TEST_ENTROPY,
    TEST_KEY_PACKET,   /* u.key: a keyword of its own folder */
    TEST_KEY_BUFFER,
    TEST_LUA_REFUSED,  /* never in a loaded rule */
    TEST_KINDS
};
struct rule_test {
    uint8_t kind;   /* enum test_kind */
    uint8_t instance; /* of a multi buffer: a new mention of a sticky multi buffer is a new instance */
    uint8_t tx_dir;  /* => rules, and Snort 3's that look at both messages: 0 either, 1 to server, 2 to client */
    uint8_t pad;
    uint16_t where; /* index in set->where; 0 is always BUF_PAYLOAD without transforms */
    uint16_t app;
    uint32_t column;
    union {
        struct test_content content;
        struct test_pcre pcre;
        struct test_bytes bytes;
        struct test_uint uint;
        struct {
            uint8_t field;
            int8_t index; /* vlan.id: layer, negative from the inside; RULE_INDEX_ANY, RULE_INDEX_ALL */
            struct test_uint uint;
        } packet;
        struct {
            uint8_t value, mask, mode; /* mask: bits that count; mode as above */
        } flags; /* tcp flags, fragbits */
        struct test_bits bits;
        struct test_flowint flowint;
        struct {
            uint8_t who; /* 0 server, 1 client, 2 both, 3 either */
            uint8_t op;  /* enum num_op */
            uint64_t size;
        } size;
        struct {
            uint16_t id;
        } event;
        struct {
            uint16_t id;
            bool negated;
            uint8_t mode; /* 0 any, 1 final, 2 original, 3 either, 4 to server, 5 to client */
        } app_proto;
        struct {
            uint8_t dir, progress;
        } hook;
        struct {
            uint8_t dir, progress;
            uint8_t op; /* of enum num_op: LT, GT, GE */
        } state;
        struct {
            int64_t program, version, procedure; /* -1: any */
        } rpc;
        struct {
            uint32_t oversize_length;
            bool bitstring_overflow, double_overflow, oversize;
            int32_t absolute_offset, relative_offset;
            bool relative;
        } asn1;
        struct {
            uint8_t which; /* IPPROTO_, 0: IPv4 header */
            uint8_t ver;
            bool valid;
        } csum;
        struct test_tag tag;
        struct test_blacklist blacklist;
        struct rule_threshold threshold;
        struct test_listed listed; /* TEST_DATASET, TEST_FILE_HASH */
        struct {
            uint8_t who; /* 0 any, 1 source, 2 destination, 3 both */
            uint16_t category; /* interned name */
            uint8_t set; /* 0: compare with uint; 1 isset, 2 isnotset */
            uint32_t list; /* in set->lists */
            struct test_uint uint;
        } iprep;
        struct rule_key key;
        struct {
            uint8_t dirs;  /* bits as app_buffer.dirs; 0: the rule's own */
            uint8_t scope; /* 0 file, 1 transaction, 2 flow */
        } filestore;
        struct {
            uint32_t offset, bytes; /* bytes 0: all */
            uint8_t op;             /* enum num_op */
            uint16_t name;          /* interned: of the buffer, as events say it */
            double a, b;
        } entropy;
        bool flag;
    } u;
};

/* Where in a packet's or transaction's way a rule with `proto:hook` is asked. */
enum rule_hook { HOOK_NONE, HOOK_APP /* hook_app, hook_dir, hook_progress */, HOOK_ALL, HOOK_PRE_FLOW, HOOK_PRE_STREAM, HOOK_FLOW_START };
/* Secondary actions of firewall rules ("accept:flow,pass:flow,alert"). */
enum rule_secondary { SECOND_ALERT = 1, SECOND_PASS_FLOW = 2, SECOND_PASS_PACKET = 4 };

/* resp:, react:, and reject actions as bits. */
enum rule_response {
    RESP_RST_SRC = 1,
    RESP_RST_DST = 2,
    RESP_ICMP_NET = 4,
    RESP_ICMP_HOST = 8,
    RESP_ICMP_PORT = 16,
    RESP_ICMP_ADMIN = 32,
    RESP_REACT = 64,
    RESP_RST_BOTH = 3,
    RESP_ICMP_ALL = 28,
};
enum { RULE_TYPES_OWN = 32 }; /* actions of the configuration's own: CONF_RULETYPES */
enum rule_target { TARGET_NONE, TARGET_SRC, TARGET_DST };

struct rule {
    uint32_t gid, sid, rev;
    uint8_t action;   /* enum rule_action */
    uint8_t dialect;  /* enum rule_dialect */
    uint8_t type;     /* enum rule_type */
    uint8_t scope;    /* firewall: 0 none, 1 packet, 2 flow, 3 hook, 4 tx */
    uint8_t transports;
    uint8_t target;
    uint8_t response; /* enum rule_response bits */
    uint8_t ruletype; /* 1 and up: the configuration's own action of that number (conf_ruletype); 0: none */
    uint8_t n_apps;
    uint16_t app;     /* header protocol, or 0 */
    uint16_t apps[6]; /* Snort 3 service, Snort 2 metadata service (informative) */
    uint32_t flags;
    uint8_t hook;     /* enum rule_hook */
    bool hook_before; /* "<state": before that state is reached */
    uint8_t secondary; /* enum rule_secondary bits */
    uint16_t hook_app;
    uint8_t hook_dir, hook_progress;
    uint32_t addr[2], port[2]; /* indices of expressions in the set: source, destination */
    uint32_t priority;
    uint16_t class_id;  /* in set->classes, 0: none */
    uint16_t n_tests;
    int16_t fast;       /* index of the content that the prefilter uses, never a negated one; -1: none */
    uint16_t n_vars;
    struct rule_test *tests;
    struct rule_threshold *threshold, *detection_filter;
    struct str msg;
    struct str text;    /* the whole rule, one line */
    struct str *references; /* "system,value" */
    uint16_t n_references;
    uint16_t n_metadata;
    struct rule_meta { /* half of a rule's memory once: both stand in the rule's text, the value behind the key */
        const uint8_t *p;
        uint16_t n_key; /* 0: of the keyword `service`, the value alone */
        uint16_t value_at;
        uint32_t n_value;
    } *metadata;
    uint32_t activates, activated_by, count;
    struct str react_msg;
    const char *file;
    uint32_t line;
    uint32_t index;     /* in the set */
};

static inline struct str rule_meta_key(const struct rule_meta *m)
{
    return m->n_key ? str_of(m->p, m->n_key) : STR("service");
}
static inline struct str rule_meta_value(const struct rule_meta *m)
{
    return str_of(m->p + m->value_at, m->n_value);
}

#endif
