/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Outputs made from the configuration or one by one. */
#include "event/logger_impl.h"

#include "config/config.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a format is when nobody says otherwise. */
static const struct format_def {
    const char *file;
    enum out_kind kind;
    bool text;
} formats[] = {
    [LOGFMT_EVE] = {"eve.json", OUT_FILE, true},
    [LOGFMT_FAST] = {"fast.log", OUT_FILE, true},
    [LOGFMT_SNORT_FAST] = {"alert", OUT_FILE, true},
};

static void open_error(struct diags *d, const char *path, int err)
{
    diag_add(d, DIAG_ERROR, NULL, 0, 0, "does the folder exist, and may this user write there?",
             "cannot open %s: %s", path, strerror(err));
}

static void output_drop(struct output *u)
{
    free(u->eve);
    free(u->prefix);
    memset(u, 0, sizeof(*u));
}

/* Opens u->out; the output is counted when that worked. */
static int output_open(struct logger *l, struct output *u, const struct out_config *c,
                       struct diags *d)
{
    int rc = out_new(c, &l->st, &u->out);
    if (rc) {
        open_error(d, c->path, -rc);
        output_drop(u);
        return rc;
    }
    l->n++;
    return 0;
}

static struct output *output_new(struct logger *l, enum log_format f, struct diags *d)
{
    const struct writer *w = writer_of(f);
    if (!w || l->n == LOGGER_OUTPUTS) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL,
                 w ? "more than %d outputs" : "no such output (%d)", w ? LOGGER_OUTPUTS : (int)f);
        return NULL;
    }
    struct output *u = &l->output[l->n];
    memset(u, 0, sizeof(*u));
    u->writer = w;
    u->newline = true;
    return u;
}

int logger_add(struct logger *l, enum log_format fmt, const char *path, struct diags *d)
{
    struct output *u = output_new(l, fmt, d);
    if (!u)
        return -EINVAL;
    const struct format_def *f = &formats[fmt];
    struct out_config c = {.kind = f->kind, .path = path ? path : f->file, .text = f->text};
    return output_open(l, u, &c, d);
}

/* Name of a file below dir; an absolute one stays. */
static int path_of(const char *dir, const struct conf_node *n, const char *dflt, char out[PATH_MAX])
{
    const char *name = conf_sub_str(n, "filename", dflt);
    int len = *name == '/' || !dir ? snprintf(out, PATH_MAX, "%s", name)
                                   : snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* `filetype`; false: one that isn't known. */
static bool kind_of(const struct conf_node *n, struct out_config *c)
{
    const char *type = conf_sub_str(n, "filetype", "regular");
    if (!strcmp(type, "unix_stream"))
        c->kind = OUT_STREAM;
    else if (!strcmp(type, "unix_dgram"))
        c->kind = OUT_DGRAM;
    else
        return !strcmp(type, "regular") || !strcmp(type, "file");
    return true;
}

struct opener {
    struct logger *l;
    const char *dir;
    struct diags *d;
    uint32_t eves;
};

static int open_common(struct opener *o, struct output *u, const struct conf_node *n,
                       const struct format_def *f)
{
    char path[PATH_MAX];
    struct out_config c = {.kind = f->kind, .path = path, .text = f->text};
    int rc = path_of(o->dir, n, f->file, path);
    c.truncate = !conf_sub_bool(n, "append", true);
    c.limit_bytes = conf_sub_bytes(n, "rotate-size", 0);
    if (!rc && !kind_of(n, &c)) {
        diag_add(o->d, DIAG_ERROR, n->file, n->line, n->column,
                 "regular, syslog, unix_stream and unix_dgram are known", "unknown filetype %s",
                 conf_sub_str(n, "filetype", ""));
        rc = -EINVAL;
    }
    if (rc)
        output_drop(u);
    return rc ? rc : output_open(o->l, u, &c, o->d);
}

static void open_eve(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_EVE, o->d);
    uint32_t index = o->eves++;
    if (!u)
        return;
    u->eve_index = u32_min(index, EVENT_EVES - 1);
    u->eve = malloc(sizeof(*u->eve));
    if (!u->eve)
        return;
    eve_options_read(n, u->eve);
    const char *prefix = conf_sub_str(n, "prefix", NULL);
    u->prefix = prefix ? strdup(prefix) : NULL;
    (void)open_common(o, u, n, &formats[LOGFMT_EVE]);
}

static void open_fast(struct opener *o, const struct conf_node *n)
{
    struct output *u = output_new(o->l, LOGFMT_FAST, o->d);
    if (!u)
        return;
    u->year = YEAR_LONG;
    (void)open_common(o, u, n, &formats[LOGFMT_FAST]);
}

static const struct {
    const char *name;
    void (*open)(struct opener *o, const struct conf_node *n);
} openers[] = {
    {"eve-log", open_eve},
    {"fast", open_fast},
};

struct logger *logger_new(const struct conf *c, const char *dir, const struct logger_identity *id,
                          struct diags *d)
{
    struct logger *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->id = *id;
    if (eve_common_init(&l->eve, &l->id)) {
        logger_free(l);
        return NULL;
    }
    struct opener o = {.l = l, .dir = dir, .d = d};
    const struct conf_node *list = c ? conf_node(c, "outputs") : NULL;
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        if (!name || !conf_sub_bool(n, "enabled", false))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(openers); k++)
            if (!strcmp(openers[k].name, name))
                openers[k].open(&o, n);
    }
    return l;
}
