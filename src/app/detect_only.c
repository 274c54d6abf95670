/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protocols that are told, not parsed: literals and small probes, so that rules with them in the
 * header load and hold.
 *
 * A probe bound to ports may be lenient; one for any port must be hard to meet by accident.
 * Sources: the protocols' RFCs and public specifications, named where a number stands.
 */
#include "app/core.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"

enum { TO_SERVER = 1, TO_CLIENT = 2, BOTH = 3 };

#define LIT(s, proto, direction)                                                                   \
    {                                                                                              \
        .bytes = (s), .n = sizeof(s) - 1, .depth = sizeof(s) - 1, .dir = (direction),              \
        .ip_proto = IPPROTO_##proto                                                                \
    }
#define LIT_I(s, proto, direction)                                                                 \
    {                                                                                              \
        .bytes = (s), .n = sizeof(s) - 1, .depth = sizeof(s) - 1, .dir = (direction),              \
        .nocase = true, .ip_proto = IPPROTO_##proto                                                \
    }
#define LIT_AT(s, at, proto, direction)                                                            \
    {                                                                                              \
        .bytes = (s), .n = sizeof(s) - 1, .offset = (at), .depth = (at) + sizeof(s) - 1,           \
        .dir = (direction), .ip_proto = IPPROTO_##proto                                            \
    }
#define PATTERNS_END                                                                               \
    {                                                                                              \
        .n = 0                                                                                     \
    }
#define PROBES_END                                                                                 \
    {                                                                                              \
        .ip_proto = 0                                                                              \
    }

static enum app_probe_result yes_if(bool yes)
{
    return yes ? PROBE_YES : PROBE_NO;
}
/* Too few bytes to say: worth waiting for when the first ones are right. */
static enum app_probe_result more_if(bool plausible)
{
    return plausible ? PROBE_MORE : PROBE_NO;
}

/* ------------------------------------------------------------------ line protocols */

/* Has the server's greeting, a line with 220, this word in it? */
static enum app_probe_result greeting(const uint8_t *d, uint32_t n, struct str word)
{
    struct str s = str_first(str_of(d, n), 512), rest;
    if (!str_starts(s, str_first(STR("220"), n)))
        return PROBE_NO;
    struct str line = str_split(s, '\n', &rest);
    if (str_ifind(line, word) >= 0)
        return PROBE_YES;
    return more_if(line.n == n && n < 512);
}
static enum app_probe_result probe_smtp_banner(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    return greeting(d, n, STR("SMTP"));
}
static enum app_probe_result probe_ftp_banner(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    return greeting(d, n, STR("FTP"));
}
static const struct app_pattern ftp_patterns[] = {LIT_I("USER ", TCP, 0),
                                                  LIT_I("PASS ", TCP, 0),
                                                  LIT_I("PORT ", TCP, 0),
                                                  LIT_I("AUTH TLS", TCP, 0),
                                                  LIT_I("FEAT\r\n", TCP, 0),
                                                  LIT("220 (", TCP, 1),
                                                  PATTERNS_END};
static const struct app_probe ftp_probes[] = {
    {IPPROTO_TCP, NULL, TO_CLIENT, 1, 512, probe_ftp_banner}, PROBES_END};
static const struct app_pattern smtp_patterns[] = {LIT_I("EHLO ", TCP, 0), LIT_I("HELO ", TCP, 0),
                                                   LIT_I("QUIT ", TCP, 0), PATTERNS_END};
static const struct app_probe smtp_probes[] = {
    {IPPROTO_TCP, NULL, TO_CLIENT, 1, 512, probe_smtp_banner}, PROBES_END};
static const struct app_pattern imap_patterns[] = {LIT_I("* OK ", TCP, 1),
                                                   LIT_I("1 capability", TCP, 0),
                                                   LIT_I("a001 capability", TCP, 0), PATTERNS_END};
static const struct app_pattern pop3_patterns[] = {LIT("+OK ", TCP, 1), LIT("-ERR ", TCP, 1),
                                                   PATTERNS_END};
static const struct app_pattern rfb_patterns[] = {LIT("RFB 00", TCP, 0), LIT("RFB 00", TCP, 1),
                                                  PATTERNS_END};
