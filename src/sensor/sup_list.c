/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blacklist's owner: it makes the block of memory that every engine maps, so that what is blocked outlives them;
 * knows what must never be blocked; and takes `ctl blacklist`.
 */
#include "sensor/supervisor.h"
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHOWN = 100, LINE = 256 };

/* ------------------------------------------------------------------ what is never blocked */

struct never {
    struct ip_prefix p[BLACKLIST_NEVER];
    size_t n, lost;
};

static void never_add(struct never *x, uint8_t ver, const struct ip_addr *a, uint8_t bits)
{
    for (size_t k = 0; k < x->n; k++)
        if (x->p[k].ver == ver && x->p[k].bits == bits && ip_eq(&x->p[k].addr, a))
            return;
    if (x->n == BLACKLIST_NEVER)
        x->lost++;
    else
        x->p[x->n++] = (struct ip_prefix){.addr = *a, .ver = ver, .bits = bits};
}

static void never_text(struct never *x, struct str s)
{
    struct ip_addr a;
    uint8_t ver;
    if (ip_parse(s, &a, &ver))
        never_add(x, ver, &a, ver == 6 ? 128 : 32);
}

static void own_addresses(struct never *x)
{
    struct ifaddrs *all;
    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct ip_addr a;
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
            a = ip_from_v4(&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr);
            never_add(x, 4, &a, 32);
        } else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6) {
            a = ip_from_v6(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr);
            never_add(x, 6, &a, 128);
        }
    }
    freeifaddrs(all);
}

static bool hex_bytes(const char *s, uint8_t *out, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        unsigned v;
        if (sscanf(s + 2 * k, "%2x", &v) != 1)
            return false;
        out[k] = (uint8_t)v;
    }
    return true;
}

/* Third and second column of what the kernel shows of its routes: the gateways. */
static void gateways(struct never *x)
{
    char line[LINE], gate[33];
    uint8_t b[16];
    FILE *f = fopen("/proc/net/route", "re");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long g;
        if (sscanf(line, "%*s %*s %8lx", &g) == 1 && g) {
            uint32_t four = (uint32_t)g; /* as it lies in memory */
            struct ip_addr a = ip_from_v4(&four);
            never_add(x, 4, &a, 32);
        }
    }
    if (f)
        fclose(f);
    f = fopen("/proc/net/ipv6_route", "re");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "%*s %*s %*s %*s %32s", gate) == 1 && strlen(gate) == 32 && strspn(gate, "0") != 32 &&
            hex_bytes(gate, b, sizeof(b))) {
            struct ip_addr a = ip_from_v6(b);
            never_add(x, 6, &a, 128);
        }
    if (f)
        fclose(f);
}

static void resolvers(struct never *x)
{
    char line[LINE], word[64];
    FILE *f = fopen("/etc/resolv.conf", "re");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, " nameserver %63s", word) == 1) {
            word[strcspn(word, "%")] = 0; /* a zone */
            never_text(x, str_cstr(word));
        }
    if (f)
        fclose(f);
}

void lists_never(struct supervisor *s)
{
    if (!s->list)
        return;
    struct never *x = calloc(1, sizeof(*x));
    const struct conf_node *list = conf_node(s->conf, "blacklist.never");
    if (!x)
        return;
    for (const struct conf_node *k = list ? list->child : NULL; k; k = k->next) {
        struct ip_prefix p;
        if (k->value && ip_prefix_parse(str_cstr(k->value), &p))
            never_add(x, p.ver, &p.addr, p.bits);
    }
    if (conf_bool(s->conf, "blacklist.never-own")) {
        own_addresses(x);
        gateways(x);
        resolvers(x);
    }
    if (x->lost)
        log_at(LOG_AT_WARNING, "blacklist", "the never-block list holds %d networks, %zu more were left out: write fewer, larger ones into blacklist.never",
               BLACKLIST_NEVER, x->lost);
    (void)blacklist_never(s->list, x->p, x->n);
    free(x);
}

/* ------------------------------------------------------------------ the block */

int lists_prepare(struct supervisor *s)
{
    struct blacklist_config c = {.entries = (uint32_t)conf_int(s->conf, "blacklist.entries"),
                                 .per_minute = (uint32_t)conf_int(s->conf, "blacklist.per-minute")};
    int rc = random_bytes(&c.seed, sizeof(c.seed));
    s->list_bytes = blacklist_bytes(&c);
    s->list_fd = rc ? -1 : memory_shared("riposte-blacklist", s->list_bytes);
    if (rc || s->list_fd < 0)
        return rc ? rc : s->list_fd;
    void *m = mmap(NULL, s->list_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->list_fd, 0);
    if (m == MAP_FAILED)
        return -errno;
    blacklist_lay(m, &c);
    s->list_block = m;
    rc = blacklist_attach(m, s->list_bytes, &s->list);
    if (!rc)
        lists_never(s);
    return rc;
}

int lists_send(struct supervisor *s, int channel)
{
    struct msg_block b = {.bytes = s->list_bytes};
    return msg_send(channel, MSG_BLACKLIST, &b, sizeof(b), &s->list_fd, 1);
}

void lists_engine_gone(struct supervisor *s)
{
    if (s->list)
        blacklist_break_locks(s->list);
}

