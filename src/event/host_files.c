/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snort's ASCII log: a folder for each host, in it a file for each connection.
 *
 * The folder is that of the host outside of `home`, or where that does not tell, of the end with
 * the higher port (the client's, as a rule), so that both directions share a file.  Few files are
 * open at a time; the one used longest ago makes room.  Names are made of addresses and numbers.
 */
#include "event/logger_impl.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES = 8, NAME = 80 };

struct host_files {
    char *dir;
    struct ip_prefix home;
    bool has_home;
    uint64_t turn;
    struct host_file {
        char name[NAME];
        struct out *out;
        uint64_t used;
    } file[FILES];
};

struct host_files *host_files_new(const char *dir, const char *home)
{
    struct host_files *h = calloc(1, sizeof(*h));
    if (!h || !(h->dir = strdup(dir))) {
        free(h);
        return NULL;
    }
    h->has_home = home && ip_prefix_parse(str_cstr(home), &h->home);
    return h;
}

void host_files_free(struct host_files *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < FILES; i++)
        out_free(h->file[i].out);
    free(h->dir);
    free(h);
}

void host_files_each(struct host_files *h, void (*f)(struct out *o))
{
    for (unsigned i = 0; h && i < FILES; i++)
        if (h->file[i].out)
            f(h->file[i].out);
}

static bool at_home(const struct host_files *h, uint8_t ver, const struct ip_addr *a)
{
    return h->has_home && ip_prefix_has(&h->home, ver, a);
}

/* ADDRESS/PROTO:PORT-PORT; of frames without IP a file of their own. */
static void name_of(const struct host_files *h, const struct event *e, char folder[NAME],
                    char name[NAME])
{
    char text[IP_TEXT], proto[24];
    bool icmp = e->proto == IPPROTO_ICMP || e->proto == IPPROTO_ICMPV6;
    bool src_home = at_home(h, e->ver, &e->src), dst_home = at_home(h, e->ver, &e->dst);
    bool ports = e->proto == IPPROTO_TCP || e->proto == IPPROTO_UDP;
    bool dst = src_home != dst_home ? src_home : ports && e->dp > e->sp;
    folder[0] = 0;
    if (!e->ver) {
        snprintf(name, NAME, "NO_IP");
        return;
    }
    snprintf(folder, NAME, "%s", ip_format(dst ? &e->dst : &e->src, e->ver, text));
    event_proto_text(e->proto, 0, proto);
    if (ports)
        snprintf(name, NAME, "%s/%s:%u-%u", folder, proto, e->sp >= e->dp ? e->sp : e->dp,
                 e->sp >= e->dp ? e->dp : e->sp);
    else if (icmp)
        snprintf(name, NAME, "%s/ICMP:%u-%u", folder, e->sp, e->dp);
    else
        snprintf(name, NAME, "%s/PROTO%u", folder, e->proto);
}

static struct host_file *oldest(struct host_files *h)
{
    struct host_file *best = &h->file[0];
    for (unsigned i = 1; i < FILES; i++)
        if (h->file[i].used < best->used)
            best = &h->file[i];
    return best;
}

struct out *host_files_get(struct host_files *h, struct logger *l, const struct event_view *v)
{
    char folder[NAME], name[NAME], path[PATH_MAX];
    name_of(h, v->head, folder, name);
    h->turn++;
    for (unsigned i = 0; i < FILES; i++)
        if (h->file[i].out && !strcmp(h->file[i].name, name)) {
            h->file[i].used = h->turn;
            return h->file[i].out;
        }
    struct host_file *f = oldest(h);
    out_free(f->out);
    *f = (struct host_file){.used = h->turn};
    struct out_config c = {.kind = OUT_FILE, .path = path, .text = true};
    int n = snprintf(path, sizeof(path), "%s/%s", h->dir, folder);
    int rc = n < 0 || n >= (int)sizeof(path) - NAME ? -ENAMETOOLONG : 0;
    if (!rc && *folder && mkdir(path, 0750) && errno != EEXIST)
        rc = -errno;
    if (!rc) {
        snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        rc = out_new(&c, &l->st, &f->out);
    }
    if (rc) {
        f->out = NULL;
        l->st.count.write_errors++;
        l->st.count.lost++;
        snprintf(l->st.error, sizeof(l->st.error), "%.120s: %s", name, strerror(-rc));
        return NULL;
    }
    memcpy(f->name, name, sizeof(f->name));
    return f->out;
}
