/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riposte selftest: a connection of its own, killed through the response port.
 *
 * The reset goes to the server, with the numbers that the own kernel knows; that kernel is not
 * told. When it then sends a byte, a server that believed the reset answers with one of its own:
 * the connection is dead at both ends.  A server that did not believe it just acknowledges.
 */
#include "sensor/selftest.h"

#include "base/clock.h"
#include "capture/capture.h"
#include "packet/packet.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEE_MS = 2000, TH_RST = 4, TH_SYN_ACK = 0x12 };

struct selftest {
    const struct selftest_options *o;
    struct arena arena;
    struct diags d;
    struct capture_live_options live;
    struct capture *capture;
    struct injector *inject;
    struct decoder *decoder;
    struct burst burst;
    struct packet layer[PACKET_LAYERS_MAX];
    struct tcp_end to, own;
    int fd;
    uint8_t link[64]; /* link header for a frame to the server */
    size_t link_n;
    char text[256];
    bool challenged; /* the server answered the reset with an acknowledgement */
};

static int say(struct selftest *t, const char *step, int rc)
{
    t->o->step(t->o->ctx, step, rc >= 0, t->text);
    t->text[0] = 0;
    return rc;
}

static void why(struct selftest *t, const char *dflt)
{
    const struct diag *x = t->d.first;
    if (x)
        snprintf(t->text, sizeof(t->text), "%s%s%s%s%s%s", x->file ? x->file : "",
                 x->file ? ": " : "", x->reason, x->hint ? " (" : "", x->hint ? x->hint : "",
                 x->hint ? ")" : "");
    else
        snprintf(t->text, sizeof(t->text), "%s", dflt);
}

