/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues of the packet filter (doc/nfqueue.md): their sockets, and the rules that feed them.
 *
 * The rules stand in chains of our own in the table `mangle`, so that the administrator's `filter`
 * still sees what we let on.  They are set and removed by iptables-restore, each time as one
 * transaction.  The match reads the gate's beats; its pins must stay as long as the rules: legacy
 * iptables looks them up at each change of the table.
 */
#include "sensor/supervisor.h"

#include "base/log.h"
#include "base/str.h"
#include "capture/gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define BPF_FOLDER "/sys/fs/bpf"
enum { BPF_MAGIC = (int)0xcafe4a11, FAMILIES = 2, SWITCHES = 3, SAID = 400 };

struct queue_rules {
    char queue_pin[96], shut_pin[96];
    const char *tool[FAMILIES]; /* that set them; NULL: none */
    char was[SWITCHES];         /* of the bridge's netfilter; 0: left alone */
};

static const char *const tools[FAMILIES][2] = {{"iptables-restore", "iptables-legacy-restore"},
                                               {"ip6tables-restore", "ip6tables-legacy-restore"}};
static const char *const switches[SWITCHES] = {"/proc/sys/net/bridge/bridge-nf-call-iptables",
                                               "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
                                               "/proc/sys/net/bridge/bridge-nf-filter-vlan-tagged"};

/* ------------------------------------------------------------------ sockets */

int queue_open(struct supervisor *s)
{
    for (unsigned w = 0; w < s->plan.workers; w++) {
        struct capture_queue_options o = s->plan.q;
        o.queue = (uint16_t)(o.queue + w);
        int rc = capture_queue_open(&o, s->now.capture[w], &s->diags);
        if (rc)
            return rc;
    }
    return 0;
}

void queue_release(struct supervisor *s)
{
    for (unsigned w = 0; s->plan.queue && !s->plan.drop_stale && w < s->now.workers; w++)
        if (s->now.capture[w][0] >= 0)
            capture_queue_release(s->now.capture[w][0], (uint16_t)(s->plan.q.queue + w));
}

/* ------------------------------------------------------------------ the lines */

static void chain_of(const struct supervisor *s, char out[32])
{
    (void)snprintf(out, 32, "RIPOSTE-Q%u", s->plan.q.queue);
}

static void put_queue(struct sbuf *b, const struct supervisor *s)
{
    unsigned first = s->plan.q.queue, n = s->plan.workers;
    if (n > 1)
        sbuf_printf(b, "-j NFQUEUE --queue-balance %u:%u --queue-bypass\n", first, first + n - 1);
    else
        sbuf_printf(b, "-j NFQUEUE --queue-num %u --queue-bypass\n", first);
}

/* In the language of iptables-restore. */
static void put_lines(struct sbuf *b, const struct supervisor *s, const char *queue_pin,
                      const char *shut_pin)
{
    char chain[32];
    const struct capture_queue_options *q = &s->plan.q;
    chain_of(s, chain);
    if (q->mode == QUEUE_REPEAT)
        sbuf_printf(b, "-A %s -m mark --mark %#x/%#x -j RETURN\n", chain, q->mark & q->mark_mask,
                    q->mark_mask);
    if (q->done_mark)
        sbuf_printf(b, "-A %s -m connmark --mark %#x/%#x -j RETURN\n", chain, q->done_mark,
                    q->done_mark);
    sbuf_printf(b, "-A %s -m bpf --object-pinned %s ", chain, queue_pin);
    put_queue(b, s);
    sbuf_printf(b, "-A %s -m bpf --object-pinned %s -j DROP\n", chain, shut_pin);
    sbuf_printf(b, "-A FORWARD -j %s\n", chain);
    if (q->done_mark)
        sbuf_printf(b,
                    "-A POSTROUTING -m mark --mark %#x/%#x -j %s-M\n-A %s-M -j CONNMARK "
                    "--save-mark --nfmask %#x --ctmask %#x\n",
                    q->done_mark, q->done_mark, chain, chain, q->done_mark, q->done_mark);
}

/* Chains empty; the jumps there were are gone when `jumps`. */
static void put_begin(struct sbuf *b, const struct supervisor *s, bool jumps)
{
    char chain[32];
    uint32_t bit = s->plan.q.done_mark;
    chain_of(s, chain);
    sbuf_printf(b, "*mangle\n:%s - [0:0]\n", chain);
    if (bit)
        sbuf_printf(b, ":%s-M - [0:0]\n", chain);
    if (jumps)
        sbuf_printf(b, "-D FORWARD -j %s\n", chain);
    if (jumps && bit)
        sbuf_printf(b, "-D POSTROUTING -m mark --mark %#x/%#x -j %s-M\n", bit, bit, chain);
}

