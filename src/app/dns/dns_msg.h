/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A DNS message (RFC 1035 4) as an index over its bytes.
 *
 * The parser checks every name and record once and keeps one row of 16 bytes a record; names are
 * decoded again where somebody wants them.  So a message costs its own bytes and at most one and a
 * half times as much, however its names are compressed.
 */
#ifndef APP_DNS_DNS_MSG_H
#define APP_DNS_DNS_MSG_H

#include "base/attr.h"
#include "base/str.h"

enum {
    DNS_HEADER = 12,
    DNS_NAME_MAX = 1025,             /* longer names are cut here (and said to be) */
    DNS_LABELS_MAX = 255,            /* in one name */
    DNS_POINTERS_MAX = 128,          /* in one name: more is a loop */
    DNS_RECORDS_MAX = 65535 / 5 + 1, /* shortest record: a question on the root */
};

#define DNS_EVENTS(X)                                                                              \
    X(MALFORMED_DATA, "malformed_data")                                                            \
    X(NOT_REQUEST, "not_request")                                                                  \
    X(NOT_RESPONSE, "not_response")                                                                \
    X(Z_FLAG_SET, "z_flag_set")                                                                    \
    X(INVALID_OPCODE, "invalid_opcode")                                                            \
    X(NAME_TOO_LONG, "name_too_long")                                                              \
    X(INFINITE_LOOP, "infinite_loop")                                                              \
    X(TOO_MANY_LABELS, "too_many_labels")                                                          \
    X(INVALID_ADDITIONALS, "invalid_additionals")                                                  \
    X(INVALID_AUTHORITIES, "invalid_authorities")                                                  \
    X(NOT_A_REQUEST, "not_a_request") /* older spellings that rules still use */                   \
    X(NOT_A_RESPONSE, "not_a_response")
#define DNS_EVENT_ID(id, name) DNS_EVENT_##id,
enum dns_event { DNS_EVENTS(DNS_EVENT_ID) DNS_EVENT_COUNT };
#undef DNS_EVENT_ID

enum dns_section { DNS_QUERIES, DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTIONS };

enum dns_flags {
    DNS_QR = 0x8000,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_Z = 0x0040,
};

/* X(id, number, name in EVE and in rules) */
#define DNS_TYPES(X)                                                                               \
    X(A, 1, "A")                                                                                   \
    X(NS, 2, "NS")                                                                                 \
    X(MD, 3, "MD") X(MF, 4, "MF") X(CNAME, 5, "CNAME") X(SOA, 6, "SOA") X(MB, 7, "MB")             \
        X(MG, 8, "MG") X(MR, 9, "MR") X(NULL, 10, "NULL") X(WKS, 11, "WKS") X(PTR, 12, "PTR")      \
            X(HINFO, 13, "HINFO") X(MINFO, 14, "MINFO") X(MX, 15, "MX") X(TXT, 16, "TXT")          \
                X(RP, 17, "RP") X(AFSDB, 18, "AFSDB") X(X25, 19, "X25") X(ISDN, 20, "ISDN") X(     \
                    RT, 21, "RT") X(NSAP, 22, "NSAP") X(NSAPPTR, 23, "NSAPPTR") X(SIG, 24, "SIG")  \
                    X(KEY, 25, "KEY") X(PX, 26, "PX") X(GPOS, 27, "GPOS") X(AAAA, 28, "AAAA") X(   \
                        LOC, 29, "LOC") X(NXT, 30, "NXT") X(SRV, 33, "SRV") X(ATMA, 34, "ATMA")    \
                        X(NAPTR, 35, "NAPTR") X(KX, 36, "KX") X(CERT, 37, "CERT") X(               \
                            A6, 38, "A6") X(DNAME, 39, "DNAME")                                    \
                            X(OPT, 41, "OPT") X(APL, 42, "APL") X(DS, 43, "DS") X(                 \
                                SSHFP, 44, "SSHFP") X(IPSECKEY, 45, "IPSECKEY")                    \
                                X(RRSIG, 46, "RRSIG") X(NSEC, 47, "NSEC") X(DNSKEY, 48, "DNSKEY")  \
                                    X(DHCID, 49, "DHCID") X(NSEC3, 50, "NSEC3")                    \
                                        X(NSEC3PARAM, 51,                                          \
                                          "NSEC3PARAM") X(TLSA, 52, "TLSA")                        \
                                            X(HIP, 55, "HIP") X(CDS, 59, "CDS")                    \
                                                X(CDNSKEY, 60, "CDNSKEY") X(SVCB, 64, "SVCB") X(   \
                                                    HTTPS, 65, "HTTPS") X(SPF, 99, "SPF")          \
                                                    X(TKEY, 249, "TKEY") X(TSIG, 250, "TSIG")      \
                                                        X(IXFR, 251, "IXFR") X(AXFR, 252, "AXFR")  \
                                                            X(MAILB, 253, "MAILB")                 \
                                                                X(MAILA, 254, "MAILA")             \
                                                                    X(ANY, 255, "ANY")             \
                                                                        X(URI, 256, "URI")         \
                                                                            X(CAA, 257, "CAA")
#define DNS_TYPE_ID(id, n, name) DNS_TYPE_##id = n,
enum dns_type { DNS_TYPES(DNS_TYPE_ID) };
#undef DNS_TYPE_ID

struct dns_rr {
    uint16_t name; /* offset in the message */
    uint16_t type, klass;
    uint16_t rdata, rdlen;
    uint32_t ttl;
};

struct dns_msg {
    const uint8_t *raw;
    uint32_t n;
    uint16_t id, flags;
    uint16_t count[DNS_SECTIONS]; /* records that were there whole */
    uint16_t first[DNS_SECTIONS]; /* index of a section's first record in rr */
    uint16_t records;
    uint32_t events; /* bits of enum dns_event */
    uint32_t end;    /* bytes that the records took, header included */
    const struct dns_rr *rr;
};

static inline unsigned dns_opcode(uint16_t flags)
{
    return flags >> 11 & 15;
}

/*
 * Reads a message into m; `rr` has room for `room` records (DNS_RECORDS_MAX always suffices) and
 * must outlive m, as must raw.  false: not even a header.  What is wrong behind it is in m->events.
 */
bool dns_msg_read(struct dns_msg *m, const uint8_t *raw, uint32_t n, struct dns_rr *rr,
                  uint32_t room);

struct dns_name {
    uint8_t text[DNS_NAME_MAX];
    uint32_t n;      /* bytes of text: labels with dots between, as sent */
    uint32_t end;    /* offset behind the name in the message */
    uint32_t events; /* NAME_TOO_LONG (text is cut), INFINITE_LOOP, TOO_MANY_LABELS */
    uint32_t steps;  /* work it took, for budgets */
};
/* The name at `at`; false: it leaves the message or has a label of unknown type. */
bool dns_name_read(const uint8_t *raw, uint32_t n, uint32_t at, struct dns_name *out) MUST_CHECK;
/* Where the first host name of a record's data stands (CNAME, MX, NS, PTR, SOA, SRV ...), or 0. */
uint32_t dns_rdata_name_at(const struct dns_rr *rr);
static inline const struct dns_rr *dns_rr_at(const struct dns_msg *m, unsigned section, unsigned i)
{
    return i < m->count[section] ? &m->rr[m->first[section] + i] : NULL;
}

/* Names in EVE; NULL for numbers without one. */
const char *dns_type_name(uint16_t type);
const char *dns_rcode_name(unsigned rcode);
int dns_type_find(struct str name); /* case folded; -1 */

#endif
