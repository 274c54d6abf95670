/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files inside files: a circle is told with the way that leads round it.
 *
 * A file is known by its device and inode: "a.conf", "./a.conf" and a link to it are one.
 */
#include "config/tree.h"

#include "base/sbuf.h"
#include <errno.h>
#include <sys/stat.h>

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* "a.conf:3 -> b.conf:1 -> " */
static void way(const struct conf_include *i, struct sbuf *out)
{
    const struct conf_include *all[CONF_INCLUDES + 1];
    unsigned n = 0;
    for (; i && n < ARRAY_LEN(all); i = i->outer)
        all[n++] = i;
    while (n--) {
        sbuf_cstr(out, all[n]->file);
        sbuf_byte(out, ':');
        sbuf_u64(out, all[n]->line);
        sbuf_cstr(out, " -> ");
    }
}

int include_enter(struct conf *c, struct conf_include *i, uint32_t column, const char *path, struct diags *d)
{
    unsigned depth = 0;
    bool circle = false;
    i->outer = c->inside;
    for (const struct conf_include *k = i; k; k = k->outer, depth++)
        circle |= same_file(k->file, path);
    if (!circle && depth <= CONF_INCLUDES && c->includes < CONF_ALL_INCLUDES) {
        c->inside = i;
        c->includes++;
        return 0;
    }
    struct sbuf b;
    sbuf_init(&b);
    way(i, &b);
    sbuf_cstr(&b, path);
    const char *z = sbuf_z(&b);
    if (circle)
        diag_add(d, DIAG_ERROR, i->file, i->line, column, "take one of these includes out",
                 "include goes round in a circle: %s", z ? z : path);
    else if (depth > CONF_INCLUDES)
        diag_add(d, DIAG_ERROR, i->file, i->line, column, "include fewer files inside each other",
                 "includes are nested too deeply, more than %d: %s", CONF_INCLUDES, z ? z : path);
    else
        diag_add(d, DIAG_ERROR, i->file, i->line, column, "include fewer files", "more than %d includes: %s",
                 CONF_ALL_INCLUDES, z ? z : path);
    sbuf_done(&b);
    return -EINVAL;
}

void include_leave(struct conf *c, const struct conf_include *i)
{
    c->inside = i->outer;
}
