/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of lists: a key a line, with a score behind a comma for reputation. */
#include "rules/lists.h"

#include "base/ip.h"

#include <errno.h>
#include <string.h>

static int digit64(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

/* RFC 4648, with padding or without. */
static bool base64_read(struct arena *a, struct str s, struct str *out)
{
    while (s.n && s.p[s.n - 1] == '=')
        s.n--;
    uint8_t *p = arena_alloc_raw(a, s.n * 3 / 4 + 1);
    uint32_t n = 0, bits = 0, have = 0;
    if (!p || s.n % 4 == 1)
        return false;
    for (uint32_t i = 0; i < s.n; i++) {
        int v = digit64(s.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            p[n++] = (uint8_t)(bits >> have);
        }
    }
    *out = str_of(p, n);
    return true;
}

static bool hex_read(struct arena *a, struct str s, uint32_t bytes, struct str *out)
{
    uint8_t *p = arena_alloc_raw(a, bytes + 1);
    if (!p || s.n != 2 * bytes)
        return false;
    for (uint32_t i = 0; i < bytes; i++) {
        uint64_t v;
        if (!str_u64_base(str_of(s.p + 2 * i, 2), 16, &v))
            return false;
        p[i] = (uint8_t)v;
    }
    *out = str_of(p, bytes);
    return true;
}

static bool ip_read(struct arena *a, unsigned type, struct str s, struct str *out)
{
    struct ip_addr ip;
    uint8_t ver;
    if (!ip_parse(s, &ip, &ver) || (type == LISTED_IPV4 && ver != 4))
        return false;
    *out = type == LISTED_IPV4 ? arena_dup(a, ip.b + 12, 4) : arena_dup(a, ip.b, 16);
    return out->p != NULL;
}

bool list_key(struct arena *a, unsigned type, struct str text, bool base64, struct str *out)
{
    switch ((enum listed_type)type) {
    case LISTED_STRING:
        *out = text;
        return text.n && (!base64 || base64_read(a, text, out));
    case LISTED_MD5:
        return hex_read(a, text, 16, out);
    case LISTED_SHA1:
        return hex_read(a, text, 20, out);
    case LISTED_SHA256:
        return hex_read(a, text, 32, out);
    case LISTED_IPV4:
    case LISTED_IP:
    case LISTED_IPV6:
        return ip_read(a, type, text, out);
    }
    return false;
}

static int line_read(struct list_file *f, struct str line, unsigned no)
{
    static const char *const form[] = {[LISTED_STRING] = "a string in base64",
                                       [LISTED_MD5] = "an MD5 in hex",
                                       [LISTED_SHA256] = "a SHA-256 in hex",
                                       [LISTED_IPV4] = "an IPv4 address",
                                       [LISTED_IP] = "an address",
                                       [LISTED_IPV6] = "an address",
                                       [LISTED_SHA1] = "a SHA-1 in hex"};
    struct str key = line, rest = {0}, bytes;
    uint64_t score = 0;
    if (f->kind == LISTED_REP)
        key = str_trim(str_split(line, ',', &rest));
    if (f->kind == LISTED_DIGESTS) { /* md5sum and its like write the name behind */
        rest = line;
        key = word_next(&rest);
    }
    if (!list_key(f->arena, f->type, key, true, &bytes))
        return list_bad(f->error, "one a line, in the form of the set's type",
                        "%s:%u: '%.*s' is not %s", f->path, no, key.n < 80 ? (int)key.n : 80,
                        (const char *)key.p, form[f->type]);
    if (f->kind == LISTED_REP && (!str_u64(str_trim(rest), &score) || score > UINT16_MAX))
        return list_bad(f->error, "KEY,SCORE in each line, with a score from 0 to 65535",
                        "%s:%u: the score is missing or no number", f->path, no);
    return list_add(f, bytes, (uint32_t)score, (struct str){0});
}

int list_read_lines(struct list_file *f)
{
    unsigned no = 0;
    int rc = 0;
    for (struct str rest = f->text; rest.n && !rc;) {
        struct str line = str_trim(str_split(rest, '\n', &rest));
        no++;
        if (line.n && !(f->kind == LISTED_DIGESTS && line.p[0] == '#'))
            rc = line_read(f, line, no);
    }
    return rc;
}