static const struct app_pattern irc_patterns[] = {LIT_I("NICK ", TCP, 0), LIT_I("JOIN #", TCP, 0),
                                                  PATTERNS_END};
static const struct app_pattern jabber_patterns[] = {
    LIT("<stream:stream", TCP, 0), LIT("<stream:stream", TCP, 1),
    LIT("<?xml version='1.0'?><stream:stream", TCP, 0),
    LIT("<?xml version='1.0'?><stream:stream", TCP, 1), PATTERNS_END};

#define SIP_WORDS(P)                                                                               \
    LIT("REGISTER sip", P, 0), LIT("INVITE sip", P, 0), LIT("ACK sip", P, 0),                      \
        LIT("BYE sip", P, 0), LIT("CANCEL sip", P, 0), LIT("OPTIONS sip", P, 0),                   \
        LIT("SUBSCRIBE sip", P, 0), LIT("NOTIFY sip", P, 0), LIT("PUBLISH sip", P, 0),             \
        LIT("MESSAGE sip", P, 0), LIT("INFO sip", P, 0), LIT("UPDATE sip", P, 0),                  \
        LIT("REFER sip", P, 0), LIT("PRACK sip", P, 0), LIT("SIP/2.0 ", P, 1),                     \
        LIT("SIP/2.0 ", P, 0)
static const struct app_pattern sip_patterns[] = {SIP_WORDS(UDP), SIP_WORDS(TCP),
                                                  LIT("REGISTER tel:", UDP, 0),
                                                  LIT("INVITE tel:", UDP, 0), PATTERNS_END};

static const struct app_pattern http2_patterns[] = {LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TCP, 0),
                                                    PATTERNS_END};

/* ------------------------------------------------------------------ file sharing, remote
 * procedures */

static const struct app_pattern smb_patterns[] = {LIT_AT("\xffSMB", 4, TCP, 0),
                                                  LIT_AT("\xffSMB", 4, TCP, 1),
                                                  LIT_AT("\xfeSMB", 4, TCP, 0),
                                                  LIT_AT("\xfeSMB", 4, TCP, 1),
                                                  LIT_AT("\xfdSMB", 4, TCP, 0),
                                                  LIT_AT("\xfdSMB", 4, TCP, 1),
                                                  PATTERNS_END};
/* NetBIOS session request or positive answer (RFC 1002 4.3) on the SMB ports. */
static enum app_probe_result probe_netbios(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n;
    if (dir == 0)
        return yes_if(d[0] == 0x81 && d[1] == 0 && d[2] == 0 && d[3] == 68);
    return yes_if((d[0] == 0x82 || d[0] == 0x83) && d[1] == 0 && d[2] == 0 && d[3] <= 1);
}
static const struct app_probe smb_probes[] = {{IPPROTO_TCP, "139,445", BOTH, 4, 4, probe_netbios},
                                              PROBES_END};

/* Connection-oriented PDU (C706 12.6.3): version 5, minor 0 or 1, known type, integers in one of
 * two orders. */
static enum app_probe_result probe_dcerpc_tcp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    if (n < 16)
        return more_if(d[0] == 5 && (n < 2 || d[1] <= 1) && (n < 3 || d[2] <= 19));
    bool little = d[4] == 0x10;
    unsigned frag = little ? le16_at(d + 8) : be16_at(d + 8);
    return yes_if(d[0] == 5 && d[1] <= 1 && d[2] <= 19 && (d[4] == 0x10 || d[4] == 0x00) &&
                  d[5] <= 3 && d[6] == 0 && d[7] == 0 && frag >= 16);
}
/* Connectionless PDU (C706 12.5.2): 80 bytes of header. */
static enum app_probe_result probe_dcerpc_udp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    bool little = d[4] == 0x10;
    unsigned len = little ? le16_at(d + 74) : be16_at(d + 74);
    return yes_if(d[0] == 4 && d[1] <= 10 && (d[2] & 0xc0) == 0 && (d[3] & 0xfc) == 0 &&
                  (d[4] == 0x10 || d[4] == 0x00) && d[5] <= 3 && len + 80u <= n);
}
static const struct app_probe dcerpc_probes[] = {
    {IPPROTO_TCP, NULL, BOTH, 1, 16, probe_dcerpc_tcp},
    {IPPROTO_UDP, NULL, BOTH, 80, 80, probe_dcerpc_udp},
    PROBES_END};