static void put_removal(struct sbuf *b, const struct supervisor *s, bool jumps)
{
    char chain[32];
    chain_of(s, chain);
    put_begin(b, s, jumps);
    sbuf_printf(b, "-X %s\n", chain);
    if (s->plan.q.done_mark)
        sbuf_printf(b, "-X %s-M\n", chain);
    sbuf_cstr(b, "COMMIT\n");
}

/* For those who set them by hand; nft can't ask the gate: it lets on when nobody listens, and no
 * sooner. */
static void tell_lines(const struct supervisor *s, const struct queue_rules *r)
{
    struct sbuf b;
    char name[32];
    unsigned first = s->plan.q.queue, last = first + s->plan.workers - 1;
    sbuf_init(&b);
    put_begin(&b, s, false);
    put_lines(&b, s, r->queue_pin, r->shut_pin);
    (void)snprintf(name, sizeof(name), first == last ? "%u" : "%u-%u", first, last);
    log_at(LOG_AT_NOTICE, "queue",
           "what feeds the queues is yours to set (capture.queue-rules: none).  For "
           "`iptables-restore --noflush` (and "
           "ip6tables-restore):\n%.*sCOMMIT\nor for `nft -f` (a hanging engine then stops the "
           "traffic: nft can't ask the gate):\n"
           "table inet riposte_q%u { chain forward { type filter hook forward priority mangle; "
           "queue flags bypass%s to %s; } }",
           (int)b.n, b.p, first, first == last ? "" : ",fanout", name);
    sbuf_done(&b);
}

/* ------------------------------------------------------------------ setting them */

/* Runs `tool --noflush -w` with text as its input; what it says into said.  0, -ENOENT: not
 * installed, -EINVAL: refused. */
static int restore(const char *tool, const struct sbuf *text, char said[SAID])
{
    int in[2], out[2], status = -1;
    said[0] = 0;
    if (pipe2(in, O_CLOEXEC))
        return -errno;
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char name[40], a[] = "--noflush", w[] = "-w", five[] = "5",
                       path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
        char *argv[] = {name, a, w, five, NULL}, *env[] = {path, NULL};
        sigset_t none;
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)snprintf(name, sizeof(name), "%s", tool);
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(out[1], STDERR_FILENO);
        (void)setenv("PATH", path + 5, 1);
        (void)execvpe(tool, argv, env);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    if (pid > 0) {
        (void)!write(in[1], text->p, text->n); /* less than a pipe holds */
        close(in[1]);
        size_t n = 0;
        ssize_t got;
        char rest[256];
        while ((got = n < SAID - 1 ? read(out[0], said + n, SAID - 1 - n)
                                   : read(out[0], rest, sizeof(rest))) > 0)
            n = n < SAID - 1 ? n + (size_t)got : n;
        said[n < SAID ? n : SAID - 1] = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    } else {
        close(in[1]);
    }
    close(out[0]);
    for (char *c = said; *c; c++)
        *c = *c == '\n' || *c < ' ' ? ' ' : *c;
    if (pid < 0 || !WIFEXITED(status))
        return -EIO;
    return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status) ? -EINVAL : 0;
}

/* With the jumps of an earlier one, then without. */
static int set_family(struct supervisor *s, unsigned family, char said[SAID])
{
    struct queue_rules *r = s->queue_rules;
    char again[SAID];
    int rc = -ENOENT;
    for (unsigned t = 0; t < ARRAY_LEN(tools[0]); t++)
        for (int jumps = 1; jumps >= 0; jumps--) {
            struct sbuf b;
            sbuf_init(&b);
            put_begin(&b, s, jumps);
            put_lines(&b, s, r->queue_pin, r->shut_pin);
            sbuf_cstr(&b, "COMMIT\n");
            int one = restore(tools[family][t], &b, again);
            sbuf_done(&b);
            if (!one) {
                r->tool[family] = tools[family][t];
                return 0;
            }
            if (one != -ENOENT || rc == -ENOENT) {
                rc = one;
                memcpy(said, again, SAID);
            }
        }
    return rc;
}

static void remove_family(struct supervisor *s, unsigned family)
{
    const char *tool = s->queue_rules->tool[family];
    char said[SAID];
    int rc = tool ? -EINVAL : 0;
    for (int jumps = 1; jumps >= 0 && rc; jumps--) {
        struct sbuf b;
        sbuf_init(&b);
        put_removal(&b, s, jumps);
        rc = restore(tool, &b, said);
        sbuf_done(&b);
    }
    if (rc)
        log_at(LOG_AT_WARNING, "queue", "the rules can't be removed: %s", said);
}

/* ------------------------------------------------------------------ pins */

