/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading records back.  What comes here was written by another process and is not believed. */
#include "event/record.h"

#include <string.h>

static const uint32_t section_least[16] = {
    [SECTION_ALERT] = sizeof(struct event_alert),
    [SECTION_PACKET] = sizeof(struct event_packet),
    [SECTION_VERDICT] = sizeof(struct event_verdict),
    [SECTION_FILE] = sizeof(struct event_file),
};

static bool text_fits(struct str section, struct event_text t)
{
    return t.at <= section.n && t.n <= section.n - t.at;
}

static bool alert_good(const struct event_view *v)
{
    struct event_alert a;
    if (!view_alert(v, &a))
        return true;
    struct str s = v->section[SECTION_ALERT];
    return text_fits(s, a.msg) && text_fits(s, a.class_text) && text_fits(s, a.references) &&
           text_fits(s, a.metadata) && text_fits(s, a.extra) && text_fits(s, a.rule);
}

static bool packet_good(const struct event_view *v)
{
    struct event_packet p;
    struct str s = v->section[SECTION_PACKET];
    if (!s.n)
        return true;
    memcpy(&p, s.p, sizeof(p));
    return p.len <= s.n - sizeof(p);
}

static bool verdict_good(const struct event_view *v)
{
    struct event_verdict d;
    struct str s = v->section[SECTION_VERDICT];
    if (!s.n)
        return true;
    memcpy(&d, s.p, sizeof(d));
    return d.status <= STATUS_COULD_NOT && d.action <= EVENT_VERDICT_ACCEPT &&
           d.reject_target <= REJECT_BOTH && text_fits(s, d.reason);
}

static bool head_good(const struct event *h, size_t n)
{
    return h->size == n && h->type < EVENT_TYPE_COUNT &&
           (h->ver == 0 || h->ver == 4 || h->ver == 6) && h->vlan_n <= ARRAY_LEN(h->vlan) &&
           (h->dir <= 1 || h->dir == 0xff);
}

static bool sections_read(struct cursor *c, struct event_view *v)
{
    while (cur_left(c)) {
        struct section_head h;
        const uint8_t *p = cur_take(c, sizeof(h));
        if (!p)
            return false;
        memcpy(&h, p, sizeof(h));
        if (!h.tag || h.tag >= ARRAY_LEN(v->section) || v->section[h.tag].p || h.len > EVENT_MOST ||
            h.len < section_least[h.tag])
            return false;
        p = cur_take(c, ((size_t)h.len + 7) & ~(size_t)7);
        if (!p)
            return false;
        v->section[h.tag] = (struct str){p, h.len};
    }
    return true;
}

bool event_view(const void *record, size_t n, struct event_view *out)
{
    struct event_view v = {0};
    if (n < sizeof(struct event) || n > EVENT_MOST || ((uintptr_t)record & 7))
        return false;
    v.head = record;
    struct cursor c = cur_of(record, n);
    if (!cur_skip(&c, sizeof(struct event)) || !head_good(v.head, n) || !sections_read(&c, &v) ||
        !alert_good(&v) || !packet_good(&v) || !verdict_good(&v))
        return false;
    *out = v;
    return true;
}

bool event_alert_text(const struct event_view *v, struct event_text t, struct str *out)
{
    struct str s = v->section[SECTION_ALERT];
    if (!t.n || !text_fits(s, t))
        return false;
    *out = (struct str){s.p + t.at, t.n};
    return true;
}

bool view_alert(const struct event_view *v, struct event_alert *out)
{
    struct str s = v->section[SECTION_ALERT];
    if (!s.n)
        return false;
    memcpy(out, s.p, sizeof(*out));
    return true;
}

bool view_file(const struct event_view *v, struct event_file *out)
{
    struct str s = v->section[SECTION_FILE];
    if (!s.n)
        return false;
    memcpy(out, s.p, sizeof(*out));
    return true;
}

bool view_packet(const struct event_view *v, struct event_packet *out, struct str *frame)
{
    struct str s = v->section[SECTION_PACKET];
    if (!s.n)
        return false;
    memcpy(out, s.p, sizeof(*out));
    *frame = (struct str){s.p + sizeof(*out), out->len};
    return true;
}

bool view_verdict(const struct event_view *v, struct event_verdict *out, struct str *reason)
{
    struct str s = v->section[SECTION_VERDICT];
    if (!s.n)
        return false;
    memcpy(out, s.p, sizeof(*out));
    *reason = (struct str){s.p + out->reason.at, out->reason.n};
    return true;
}
