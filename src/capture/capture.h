/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture: where frames come from, where verdicts and our own frames go.
 *
 * capture_recv fills a burst, the worker judges it, capture_verdict carries the judgement out.  A
 * capture is owned by one worker; opening needs rights, using it does not (the supervisor opens and
 * passes the descriptors).  Frames are borrowed until their verdict; a held frame stays valid until
 * it is released or its deadline has passed (then it leaves as `pass`, counted in held_late).
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "base/attr.h"
#include "base/diag.h"
#include "packet/packet.h"

enum { BURST_MAX = 64, CAPTURE_IFACES = 32 };

enum capture_verdict {
    VERDICT_PASS,
    VERDICT_DROP,
    VERDICT_MODIFIED, /* pass, with the bytes in burst.data[i] / burst.len[i] instead */
    VERDICT_HOLD,     /* keep it until burst.until_ns[i], or until capture_release */
};

struct burst {
    unsigned n;
    uint64_t now_ns; /* packet time after this burst: the clock of everything behind it */
    struct frame frame[BURST_MAX];
    uint8_t verdict[BURST_MAX]; /* enum capture_verdict; capture_recv sets PASS */
    uint64_t until_ns[BURST_MAX];
    const uint8_t *data[BURST_MAX]; /* MODIFIED: caller's until capture_verdict returns */
    uint32_t len[BURST_MAX];
    uint64_t hold_id[BURST_MAX]; /* set by capture_verdict for HOLD: a handle for capture_release */
    uint8_t done_with[BURST_MAX]; /* 1: nobody looks at its flow any more; capture_recv sets 0 */
};

struct capture_counters {
    uint64_t received, bytes;  /* delivered to the worker */
    uint64_t kernel_packets, kernel_drops; /* as the kernel counts; drops are losses */
    uint64_t truncated;        /* snapped frames */
    uint64_t passed, dropped, modified, held, released, held_late, held_refused;
    uint64_t out_sent, out_failed; /* forwarded frames */
    uint64_t foreign;          /* packets of pcapng interfaces whose link type is not known: passed over */
    uint64_t checksum_unfinished, super_frames;
    /* in the wire */
    uint64_t late;    /* frames that waited in the ring for longer than fail-open.after */
    uint64_t let_go;  /* times that the ring ran full and the kernel was left to forward */
    uint64_t stalled; /* times that the loop came back after the gate had opened */
};

struct capture;

enum capture_state { CAPTURE_MORE, CAPTURE_END, CAPTURE_ERROR };
/*
 * Waits at most wait_ms (0: not at all) for frames and fills up to BURST_MAX of them.  END: the file is
 * at its end and no frame is held.  ERROR: capture_error says why.  A live capture never ends by itself;
 * an interface that went away gives empty bursts and is looked for again.
 */
enum capture_state capture_recv(struct capture *c, struct burst *b, int wait_ms) MUST_CHECK;
/*
 * More frames at once, behind those of the last capture_recv or capture_more, whose frames stay: none
 * where that can't be (a stream, the end of a file, live).  For captures whose frames go nowhere.
 */
void capture_more(struct capture *c, struct burst *b);
/* Carries out the verdicts of the burst that capture_recv gave last, in order. */
void capture_verdict(struct capture *c, struct burst *b);
/* Lets a held frame go: PASS, DROP or MODIFIED.  False if it has gone already. */
bool capture_release(struct capture *c, uint64_t hold_id, enum capture_verdict v, const uint8_t *data,
                     uint32_t len);
/*
 * Passes held frames whose deadline is over.  capture_recv calls it with the time of the burst's first
 * frame and capture_verdict with each frame's, so that frames leave in the order of packet time.  At the
 * end of a file with frames held, capture_recv gives one empty burst (MORE); when it is called again,
 * what is still held passes (held_late) and the state is END.
 */
void capture_expire(struct capture *c, uint64_t now_ns);
const char *capture_error(const struct capture *c);
const struct capture_counters *capture_counters(struct capture *c);
const char *capture_iface_name(const struct capture *c, unsigned iface);
void capture_close(struct capture *c);