void lists_end(struct supervisor *s)
{
    blacklist_detach(s->list);
    if (s->list_block)
        munmap(s->list_block, s->list_bytes);
    if (s->list_fd >= 0)
        close(s->list_fd);
    s->list = NULL;
    s->list_block = NULL;
    s->list_fd = -1;
}

/* ------------------------------------------------------------------ ctl blacklist */

struct listing {
    struct json *j;
    struct sbuf line;
    uint64_t n, most;
};

static void list_one(void *ctx, const struct block_entry *e)
{
    struct listing *l = ctx;
    if (l->n++ >= l->most)
        return;
    sbuf_clear(&l->line);
    block_entry_print(&l->line, e);
    json_open(l->j, NULL);
    json_str(l->j, "entry", sbuf_view(&l->line));
    json_u64(l->j, "hits", e->hits);
    json_close(l->j);
}

static void show(struct supervisor *s, struct json *j, uint64_t most)
{
    struct listing l = {.j = j, .most = most};
    struct blacklist_counters n;
    sbuf_init(&l.line);
    json_array(j, "entries");
    blacklist_each(s->list, clock_wall_ns(), list_one, &l);
    json_array_end(j);
    sbuf_done(&l.line);
    blacklist_counters(s->list, &n);
    json_open(j, "blacklist");
#define PUT(name) json_u64(j, #name, n.name);
    BLACKLIST_COUNTERS(PUT)
#undef PUT
    json_close(j);
}

static bool one_add(struct supervisor *s, struct control_client *c, struct str line, char *why, size_t room)
{
    struct block_entry e;
    const char *bad;
    uint64_t now = clock_wall_ns();
    if (!block_entry_parse(line, now, &e, &bad)) {
        snprintf(why, room, "\"" STR_FMT "\": %s", STR_ARG(str_first(line, 120)), bad);
        return false;
    }
    if (!e.author[0])
        snprintf(e.author, sizeof(e.author), "ctl");
    enum block_added r = blacklist_add(s->list, &e, false, now);
    control_audit(c, "blacklist add", line, block_added_word(r));
    snprintf(why, room, "\"" STR_FMT "\": %s", STR_ARG(str_first(line, 120)), block_added_word(r));
    return r == BLOCK_ADDED || r == BLOCK_EXTENDED;
}

static bool one_del(struct supervisor *s, struct control_client *c, struct str line, char *why, size_t room)
{
    struct block_entry e;
    const char *bad;
    if (!block_entry_parse(line, 1, &e, &bad)) {
        snprintf(why, room, "\"" STR_FMT "\": %s", STR_ARG(str_first(line, 120)), bad);
        return false;
    }
    bool there = blacklist_del(s->list, &e.key);
    snprintf(why, room, "\"" STR_FMT "\": %s", STR_ARG(str_first(line, 120)), there ? "removed" : "it is not there");
    control_audit(c, "blacklist del", line, there ? "removed" : "it is not there");
    return there;
}

/* Entries are divided by ';' (import sends many at once). */
static void change(struct supervisor *s, struct control_client *c, struct json *j, struct str lines,
                   bool (*one)(struct supervisor *, struct control_client *, struct str, char *, size_t))
{
    uint64_t done = 0, refused = 0;
    char why[320];
    json_array(j, "results");
    while (lines.n) {
        struct str line = str_trim(str_split(lines, ';', &lines));
        if (!line.n)
            continue;
        bool ok = one(s, c, line, why, sizeof(why));
        done += ok;
        refused += !ok;
        json_cstr(j, NULL, why);
    }
    json_array_end(j);
    json_u64(j, "done", done);
    json_u64(j, "refused", refused);
}

bool lists_command(struct supervisor *s, struct control_client *c, struct json *j, const char **why)
{
    struct str rest, words = str_trim(str_cstr(c->words)), verb = str_split(words, ' ', &rest);
    uint64_t most = SHOWN;
    rest = str_trim(rest);
    *why = "blacklist list [N] | add ENTRY | del ENTRY | clear [AUTHOR] | export; an entry: src 203.0.113.9 for 10m";
    if (!s->list) {
        *why = "there is no blacklist";
        return false;
    }
    if (!verb.n || (str_eq(verb, STR("list")) && (!rest.n || str_u64(rest, &most)))) {
        show(s, j, most);
    } else if (str_eq(verb, STR("export")) && !rest.n) {
        show(s, j, UINT64_MAX);
    } else if (str_eq(verb, STR("add")) && rest.n) {
        change(s, c, j, rest, one_add);
    } else if (str_eq(verb, STR("del")) && rest.n) {
        change(s, c, j, rest, one_del);
    } else if (str_eq(verb, STR("clear")) && rest.n < BLOCK_AUTHOR) {
        char author[BLOCK_AUTHOR] = {0};
        if (rest.n)
            memcpy(author, rest.p, rest.n);
        uint64_t gone = blacklist_clear(s->list, rest.n ? author : NULL);
        char result[40];
        snprintf(result, sizeof(result), "%llu removed", (unsigned long long)gone);
        json_u64(j, "done", gone);
        control_audit(c, "blacklist clear", rest, result);
    } else {
        return false;
    }
    return true;
}
