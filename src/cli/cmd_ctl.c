/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte ctl: asks a running sensor. */
#include "cli/cli.h"
#include "cli/ctl_print.h"
#include "cli/ctl_top.h"
#include "cli/options.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctl_args {
    const char *socket, *proto, *src, *dst, *sport, *dport, *host, *port, *state, *limit;
    bool json, all, help;
};
#define AT(member) offsetof(struct ctl_args, member)
static const struct opt rows[] = {
    {"s", "socket", "NAME|PATH", OPT_TEXT, AT(socket),
     "virtual IPS, or control socket, or all (default: the only one in /run/riposte)"},
    {"j", "json", NULL, OPT_FLAG, AT(json), "print the answer as it comes"},
    {"a", "all", NULL, OPT_FLAG, AT(all), "losses: also what is zero"},
    {"h", "help", NULL, OPT_FLAG, AT(help), "this text"},
    {"", NULL, NULL, OPT_HEAD, 0, "flows takes words (host 10.0.0.1 port 80 tcp limit 20), or:"},
    {"p", "proto", "PROTO", OPT_TEXT, AT(proto), "tcp, udp, icmp or a number"},
    {"", "host", "ADDRESS[/LEN]", OPT_TEXT, AT(host), "either end"},
    {"", "src", "ADDRESS[/LEN]", OPT_TEXT, AT(src), "the client"},
    {"", "dst", "ADDRESS[/LEN]", OPT_TEXT, AT(dst), "the server"},
    {"", "port", "N", OPT_TEXT, AT(port), "either end's"},
    {"", "sport", "N", OPT_TEXT, AT(sport), "the client's"},
    {"", "dport", "N", OPT_TEXT, AT(dport), "the server's"},
    {"", "state", "STATE", OPT_TEXT, AT(state), "new, established, closed; or TCP's: syn_sent ..."},
    {"n", "limit", "N", OPT_TEXT, AT(limit), "how many (default: 100, most: 1000)"},
};
static const char usage[] =
    "usage: riposte ctl [options] COMMAND\n\n"
    "  status     processes, interfaces, policy\n"
    "  stats      counters of capture, engine and logger\n"
    "  losses     everything that was lost, with stage and reason\n"
    "  flows      flows, newest packet first; also: app http, vlan 5, id N, alerted, answered\n"
    "  responses  what was answered, by rule: injected, failed, damped, died, lived, leaked ...\n"
    "  costs      what rules cost, the dearest first (riposte rules top)\n"
    "  top        a live table of all virtual IPSs (-n 1: once)\n"
    "  blacklist  list [N] | add ENTRY | del ENTRY | clear [AUTHOR] | export | import FILE (doc/blacklist.md);\n"
    "             an entry: src 203.0.113.9 for 10m\n"
    "  rules      what is loaded, and what was refused and why\n"
    "  reload     read configuration and rules anew; waits, and says what changed\n"
    "  reopen     open log files anew, after they were moved away\n"
    "  shutdown   end; one of several virtual IPSs: this one alone\n"
    "  version    of the program that runs\n";

const struct opt *ctl_options(size_t *n, const char **text)
{
    *n = ARRAY_LEN(rows);
    *text = usage;
    return rows;
}

static int ask_one(const struct ctl_args *a, const struct texts *words)
{
    char path[PATH_MAX], line[SENSOR_CONTROL_MAX];
    struct arena mem;
    struct diags d;
    struct sbuf answer;
    size_t at = 0;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    sbuf_init(&answer);
    for (unsigned i = 0; i < words->n && at < sizeof(line); i++)
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%s", i ? " " : "", words->v[i]);
    const struct {
        const char *key, *value;
    } filter[] = {{"proto", a->proto}, {"host", a->host},   {"src", a->src},
                  {"dst", a->dst},     {"port", a->port},   {"sport", a->sport},
                  {"dport", a->dport}, {"state", a->state}, {"limit", a->limit}};
    for (size_t i = 0; i < ARRAY_LEN(filter) && at < sizeof(line); i++)
        if (filter[i].value)
            at += (size_t)snprintf(line + at, sizeof(line) - at, " %s=%s", filter[i].key,
                                   filter[i].value);
    int rc = at < sizeof(line) ? sensor_control_path(a->socket, path, sizeof(path), &d) : -E2BIG;
    if (!rc)
        rc = sensor_request(path, line, &answer, &d);
    for (const struct diag *x = d.first; x; x = x->next)
        log_at(LOG_AT_ERROR, "ctl", "%s%s%s%s%s%s", x->file ? x->file : "", x->file ? ": " : "",
               x->reason, x->hint ? " (" : "", x->hint ? x->hint : "", x->hint ? ")" : "");
    int status = rc || !ctl_print((const char *)answer.p, answer.n, a->json, a->all);
    sbuf_done(&answer);
    arena_done(&mem);
    return status;
}

