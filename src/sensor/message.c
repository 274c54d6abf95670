/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel (message.h).  A record is a head (magic, type, size, number of descriptors) and the
 * body; the kernel keeps records apart.
 */
#include "sensor/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define MSG_MAGIC 0x52504d31u

struct msg_head {
    uint32_t magic, type, size, n_fds;
};

static const struct msg_row {
    const char *name;
    unsigned from;
    uint32_t least, most;
    unsigned fds_least, fds_most;
} rows[] = {
#define MESSAGE_ROW(id, from, least, most, fl, fm) [MSG_##id] = {#id, from, least, most, fl, fm},
    MESSAGES(MESSAGE_ROW)
#undef MESSAGE_ROW
};

const char *msg_name(unsigned type)
{
    return type < MSG_TYPES ? rows[type].name : "?";
}

/* ------------------------------------------------------------------ ranges of bodies */

static bool name_ok(const char *s, size_t room)
{
    return memchr(s, 0, room) != NULL;
}

static bool setup_ok(const void *body)
{
    const struct msg_setup *s = body;
    if (!s->n_workers || s->n_workers > SENSOR_WORKERS || s->n_ifaces > CAPTURE_IFACES)
        return false;
    for (unsigned i = 0; i < CAPTURE_IFACES; i++)
        if (!name_ok(s->iface[i], MSG_NAME))
            return false;
    if (s->queue && (s->queue_first + s->n_workers > 65536 || s->queue_mode > QUEUE_ROUTE || s->queue_route > UINT16_MAX))
        return false;
    return name_ok(s->response, MSG_NAME) && s->ring <= RING_NONE && s->xdp <= SETUP_XDP_ZERO_COPY;
}

static bool ring_ok(const void *body)
{
    const struct msg_ring *r = body;
    return r->n_workers && r->n_workers <= SENSOR_WORKERS && r->worker < r->n_workers &&
           r->bytes <= (uint64_t)8 << 30;
}

static bool worker_ok(const void *body)
{
    const struct msg_worker *w = body;
    return w->worker < SENSOR_WORKERS;
}

static bool file_ok(const void *body)
{
    const struct msg_file *f = body;
    return f->kind < FILE_KINDS && name_ok(f->path, sizeof(f->path)) && f->path[0];
}

static bool diag_ok(const void *body, uint32_t size)
{
    const struct msg_diag *d = body;
    uint64_t text = (uint64_t)d->n_file + d->n_reason + d->n_hint;
    return d->level <= DIAG_WARNING && d->kind < DIAG_KINDS && text == size - sizeof(*d);
}

static bool compiled_ok(const void *body)
{
    const struct msg_compiled *c = body;
    return c->rc <= 0 && c->rc > -4096;
}

static bool rule_file_ok(const void *body, uint32_t size)
{
    const struct msg_rule_file *f = body;
    return f->n_path == size - sizeof(*f) && f->dialect <= DIALECT_SURICATA;
}

static bool swapped_ok(const void *body)
{
    const struct msg_swapped *s = body;
    if (s->rc > 0 || s->rc <= -4096 || s->n_sample > MSG_SAMPLE)
        return false;
    for (uint32_t i = 0; i < s->n_sample; i++)
        if (!s->sample[i].what || !strchr("+-~a", s->sample[i].what) ||
            s->sample[i].was >= ACTION_COUNT || s->sample[i].is >= ACTION_COUNT)
            return false;
    return true;
}

static bool survey_ok(const void *body)
{
    const struct msg_survey *s = body;
    return s->kind < SURVEY_KINDS && flow_query_good(&s->query);
}

static bool surveyed_ok(const void *body, uint32_t size)
{
    const struct msg_surveyed *s = body;
    const uint8_t *rows_at = (const uint8_t *)body + sizeof(*s);
    size_t one = survey_row_size((enum survey_kind)s->kind);
    if (s->kind >= SURVEY_KINDS || s->last > 1 || s->n > MSG_BODY ||
        size != sizeof(*s) + s->n * one)
        return false;
    for (uint32_t i = 0; i < s->n && s->kind == SURVEY_FLOWS; i++) {
        struct flow_row r;
        memcpy(&r, rows_at + i * one, sizeof(r));
        if (!flow_row_good(&r))
            return false;
    }
    return true;
}

