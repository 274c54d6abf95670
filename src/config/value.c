/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values: of rows, and below any node. */
#include "config/tree.h"

#include <string.h>

int conf_truth(const char *s)
{
    static const char *const words[2][4] = {{"no", "false", "off", "0"},
                                            {"yes", "true", "on", "1"}};
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < 4; i++)
            if (str_ieq(str_cstr(s), str_cstr(words[v][i])))
                return v;
    return -1;
}

bool value_time(const char *s, uint64_t *ns)
{
    static const struct {
        struct str unit;
        uint64_t ns;
    } units[] = {
        {{(const uint8_t *)"", 0}, 1000000000},
        {{(const uint8_t *)"s", 1}, 1000000000},
        {{(const uint8_t *)"ms", 2}, 1000000},
        {{(const uint8_t *)"us", 2}, 1000},
        {{(const uint8_t *)"ns", 2}, 1},
        {{(const uint8_t *)"m", 1}, 60000000000},
        {{(const uint8_t *)"h", 1}, 3600000000000},
        {{(const uint8_t *)"d", 1}, 86400000000000},
        {{(const uint8_t *)"w", 1}, 604800000000000},
    };
    struct str t = str_trim(str_cstr(s));
    uint32_t n = 0;
    while (n < t.n && t.p[n] >= '0' && t.p[n] <= '9')
        n++;
    struct str unit = str_trim(str_skip(t, n));
    uint64_t v;
    if (!str_u64_base(str_first(t, n), 10, &v))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_ieq(unit, units[i].unit))
            return !__builtin_mul_overflow(v, units[i].ns, ns);
    return false;
}

const struct conf_node *value_node(const struct conf *c, const struct setting *s)
{
    const struct conf_node *n = conf_node(c, s->path);
    return n && n->kind == CONF_SCALAR && *n->value ? n : NULL;
}

static const char *row_text(const struct conf *c, const char *path, enum setting_type type)
{
    const struct setting *s = setting_find(path);
    assert(s && (type == SET_STR || s->type == type));
    size_t all;
    const struct setting *rows = settings_all(&all);
    const struct conf_node *n = value_node(c, s);
    if (n && !value_wrong(s, n->value))
        return n->value;
    if (c->joined && c->joined[s - rows])
        return c->joined[s - rows];
    return s->dflt;
}

bool conf_bool(const struct conf *c, const char *path)
{
    const char *v = row_text(c, path, SET_BOOL);
    return v && conf_truth(v) == 1;
}

int64_t conf_int(const struct conf *c, const char *path)
{
    const char *v = row_text(c, path, SET_INT);
    int64_t i = 0;
    return v && str_i64(str_cstr(v), &i) ? i : 0;
}

uint64_t conf_bytes(const struct conf *c, const char *path)
{
    const char *v = row_text(c, path, SET_BYTES);
    uint64_t u = 0;
    return v && str_size(str_cstr(v), &u) ? u : 0;
}

uint64_t conf_ns(const struct conf *c, const char *path)
{
    const char *v = row_text(c, path, SET_TIME);
    uint64_t u = 0;
    return v && value_time(v, &u) ? u : 0;
}

const char *conf_str(const struct conf *c, const char *path)
{
    return row_text(c, path, SET_STR);
}

const char *conf_sub_str(const struct conf_node *n, const char *path, const char *dflt)
{
    const struct conf_node *k = n ? conf_sub(n, path) : NULL;
    return k && k->kind == CONF_SCALAR && *k->value ? k->value : dflt;
}

bool conf_sub_bool(const struct conf_node *n, const char *path, bool dflt)
{
    const char *v = conf_sub_str(n, path, NULL);
    int t = v ? conf_truth(v) : -1;
    return t < 0 ? dflt : t == 1;
}

int64_t conf_sub_int(const struct conf_node *n, const char *path, int64_t dflt)
{
    const char *v = conf_sub_str(n, path, NULL);
    int64_t i;
    return v && str_i64(str_cstr(v), &i) ? i : dflt;
}

uint64_t conf_sub_bytes(const struct conf_node *n, const char *path, uint64_t dflt)
{
    const char *v = conf_sub_str(n, path, NULL);
    uint64_t u;
    return v && str_size(str_cstr(v), &u) ? u : dflt;
}

static enum conf_app_mode mode_of(const char *text)
{
    if (!strcmp(text, "detection-only"))
        return CONF_APP_DETECT;
    return conf_truth(text) == 0 ? CONF_APP_OFF : CONF_APP_ON;
}

enum conf_app_mode conf_app_mode(const struct conf *c, const char *name, const char *transport)
{
    char path[CONF_PATH];
    const struct conf_node *protos = conf_node(c, "app-layer.protocols");
    const struct conf_node *p = protos ? conf_sub(protos, name) : NULL;
    const char *v = conf_sub_str(p, "enabled", NULL);
    if (!v && p && transport) {
        const struct conf_node *t = conf_sub(p, transport);
        v = conf_sub_str(t, "enabled", NULL);
    }
    if (v)
        return mode_of(v);
    struct str s = STR("app-layer.protocols."), e = STR(".enabled");
    size_t n = strlen(name);
    if (s.n + n + e.n >= sizeof(path))
        return CONF_APP_ON;
    memcpy(path, s.p, s.n);
    memcpy(path + s.n, name, n);
    memcpy(path + s.n + n, e.p, e.n + 1);
    const struct setting *row = setting_find(path);
    return row && row->dflt ? mode_of(row->dflt) : CONF_APP_ON;
}
