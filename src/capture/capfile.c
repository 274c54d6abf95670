/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture files as a capture: one file after the other, filtered, numbered through.
 *
 * A burst ends where the window of a stream ends, for its frames point into it; a mapped file has
 * no such seam.  A broken file gives its whole frames, then CAPTURE_ERROR once, then the next file.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capread.h"
#include "capture/filelist.h"
#include "capture/capture.h"
#include "capture/impl.h"

struct capfile {
    struct capture base;
    struct file_list files;
    size_t next; /* file to open */
    bool open;
    struct cap_src src;
    struct cap_reader reader;
    struct cap_filter *filter;
    uint64_t number;
    char *out_path;
    struct pcap_writer *out;
    uint16_t out_link;
    bool out_failed;
    bool pending_error; /* error is set and not yet told */
    bool goes_on;       /* behind which the file is read on */
    bool delete_done;
    const _Atomic bool *stop;
    /* a folder that grows; NULL: none */
    char *folder;
    bool recursive;
    uint64_t poll_ns, delay_ns, looked_ns;
    struct file_list known; /* read already, or in work */
};

static const char *current(const struct capfile *c)
{
    const char *p = c->files.entry[c->next - 1].path;
    return strcmp(p, "-") == 0 ? "standard input" : p;
}

static void close_current(struct capfile *c)
{
    if (!c->open)
        return;
    cap_reader_done(&c->reader);
    cap_src_close(&c->src);
    c->open = false;
}

static void fail(struct capfile *c, const char *what, uint64_t offset)
{
    snprintf(c->base.error, sizeof c->base.error, "%.250s: offset %ju: %s", current(c),
             (uintmax_t)offset, what);
    c->pending_error = true;
}

/* The frames before it are judged first: it is told when the burst is empty. */
static void note(struct capfile *c)
{
    snprintf(c->base.error, sizeof c->base.error, "%.250s: %s", current(c), c->reader.why);
    c->pending_error = c->goes_on = true;
}

static const char *source_error(int err)
{
    return err == -EBADMSG ? "compressed data is broken or cut" : strerror(-err);
}

/* It was read whole, and the frames of its end are judged. */
static void delete_current(struct capfile *c)
{
    const char *path = c->files.entry[c->next - 1].path;
    close_current(c);
    if (c->delete_done && strcmp(path, "-") != 0 && unlink(path) != 0) {
        snprintf(c->base.error, sizeof c->base.error, "%.250s can't be deleted: %s", path,
                 strerror(errno));
        c->pending_error = true;
    }
}

/* What came into the folder since the last look. */
static void look_for_more(struct capfile *c, int wait_ms)
{
    struct file_list fresh = {0};
    uint64_t now = clock_mono_ns();
    if (c->looked_ns && now - c->looked_ns < c->poll_ns) {
        if (wait_ms > 0)
            (void)poll(NULL, 0, wait_ms);
        return;
    }
    c->looked_ns = now;
    int r = file_list_new(&fresh, &c->known, c->folder, c->recursive, clock_wall_ns(), c->delay_ns);
    for (size_t i = 0; i < fresh.n && r == 0; i++) {
        r = file_list_add(&c->known, fresh.entry[i].path);
        if (r == 0) {
            char *path = c->known.entry[c->known.n - 1].path;
            c->known.entry[c->known.n - 1] = fresh.entry[i];
            c->known.entry[c->known.n - 1].path = path;
        }
    }
    if (r < 0) {
        snprintf(c->base.error, sizeof c->base.error, "%.250s: the folder can't be read: %s",
                 c->folder, strerror(-r));
        c->pending_error = true;
        file_list_done(&fresh);
        return;
    }
    file_list_done(&c->files);
    c->files = fresh;
    c->next = 0;
}

/* The caller wanted the end while a pipe had nothing: no file is left. */
static bool given_up(struct capfile *c)
{
    close_current(c);
    c->next = c->files.n;
    return false;
}

