/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From files to rules as text: continuation lines, comments, disabled rules, CRLF, Snort 3 rules
 * that go over several lines.
 *
 * A rule's joined text is the source without its continuation marks; other line ends inside a rule
 * and block comments become blanks.  So an offset in the text is found again in the source by
 * walking it once, which only refusals do.
 */
#include "rules/parse.h"

#include "base/packed.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FILE_MAX = 1u << 30, ODD_LINES = 24, ODD_BYTES = 65536 };

/* ---- reading */

static int inflate_all(uint8_t **bytes, size_t *n)
{
    z_stream z = {.next_in = *bytes, .avail_in = (uInt)*n};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return -ENOMEM;
    size_t room = *n * 6 + 4096, used = 0;
    uint8_t *out = malloc(room);
    int rc = Z_OK;
    while (out && rc != Z_STREAM_END) {
        if (used == room) {
            uint8_t *more = room < FILE_MAX ? realloc(out, room * 2) : NULL;
            if (!more)
                break;
            out = more;
            room *= 2;
        }
        z.next_out = out + used;
        z.avail_out = (uInt)(room - used);
        rc = inflate(&z, Z_NO_FLUSH);
        used = room - z.avail_out;
        if (rc != Z_OK && rc != Z_STREAM_END)
            break;
        if (rc == Z_STREAM_END && z.avail_in)
            rc = inflateReset(&z); /* members one behind the other */
    }
    inflateEnd(&z);
    if (rc != Z_STREAM_END) {
        free(out);
        return -EINVAL;
    }
    free(*bytes);
    *bytes = out;
    *n = used;
    return 0;
}

static int read_whole(int fd, uint8_t **bytes, size_t *n)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    size_t room = st.st_size > 0 ? (size_t)st.st_size + 1 : 65536, used = 0;
    uint8_t *p = malloc(room);
    while (p) {
        if (used == room) {
            uint8_t *more = room < FILE_MAX ? realloc(p, room * 2) : NULL;
            if (!more)
                break;
            p = more;
            room *= 2;
        }
        ssize_t got = read(fd, p + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int rc = -errno;
            free(p);
            return rc;
        }
        if (got == 0) {
            *bytes = p;
            *n = used;
            return 0;
        }
        used += (size_t)got;
    }
    free(p);
    return used >= FILE_MAX ? -EFBIG : -ENOMEM;
}

int source_read(const char *path, uint8_t **bytes, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint8_t *p = NULL;
    size_t used = 0;
    int rc = read_whole(fd, &p, &used);
    close(fd);
    if (rc < 0)
        return rc;
    if (used > 2 && p[0] == 0x1f && p[1] == 0x8b) {
        rc = inflate_all(&p, &used);
        if (rc < 0) {
            free(p);
            return rc;
        }
    }
    *bytes = p;
    *n = used;
    return 0;
}

/* ---- lines */

static bool space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

/* Length of a continuation at i: backslash, blanks, line end; 0: none. */
static uint32_t continuation(struct str s, uint32_t i)
{
    if (s.p[i] != '\\')
        return 0;
    uint32_t k = i + 1;
    while (k < s.n && (s.p[k] == ' ' || s.p[k] == '\t' || s.p[k] == '\r'))
        k++;
    return k < s.n && s.p[k] == '\n' ? k + 1 - i : 0;
}

/* End of the logical line from i: offset of its last '\n', or s.n. */
static uint32_t line_end(struct str s, uint32_t i)
{
    for (;;) {
        const uint8_t *nl = i < s.n ? memchr(s.p + i, '\n', s.n - i) : NULL;
        if (!nl)
            return s.n;
        uint32_t end = (uint32_t)(nl - s.p), k = end;
        while (k > i && (s.p[k - 1] == ' ' || s.p[k - 1] == '\t' || s.p[k - 1] == '\r'))
            k--;
        if (k == i || s.p[k - 1] != '\\')
            return end;
        i = end + 1;
    }
}

static uint32_t count_lines(struct str s, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (const uint8_t *p = s.p + from, *end = s.p + to; p < end; p++, n++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
    }
    return n;
}