enum { RPC_NFS = 100003 };
/* ONC RPC (RFC 5531 9): program of a call, 0 none; 1 for a plausible accepted or denied reply. */
static uint32_t rpc_program(const uint8_t *d, uint32_t n)
{
    if (n < 12)
        return 0;
    uint32_t type = be32_at(d + 4);
    if (type == 1)
        return be32_at(d + 8) <= 1 ? 1 : 0;
    return type == 0 && n >= 16 && be32_at(d + 8) == 2 ? be32_at(d + 12) : 0;
}
static uint32_t rpc_program_tcp(const uint8_t *d, uint32_t n)
{
    uint32_t mark = be32_at(d);
    return (mark & 0x7fffffff) >= 12 && (mark & 0x7fffffff) < 1u << 22 ? rpc_program(d + 4, n - 4)
                                                                       : 0;
}
static bool is_rpc_program(uint32_t program)
{
    return program >= 100000 && program < 101000 && program != RPC_NFS;
}
static enum app_probe_result probe_nfs_tcp(const uint8_t *d, uint32_t n, unsigned dir)
{
    uint32_t program = rpc_program_tcp(d, n);
    return program == 1 && dir == 0 ? PROBE_REVERSED
                                    : yes_if(program == RPC_NFS || (dir && program == 1));
}
static enum app_probe_result probe_nfs_udp(const uint8_t *d, uint32_t n, unsigned dir)
{
    uint32_t program = rpc_program(d, n);
    return program == 1 && dir == 0 ? PROBE_REVERSED
                                    : yes_if(program == RPC_NFS || (dir && program == 1));
}
static enum app_probe_result probe_rpc_tcp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    if (n < 20)
        return more_if(d[0] == 0x80 && (n < 2 || d[1] == 0) && (n < 12 || be32_at(d + 8) == 0));
    return yes_if(is_rpc_program(rpc_program_tcp(d, n)));
}
static enum app_probe_result probe_rpc_udp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    return yes_if(is_rpc_program(rpc_program(d, n)));
}
static const struct app_probe nfs_probes[] = {{IPPROTO_TCP, "2049", BOTH, 20, 20, probe_nfs_tcp},
                                              {IPPROTO_UDP, "2049", BOTH, 16, 16, probe_nfs_udp},
                                              PROBES_END};
static const struct app_probe rpc_probes[] = {{IPPROTO_TCP, NULL, TO_SERVER, 1, 20, probe_rpc_tcp},
                                              {IPPROTO_UDP, NULL, TO_SERVER, 16, 16, probe_rpc_udp},
                                              PROBES_END};

/* ------------------------------------------------------------------ network services */

/* RFC 5905 7.3: version 1..4, mode 1..5 (6, 7: control, private). */
static enum app_probe_result probe_ntp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    unsigned version = d[0] >> 3 & 7, mode = d[0] & 7;
    return yes_if(version >= 1 && version <= 4 && mode >= 1 && (mode >= 6 || n >= 48));
}
static const struct app_probe ntp_probes[] = {{IPPROTO_UDP, "123", BOTH, 4, 48, probe_ntp},
                                              PROBES_END};

/* RFC 2131 2: BOOTP with the magic cookie. */
static enum app_probe_result probe_dhcp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n, (void)dir;
    return yes_if((d[0] == 1 || d[0] == 2) && d[2] <= 16 && be32_at(d + 236) == 0x63825363);
}
static const struct app_probe dhcp_probes[] = {{IPPROTO_UDP, "67,68", BOTH, 240, 240, probe_dhcp},
                                               PROBES_END};

/* RFC 1350: read or write request with a name and a mode. */
static enum app_probe_result probe_tftp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    if (d[0] != 0 || d[1] < 1 || d[1] > 2)
        return PROBE_NO;
    const uint8_t *end = memchr(d + 2, 0, n - 2);
    return yes_if(end && end > d + 2 && memchr(end + 1, 0, (size_t)(d + n - end - 1)));
}
static const struct app_probe tftp_probes[] = {{IPPROTO_UDP, "69", TO_SERVER, 6, 512, probe_tftp},
                                               PROBES_END};