static bool body_ok(enum msg_type type, const void *body, uint32_t size)
{
    switch (type) {
    case MSG_SETUP:
        return setup_ok(body);
    case MSG_RING:
        return ring_ok(body);
    case MSG_CAPTURE:
    case MSG_RESPONSE:
    case MSG_REPLACE:
        return worker_ok(body);
    case MSG_FILE:
        return file_ok(body);
    case MSG_DIAG:
        return diag_ok(body, size);
    case MSG_COMPILED:
        return compiled_ok(body);
    case MSG_RULE_FILE:
        return rule_file_ok(body, size);
    case MSG_SWAPPED:
        return swapped_ok(body);
    case MSG_SURVEY:
        return survey_ok(body);
    case MSG_SURVEYED:
        return surveyed_ok(body, size);
    case MSG_GATE:
    case MSG_BLACKLIST:
    case MSG_RULES:
    case MSG_START:
    case MSG_LOG:
    case MSG_REOPEN:
    case MSG_STOP:
    case MSG_READY:
    case MSG_DEAD_PORT:
    case MSG_RING_DONE:
    case MSG_REOPENED:
    case MSG_FORK:
    case MSG_FORKED:
    case MSG_TYPES:
        break;
    }
    return true; /* any number will do: whoever uses it compares it with what is there */
}

/* `record` is aligned as struct message's body is. */
static bool record_ok(const struct msg_head *h, const void *body, size_t n_body, unsigned n_fds,
                      unsigned from)
{
    if (h->magic != MSG_MAGIC || h->type >= MSG_TYPES || h->size != n_body || h->n_fds != n_fds)
        return false;
    const struct msg_row *r = &rows[h->type];
    if (!(r->from & from) || h->size < r->least || h->size > r->most || n_fds < r->fds_least ||
        n_fds > r->fds_most)
        return false;
    return body_ok((enum msg_type)h->type, body, h->size);
}

bool msg_valid(const void *record, size_t n, unsigned n_fds, unsigned from)
{
    struct msg_head h;
    struct message m;
    if (n < sizeof(h) || n - sizeof(h) > sizeof(m.body))
        return false;
    memcpy(&h, record, sizeof(h));
    memcpy(m.body, (const uint8_t *)record + sizeof(h), n - sizeof(h));
    return record_ok(&h, m.body, n - sizeof(h), n_fds, from);
}

/* ------------------------------------------------------------------ sending, taking */

int msg_channel(int *parent, int *child)
{
    int fd[2], room = 1 << 20;
    struct timeval most = {.tv_sec = 5};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
        return -errno;
    (void)setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    (void)setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    (void)setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    *parent = fd[0];
    *child = fd[1];
    return 0;
}

int msg_send(int channel, enum msg_type type, const void *body, size_t size, const int *fd,
             unsigned n_fds)
{
    struct msg_head h = {MSG_MAGIC, (uint32_t)type, (uint32_t)size, n_fds};
    union {
        const void *in;
        void *out;
    } b = {.in = body};
    struct iovec v[2] = {{.iov_base = &h, .iov_len = sizeof(h)},
                         {.iov_base = b.out, .iov_len = size}};
    alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int) * MSG_FDS)] = {0};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    assert(size <= MSG_BODY && n_fds <= MSG_FDS);
    if (n_fds) {
        m.msg_control = room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fd, sizeof(int) * n_fds);
    }
    ssize_t n;
    do
        n = sendmsg(channel, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static unsigned fds_of(struct msghdr *h, int *fd, unsigned room)
{
    unsigned n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < k; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (n < room)
                fd[n++] = one;
            else
                close(one);
        }
    }
    return n;
}