uint32_t action_word(struct str line)
{
    uint32_t n = 0;
    while (n < line.n && !space(line.p[n]) && line.p[n] != '(')
        n++;
    if (n < 3 || n > 64 || n == line.n)
        return 0;
    struct str w = str_first(line, n), rest;
    w = str_split(w, ',', &rest);
    w = str_split(w, ':', &rest);
    for (unsigned a = 0; a < ACTION_COUNT; a++)
        if (str_ieq(w, str_cstr(rule_action_name(a))))
            return n;
    return str_ieq(w, STR("rewrite")) ? n : 0;
}

/* As action_word, with the configuration's own. */
static uint32_t rule_word(const struct conf *c, struct str line)
{
    uint32_t n = 0;
    while (n < line.n && !space(line.p[n]) && line.p[n] != '(')
        n++;
    uint32_t known = action_word(line);
    return known || !c || n == line.n || conf_ruletype_find(c, str_first(line, n)) < 0 ? known : n;
}

/* Words that open other statements of a snort.conf; their owner is src/config. */
static bool statement_word(struct str line)
{
    static const char *const words[] = {"var",
                                        "ipvar",
                                        "portvar",
                                        "config",
                                        "preprocessor",
                                        "output",
                                        "include",
                                        "ruletype",
                                        "type",
                                        "event_filter",
                                        "suppress",
                                        "threshold",
                                        "rate_filter",
                                        "dynamicpreprocessor",
                                        "dynamicengine",
                                        "dynamicdetection",
                                        "dynamicoutput",
                                        "attribute_table",
                                        "{",
                                        "}"};
    uint32_t n = 0;
    while (n < line.n && !space(line.p[n]) && line.p[n] != ':')
        n++;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(str_first(line, n), str_cstr(words[i])))
            return true;
    return false;
}

void raw_locate(const struct raw_rule *r, uint32_t at, uint32_t *line, uint32_t *column)
{
    *line = r->line;
    *column = r->column;
    uint32_t i = 0, k = 0;
    while (i < r->src.n) {
        uint32_t skip = continuation(r->src, i);
        if (!skip && k == at)
            return;
        k += !skip;
        for (uint32_t end = i + (skip ? skip : 1); i < end; i++) {
            ++*column;
            if (r->src.p[i] == '\n') {
                ++*line;
                *column = 1;
            }
        }
    }
}

/* The rule in one line: continuations go, line ends and block comments become blanks. */
static struct str join(struct arena *a, struct str src, bool comments)
{
    bool plain = !memchr(src.p, '\n', src.n) && !memchr(src.p, '\r', src.n) &&
                 !(comments && str_find(src, STR("/*")) >= 0);
    if (plain)
        return src;
    uint8_t *out = arena_alloc_raw(a, src.n + 1);
    if (!out)
        return (struct str){NULL, 0};
    uint32_t n = 0;
    bool quoted = false;
    for (uint32_t i = 0; i < src.n; i++) {
        uint32_t skip = continuation(src, i);
        if (skip) {
            i += skip - 1;
            continue;
        }
        uint8_t c = src.p[i];
        if (c == '"' && (i == 0 || src.p[i - 1] != '\\'))
            quoted = !quoted;
        if (comments && !quoted && c == '/' && i + 1 < src.n && src.p[i + 1] == '*') {
            int64_t end = str_find(str_skip(src, i + 2), STR("*/"));
            uint32_t len = end < 0 ? src.n - i : (uint32_t)end + 4;
            memset(out + n, ' ', len);
            n += len;
            i += len - 1;
            continue;
        }
        out[n++] = c == '\n' || c == '\r' ? ' ' : c;
    }
    return str_of(out, n);
}

static struct raw_rule *raw_add(struct raw_rules *out)
{
    if (out->n == out->room) {
        uint32_t room = out->room ? out->room * 2 : 1024;
        struct raw_rule *r = realloc(out->r, room * sizeof(*r));
        if (!r)
            return NULL;
        out->r = r;
        out->room = room;
    }
    struct raw_rule *r = &out->r[out->n++];
    *r = (struct raw_rule){0};
    return r;
}

/* End of a rule that may go over several lines: of the line on which its last parenthesis closes.
 */
