/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ordinary packet costs no heap, no lock and no system call, from decoding to its events.
 *
 * Each kind of traffic runs in a child: first until everything has its size, then 100,000 packets
 * more that are counted.  System calls are trapped (seccomp); locks and the heap are counted at
 * their functions, those of libraries too (under ASan by its hooks; without it only our own calls
 * of the heap, by the linker). A case that does all three on purpose shows that they would be seen.
 */
#include "engine/engine_test.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { COUNTED = 100000, WARMING = 100000 };

struct cost {
    uint64_t heap, locks, calls, last_call, packets, flows, events;
};
static struct cost cost;
static bool counting;

/* ------------------------------------------------------------------ counting */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t k);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t a, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t k);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t a, size_t n);
void __wrap_free(void *p);
int __sanitizer_install_malloc_and_free_hooks(void (*m)(const volatile void *, size_t),
                                              void (*f)(const volatile void *))
    __attribute__((weak));

/* Freed memory is used again at once: the case that is guilty on purpose gets no map in the middle.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

static void note_heap(void)
{
    cost.heap += counting;
}
void *__wrap_malloc(size_t n)
{
    note_heap();
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t k)
{
    note_heap();
    return __real_calloc(n, k);
}
void *__wrap_realloc(void *p, size_t n)
{
    note_heap();
    return __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t a, size_t n)
{
    note_heap();
    return __real_aligned_alloc(a, n);
}
void __wrap_free(void *p)
{
    if (p)
        note_heap();
    __real_free(p);
}
static void hook_malloc(const volatile void *p, size_t n)
{
    (void)p;
    (void)n;
    note_heap();
}
static void hook_free(const volatile void *p)
{
    if (p)
        note_heap();
}

/* In front of libc's, for the whole process. */
typedef int lock_fn(void *);
#define LOCK(name, type)                                                                           \
    int name(type *m)                                                                              \
    {                                                                                              \
        static lock_fn *real;                                                                      \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        cost.locks += counting;                                                                    \
        return real(m);                                                                            \
    }
LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_mutex_trylock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)

static void on_trap(int sig, siginfo_t *i, void *ctx)
{
    ucontext_t *u = ctx;
    (void)sig;
    cost.calls++;
    cost.last_call = (uint64_t)i->si_syscall;
    u->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

/* From here on every system call is trapped but: the handler's return, writing to `out`, the end.
 */
static void trap_calls(int out)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_rt_sigreturn, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sigaltstack, 4, 0), /* ASan's, before the end */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_write, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)out, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog p = {.len = ARRAY_LEN(f), .filter = f};
    struct sigaction a = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
    assert_int_equal(sigaction(SIGSYS, &a, NULL), 0);
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), 0);
}

/* ------------------------------------------------------------------ traffic */

static const char rules[] =
    "alert udp any any -> any any (msg:\"literal\"; content:\"never there\"; sid:1;)\n"
    "alert udp any any -> any 2000 (msg:\"regex that runs\"; content:\"ordinary\"; "
    "pcre:\"/ordinary [x-z]+ end/R\"; sid:2;)\n"
    "alert tcp any any -> any any (msg:\"stream\"; flow:established; content:\"never\"; "
    "content:\"there\"; within:9; sid:3;)\n"
    "alert tcp any any -> any any (msg:\"candidate\"; flow:established,to_server; "
    "content:\"ordinary\"; pcre:\"/z{4}$/\"; sid:4;)\n"
    "alert tcp any any -> any any (msg:\"bits\"; flow:established; flowbits:isset,x; "
    "content:\"ordinary\"; sid:5;)\n"
    "alert http any any -> any any (msg:\"http\"; http.uri; content:\"/evil\"; sid:6;)\n"
    "alert dns any any -> any any (msg:\"dns\"; dns.query; content:\"evil\"; sid:7;)\n"
    "alert tls any any -> any any (msg:\"tls\"; tls.sni; content:\"evil\"; sid:8;)\n"
    "alert ip 192.0.2.1 any -> any any (msg:\"address\"; sid:9;)\n"
    "alert tcp any any -> any any (msg:\"flags\"; flags:SFU; sid:10;)\n"
    "alert udp any any -> any any (msg:\"size\"; dsize:>4000; byte_test:2,>,10,0; sid:11;)\n"
    "alert udp any any -> any any (msg:\"short\"; content:\"zz\"; offset:3; sid:12;)\n"
    "alert tcp any any -> any any (msg:\"event\"; stream-event:est_synack_resend; sid:13;)\n"
    "alert icmp any any -> any any (msg:\"ping\"; itype:13; sid:14;)\n"
    "alert udp any any -> any any (msg:\"limit\"; content:\"never\"; threshold:type limit,track "
    "by_src,count 1,seconds 9; sid:15;)\n";

