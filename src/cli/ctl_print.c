/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sensor's answer, for people.  In a file of its own: jansson and our JSON writer share names. */
#include "cli/ctl_print.h"
#include "cli/ctl_top.h"

#include "base/log.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void print_value(const char *key, const json_t *v, int depth);

static void print_members(const json_t *o, int depth)
{
    const char *key;
    json_t *v;
    /* jansson's loop wants a pointer that is not const; nothing is changed. */
    union {
        const json_t *c;
        json_t *p;
    } u = {.c = o};
    json_object_foreach(u.p, key, v) if (depth || strcmp(key, "ok") != 0)
        print_value(key, v, depth);
}

static void print_flat(const json_t *v)
{
    if (json_is_string(v))
        printf("%s", json_string_value(v));
    else if (json_is_integer(v))
        printf("%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        printf("%s", json_is_true(v) ? "yes" : "no");
    else
        printf("-");
}

/* One line an object: a=1 b=2. */
static void print_row(const json_t *o)
{
    union {
        const json_t *c;
        json_t *p;
    } u = {.c = o};
    const char *key;
    json_t *v;
    bool first = true;
    if (!json_is_object(o)) {
        print_flat(o);
        return;
    }
    json_object_foreach(u.p, key, v)
    {
        printf("%s%s=", first ? "" : "  ", key);
        print_flat(v);
        first = false;
    }
}

static void print_value(const char *key, const json_t *v, int depth)
{
    if (json_is_object(v)) {
        printf("%*s%s:\n", depth * 2, "", key);
        print_members(v, depth + 1);
        return;
    }
    if (json_is_array(v)) {
        printf("%*s%s: %zu\n", depth * 2, "", key, json_array_size(v));
        for (size_t i = 0; i < json_array_size(v); i++) {
            printf("%*s- ", depth * 2 + 2, "");
            print_row(json_array_get(v, i));
            printf("\n");
        }
        return;
    }
    printf("%*s%-20s ", depth * 2, "", key);
    print_flat(v);
    printf("\n");
}

static void print_losses(const json_t *list, bool all)
{
    size_t shown = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        json_int_t n = json_integer_value(json_object_get(x, "count"));
        if (!n && !all)
            continue;
        shown++;
        printf("%14lld %-12s %-10s %-18s %s\n", (long long)n,
               json_string_value(json_object_get(x, "unit")),
               json_string_value(json_object_get(x, "stage")),
               json_string_value(json_object_get(x, "reason")),
               json_string_value(json_object_get(x, "text")));
    }
    if (!shown)
        printf("nothing was lost\n");
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long number_of(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

/* In the manner of `conntrack -L`, EVE's words for what it does not know. */
static void print_flows(const json_t *j)
{
    const json_t *list = json_object_get(j, "flows");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);
        const char *state = text_of(f, "tcp_state"), *app = text_of(f, "app_proto");
        printf("%-5s %-12s src=%s dst=%s sport=%lld dport=%lld packets=%lld/%lld bytes=%lld/%lld "
               "age=%lld%s%s%s%s id=%lld\n",
               text_of(f, "proto"), *state ? state : text_of(f, "state"), text_of(f, "src_ip"),
               text_of(f, "dest_ip"), number_of(f, "src_port"), number_of(f, "dest_port"),
               number_of(f, "pkts_toserver"), number_of(f, "pkts_toclient"),
               number_of(f, "bytes_toserver"), number_of(f, "bytes_toclient"), number_of(f, "age"),
               *app ? " app=" : "", app,
               json_is_true(json_object_get(f, "alerted")) ? " alerted" : "",
               json_is_true(json_object_get(f, "answered")) ? " answered" : "",
               number_of(f, "flow_id"));
    }
    printf("%zu of %lld flows that fit; %lld active in all\n", json_array_size(list),
           number_of(j, "fitting"), number_of(j, "active"));
}

static void print_responses(const json_t *j)
{
    static const char *const column[] = {"requested",    "injected",       "failed",      "damped",
                                         "rate_limited", "challenge_acks", "died",        "lived",
                                         "unknown",      "leaked_packets", "leaked_bytes"};
    const json_t *list = json_object_get(j, "rules"), *sum = json_object_get(j, "total");
    printf("%-14s", "gid:sid");
    for (size_t k = 0; k < sizeof(column) / sizeof(*column); k++)
        printf(" %s", column[k]);
    printf("\n");
    for (size_t i = 0; i <= json_array_size(list); i++) {
        const json_t *r = i < json_array_size(list) ? json_array_get(list, i) : sum;
        char name[40] = "all";
        if (r != sum && number_of(r, "gid"))
            snprintf(name, sizeof(name), "%lld:%lld", number_of(r, "gid"), number_of(r, "sid"));
        else if (r != sum)
            snprintf(name, sizeof(name), "others");
        printf("%-14s", name);
        for (size_t k = 0; k < sizeof(column) / sizeof(*column); k++)
            printf(" %*lld", (int)strlen(column[k]), number_of(r, column[k]));
        printf("\n");
    }
    if (json_object_get(j, "note"))
        printf("%s\n", text_of(j, "note"));
}

