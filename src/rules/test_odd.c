/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Odd forms that stand in public rule sets and trip parsers, each with a rule of our own: whole
 * lines, with what must become of them.
 */
#include "rules/rules_test.h"

#define SU  DIALECT_SURICATA
#define S2  DIALECT_SNORT2
#define S3  DIALECT_SNORT3
#define HEX8 "41 41 41 41 41 41 41 41 "
#define HEX64 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8
#define TCP "alert tcp any any -> any any "

static const struct {
    const char *what;
    enum rule_dialect d;
    const char *line, *words;
} odd[] = {
    {"raw quotes in a pcre", SU, TCP "(pcre:\"/a[\"']b/\"; sid:1;)", "/a[\"']b/"},
    {"a quote too many", SU, TCP "(pcre:\"/^[\"']?get/i\"; msg:\"x\"; sid:1;)",
     "/^[\"']?get/~\"x\""},
    {"a quote too many, Snort 2", S2, TCP "(pcre:\"/^[\"']?get/i\"; msg:\"x\"; sid:1;)",
     "/^[\"']?get/~\"x\""},
    {"a quote too many, Snort 3", S3, TCP "( pcre:\"/^[\"']?get/i\"; msg:\"x\"; sid:1; )",
     "/^[\"']?get/~\"x\""},
    {"parentheses in msg", SU, TCP "(msg:\"x (y)\"; sid:1;)", "\"x (y)\""},
    {"space after colon", SU, TCP "(flow: established; sid: 1;)", "established"},
    {"metadata twice, around sid", SU, TCP "(metadata:a b; sid:1; metadata:c d;)", "alert 1:1"},
    {"from_server, from_client", SU, TCP "(flow:from_server; sid:1;)", "to client"},
    {"threshold in another order", SU,
     TCP "(threshold:type limit, track by_src, seconds 60, count 1; sid:1;)", "limit: 1 in 60"},
    {"blank at the end of a content", SU, TCP "(content:\"GET \"; sid:1;)", "\"GET \""},
    {"space after the parenthesis", S3, TCP "( msg:\"x\"; sid:1; )", "\"x\""},
    {"parentheses in a content", SU, TCP "(content:\"f(x)\"; sid:1;)", "\"f(x)\""},
    {"! in isdataat", SU, TCP "(content:\"a\"; isdataat:!1,relative; sid:1;)", "has not"},
    {"metadata without blanks", S3, TCP "( metadata:a b,c d; sid:1; )", "alert"},
    {"sticky buffer and old modifier", SU,
     TCP "(content:\"a\"; http_uri; file_data; content:\"b\"; sid:1;)",
     "http.uri: holds \"a\"~file.data: holds \"b\""},
    {"! in byte_test", SU, TCP "(byte_test:1,!&,0x10,2; byte_test:2,!=,5,0; sid:1;)",
     "not & 16~not = 5"},
    {"application protocol with a source port", SU,
     "alert http any $HTTP_PORTS -> any any (content:\"a\"; sid:1;)", "http any $HTTP_PORTS"},
    {"raw colon in a content", SU, TCP "(content:\"Host: x\"; sid:1;)", "\"Host: x\""},
    {"negative byte_jump", SU, TCP "(content:\"a\"; byte_jump:4,-6,relative,little; sid:1;)",
     "at -6"},
    {"piece of a fast pattern", SU, TCP "(content:\"abcdefgh\"; fast_pattern:2,4; sid:1;)",
     "4 bytes from 2"},
    {"named group", SU, TCP "(pcre:\"/(?P<v>[a-z]+)=(?P=v)/\"; sid:1;)", "(?P=v)"},
    {"no space between options", SU, TCP "(msg:\"x\";content:\"a\";nocase;sid:1;)", "case ignored"},
    {"hex without spaces", SU, TCP "(content:\"|0d0a|\"; sid:1;)", "|0d 0a|"},
    {"negative distance", SU, TCP "(content:\"a\"; content:\"b\"; distance:-8; sid:1;)", "by -8"},
    {"hex with spaces at its ends", SU, TCP "(content:\"| 0d 0a |\"; sid:1;)", "|0d 0a|"},
    {"UTF-8", SU, TCP "(msg:\"\xe4\xb8\xad\xe6\x96\x87\"; sid:1;)", "\xe4\xb8\xad\xe6\x96\x87"},
    {"space before ;", SU, TCP "(ipopts:ssrr ; sid:1 ;)", "IP option"},
    {"hex in byte_test", SU, TCP "(byte_test:1,&,0x80,0; sid:1;)", "& 128"},
    {"modifier behind another option", SU,
     TCP "(content:\"a\"; isdataat:2,relative; nocase; sid:1;)", "holds \"a\", case ignored"},
    {"blank after a comma of a modifier", S3, TCP "( content:\"a\", depth 8, offset 2; sid:1; )",
     "from byte 2, within the next 8"},
    {"blanks at the ends of msg", SU, TCP "(msg:\"x \"; sid:1;)", "\"x \""},
    {"CRLF", SU, TCP "(content:\"a\"; sid:1;)\r", "holds \"a\""},
    {"variable in byte_test", SU, TCP "(byte_extract:1,0,n; byte_test:2,>,n,4; sid:1;)",
     "> variable 0"},
    {"negative byte_test", SU, TCP "(content:\"a\"; byte_test:1,>,4,-3,relative; sid:1;)",
     "at -3 behind"},
    {"range in urilen", SU, "alert http any any -> any any (urilen:5<>9; sid:1;)", "from 6 to 8"},
    {"blank between hex blocks", SU, TCP "(content:\"|22| |22|\"; sid:1;)", "|22| |22|"},
    {"flags with mask", SU, TCP "(flags:S,12; sid:1;)", "& 0x3f = 0x02"},
    {"blank inside flow", SU, TCP "(flow:to_server, established; sid:1;)",
     "to server, established"},
    {"range in dsize", SU, TCP "(dsize:5<>9; sid:1;)", "from 6 to 8"},
    {"both ways", SU, "alert tcp any any <> any any (content:\"a\"; sid:1;)", "both ways"},
    {"variable as within", SU, TCP "(byte_extract:1,0,n; content:\"x\"; within:n; sid:1;)",
     "within variable 0"},
    {"pcre with \\;", SU, TCP "(pcre:\"/a\\;b/\"; sid:1;)", "/a\\;b/"},
    {"content with \\\"", SU, TCP "(content:\"k=\\\"v\\\"\"; sid:1;)", "k=|22|v|22|"},
    {"blank in stream_size", SU, TCP "(stream_size:client, <,50; sid:1;)", "< 50"},
    {"colon in msg", SU, TCP "(msg:\"x: y\"; sid:1;)", "\"x: y\""},
    {"0 bytes in byte_test", SU, TCP "(byte_test:0,>,10,0,string,dec; sid:1;)", "0 digits"},
    {"pcre with \\\"", SU, TCP "(pcre:\"/x=\\\"y/\"; sid:1;)", "/x=\\\"y/"},
    {"blank after comma of reference", SU, TCP "(reference:md5, 0011; sid:1;)", "alert"},
    {"capitals in reference", S2, TCP "(reference:MCAFEE,1; sid:1;)", "alert"},
    {"blank after comma of flowbits", SU, TCP "(flowbits:set, name; sid:1;)", "set name"},
    {"reference with two commas", SU, TCP "(reference:url,x.org/a,b.html; sid:1;)", "alert"},
    {"content with \\:", SU, TCP "(content:\"Host\\: x\"; sid:1;)", "\"Host: x\""},
    {"negated pcre", SU, TCP "(content:\"a\"; pcre:!\"/^ok/R\"; sid:1;)",
     "does not match /^ok/ behind"},
    {"relative before string", SU, TCP "(content:\"a\"; byte_test:5,<,9,0,relative,string; sid:1;)",
     "5 digits"},
    {"content with \\;", SU, TCP "(content:\"a\\;b\"; sid:1;)", "a|3b|b"},
    {"flags with + and *", SU, TCP "(flags:A+; flags:*AP,12; sid:1;)", "+ 0x10~* 0x18"},
    {"negated port list", SU, "alert tcp any any -> any ![80,443] (content:\"a\"; sid:1;)",
     "![80,443]"},
    {"ip_proto with operators", SU,
     "alert ip any any -> any any (ip_proto:>134; ip_proto:!1; sid:1;)", "> 134~!= 1"},
    {"hex of mixed case", SU, TCP "(content:\"|0d 0A|\"; sid:1;)", "|0d 0a|"},
    {"no classtype", SU, TCP "(content:\"a\"; sid:1;)", "class none, priority 3"},
    {"two spaces in hex", SU, TCP "(content:\"|0d  0a|\"; sid:1;)", "|0d 0a|"},
    {"space behind the rule", S2, TCP "(content:\"a\"; sid:1;) ", "holds \"a\""},
    {"content with \\\\", SU, TCP "(content:\"C:\\\\tmp\"; sid:1;)", "C:|5c|tmp"},
    {"two spaces in the header", SU, "alert tcp any any ->  $HOME_NET any (content:\"a\"; sid:1;)",
     "-> $HOME_NET"},
    {"dce in byte_test", S3, TCP "( byte_test:4,>,8,0,dce; sid:1; )", "DCE order"},
    {"only negated contents", SU, TCP "(content:!\"a\"; dsize:>10; sid:1;)", "holds no \"a\""},
    {"backslash in msg", SU, TCP "(msg:\"a\\\\b\"; sid:1;)", "\"a\\b\""},
    {"inline option of pcre", SU, TCP "(pcre:\"/(?i:abc)d/\"; sid:1;)", "(?i:abc)"},
    {"old names of the ECN flags", SU, TCP "(flags:SF12; sid:1;)", "= 0xc3"},
    {"negated address list", SU,
     "alert tcp ![$HOME_NET,1.1.1.1] any -> any any (content:\"a\"; sid:1;)",
     "![$HOME_NET,1.1.1.1]"},
    {"continuation", SU, TCP "(msg:\"x\"; \\\n sid:1;)", "\"x\""},
    {"range in bsize", SU, "alert http any any -> any any (http.uri; bsize:5<>9; sid:1;)",
     "from 6 to 8"},
    {"relative before string in byte_jump", SU,
     TCP "(content:\"a\"; byte_jump:4,0,relative,string,hex; sid:1;)", "4 digits"},
    {"blank in urilen", SU, "alert http any any -> any any (urilen:> 80; sid:1;)", "> 80"},
    {"dce in byte_jump", S3, TCP "( content:\"a\"; byte_jump:4,-4,relative,dce,align; sid:1; )",
     "DCE order"},
    {"flowbits a&b", S3, TCP "( flowbits:set,a&b; sid:1; )", "set a and b"},
    {"variable as distance", SU, TCP "(byte_extract:1,0,n; content:\"x\"; distance:n; sid:1;)",
     "by variable 0"},
    {"port list without brackets", SU,
     "alert tcp any any -> $HOME_NET !80,!443 (content:\"a\"; sid:1;)", "!80,!443"},
    {"reference with scheme", SU, TCP "(reference:url,https://x.org/; sid:1;)", "alert"},
    {"flowbits a|b", S3, TCP "( flowbits:isset,a|b; sid:1; )", "is set a or b"},
    {"negative byte_extract", SU, TCP "(content:\"a\"; byte_extract:4,-4,n,relative; sid:1;)",
     "at -4 behind"},
    {"! in window", SU, TCP "(window:!0; sid:1;)", "window != 0"},
    {"escaped backslash before hex", S2, TCP "(content:\"a\\\\|00|\"; sid:1;)", "a|5c 00|"},
    {"another delimiter of pcre", S2, TCP "(pcre:\"m?^ab?i\"; sid:1;)", "/^ab/"},
    {"escape in reference", S2, TCP "(reference:url,x.org/?a=b\\;c; sid:1;)", "alert"},
    {"priority", S2, TCP "(priority:3; content:\"a\"; sid:1;)", "priority 3"},
    {"0 bytes in byte_jump", SU,
     TCP "(content:\"a\"; byte_jump:0,0,relative,post_offset -4; sid:1;)", "by -4"},
    {"ranges of bufferlen", S3, TCP "( content:\"a\"; bufferlen:>=20,relative; sid:1; )",
     "at least 20"},
    {"blank in dsize", S2, TCP "(dsize: < 25; sid:1;)", "dsize < 25"},
    {"modifier behind a moved content", SU,
     "alert http any any -> any any (content:\"a\"; content:\"b\"; http_uri; http_uri; sid:1;)",
     "1. http.uri: holds \"a\"~2. http.uri: holds \"b\""},
    {"threshold twice behind a sticky buffer", SU,
     "alert http any any -> any any (http.uri; content:\"a\"; threshold:type threshold,track "
     "by_src,count 1,seconds 60; "
     "threshold:type limit,track by_src,count 1,seconds 600; sid:1;)",
     "threshold: 1 in 60~limit: 1 in 600"},
    {"modifier behind a pcre", SU, TCP "(content:\"x\"; content:\"a\"; pcre:\"/b/\"; distance:1; sid:1;)",
     "holds \"a\", behind the last match by 1"},
    {"content of more than 255 characters", SU, TCP "(content:\"|" HEX64 HEX64 "|\"; sid:1;)", "AAAAAAAA"},
    {"content with another escape", S2, TCP "(content:\"a\\.b\"; sid:1;)", "\"a.b\""},
    {"escaped backslash before a dot", SU, TCP "(content:\"\\\\..\"; sid:1;)", "|5c|.."},
    {"ip_proto by name", SU, "alert ip any any -> any any (ip_proto:igmp; sid:1;)", "= 2"},
    {"flags with !", SU, TCP "(flags:!A; sid:1;)", "! 0x10"},
    {"bufferlen with <=", S3, TCP "( content:\"a\"; bufferlen:<=20; sid:1; )", "length <= 20"},
    {"bufferlen with <=>", S3, TCP "( content:\"a\"; bufferlen:5<=>20; sid:1; )",
     "length from 5 to 20"},
    {"tabs", SU, "alert\ttcp\tany\tany\t->\tany\tany\t(content:\"a\";\tsid:1;)", "holds \"a\""},
};