int msg_recv(int channel, unsigned from, bool wait, struct message *m)
{
    struct msg_head h;
    struct iovec v[2] = {{.iov_base = &h, .iov_len = sizeof(h)},
                         {.iov_base = m->body, .iov_len = sizeof(m->body)}};
    alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int) * MSG_FDS)];
    struct msghdr x = {
        .msg_iov = v, .msg_iovlen = 2, .msg_control = room, .msg_controllen = sizeof(room)};
    ssize_t n;
    do
        n = recvmsg(channel, &x, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    m->n_fds = 0;
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : errno == ECONNRESET ? 0 : -errno;
    m->n_fds = fds_of(&x, m->fd, MSG_FDS);
    if (n == 0 && !m->n_fds)
        return 0;
    bool ok = !(x.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && (size_t)n >= sizeof(h) &&
              record_ok(&h, m->body, (size_t)n - sizeof(h), m->n_fds, from);
    if (!ok) {
        msg_done(m);
        return -EPROTO;
    }
    m->type = (enum msg_type)h.type;
    m->size = h.size;
    return 1;
}

int msg_take_fd(struct message *m, unsigned i)
{
    if (i >= m->n_fds)
        return -1;
    int fd = m->fd[i];
    m->fd[i] = -1;
    return fd;
}

void msg_done(struct message *m)
{
    for (unsigned i = 0; i < m->n_fds; i++)
        if (m->fd[i] >= 0)
            close(m->fd[i]);
    m->n_fds = 0;
}

/* ------------------------------------------------------------------ diags */

/* A line of a log must stay a line. */
static uint32_t text_put(uint8_t *to, size_t room, const char *s)
{
    size_t n = s ? strlen(s) : 0;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)s[i];
    return (uint32_t)n;
}

int msg_send_diag(int channel, const struct diag *d, enum msg_diag_kind kind)
{
    alignas(16) uint8_t body[MSG_BODY];
    struct msg_diag h = {
        .level = d->level, .line = d->line, .column = d->column, .sid = d->sid, .kind = kind};
    size_t at = sizeof(h);
    h.n_file = text_put(body + at, 1024, d->file);
    at += h.n_file;
    h.n_reason = text_put(body + at, 4096, d->reason);
    at += h.n_reason;
    h.n_hint = text_put(body + at, 2048, d->hint);
    at += h.n_hint;
    memcpy(body, &h, sizeof(h));
    return msg_send(channel, MSG_DIAG, body, at, NULL, 0);
}

void msg_send_diags(int channel, const struct diags *d)
{
    for (const struct diag *x = d->first; x; x = x->next)
        if (msg_send_diag(channel, x, DIAG_PLAIN))
            return;
}

static const char *text_get(struct arena *a, const uint8_t *p, uint32_t n)
{
    struct str s = arena_dup(a, p, n);
    char *c = (char *)(uintptr_t)s.p;
    for (uint32_t i = 0; c && i < n; i++)
        if ((unsigned char)c[i] < 32 || c[i] == 127)
            c[i] = '?';
    return n ? c : NULL;
}

struct diag *msg_read_diag(const struct message *m, struct arena *a)
{
    const struct msg_diag *h = (const void *)m->body;
    const uint8_t *text = m->body + sizeof(*h);
    struct diag *d = arena_alloc(a, sizeof(*d));
    if (!d)
        return NULL;
    *d = (struct diag){
        .level = (enum diag_level)h->level,
        .line = h->line,
        .column = h->column,
        .sid = h->sid,
        .file = text_get(a, text, h->n_file),
        .reason = text_get(a, text + h->n_file, h->n_reason),
        .hint = text_get(a, text + h->n_file + h->n_reason, h->n_hint),
    };
    if (!d->reason)
        d->reason = "?";
    return d;
}

/* ------------------------------------------------------------------ memory */

int memory_of(const char *name, const void *p, size_t n)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    size_t done = 0;
    while (done < n) {
        ssize_t k = write(fd, (const uint8_t *)p + done, n - done);
        if (k <= 0) {
            int err = k ? -errno : -EIO;
            close(fd);
            return err;
        }
        done += (size_t)k;
    }
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return fd;
}

int memory_shared(const char *name, size_t n)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    /* A mapping that another process can shrink is a SIGBUS in this one. */
    if (ftruncate(fd, (off_t)n) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int memory_read(int fd, size_t most, uint8_t **p, size_t *n)
{
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    if (st.st_size < 0 || (uint64_t)st.st_size > most)
        return -EFBIG;
    size_t size = (size_t)st.st_size, done = 0;
    uint8_t *b = malloc(size ? size : 1);
    if (!b)
        return -ENOMEM;
    while (done < size) {
        ssize_t k = pread(fd, b + done, size - done, (off_t)done);
        if (k <= 0) {
            int err = k ? -errno : -EIO;
            free(b);
            return err;
        }
        done += (size_t)k;
    }
    *p = b;
    *n = size;
    return 0;
}