/* The next file of the list, its header read.  False: error is set. */
static bool open_next(struct capfile *c)
{
    char why[160];
    const char *path = c->files.entry[c->next++].path;
    int r = cap_src_open_until(&c->src, path, c->stop, why, sizeof why);
    if (r == -ECANCELED)
        return given_up(c);
    if (r < 0) {
        fail(c, why, 0);
        return false;
    }
    c->open = true;
    r = cap_reader_start(&c->reader, &c->src);
    if (r == 0)
        return true;
    if (r == -ECANCELED)
        return given_up(c);
    fail(c, c->reader.why[0] ? c->reader.why : source_error(r), cap_src_offset(&c->src));
    close_current(c);
    return false;
}

enum step { STEP_ON, STEP_STOP, STEP_NEXT_FILE, STEP_FAIL };

static enum step fill_window(struct capfile *c, const struct burst *b, size_t need, int wait_ms)
{
    if (b->n)
        return STEP_STOP; /* its frames live in the window */
    int r = cap_src_fill(&c->src, need, wait_ms);
    if (r >= 0)
        return STEP_ON;
    if (r == -EAGAIN)
        return STEP_STOP;
    fail(c, source_error(r), cap_src_offset(&c->src));
    return STEP_FAIL;
}

static enum step one_frame(struct capfile *c, struct burst *b, int wait_ms)
{
    struct frame *f = &b->frame[b->n];
    size_t need = 0;
    switch (cap_reader_next(&c->reader, &c->src, f, &need)) {
    case CAP_FRAME:
        break;
    case CAP_NOTE:
        note(c);
        c->base.n.foreign++;
        return STEP_STOP;
    case CAP_SKIP:
        c->base.n.foreign++;
        return STEP_ON;
    case CAP_FILL:
        return fill_window(c, b, need, wait_ms);
    case CAP_END:
        return STEP_NEXT_FILE;
    case CAP_BROKEN:
    default:
        fail(c, c->reader.why, cap_src_offset(&c->src));
        return STEP_FAIL;
    }
    if (c->filter) {
        int keep = cap_filter_keep(c->filter, f);
        if (keep < 0) {
            fail(c, cap_filter_why(c->filter), cap_src_offset(&c->src));
            return STEP_FAIL;
        }
        if (!keep)
            return STEP_ON;
    }
    f->number = ++c->number;
    b->n++;
    return STEP_ON;
}

static enum capture_state file_recv(struct capture *base, struct burst *b, int wait_ms)
{
    struct capfile *c = (struct capfile *)base;
    enum step st = STEP_ON;
    if (c->open)
        cap_src_turn(&c->src);
    /* Of frames that the filter refuses any number may pass: give the caller a turn now and then.
     */
    for (unsigned tries = 0; b->n < BURST_MAX && tries < 64 * BURST_MAX; tries++) {
        if (c->pending_error)
            break;
        if (!c->open && c->next == c->files.n && c->folder && !b->n)
            look_for_more(c, wait_ms);
        if (!c->open && (c->next == c->files.n || !open_next(c)))
            break;
        st = one_frame(c, b, wait_ms);
        if (st == STEP_STOP || st == STEP_FAIL)
            break;
        if (st == STEP_NEXT_FILE) {
            if (b->n)
                break; /* its frames live in this file */
            delete_current(c);
        }
    }
    if (b->n) {
        b->now_ns = b->frame[b->n - 1].ts_ns;
        return CAPTURE_MORE;
    }
    if (c->pending_error) {
        c->pending_error = false;
        if (!c->goes_on)
            close_current(c);
        c->goes_on = false;
        return CAPTURE_ERROR;
    }
    return c->open || c->next < c->files.n || c->folder ? CAPTURE_MORE : CAPTURE_END;
}

/* A map's frames stay until its file is closed, which only file_recv does. */
static void file_more(struct capture *base, struct burst *b)
{
    struct capfile *c = (struct capfile *)base;
    if (!c->open || !c->src.map || c->out_path)
        return;
    cap_src_turn(&c->src);
    for (unsigned tries = 0; b->n < BURST_MAX && tries < 64 * BURST_MAX && !c->pending_error;
         tries++)
        if (one_frame(c, b, 0) != STEP_ON)
            break;
    if (b->n)
        b->now_ns = b->frame[b->n - 1].ts_ns;
}

