/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings, and what can be said of a path or a value by it. */
#include "config/tree.h"

#include <stdio.h>
#include <string.h>

#define LIVE                                      true
#define RESTART                                   false
#define X(path, type, dflt, min, max, when, help) {path, dflt, min, max, SET_##type, when, help},
static const struct setting settings[] = {
#include "config/settings.def"
};
#undef X

const struct setting *settings_all(size_t *n)
{
    *n = ARRAY_LEN(settings);
    return settings;
}

const struct setting *setting_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!strcmp(settings[i].path, path))
            return &settings[i];
    return NULL;
}

enum { NEAR_LENGTH = 120, NEAR_MOST = 4 };

/* Edit distance (insert, delete, change), or more than NEAR_MOST. */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
    unsigned row[NEAR_LENGTH + 1];
    if (an > NEAR_LENGTH || bn > NEAR_LENGTH || an > bn + NEAR_MOST || bn > an + NEAR_MOST)
        return NEAR_MOST + 1;
    for (unsigned k = 0; k <= bn; k++)
        row[k] = k;
    for (size_t i = 1; i <= an; i++) {
        unsigned corner = row[0], best = row[0] = (unsigned)i;
        for (size_t k = 1; k <= bn; k++) {
            unsigned change = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            row[k] = u32_min(change, u32_min(row[k], row[k - 1]) + 1);
            best = u32_min(best, row[k]);
        }
        if (best > NEAR_MOST)
            return best;
    }
    return row[bn];
}

void name_offer(struct name_search *s, const char *known)
{
    if (!s->most)
        s->most = u32_min(NEAR_MOST, s->name.n / 3) + 1;
    unsigned d = distance((const char *)s->name.p, s->name.n, known, strlen(known));
    /* Of equally near ones the one with the same first letter. */
    bool rather = s->best && d == s->most && s->name.n && s->best[0] != (char)s->name.p[0] && known[0] == (char)s->name.p[0];
    if (d < s->most || rather) {
        s->most = d;
        s->best = known;
    }
}

const char *setting_nearest(const char *path)
{
    struct name_search s = {.name = str_cstr(path)};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        name_offer(&s, settings[i].path);
    return s.best;
}

bool section_nearest(const char *path, char *out, size_t room)
{
    size_t n = strlen(path), at = 0;
    unsigned best = u32_min(NEAR_MOST, (uint32_t)n / 3) + 1, dots = 0;
    for (size_t k = 0; k < n; k++)
        dots += path[k] == '.';
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const char *s = settings[i].path, *end = s;
        for (unsigned k = 0; (end = strchr(end, '.')) && k < dots; k++)
            end++;
        if (!end)
            continue;
        unsigned d = distance(path, n, s, (size_t)(end - s));
        if (d < best && (size_t)(end - s) < room) {
            best = d;
            at = (size_t)(end - s);
            memcpy(out, s, at);
            out[at] = 0;
        }
    }
    return at > 0;
}

/* Among the keys beside it: the same parent, another last word. */
static bool sibling_nearest(const char *path, char *out, size_t room)
{
    const char *dot = strrchr(path, '.');
    size_t head = dot ? (size_t)(dot - path) + 1 : 0;
    struct name_search s = {.name = str_cstr(path + head)};
    char best[CONF_PATH] = "", word[CONF_PATH];
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        size_t n = strncmp(settings[i].path, path, head) ? 0 : strcspn(settings[i].path + head, ".");
        if (!n || n >= sizeof(word))
            continue;
        memcpy(word, settings[i].path + head, n);
        word[n] = 0;
        s.best = NULL;
        name_offer(&s, word);
        if (s.best)
            memcpy(best, word, n + 1);
    }
    int n = snprintf(out, room, "%.*s%s", (int)head, path, best);
    return *best && n > 0 && (size_t)n < room;
}

const char *key_nearest(const char *path, char *room, size_t n)
{
    if (sibling_nearest(path, room, n))
        return room;
    const char *near = setting_nearest(path);
    return near ? near : section_nearest(path, room, n) ? room : NULL;
}