/* The head of a BER value with definite length: its tag, contents in *in; 0: none. */
static uint8_t ber_head(struct cursor *in, struct cursor *body, bool cut_ok)
{
    uint8_t tag = cur_u8(in), first = cur_u8(in);
    uint64_t n = first;
    if (first & 0x80) {
        unsigned k = first & 0x7f;
        n = 0;
        if (k == 0 || k > 4)
            return 0;
        while (k--)
            n = n << 8 | cur_u8(in);
    }
    if (in->bad || (n > cur_left(in) && !cut_ok))
        return 0;
    *body = cur_sub(in, u64_min(n, cur_left(in)));
    return tag;
}
/* RFC 1157, 3416: SEQUENCE { version INTEGER 0..3, ... } */
static enum app_probe_result probe_snmp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    struct cursor in = cur_of(d, n), seq, version, next;
    if (ber_head(&in, &seq, false) != 0x30 || ber_head(&seq, &version, false) != 0x02 ||
        cur_left(&version) != 1)
        return PROBE_NO;
    uint8_t v = cur_u8(&version), tag = ber_head(&seq, &next, false);
    return yes_if((v <= 1 && tag == 0x04) || (v == 3 && tag == 0x30) || (v == 2 && tag == 0x04));
}
static const struct app_probe snmp_probes[] = {{IPPROTO_UDP, "161,162", BOTH, 8, 0, probe_snmp},
                                               PROBES_END};

/* RFC 4511 4.1.1: SEQUENCE { messageID INTEGER, protocolOp [APPLICATION n] } */
static enum app_probe_result probe_ldap(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    struct cursor in = cur_of(d, n), seq, id, op;
    if (ber_head(&in, &seq, true) != 0x30 || ber_head(&seq, &id, true) != 0x02 || cur_left(&id) > 4)
        return PROBE_NO;
    uint8_t tag = ber_head(&seq, &op, true);
    return yes_if((tag & 0xc0) == 0x40 && (tag & 0x1f) <= 25);
}
static const struct app_probe ldap_probes[] = {{IPPROTO_TCP, "389,3268", BOTH, 7, 16, probe_ldap},
                                               {IPPROTO_UDP, "389,3268", BOTH, 7, 16, probe_ldap},
                                               PROBES_END};

/* RFC 4120 5.10: messages are [APPLICATION 10..15, 20..22, 30]; TCP has a length in front (7.2.2).
 */
static enum app_probe_result probe_krb5(const uint8_t *d, uint32_t n, unsigned dir)
{
    struct cursor in = cur_of(d, n), body, seq;
    uint8_t tag = ber_head(&in, &body, true), type = tag & 0x1f;
    if ((tag & 0xe0) != 0x60 || !((type >= 10 && type <= 15) || type == 30) ||
        ber_head(&body, &seq, true) != 0x30)
        return PROBE_NO;
    bool answer = type == 11 || type == 13 || type == 15 || type == 30;
    return answer == (dir == 1) ? PROBE_YES : PROBE_REVERSED;
}
static enum app_probe_result probe_krb5_tcp(const uint8_t *d, uint32_t n, unsigned dir)
{
    uint32_t len = be32_at(d);
    return len >= 10 && len < 1u << 20 ? probe_krb5(d + 4, n - 4, dir) : PROBE_NO;
}
static const struct app_probe krb5_probes[] = {{IPPROTO_UDP, "88", BOTH, 10, 16, probe_krb5},
                                               {IPPROTO_TCP, "88", BOTH, 14, 24, probe_krb5_tcp},
                                               PROBES_END};

/* RFC 7296 3.1, RFC 2408 3.1: cookies, next payload, version, exchange, length.  On 4500 behind 4
 * zeroes. */
static enum app_probe_result probe_ike(const uint8_t *d, uint32_t n, unsigned dir)
{
    if (n >= 32 && be32_at(d) == 0) {
        d += 4;
        n -= 4;
    }
    static const uint8_t none[8];
    unsigned major = d[17] >> 4, exchange = d[18];
    bool good =
        (major == 1 && ((exchange >= 1 && exchange <= 6) || exchange == 32 || exchange == 33)) ||
        (major == 2 && exchange >= 34 && exchange <= 37);
    if (!good || be32_at(d + 24) < 28 || memcmp(d, none, 8) == 0)
        return PROBE_NO;
    /* An IKEv2 answer that comes first: the response flag (bit 5) is set. */
    return major == 2 && dir == 0 && (d[19] & 0x20) ? PROBE_REVERSED : PROBE_YES;
}
static const struct app_probe ike_probes[] = {{IPPROTO_UDP, "500,4500", BOTH, 28, 0, probe_ike},
                                              PROBES_END};