static int pins(struct supervisor *s, const struct gate *g)
{
    struct queue_rules *r = s->queue_rules;
    struct statfs fs;
    struct stat ns;
    int rc = 0;
    if (statfs(BPF_FOLDER, &fs) || (uint32_t)fs.f_type != (uint32_t)BPF_MAGIC)
        rc = mount("bpf", BPF_FOLDER, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ? -errno
                                                                                            : 0;
    if (!rc && stat("/proc/self/ns/net", &ns))
        rc = -errno;
    (void)snprintf(r->queue_pin, sizeof(r->queue_pin), BPF_FOLDER "/riposte-%lu-q%u",
                   (unsigned long)ns.st_ino, s->plan.q.queue);
    (void)snprintf(r->shut_pin, sizeof(r->shut_pin), BPF_FOLDER "/riposte-%lu-q%u-shut",
                   (unsigned long)ns.st_ino, s->plan.q.queue);
    (void)unlink(r->queue_pin); /* an earlier one's; its rules are set anew */
    (void)unlink(r->shut_pin);
    if (!rc)
        rc = gate_pin_queue(g, r->queue_pin, r->shut_pin);
    if (rc)
        diag_add(&s->diags, DIAG_ERROR, BPF_FOLDER, 0, 0, "`mount -t bpf bpf " BPF_FOLDER "`",
                 "the gate can't be shown to the packet filter: %s", strerror(-rc));
    return rc;
}

static char switch_set(const char *path, char to)
{
    char was = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (read(fd, &was, 1) == 1 && was != to && pwrite(fd, &to, 1, 0) == 1)
        log_at(LOG_AT_NOTICE, "queue", "%s: %c", path, to);
    close(fd);
    return was;
}

int queue_up(struct supervisor *s, const struct gate *g)
{
    char said[SAID] = "";
    s->queue_rules = calloc(1, sizeof(*s->queue_rules));
    int rc = s->queue_rules ? pins(s, g) : -ENOMEM;
    if (rc)
        return rc;
    for (unsigned i = 0; i < SWITCHES && s->plan.queue_bridge; i++)
        s->queue_rules->was[i] = switch_set(switches[i], '1');
    if (!s->plan.queue_rules) {
        tell_lines(s, s->queue_rules);
        return 0;
    }
    rc = set_family(s, 0, said);
    if (rc) {
        diag_add(&s->diags, DIAG_ERROR, NULL, 0, 0,
                 rc == -ENOENT ? "install iptables, or set them by hand (capture.queue-rules: none)"
                               : "the kernel must have xtables' NFQUEUE, bpf and connmark; "
                                 "capture.queue-rules: none sets nothing",
                 "the rules that feed the queues can't be set: %s",
                 rc == -ENOENT ? "there is no iptables-restore" : said);
        return rc;
    }
    if (set_family(s, 1, said))
        log_at(LOG_AT_WARNING, "queue", "IPv6 goes by unlooked: its rules can't be set: %s", said);
    char chain[32];
    chain_of(s, chain);
    log_at(LOG_AT_NOTICE, "queue",
           "chain %s of the table mangle feeds %s%s; it is removed at the end", chain,
           s->plan.live.iface[0], s->plan.queue_bridge ? ", bridged packets, too" : "");
    return 0;
}

void queue_down(struct supervisor *s)
{
    struct queue_rules *r = s->queue_rules;
    if (!r)
        return;
    for (unsigned f = 0; f < FAMILIES; f++)
        remove_family(s, f);
    for (unsigned i = 0; i < SWITCHES; i++)
        if (r->was[i] && r->was[i] != '1')
            (void)switch_set(switches[i], r->was[i]);
    (void)unlink(r->queue_pin);
    (void)unlink(r->shut_pin);
    queue_release(s);
    free(r);
    s->queue_rules = NULL;
}

/* As the kernel counts them (nfnetlink_queue's file): waiting, found the queue full, found the
 * socket full. */
void report_queues(struct json *j, const struct supervisor *s)
{
    unsigned long n[6];
    FILE *f = s->plan.queue ? fopen("/proc/net/netfilter/nfnetlink_queue", "re") : NULL;
    char line[256];
    if (!s->plan.queue)
        return;
    json_array(j, "queues");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lu %*u %lu %*u %*u %lu %lu", &n[0], &n[1], &n[2], &n[3]) != 4 ||
            n[0] < s->plan.q.queue || n[0] >= s->plan.q.queue + s->plan.workers)
            continue;
        json_open(j, NULL);
        json_u64(j, "queue", n[0]);
        json_u64(j, "waiting", n[1]);
        json_u64(j, "dropped_full", n[2]);
        json_u64(j, "dropped_socket", n[3]);
        json_close(j);
    }
    if (f)
        fclose(f);
    json_array_end(j);
}