/*
 * Capture files: pcap and pcapng (both byte orders, us and ns, several interfaces), plain, .gz or .xz, a
 * file, a folder (its files in order of name, or of first packet's time when `by_time`), "-" for
 * standard input.  Files are mapped; frames point into the map.
 * A broken file ends the run of that file with CAPTURE_ERROR after its last whole frame; told once,
 * and capture_recv may be called again: it goes on with the folder's next file, or gives END.
 * CAPTURE_ERROR, once an interface, also for a pcapng interface of a link type that is not known: its packets are
 * passed over (`foreign`), the file goes on.
 * frame.iface is the pcapng interface (31 at most).
 */
struct capture_file_options {
    const char *bpf;      /* filter, or NULL */
    const char *out_path; /* forwarded.pcap: what would have left (inline); NULL: none */
    bool by_time, recursive;
    /*
     * Of a folder: new files are taken up until the caller stops asking (recv waits up to wait_ms and never gives
     * END): looked for every poll_ns, read when nobody has written to them for delay_ns, in the order of their
     * last change.  The folder may be empty.
     */
    bool follow;
    uint64_t poll_ns, delay_ns;
    const _Atomic bool *stop; /* set while a pipe says nothing, at its opening too: the capture ends; may be NULL */
    bool delete_done;        /* a file that was read whole is deleted */
    uint64_t hold_cap_bytes; /* 0: 16 MiB */
};
struct capture *capture_file_open(const char *path, const struct capture_file_options *o, struct diags *d);

/* A capture that tests fill themselves: frames in, verdicts seen. */
struct capture *capture_mem_open(const struct frame *frames, size_t n, uint64_t hold_cap_bytes,
                                 void (*left)(void *ctx, const struct frame *f), void *ctx);

/*
 * Mirror ports.  One capture a worker reads member `member` of the fanout group of every interface.
 * RING_V2 answers quickest, RING_V3 costs least.
 */
enum capture_ring { RING_V2, RING_V3, RING_NONE /* libpcap */ };
struct capture_live_options {
    const char *iface[CAPTURE_IFACES]; /* NULL ends */
    enum capture_ring ring;
    uint64_t ring_bytes;  /* an interface and worker; 0: 64 MiB */
    uint32_t v3_timeout_ms;
    uint16_t fanout_group; /* 0: no fanout (one worker) */
    uint16_t fanout_members; /* each gets the packets of which capture_owner says so; 0: the kernel's own hash */
    const char *bpf;
    bool promisc;
    const char *bpf_of[CAPTURE_IFACES]; /* libpcap: filter of one interface, instead of bpf; NULL: bpf */
    bool outgoing; /* also what this host sends (no mirror port, but the host's own); not on loopback */
    bool in_wire;  /* capture_pair_attach: sends, too, and is filtered by the gate alone */
    bool shared;   /* with other virtual IPSs (share/share.h): filtered by gate_fd, fanned out by fanout_program_fd */
    int gate_fd;   /* in_wire, shared: a BPF program as filter; stays the caller's */
    int fanout_program_fd; /* shared: of the group fanout_group; 0: the first, the kernel gives a number */
};
/*
 * Opening is split so that the supervisor opens and an engine uses: capture_live_socket makes one bound,
 * filtered, fanned-out socket with its ring configured (not mapped); capture_live_attach maps the
 * sockets of one worker and owns them from then on (also when it fails).  `fd[i]` belongs to iface[i].
 * Errors are filled into d (interface, reason, hint).  Fanout: interface i has group fanout_group + i, and
 * a member's number is its place in the order of opening: open an interface's sockets for worker 0, 1, 2 ...
 * Super-frames come whole up to 68 KB.  Frames of several interfaces come in the order of their kernel
 * times as far as they wait together.
 */
int capture_live_socket(const struct capture_live_options *o, unsigned iface, struct diags *d) MUST_CHECK;
/* In the place of one whose interface is away: attached like it, dead until capture_live_replace. */
int capture_live_away(const struct capture_live_options *o, unsigned iface, struct diags *d) MUST_CHECK;
struct capture *capture_live_attach(const struct capture_live_options *o, const int *fd, unsigned n,
                                    struct diags *d);
