/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables of rules, policies by network, and the list of rule files. */
#include "config/tree.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

struct fallback {
    const char *name, *text;
};
/* Names that published rule sets use; values as the peers' stock files have them. */
static const struct fallback address_fallbacks[] = {
    {"HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"},
    {"EXTERNAL_NET", "!$HOME_NET"},
    {"HTTP_SERVERS", "$HOME_NET"},
    {"SMTP_SERVERS", "$HOME_NET"},
    {"SQL_SERVERS", "$HOME_NET"},
    {"DNS_SERVERS", "$HOME_NET"},
    {"TELNET_SERVERS", "$HOME_NET"},
    {"FTP_SERVERS", "$HOME_NET"},
    {"SSH_SERVERS", "$HOME_NET"},
    {"SIP_SERVERS", "$HOME_NET"},
    {"SNMP_SERVERS", "$HOME_NET"},
    {"POP_SERVERS", "$HOME_NET"},
    {"IMAP_SERVERS", "$HOME_NET"},
    {"RDP_SERVERS", "$HOME_NET"},
    {"DC_SERVERS", "$HOME_NET"},
    {"AIM_SERVERS", "$EXTERNAL_NET"},
    {"DNP3_SERVER", "$HOME_NET"},
    {"DNP3_CLIENT", "$HOME_NET"},
    {"MODBUS_SERVER", "$HOME_NET"},
    {"MODBUS_CLIENT", "$HOME_NET"},
    {"ENIP_SERVER", "$HOME_NET"},
    {"ENIP_CLIENT", "$HOME_NET"},
};
static const struct fallback port_fallbacks[] = {
    {"HTTP_PORTS", "80"},
    {"SHELLCODE_PORTS", "!80"},
    {"ORACLE_PORTS", "1521"},
    {"SSH_PORTS", "22"},
    {"FTP_PORTS", "21"},
    {"SIP_PORTS", "[5060,5061]"},
    {"DNP3_PORTS", "20000"},
    {"MODBUS_PORTS", "502"},
    {"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"},
    {"MAIL_PORTS", "[110,143]"},
    {"GENEVE_PORTS", "6081"},
    {"VXLAN_PORTS", "4789"},
    {"TEREDO_PORTS", "3544"},
    {"GTP_PORTS", "[2123,2152,3386]"},
    {"SMTP_PORTS", "25"},
    {"POP3_PORTS", "110"},
    {"IMAP_PORTS", "143"},
    {"TELNET_PORTS", "23"},
    {"DNS_PORTS", "53"},
};

static const char *node_text(const struct conf_node *map, const char *name)
{
    const struct conf_node *n = map ? tree_child(map, name) : NULL;
    return n && n->kind == CONF_SCALAR ? n->value : NULL;
}

const struct conf_node *conf_var_node(const struct conf *c, bool ports, const char *name)
{
    const struct conf_node *map = conf_node(c, ports ? "vars.port-groups" : "vars.address-groups");
    const struct conf_node *n = map ? tree_child(map, name) : NULL;
    return n ? n : tree_child(c->snort_vars, name);
}

static const char *var_given(const struct conf *c, bool ports, const char *name)
{
    const char *group = ports ? "vars.port-groups" : "vars.address-groups";
    const char *v = node_text(conf_node(c, group), name);
    return v ? v : node_text(c->snort_vars, name);
}

static const char *var_fallback(const struct conf *c, bool ports, const char *name)
{
    const struct fallback *f = ports ? port_fallbacks : address_fallbacks;
    size_t n = ports ? ARRAY_LEN(port_fallbacks) : ARRAY_LEN(address_fallbacks);
    /* Snort's own configurations leave these two open. */
    if (c->format == CONF_FORMAT_SNORT && !ports &&
        (!strcmp(name, "HOME_NET") || !strcmp(name, "EXTERNAL_NET")))
        return "any";
    for (size_t i = 0; i < n; i++)
        if (!strcmp(f[i].name, name))
            return f[i].text;
    return NULL;
}

const char *conf_address_var(const struct conf *c, const char *name)
{
    const char *v = var_given(c, false, name);
    return v ? v : var_fallback(c, false, name);
}

const char *conf_port_var(const struct conf *c, const char *name)
{
    const char *v = var_given(c, true, name);
    return v ? v : var_fallback(c, true, name);
}

bool conf_var_is_fallback(const struct conf *c, bool ports, const char *name)
{
    return !var_given(c, ports, name) && var_fallback(c, ports, name);
}

int conf_each_var(const struct conf *c, bool ports,
                  void (*f)(void *ctx, const char *name, const char *text), void *ctx)
{
    const struct conf_node *map = conf_node(c, ports ? "vars.port-groups" : "vars.address-groups");
    int n = 0;
    for (const struct conf_node *k = map ? map->child : NULL; k; k = k->next)
        if (k->kind == CONF_SCALAR) {
            f(ctx, k->name, k->value);
            n++;
        }
    for (const struct conf_node *k = c->snort_vars->child; k; k = k->next) {
        f(ctx, k->name, k->value);
        n++;
    }
    return n;
}

