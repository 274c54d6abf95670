/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multipart/form-data (RFC 7578, RFC 2046 5.1) in pieces: the parts that have a file name become
 * files.
 *
 * A delimiter is CR LF "--" boundary (the first one may stand at the very start).  Bytes that may
 * be the beginning of one are held in `tail` until the next bytes tell; so a part's data goes to
 * its file without the delimiter, however the body is cut.  Boundaries are at most 200 bytes, part
 * headers at most 8 KB.
 */
#include "app/http/http_tx.h"

#include <string.h>

enum { BOUNDARY_MAX = 200, HEADER_MAX = 8192 };
enum state { PREAMBLE, AFTER_DELIMITER, PART_HEADER, PART_DATA, EPILOGUE };

struct http_multipart {
    uint8_t delimiter[BOUNDARY_MAX + 4]; /* CR LF -- boundary */
    uint32_t n;
    uint8_t state;
    bool named_file;  /* the part has a file name */
    uint32_t matched; /* bytes of the delimiter that the data seen ends with */
    uint32_t after;   /* AFTER_DELIMITER: bytes seen; 1: a dash */
    struct http_bytes header;
};

/* boundary=... of the content type; quotes are taken off. */
static struct str boundary_of(struct str type)
{
    struct str rest = type;
    while (rest.n) {
        struct str part = str_trim(str_split(rest, ';', &rest));
        if (!str_istarts(part, STR("boundary=")))
            continue;
        part = str_skip(part, 9);
        if (part.n >= 2 && part.p[0] == '"' && part.p[part.n - 1] == '"')
            part = str_of(part.p + 1, part.n - 2);
        return part;
    }
    return str_of(NULL, 0);
}
bool http_multipart_begin(struct http_tx *t, struct str type)
{
    if (!str_istarts(str_trim(type), STR("multipart/form-data")))
        return false;
    struct str b = boundary_of(type);
    if (!b.n || b.n > BOUNDARY_MAX) {
        http_event(t, HTTP_EV_MULTIPART);
        return false;
    }
    struct http_multipart *m = app_alloc(t->hf->af, sizeof *m);
    if (!m)
        return false;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, b.p, b.n);
    m->n = b.n + 4;
    m->matched = 2; /* as if CR LF had stood in front */
    t->multipart = m;
    return true;
}
void http_multipart_free(struct http_tx *t)
{
    if (!t->multipart)
        return;
    app_free(t->hf->af, t->multipart->header.p);
    app_free(t->hf->af, t->multipart);
    t->multipart = NULL;
}

static void part_data(struct http_tx *t, const uint8_t *p, uint32_t n)
{
    if (t->file[0] && n)
        app_file_data(t->hf->af, t->file[0], p, n);
}
static void part_end(struct http_tx *t, enum app_file_state state)
{
    struct http_multipart *m = t->multipart;
    if (m->named_file && t->file[0] && t->file[0]->size == 0)
        http_event(t, HTTP_EV_MULTIPART_NO_FILE);
    if (t->file[0])
        app_file_close(t->hf->af, t->file[0], state);
    t->file[0] = NULL;
    m->named_file = false;
}
/* The header of a part is whole: does it name a file? */
static void part_begin(struct http_tx *t)
{
    struct http_multipart *m = t->multipart;
    struct str rest = str_of(m->header.p, m->header.n);
    while (rest.n) {
        struct str line = str_trim(str_split(rest, '\n', &rest));
        if (line.n && str_chr(line, ':') < 0)
            http_event(t, HTTP_EV_MULTIPART_HEADER);
        if (!str_istarts(line, STR("content-disposition:")))
            continue;
        struct str name = http_disposition_name(str_skip(line, 20));
        if (name.n) {
            m->named_file = true;
            t->file[0] = app_file_open(t->hf->af, &t->head, 0, name);
        }
    }
    m->header.n = 0;
    m->matched = 0;
    m->state = PART_DATA;
}

/* PREAMBLE and PART_DATA: looks for the delimiter; gives what lies before it to the part's file. */
static uint32_t find_delimiter(struct http_tx *t, const uint8_t *p, uint32_t n)
{
    struct http_multipart *m = t->multipart;
    uint32_t start = 0, i = 0;
    uint32_t held = m->matched; /* of the bytes before p */
    while (i < n) {
        if (p[i] == m->delimiter[m->matched]) {
            i++;
            if (++m->matched < m->n)
                continue;
            if (i > m->n - held + start && m->state == PART_DATA)
                part_data(t, p + start, i - (m->n - held) - start);
            if (m->state == PART_DATA)
                part_end(t, FILE_CLOSED);
            m->matched = m->after = 0;
            m->state = AFTER_DELIMITER;
            return i;
        }
        if (!m->matched) {
            i++;
            continue;
        }
        /* No delimiter after all.  CR stands at its start alone, so only there can another one
         * begin. */
        if (held && m->state == PART_DATA)
            part_data(t, m->delimiter, held);
        held = 0;
        m->matched = 0;
    }
    uint32_t keep = m->matched - held; /* at the end of p, may be a delimiter's start */
    if (m->state == PART_DATA && n - start > keep)
        part_data(t, p + start, n - start - keep);
    return n;
}
/* Behind a delimiter: "--" ends it all, a line end begins a part. */
static uint32_t after_delimiter(struct http_tx *t, const uint8_t *p)
{
    struct http_multipart *m = t->multipart;
    if (*p == '-' && ++m->after == 2)
        m->state = EPILOGUE;
    else if (*p == '\n') {
        m->state = PART_HEADER;
        m->header.n = 0;
    }
    return 1;
}
static bool header_ends(const struct http_bytes *h)
{
    return (h->n >= 4 && memcmp(h->p + h->n - 4, "\r\n\r\n", 4) == 0) ||
           (h->n >= 2 && memcmp(h->p + h->n - 2, "\n\n", 2) == 0) ||
           (h->n == 2 && memcmp(h->p, "\r\n", 2) == 0) || (h->n == 1 && h->p[0] == '\n');
}
static uint32_t part_header(struct http_tx *t, const uint8_t *p, uint32_t n)
{
    struct http_multipart *m = t->multipart;
    for (uint32_t i = 0; i < n; i++) {
        if (m->header.n >= HEADER_MAX || !http_bytes_add(t->hf->af, &m->header, p + i, 1)) {
            http_event(t, HTTP_EV_MULTIPART_HEADER);
            m->state = EPILOGUE;
            return n;
        }
        if (p[i] == '\n' && header_ends(&m->header)) {
            part_begin(t);
            return i + 1;
        }
    }
    return n;
}
void http_multipart_add(struct http_tx *t, const uint8_t *p, size_t size)
{
    struct http_multipart *m = t->multipart;
    uint32_t n = (uint32_t)size;
    while (n && m->state != EPILOGUE) {
        uint32_t used = m->state == AFTER_DELIMITER ? after_delimiter(t, p)
                        : m->state == PART_HEADER   ? part_header(t, p, n)
                                                    : find_delimiter(t, p, n);
        p += used;
        n -= used;
    }
}
void http_multipart_end(struct http_tx *t)
{
    struct http_multipart *m = t->multipart;
    if (m->state == PART_DATA && m->matched)
        part_data(t, m->delimiter, m->matched);
    if (m->state != EPILOGUE)
        http_event(t, HTTP_EV_MULTIPART);
    if (m->state == PART_DATA)
        part_end(t, FILE_TRUNCATED);
    m->state = EPILOGUE;
}