/* RFC 1035 4.1.1: a header with few questions, for the ports of multicast DNS and LLMNR. */
static enum app_probe_result probe_dns_like(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    unsigned flags = be16_at(d + 2), qd = be16_at(d + 4), an = be16_at(d + 6);
    bool name = n == 12 || d[12] < 64 || (d[12] & 0xc0) == 0xc0;
    return yes_if((flags & 0x7000) == 0 && qd + an > 0 && qd <= 255 && name);
}
static const struct app_probe mdns_probes[] = {{IPPROTO_UDP, "5353", BOTH, 12, 0, probe_dns_like},
                                               PROBES_END};
static const struct app_probe llmnr_probes[] = {{IPPROTO_UDP, "5355", BOTH, 12, 0, probe_dns_like},
                                                PROBES_END};

/* ------------------------------------------------------------------ others */

/* RFC 9000 17.2: long header with fixed bit, a version that is one, connection ids of 0..20 bytes.
 */
static bool quic_version(uint32_t v)
{
    bool google = (v >> 24 == 'Q' || v >> 24 == 'T') && (v >> 16 & 0xff) == '0';
    return v == 1 || v == 0x6b3343cf || v >> 8 == 0xff0000 || v >> 8 == 0xfaceb0 || google;
}
static enum app_probe_result probe_quic(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    struct cursor in = cur_of(d, n);
    uint8_t first = cur_u8(&in);
    if (first & 0x80) {
        if (!quic_version(cur_be32(&in)))
            return PROBE_NO;
        uint8_t dcid = cur_u8(&in);
        return yes_if(dcid <= 20 && cur_skip(&in, dcid) && cur_u8(&in) <= 20 && !in.bad);
    }
    /* gQUIC up to 43: public flags with version and 8-byte id */
    return yes_if((first & 0xc9) == 0x09 && cur_skip(&in, 8) && quic_version(cur_be32(&in)));
}
static const struct app_probe quic_probes[] = {{IPPROTO_UDP, NULL, BOTH, 14, 0, probe_quic},
                                               PROBES_END};

/* TPKT (RFC 1006) with X.224 connection request or confirm; [MS-RDPBCGR] 2.2.1.1. */
static enum app_probe_result probe_rdp(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n;
    uint8_t want = dir ? 0xd0 : 0xe0;
    return yes_if(d[0] == 3 && d[1] == 0 && be16_at(d + 2) >= 11 && d[4] >= 6 && d[5] == want);
}
/* The cookie that clients send, on any port. */
static enum app_probe_result probe_rdp_cookie(const uint8_t *d, uint32_t n, unsigned dir)
{
    if (n < 28)
        return more_if(d[0] == 3 && (n < 2 || d[1] == 0) && (n < 6 || d[5] == 0xe0));
    if (probe_rdp(d, n, dir) != PROBE_YES)
        return PROBE_NO;
    return yes_if(memcmp(d + 11, "Cookie: mstshash=", 17) == 0);
}
static const struct app_probe rdp_probes[] = {
    {IPPROTO_TCP, "3389", BOTH, 11, 11, probe_rdp},
    {IPPROTO_TCP, NULL, TO_SERVER, 1, 28, probe_rdp_cookie},
    PROBES_END};

/* MQTT 3.1.1 3.1: CONNECT, length, protocol name; the answer CONNACK on the usual ports. */
static enum app_probe_result probe_mqtt(const uint8_t *d, uint32_t n, unsigned dir)
{
    struct cursor in = cur_of(d, n);
    uint8_t type = cur_u8(&in), len;
    if (dir == 0 && n < 12)
        return more_if(type == 0x10);
    if (dir == 1)
        return yes_if(type == 0x20 && cur_u8(&in) >= 2 && cur_u8(&in) <= 1);
    unsigned more = 0;
    do
        len = cur_u8(&in);
    while ((len & 0x80) && ++more < 4);
    uint16_t name = cur_be16(&in);
    const uint8_t *text = cur_take(&in, name == 6 ? 6 : 4);
    if (type != 0x10 || !text)
        return PROBE_NO;
    return yes_if((name == 4 && memcmp(text, "MQTT", 4) == 0) ||
                  (name == 6 && memcmp(text, "MQIsdp", 6) == 0));
}
static const struct app_probe mqtt_probes[] = {{IPPROTO_TCP, NULL, TO_SERVER, 1, 16, probe_mqtt},
                                               {IPPROTO_TCP, "1883", BOTH, 4, 16, probe_mqtt},
                                               PROBES_END};