/* forwarded.pcap has the link type of the first file; classic pcap knows one a file. */
static bool out_open(struct capfile *c, uint16_t link)
{
    if (c->out || c->out_failed)
        return c->out != NULL;
    c->out = pcap_writer_open(c->out_path, link, c->reader.nanosecond);
    c->out_link = link;
    c->out_failed = !c->out;
    return c->out != NULL;
}

static bool file_leave(struct capture *base, const struct frame *f)
{
    struct capfile *c = (struct capfile *)base;
    if (!c->out_path)
        return true;
    if (!out_open(c, f->link) || f->link != c->out_link)
        return false;
    return pcap_writer_put(c->out, f->ts_ns, f->data, f->len, f->wire_len) == 0;
}

static const char *file_iface_name(const struct capture *base, unsigned iface)
{
    const struct capfile *c = (const struct capfile *)base;
    if (!c->open || !c->reader.ng || iface >= c->reader.n_iface || iface >= CAPTURE_IFACES)
        return NULL;
    return c->reader.name[iface][0] ? c->reader.name[iface] : NULL;
}

static void file_close(struct capture *base)
{
    struct capfile *c = (struct capfile *)base;
    if (c->out_path && !c->out && !c->out_failed)
        (void)out_open(c, LINK_ETHERNET); /* nothing left: an empty file says so */
    if (c->out)
        (void)pcap_writer_close(c->out);
    close_current(c);
    cap_filter_free(c->filter);
    file_list_done(&c->files);
    file_list_done(&c->known);
    free(c->folder);
    capture_base_done(base);
    free(c->out_path);
    free(c);
}

static const struct capture_ops file_ops = {
    .recv = file_recv,
    .more = file_more,
    .leave = file_leave,
    .iface_name = file_iface_name,
    .close = file_close,
};

static int follow_folder(struct capfile *c, const char *path, const struct capture_file_options *o,
                         struct diags *d)
{
    c->folder = strdup(path);
    c->recursive = o->recursive;
    c->poll_ns = o->poll_ns;
    c->delay_ns = o->delay_ns;
    if (access(path, R_OK | X_OK) == 0)
        return c->folder ? 0 : -ENOMEM;
    int r = -errno;
    diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "can't read the folder: %s", strerror(-r));
    return r;
}

static int find_files(struct capfile *c, const char *path, const struct capture_file_options *o,
                      struct diags *d)
{
    struct stat st;
    bool folder = strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (o->follow && !folder) {
        diag_add(d, DIAG_ERROR, path, 0, 0, "give the folder that the captures come into",
                 "only a folder can be followed");
        return -ENOTDIR;
    }
    if (o->follow)
        return follow_folder(c, path, o, d);
    if (folder) {
        int r = file_list_folder(&c->files, path, o->recursive, o->by_time, d);
        if (r == 0 && c->files.n == 0) {
            diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "no capture file in this folder");
            r = -ENOENT;
        }
        return r;
    }
    int r = file_list_add(&c->files, path);
    if (r < 0)
        diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "%s", strerror(-r));
    return r;
}

/* Opens the first file, so that a wrong name shows at once; one of a folder is told by recv. */
static bool start(struct capfile *c, const char *path, struct diags *d)
{
    if (c->folder || open_next(c) || c->files.n > 1 || !c->pending_error)
        return true;
    const char *text = c->base.error, *behind = strstr(text, ": offset ");
    diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "%s", behind ? behind + 2 : text);
    return false;
}

struct capture *capture_file_open(const char *path, const struct capture_file_options *o,
                                  struct diags *d)
{
    static const struct capture_file_options none;
    char why[300];
    o = o ? o : &none;
    struct capfile *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    capture_base_init(&c->base, &file_ops, o->hold_cap_bytes);
    c->delete_done = o->delete_done;
    c->stop = o->stop;
    if (find_files(c, path, o, d) < 0)
        goto fail;
    if (o->bpf && o->bpf[0] && !(c->filter = cap_filter_new(o->bpf, why, sizeof why))) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "see pcap-filter(7)", "%s", why);
        goto fail;
    }
    if (!start(c, path, d))
        goto fail;
    if (o->out_path && !(c->out_path = strdup(o->out_path)))
        goto fail;
    return &c->base;
fail:
    file_close(&c->base);
    return NULL;
}