enum kind {
    K_UDP,
    K_UDP6,
    K_TCP,
    K_TCP6,
    K_TCP_DISORDER,
    K_TCP_ASYNC_ACKS,
    K_FRAGMENTS,
    K_VLAN,
    K_PING,
    K_SUPER,
    K_TWO_WORKERS,
    K_NEW_UDP,
    K_GUILTY,
    KINDS
};
static const char *const kind_name[KINDS] = {"udp",
                                             "udp over IPv6",
                                             "tcp",
                                             "tcp over IPv6",
                                             "tcp out of order",
                                             "tcp acknowledgements",
                                             "fragments",
                                             "vlan",
                                             "ping",
                                             "super-frames",
                                             "udp, half of it of another worker",
                                             "new flows",
                                             "heap, lock and call on purpose"};

enum { TALKS = 32 };
struct traffic {
    struct engine *e;
    enum kind kind;
    struct et_talk talk[TALKS];
    uint32_t seq[TALKS][2];
    uint64_t now_ns, number;
    struct burst b;
    uint8_t mem[BURST_MAX][9000];
    uint32_t round;
};

static void put(struct traffic *t, const uint8_t *ip, size_t n)
{
    struct burst *b = &t->b;
    uint8_t *m = t->mem[b->n];
    size_t head = 0;
    if (t->kind == K_VLAN) {
        static const uint8_t eth[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 10, 8, 0};
        memcpy(m, eth, head = sizeof(eth));
    }
    memcpy(m + head, ip, n);
    /* A tick now and then; where flows come anew, as many end when all is warm. */
    t->now_ns += t->kind == K_NEW_UDP ? 5000000 : 100000;
    b->frame[b->n++] = (struct frame){.data = m,
                                      .len = (uint32_t)(n + head),
                                      .wire_len = (uint32_t)(n + head),
                                      .ts_ns = t->now_ns,
                                      .number = ++t->number,
                                      .seg_size = t->kind == K_SUPER ? 1448 : 0,
                                      .link = head ? LINK_ETHERNET : LINK_RAW};
    b->now_ns = t->now_ns;
    if (b->n == BURST_MAX) {
        engine_burst(t->e, b, NULL);
        b->n = 0;
    }
}