/*
 * Which of `workers` a packet belongs to, as the fanout has it: the same for both directions.  Ports are those of TCP,
 * UDP and SCTP, and 0 for all else, fragments included (so that those of one datagram meet).
 */
unsigned capture_owner(uint8_t ver, const struct ip_addr *src, const struct ip_addr *dst, uint16_t sp, uint16_t dp,
                       unsigned workers);
/* capture_recv of a live capture also ends its wait when fd (an eventfd, stays the caller's) can be read. */
void capture_live_wake(struct capture *c, int fd);
/* Packet time up to which capture_recv has delivered all that could be seen (only behind capture_live_wake). */
uint64_t capture_live_horizon(const struct capture *c);
/*
 * Interfaces that were removed, as a mask of their indices (one that is only down comes back by itself).
 * The owner opens a new socket when the interface is there again and puts it in its place; the capture
 * owns fd.  Negative errno: fd is closed and the interface stays dead.
 */
uint32_t capture_live_dead(const struct capture *c);
int capture_live_replace(struct capture *c, unsigned iface, int fd) MUST_CHECK;
struct capture_iface_counters {
    uint64_t received, bytes, kernel_packets, kernel_drops;
    bool dead;
};
/* Of a live capture's interface (brought up to date with capture_counters); NULL if there is none. */
const struct capture_iface_counters *capture_live_iface(const struct capture *c, unsigned iface);
/*
 * In the wire: interfaces 2k and 2k + 1 are the two ends of a wire; what comes in at one leaves at the other, by its
 * verdict.  The same sockets as for mirror ports, made with in_wire: each reads its port and sends out of it.  Rings
 * are V2.  capture_recv stores the worker's beat (gate/gate.h): while the loop turns, the kernel leaves the wire to us.
 * A ring that runs full lets the beat go before it is, and takes it up again when all that waited is judged.  Segment
 * sizes and unfinished checksums of what comes in leave as they were; a MODIFIED frame's checksum is made to fit (in
 * the caller's bytes).  Frames that were cut are lost (out_failed).
 */
struct gate_beats;
enum { PAIR_ENDS = 2 };
static inline unsigned capture_other_end(unsigned iface)
{
    return iface ^ 1u;
}
struct capture_pair_options {
    struct capture_live_options live;
    struct gate_beats *beats; /* NULL: no gate; stays the caller's, until the capture is closed */
    unsigned worker;
    uint64_t after_ns; /* as the gate's */
    uint64_t hold_cap_bytes;
};
struct capture *capture_pair_attach(const struct capture_pair_options *o, const int *fd, unsigned n, struct diags *d);
/* The kernel forwards from now on (at the end; recv still gives what waits).  Nothing for other captures. */
void capture_let_go(struct capture *c);
/* A frame of our own out of that port, behind the burst in work.  False: lost. */
bool capture_send(struct capture *c, unsigned iface, const void *frame, size_t n);
/*
 * NFQUEUE: the kernel's packet filter gives packets to us and waits for verdicts (capture/nfq, doc/nfqueue.md).
 * One queue, one worker.  Frames have an Ethernet header, made where the kernel tells none; super-frames come whole,
 * their segment size is guessed (nobody tells).  Verdicts of a burst go in one call, and need CAP_NET_ADMIN when they
 * are sent: without it attach fails.  Held packets wait in the kernel.  Frames of our own leave by the bridge port that
 * their receiver was seen behind, else by the host's routes.
 */
enum queue_mode { QUEUE_ACCEPT, QUEUE_REPEAT, QUEUE_ROUTE };
enum { QUEUE_FDS = 4 }; /* netlink, packet, raw IPv4, raw IPv6 (-1: none) */
struct capture_queue_options {
    uint16_t queue, route_to;
    enum queue_mode mode; /* what becomes of a packet that passes: on its way, once more with mark, to another queue */
    uint32_t mark, mark_mask;   /* set in what passes where the mask has bits */
    uint32_t done_mark;         /* set in packets of a flow that is done with; 0: none */
    uint32_t most;              /* packets that wait in the kernel; 0: 8192 */
    uint64_t socket_bytes;      /* bytes that do; 0: 64 MiB */
    bool drop_full;             /* what finds no room is dropped instead of let by */
    struct gate_beats *beats;   /* as a pair's */
    unsigned worker;
    uint64_t after_ns, hold_cap_bytes;
};
/* Needs CAP_NET_ADMIN and CAP_NET_RAW.  -errno with d. */
int capture_queue_open(const struct capture_queue_options *o, int fd[QUEUE_FDS], struct diags *d) MUST_CHECK;
/* The descriptors are its own from then on, also when it fails. */
struct capture *capture_queue_attach(const struct capture_queue_options *o, const int fd[QUEUE_FDS], struct diags *d);
/* All that waits in the queue passes, unlooked: before the last duplicate of a dead engine's socket is closed. */
void capture_queue_release(int fd, uint16_t queue);
/* libpcap (also a PF_RING one): opens by itself, one interface list, one worker. */
struct capture *capture_pcap_open(const struct capture_live_options *o, struct diags *d);

