/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each dialect refuses and what it takes: values out of range, words that contradict each
 * other, options of another protocol.  A refusal has its place, a reason and a hint that says what
 * to do.
 */
#include "rules/rules_test.h"

enum {
    S2 = DIALECT_SNORT2,
    S3 = DIALECT_SNORT3,
    SU = DIALECT_SURICATA,
    SN = S2 | S3,
    ALL = S2 | S3 | SU,
    NONE = 0
};
#define UDP  "alert udp any any -> any any"
#define ICMP "alert icmp any any -> any any"
#define HTTP "alert http any any -> any any"
#define TLS  "alert tls any any -> any any"
#define MD5  "e7eca2baf4458d095b7f45da28c16c34"
#define SHA1 "4A:A3:66:76:82:CB:6B:23:BB:C3:58:47:23:A4:63:A7:78:A4:A1:18"
#define C    "content:\"abc\"; "

struct refused_case {
    const char *header; /* NULL: tcp */
    const char *options;
    unsigned tried, refused; /* dialects */
    const char *at;          /* the refusal's column is where this stands; NULL: anywhere */
};
static const struct refused_case cases[] = {
    /* options of another protocol */
    {UDP, C "flags:S;", ALL, ALL, "flags"},
    {UDP, C "seq:1;", ALL, ALL, "seq"},
    {UDP, C "ack:1;", ALL, ALL, "ack"},
    {UDP, C "window:1;", ALL, ALL, "window"},
    {UDP, C "stream_size:client,>,5;", ALL, ALL, "stream_size"},
    {ICMP, C "flags:S;", ALL, ALL, "flags"},
    {NULL, C "itype:8;", ALL, ALL, "itype"},
    {NULL, C "icode:0;", ALL, ALL, "icode"},
    {UDP, C "icmp_id:0;", ALL, ALL, "icmp_id"},
    {UDP, C "icmp_seq:0;", ALL, ALL, "icmp_seq"},
    {ICMP, C "itype:8; icode:0; icmp_id:1; icmp_seq:1;", ALL, NONE, NULL},
    {NULL, "flags:S; seq:1; ack:0; window:512;", ALL, NONE, NULL},
    {"alert ip any any -> any any", "ttl:5;", ALL, NONE, NULL},
    {"alert icmpv6 any any -> any any", "itype:128;", SU, NONE, NULL},
    /* header */
    {"alert tcp any 70000 -> any any", C, ALL, ALL, "70000"},
    {"alert tcp any 80:70 -> any any", C, ALL, ALL, "80:70"},
    {"alert tcp any !any -> any any", C, ALL, ALL, "!any"},
    {"alert tcp any -> any any", C, ALL, ALL, NULL},
    {"alert tcp 300.1.1.1 any -> any any", C, ALL, ALL, "300"},
    {"alert tcp 1.1.1.1/33 any -> any any", C, ALL, ALL, "1.1.1.1/33"},
    {"alert tcp any any <- any any", C, ALL, ALL, "<-"},
    {"alert foo any any -> any any", C, ALL, ALL, "foo"},
    {"alert tcp any any -> any any any", C, ALL, ALL, NULL},
    {"alert tcp $NOTSET any -> any any", C, ALL, ALL, "$NOTSET"},
    {"alert tcp any 0:65535 -> [10.0.0.0/8,!10.1.0.0/16] [80,!81]", C, ALL, NONE, NULL},
    {"activate tcp any any -> any any", C, S2, S2, NULL},
    {"activate tcp any any -> any any", C "activates:1;", S2, NONE, NULL},
    {"dynamic tcp any any -> any any", C, S2, S2, NULL},
    {"dynamic tcp any any -> any any", C "activated_by:1; count:5;", S2, NONE, NULL},
    {"dynamic tcp any any -> any any", C "activated_by:1; count:0;", S2, S2, NULL},
    {"alert tcp any any => any any", C, ALL, ALL, NULL},
    {"alert http any any => any any", C, SU, NONE, NULL},
    {"alert http any any -> any any", C "uricontent:\"a\"; activates:1;", S2, S2, "http "},
    /* contents */
    {NULL, "content:\"\";", ALL, ALL, "content"},
    {NULL, "content:!\"\";", ALL, ALL, "content"},
    {NULL, "content:\"|0|\";", ALL, ALL, "content"},
    {NULL, "content:\"|zz|\";", ALL, ALL, "content"},
    {NULL, "content:\"|41\";", ALL, ALL, "content"},
    {NULL, "content:abc;", ALL, ALL, "content"},
    {NULL, "content:;", ALL, ALL, "content"},
    {NULL, "depth:5; content:\"a\";", ALL, ALL, "depth"},
    {NULL, "nocase; content:\"a\";", ALL, ALL, "nocase"},
    {NULL, C "nocase:5;", S2 | SU, S2 | SU, "nocase"},
    {NULL, C "nocase;", ALL, S3, "nocase"},
    {NULL, "content:\"abc\",nocase;", S3, NONE, NULL},
    {NULL, C "offset:65535;", S2 | SU, NONE, NULL},
    {NULL, C "offset:70000;", S2 | SU, S2 | SU, "offset"},
    {NULL, C "offset:-1;", SU, SU, "offset"},
    {NULL, C "depth:70000;", S2 | SU, S2 | SU, "depth"},
    {NULL, C "depth:2;", S2 | SU, S2 | SU, "depth"},
    {NULL, C "depth:0;", S2 | SU, S2 | SU, "depth"},
    {NULL, C "depth:3;", S2 | SU, NONE, NULL},
    {NULL, C "content:\"d\"; within:0;", S2 | SU, S2 | SU, "within"},
    {NULL, C "content:\"de\"; within:1;", S2 | SU, S2 | SU, "within"},
    {NULL, C "content:\"d\"; distance:70000;", S2 | SU, S2, "distance"},
    {NULL, C "content:\"d\"; distance:2000000;", S2 | SU, S2 | SU, "distance"},
    {NULL, C "content:\"d\"; within:70000;", S2 | SU, S2, "within"},
    {NULL, C "distance:3;", S2 | SU, NONE, NULL}, /* from the start */
    {NULL, C "within:3;", S2 | SU, NONE, NULL},
    {NULL, C "depth:5; within:5;", S2 | SU, S2 | SU, "within"},
    {NULL, C "offset:nosuch;", S2 | SU, S2 | SU, "offset"},
    {NULL, "content:\"abc\",depth 2;", S3, S3, "content"},
    {NULL, "content:\"abc\",offset 70000;", S3, S3, "content"},
    {NULL, "content:\"abc\",foo 2;", S3, S3, "content"},
    {NULL, "content:\"abc\",offset 2,depth 9,nocase;", S3, NONE, NULL},
    {NULL, C "fast_pattern:5,5;", S2 | SU, S2 | SU, "fast_pattern"},
    {NULL, C "replace:\"ab\";", S2 | SU, S2 | SU, "replace"},
    {NULL, C "replace:\"abd\";", ALL, NONE, NULL},
    {NULL, C "http_uri; replace:\"abd\";", S2 | SU, S2 | SU, NULL},
    {NULL, "http.uri; content:\"abc\"; replace:\"abd\";", SU, SU, "replace"},
    {NULL, "content:!\"abc\"; replace:\"abd\";", S2 | SU, S2 | SU, "replace"},
    /* bytes */
    {NULL, "byte_test:0,>,5,0;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:11,>,5,0;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:5,>,5,0;", ALL, SN, "byte_test"},
    {NULL, "byte_test:8,>,5,0,string,dec;", ALL, NONE, NULL},
    {NULL, "byte_test:11,>,5,0,string,dec;", ALL, SN, "byte_test"},
    {NULL, "byte_test:24,>,5,0,string,dec;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:4,foo,5,0;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:4,>,5;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:4,>,5,0,foo;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:4,>,5,70000;", ALL, ALL, "byte_test"},
    {NULL, "byte_test:4,>,nosuch,0;", ALL, ALL, "byte_test"},
    {NULL, "byte_jump:0,0;", ALL, ALL, "byte_jump"},
    {NULL, "byte_jump:0,0,from_end,post_offset -4;", ALL, NONE, NULL},
    {NULL, "byte_jump:11,0;", ALL, ALL, "byte_jump"},
    {NULL, "byte_jump:4,0,multiplier 0;", ALL, ALL, "byte_jump"},
    {NULL, "byte_jump:4,0,from_beginning,from_end;", ALL, ALL, "byte_jump"},
    {NULL, "byte_extract:0,0,x;", ALL, ALL, "byte_extract"},
    {NULL, "byte_extract:1,0,a; byte_extract:1,1,b; byte_extract:1,2,c;", ALL, S2,
     "byte_extract:1,2"},
    {NULL, "byte_extract:1,0,a; byte_extract:1,1,b;", ALL, NONE, NULL},
    {NULL, "byte_extract:4,0,1x;", ALL, ALL, "byte_extract"},
    {NULL, "byte_math:bytes 0,offset 0,oper +,rvalue 2,result x;", ALL, ALL, "byte_math"},
    {NULL, "byte_math:bytes 4,offset 0,oper /,rvalue 0,result x;", ALL, S3, "byte_math"},
    {NULL, "byte_math:bytes 4,offset 0,oper %,rvalue 2,result x;", ALL, ALL, "byte_math"},
    {NULL, "isdataat:70000;", ALL, ALL, "isdataat"},
    {NULL, "isdataat:5,foo;", ALL, ALL, "isdataat"},
    {NULL, "isdataat:-1;", ALL, ALL, "isdataat"},
    {NULL, C "isdataat:!5,relative;", ALL, NONE, NULL},
    {NULL, "asn1:oversize_length -1;", ALL, ALL, "asn1"},
    /* pcre */
    {NULL, "pcre:\"/(/\";", ALL, ALL, "pcre"},
    {NULL, "pcre:\"/a\";", ALL, ALL, "pcre"},
    {NULL, "pcre:\"/[z-a]/\";", ALL, ALL, "pcre"},
    {NULL, "pcre:\"/a/1\";", ALL, ALL, "pcre"},
    {NULL, C "pcre:\"/a+/si\";", ALL, NONE, NULL},
    /* numbers of a packet */
    {NULL, "dsize:5<>3;", ALL, ALL, "dsize"},
    {NULL, "dsize:5<>5;", ALL, S3 | SU, "dsize"},
    {NULL, "dsize:70000;", ALL, ALL, "dsize"},
    {NULL, "dsize:-1;", ALL, ALL, "dsize"},
    {NULL, "dsize:>;", ALL, ALL, "dsize"},
    {NULL, "dsize:abc;", ALL, ALL, "dsize"},
    {NULL, "dsize:5<>9;", ALL, NONE, NULL},
    {NULL, "ttl:300;", ALL, ALL, "ttl"},
    {NULL, "ttl:5-3;", ALL, ALL, "ttl"},
    {NULL, "ttl:-5;", ALL, SU, "ttl"},
    {NULL, "tos:300;", ALL, ALL, "tos"},
    {NULL, "id:70000;", ALL, ALL, "id"},
    {NULL, "window:70000;", ALL, ALL, "window"},
    {NULL, "seq:5000000000;", ALL, ALL, "seq"},
    {NULL, "fragbits:X;", ALL, ALL, "fragbits"},
    {NULL, "fragoffset:70000;", ALL, ALL, "fragoffset"},
    {NULL, "ipopts:foo;", ALL, ALL, "ipopts"},
    {"alert ip any any -> any any", "ip_proto:300;", ALL, ALL, "ip_proto"},
    {NULL, "flags:Z;", ALL, ALL, "flags"},
    {NULL, "flags:S,Z;", ALL, ALL, "flags"},
    {ICMP, "icode:300;", ALL, ALL, "icode"},
    {NULL, "sameip:5;", ALL, ALL, "sameip"},
    {NULL, "urilen:5<>3;", S2 | SU, S2 | SU, "urilen"},
    {NULL, "stream_size:client,foo,5;", ALL, ALL, "stream_size"},
    /* flow and its state */
    {NULL, "flow:established,not_established;", ALL, ALL, "flow"},
    {NULL, "flow:to_server,to_client;", ALL, ALL, "flow"},
    {NULL, "flow:only_stream,no_stream;", ALL, ALL, "flow"},
    {NULL, "flow:foo;", ALL, ALL, "flow"},
    {NULL, "flow:;", ALL, ALL, "flow"},
    {NULL, "flowbits:set;", ALL, ALL, "flowbits"},
    {NULL, "flowbits:foo,a;", ALL, ALL, "flowbits"},
    {NULL, "flowbits:noalert,a;", ALL, ALL, "flowbits"},
    {NULL, "flowbits:set,a;", ALL, NONE, NULL},
    {NULL, "flowint:a,foo,1;", SU, SU, "flowint"},
    {NULL, "xbits:set,a,track foo;", SU, SU, "xbits"},
    {NULL, "xbits:set,a,track ip_src,expire 0;", SU, SU, "xbits"},
    /* thresholds and tags */
    {NULL, C "detection_filter:track by_src,count 0,seconds 60;", ALL, ALL, "detection_filter"},
    {NULL, C "detection_filter:track by_src,count 5,seconds 0;", ALL, ALL, "detection_filter"},
    {NULL, C "detection_filter:track by_src,count -1,seconds 60;", ALL, ALL, "detection_filter"},
    {NULL, C "detection_filter:track by_me,count 5,seconds 60;", ALL, ALL, "detection_filter"},
    {NULL, C "detection_filter:track by_rule,count 5,seconds 60;", ALL, SN, "detection_filter"},
    {NULL, C "detection_filter:track by_src,count 5,seconds 60;", ALL, NONE, NULL},
    {NULL, C "threshold:type limit,track by_src,count 0,seconds 60;", S2 | SU, S2 | SU,
     "threshold"},
    {NULL, C "threshold:type limit,track by_src,count -1,seconds 60;", S2 | SU, S2 | SU,
     "threshold"},
    {NULL, C "threshold:type limit,track by_src,count 1,seconds 0;", S2 | SU, S2 | SU, "threshold"},
    {NULL, C "threshold:type foo,track by_src,count 1,seconds 60;", S2 | SU, S2 | SU, "threshold"},
    {NULL, C "threshold:type limit,track by_either,count 1,seconds 60;", S2 | SU, S2 | SU,
     "threshold"},
    {NULL, C "tag:session,0,packets;", ALL, ALL, "tag"},
    {NULL, C "tag:session,-1,packets;", ALL, ALL, "tag"},
    {NULL, C "tag:session,5;", ALL, ALL, "tag"},
    {NULL, C "tag:host,5,packets;", ALL, SU, "tag"},
    {NULL, C "tag:session,0,packets,60,seconds;", S2, NONE, NULL}, /* 0: no limit of packets */
    {NULL, C "tag:session,5,packets,60,seconds;", S2 | SU, SU, "tag"},
    {NULL, C "tag:session,5,packets,60,seconds,400,bytes;", S2, NONE, NULL},
    {NULL, C "tag:session,5,packets,6,packets;", S2, S2, "tag"},
    {NULL, C "tag:session,packets,60,seconds;", S2, S2, "tag"},
    {NULL, C "tag:session,packets 5,seconds 60;", S3, NONE, NULL},
    {NULL, C "tag:host_src,bytes 4000;", ALL, S2 | SU, "tag"},
    {NULL, C "tag:host_foo,bytes 4000;", S3, S3, "tag"},
    {NULL, C "fast_pattern; content:\"def\"; fast_pattern;", S2 | SU, S2 | SU, "fast_pattern; sid"},
    {NULL, C "content:\"def\"; fast_pattern:only;", S2, NONE, NULL},
    {NULL, C "resp:rst_snd; resp:rst_rcv;", SN, NONE, NULL}, /* both are sent */
    {NULL, C "tag:session,5,packets;", ALL, NONE, NULL},
    /* what a rule says of itself */
    {NULL, C "sid:0;", ALL, ALL, "sid"},
    {NULL, C "sid:-1;", ALL, ALL, "sid"},
    {NULL, C "sid:abc;", ALL, ALL, "sid"},
    {NULL, C "sid:5000000000;", ALL, ALL, "sid"},
    {NULL, C "sid:1; sid:2;", ALL, ALL, "sid:2"},
    {NULL, C "rev:-1;", ALL, ALL, "rev"},
    {NULL, C "rev:0;", ALL, S3, "rev"},
    {NULL, C "gid:0;", ALL, S3, "gid"},
    {NULL, C "priority:-1;", ALL, ALL, "priority"},
    {NULL, C "priority:0;", ALL, S3 | SU, "priority"},
    {NULL, C "priority:256;", ALL, SU, "priority"},
    {NULL, C "priority:1;", ALL, NONE, NULL},
    {NULL, C "classtype:;", ALL, ALL, "classtype"},
    {NULL, C "classtype:no-such-class;", ALL, NONE, NULL}, /* a warning */
    {NULL, C "msg:abc;", ALL, S3 | SU, "msg"},
    {NULL, C "resp:foo;", ALL, ALL, "resp"},
    {NULL, C "react:foo;", ALL, ALL, "react"},
    {NULL, C "target:foo;", SU, SU, "target"},
    {NULL, C "activates:0;", S2, S2, "activates"},
    {NULL, C "nosuchword:5;", ALL, ALL, "nosuchword"},
    /* bounds that a field never goes beyond, or always keeps (Suricata) */
    {NULL, "ttl:>255;", ALL, SU, "ttl"},
    {NULL, "ttl:<0;", ALL, SU, "ttl"},
    {NULL, "ttl:>=0;", SU, SU, "ttl"},
    {NULL, "ttl:<=255;", SU, SU, "ttl"},
    {NULL, "ttl:>254;", ALL, NONE, NULL},
    {NULL, "ttl:<1;", ALL, NONE, NULL},
    {NULL, "dsize:>65535;", SU, SU, "dsize"},
    {NULL, "dsize:<0;", SU, SU, "dsize"},
    {NULL, "tcp.mss:>65535;", SU, SU, "tcp.mss"},
    {NULL, "tcp.wscale:>255;", SU, SU, "tcp.wscale"},
    {NULL, "vlan.layers:4;", SU, SU, "vlan.layers"},
    {NULL, "vlan.layers:3;", SU, NONE, NULL},
    {NULL, "flow.age:4294967296;", SU, SU, "flow.age"},
    {NULL, "tos:>5;", ALL, SU, "tos"},
    {NULL, "tos:!5;", ALL, NONE, NULL},
    {NULL, "stream_size:client,>,4294967296;", ALL, ALL, "stream_size"},
    {ICMP, "itype:>255;", SU, SU, "itype"},
    {HTTP, "urilen:>65535;", SU, SU, "urilen"},
    {HTTP, "urilen:20<>21; content:\"abc\"; http_uri;", SU, NONE, NULL},
    {HTTP, "http.uri; bsize:<0;", SU, SU, "bsize"},
    {"alert dns any any -> any any", "dns.rcode:70000;", SU, SU, "dns.rcode"},
    {"alert dns any any -> any any", "dns.opcode:256;", SU, SU, "dns.opcode"},
    {TLS, "tls.version:9;", SU, SU, "tls.version"},
    {TLS, "tls.version:0x7f12;", SU, NONE, NULL},
    {"alert ip any any -> any any", "ip_proto:6; ip_proto:17;", SU, SU, "ip_proto:17"},
    {"alert ip any any -> any any", "ip_proto:!6; ip_proto:!17;", SU, NONE, NULL},
    /* contents that a buffer never holds (Suricata) */
    {HTTP, "http.method; content:\"GET \";", SU, SU, "content"},
    {HTTP, "http.method; content:\"|09|GET\";", SU, SU, "content"},
    {HTTP, "http.method; content:\"A B\";", SU, NONE, NULL},
    {HTTP, "content:\"GET \"; http_method;", SU, SU, "content"},
    {NULL, "content:\"GET \"; http_method;", S2, NONE, NULL},
    {TLS, "ja3.hash; content:\"abcdef\";", SU, SU, "content"},
    {TLS, "ja3.hash; content:\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\";", SU, SU, "content"},
    {TLS, "ja3.hash; content:\"" MD5 "\"; nocase;", SU, NONE, NULL},
    {TLS, "ja3s.hash; content:\"zz\";", SU, SU, "content"},
    {TLS, "ja3s.hash; content:\"" MD5 "\";", SU, NONE, NULL},
    {"alert ssh any any -> any any", "ssh.hassh; content:\"ABC\";", SU, SU, "content"},
    {"alert ssh any any -> any any", "ssh.hassh.server; content:\"" MD5 "\";", SU, NONE, NULL},
    {TLS, "tls.cert_fingerprint; content:\"aa:bb\";", SU, SU, "content"},
    {TLS, "tls.cert_fingerprint; content:\"" SHA1 "\";", SU, NONE, NULL},
    {TLS, "tls.cert_serial; content:\"abcd\";", SU, SU, "content"},
    {TLS, "tls.cert_serial; content:\"ab\";", SU, NONE, NULL},
    {TLS, "tls.cert_serial; content:\"ab:cd\";", SU, NONE, NULL},
    {NULL, "pcre:\"/Ab/W\";", SU, SU, "pcre"},
    {NULL, "pcre:\"/Ab/Wi\";", SU, NONE, NULL},
    {NULL, "pcre:\"/a\\W\\xAB/W\";", SU, NONE, NULL},
    {HTTP, "http.uri; content:\"a\"; replace:\"b\";", SU, SU, "replace"},
    /* words that exclude each other, sizes, transforms */
    {NULL, "byte_test:4,>,5,0,hex;", ALL, SU, "byte_test"},
    {NULL, "byte_jump:4,0,dec;", ALL, SU, "byte_jump"},
    {NULL, "byte_extract:21,0,x,string,dec;", SU, SU, "byte_extract"},
    {NULL, "byte_extract:15,0,x,string,hex;", SU, SU, "byte_extract"},
    {NULL, "byte_extract:23,0,x,string,oct;", SU, NONE, NULL},
    {NULL, "byte_math:bytes 4,offset 0,oper +,rvalue 1,result x,string foo;", ALL, ALL, "byte_math"},
    {NULL, C "rev:1; rev:2;", ALL, SU, "rev:2"},
    {NULL, "xbits:noalert,a,track ip_src;", SU, SU, "xbits"},
    {HTTP, "http.uri; absent; content:\"a\";", SU, SU, "absent"},
    {HTTP, "http.uri; absent:or_else;", SU, SU, "absent"},
    {HTTP, "http.uri; absent:or_else; content:\"a\";", SU, NONE, NULL},
    {"alert tcp-pkt any any -> any any", "http.uri; content:\"a\";", SU, SU, NULL},
    {NULL, "flow:no_stream; http.uri; content:\"a\";", SU, SU, NULL},
    {HTTP, "http.uri; xor:\"zz\"; content:\"a\";", SU, SU, "xor"},
    {HTTP, "http.uri; xor:\"0\"; content:\"a\";", SU, SU, "xor"},
    {HTTP, "http.uri; xor:\"0dF0\"; content:\"a\";", SU, NONE, NULL},
    {HTTP, "http.uri; pcrexform:\"((\"; content:\"a\";", SU, SU, "pcrexform"},
    {HTTP, "http.uri; pcrexform:\"ab\"; content:\"a\";", SU, SU, "pcrexform"},
    {HTTP, "http.uri; pcrexform:\"a(b)\"; content:\"a\";", SU, NONE, NULL},
    {HTTP, "http.uri; from_base64:mode foo; content:\"a\";", SU, SU, "from_base64"},
    {HTTP, "http.uri; from_base64:offset 1, bytes 8, mode strict; content:\"a\";", SU, NONE, NULL},
    {HTTP, "http.uri; gunzip:max-size x; content:\"a\";", SU, SU, "gunzip"},
    {HTTP, "http.uri; gunzip:max-size 1024; content:\"a\";", SU, NONE, NULL},
};