/* RFC 854: a negotiation (IAC WILL, WONT, DO, DONT, SB) begins it. */
static enum app_probe_result probe_telnet(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n, (void)dir;
    return yes_if(d[0] == 0xff && d[1] >= 0xfa && d[1] <= 0xfe && d[2] < 0xf0);
}
static const struct app_probe telnet_probes[] = {{IPPROTO_TCP, "23", BOTH, 3, 3, probe_telnet},
                                                 PROBES_END};

/* Modbus application protocol header: protocol id 0, length, unit, function. */
static enum app_probe_result probe_modbus(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n, (void)dir;
    return yes_if(be16_at(d + 2) == 0 && be16_at(d + 4) >= 2 && be16_at(d + 4) <= 260);
}
static const struct app_probe modbus_probes[] = {{IPPROTO_TCP, "502", BOTH, 8, 8, probe_modbus},
                                                 PROBES_END};
/* IEEE 1815: 05 64, length of at least 5. */
static enum app_probe_result probe_dnp3(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n, (void)dir;
    return yes_if(d[0] == 0x05 && d[1] == 0x64 && d[2] >= 5);
}
static const struct app_probe dnp3_probes[] = {{IPPROTO_TCP, "20000", BOTH, 10, 10, probe_dnp3},
                                               PROBES_END};
/* EtherNet/IP encapsulation: commands, options 0. */
static enum app_probe_result probe_enip(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n, (void)dir;
    unsigned command = le16_at(d);
    bool known = command == 0 || command == 4 || (command >= 0x63 && command <= 0x66) ||
                 command == 0x6f || command == 0x70 || command == 0x72 || command == 0x73;
    return yes_if(known && le32_at(d + 20) == 0);
}
static const struct app_probe enip_probes[] = {{IPPROTO_TCP, "44818", BOTH, 24, 24, probe_enip},
                                               {IPPROTO_UDP, "44818", BOTH, 24, 24, probe_enip},
                                               PROBES_END};
/* PostgreSQL 3.0 startup, SSL, GSS or cancel request. */
static enum app_probe_result probe_pgsql(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)n;
    uint32_t code = be32_at(d + 4);
    if (dir == 1)
        return yes_if(d[0] == 'R' && be32_at(d + 1) >= 8 && be32_at(d + 1) < 4096);
    return yes_if(code == 0x30000 || (code >= 80877102 && code <= 80877104));
}
static const struct app_probe pgsql_probes[] = {{IPPROTO_TCP, "5432", BOTH, 8, 8, probe_pgsql},
                                                PROBES_END};

/* BEP 5: a bencoded dictionary that begins with its arguments, answers or error. */
static const struct app_pattern dht_patterns[] = {LIT("d1:ad2:id20:", UDP, 0),
                                                  LIT("d1:ad2:id20:", UDP, 1),
                                                  LIT("d1:rd2:id20:", UDP, 0),
                                                  LIT("d1:rd2:id20:", UDP, 1),
                                                  LIT("d2:ip", UDP, 1),
                                                  LIT("d1:eli", UDP, 1),
                                                  PATTERNS_END};

/* MySQL: greeting of protocol 10 (sequence 0, version text). */
static enum app_probe_result probe_mysql(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    if (n < 7)
        return more_if((n < 2 || d[1] <= 3) && (n < 3 || d[2] == 0) && (n < 4 || d[3] == 0) &&
                       (n < 5 || d[4] == 10) && (n < 6 || (d[5] >= '3' && d[5] <= '9')));
    unsigned len = d[0] | (unsigned)d[1] << 8 | (unsigned)d[2] << 16;
    return yes_if(len >= 30 && len < 1024 && d[3] == 0 && d[4] == 10 && d[5] >= '3' &&
                  d[5] <= '9' && (d[6] == '.' || (d[6] >= '0' && d[6] <= '9')));
}
static const struct app_probe mysql_probes[] = {{IPPROTO_TCP, NULL, TO_CLIENT, 1, 7, probe_mysql},
                                                PROBES_END};