static uint32_t rule_end(struct str s, uint32_t i, uint32_t end)
{
    uint32_t first = end;
    int depth = 0;
    bool quoted = false, opened = false;
    for (unsigned lines = 0; lines < 4096; lines++) {
        for (; i < end; i++) {
            uint8_t c = s.p[i];
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = !quoted;
            else if (!quoted && c == '(') {
                depth++;
                opened = true;
            } else if (!quoted && c == ')')
                depth--;
        }
        if (opened && depth <= 0 && !quoted)
            return end;
        if (end >= s.n)
            break;
        i = end + 1;
        uint32_t next = line_end(s, i);
        struct str l = str_trim((struct str){s.p + i, next - i});
        if (l.n && (l.p[0] == '#' || action_word(l)))
            break; /* the quotes are wrong: the rule is its first line */
        end = next;
    }
    return first;
}

struct split {
    const struct source *src;
    bool in_ruletype; /* between { and } of a ruletype */
    struct str s;
    uint32_t file;
    uint8_t dialect;
    bool keep_disabled;
    const struct conf *conf; /* knows actions of its own; NULL: none */
    struct arena *a;
    struct raw_rules *out;
    bool in_begin; /* Snort 3: between #begin and #end */
};

static int take_rule(struct split *sp, uint32_t from, uint32_t end, uint32_t line, uint32_t column,
                     bool disabled, const char *error)
{
    struct raw_rule *r = raw_add(sp->out);
    if (!r)
        return -ENOMEM;
    /* A continuation into an empty line is the end as well. */
    while (end > from && (space(sp->s.p[end - 1]) || sp->s.p[end - 1] == '\\'))
        end--;
    r->src = (struct str){sp->s.p + from, end - from};
    r->text = join(sp->a, r->src, sp->dialect == DIALECT_SNORT3);
    if (!r->text.p)
        return -ENOMEM;
    r->line = line;
    r->column = column;
    r->file = sp->file;
    r->dialect = sp->dialect;
    r->disabled = disabled;
    r->firewall = sp->src->firewall;
    if (error) {
        r->error = error;
        r->hint = "a rule is: action protocol source ports -> destination ports (options)";
    }
    return 0;
}