static void odd_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct rule_set *s = rules_of(odd[i].line, odd[i].d, NULL, 1);
        if (s->n_rules != 1)
            fail_msg("%s: %s", odd[i].what, s->n_refusals ? s->refusals[0].reason : "no rule");
        assert_int_equal(s->rules[0]->dialect, odd[i].d);
        struct sbuf out;
        sbuf_init(&out);
        rule_explain(s, s->rules[0], &out);
        parts_found(sbuf_z(&out), odd[i].words, odd[i].what);
        sbuf_done(&out);
        rules_free(s);
    }
}

/* Texts behind the rule: references and metadata as events print them. */
static void facts_kept(void **state)
{
    (void)state;
    struct rule_set *s =
        rules_of(TCP "(msg:\"m\"; reference:url,x.org/a,b; reference: MD5 , 00; metadata:k1 v 1, "
                     "k2 v2,k3; metadata:k4 v4; reference:url,x.org/?a\\;b; sid:1;)",
                 SU, NULL, 1);
    const struct rule *r = s->rules[0];
    assert_int_equal(r->n_references, 3);
    assert_true(str_eq(r->references[0], STR("url,x.org/a,b")));
    assert_true(str_eq(r->references[1], STR("MD5,00")));
    assert_true(str_eq(r->references[2], STR("url,x.org/?a;b")));
    assert_int_equal(r->n_metadata, 4);
    assert_true(str_eq(rule_meta_key(&r->metadata[0]), STR("k1")) && str_eq(rule_meta_value(&r->metadata[0]), STR("v 1")));
    assert_true(str_eq(rule_meta_key(&r->metadata[2]), STR("k3")) && rule_meta_value(&r->metadata[2]).n == 0);
    assert_true(str_eq(rule_meta_value(&r->metadata[3]), STR("v4")));
    rules_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(odd_forms), cmocka_unit_test(facts_kept)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
