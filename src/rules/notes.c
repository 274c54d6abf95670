/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warnings of rules that load: what they ask for can't be had, or a word in them is not known here.
 *
 * Snort takes any word as a service, and one that nobody speaks is a rule that finds nothing by
 * service: each unknown one is told once, with the name that it may have been meant for.
 */
#include "rules/load.h"

#include "config/config.h"

#include <errno.h>

/* A reset is asked for where no TCP is: it can never be sent. */
static void reset_note(struct rule_set *s, const struct rule *r)
{
    if (rule_reset_in_vain(r))
        diag_add(
            &s->diags, DIAG_WARNING, r->file, r->line, 1,
            r->transports & RULE_UDP ? "icmp_port is an answer to UDP" : "leave resp out",
            "sid %u: resp asks for TCP resets alone: they can never be sent for a rule without TCP",
            r->sid);
}

/* Snort 3 says so and takes the first; Snort 2 refuses such a rule (kw_content.c). */
static void fast_note(struct rule_set *s, const struct rule *r)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < r->n_tests && r->dialect == DIALECT_SNORT3; i++)
        n += r->tests[i].kind == TEST_CONTENT && (r->tests[i].u.content.flags & CONTENT_FAST);
    if (n > 1)
        diag_add(&s->diags, DIAG_WARNING, r->file, r->line, 1, "leave the others out",
                 "sid %u: fast_pattern stands at %u contents: the first is used", r->sid, n);
}

/* msg:"text" content:"a"; lost its semicolon: the content is a part of the text, and tests nothing. */
static void msg_note(struct rule_set *s, const struct rule *r)
{
    struct str m = r->msg;
    for (int64_t at = str_chr(m, '"'); at >= 0; at = str_chr(m, '"')) {
        m = str_skip(m, (uint32_t)at + 1);
        struct str rest = str_trim(m);
        int64_t colon = str_chr(rest, ':');
        uint32_t n = 0;
        while (n < rest.n && (rest.p[n] == '_' || rest.p[n] == '.' || (rest.p[n] >= 'a' && rest.p[n] <= 'z')))
            n++;
        if (n && colon == n && rest.n > n + 1 && (rest.p[n + 1] == '"' || rest.p[n + 1] == '!')) {
            diag_add(&s->diags, DIAG_WARNING, r->file, r->line, 1, "a semicolon before it",
                     "sid %u: msg goes on behind its quote: " STR_FMT " is a part of the text", r->sid,
                     STR_ARG(str_first(rest, n)));
            return;
        }
    }
}

/* Services of Snort that have no parser and no pattern here: rules go by their ports. */
static const char *const services[] = {
    "netbios-ns", "nntp",        "wins",     "mdns",    "syslog", "rtsp",       "rlogin",
    "rexec",      "rsh",         "finger",   "ident",   "whois",  "gopher",     "socks",
    "radius",     "tacacs",      "bgp",      "rip",     "hsrp",   "afp",        "lpd",
    "ipp",        "nfs",         "mount",    "portmap", "db2",    "oracle",     "drda",
    "java_rmi",   "vmware-auth", "teamview", "tns",     "cip",    "s7commplus", "iec104",
    "mms",        "opcua",       "bacnet",   "gtp",     "h323",   "skinny",     "mgcp",
    "slp",        "snmptrap",    "ssdp",     "wsus",    "file",   "user",       "nntps",
    "imaps",      "pop3s",       "smtps",    "ldaps",   "ircs",
};

static bool service_known(struct str name)
{
    for (unsigned i = 0; i < ARRAY_LEN(services); i++)
        if (str_ieq(name, str_cstr(services[i])))
            return true;
    return service_find(name) > 0;
}

static int service_note(struct rule_set *s, const struct rule *r, struct str name,
                        struct strtab *told)
{
    uint32_t before = told->n;
    if (service_known(name))
        return 0;
    if (strtab_add(told, name, false) < 0)
        return -ENOMEM;
    if (told->n == before)
        return 0;
    struct name_search near = {.name = name};
    for (unsigned i = 1; i < APP_COUNT; i++)
        if (app_name(i))
            name_offer(&near, app_name(i));
    for (unsigned i = 0; i < ARRAY_LEN(services); i++)
        name_offer(&near, services[i]);
    struct str hint =
        near.best ? arena_printf(&s->arena, "did you mean %s?", near.best) : (struct str){0};
    diag_add(&s->diags, DIAG_WARNING, r->file, r->line, 1, (const char *)hint.p,
             "sid %u: service '" STR_FMT "' is not known: it names no application", r->sid,
             STR_ARG(str_first(name, 60)));
    return 0;
}

static int services_note(struct rule_set *s, const struct rule *r, struct strtab *told)
{
    int rc = 0;
    for (uint32_t i = 0; i < r->n_metadata && r->dialect != DIALECT_SURICATA && !rc; i++)
        if (str_eq(rule_meta_key(&r->metadata[i]), STR("service")))
            rc = service_note(s, r, rule_meta_value(&r->metadata[i]), told);
    return rc;
}

int rules_notes(struct rule_set *s)
{
    struct strtab told;
    int rc = 0;
    strtab_init(&told, &s->arena);
    for (uint32_t i = 0; i < s->n_rules && !rc; i++) {
        reset_note(s, s->rules[i]);
        fast_note(s, s->rules[i]);
        msg_note(s, s->rules[i]);
        rc = services_note(s, s->rules[i], &told);
    }
    return rc;
}
