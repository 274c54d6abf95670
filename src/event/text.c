/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times and protocols (IANA's protocol numbers) as text. */
#include "event/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t second = 1000000000u;

static char *put2(char *to, int v)
{
    to[0] = (char)('0' + v / 10 % 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static void put6(char *to, uint32_t v)
{
    for (int i = 5; i >= 0; i--, v /= 10)
        to[i] = (char)('0' + v % 10);
}

static void slot_fill(struct time_cache *c, unsigned i, uint64_t sec)
{
    time_t t = (time_t)sec;
    struct tm tm;
    if (!localtime_r(&t, &tm))
        memset(&tm, 0, sizeof(tm));
    char *d = c->slot[i].date;
    int year = tm.tm_year + 1900;
    d = put2(put2(d, year / 100), year);
    *d++ = '-';
    d = put2(d, tm.tm_mon + 1);
    *d++ = '-';
    d = put2(d, tm.tm_mday);
    *d++ = 'T';
    d = put2(d, tm.tm_hour);
    *d++ = ':';
    d = put2(d, tm.tm_min);
    *d++ = ':';
    d = put2(d, tm.tm_sec);
    *d = '.';
    long off = tm.tm_gmtoff / 60;
    char *z = c->slot[i].zone;
    z[0] = off < 0 ? '-' : '+';
    off = off < 0 ? -off : off;
    put2(put2(z + 1, (int)(off / 60)), (int)(off % 60));
    c->slot[i].key = sec + 1;
}

void time_put(struct time_cache *c, uint64_t ns, uint8_t *to)
{
    uint64_t sec = ns / second;
    unsigned i = (unsigned)(sec % TIME_SLOTS);
    if (c->slot[i].key != sec + 1)
        slot_fill(c, i, sec);
    memcpy(to, c->slot[i].date, 20);
    put6((char *)to + 20, (uint32_t)(ns % second / 1000));
    memcpy(to + 26, c->slot[i].zone, 5);
}

size_t event_time_format(uint64_t ns, char out[40])
{
    struct time_cache c = {0};
    time_put(&c, ns, (uint8_t *)out);
    out[TIME_TEXT] = 0;
    return TIME_TEXT;
}

size_t time_line(uint64_t ns, enum time_year year, bool utc, char out[40])
{
    time_t t = (time_t)(ns / second);
    struct tm tm;
    if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)))
        memset(&tm, 0, sizeof(tm));
    char *to = put2(out, tm.tm_mon + 1);
    *to++ = '/';
    to = put2(to, tm.tm_mday);
    if (year != YEAR_NONE)
        *to++ = '/';
    if (year == YEAR_LONG)
        to = put2(to, (tm.tm_year + 1900) / 100);
    if (year != YEAR_NONE)
        to = put2(to, tm.tm_year);
    *to++ = '-';
    to = put2(to, tm.tm_hour);
    *to++ = ':';
    to = put2(to, tm.tm_min);
    *to++ = ':';
    to = put2(to, tm.tm_sec);
    *to++ = '.';
    put6(to, (uint32_t)(ns % second / 1000));
    to += 6;
    *to = 0;
    return (size_t)(to - out);
}

static const char *const keywords[256] = {
    [0] = "HOPOPT",
    [1] = "ICMP",
    [2] = "IGMP",
    [3] = "GGP",
    [4] = "IP-in-IP",
    [5] = "ST",
    [6] = "TCP",
    [7] = "CBT",
    [8] = "EGP",
    [9] = "IGP",
    [11] = "NVP-II",
    [12] = "PUP",
    [16] = "CHAOS",
    [17] = "UDP",
    [20] = "HMP",
    [22] = "XNS-IDP",
    [27] = "RDP",
    [29] = "ISO-TP4",
    [33] = "DCCP",
    [36] = "XTP",
    [37] = "DDP",
    [41] = "IPv6",
    [42] = "SDRP",
    [43] = "IPv6-Route",
    [44] = "IPv6-Frag",
    [45] = "IDRP",
    [46] = "RSVP",
    [47] = "GRE",
    [48] = "DSR",
    [50] = "ESP",
    [51] = "AH",
    [54] = "NARP",
    [55] = "MOBILE",
    [57] = "SKIP",
    [58] = "IPv6-ICMP",
    [59] = "IPv6-NoNxt",
    [60] = "IPv6-Opts",
    [73] = "CPHB",
    [75] = "PVP",
    [80] = "ISO-IP",
    [81] = "VMTP",
    [85] = "NSFNET-IGP",
    [88] = "EIGRP",
    [89] = "OSPFIGP",
    [92] = "MTP",
    [93] = "AX.25",
    [94] = "IPIP",
    [97] = "ETHERIP",
    [98] = "ENCAP",
    [103] = "PIM",
    [108] = "IPComp",
    [112] = "VRRP",
    [113] = "PGM",
    [115] = "L2TP",
    [121] = "SMP",
    [124] = "ISIS-over-IPv4",
    [132] = "SCTP",
    [133] = "FC",
    [135] = "Mobility-Header",
    [136] = "UDPLite",
    [137] = "MPLS-in-IP",
    [139] = "HIP",
    [140] = "Shim6",
};

const char *proto_keyword(uint8_t proto)
{
    return keywords[proto];
}

uint32_t event_proto_text(uint8_t proto, uint8_t ver, char out[24])
{
    (void)ver;
    const char *k = keywords[proto];
    size_t n = k ? strlen(k) : 3;
    if (k) {
        memcpy(out, k, n);
    } else {
        out[0] = (char)('0' + proto / 100);
        put2(out + 1, proto % 100);
    }
    out[n] = 0;
    return (uint32_t)n;
}
