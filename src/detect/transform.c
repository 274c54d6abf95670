/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transforms of sticky buffers: each makes new bytes in the packet's arena from the bytes before it. */
#include "detect/match.h"

#include "base/hash.h"

#include <ctype.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

typedef bool transform_fn(struct detect *d, struct str arg, struct input *in);

static uint8_t *room(struct detect *d, size_t n) { return arena_alloc_raw(&d->arena, n ? n : 1); }

static bool give(struct input *in, const uint8_t *p, size_t n)
{
    in->p = p;
    in->n = (uint32_t)n;
    return true;
}

static bool dotprefix(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    uint8_t *o = room(d, in->n + 1u);
    if (!o)
        return false;
    o[0] = '.';
    memcpy(o + 1, in->p, in->n);
    return give(in, o, in->n + 1u);
}

static bool map_bytes(struct detect *d, struct input *in, int (*f)(int))
{
    uint8_t *o = room(d, in->n);
    if (!o)
        return false;
    for (uint32_t k = 0; k < in->n; k++)
        o[k] = (uint8_t)f(in->p[k]);
    return give(in, o, in->n);
}

static bool lower(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return map_bytes(d, in, tolower);
}

static bool upper(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return map_bytes(d, in, toupper);
}

static int other_case(int c) { return islower(c) ? toupper(c) : tolower(c); }

static bool casechange(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return map_bytes(d, in, other_case);
}

static bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool blanks(struct detect *d, struct input *in, bool keep_one)
{
    uint8_t *o = room(d, in->n);
    uint32_t n = 0;
    if (!o)
        return false;
    for (uint32_t k = 0; k < in->n; k++) {
        bool blank = is_blank(in->p[k]);
        if (!blank || (keep_one && (k == 0 || !is_blank(in->p[k - 1]))))
            o[n++] = in->p[k];
    }
    return give(in, o, n);
}

static bool strip_whitespace(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return blanks(d, in, false);
}

static bool compress_whitespace(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return blanks(d, in, true);
}

static bool digest(struct detect *d, struct input *in, enum digest_kind kind)
{
    uint8_t *o = room(d, DIGEST_MAX);
    return o && give(in, o, digest_of(kind, in->p, in->n, o));
}

static bool to_md5(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return digest(d, in, DIGEST_MD5);
}

static bool to_sha1(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return digest(d, in, DIGEST_SHA1);
}

