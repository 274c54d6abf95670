/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules see of SSH, its keywords with values, and EVE's "ssh".
 *
 * HASSH comes after the banner at no progress of its own: its buffers grow, from nothing to all, so
 * that a rule holds with the very packet that ends KEXINIT.
 */
#include "app/ssh/ssh_tx.h"

#include "app/text.h"

/* ------------------------------------------------------------------ getters */

static bool show(struct str s, struct app_view *out)
{
    if (!s.p)
        return false;
    *out = (struct app_view){.data = s.p, .n = s.n, .last = true};
    return true;
}
static struct ssh_side *end_of(const struct app_get *q)
{
    return &ssh_tx_of(q->tx)->side[q->dir];
}
static bool get_proto(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && show(end_of(q)->proto, out);
}
static bool get_software(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && show(end_of(q)->software, out);
}
static bool get_hassh(const struct app_get *q, unsigned i, struct app_view *out)
{
    ssh_tx_of(q->tx)->hassh_asked = true;
    const char *hash = i == 0 ? ssh_hassh_get(end_of(q)) : NULL;
    return hash && show(str_cstr(hash), out);
}
static bool get_hassh_string(const struct app_get *q, unsigned i, struct app_view *out)
{
    ssh_tx_of(q->tx)->hassh_asked = true;
    return i == 0 && show(end_of(q)->hassh, out);
}

/* ------------------------------------------------------------------ keywords */

/* A version; "2_compat" is each that speaks version 2. */
static bool version_expression(struct str v, struct arena *a, struct str *out)
{
    if (!v.n || v.n > 16)
        return false;
    if (str_eq(v, STR("2_compat"))) {
        *out = STR("\\A(?:2|2\\.0|1\\.99)\\z");
        return true;
    }
    for (uint32_t i = 0; i < v.n; i++)
        if ((v.p[i] < '0' || v.p[i] > '9') && v.p[i] != '.')
            return false;
    *out = arena_printf(a, "\\A\\Q" STR_FMT "\\E\\z", STR_ARG(v));
    return out->p != NULL;
}

/* ------------------------------------------------------------------ the tables */

enum { TO_SERVER = 1, TO_CLIENT = 2, BOTH = 3 };
#define ROW(text, old, d, k, fn, what)                                                             \
    {                                                                                              \
        .name = text, .su_old = old, .dirs = d, .kind = k,                                         \
        .at = {SSH_BANNER_DONE, SSH_BANNER_DONE}, .priority = 2, .get = fn, .help = what,          \
        .flags = (fn) == get_hassh ? APP_BUF_MD5 : 0                                               \
    }

const struct app_buffer ssh_buffers[] = {
    ROW("ssh.proto", "ssh_proto", BOTH, APP_BUF_ONE, get_proto, "version in the banner: 2.0, 1.99"),
    ROW("ssh.software", "ssh_software", BOTH, APP_BUF_ONE, get_software,
        "software in the banner, without comments"),
    ROW("ssh.hassh", NULL, TO_SERVER, APP_BUF_GROWING, get_hassh, "HASSH of the client"),
    ROW("ssh.hassh.string", NULL, TO_SERVER, APP_BUF_GROWING, get_hassh_string,
        "what HASSH is the MD5 of"),
    ROW("ssh.hassh.server", NULL, TO_CLIENT, APP_BUF_GROWING, get_hassh, "HASSH of the server"),
    ROW("ssh.hassh.server.string", NULL, TO_CLIENT, APP_BUF_GROWING, get_hassh_string,
        "what it is the MD5 of"),
    {.name = NULL},
};

const struct app_keyword ssh_keywords[] = {
    {"ssh.protoversion", "ssh.proto", false, version_expression, "[!]2.0|2_compat",
     "version in the banner"},
    {"ssh.softwareversion", "ssh.software", false, NULL, "[!]\"text\"",
     "part of the software in the banner"},
    {.name = NULL},
};

/* ------------------------------------------------------------------ EVE */

static void put_side(const struct app_log_ctx *c, struct fields *out, const char *key,
                     unsigned side)
{
    const struct ssh_config *cfg = app_config_get(c->af);
    struct ssh_tx *t = ssh_tx_of(c->tx);
    struct ssh_side *s = &t->side[side];
    bool wanted = cfg->hassh == SSH_HASSH_YES || (cfg->hassh == SSH_HASSH_AUTO && t->hassh_asked);
    const char *hash = wanted ? ssh_hassh_get(s) : NULL;
    if (!s->proto.p)
        return;
    fields_open(out, key);
    fields_text(out, c->scratch, "proto_version", s->proto.p, s->proto.n);
    if (s->software.p)
        fields_text(out, c->scratch, "software_version", s->software.p, s->software.n);
    if (hash) {
        fields_open(out, "hassh");
        fields_cstr(out, "hash", hash);
        fields_text(out, c->scratch, "string", s->hassh.p, s->hassh.n);
        fields_close(out);
    }
    fields_close(out);
}

static bool write_ssh(const struct app_log_ctx *c, struct fields *out)
{
    const struct ssh_tx *t = ssh_tx_of(c->tx);
    if (!t->side[0].proto.p && !t->side[1].proto.p)
        return false;
    fields_open(out, "ssh");
    put_side(c, out, "client", 0);
    put_side(c, out, "server", 1);
    fields_close(out);
    return true;
}

/* At the end of what is said in the clear, with all of it. */
const struct app_log ssh_logs[] = {
    {"ssh", {SSH_FINISHED, SSH_FINISHED}, write_ssh, 0},
    {.event_type = NULL},
};

void ssh_alert_fields(const struct app_log_ctx *c, struct fields *out)
{
    if (c->tx)
        (void)write_ssh(c, out);
}