/* A statement beside rules; of a configuration with rules in it the owner is src/config. */
static int take_statement(struct split *sp, struct str l, uint32_t line)
{
    struct raw_rules *out = sp->out;
    if (sp->in_ruletype || str_starts(l, STR("ruletype"))) {
        bool first = !sp->in_ruletype;
        sp->in_ruletype = str_chr(l, '}') < 0;
        if (!first)
            return 0;
    }
    if (sp->src->embedded || (sp->src->followed && str_starts(l, STR("include"))))
        return 0;
    if (out->n_lines == out->lines_room) {
        uint32_t room = out->lines_room ? out->lines_room * 2 : 64;
        struct raw_line *more = realloc(out->lines, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        out->lines = more;
        out->lines_room = room;
    }
    struct str text = join(sp->a, l, false);
    if (!text.p)
        return -ENOMEM;
    out->lines[out->n_lines++] = (struct raw_line){.text = text, .file = sp->file, .line = line};
    return 0;
}

/* A comment: perhaps a rule that is switched off. */
static int take_comment(struct split *sp, uint32_t from, uint32_t end, uint32_t line,
                        uint32_t line_from)
{
    struct str l = str_trim((struct str){sp->s.p + from, end - from});
    if (sp->dialect == DIALECT_SNORT3 && str_starts(l, STR("#begin"))) {
        sp->in_begin = true;
        return 0;
    }
    while (from < end && (sp->s.p[from] == '#' || space(sp->s.p[from])))
        from++;
    l = str_trim((struct str){sp->s.p + from, end - from});
    if (!rule_word(sp->conf, l) || l.p[l.n - 1] != ')' || str_chr(l, '(') < 0 ||
        str_find(l, STR("sid:")) < 0)
        return 0;
    if (!sp->keep_disabled) {
        sp->out->disabled++;
        return 0;
    }
    return take_rule(sp, from, end, line, from - line_from + 1, true, NULL);
}

/* One logical line at i; *end is where it ends (a rule over several lines moves it). */
static int take_line(struct split *sp, uint32_t i, uint32_t *end, uint32_t line)
{
    struct str s = sp->s;
    uint32_t from = i;
    while (from < *end && space(s.p[from]))
        from++;
    if (from == *end)
        return 0;
    struct str l = str_trim((struct str){s.p + from, *end - from});
    if (sp->in_begin) {
        sp->in_begin = !str_starts(l, STR("#end"));
        return 0;
    }
    if (l.p[0] == '#')
        return take_comment(sp, from, *end, line, i);
    if (sp->dialect == DIALECT_SNORT3 && str_starts(l, STR("/*"))) {
        uint32_t first = *end;
        int64_t close = str_find(str_skip(s, from + 2), STR("*/"));
        *end = close < 0 ? s.n : line_end(s, from + 2 + (uint32_t)close);
        if (close < 0)
            return take_rule(sp, from, first, line, from - i + 1, false,
                             "the comment /* has no end: what stands behind it is not read");
        return 0;
    }
    /* "config" is a statement of a snort.conf and an action of Suricata. */
    uint32_t word = rule_word(sp->conf, l);
    if (word == 6 && str_starts(l, STR("config")) && l.p[l.n - 1] != ')')
        word = 0;
    if (word) /* a block of a ruletype that is not closed hides no rules */
        sp->in_ruletype = false;
    if (sp->in_ruletype || (!word && statement_word(l)))
        return take_statement(sp, l, line);
    if (!word)
        return take_rule(sp, from, *end, line, from - i + 1, false,
                         "the line does not begin with an action");
    if (sp->dialect == DIALECT_SNORT3)
        *end = rule_end(s, from, *end);
    return take_rule(sp, from, *end, line, from - i + 1, false, NULL);
}

/* What many lines that are no comment look like. */
static bool nothing_like_a_rule(struct str s)
{
    unsigned lines = 0;
    while (s.n && lines < ODD_LINES) {
        struct str rest, l = str_trim(str_split(s, '\n', &rest));
        s = rest;
        if (!l.n)
            continue;
        if (l.p[0] == '#' || action_word(l) || statement_word(l) || str_chr(l, '(') >= 0 ||
            str_find(l, STR("sid")) >= 0 || str_starts(l, STR("/*")))
            return false;
        lines++;
    }
    return lines == ODD_LINES;
}

bool source_is_odd(const struct source *src)
{
    struct str s = str_of(src->bytes, src->n);
    return s.n && (packed_by(s.p, s.n) || memchr(s.p, 0, u32_min(s.n, ODD_BYTES)) || nothing_like_a_rule(s));
}

/* One refusal for the whole file. */
static int take_odd(struct split *sp)
{
    struct raw_rule *r = raw_add(sp->out);
    const char *unpack = packed_by(sp->s.p, sp->s.n);
    char *hint = unpack ? arena_alloc_raw(sp->a, 100) : NULL;
    if (!r || (unpack && !hint))
        return -ENOMEM;
    if (hint)
        snprintf(hint, 100, "unpack it first: %s FILE >FILE.rules; only gzip is unpacked here", unpack);
    *r = (struct raw_rule){.text = str_first(sp->s, 0),
                           .src = str_first(sp->s, 0),
                           .line = 1,
                           .column = 1,
                           .file = sp->file,
                           .dialect = sp->dialect,
                           .error = hint ? "this rule file is packed" : "this is no rule file",
                           .hint = hint ? hint : "give a text file of rules; a capture is read with -r"};
    return 0;
}

int source_split(const struct source *src, uint32_t file, enum rule_dialect d, const struct rules_options *o,
                 struct arena *a, struct raw_rules *out)
{
    struct split sp = {.src = src,
                       .s = str_of(src->bytes, src->n),
                       .file = file,
                       .dialect = (uint8_t)d,
                       .keep_disabled = o->keep_disabled,
                       .conf = o->conf,
                       .a = a,
                       .out = out};
    uint32_t i = 0, line = 1;
    if (!src->embedded && source_is_odd(src))
        return take_odd(&sp);
    if (src->n >= 3 && memcmp(src->bytes, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    while (i < sp.s.n) {
        uint32_t end = line_end(sp.s, i);
        int rc = take_line(&sp, i, &end, line);
        if (rc < 0)
            return rc;
        line += count_lines(sp.s, i, end) + 1;
        i = end + 1;
    }
    return 0;
}