static bool to_sha256(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    return digest(d, in, DIGEST_SHA256);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool url_decode(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    uint8_t *o = room(d, in->n);
    uint32_t n = 0;
    if (!o)
        return false;
    for (uint32_t k = 0; k < in->n; k++) {
        uint8_t c = in->p[k];
        if (c == '%' && k + 2 < in->n && hex_digit(in->p[k + 1]) >= 0 && hex_digit(in->p[k + 2]) >= 0) {
            c = (uint8_t)(hex_digit(in->p[k + 1]) << 4 | hex_digit(in->p[k + 2]));
            k += 2;
        } else if (c == '+') {
            c = ' ';
        }
        o[n++] = c;
    }
    return give(in, o, n);
}

/* The key is hex digits. */
static bool xor_key(struct detect *d, struct str arg, struct input *in)
{
    uint8_t *o = room(d, in->n);
    uint32_t n = arg.n / 2;
    if (!o || !n)
        return false;
    for (uint32_t k = 0; k < in->n; k++) {
        uint32_t x = k % n * 2;
        o[k] = (uint8_t)(in->p[k] ^ (hex_digit(arg.p[x]) << 4 | hex_digit(arg.p[x + 1])));
    }
    return give(in, o, in->n);
}

/* Names before the colon in lower case; lines end with LF. */
static bool header_lowercase(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    uint8_t *o = room(d, in->n);
    bool name = true;
    if (!o)
        return false;
    for (uint32_t k = 0; k < in->n; k++) {
        uint8_t c = in->p[k];
        name = c == '\n' ? true : c == ':' ? false : name;
        o[k] = name ? (uint8_t)tolower(c) : c;
    }
    return give(in, o, in->n);
}

/* Drops lines that begin with a colon (HTTP/2's pseudo headers). */
static bool strip_pseudo(struct detect *d, struct str arg, struct input *in)
{
    (void)arg;
    uint8_t *o = room(d, in->n);
    uint32_t n = 0;
    bool skip = in->n && in->p[0] == ':';
    if (!o)
        return false;
    for (uint32_t k = 0; k < in->n; k++) {
        if (!skip)
            o[n++] = in->p[k];
        if (in->p[k] == '\n')
            skip = k + 1 < in->n && in->p[k + 1] == ':';
    }
    return give(in, o, n);
}

static bool last_labels(struct input *in, unsigned labels)
{
    uint32_t at = in->n, dots = 0;
    while (at > 0) {
        if (in->p[at - 1] == '.' && ++dots == labels)
            break;
        at--;
    }
    if (dots + 1 < labels)
        return give(in, in->p, 0);
    return give(in, in->p + at, in->n - at);
}

static bool domain(struct detect *d, struct str arg, struct input *in)
{
    (void)d, (void)arg;
    return last_labels(in, 2);
}

static bool tld(struct detect *d, struct str arg, struct input *in)
{
    (void)d, (void)arg;
    return last_labels(in, 1);
}

/* Foreign bytes are skipped up to the padding; options (bytes, offset, mode) by the rule languages. */
/* The word behind `key` in "key value, key value" or "key: value"; empty: it isn't there. */
static struct str option(struct str arg, const char *key)
{
    while (arg.n) {
        struct str one = str_trim(str_split(arg, ',', &arg));
        uint32_t n = (uint32_t)strlen(key);
        if (one.n > n && !memcmp(one.p, key, n) && (one.p[n] == ' ' || one.p[n] == ':' || one.p[n] == '\t'))
            return str_trim(str_skip(one, n + 1));
    }
    return STR("");
}

static uint64_t number_option(struct str arg, const char *key, uint64_t none)
{
    uint64_t v;
    struct str s = option(arg, key);
    return s.n && str_u64(s, &v) ? v : none;
}

/* rfc4648 ends at the first byte that is none of its letters, rfc2045 goes over it, strict gives nothing. */
static bool from_base64(struct detect *d, struct str arg, struct input *in)
{
    uint64_t offset = number_option(arg, "offset", 0), bytes = number_option(arg, "bytes", UINT64_MAX);
    struct str mode = option(arg, "mode");
    bool over = str_eq(mode, STR("rfc2045")), strict = str_eq(mode, STR("strict"));
    uint8_t *o = room(d, in->n + 1u);
    uint32_t bits = 0, have = 0, n = 0;
    if (!o)
        return false;
    uint32_t from = (uint32_t)u64_min(offset, in->n), end = from + (uint32_t)u64_min(bytes, in->n - from);
    for (uint32_t k = from; k < end && in->p[k] != '='; k++) {
        int v = base64_value(in->p[k]);
        if (v < 0 && strict)
            return give(in, o, 0);
        if (v < 0 && !over)
            break;
        if (v < 0)
            continue;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            o[n++] = (uint8_t)(bits >> have);
        }
    }
    return give(in, o, n);
}

static bool inflate_bytes(struct detect *d, struct str arg, struct input *in, int window)
{
    enum { MOST = 1 << 16 };
    uint32_t most = (uint32_t)u64_min(number_option(arg, "max-size", MOST), MOST);
    uint8_t *o = room(d, MOST);
    z_stream z = {.next_in = in->p, .avail_in = in->n, .next_out = o, .avail_out = most};
    if (!o || inflateInit2(&z, window) != Z_OK)
        return false;
    int rc = inflate(&z, Z_FINISH);
    size_t n = most - z.avail_out;
    inflateEnd(&z);
    return give(in, o, rc == Z_STREAM_END || rc == Z_BUF_ERROR ? n : 0);
}

static bool gunzip(struct detect *d, struct str arg, struct input *in)
{
    return inflate_bytes(d, arg, in, 15 + 16);
}

static bool zlib_deflate(struct detect *d, struct str arg, struct input *in)
{
    return inflate_bytes(d, arg, in, 15);
}