static void say(struct traffic *t, unsigned i, unsigned dir, uint8_t flags, const void *data,
                size_t n)
{
    uint8_t p[9000];
    struct et_talk *k = &t->talk[i];
    k->flags = flags;
    k->seq = t->seq[i][dir];
    k->ack = flags & TCP_ACK ? t->seq[i][!dir] : 0;
    put(t, p, et_packet(p, sizeof(p), k, dir, data, n));
    t->seq[i][dir] += (uint32_t)n + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static void ping(struct traffic *t, unsigned i, unsigned dir)
{
    uint8_t p[128] = {0x45};
    struct build_ip ip = et_ip(&t->talk[i], dir);
    struct et_talk k = t->talk[i];
    k.proto = IPPROTO_UDP;
    size_t n = et_packet(p, sizeof(p), &k, dir, "ordinary ping", 13);
    (void)ip;
    p[9] = IPPROTO_ICMP;
    be16_put(p + 10, 0);
    be16_put(p + 10, csum_inet(p, 20));
    memset(p + 20, 0, 8);
    p[20] = dir ? 0 : 8;
    be16_put(p + 24, (uint16_t)i);
    be16_put(p + 22, csum_inet(p + 20, n - 20));
    put(t, p, n);
}

static void fragments(struct traffic *t, unsigned i, unsigned dir)
{
    uint8_t p[2000], data[1000], f[1200];
    memset(data, 'o', sizeof(data));
    memcpy(data, "ordinary", 8);
    size_t n = et_packet(p, sizeof(p), &t->talk[i], dir, data, sizeof(data));
    for (size_t at = 20; at < n; at += 512) {
        size_t k = n - at < 512 ? n - at : 512;
        memcpy(f, p, 20);
        memcpy(f + 20, p + at, k);
        be16_put(f + 2, (uint16_t)(20 + k));
        be16_put(f + 4, (uint16_t)t->round);
        be16_put(f + 6, (uint16_t)((at + k < n ? 0x2000 : 0) | (at - 20) / 8));
        be16_put(f + 10, 0);
        be16_put(f + 10, csum_inet(f, 20));
        put(t, f, k + 20);
    }
    t->round++;
}

static void guilty(struct traffic *t)
{
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    void *volatile p = malloc(10 + t->round % 3);
    free(p);
    pthread_mutex_lock(&m);
    pthread_mutex_unlock(&m);
    (void)syscall(SYS_getppid);
}

/* One exchange of conversation i: the number of packets varies. */
static void exchange(struct traffic *t, unsigned i)
{
    static const char data[1400] = "ordinary data and so on, 0123456789, ordinary aaaa end";
    switch (t->kind) {
    case K_UDP:
    case K_UDP6:
    case K_TWO_WORKERS:
    case K_VLAN:
        say(t, i, 0, 0, data, 80 + t->round % 500);
        say(t, i, 1, 0, data, 300);
        break;
    case K_TCP:
    case K_TCP6:
        say(t, i, 0, TCP_ACK | TCP_PSH, data, 100 + t->round % 300);
        say(t, i, 1, TCP_ACK | TCP_PSH, data, sizeof(data));
        say(t, i, 1, TCP_ACK | TCP_PSH, data, sizeof(data));
        say(t, i, 0, TCP_ACK, NULL, 0);
        break;
    case K_SUPER:
        for (unsigned k = 0; k < 3; k++) {
            static const uint8_t big[8000] = "ordinary";
            say(t, i, 1, TCP_ACK, big, sizeof(big));
        }
        say(t, i, 0, TCP_ACK, NULL, 0);
        break;
    case K_TCP_DISORDER: {
        uint32_t at = t->seq[i][1];
        t->seq[i][1] = at + 700;
        say(t, i, 1, TCP_ACK, data, 700); /* ahead */
        t->seq[i][1] = at + 200;
        say(t, i, 1, TCP_ACK, data, 700); /* overlaps */
        t->seq[i][1] = at;
        say(t, i, 1, TCP_ACK, data, 300); /* fills */
        t->seq[i][1] = at;
        say(t, i, 1, TCP_ACK, data, 300); /* again */
        t->seq[i][1] = at + 1400;
        say(t, i, 0, TCP_ACK, NULL, 0);
        break;
    }
    case K_TCP_ASYNC_ACKS:
        say(t, i, 0, TCP_ACK, NULL, 0);
        say(t, i, 1, TCP_ACK, NULL, 0);
        break;
    case K_FRAGMENTS:
        fragments(t, i, t->round & 1);
        break;
    case K_PING:
        ping(t, i, 0);
        ping(t, i, 1);
        break;
    case K_NEW_UDP:
        t->talk[i].sp = (uint16_t)(1024 + t->round % 50000);
        say(t, i, 0, 0, data, 80);
        say(t, i, 1, 0, data, 80);
        break;
    case K_GUILTY:
        guilty(t);
        say(t, i, 0, 0, data, 80);
        break;
    case KINDS:
        break;
    }
    t->round++;
}

static bool is_tcp(enum kind k)
{
    return k == K_TCP || k == K_TCP6 || k == K_TCP_DISORDER || k == K_TCP_ASYNC_ACKS ||
           k == K_SUPER;
}

static void begin(struct traffic *t)
{
    for (unsigned i = 0; i < TALKS; i++) {
        t->talk[i] = (struct et_talk){.ver = t->kind == K_UDP6 || t->kind == K_TCP6 ? 6 : 4,
                                      .proto = is_tcp(t->kind) ? IPPROTO_TCP : IPPROTO_UDP,
                                      .client = i + 1,
                                      .server = 200,
                                      .sp = (uint16_t)(30000 + i),
                                      .dp = 2000};
        t->seq[i][0] = 1000 * i;
        t->seq[i][1] = 77000 * i;
        if (!is_tcp(t->kind))
            continue;
        say(t, i, 0, TCP_SYN, NULL, 0);
        say(t, i, 1, TCP_SYN | TCP_ACK, NULL, 0);
        say(t, i, 0, TCP_ACK, NULL, 0);
    }
}

static void run(struct traffic *t, uint64_t packets)
{
    for (uint64_t until = t->number + packets; t->number < until;)
        exchange(t, t->round % TALKS);
}

static void child(enum kind kind, int out)
{
    struct et t;
    size_t bytes = rec_ring_bytes(1 << 20);
    et_open(&t);
    struct overlay *o = et_overlay(&t, rules, 1);
    struct engine_settings *s = engine_settings_new(t.conf, false, false, 1, &t.diags);
    struct state_config sc = {0};
    struct state *state = state_new(&sc);
    void *mem =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    assert_true(s && state && mem != MAP_FAILED);
    struct engine_parts parts = {.settings = s,
                                 .overlay = o,
                                 .state = state,
                                 .ring = rec_ring_format(mem, bytes),
                                 .n_workers = 1};
    if (kind == K_TWO_WORKERS) { /* who does not sleep: its ring fills up, which is counted */
        parts.n_workers = 2;
        parts.handover = handover_new(2);
        assert_non_null(parts.handover);
    }
    static struct traffic x;
    x.e = engine_new(&parts, &t.diags);
    x.kind = kind;
    x.now_ns = 1700000000000000000ull;
    assert_non_null(x.e);
    if (__sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(hook_malloc, hook_free);
    begin(&x);
    run(&x, WARMING);
    struct engine_counters before, after;
    engine_counters(x.e, &before);
    trap_calls(out);
    counting = true;
    run(&x, COUNTED);
    counting = false;
    engine_counters(x.e, &after);
    cost.packets = after.packets - before.packets;
    cost.flows = after.flow.total - before.flow.total;
    cost.events =
        after.events - before.events + after.events_lost - before.events_lost + after.alerts;
    if (write(out, &cost, sizeof(cost)) != sizeof(cost))
        _exit(1);
    _exit(0);
}

static void no_heap_lock_or_call(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (enum kind k = 0; k < KINDS; k++) {
        int p[2], status;
        struct cost c;
        assert_int_equal(pipe(p), 0);
        fflush(stdout);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid)
            child(k, p[1]);
        close(p[1]);
        ssize_t n = read(p[0], &c, sizeof(c));
        close(p[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (n != (ssize_t)sizeof(c))
            fail_msg("%s: the child ended early (%#x)", kind_name[k], status);
        printf("# %s: %llu packets, %llu flows, %llu events: heap %llu, locks %llu, system calls "
               "%llu (last: %llu)\n",
               kind_name[k], (unsigned long long)c.packets, (unsigned long long)c.flows,
               (unsigned long long)c.events, (unsigned long long)c.heap,
               (unsigned long long)c.locks, (unsigned long long)c.calls,
               (unsigned long long)c.last_call);
        assert_true(c.packets >= COUNTED - BURST_MAX);
        if (k == K_GUILTY) {
            assert_true(c.heap >= COUNTED / 2 && c.locks >= COUNTED / 2 && c.calls >= COUNTED / 2);
            continue;
        }
        assert_true(k == K_NEW_UDP ? c.flows > 1000 && c.events >= c.flows
                                   : c.flows == 0 && c.events == 0);
        /* Once a second the shards of what workers share are swept: 64 locks, not a packet's. */
        uint64_t seconds = (k == K_NEW_UDP ? COUNTED / 200 : COUNTED / 10000) + 1;
        bad += c.heap || c.locks > 64 * seconds || c.calls;
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_heap_lock_or_call)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