static void check(const struct refused_case *c, enum rule_dialect d)
{
    const char *header = c->header ? c->header : "alert tcp any any -> any any",
               *name = rule_dialect_name(d);
    char text[512];
    snprintf(text, sizeof(text), "%s (%s%s)", header, c->options,
             strstr(c->options, "sid:") ? "" : " sid:1;");
    struct rule_set *s = rule_of(header, c->options, d);
    if (!(c->refused & (unsigned)d)) {
        if (s->n_rules != 1)
            fail_msg("%s: '%s' is refused: %s", name, text, s->refusals[0].reason);
        rules_free(s);
        return;
    }
    if (s->n_rules || s->n_refusals != 1)
        fail_msg("%s: '%s' is taken", name, text);
    const struct rule_refusal *r = &s->refusals[0];
    if (r->line != 1 || !r->column || r->column > strlen(text) + 1 || !*r->reason || !r->hint ||
        !*r->hint)
        fail_msg("%s: '%s': a refusal without place, reason or hint", name, text);
    const char *at = c->at ? strstr(text, c->at) : NULL;
    if (at && r->column != (uint32_t)(at - text) + 1)
        fail_msg("%s: '%s': column %u, not %u: %s", name, text, r->column,
                 (unsigned)(at - text) + 1, r->reason);
    rules_free(s);
}

static void each_dialect_refuses_and_takes(void **state)
{
    (void)state;
    static const enum rule_dialect all[] = {DIALECT_SNORT2, DIALECT_SNORT3, DIALECT_SURICATA};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(all); k++)
            if (cases[i].tried & (unsigned)all[k])
                check(&cases[i], all[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_dialect_refuses_and_takes)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
