/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contents that a buffer can never hold, by the buffer's form (Suricata refuses them at load).
 *
 * A row names a buffer, the case of its hex digits, and what every content of it has to look like.
 * Contents behind a transform are not looked at: a transform may make anything.
 */
#include "rules/parse.h"

#include <string.h>

enum { MD5_DIGITS = 32, FINGERPRINT_BYTES = 59 }; /* 20 bytes as aa:bb:... */

static bool is_hex(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i] | 0x20;
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool method_fits(struct parse *p, const char *buffer, struct str s)
{
    bool first = is_blank(s.p[0]);
    if (!first && !is_blank(s.p[s.n - 1]))
        return true;
    return bad(p, "take the blank out; for the whole method add bsize, startswith or endswith",
               "%s holds no blank %s the method", buffer, first ? "before" : "behind");
}

static bool digest_fits(struct parse *p, const char *buffer, struct str s)
{
    if (s.n != MD5_DIGITS)
        return bad(p, "write the whole hash", "a hash in %s has %d hex digits, the content %u bytes",
                   buffer, MD5_DIGITS, s.n);
    return is_hex(s) || bad(p, "write 32 digits from 0-9 and a-f", "%s holds hex digits only", buffer);
}

static bool fingerprint_fits(struct parse *p, const char *buffer, struct str s)
{
    if (s.n == FINGERPRINT_BYTES && str_chr(s, ':') >= 0)
        return true;
    return bad(p, "write all 20 bytes in hex with colons: aa:bb:cc ...",
               "a fingerprint in %s has %d characters with colons, the content %u", buffer,
               FINGERPRINT_BYTES, s.n);
}

static bool serial_fits(struct parse *p, const char *buffer, struct str s)
{
    return s.n <= 2 || str_chr(s, ':') >= 0 ||
           bad(p, "write a colon between the bytes: 5C:19:B7 ...",
               "%s has a colon between two bytes, the content none", buffer);
}

static const struct form {
    const char *buffer;
    enum hex_case digits;
    bool (*fits)(struct parse *p, const char *buffer, struct str s);
} forms[] = {
    {"http.method", HEX_NONE, method_fits},
    {"ja3.hash", HEX_LOWER, digest_fits},
    {"ja3s.hash", HEX_LOWER, digest_fits},
    {"tls.cert_fingerprint", HEX_LOWER, fingerprint_fits},
    {"tls.cert_serial", HEX_UPPER, serial_fits},
};

bool form_fits(struct parse *p, const struct app_buffer *row, struct str s, enum hex_case *digits)
{
    const char *buffer = row->name;
    *digits = row->flags & APP_BUF_MD5 ? HEX_LOWER : HEX_NONE;
    if (row->flags & APP_BUF_MD5)
        return digest_fits(p, buffer, s);
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(buffer, forms[i].buffer) == 0) {
            *digits = forms[i].digits;
            return forms[i].fits(p, buffer, s);
        }
    return true;
}

uint64_t form_max(const char *buffer)
{
    static const struct {
        const char *buffer;
        uint64_t max;
    } t[] = {{"dns.opcode", UINT8_MAX},
             {"dns.rcode", UINT16_MAX},
             {"dns.rrtype", UINT16_MAX},
             {"tls.cert_chain_len", UINT32_MAX}};
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (strcmp(buffer, t[i].buffer) == 0)
            return t[i].max;
    return UINT64_MAX;
}

bool form_named(struct parse *p, const struct app_buffer *row, struct str v)
{
    v = str_trim(v);
    if (strcmp(row->name, "tls.version") != 0 || str_starts(v, STR("0x")))
        return true;
    for (const struct app_enum *e = row->names; e && e->name; e++)
        if (str_ieq(v, str_cstr(e->name)))
            return true;
    return bad(p, "1.0, 1.1, 1.2, 1.3, or the number in hex: 0x7f12", "'" STR_FMT "' is no version of TLS",
               STR_ARG(v));
}