/* A port that is down, or without a cable, takes frames and sends none. */
static int port_state(const char *name, char *why_not, size_t room)
{
    struct ifreq r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
    strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
    if (fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &r)) {
        rc = !(r.ifr_flags & IFF_UP) || !(r.ifr_flags & IFF_RUNNING) ? -ENETDOWN : 0;
        if (rc)
            snprintf(why_not, room, "%s %s", name,
                     r.ifr_flags & IFF_UP
                         ? "has no carrier: is its cable in, and the switch's port on?"
                         : "is down: `ip link set dev IF up`");
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static int open_response(struct selftest *t)
{
    for (unsigned i = 0; i < t->o->n_mirror; i++)
        if (!strcmp(t->o->mirror[i], t->o->response)) {
            snprintf(t->text, sizeof(t->text),
                     "%s is the mirror port, too: a mirror port sends nothing, name another port",
                     t->o->response);
            return -EINVAL;
        }
    int fd = injector_socket(t->o->response, &t->d);
    if (fd < 0) {
        why(t, "can't be opened");
        return fd;
    }
    t->inject = injector_attach(fd, -1, -1);
    int rc = port_state(t->o->response, t->text, sizeof(t->text));
    if (rc)
        return rc;
    const uint8_t *m = t->inject ? injector_mac(t->inject) : NULL;
    if (!m)
        return -ENOMEM;
    snprintf(t->text, sizeof(t->text), "%s, MAC %02x:%02x:%02x:%02x:%02x:%02x", t->o->response,
             m[0], m[1], m[2], m[3], m[4], m[5]);
    return 0;
}

static int open_mirrors(struct selftest *t)
{
    int fd[CAPTURE_IFACES];
    unsigned n = t->o->n_mirror < CAPTURE_IFACES ? t->o->n_mirror : CAPTURE_IFACES - 1;
    t->live =
        (struct capture_live_options){.ring = RING_V2,
                                      .ring_bytes = 4 << 20,
                                      .promisc = true,
                                      .bpf = "tcp or (vlan and tcp) or (vlan and vlan and tcp)"};
    for (unsigned i = 0; i < n; i++)
        t->live.iface[i] = t->o->mirror[i];
    for (unsigned i = 0; i < n; i++) {
        fd[i] = capture_live_socket(&t->live, i, &t->d);
        if (fd[i] < 0) {
            while (i--)
                close(fd[i]);
            why(t, "can't be opened");
            return -ENODEV;
        }
    }
    t->capture = capture_live_attach(&t->live, fd, n, &t->d);
    struct decode_config dc = {.layers_max = 8};
    t->decoder = decoder_new(&dc);
    snprintf(t->text, sizeof(t->text), "%u", n);
    return t->capture && t->decoder ? 0 : -ENOMEM;
}

/* The next TCP packet that the mirror shows and f likes; false when the time is over. */
static bool see(struct selftest *t, uint64_t until_ns,
                bool (*f)(struct selftest *t, const struct packet *p))
{
    while (clock_mono_ns() < until_ns) {
        (void)!capture_recv(t->capture, &t->burst, 100);
        bool found = false;
        for (unsigned i = 0; i < t->burst.n && !found; i++) {
            unsigned n = decode_frame(t->decoder, &t->burst.frame[i], t->layer, PACKET_LAYERS_MAX);
            for (unsigned k = 0; k < n && !found; k++)
                if (t->layer[k].flags & PKT_TCP && !(t->layer[k].flags & PKT_IGNORE))
                    found = f(t, &t->layer[k]);
        }
        capture_verdict(t->capture, &t->burst);
        decoder_burst_end(t->decoder, t->burst.now_ns);
        if (found)
            return true;
    }
    return false;
}

static bool is_server(struct selftest *t, const struct packet *p)
{
    if ((p->tcp.flags & TH_SYN_ACK) != TH_SYN_ACK)
        return false;
    t->to = (struct tcp_end){.ver = p->ver, .a = p->src, .port = p->sp};
    return true;
}

static int find_server(struct selftest *t)
{
    unsigned wait_s = t->o->wait_s ? t->o->wait_s : 10;
    char name[64];
    if (t->o->to && !end_parse(t->o->to, &t->to)) {
        snprintf(t->text, sizeof(t->text), "%.100s is no ADDRESS:PORT", t->o->to);
        return -EINVAL;
    }
    if (!t->o->to && !t->capture) {
        snprintf(
            t->text, sizeof(t->text),
            "none named: --to ADDRESS:PORT of a TCP server behind the switch, or -i IF to see one");
        return -EDESTADDRREQ;
    }
    if (!t->o->to && !see(t, clock_mono_ns() + wait_s * NS_PER_SEC, is_server)) {
        snprintf(t->text, sizeof(t->text),
                 "the mirror showed none in %u s: is it the mirror of a switch with traffic? --to "
                 "ADDRESS:PORT names one",
                 wait_s);
        return -ENOENT;
    }
    end_text(&t->to, name);
    snprintf(t->text, sizeof(t->text), "%s%s", name, t->o->to ? "" : " (seen on the mirror)");
    return 0;
}

static int connect_own(struct selftest *t)
{
    char a[64], b[64];
    int rc = t->o->address
                 ? guest_enter(t->o->response, t->o->address, &t->to, t->text, sizeof(t->text))
                 : 0;
    if (rc)
        return rc;
    t->fd = tcp_open(&t->to, &t->own);
    end_text(&t->to, b);
    if (t->fd < 0) {
        rc = t->fd;
        snprintf(t->text, sizeof(t->text), "no connection to %s: %s%s", b, strerror(-rc),
                 t->o->address ? "" : " (--address A/LEN makes a guest on the response port)");
        return rc;
    }
    end_text(&t->own, a);
    snprintf(t->text, sizeof(t->text), "%s -> %s", a, b);
    return 0;
}

static bool same(uint8_t ver, const struct ip_addr *a, const struct ip_addr *b)
{
    return ver == 4 ? !memcmp(a->b + 12, b->b + 12, 4) : !memcmp(a->b, b->b, 16);
}

/* A frame of the server's tells where it lives, with its tags. */
static bool is_ours(struct selftest *t, const struct packet *p)
{
    bool from = p->ver == t->to.ver && p->sp == t->to.port && p->dp == t->own.port &&
                same(p->ver, &p->src, &t->to.a) && same(p->ver, &p->dst, &t->own.a);
    if (!from || !p->l2)
        return false;
    t->link_n =
        build_ether(t->link, sizeof(t->link), p->l2 + 6, injector_mac(t->inject), p, p->ver);
    snprintf(t->text, sizeof(t->text), "the server's answer, on %s",
             capture_iface_name(t->capture, p->frame ? p->frame->iface : 0));
    return t->link_n > 0;
}

static int see_own(struct selftest *t)
{
    if (see(t, clock_mono_ns() + SEE_MS * NS_PER_MS, is_ours))
        return 0;
    snprintf(t->text, sizeof(t->text),
             "nothing of the connection is seen: the server's port is not mirrored to it");
    return -ENOENT;
}

/* A server that finds the numbers wrong says which it expects (RFC 5961 3.2). */
static bool is_challenge(struct selftest *t, const struct packet *p)
{
    enum { TH_ACK = 16 };
    return p->ver == t->to.ver && p->sp == t->to.port && p->dp == t->own.port &&
           same(p->ver, &p->src, &t->to.a) && same(p->ver, &p->dst, &t->own.a) &&
           p->tcp.flags == TH_ACK && !p->payload_len;
}

static int send_reset(struct selftest *t)
{
    uint8_t frame[256], mac[6];
    uint32_t seq, ack;
    int rc = tcp_numbers(t->fd, &seq, &ack);
    if (rc) {
        snprintf(t->text, sizeof(t->text), "the kernel does not tell the connection's numbers: %s",
                 strerror(-rc));
        return rc;
    }
    if (!t->link_n && neighbour_mac(&t->to, mac))
        t->link_n =
            build_ether(t->link, sizeof(t->link), mac, injector_mac(t->inject), NULL, t->to.ver);
    if (!t->link_n) {
        snprintf(t->text, sizeof(t->text),
                 "the server's MAC address is not known: -i IF sees it on the mirror");
        return -EDESTADDRREQ;
    }
    memcpy(frame, t->link, t->link_n);
    struct build_ip ip = {.ver = t->to.ver, .ttl = 64, .src = t->own.a, .dst = t->to.a, .df = true};
    size_t n = build_tcp(frame + t->link_n, sizeof(frame) - t->link_n, &ip, t->own.port, t->to.port,
                         seq, ack, TH_RST | 0x10, 0, NULL, 0);
    if (!n || !injector_send_frame(t->inject, frame, t->link_n + n)) {
        snprintf(t->text, sizeof(t->text), "%s does not send: is it up?", t->o->response);
        return -EIO;
    }
    snprintf(t->text, sizeof(t->text), "sequence number %u", seq);
    if (t->capture) /* across the switch, and back */
        t->challenged = see(t, clock_mono_ns() + 100 * NS_PER_MS, is_challenge);
    else
        usleep(50000);
    return 0;
}

static int look_dead(struct selftest *t)
{
    int rc = tcp_is_dead(t->fd);
    if (rc == 1) {
        snprintf(t->text, sizeof(t->text), "the server has forgotten it");
        return 0;
    }
    if (t->challenged)
        snprintf(t->text, sizeof(t->text),
                 "it lives on: the reset arrived with wrong numbers, and the server named others "
                 "(does something between rewrite sequence numbers?)");
    else
        snprintf(
            t->text, sizeof(t->text),
            "it lives on: the reset did not reach the server, or it did not believe it (does the "
            "switch forward what enters at %s?)",
            t->o->response);
    return rc < 0 ? rc : -ETIME;
}

static int steps(struct selftest *t)
{
    static const struct {
        const char *name;
        int (*f)(struct selftest *t);
        bool mirror; /* only with mirror ports */
    } all[] = {
        {"response port", open_response, false}, {"mirror ports", open_mirrors, true},
        {"a server", find_server, false},        {"own connection", connect_own, false},
        {"seen on the mirror", see_own, true},   {"reset sent", send_reset, false},
        {"connection died", look_dead, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].mirror && !t->o->n_mirror)
            continue;
        int rc = say(t, all[i].name, all[i].f(t));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int sensor_selftest(const struct selftest_options *o)
{
    struct selftest *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->o = o;
    t->fd = -1;
    arena_init(&t->arena, 0, 0);
    diags_init(&t->d, &t->arena);
    int rc = steps(t);
    if (t->fd >= 0)
        close(t->fd);
    capture_close(t->capture);
    injector_close(t->inject);
    decoder_free(t->decoder);
    arena_done(&t->arena);
    free(t);
    return rc;
}
