/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blacklist in the host's packet filter (blacklist.nftables): a table of our own, with sets
 * whose elements end by themselves.  Below a wire (family bridge) it holds while no engine runs and
 * the kernel forwards; for the host's own and routed traffic (family inet) always.
 *
 * `nft -f` in a process of its own, one at a time, that nobody waits for; each change is one
 * transaction.
 */
#include "sensor/supervisor.h"
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_NS (NS_PER_SEC / 2)

struct nft {
    char table[80];
    pid_t pid; /* of the nft at work; 0: none */
    uint64_t next_ns, began_ns;
    uint64_t seen_ns; /* entries that began before it are there */
    struct blacklist_counters told;
    bool made;        /* the table is there */
    bool net[2][129]; /* lengths of networks that it has sets for */
    bool said;        /* that it does not work */
};

static const char *const families[] = {"inet", "bridge"};
enum { FAMILIES = 2 };

static bool has_family(const struct supervisor *s, unsigned family)
{
    return family == 0 || (s->plan.in_wire && !s->plan.queue);
}

static const char *mask_text(bool six, unsigned bits, char out[IP_TEXT])
{
    struct ip_addr m = {.b = {0}};
    unsigned from = six ? 0 : 96;
    for (unsigned i = from; i < from + bits; i++)
        m.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return ip_format_short(&m, six ? 6 : 4, out);
}

/* Sets by kind and version, and the rules that ask them. */
static void put_table(const struct nft *n, const char *family, struct sbuf *b)
{
    static const char *const sets[][2] = {
        {"src4", "type ipv4_addr; flags timeout"},
        {"src6", "type ipv6_addr; flags timeout"},
        {"dst4", "type ipv4_addr; flags timeout"},
        {"dst6", "type ipv6_addr; flags timeout"},
        {"port4", "type ipv4_addr . inet_proto . inet_service; flags timeout"},
        {"port6", "type ipv6_addr . inet_proto . inet_service; flags timeout"},
        {"pair4", "type ipv4_addr . ipv4_addr; flags timeout"},
        {"pair6", "type ipv6_addr . ipv6_addr; flags timeout"},
    };
    static const char *const rules[] = {
        "ip saddr @src4",
        "ip daddr @dst4",
        "ip saddr . ip daddr @pair4",
        "meta l4proto { tcp, udp, sctp } ip saddr . meta l4proto . th sport @port4",
        "ip6 saddr @src6",
        "ip6 daddr @dst6",
        "ip6 saddr . ip6 daddr @pair6",
        "meta l4proto { tcp, udp, sctp } ip6 saddr . meta l4proto . th sport @port6",
    };
    char mask[IP_TEXT];
    sbuf_printf(b, "add table %s %s\ndelete table %s %s\ntable %s %s {\n", family, n->table, family,
                n->table, family, n->table);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        sbuf_printf(b, "set %s { %s; }\n", sets[i][0], sets[i][1]);
    /* A set of intervals refuses networks that lie in each other: one of plain addresses for each
     * length. */
    for (unsigned v = 0; v < 2; v++)
        for (unsigned bits = 0; bits <= 128; bits++)
            if (n->net[v][bits])
                sbuf_printf(b, "set net%u_%u { type ipv%u_addr; flags timeout; }\n", v ? 6 : 4,
                            bits, v ? 6 : 4);
    sbuf_cstr(b, "chain shut { type filter hook prerouting priority -310; policy accept;\n");
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        sbuf_printf(b, "%s counter drop\n", rules[i]);
    for (unsigned v = 0; v < 2; v++)
        for (unsigned bits = 0; bits <= 128; bits++)
            if (n->net[v][bits])
                sbuf_printf(b, "%s saddr and %s @net%u_%u counter drop\n", v ? "ip6" : "ip",
                            mask_text(v, bits, mask), v ? 6 : 4, bits);
    sbuf_cstr(b, "}\n}\n");
}

/* ------------------------------------------------------------------ entries */

struct telling {
    const struct supervisor *s;
    const struct nft *n;
    struct sbuf *out;
    uint64_t now, since; /* entries that began before `since` are known */
};

static void put_key(struct sbuf *b, const struct block_key *k)
{
    char a[IP_TEXT], z[IP_TEXT];
    (void)ip_format_short(&k->a, k->ver, a);
    switch (k->kind) {
    case BLOCK_SRC_PORT:
        sbuf_printf(b, "%s . %u . %u", a, k->proto, k->port);
        break;
    case BLOCK_PAIR:
        sbuf_printf(b, "%s . %s", a, ip_format_short(&k->b, k->ver, z));
        break;
    default:
        sbuf_cstr(b, a);
    }
}

static void put_entry(void *ctx, const struct block_entry *e)
{
    static const char *const set[BLOCK_KIND_COUNT] = {[BLOCK_SRC] = "src",
                                                      [BLOCK_DST] = "dst",
                                                      [BLOCK_NET] = "net",
                                                      [BLOCK_SRC_PORT] = "port",
                                                      [BLOCK_PAIR] = "pair"};
    const struct telling *t = ctx;
    uint64_t ms = e->until_ns == UINT64_MAX ? 0 : (e->until_ns - t->now) / NS_PER_MS + 1;
    if (e->since_ns < t->since || e->key.kind >= BLOCK_KIND_COUNT || !set[e->key.kind])
        return;
    for (unsigned f = 0; f < FAMILIES; f++) {
        if (!has_family(t->s, f))
            continue;
        sbuf_printf(t->out, "add element %s %s %s%u", families[f], t->n->table, set[e->key.kind],
                    e->key.ver);
        if (e->key.kind == BLOCK_NET)
            sbuf_printf(t->out, "_%u", e->key.prefix);
        sbuf_cstr(t->out, " { ");
        put_key(t->out, &e->key);
        if (ms)
            sbuf_printf(t->out, " timeout %llums", (unsigned long long)ms);
        sbuf_cstr(t->out, " }\n");
    }
}