static const char *number_wrong(const struct setting *s, bool read, bool fits)
{
    static const char *const what[] = {
        [SET_INT] = "not a whole number",
        [SET_BYTES] = "not a size (10, 10kb, 10 MiB ...)",
        [SET_TIME] = "not a time (10, 10s, 100ms, 1m ...)",
    };
    if (!read)
        return what[s->type];
    return fits || (!s->min && !s->max) ? NULL : "out of range";
}

/*
 * What a text may be, where it is not free: one of these words, or a list of ports.  (Columns of
 * their own for few rows would make the table of settings hard to read.)
 */
#define POLICIES                                                                                   \
    "auto, ignore, drop-packet, drop-flow, pass-packet, pass-flow, bypass, reject, reject-both"
static const char a_port_list[] = "ports: [80, 8000:8080, !8001], any, $NAME";
static const struct choice {
    const char *path, *words;
} choices[] = {
    {"legacy.uricontent", "enabled, disabled"},
    {"detect.event-queue.order", "content_length, priority"},
    {"host-mode", "auto, router, sniffer-only"},
    {"capture.ring", "auto, v2, v3"},
    {"capture.library", "auto, af-packet, pcap"},
    {"capture.checksum-validation", "none, all, auto, yes, no, kernel, rx-only"},
    {"pcap-file.checksum-checks", "auto, yes, no"},
    {"response.mode", "auto, link, ip"},
    {"worker-priority", "auto, realtime, normal"},
    {"exception-policy", POLICIES},
    {"app-layer.error-policy", POLICIES},
    {"defrag.memcap-policy", POLICIES},
    {"flow.memcap-policy", POLICIES},
    {"stream.memcap-policy", POLICIES},
    {"stream.midstream-policy", POLICIES},
    {"stream.reassembly.memcap-policy", POLICIES},
    {"capture.pair-mode", "auto, af-packet, af-xdp"},
    {"capture.queue-rules", "set, none"},
    {"capture.queue-mode", "accept, repeat, route"},
    {"capture.queue-full", "forward, drop"},
    {"link-loss", "propagate, ignore"},
    {"fail-open.start", "forward, hold"},
    {"fail-open.stop", "forward, remove"},
    {"fail-open.on-stale", "forward, drop"},
    {"stream.inline", "auto, yes, no"},
    {"stream.inspect", "auto, arrival, ack"},
    {"stream.reassembly.urgent.policy", "oob, inline, drop, gap"},
    {"stream.reassembly.urgent.oob-limit-policy", "drop, inline, gap"},
    {"decoder.teredo.ports", a_port_list},
    {"decoder.vxlan.ports", a_port_list},
    {"decoder.geneve.ports", a_port_list},
};

/* Of each protocol that has one. */
static const struct choice protocol_choices[] = {
    {".enabled", "yes, no, detection-only"},
    {".ja3-fingerprints", "yes, no, auto"},
    {".ja4-fingerprints", "yes, no, auto"},
    {".hassh", "yes, no, auto"},
    {".encryption-handling", "track-only, full, bypass, default"},
};

static const char *words_of(const char *path)
{
    static const char protocols[] = "app-layer.protocols.";
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (!strcmp(choices[i].path, path))
            return choices[i].words;
    struct str s = str_cstr(path), key = str_starts(s, str_cstr(protocols)) ? str_skip(s, sizeof(protocols) - 1) : STR("");
    int64_t dot = str_chr(key, '.');
    for (size_t i = 0; i < ARRAY_LEN(protocol_choices) && dot > 0; i++)
        if (str_eq(str_skip(key, (uint32_t)dot), str_cstr(protocol_choices[i].path)))
            return protocol_choices[i].words;
    return NULL;
}

static bool is_port(struct str s)
{
    uint64_t v;
    return str_u64(s, &v) && v <= 65535;
}

