/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the enums in rules.h. */
#include "rules/rules.h"

const char *rule_dialect_name(enum rule_dialect d)
{
    switch (d) {
    case DIALECT_AUTO:
        return "auto";
    case DIALECT_SNORT2:
        return "snort2";
    case DIALECT_SNORT3:
        return "snort3";
    case DIALECT_SURICATA:
        return "suricata";
    }
    return "?";
}

int rule_dialect_find(struct str name)
{
    static const enum rule_dialect all[] = {DIALECT_AUTO, DIALECT_SNORT2, DIALECT_SNORT3,
                                            DIALECT_SURICATA};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if (str_ieq(name, str_cstr(rule_dialect_name(all[i]))))
            return (int)all[i];
    return -1;
}

const char *rule_action_name(unsigned a)
{
#define WORD(id, word) word,
    static const char *const words[] = {RULE_ACTIONS(WORD)};
#undef WORD
    return a < ARRAY_LEN(words) ? words[a] : "?";
}

const char *rule_buffer_name(unsigned buffer)
{
    static const char *const words[RULE_BUF_APP] = {
        [BUF_PAYLOAD] = "payload",       [BUF_RAW_PAYLOAD] = "raw payload",
        [BUF_IPV4_HDR] = "ipv4.hdr",     [BUF_IPV6_HDR] = "ipv6.hdr",
        [BUF_IP_SRC] = "ip.src",         [BUF_IP_DST] = "ip.dst",
        [BUF_TCP_HDR] = "tcp.hdr",       [BUF_UDP_HDR] = "udp.hdr",
        [BUF_ICMPV4_HDR] = "icmpv4.hdr", [BUF_ICMPV6_HDR] = "icmpv6.hdr",
        [BUF_BASE64] = "base64_data",    [BUF_NONE] = "nothing"};
    if (buffer >= RULE_BUF_APP)
        return app_buffer_name(buffer - RULE_BUF_APP);
    return words[buffer] ? words[buffer] : "?";
}
