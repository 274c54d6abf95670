/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte selftest: does the response port kill? */
#include "cli/cli.h"
#include "cli/options.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "sensor/sensor.h"

#include <stdio.h>

struct selftest_args {
    const char *response, *to, *address;
    struct texts mirror;
    uint64_t wait_s;
    bool json, help;
};
#define AT(member) offsetof(struct selftest_args, member)
static const struct opt rows[] = {
    {"", "response", "IF", OPT_TEXT, AT(response), "the response port"},
    {"i", "interface", "IF", OPT_LIST, AT(mirror),
     "a mirror port: is the connection seen there? (again for more)"},
    {"", "to", "ADDRESS:PORT", OPT_TEXT, AT(to),
     "a TCP server behind the switch (default: one that the mirror shows)"},
    {"", "address", "ADDRESS/LEN", OPT_TEXT, AT(address),
     "connect as a guest on the response port, with this free address"},
    {"", "wait", "SECONDS", OPT_NUMBER, AT(wait_s),
     "for a server to show up on the mirror (default: 10)"},
    {"j", "json", NULL, OPT_FLAG, AT(json), "one JSON object"},
    {"h", "help", NULL, OPT_FLAG, AT(help), "this text"},
};
static const char usage[] =
    "usage: riposte selftest --response IF [-i IF] [--to ADDRESS:PORT] [--address ADDRESS/LEN]\n\n"
    "Opens a TCP connection of its own across the switch, resets it through the response port, "
    "and\n"
    "says whether it died, or which step failed.  Without --address this host must reach the "
    "server.";

const struct opt *selftest_options_table(size_t *n, const char **text)
{
    *n = ARRAY_LEN(rows);
    *text = usage;
    return rows;
}

struct show {
    struct sbuf text;
    struct json j;
    bool json;
};

static void step(void *ctx, const char *name, bool ok, const char *text)
{
    struct show *s = ctx;
    if (!s->json) {
        printf("%-6s %-20s %s\n", ok ? "ok" : "FAILED", name, text);
        fflush(stdout);
        return;
    }
    json_open(&s->j, NULL);
    json_cstr(&s->j, "step", name);
    json_bool(&s->j, "ok", ok);
    json_cstr(&s->j, "text", text);
    json_close(&s->j);
}

static int run(const struct selftest_args *a)
{
    struct show s = {.json = a->json};
    struct selftest_options o = {.response = a->response,
                                 .mirror = a->mirror.v,
                                 .n_mirror = a->mirror.n,
                                 .to = a->to,
                                 .address = a->address,
                                 .wait_s = (unsigned)a->wait_s,
                                 .step = step,
                                 .ctx = &s};
    sbuf_init(&s.text);
    json_init(&s.j, &s.text);
    json_open(&s.j, NULL);
    json_array(&s.j, "steps");
    int rc = sensor_selftest(&o);
    json_array_end(&s.j);
    json_bool(&s.j, "ok", rc == 0);
    json_close(&s.j);
    if (s.json)
        printf("%.*s\n", (int)s.text.n, (const char *)s.text.p);
    sbuf_done(&s.text);
    return rc ? 1 : 0;
}

int cmd_selftest(int argc, char **argv)
{
    struct selftest_args a = {0};
    struct texts rest = {.n = 0};
    if (options_parse("selftest", rows, ARRAY_LEN(rows), &a, argc, argv, &rest))
        return 2;
    if (a.help || !a.response || rest.n || a.wait_s > 3600) {
        options_help(usage, rows, ARRAY_LEN(rows));
        return a.help ? 0 : 2;
    }
    return run(&a);
}
