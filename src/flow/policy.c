/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of target policies, of states and of stream events. */
#include "flow/flow.h"

static const struct {
    const char *name;
    uint8_t os, frag;
} policies[] = {
    {"first", OS_FIRST, FRAG_FIRST},
    {"last", OS_LAST, FRAG_LAST},
    {"bsd", OS_BSD, FRAG_BSD},
    {"bsd-right", OS_BSD_RIGHT, FRAG_BSD_RIGHT},
    {"old-linux", OS_OLD_LINUX, FRAG_LINUX},
    {"linux", OS_LINUX, FRAG_LINUX},
    {"old-solaris", OS_OLD_SOLARIS, FRAG_FIRST},
    {"solaris", OS_SOLARIS, FRAG_SOLARIS},
    {"hpux10", OS_HPUX10, FRAG_BSD},
    {"hpux11", OS_HPUX11, FRAG_FIRST},
    {"irix", OS_IRIX, FRAG_BSD},
    {"macos", OS_MACOS, FRAG_FIRST},
    {"windows", OS_WINDOWS, FRAG_WINDOWS},
    {"vista", OS_VISTA, FRAG_WINDOWS},
    {"windows2k3", OS_WINDOWS2K3, FRAG_WINDOWS},
    /* other spellings */
    {"win2003", OS_WINDOWS2K3, FRAG_WINDOWS},
    {"old_linux", OS_OLD_LINUX, FRAG_LINUX},
    {"old_solaris", OS_OLD_SOLARIS, FRAG_FIRST},
    {"bsd_right", OS_BSD_RIGHT, FRAG_BSD_RIGHT},
};

int os_policy_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (str_ieq(name, str_cstr(policies[i].name)))
            return policies[i].os;
    return -1;
}

enum frag_policy os_frag_policy(enum os_policy p)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (policies[i].os == p)
            return policies[i].frag;
    return FRAG_BSD;
}

const char *tcp_state_name(enum tcp_state s)
{
    static const char *const name[] = {
        [TCP_NONE] = "none",
        [TCP_LISTEN] = "listen",
        [TCP_SYN_SENT] = "syn_sent",
        [TCP_SYN_RECV] = "syn_recv",
        [TCP_ESTABLISHED] = "established",
        [TCP_FIN_WAIT1] = "fin_wait1",
        [TCP_FIN_WAIT2] = "fin_wait2",
        [TCP_TIME_WAIT] = "time_wait",
        [TCP_LAST_ACK] = "last_ack",
        [TCP_CLOSE_WAIT] = "close_wait",
        [TCP_CLOSING] = "closing",
        [TCP_CLOSED] = "closed",
    };
    return (unsigned)s < ARRAY_LEN(name) ? name[s] : "none";
}

#define EVENT_NAME(id, name) name,
static const char *const event_names[] = {STREAM_EVENTS(EVENT_NAME)};

const char *stream_event_name(unsigned id)
{
    return id < STREAM_EVENT_COUNT ? event_names[id] : "unknown";
}

/* Rules and statistics disagree on these names. */
static const struct {
    const char *name;
    uint8_t id;
} event_other_names[] = {
    {"3whs_synack_resend_with_different_ack", STREAM_EV_3WHS_SYNACK_RESEND_WITH_DIFF_ACK},
    {"est_synack_resend_with_different_ack", STREAM_EV_EST_SYNACK_RESEND_WITH_DIFF_ACK},
};

int stream_event_find(struct str name)
{
    for (unsigned i = 0; i < STREAM_EVENT_COUNT; i++)
        if (str_ieq(name, str_cstr(event_names[i])))
            return (int)i;
    for (size_t i = 0; i < ARRAY_LEN(event_other_names); i++)
        if (str_ieq(name, str_cstr(event_other_names[i].name)))
            return event_other_names[i].id;
    return -1;
}
