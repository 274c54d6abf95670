/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of protocols, their aliases in the dialects, and names of the core's own events. */
#include "app/core.h"

#define FOLDER(id, name, folder) [APP_##id] = name,
#define TOLD(id, name)           [APP_##id] = name,
static const char *const proto_name[APP_COUNT] = {
#include "app/protocols.def"
    [APP_FAILED] = "failed"};
#undef FOLDER
#undef TOLD
#define ROW_EVENT(id, name) [APP_CORE_##id] = name,
static const char *const core_event_name[APP_CORE_COUNT] = {APP_CORE_EVENTS(ROW_EVENT)};
#undef ROW_EVENT

/* Other names that rules use, most of them Snort's services; a folder declares its own. */
static const struct {
    const char *name;
    enum app_proto_id id;
} alias[] = {
    {"netbios-ssn", APP_SMB},
    {"cifs", APP_SMB},
    {"dce_smb", APP_SMB},
    {"dce_tcp", APP_DCERPC},
    {"dce_udp", APP_DCERPC},
    {"dce_http_server", APP_DCERPC},
    {"dce_http_proxy", APP_DCERPC},
    {"ikev2", APP_IKE},
    {"ikev1", APP_IKE},
    {"kerberos", APP_KRB5},
    {"sunrpc", APP_RPC},
    {"vnc", APP_RFB},
    {"vnc-server", APP_RFB},
    {"bootps", APP_DHCP},
    {"postgresql", APP_PGSQL},
    {"ms-sql-s", APP_TDS},
    {"bittorrent_dht", APP_BITTORRENT_DHT},
    {"ftp_data", APP_FTP_DATA},
    {"xmpp", APP_JABBER},
    {"isakmp", APP_IKE},
};

static bool is_alias(const char *words, struct str name)
{
    struct str rest = str_cstr(words ? words : "");
    while (rest.n)
        if (str_ieq(str_split(rest, ' ', &rest), name))
            return true;
    return false;
}

const char *app_name(unsigned id)
{
    return id < APP_COUNT ? proto_name[id] : NULL;
}
int app_find(struct str name)
{
    for (unsigned i = 1; i < APP_COUNT; i++)
        if (str_ieq(str_cstr(proto_name[i]), name))
            return (int)i;
    for (unsigned i = 1; i < APP_COUNT; i++) {
        const struct app_proto_def *def = app_declared((enum app_proto_id)i);
        if (def && is_alias(def->aliases, name))
            return (int)i;
    }
    for (unsigned i = 0; i < ARRAY_LEN(alias); i++)
        if (str_ieq(str_cstr(alias[i].name), name))
            return (int)alias[i].id;
    return -1;
}

/* One protocol inside another: rules for `rule` hold on flows of `flow` as well. */
static const struct {
    uint16_t rule, flow;
} cover[] = {
    {APP_HTTP, APP_HTTP2}, {APP_HTTP, APP_DOH2},  {APP_HTTP2, APP_DOH2},
    {APP_DNS, APP_DOH2},   {APP_DCERPC, APP_SMB},
};
bool app_covers(enum app_proto_id rule_proto, enum app_proto_id flow_proto)
{
    if (rule_proto == flow_proto)
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(cover); i++)
        if (cover[i].rule == rule_proto && cover[i].flow == flow_proto)
            return true;
    return false;
}

const char *app_core_event_name(unsigned e)
{
    return e < APP_CORE_COUNT ? core_event_name[e] : NULL;
}
int app_core_event_find(struct str name)
{
    for (unsigned i = 0; i < APP_CORE_COUNT; i++)
        if (str_ieq(str_cstr(core_event_name[i]), name))
            return (int)i;
    return -1;
}

const char *app_event_eve(enum app_proto_id id, const char *name, char room[96])
{
    unsigned n = 0;
    const struct app_proto_def *def = app_declared(id);
    if (id != APP_UNKNOWN && !(def && def->events_upper))
        return name;
    for (; name[n] && n < 95; n++)
        room[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 32) : name[n];
    room[n] = 0;
    return room;
}