/*
 * The response port: sends whole frames (or raw IP packets where no interface is given) without ever
 * blocking.  The socket receives nothing.  One injector may be used by one worker.
 */
struct injector;
struct injector_counters {
    uint64_t sent, failed, would_block;
};
int injector_socket(const char *iface, struct diags *d) MUST_CHECK; /* link layer */
int injector_socket_away(struct diags *d) MUST_CHECK; /* of a port that is not there: sends nothing until it is bound */
/* Whoever holds the socket sends through the port of that name from now on.  0 or -errno. */
int injector_rebind(int fd, const char *iface) MUST_CHECK;
int injector_raw_socket(int ver, struct diags *d) MUST_CHECK;       /* IPPROTO_RAW, header included */
struct injector *injector_attach(int fd_link, int fd_raw4, int fd_raw6); /* -1: none */
/* In the wire: answers leave through the pair's own ports, by the one that injector_aim named last. */
struct injector *injector_capture(struct capture *c);
bool injector_in_wire(const struct injector *i);
void injector_aim(struct injector *i, unsigned iface);
bool injector_send_frame(struct injector *i, const void *frame, size_t n);
bool injector_send_ip(struct injector *i, const void *packet, size_t n);
bool injector_has_link(const struct injector *i);
const uint8_t *injector_mac(struct injector *i); /* of the port that the socket is bound to now, 6 bytes */
/* Test double: everything sent goes to f. */
struct injector *injector_mem(bool (*f)(void *ctx, const void *frame, size_t n, bool link), void *ctx); /* false: refused */
const struct injector_counters *injector_counters(const struct injector *i);
void injector_close(struct injector *i);
/* libpcap understands the filter; else an error in d, at `place` (may be NULL). */
bool capture_filter_good(const char *text, const char *place, struct diags *d);
/* Makes a port silent: IPv6 off, ARP off, no multicast; up and promiscuous.  Port may lack an address. */
int capture_silence_port(const char *iface, struct diags *d) MUST_CHECK;
/*
 * The kernel says nothing through ports of these names, whether there are any yet or not, as long as the descriptor that
 * it returns is open.  -errno: it can't (no nf_tables, no right).
 */
int capture_hush(const char *const *port, unsigned n) MUST_CHECK;

/* Writes capture files. Rotation is the caller's. */
struct pcap_writer;
struct pcap_writer *pcap_writer_open(const char *path, uint16_t link, bool nanosecond);
int pcap_writer_put(struct pcap_writer *w, uint64_t ts_ns, const void *data, uint32_t len,
                    uint32_t wire_len); /* 0, or negative errno of a full disk; the file stays whole */
/* Writes out what is buffered (512 KiB at most). */
int pcap_writer_flush(struct pcap_writer *w);
int pcap_writer_close(struct pcap_writer *w);

/* ---- BPF filters in libpcap's language, compiled for the link types that a capture meets */
struct cap_filter;
/* NULL with a reason in why when text is no filter for Ethernet or raw IP, or no memory. */
struct cap_filter *cap_filter_new(const char *text, char *why, size_t why_room);
void cap_filter_free(struct cap_filter *f);
/* 1: keep, 0: not wanted, -1: the filter can't be compiled for the frame's link type (why says so).
 */
int cap_filter_keep(struct cap_filter *f, const struct frame *fr);
const char *cap_filter_why(const struct cap_filter *f);

#endif
