/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BPF filters by link type (capture.h): a small table, filled when a link type is first seen. */
#include "capture/capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 16, SNAP = 262144 };

struct program {
    uint16_t link;
    bool good;
    struct bpf_program code;
};
struct cap_filter {
    char *text;
    unsigned n, last;
    struct program program[PROGRAMS];
    char why[300];
};

/* Link types of files are numbered apart from libpcap's own where systems disagree. */
static int dlt_of(uint16_t link)
{
    switch (link) {
    case LINK_RAW:
    case LINK_RAW_OLD:
    case LINK_RAW_BSD:
        return DLT_RAW;
    default:
        return link;
    }
}

static bool compile(struct cap_filter *f, struct program *p, uint16_t link)
{
    p->link = link;
    p->good = false;
    pcap_t *h = pcap_open_dead(dlt_of(link), SNAP);
    if (!h) {
        snprintf(f->why, sizeof f->why, "no memory for the filter");
        return false;
    }
    p->good = pcap_compile(h, &p->code, f->text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!p->good)
        snprintf(f->why, sizeof f->why, "filter \"%.100s\" for link type %u: %.120s", f->text, link,
                 pcap_geterr(h));
    pcap_close(h);
    return p->good;
}

struct cap_filter *cap_filter_new(const char *text, char *why, size_t why_room)
{
    struct cap_filter *f = calloc(1, sizeof *f);
    if (f)
        f->text = strdup(text);
    if (!f || !f->text) {
        snprintf(why, why_room, "no memory for the filter");
        free(f);
        return NULL;
    }
    /* "ether ..." is no filter for raw IP, and rarely the other way round: one of them must take
     * it. */
    bool ok = compile(f, &f->program[0], LINK_ETHERNET);
    f->n = 1;
    if (!ok) {
        snprintf(why, why_room, "%s", f->why);
        ok = compile(f, &f->program[f->n++], LINK_RAW);
    }
    if (ok)
        return f;
    cap_filter_free(f);
    return NULL;
}

void cap_filter_free(struct cap_filter *f)
{
    if (!f)
        return;
    for (unsigned i = 0; i < f->n; i++)
        if (f->program[i].good)
            pcap_freecode(&f->program[i].code);
    free(f->text);
    free(f);
}

static struct program *program_of(struct cap_filter *f, uint16_t link)
{
    if (f->program[f->last].link == link)
        return &f->program[f->last];
    for (unsigned i = 0; i < f->n; i++)
        if (f->program[i].link == link) {
            f->last = i;
            return &f->program[i];
        }
    if (f->n == PROGRAMS) {
        snprintf(f->why, sizeof f->why, "more than %u link types for one filter", PROGRAMS);
        return NULL;
    }
    f->last = f->n++;
    compile(f, &f->program[f->last], link);
    return &f->program[f->last];
}

int cap_filter_keep(struct cap_filter *f, const struct frame *fr)
{
    struct program *p = program_of(f, fr->link);
    if (!p || !p->good)
        return -1;
    return bpf_filter(p->code.bf_insns, fr->data, fr->wire_len, fr->len) != 0;
}

const char *cap_filter_why(const struct cap_filter *f)
{
    return f->why;
}