/* True: a length that has no set yet. */
struct lengths {
    struct nft *n;
    bool fresh;
};
static void note_length(void *ctx, const struct block_entry *e)
{
    struct lengths *l = ctx;
    if (e->key.kind != BLOCK_NET || e->key.prefix > 128)
        return;
    bool *has = &l->n->net[e->key.ver == 6][e->key.prefix];
    l->fresh |= !*has;
    *has = true;
}

/* ------------------------------------------------------------------ nft */

static int text_fd(const struct sbuf *b)
{
    int fd = memfd_create("riposte-nft", MFD_CLOEXEC);
    size_t at = 0;
    while (fd >= 0 && at < b->n) {
        ssize_t k = write(fd, b->p + at, b->n - at);
        if (k <= 0) {
            close(fd);
            return -EIO;
        }
        at += (size_t)k;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd < 0 ? -errno : fd;
}

static pid_t run(const struct sbuf *text)
{
    int fd = text->failed ? -ENOMEM : text_fd(text);
    if (fd < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char name[] = "nft", f[] = "-f", dash[] = "-",
             path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
        char *argv[] = {name, f, dash, NULL}, *env[] = {path, NULL};
        sigset_t none;
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)dup2(fd, STDIN_FILENO);
        (void)setenv("PATH", path + 5, 1);
        (void)execvpe(name, argv, env);
        _exit(127);
    }
    close(fd);
    return pid;
}

static void failed(struct nft *n, int status)
{
    bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    if (!n->said)
        log_at(LOG_AT_WARNING, "blacklist",
               "the host's packet filter does not take the blacklist: %s; it is tried again",
               missing ? "there is no nft (install nftables, or blacklist.nftables: no)"
                       : "nft has said why above");
    n->said = true;
    n->made = false;
    n->next_ns = sup_now() + 10 * NS_PER_SEC;
}

static bool busy(struct nft *n)
{
    int status = 0;
    if (n->pid <= 0)
        return false;
    pid_t got = waitpid(n->pid, &status, WNOHANG);
    if (!got)
        return true;
    n->pid = 0;
    if (got < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        failed(n, status);
    else
        n->said = false;
    uint64_t now = sup_now(); /* a long list takes nft seconds: a tenth of the time is its */
    n->next_ns = u64_max(n->next_ns, now + 10 * (now - n->began_ns));
    return false;
}

void nft_tick(struct supervisor *s)
{
    struct blacklist_counters c;
    struct nft *n = s->nft;
    if (!n || busy(n) || sup_now() < n->next_ns)
        return;
    blacklist_counters(s->list, &c);
    bool taken_out = c.removed != n->told.removed || c.extended != n->told.extended,
         came = c.added != n->told.added;
    if (n->made && !taken_out && !came)
        return;
    struct sbuf b;
    struct telling t = {.s = s, .n = n, .out = &b, .now = clock_wall_ns()};
    sbuf_init(&b);
    struct lengths l = {.n = n};
    blacklist_each(s->list, t.now, note_length, &l);
    if (n->made && !taken_out &&
        !l.fresh) /* what began a little before is told twice: that changes nothing */
        t.since = n->seen_ns > NS_PER_SEC ? n->seen_ns - NS_PER_SEC : 0;
    for (unsigned f = 0; f < FAMILIES && !t.since; f++)
        if (has_family(s, f))
            put_table(n, families[f], &b);
    blacklist_each(s->list, t.now, put_entry, &t);
    n->pid = run(&b);
    sbuf_done(&b);
    n->began_ns = sup_now();
    n->next_ns = n->began_ns + PAUSE_NS;
    n->told = c;
    n->seen_ns = t.now;
    n->made = n->pid > 0;
}

int nft_prepare(struct supervisor *s)
{
    if (!conf_bool(s->conf, "blacklist.nftables"))
        return 0;
    struct nft *n = s->nft = calloc(1, sizeof(*n));
    if (!n)
        return -ENOMEM;
    int at = snprintf(n->table, sizeof(n->table), "riposte_%.60s", conf_str(s->conf, "vips.name"));
    for (char *c = n->table; at > 0 && *c; c++) /* nft's words */
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    log_at(LOG_AT_NOTICE, "blacklist", "it is pushed to the host's packet filter, table %s",
           n->table);
    return 0;
}

/* Nobody would take entries out any more but their time. */
void nft_end(struct supervisor *s)
{
    struct nft *n = s->nft;
    if (!n)
        return;
    if (n->pid > 0)
        (void)waitpid(n->pid, NULL, 0);
    struct sbuf b;
    sbuf_init(&b);
    for (unsigned f = 0; f < FAMILIES; f++)
        if (has_family(s, f))
            sbuf_printf(&b, "add table %s %s\ndelete table %s %s\n", families[f], n->table,
                        families[f], n->table);
    pid_t pid = run(&b);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    sbuf_done(&b);
    free(n);
    s->nft = NULL;
}