/* -s all: each in turn, with its name above; as JSON a line each. */
static int ask(const struct ctl_args *a, const struct texts *words)
{
    if (!a->socket || strcmp(a->socket, "all") != 0)
        return ask_one(a, words);
    enum { MOST = 512 };
    char(*path)[4096] = calloc(MOST, sizeof(*path));
    unsigned n = path ? sensor_control_all(path, MOST) : 0;
    int status = !n;
    if (!n)
        log_at(LOG_AT_ERROR, "ctl", "no sensor answers in /run/riposte");
    for (unsigned i = 0; i < n; i++) {
        struct ctl_args one = *a;
        one.socket = path[i];
        const char *name = strrchr(path[i], '/') + 1;
        if (!a->json)
            printf("%s== %.*s\n", i ? "\n" : "", (int)(strlen(name) - strlen(".sock")), name);
        status |= ask_one(&one, words);
    }
    free(path);
    return status;
}

/* Entries of a file, one a line, many a request. '#' begins a remark. */
static int import(const struct ctl_args *a, const char *name)
{
    char line[512], many[SENSOR_CONTROL_MAX];
    int status = 0;
    unsigned no = 0;
    FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;
    if (!f) {
        log_at(LOG_AT_ERROR, "ctl", "%s: %s", name, strerror(errno));
        return 1;
    }
    many[0] = 0;
    for (bool more = true; more;) {
        more = fgets(line, sizeof(line), f) != NULL;
        if (more && !strchr(line, '\n') && !feof(f)) {
            log_at(LOG_AT_ERROR, "ctl", "%s:%u: longer than %zu bytes", name, no + 1, sizeof(line) - 2);
            status = 1;
            break;
        }
        no += more;
        line[more ? strcspn(line, "#\r\n") : 0] = 0;
        for (char *semi = line; (semi = strchr(semi, ';')) != NULL;)
            *semi = ' ';
        size_t had = strlen(many);
        if (had && (!more || had + strlen(line) + 24 > sizeof(many))) {
            struct texts words = {.n = 3, .v = {"blacklist", "add", many}};
            status |= ask(a, &words);
            had = 0;
        }
        snprintf(many + had, sizeof(many) - had, "%s%s", had && *line ? ";" : "", line);
    }
    if (f != stdin)
        fclose(f);
    return status;
}

int cmd_ctl(int argc, char **argv)
{
    struct ctl_args a = {0};
    struct texts words = {.n = 0};
    if (options_parse("ctl", rows, ARRAY_LEN(rows), &a, argc, argv, &words))
        return 2;
    if (a.help || !words.n) {
        options_help(usage, rows, ARRAY_LEN(rows));
        return a.help ? 0 : 2;
    }
    if (words.n >= 2 && !strcmp(words.v[0], "blacklist") && !strcmp(words.v[1], "export"))
        a.all = true; /* entries alone, as import reads them */
    if (words.n >= 2 && !strcmp(words.v[0], "blacklist") && !strcmp(words.v[1], "import")) {
        if (words.n == 3)
            return import(&a, words.v[2]);
        log_at(LOG_AT_ERROR, "ctl", "blacklist import FILE (- for the standard input)");
        return 2;
    }
    if (words.n == 1 && !strcmp(words.v[0], "top")) {
        uint64_t times = 0;
        if (a.limit && !str_u64(str_cstr(a.limit), &times)) {
            log_at(LOG_AT_ERROR, "ctl", "top: --limit takes a number: %s", a.limit);
            return 2;
        }
        return ctl_top(a.socket, (unsigned long)times);
    }
    return ask(&a, &words);
}