/* A value may be one network, several with commas, or both in brackets. */
static unsigned each_network(const char *policy, const char *text,
                             void (*f)(void *ctx, const char *policy, const char *network),
                             void *ctx)
{
    char one[128];
    unsigned calls = 0;
    struct str left = str_trim(str_cstr(text));
    if (left.n > 1 && left.p[0] == '[' && left.p[left.n - 1] == ']')
        left = str_of(left.p + 1, left.n - 2);
    while (left.n) {
        struct str s = str_trim(str_split(left, ',', &left));
        if (!s.n || s.n >= sizeof(one))
            continue;
        memcpy(one, s.p, s.n);
        one[s.n] = 0;
        f(ctx, policy, one);
        calls++;
    }
    return calls;
}

unsigned conf_each_host_policy(const struct conf *c, bool fragments,
                               void (*f)(void *ctx, const char *policy, const char *network),
                               void *ctx)
{
    const struct conf_node *map =
        conf_node(c, fragments ? "defrag.host-os-policy" : "stream.host-os-policy");
    if (!map || !map->child)
        map = conf_node(c, "host-os-policy");
    unsigned calls = 0;
    for (const struct conf_node *p = map ? map->child : NULL; p; p = p->next) {
        if (p->kind == CONF_SCALAR)
            calls += each_network(p->name, p->value, f, ctx);
        for (const struct conf_node *i = p->child; i; i = i->next)
            if (i->value)
                calls += each_network(p->name, i->value, f, ctx);
    }
    return calls;
}

static int rule_add(struct conf *c, const char *path, const char *dialect)
{
    struct conf_rule_file *r = array_add(c, &c->rules, sizeof(*r));
    if (!r || !path)
        return -ENOMEM;
    *r = (struct conf_rule_file){.path = path, .dialect = dialect};
    return 0;
}

/* A name, or a pattern; a pattern that matches nothing stays, so that the reader names it. */
static int rule_pattern(struct conf *c, const char *path, const char *dialect)
{
    glob_t g;
    if (!path)
        return -ENOMEM;
    if (c->no_files || !strpbrk(path, "*?[") || glob(path, 0, NULL, &g))
        return rule_add(c, path, dialect);
    int rc = 0;
    for (size_t i = 0; i < g.gl_pathc && !rc; i++) {
        struct str p = arena_dup(&c->arena, g.gl_pathv[i], strlen(g.gl_pathv[i]));
        rc = rule_add(c, (const char *)p.p, dialect);
    }
    globfree(&g);
    return rc;
}

static const char *const dialects[] = {"snort2", "snort3", "suricata"};

static int own_rule(struct conf *c, const struct conf_node *item, struct diags *d)
{
    const char *file = item->value ? item->value : conf_sub_str(item, "file", NULL);
    const char *dialect = item->value ? NULL : conf_sub_str(item, "dialect", NULL);
    if (!file) {
        diag_add(d, DIAG_ERROR, item->file, item->line, item->column, "- file: NAME",
                 "rules: an entry without a file");
        return -EINVAL;
    }
    bool known = !dialect || !strcmp(dialect, "auto");
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        known |= dialect && !strcmp(dialect, dialects[i]);
    if (!known) {
        diag_add(d, DIAG_ERROR, item->file, item->line, item->column,
                 "snort2, snort3, suricata or auto", "rules: no such dialect: %s", dialect);
        return -EINVAL;
    }
    if (dialect && !strcmp(dialect, "auto"))
        dialect = NULL;
    return rule_pattern(c, path_beside(c, item->file, file), dialect);
}

static int named_rule(struct conf *c, const char *name)
{
    const char *dir = conf_str(c, "default-rule-path");
    if (*name == '/' || !dir)
        return rule_pattern(c, name, NULL);
    size_t n = strlen(dir);
    const char *sep = n && dir[n - 1] == '/' ? "" : "/";
    return rule_pattern(c, (const char *)arena_printf(&c->arena, "%s%s%s", dir, sep, name).p, NULL);
}

int rules_collect(struct conf *c, struct diags *d)
{
    if (c->format == CONF_FORMAT_SNORT)
        return 0;
    c->rules.n = 0;
    int rc = 0;
    const struct conf_node *own = conf_node(c, "rules"), *named = conf_node(c, "rule-files");
    if (own && own->value && *own->value)
        rc = own_rule(c, own, d);
    for (const struct conf_node *n = own ? own->child : NULL; n && !rc; n = n->next)
        rc = own_rule(c, n, d);
    for (const struct conf_node *n = named ? named->child : NULL; n && !rc; n = n->next)
        if (n->value && *n->value)
            rc = named_rule(c, n->value);
    return rc;
}

size_t conf_rule_files(const struct conf *c, const struct conf_rule_file **out)
{
    *out = c->rules.p;
    return c->rules.n;
}

size_t conf_lines(const struct conf *c, enum conf_line_kind kind, const struct conf_line **out)
{
    *out = c->lines[kind].p;
    return c->lines[kind].n;
}
