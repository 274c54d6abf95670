/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classes of rules: the names, texts and priorities that public rule sets use, and files that
 * change them ("config classification: name,text,priority"); files of references are only checked.
 */
#include "rules/parse.h"

#include <errno.h>
#include <string.h>

/* X(name, text, priority) */
#define CLASSES(X)                                                                                 \
    X("not-suspicious", "Not Suspicious Traffic", 3)                                               \
    X("unknown", "Unknown Traffic", 3)                                                             \
    X("bad-unknown", "Potentially Bad Traffic", 2)                                                 \
    X("attempted-recon", "Attempted Information Leak", 2)                                          \
    X("successful-recon-limited", "Information Leak", 2)                                           \
    X("successful-recon-largescale", "Large Scale Information Leak", 2)                            \
    X("attempted-dos", "Attempted Denial of Service", 2)                                           \
    X("successful-dos", "Denial of Service", 2)                                                    \
    X("attempted-user", "Attempted User Privilege Gain", 1)                                        \
    X("unsuccessful-user", "Unsuccessful User Privilege Gain", 1)                                  \
    X("successful-user", "Successful User Privilege Gain", 1)                                      \
    X("attempted-admin", "Attempted Administrator Privilege Gain", 1)                              \
    X("successful-admin", "Successful Administrator Privilege Gain", 1)                            \
    X("rpc-portmap-decode", "Decode of an RPC Query", 2)                                           \
    X("shellcode-detect", "Executable code was detected", 1)                                       \
    X("string-detect", "A suspicious string was detected", 3)                                      \
    X("suspicious-filename-detect", "A suspicious filename was detected", 2)                       \
    X("suspicious-login", "An attempted login using a suspicious username was detected", 2)        \
    X("system-call-detect", "A system call was detected", 2)                                       \
    X("tcp-connection", "A TCP connection was detected", 4)                                        \
    X("trojan-activity", "A Network Trojan was detected", 1)                                       \
    X("unusual-client-port-connection", "A client was using an unusual port", 2)                   \
    X("network-scan", "Detection of a Network Scan", 3)                                            \
    X("denial-of-service", "Detection of a Denial of Service Attack", 2)                           \
    X("non-standard-protocol", "Detection of a non-standard protocol or event", 2)                 \
    X("protocol-command-decode", "Generic Protocol Command Decode", 3)                             \
    X("web-application-activity", "access to a potentially vulnerable web application", 2)         \
    X("web-application-attack", "Web Application Attack", 1)                                       \
    X("misc-activity", "Misc activity", 3)                                                         \
    X("misc-attack", "Misc Attack", 2)                                                             \
    X("icmp-event", "Generic ICMP event", 3)                                                       \
    X("inappropriate-content", "Inappropriate Content was Detected", 1)                            \
    X("policy-violation", "Potential Corporate Privacy Violation", 1)                              \
    X("default-login-attempt", "Attempt to login by a default username and password", 2)           \
    X("sdf", "Sensitive Data was Transmitted Across the Network", 2)                               \
    X("file-format", "Known malicious file or file based exploit", 1)                              \
    X("malware-cnc", "Known malware command and control traffic", 1)                               \
    X("client-side-exploit", "Known client side exploit attempt", 1)                               \
    X("targeted-activity", "Targeted Malicious Activity was Detected", 1)                          \
    X("exploit-kit", "Exploit Kit Activity Detected", 1)                                           \
    X("external-ip-check", "Device Retrieving External IP Address Detected", 2)                    \
    X("domain-c2", "Domain Observed Used for C2 Detected", 1)                                      \
    X("pup-activity", "Possibly Unwanted Program Detected", 2)                                     \
    X("credential-theft", "Successful Credential Theft Detected", 1)                               \
    X("social-engineering", "Possible Social Engineering Attempted", 2)                            \
    X("coin-mining", "Crypto Currency Mining Activity Detected", 2)                                \
    X("command-and-control", "Malware Command and Control Activity Detected", 1)

static int class_add(struct classes *c, struct str name, struct str text, uint32_t priority)
{
    int64_t id = strtab_add(&c->names, name, true);
    if (id < 0)
        return -ENOMEM;
    if ((uint32_t)id >= c->room) {
        uint32_t room = c->room ? c->room * 2 : 128;
        struct class_row *more = arena_alloc(c->names.arena, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        if (c->n)
            memcpy(more, c->rows, c->n * sizeof(*more));
        c->rows = more;
        c->room = room;
    }
    struct str own = arena_dup(c->names.arena, text.p, text.n);
    if (!own.p)
        return -ENOMEM;
    c->rows[id] = (struct class_row){c->names.s[id], own, priority};
    c->n = c->names.n;
    return 0;
}

int classes_init(struct classes *c, struct arena *a)
{
    static const struct {
        const char *name, *text;
        uint32_t priority;
    } rows[] = {
#define ROW(n, t, p) {n, t, p},
        CLASSES(ROW)
#undef ROW
    };
    *c = (struct classes){0};
    strtab_init(&c->names, a);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (class_add(c, str_cstr(rows[i].name), str_cstr(rows[i].text), rows[i].priority) < 0)
            return -ENOMEM;
    return 0;
}

/* Behind "config WORD:"; false: another line. */
static bool config_line(struct str line, const char *word, struct str *rest)
{
    struct str w = word_next(&line);
    if (!str_eq(w, STR("config")))
        return false;
    struct str after, name = str_split(line, ':', &after);
    *rest = str_trim(after);
    return str_eq(str_trim(name), str_cstr(word));
}

int classes_read_line(struct classes *c, struct str line, const char *file, uint32_t no,
                      struct diags *d)
{
    struct str v;
    if (!config_line(line, "classification", &v)) {
        diag_add(d, DIAG_ERROR, file, no, 1, "config classification: name,text,priority",
                 "the line is no classification");
        return -EINVAL;
    }
    struct str name = list_next(&v, ','), text = list_next(&v, ',');
    uint64_t priority;
    if (!name.n || !str_u64(str_trim(v), &priority) || priority > 255) {
        diag_add(d, DIAG_ERROR, file, no, 1, "config classification: name,text,priority",
                 "the classification is broken");
        return -EINVAL;
    }
    return class_add(c, name, text, (uint32_t)priority);
}

int references_read_line(struct str line, const char *file, uint32_t no, struct diags *d)
{
    struct str v;
    bool fine = config_line(line, "reference", &v);
    struct str system = fine ? word_next(&v) : (struct str){NULL, 0};
    if (fine && system.n)
        return 0;
    diag_add(d, DIAG_ERROR, file, no, 1, "config reference: system http://...",
             "the line is no reference system");
    return -EINVAL;
}

/* Calls one of the two for each line that is neither empty nor a comment. */
static int each_line(struct classes *c, struct str text, const char *file, struct diags *d)
{
    int rc = 0;
    for (uint32_t no = 1; text.n; no++) {
        struct str rest, line = str_trim(str_split(text, '\n', &rest));
        text = rest;
        if (!line.n || line.p[0] == '#')
            continue;
        int one =
            c ? classes_read_line(c, line, file, no, d) : references_read_line(line, file, no, d);
        if (one == -ENOMEM)
            return one;
        rc = one < 0 ? one : rc;
    }
    return rc;
}

int classes_read(struct classes *c, struct str text, const char *file, struct diags *d)
{
    return each_line(c, text, file, d);
}

int references_check(struct str text, const char *file, struct diags *d)
{
    return each_line(NULL, text, file, d);
}
