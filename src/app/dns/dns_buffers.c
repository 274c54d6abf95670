/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules see of a DNS message: names as text with dots, as sent; numbers of the header.
 */
#include "app/dns/dns_tx.h"

static bool name_view(const struct app_get *q, const struct dns_msg *m, uint32_t at,
                      struct app_view *out)
{
    struct dns_name name;
    if (!dns_name_read(m->raw, m->n, at, &name))
        return false;
    uint8_t *p = arena_alloc_raw(q->scratch, name.n + 1u);
    if (!p)
        return false;
    memcpy(p, name.text, name.n);
    *out = (struct app_view){.data = p, .n = name.n, .last = true};
    return true;
}

static const struct dns_tx *sent(const struct app_get *q)
{
    const struct dns_tx *t = (const struct dns_tx *)q->tx;
    return t->dir == q->dir ? t : NULL;
}

static bool section_name(const struct app_get *q, unsigned section, unsigned index,
                         struct app_view *out)
{
    const struct dns_tx *t = sent(q);
    const struct dns_rr *rr = t ? dns_rr_at(&t->m, section, index) : NULL;
    return rr && name_view(q, &t->m, rr->name, out);
}

static bool get_query(const struct app_get *q, unsigned index, struct app_view *out)
{
    return section_name(q, DNS_QUERIES, index, out);
}
static bool get_answer(const struct app_get *q, unsigned index, struct app_view *out)
{
    return section_name(q, DNS_ANSWERS, index, out);
}
static bool get_authority(const struct app_get *q, unsigned index, struct app_view *out)
{
    return section_name(q, DNS_AUTHORITIES, index, out);
}
static bool get_additional(const struct app_get *q, unsigned index, struct app_view *out)
{
    return section_name(q, DNS_ADDITIONALS, index, out);
}

/* Record data that is a host name and counts as one of the response's names. */
static uint32_t rdata_name(const struct dns_rr *rr)
{
    return rr->type == DNS_TYPE_SRV || rr->type == DNS_TYPE_DNAME ? 0 : dns_rdata_name_at(rr);
}

/*
 * All names of a response: even numbers are the records' own names, odd ones the names in their
 * data. A record without a name in its data gives its own again: instances have no holes.
 */
static bool get_response(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct dns_tx *t = sent(q);
    if (!t || index / 2 >= t->m.records)
        return false;
    const struct dns_rr *rr = &t->m.rr[index / 2];
    uint32_t at = index & 1 ? rdata_name(rr) : 0;
    return name_view(q, &t->m, at ? at : rr->name, out);
}

static bool get_opcode(const struct app_get *q, unsigned index, uint64_t *out)
{
    const struct dns_tx *t = sent(q);
    if (!t || index || !t->m.n)
        return false;
    *out = dns_opcode(t->m.flags);
    return true;
}

static bool get_rcode(const struct app_get *q, unsigned index, uint64_t *out)
{
    const struct dns_tx *t = sent(q);
    if (!t || index || !t->m.n)
        return false;
    *out = t->m.flags & 15;
    return true;
}

/* Types of the questions of a request, of the answers of a response. */
static bool get_rrtype(const struct app_get *q, unsigned index, uint64_t *out)
{
    const struct dns_tx *t = sent(q);
    const struct dns_rr *rr =
        t ? dns_rr_at(&t->m, q->dir == 0 ? DNS_QUERIES : DNS_ANSWERS, index) : NULL;
    if (!rr)
        return false;
    *out = rr->type;
    return true;
}

static const struct app_enum type_names[] = {
#define DNS_TYPE_NAME_ROW(id, n, text) {text, n},
    DNS_TYPES(DNS_TYPE_NAME_ROW)
#undef DNS_TYPE_NAME_ROW
        {NULL, 0},
};

static const struct app_enum rcode_names[] = {
    {"NOERROR", 0},  {"FORMERR", 1},  {"SERVFAIL", 2}, {"NXDOMAIN", 3},  {"NOTIMP", 4},
    {"REFUSED", 5},  {"YXDOMAIN", 6}, {"YXRRSET", 7},  {"NXRRSET", 8},   {"NOTAUTH", 9},
    {"NOTZONE", 10}, {"BADVERS", 16}, {"BADSIG", 16},  {"BADKEY", 17},   {"BADTIME", 18},
    {"BADMODE", 19}, {"BADNAME", 20}, {"BADALG", 21},  {"BADTRUNC", 22}, {NULL, 0},
};

enum { TO_SERVER = 1, TO_CLIENT = 2, BOTH = 3 };
#define AT                                                                                         \
    {                                                                                              \
        DNS_PROGRESS_COMPLETE, DNS_PROGRESS_COMPLETE                                               \
    }
#define NAME_ROW(text, old, d, fn, what)                                                           \
    {                                                                                              \
        .name = text, .su_old = old, .dirs = d, .kind = APP_BUF_MULTI, .at = AT, .priority = 2,    \
        .get = fn, .help = what                                                                    \
    }
#define NUMBER_ROW(text, k, fn, map, what)                                                         \
    {                                                                                              \
        .name = text, .dirs = BOTH, .kind = k, .at = AT, .get_uint = fn, .names = map,             \
        .help = what                                                                               \
    }

const struct app_buffer dns_buffers[] = {
    NAME_ROW("dns.query", "dns_query", TO_SERVER, get_query, "names asked for, in requests"),
    NAME_ROW("dns.queries.rrname", "dns.query.name", BOTH, get_query,
             "names asked for, in both directions"),
    NAME_ROW("dns.answers.rrname", "dns.answer.name", BOTH, get_answer, "names of answer records"),
    NAME_ROW("dns.authorities.rrname", NULL, BOTH, get_authority, "names of authority records"),
    NAME_ROW("dns.additionals.rrname", NULL, BOTH, get_additional, "names of additional records"),
    NAME_ROW("dns.response.rrname", NULL, TO_CLIENT, get_response,
             "all names of a response, those in CNAME, MX, NS, PTR and SOA data too"),
    NUMBER_ROW("dns.opcode", APP_BUF_UINT, get_opcode, NULL, "opcode of the header"),
    NUMBER_ROW("dns.rcode", APP_BUF_UINT, get_rcode, rcode_names, "reply code of the header"),
    NUMBER_ROW("dns.rrtype", APP_BUF_MULTI_UINT, get_rrtype, type_names,
               "types of a request's questions, of a response's answers"),
    {.name = NULL},
};