/* 80, 1:1024, 1024:, :1024, !80, $NAME, any, [...] of these to some depth. */
static bool ports_good(struct str s, unsigned depth)
{
    s = str_trim(s);
    if (s.n && s.p[0] == '!')
        s = str_trim(str_skip(s, 1));
    if (!s.n || depth > 8)
        return false;
    if (s.p[0] == '$')
        return s.n > 1;
    if (s.p[0] != '[' || s.p[s.n - 1] != ']') {
        int64_t colon = str_chr(s, ':');
        struct str lo = str_trim(colon < 0 ? s : str_first(s, (uint32_t)colon)),
                   hi = colon < 0 ? lo : str_trim(str_skip(s, (uint32_t)colon + 1));
        if (str_ieq(s, STR("any")))
            return true;
        uint64_t a = 0, b = 65535;
        return (lo.n || (colon >= 0 && hi.n)) && (!lo.n || (is_port(lo) && str_u64(lo, &a))) &&
               (!hi.n || (is_port(hi) && str_u64(hi, &b))) && a <= b;
    }
    s = str_of(s.p + 1, s.n - 2);
    while (s.n) { /* commas of inner brackets do not part */
        uint32_t n = 0, open = 0;
        for (; n < s.n && (open || s.p[n] != ','); n++)
            open += s.p[n] == '[' ? 1u : s.p[n] == ']' && open ? UINT32_MAX : 0;
        if (!ports_good(str_first(s, n), depth + 1))
            return false;
        s = str_skip(s, n < s.n ? n + 1 : n);
    }
    return true;
}

/* A bare list, as these settings have it: "80, 443". */
static bool ports_list_good(const char *value)
{
    struct str s = str_trim(str_cstr(value));
    if (s.n && (s.p[0] == '[' || s.p[0] == '!'))
        return ports_good(s, 0);
    while (s.n) {
        struct str one = str_split(s, ',', &s);
        if (!ports_good(one, 0))
            return false;
    }
    return true;
}

static bool is_choice(const char *words, const char *value, bool any_case)
{
    int truth = conf_truth(value);
    struct str left = str_cstr(words);
    while (left.n) {
        struct str one = str_trim(str_split(left, ',', &left));
        bool yes = str_eq(one, STR("yes")), no = str_eq(one, STR("no"));
        if (str_eq(one, str_cstr(value)) || (any_case && str_ieq(one, str_cstr(value))) || (yes && truth == 1) || (no && truth == 0))
            return true;
    }
    return false;
}

static const char *text_wrong(const struct setting *s, const char *value)
{
    const char *words = words_of(s->path);
    if (words)
        return (words == a_port_list ? ports_list_good(value) : is_choice(words, value, !strncmp(s->path, "app-layer.protocols.", 20))) ? NULL : "no such value";
    uint64_t mask;
    if (!strcmp(s->path, "umask"))
        return str_u64_base(str_cstr(value), 8, &mask) && mask <= 0777 ? NULL
                                                                       : "not octal, 0 to 777";
    size_t n = strlen(s->path);
    bool dp = n > 19 && (!strcmp(s->path + n - 19, ".detection-ports.dp") ||
                         !strcmp(s->path + n - 19, ".detection-ports.sp"));
    return dp && !ports_list_good(value) ? "no list of ports" : NULL;
}

const char *setting_choices(const struct setting *s)
{
    return words_of(s->path);
}

const char *value_hint(const struct setting *s, char *to, size_t room)
{
    const char *words = setting_choices(s);
    if (words)
        return words;
    if ((s->type != SET_INT && s->type != SET_BYTES && s->type != SET_TIME) || (!s->min && !s->max))
        return NULL;
    static const char *const unit[] = {[SET_BYTES] = " bytes", [SET_TIME] = " seconds"};
    snprintf(to, room, "%lld to %lld%s", (long long)s->min, (long long)s->max,
             s->type == SET_INT ? "" : unit[s->type]);
    return to;
}

const char *value_wrong(const struct setting *s, const char *value)
{
    uint64_t u = 0;
    int64_t i = 0;
    bool read;
    switch (s->type) {
    case SET_BOOL:
        return conf_truth(value) < 0 ? "neither yes nor no" : NULL;
    case SET_INT:
        read = str_i64(str_cstr(value), &i);
        return number_wrong(s, read, i >= s->min && i <= s->max);
    case SET_BYTES:
        read = str_size(str_cstr(value), &u);
        return number_wrong(s, read, u >= (uint64_t)s->min && u <= (uint64_t)s->max);
    case SET_TIME:
        read = value_time(value, &u);
        u /= 1000000000u;
        return number_wrong(s, read, u >= (uint64_t)s->min && u <= (uint64_t)s->max);
    case SET_STR:
        return text_wrong(s, value);
    case SET_MAP:
    case SET_LIST:
        break;
    }
    return NULL;
}