static double real_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void print_costs(const json_t *j)
{
    const json_t *list = json_object_get(j, "rules");
    printf("%-16s %12s %10s %8s %10s %12s\n", "gid:sid", "checks", "matches", "share", "avg ns", "steps");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *r = json_array_get(list, i);
        char name[48];
        snprintf(name, sizeof(name), "%lld:%lld", number_of(r, "gid"), number_of(r, "sid"));
        printf("%-16s %12lld %10lld %7.2f%% %10.0f %12lld%s\n", name, number_of(r, "checks"), number_of(r, "matches"),
               100 * real_of(r, "share"), real_of(r, "avg_ns"), number_of(r, "steps"),
               json_is_true(json_object_get(r, "suspended")) ? "  suspended" : "");
    }
    printf("%lld rules were checked %lld times in %.3f ms, of one packet in %lld\n", number_of(j, "rules_checked"),
           number_of(j, "checks"), real_of(j, "ns") / 1e6, number_of(j, "sample"));
}

bool rules_top_print(const char *answer, size_t n, bool raw)
{
    json_t *j = raw ? NULL : json_loadb(answer, n, 0, NULL);
    if (!raw && (!j || !json_object_get(j, "rules_checked"))) {
        json_decref(j);
        return ctl_print(answer, n, false, false);
    }
    if (raw)
        fwrite(answer, 1, n, stdout);
    else
        print_costs(j);
    json_decref(j);
    return true;
}

/* As `ctl blacklist import` reads it; hits behind. */
static void print_blacklist(const json_t *j, bool bare)
{
    const json_t *list = json_object_get(j, "entries"), *sum = json_object_get(j, "blacklist");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        if (bare)
            printf("%s\n", text_of(e, "entry"));
        else
            printf("%s; %lld hits\n", text_of(e, "entry"), number_of(e, "hits"));
    }
    if (!bare)
        printf("%zu of %lld entries; added %lld, extended %lld, removed %lld, expired %lld; refused: never %lld, full %lld, rate %lld\n",
               json_array_size(list), number_of(sum, "entries"), number_of(sum, "added"), number_of(sum, "extended"), number_of(sum, "removed"),
               number_of(sum, "expired"), number_of(sum, "refused_never"), number_of(sum, "refused_full"), number_of(sum, "refused_rate"));
}

static bool print_changes(const json_t *j)
{
    const json_t *list = json_object_get(j, "results");
    for (size_t i = 0; i < json_array_size(list); i++)
        printf("%s\n", json_string_value(json_array_get(list, i)));
    return !number_of(j, "refused");
}

bool ctl_print(const char *answer, size_t n, bool raw, bool all)
{
    json_t *j = json_loadb(answer, n, 0, NULL);
    bool ok = json_is_true(json_object_get(j, "ok"));
    if (raw || !j) {
        fwrite(answer, 1, n, stdout);
        if (!j)
            log_at(LOG_AT_ERROR, "ctl", "that is no JSON");
    } else if (!ok) {
        const char *why = json_string_value(json_object_get(j, "error"));
        log_at(LOG_AT_ERROR, "ctl", "%s", why ? why : "refused");
        json_t *list = json_object_get(j, "commands");
        for (size_t i = 0; i < json_array_size(list); i++)
            fprintf(stderr, "  %-10s %s\n",
                    json_string_value(json_object_get(json_array_get(list, i), "name")),
                    json_string_value(json_object_get(json_array_get(list, i), "help")));
    } else if (json_object_get(j, "losses")) {
        print_losses(json_object_get(j, "losses"), all);
    } else if (json_object_get(j, "rules_checked")) {
        print_costs(j);
    } else if (json_object_get(j, "entries")) {
        print_blacklist(j, all);
    } else if (json_object_get(j, "results")) {
        ok = print_changes(j);
    } else if (json_object_get(j, "flows")) {
        print_flows(j);
    } else if (json_object_get(j, "total")) {
        print_responses(j);
    } else {
        print_members(j, 0);
    }
    json_decref(j);
    return ok;
}

static void copy_text(char *to, size_t room, const json_t *o, const char *key)
{
    const char *v = json_string_value(json_object_get(o, key));
    snprintf(to, room, "%s", v ? v : "?");
}

bool ctl_brief_parse(const char *text, size_t n, struct ctl_brief *r)
{
    static const struct {
        const char *key;
        size_t at;
    } numbers[] = {
        {"at_ms", offsetof(struct ctl_brief, at_ms)},       {"packets", offsetof(struct ctl_brief, packets)},
        {"bytes", offsetof(struct ctl_brief, bytes)},       {"kernel_drops", offsetof(struct ctl_brief, kernel_drops)},
        {"alerts", offsetof(struct ctl_brief, alerts)},     {"flows", offsetof(struct ctl_brief, flows)},
        {"cpu_ms", offsetof(struct ctl_brief, cpu_ms)},     {"rss_kb", offsetof(struct ctl_brief, rss_kb)},
        {"restarts", offsetof(struct ctl_brief, restarts)}, {"policy_version", offsetof(struct ctl_brief, policy_version)},
        {"rules", offsetof(struct ctl_brief, rules)},
    };
    json_t *o = json_loadb(text, n, 0, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return false;
    }
    copy_text(r->vips, sizeof(r->vips), o, "vips");
    copy_text(r->state, sizeof(r->state), o, "state");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        long long v = (long long)json_integer_value(json_object_get(o, numbers[i].key));
        memcpy((char *)r + numbers[i].at, &v, sizeof(v));
    }
    json_decref(o);
    return true;
}
