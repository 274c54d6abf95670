/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/about.h"

#include "app/app.h"
#include "config/config.h"
#include "detect/detect.h"
#include "rules/rules.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

bool about_asked(const struct about_args *a)
{
    return a->keywords || a->version || a->build || a->protocols || a->runmodes || a->config;
}

static int build_info(void)
{
    printf("riposte " RIPOSTE_VERSION "\n"
           "compiler: " __VERSION__ "\n"
           "capture: AF_PACKET (TPACKET_V2, V3), libpcap (%s), pcap and pcapng files\n"
           "responses: link layer, raw IP\n"
           "patterns: libhs %s; regular expressions: PCRE2 with JIT\n"
           "outputs: eve-log, fast, full, csv, console, syslog, unified2, pcap-log, stats\n",
           pcap_lib_version(), pattern_library());
    return 0;
}

static void dialects_print(uint8_t bits, const char *sep)
{
    static const enum rule_dialect each[] = {DIALECT_SNORT2, DIALECT_SNORT3, DIALECT_SURICATA};
    bool first = true;
    for (size_t i = 0; i < ARRAY_LEN(each); i++)
        if (bits & each[i]) {
            printf("%s%s", first ? "" : sep, rule_dialect_name(each[i]));
            first = false;
        }
}

static int keywords(const char *what)
{
    struct keyword_info k;
    bool csv = !strcmp(what, "csv"), all = csv || !*what || !strcmp(what, "all");
    unsigned found = 0;
    if (csv)
        printf("name;argument;dialects;description\n");
    for (size_t i = 0; rules_keyword_at(i, &k); i++) {
        if (!all && strcmp(k.name, what) != 0)
            continue;
        found++;
        const char *arg = k.arg ? k.arg : "", *help = k.help ? k.help : "";
        printf(csv ? "%s;%s;" : "%-28s %-24s ", k.name, arg); /* two formats, both of ours */
        dialects_print(k.dialects, ",");
        printf(csv ? ";%s\n" : "  %s\n", help);
    }
    if (!found)
        fprintf(stderr, "there is no keyword %s\n", what);
    return found ? 0 : 1;
}

static int protocols(void)
{
    for (unsigned i = 1; i < APP_COUNT; i++)
        if (app_name(i) && strcmp(app_name(i), "failed") != 0)
            printf("%s\n", app_name(i));
    return 0;
}

static void one_setting(void *ctx, const struct setting *s, const char *value, const char *source)
{
    (void)ctx;
    (void)source;
    if (value)
        printf("%s = %s\n", s->path, value);
}

int about_print(const struct about_args *a, const struct conf *c)
{
    if (a->version)
        printf("riposte " RIPOSTE_VERSION "\n");
    else if (a->build)
        return build_info();
    else if (a->keywords)
        return keywords(a->keywords);
    else if (a->protocols)
        return protocols();
    else if (a->runmodes)
        printf("single    one worker\nworkers   one worker a core; --workers N\n"
               "autofp    taken as workers\n");
    else if (c)
        conf_each(c, one_setting, NULL);
    return 0;
}
