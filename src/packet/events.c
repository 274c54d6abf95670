/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: decoder events, who carried a packet, link types. */
#include "packet/packet.h"

#include <string.h>

static const char *const event_names[DECODE_EVENT_COUNT] = {
#define EVENT_NAME(id, name) [DECODE_##id] = name,
    DECODE_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

const char *decode_event_name(unsigned id)
{
    return id < DECODE_EVENT_COUNT ? event_names[id] : NULL;
}

int decode_event_find(struct str name)
{
    if (str_starts(name, STR("decoder.")))
        name = str_skip(name, 8);
    for (unsigned i = 0; i < DECODE_EVENT_COUNT; i++)
        if (str_eq(name, str_cstr(event_names[i])))
            return (int)i;
    return -1;
}

/*
 * An event is kept once a packet: rules and logs ask whether it happened.  So fifty bad options
 * don't push out what comes after them.
 */
void packet_event(struct packet *p, unsigned event)
{
    for (unsigned i = 0; i < p->n_events; i++)
        if (p->events[i] == event)
            return;
    if (p->n_events < PACKET_EVENTS)
        p->events[p->n_events++] = (uint16_t)event;
}

const char *packet_source_name(unsigned src)
{
    static const char *const names[] = {
        [PKT_SRC_WIRE] = "wire/pcap",
        [PKT_SRC_GRE] = "gre tunnel",
        [PKT_SRC_IPV4] = "ipv4 tunnel",
        [PKT_SRC_IPV6] = "ipv6 tunnel",
        [PKT_SRC_TEREDO] = "teredo tunnel",
        [PKT_SRC_VXLAN] = "vxlan encapsulation",
        [PKT_SRC_GENEVE] = "geneve encapsulation",
        [PKT_SRC_DEFRAG] = "defrag",
        [PKT_SRC_FLOW_TIMEOUT] = "stream (flow timeout)",
        [PKT_SRC_ERSPAN] = "gre tunnel",
        [PKT_SRC_STREAM_END] = "stream (end)",
    };
    return src < ARRAY_LEN(names) && names[src] ? names[src] : "<unknown>";
}

static const struct {
    uint16_t link;
    const char *name;
} link_names[] = {
    {LINK_ETHERNET, "EN10MB"},
    {LINK_NULL, "NULL"},
    {LINK_RAW, "RAW"},
    {LINK_RAW_OLD, "RAW"},
    {LINK_RAW_BSD, "RAW"},
    {LINK_IPV4, "IPv4"},
    {LINK_IPV6, "IPv6"},
    {LINK_SLL, "LINUX_SLL"},
    {LINK_SLL2, "LINUX_SLL2"},
    {LINK_PPP, "PPP"},
    {LINK_PPP_SERIAL, "PPP_SERIAL"},
    {LINK_PPP_ETHER, "PPP_ETHER"},
    {LINK_CHDLC, "C_HDLC"},
    {LINK_LOOP, "LOOP"},
};

const char *link_type_name(uint16_t link)
{
    for (unsigned i = 0; i < ARRAY_LEN(link_names); i++)
        if (link_names[i].link == link)
            return link_names[i].name;
    return NULL;
}

bool link_type_known(uint16_t link)
{
    return link_type_name(link) != NULL;
}