/* [MS-TDS] 2.2.3: PRELOGIN (0x12), one packet, whose first option is VERSION at an offset within
 * it. */
static enum app_probe_result probe_tds(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    if (n < 13)
        return more_if(d[0] == 0x12 && (n < 2 || d[1] == 1));
    unsigned len = be16_at(d + 2);
    return yes_if(d[0] == 0x12 && d[1] == 1 && len >= 20 && len < 4096 && d[8] == 0 &&
                  be16_at(d + 9) < len && be16_at(d + 11) == 6);
}
static const struct app_probe tds_probes[] = {{IPPROTO_TCP, NULL, TO_SERVER, 1, 13, probe_tds},
                                              PROBES_END};
/* RESP arrays: "*3\r\n$3\r\n". */
static enum app_probe_result probe_redis(const uint8_t *d, uint32_t n, unsigned dir)
{
    (void)dir;
    uint32_t i = 1;
    if (d[0] != '*')
        return PROBE_NO;
    while (i < n && i < 6 && d[i] >= '0' && d[i] <= '9')
        i++;
    if (i + 3 > n)
        return more_if(i > 1 || n == 1);
    if (i == 1)
        return PROBE_NO;
    return yes_if(d[i] == '\r' && d[i + 1] == '\n' && d[i + 2] == '$');
}
static const struct app_probe redis_probes[] = {{IPPROTO_TCP, NULL, TO_SERVER, 1, 10, probe_redis},
                                                PROBES_END};

static const struct detect_only table[APP_COUNT] = {
    [APP_FTP] = {.patterns = ftp_patterns, .probes = ftp_probes},
    [APP_SMTP] = {.patterns = smtp_patterns, .probes = smtp_probes},
    [APP_SMB] = {.patterns = smb_patterns, .probes = smb_probes},
    [APP_DCERPC] = {.probes = dcerpc_probes},
    [APP_HTTP2] = {.patterns = http2_patterns},
    [APP_QUIC] = {.probes = quic_probes},
    [APP_IMAP] = {.patterns = imap_patterns},
    [APP_POP3] = {.patterns = pop3_patterns},
    [APP_NFS] = {.probes = nfs_probes},
    [APP_NTP] = {.probes = ntp_probes},
    [APP_DHCP] = {.probes = dhcp_probes},
    [APP_TFTP] = {.probes = tftp_probes},
    [APP_SNMP] = {.probes = snmp_probes},
    [APP_SIP] = {.patterns = sip_patterns},
    [APP_RFB] = {.patterns = rfb_patterns},
    [APP_RDP] = {.probes = rdp_probes},
    [APP_MQTT] = {.probes = mqtt_probes},
    [APP_TELNET] = {.probes = telnet_probes},
    [APP_LDAP] = {.probes = ldap_probes},
    [APP_KRB5] = {.probes = krb5_probes},
    [APP_IKE] = {.probes = ike_probes},
    [APP_MODBUS] = {.probes = modbus_probes, .off = true},
    [APP_DNP3] = {.probes = dnp3_probes, .off = true},
    [APP_ENIP] = {.probes = enip_probes, .off = true},
    [APP_PGSQL] = {.probes = pgsql_probes, .off = true},
    [APP_BITTORRENT_DHT] = {.patterns = dht_patterns},
    [APP_MDNS] = {.probes = mdns_probes},
    [APP_LLMNR] = {.probes = llmnr_probes},
    [APP_IRC] = {.patterns = irc_patterns},
    [APP_JABBER] = {.patterns = jabber_patterns},
    [APP_RPC] = {.probes = rpc_probes},
    [APP_MYSQL] = {.probes = mysql_probes},
    [APP_TDS] = {.probes = tds_probes},
    [APP_REDIS] = {.probes = redis_probes},
};

const struct detect_only *detect_only_get(enum app_proto_id id)
{
    return id < APP_COUNT ? &table[id] : NULL;
}