/* The first group of the pattern; without a match the bytes stay. */
static bool pcrexform(struct detect *d, struct str arg, struct input *in)
{
    int err;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile(arg.p, arg.n, 0, &err, &at, NULL);
    pcre2_match_data *m = code ? pcre2_match_data_create(2, NULL) : NULL;
    if (m && pcre2_match(code, in->p, in->n, 0, 0, m, d->pcre_context) > 1) {
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(m);
        in->n = (uint32_t)(v[3] - v[2]);
        in->p += v[2];
    }
    pcre2_match_data_free(m);
    pcre2_code_free(code);
    return true;
}

/* Out of "Name: value" lines the value of one; none: there is no buffer. */
static bool header_field(struct detect *d, struct str arg, struct input *in)
{
    (void)d;
    struct str left = str_of(in->p, in->n);
    while (left.n) {
        struct str value, line = str_split(left, '\n', &left), name = str_split(line, ':', &value);
        if (str_ieq(str_trim(name), arg) && name.n < line.n) {
            value = str_trim(value);
            return give(in, value.p, value.n);
        }
    }
    return false;
}

/* Out of one parameter (app/http/http_params.c: flags, length of the name, name, value) its value. */
static bool parameter(struct str arg, struct input *in, uint8_t before, bool nocase)
{
    enum { HEAD = 3 };
    if (in->n < HEAD || (in->p[0] & before))
        return false;
    uint32_t n = in->p[1] | (uint32_t)in->p[2] << 8;
    if (n > in->n - HEAD)
        return false;
    struct str name = str_of(in->p + HEAD, n);
    if (nocase ? !str_ieq(name, arg) : !str_eq(name, arg))
        return false;
    return give(in, in->p + HEAD + n, in->n - HEAD - n);
}
static bool param(struct detect *d, struct str arg, struct input *in)
{
    (void)d;
    return parameter(arg, in, APP_PARAM_AGAIN, false);
}
static bool param_nocase(struct detect *d, struct str arg, struct input *in)
{
    (void)d;
    return parameter(arg, in, APP_PARAM_AGAIN_NOCASE, true);
}
static bool param_any(struct detect *d, struct str arg, struct input *in)
{
    (void)d;
    return parameter(arg, in, 0, false);
}
static bool param_any_nocase(struct detect *d, struct str arg, struct input *in)
{
    (void)d;
    return parameter(arg, in, 0, true);
}

static transform_fn *const transforms[XFORM_COUNT] = {
    [XFORM_DOTPREFIX] = dotprefix,
    [XFORM_LOWER] = lower,
    [XFORM_UPPER] = upper,
    [XFORM_STRIP_WS] = strip_whitespace,
    [XFORM_COMPRESS_WS] = compress_whitespace,
    [XFORM_MD5] = to_md5,
    [XFORM_SHA1] = to_sha1,
    [XFORM_SHA256] = to_sha256,
    [XFORM_URLDECODE] = url_decode,
    [XFORM_XOR] = xor_key,
    [XFORM_CASECHANGE] = casechange,
    [XFORM_HEADER_LOWER] = header_lowercase,
    [XFORM_STRIP_PSEUDO] = strip_pseudo,
    [XFORM_DOMAIN] = domain,
    [XFORM_TLD] = tld,
    [XFORM_FROM_BASE64] = from_base64,
    [XFORM_GUNZIP] = gunzip,
    [XFORM_INFLATE] = zlib_deflate,
    [XFORM_PCREXFORM] = pcrexform,
    [XFORM_FIELD] = header_field,
    [XFORM_PARAM] = param,
    [XFORM_PARAM_NOCASE] = param_nocase,
    [XFORM_PARAM_ANY] = param_any,
    [XFORM_PARAM_ANY_NOCASE] = param_any_nocase,
};

bool transform_apply(struct detect *d, const struct img_where *w, struct input *in)
{
    for (unsigned k = 0; k < w->n_xform; k++) {
        transform_fn *f = w->xform[k] < XFORM_COUNT ? transforms[w->xform[k]] : NULL;
        if (!f || !f(d, img_str(d->image, w->arg[k]), in))
            return false;
    }
    return true;
}
