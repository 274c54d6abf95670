/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tests of a rule's body: rule text to image to match, one payload a row.  What the dialects mean stands in
 * doc/matching.md.
 */
#include "detect/detect_test.h"

enum { S2 = DIALECT_SNORT2, S3 = DIALECT_SNORT3, SU = DIALECT_SURICATA };

struct body {
    int dialects;
    const char *options;
    const char *payload; /* hex between bars, as in rules */
    bool match;
};

static size_t bytes_of(const char *s, uint8_t *out)
{
    size_t n = 0;
    bool hex = false;
    for (; *s; s++) {
        if (*s == '|') {
            hex = !hex;
        } else if (!hex) {
            out[n++] = (uint8_t)*s;
        } else if (*s != ' ') {
            unsigned v;
            assert_int_equal(sscanf(s, "%2x", &v), 1);
            out[n++] = (uint8_t)v;
            s++;
        }
    }
    return n;
}

static void one(const struct body *b, enum rule_dialect d)
{
    char text[1024];
    uint8_t payload[1024];
    struct dt t;
    /* Snort 3 asks for no header words here that the others don't have. */
    snprintf(text, sizeof(text), "alert udp any any -> any any (msg:\"t\"; %s sid:1; rev:1;)\n", b->options);
    dt_open(&t, text, d);
    size_t n = bytes_of(b->payload, payload);
    const struct matches *m = detect_packet(t.detect, dt_udp(&t, payload, n), NULL);
    if ((m->n == 1) != b->match || m->n > 1)
        fail_msg("%s: %s on '%s' should %smatch", rule_dialect_name(d), b->options, b->payload,
                 b->match ? "" : "not ");
    dt_close(&t);
}

static void run(const struct body *b, size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (int d = 1; d <= SU; d *= 2)
            if (b[k].dialects & d)
                one(&b[k], (enum rule_dialect)d);
}
#define RUN(rows) run(rows, ARRAY_LEN(rows))

static void contents_have_windows(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "content:\"cd\";", "abcdef", true},
        {S2 | SU, "content:\"CD\";", "abcdef", false},
        {S2, "content:\"CD\"; fast_pattern:only;", "abcdef", true},
        {S2 | SU, "content:\"CD\"; nocase;", "abcdef", true},
        {S3, "content:\"CD\",nocase;", "abcdef", true},
        {S2 | SU, "content:\"|63 64|\";", "abcdef", true},
        /* offset and depth count from the start of the payload; depth from offset */
        {S2 | SU, "content:\"cd\"; offset:2;", "abcdef", true},
        {S2 | SU, "content:\"cd\"; offset:3;", "abcdef", false},
        {S2 | SU, "content:\"cd\"; depth:4;", "abcdef", true},
        {S2 | SU, "content:\"cd\"; depth:3;", "abcdef", false},
        {S2 | SU, "content:\"cd\"; offset:1; depth:3;", "abcdef", true},
        {S2 | SU, "content:\"cd\"; offset:1; depth:2;", "abcdef", false},
        {S3, "content:\"cd\",offset 1,depth 3;", "abcdef", true},
        {S3, "content:\"cd\",offset 1,depth 2;", "abcdef", false},
        {S2 | SU, "content:\"ef\"; offset:4;", "abcdef", true},
        {S2 | SU, "content:\"ef\"; offset:4; depth:2;", "abcdef", true},
        {S2 | SU, "content:\"ef\"; offset:7;", "abcdef", false},
        /* the whole payload, and more than it */
        {S2 | SU, "content:\"abcdef\";", "abcdef", true},
        {S2 | SU, "content:\"abcdefg\";", "abcdef", false},
        {S2 | SU, "content:\"aa\";", "a", false},
    };
    RUN(rows);
}

static void contents_stand_apart(void **state)
{
    (void)state;
    static const struct body rows[] = {
        /* distance counts from the end of the last match, within from there */
        {S2 | SU, "content:\"ab\"; content:\"ef\"; distance:2;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:\"ef\"; distance:3;", "abcdef", false},
        {S2 | SU, "content:\"ab\"; content:\"ef\"; within:4;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:\"ef\"; within:3;", "abcdef", false},
        {S2 | SU, "content:\"ab\"; content:\"ef\"; distance:1; within:3;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:\"ef\"; distance:1; within:2;", "abcdef", false},
        {S3, "content:\"ab\"; content:\"ef\",distance 1,within 3;", "abcdef", true},
        {S3, "content:\"ab\"; content:\"ef\",distance 1,within 2;", "abcdef", false},
        /* not relative: the order does not count */
        {S2 | SU, "content:\"ef\"; content:\"ab\";", "abcdef", true},
        {S2 | SU, "content:\"ef\"; content:\"ab\"; distance:0;", "abcdef", false},
        /* backwards */
        {S2 | SU, "content:\"ef\"; content:\"ab\"; distance:-6;", "abcdef", true},
        {S2 | SU, "content:\"ef\"; content:\"ab\"; distance:-5;", "abcdef", false},
        {S2 | SU, "content:\"ef\"; content:\"cd\"; distance:-4; within:2;", "abcdef", true},
        /* a start before the buffer counts as its start; the end stays where it is */
        {S2 | SU, "content:\"cd\"; content:\"ab\"; distance:-10;", "abcdef", true},
        {S2 | SU, "content:\"cd\"; content:\"ab\"; distance:-10; within:8;", "abcdef", true},
        {S2 | SU, "content:\"cd\"; content:\"ab\"; distance:-10; within:7;", "abcdef", false},
        /* the same bytes twice */
        {S2 | SU, "content:\"aa\"; content:\"aa\"; distance:0;", "aaaa", true},
        {S2 | SU, "content:\"aa\"; content:\"aa\"; distance:0;", "aaa", false},
        /* an absolute one between forgets the cursor */
        {S2 | SU, "content:\"ef\"; content:\"ab\"; content:\"cd\"; distance:0;", "abcdef", true},
    };
    RUN(rows);
}

static void later_matches_are_tried(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "content:\"ab\"; content:\"x\"; within:1;", "abab_abx", true},
        {S2 | SU, "content:\"ab\"; content:\"x\"; within:1;", "abab_ab_x", false},
        {S2 | SU, "content:\"a\"; content:\"b\"; distance:1; within:1; content:\"c\"; distance:1; within:1;",
         "a_b__a_ba_b_c", true},
        {S2 | SU, "content:\"a\"; content:\"b\"; distance:1; within:1; content:\"c\"; distance:1; within:1;",
         "a_b__a_ba_b__c", false},
        {S2 | SU, "content:\"ab\"; isdataat:3,relative;", "ab_ab___", true},
        {S2 | SU, "content:\"ab\"; byte_test:1,=,7,0,relative;", "ab|01|ab|02|ab|07|", true},
        {S2 | SU, "content:\"ab\"; byte_test:1,=,7,0,relative;", "ab|01|ab|02|ab|08|", false},
        {S2 | SU, "content:\"ab\"; pcre:\"/^x/R\";", "ab1ab2abx", true},
        {S2 | SU, "content:\"ab\"; pcre:\"/^x/R\";", "ab1ab2abyx", false},
        {S2 | SU, "pcre:\"/a./\"; content:\"z\"; within:1;", "abacaz_az", false},
        {S2 | SU, "pcre:\"/a./\"; content:\"z\"; within:1;", "abac_adz", true},
        {S2 | SU, "content:\"|ff|\"; byte_jump:1,0,relative; content:\"END\"; within:3;",
         "|ff 05|.....|ff 02|..END", true},
    };
    RUN(rows);
}

static void what_must_not_be_there(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "content:\"ab\"; content:!\"zz\";", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:!\"ef\";", "abcdef", false},
        {S2 | SU, "content:\"ab\"; content:!\"ef\"; within:3;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:!\"ef\"; within:4;", "abcdef", false},
        {S2 | SU, "content:\"ab\"; content:!\"cd\"; depth:3;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:!\"cd\"; depth:4;", "abcdef", false},
        {S2 | SU, "content:\"ab\"; content:!\"ab\"; offset:1;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; content:!\"EF\"; nocase;", "abcdef", false},
        /* the cursor stays before what is not there */
        {S2 | SU, "content:\"ab\"; content:!\"x\"; within:1; content:\"cd\"; within:2;", "abcdef", true},
        /* a window that the bytes do not fit into: they are not there */
        {SU, "content:\"ef\"; content:!\"x\"; within:1;", "abcdef", true},
        {S3, "content:\"ef\"; content:!\"x\",within 1;", "abcdef", true},
        /* Snort 2 wants a window with something in it */
        {S2, "content:\"ef\"; content:!\"x\"; within:1;", "abcdef", false},
        {S2, "content:\"de\"; content:!\"fg\"; within:2;", "abcdef", true},
        {S2, "content:\"ef\"; content:!\"x\"; distance:4;", "abcdef", false},
        {SU, "content:\"ef\"; content:!\"x\"; distance:4;", "abcdef", true},
        /* another place may do */
        {S2 | SU, "content:\"ab\"; content:!\"x\"; within:1;", "abx_aby", true},
        {S2 | SU, "content:\"ab\"; content:!\"x\"; within:1;", "abx_abx", false},
    };
    RUN(rows);
}

static void at_either_end(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {SU, "content:\"ab\"; startswith;", "abcdef", true},
        {SU, "content:\"bc\"; startswith;", "abcdef", false},
        {SU, "content:\"ef\"; endswith;", "abcdef", true},
        {SU, "content:\"de\"; endswith;", "abcdef", false},
        {SU, "content:\"ab\"; endswith;", "ab_ab", true},
        {SU, "content:\"abc\"; startswith; endswith;", "abc", true},
        {SU, "content:\"abc\"; startswith; endswith;", "abcabc", false},
        {SU, "content:\"ab\"; content:!\"ef\"; endswith;", "abcdef", false},
        {SU, "content:\"ab\"; content:!\"de\"; endswith;", "abcdef", true},
        {SU, "content:\"ab\"; content:!\"ab\"; startswith;", "abcdef", false},
        {SU, "content:\"ab\"; content:!\"cd\"; startswith;", "abcdef", true},
        {SU, "content:\"ab\"; content:\"ef\"; endswith; distance:2;", "abcdef", true},
        {SU, "content:\"ab\"; content:\"ef\"; endswith; distance:3;", "abcdef", false},
    };
    RUN(rows);
}

static void entropy_in_bits_a_byte(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {SU, "content:\"a\"; entropy:value = 1;", "abab", true},
        {SU, "content:\"a\"; entropy:value > 1;", "abab", false},
        {SU, "content:\"a\"; entropy:value >= 2;", "abcd", true},
        {SU, "content:\"a\"; entropy:value 1.5-1.6;", "abc", true},
        {SU, "content:\"a\"; entropy:value !1.5-1.6;", "abc", false},
        {SU, "content:\"a\"; entropy:value < 0.1;", "aaaa", true},
        {SU, "content:\"a\"; entropy:offset 2, value = 0;", "abcc", true},
        {SU, "content:\"a\"; entropy:offset 1, bytes 2, value = 1;", "abcc", true},
        {SU, "content:\"a\"; entropy:bytes 99, value != 2;", "abcc", true},
        {SU, "content:\"a\"; entropy:offset 4, value >= 0;", "abcc", false},
        {SU, "content:\"a\"; entropy:offset 4000000000, bytes 4000000000, value >= 0;", "abcc", false},
    };
    RUN(rows);
}

static void how_much_follows(void **state)
{
    (void)state;
    static const struct body rows[] = {
        /* absolute: a byte stands at that offset */
        {S2 | SU, "content:\"ab\"; isdataat:5;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; isdataat:6;", "abcdef", false},
        {S2 | SU, "content:\"ab\"; isdataat:!6;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; isdataat:!5;", "abcdef", false},
        /* relative: Snort wants a byte at cursor + n, Suricata n bytes behind the cursor */
        {S2, "content:\"cd\"; isdataat:1,relative;", "abcdef", true},
        {S2, "content:\"cd\"; isdataat:2,relative;", "abcdef", false},
        {S3, "content:\"cd\"; isdataat:2,relative;", "abcdef", false},
        {SU, "content:\"cd\"; isdataat:2,relative;", "abcdef", true},
        {SU, "content:\"cd\"; isdataat:3,relative;", "abcdef", false},
        /* nothing follows */
        {S2, "content:\"ef\"; isdataat:!0,relative;", "abcdef", true},
        {S2, "content:\"de\"; isdataat:!0,relative;", "abcdef", false},
        {SU, "content:\"ef\"; isdataat:!1,relative;", "abcdef", true},
        {SU, "content:\"de\"; isdataat:!1,relative;", "abcdef", false},
        {S2, "content:\"ab\"; dsize:6;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; dsize:>5;", "abcdef", true},
        {S2 | SU, "content:\"ab\"; dsize:<6;", "abcdef", false},
        /* a range is inclusive in Snort 2 alone */
        {S2, "content:\"ab\"; dsize:6<>9;", "abcdef", true},
        {SU, "content:\"ab\"; dsize:6<>9;", "abcdef", false},
        {SU, "content:\"ab\"; dsize:5<>9;", "abcdef", true},
        {S3, "content:\"ab\"; dsize:6<>9;", "abcdef", false},
        {S3, "content:\"ab\"; dsize:6<=>9;", "abcdef", true},
    };
    RUN(rows);
}

static void numbers_are_compared(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "content:\"ab\"; byte_test:1,=,3,2;", "ab|03|", true},
        {S2 | SU, "content:\"ab\"; byte_test:1,!=,3,2;", "ab|03|", false},
        {S2 | SU, "content:\"ab\"; byte_test:2,=,0x0304,2;", "ab|03 04|", true},
        {S2 | SU, "content:\"ab\"; byte_test:2,=,0x0403,2,little;", "ab|03 04|", true},
        {S2 | SU, "content:\"ab\"; byte_test:4,>,0x01020303,0,relative;", "ab|01 02 03 04|", true},
        {S2 | SU, "content:\"ab\"; byte_test:4,<,0x01020304,0,relative;", "ab|01 02 03 04|", false},
        {S2 | SU, "content:\"ab\"; byte_test:1,&,0x10,2;", "ab|30|", true},
        {S2 | SU, "content:\"ab\"; byte_test:1,&,0x40,2;", "ab|30|", false},
        {S2 | SU, "content:\"ab\"; byte_test:1,!&,0x40,2;", "ab|30|", true},
        {S2 | SU, "content:\"ab\"; byte_test:1,^,0x30,2;", "ab|30|", false},
        {S2 | SU, "content:\"ab\"; byte_test:1,^,0x31,2;", "ab|30|", true},
        /* beyond the end nothing is compared, nor negated */
        {S2 | SU, "content:\"ab\"; byte_test:4,!=,3,2;", "ab|03 04 05|", false},
        {S2 | SU, "content:\"ab\"; byte_test:1,=,0,3;", "ab|03|", false},
        {S2 | SU, "content:\"b\"; byte_test:1,=,0x61,-2,relative;", "ab", true},
        {S2 | SU, "content:\"b\"; byte_test:1,=,0x61,-3,relative;", "ab", false},
        {S2 | SU, "content:\"ab\"; byte_test:3,=,123,2,string,dec;", "ab123", true},
        {S2 | SU, "content:\"ab\"; byte_test:3,=,0x1f,2,string,hex;", "ab01f", true},
        /* 0x is a prefix only where a digit follows; else it is a 0 */
        {S2 | SU, "content:\"ab\"; byte_test:4,=,0x1f,2,string,hex;", "ab0x1f", true},
        {S2 | SU, "content:\"ab\"; byte_test:2,=,0,2,string,hex;", "ab0x1f", true},
        {S2 | SU, "content:\"ab\"; byte_test:4,=,0,2,string,hex;", "ab0xzz", true},
        {S2 | SU, "content:\"ab\"; byte_test:3,=,8,2,string,oct;", "ab010", true},
        {S2 | SU, "content:\"ab\"; byte_test:3,=,12,2,string,dec;", "ab12x", true},
        {S2 | SU, "content:\"ab\"; byte_test:3,=,12,2,string,dec;", "abx12", false},
        {SU, "content:\"ab\"; byte_test:8,=,72623859790382856,2;", "ab|01 02 03 04 05 06 07 08|", true},
        {SU, "content:\"ab\"; byte_test:2,=,3,2,bitmask 0x0f00;", "ab|13 04|", true},
        {SU, "content:\"ab\"; byte_test:2,=,0x300,2,bitmask 0x0f00;", "ab|13 04|", false},
    };
    RUN(rows);
}

static void numbers_move_the_cursor(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "byte_jump:1,0; content:\"END\"; within:3;", "|03|xxxEND", true},
        {S2 | SU, "byte_jump:1,0; content:\"END\"; within:3;", "|02|xxxEND", false},
        {S2 | SU, "content:\"ab\"; byte_jump:2,0,relative; content:\"END\"; within:3;", "ab|00 01|xEND", true},
        {S2 | SU, "content:\"ab\"; byte_jump:2,0,relative,little; content:\"END\"; within:3;", "ab|01 00|xEND", true},
        {S2 | SU, "byte_jump:1,0,multiplier 2; content:\"END\"; within:3;", "|02|xxxxEND", true},
        {S2 | SU, "byte_jump:1,0,align; content:\"END\"; within:3;", "|03|xxxxEND", true},
        {S2 | SU, "byte_jump:1,3,from_beginning; content:\"END\"; within:3;", "aEND|01|", false},
        {S2 | SU, "byte_jump:1,4,from_beginning; content:\"END\"; within:3;", "aEND|01|", true},
        {S2 | SU, "byte_jump:1,0,post_offset 2; content:\"END\"; within:3;", "|01|xxxEND", true},
        {S2 | SU, "byte_jump:1,0,post_offset -1; content:\"END\"; within:3;", "|02|xEND", true},
        {S2 | SU, "byte_jump:3,0,string,dec; content:\"END\"; within:3;", "002xxEND", true},
        /* it must land in the payload */
        {S2 | SU, "byte_jump:1,0; content:\"x\"; content:!\"q\";", "|09|xxx", false},
        {S2 | SU, "byte_jump:1,0; isdataat:!1,relative; content:\"xxx\"; offset:0;", "|03|xxx", true},
        {S3, "byte_jump:0,0,from_end,post_offset -3; content:\"END\",within 3;", "xxxEND", true},
        {SU, "byte_jump:0,0,from_end,post_offset -3; content:\"END\"; within:3;", "xxxEND", true},
        {SU, "byte_jump:0,0,from_end,post_offset -3; content:\"END\"; within:3;", "xxENDx", false},
        {SU, "content:\"ab\"; byte_jump:0,0,relative,post_offset -9; content:\"END\"; within:3;", "ENDab", true},
        {SU, "content:\"ab\"; byte_jump:0,0,relative,post_offset -9; content:\"END\"; within:3;", "xENDab", false},
        {S3, "content:\"ab\"; byte_jump:0,0,relative,post_offset -9; content:\"END\",within 3;", "ENDab", false},
    };
    RUN(rows);
}

static void numbers_are_kept(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "byte_extract:1,0,n; content:\"ab\"; offset:n;", "|03|..ab", true},
        {S2 | SU, "byte_extract:1,0,n; content:\"ab\"; offset:n;", "|04|..ab", false},
        {S2 | SU, "byte_extract:1,0,n; content:\"ab\"; depth:n; offset:1;", "|02|ab", true},
        {SU, "byte_extract:1,0,n; content:\"ab\"; offset:1; content:\"cd\"; distance:n;", "|02|abxxcd", true},
        {SU, "byte_extract:1,0,n; content:\"ab\"; offset:1; content:\"cd\"; distance:n;", "|03|abxxcd", false},
        {SU, "byte_extract:1,0,n; content:\"ab\"; offset:1; content:\"cd\"; within:n;", "|04|abxxcd", true},
        {SU, "byte_extract:1,0,n; content:\"ab\"; offset:1; content:\"cd\"; within:n;", "|03|abxxcd", false},
        {S2 | SU, "byte_extract:1,0,n; byte_test:1,=,n,1;", "|07 07|", true},
        {S2 | SU, "byte_extract:1,0,n; byte_test:1,=,n,1;", "|07 08|", false},
        {S2 | SU, "byte_extract:1,0,n; byte_test:1,=,9,n;", "|02|.|09|", true},
        {S2 | SU, "byte_extract:1,0,n; isdataat:n;", "|02|..", true},
        {S2 | SU, "byte_extract:1,0,n; isdataat:n;", "|03|..", false},
        {S2 | SU, "byte_extract:1,0,n,multiplier 2; content:\"ab\"; offset:n;", "|02|...ab", true},
        {S2 | SU, "byte_extract:1,0,n,align 4; content:\"ab\"; offset:n; depth:2;", "|01|...ab", true},
        {SU, "byte_math:bytes 1,offset 0,oper +,rvalue 2,result n; byte_test:1,=,n,1;", "|03 05|", true},
        {SU, "byte_math:bytes 1,offset 0,oper -,rvalue 2,result n; byte_test:1,=,n,1;", "|03 01|", true},
        {SU, "byte_math:bytes 1,offset 0,oper *,rvalue 3,result n; byte_test:1,=,n,1;", "|03 09|", true},
        {SU, "byte_math:bytes 1,offset 0,oper /,rvalue 3,result n; byte_test:1,=,n,1;", "|09 03|", true},
        {SU, "byte_math:bytes 1,offset 0,oper <<,rvalue 2,result n; byte_test:1,=,n,1;", "|03 0c|", true},
        {SU, "byte_math:bytes 1,offset 0,oper >>,rvalue 2,result n; byte_test:1,=,n,1;", "|0c 03|", true},
        {SU, "byte_math:bytes 1,offset 0,oper /,rvalue 0,result n; byte_test:1,=,n,1;", "|09 00|", false},
        {SU, "byte_extract:1,0,d; byte_math:bytes 1,offset 1,oper /,rvalue d,result n; byte_test:1,=,n,2;",
         "|00 09 00|", false},
        {SU, "byte_extract:1,0,d; byte_math:bytes 1,offset 1,oper /,rvalue d,result n; byte_test:1,=,n,2;",
         "|03 09 03|", true},
    };
    RUN(rows);
}

static void base64_is_decoded(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "content:\"k:\"; base64_decode:relative; base64_data; content:\"hello\";", "k:aGVsbG8gd29ybGQ=", true},
        {S2 | SU, "content:\"k:\"; base64_decode:relative; base64_data; content:\"HELLO\";", "k:aGVsbG8gd29ybGQ=", false},
        {S2 | SU, "content:\"k:\"; base64_decode:offset 2,relative; base64_data; content:\"hello\";", "k:..aGVsbG8=", true},
        {S2 | SU, "content:\"k:\"; base64_decode:bytes 8,relative; base64_data; content:\"world\";",
         "k:aGVsbG8gd29ybGQ=", false},
        {SU, "content:\"k:\"; base64_decode:relative; base64_data; content:\"hello\"; startswith;", "k:aGVsbG8*d29ybGQ=",
         true},
        {SU, "content:\"k:\"; base64_decode:relative; base64_data; content:\"hel\"; content:\"rld\"; distance:5;",
         "k:aGVsbG8gd29ybGQ=", true},
        {SU, "content:\"k:\"; base64_decode:relative; base64_data; content:\"hel\"; content:\"rld\"; distance:6;",
         "k:aGVsbG8gd29ybGQ=", false},
        /* the first place gives something else when decoded: the next one is tried */
        {SU, "content:\"k\"; base64_decode:relative; base64_data; content:\"hello\";", "kabckaGVsbG8=", true},
        {S2, "content:\"k\"; base64_decode:relative; base64_data; content:\"hello\";", "kabckaGVsbG8=", true},
        /* what was decoded belongs to the buffer it came from, not to the rule's first */
        {SU, "ip.src; content:\"|0a|\"; pkt_data; content:\"k:\"; base64_decode:relative; base64_data; content:\"hello\";",
         "k:aGVsbG8gd29ybGQ=", true},
        {SU, "ip.src; content:\"|0a|\"; pkt_data; content:\"k:\"; base64_decode:relative; base64_data; content:\"hullo\";",
         "k:aGVsbG8gd29ybGQ=", false},
    };
    RUN(rows);
}

static void regular_expressions(void **state)
{
    (void)state;
    static const struct body rows[] = {
        {S2 | SU, "pcre:\"/b.d/\";", "abcdef", true},
        {S2 | SU, "pcre:\"/B.D/\";", "abcdef", false},
        {S2 | SU, "pcre:\"/B.D/i\";", "abcdef", true},
        {S2 | SU, "content:\"ab\"; pcre:!\"/x/\";", "abcdef", true},
        {S2 | SU, "content:\"ab\"; pcre:!\"/d/\";", "abcdef", false},
        {S2 | SU, "content:\"cd\"; pcre:\"/^ab/\";", "abcdef", true},
        {S2 | SU, "content:\"cd\"; pcre:\"/^ab/R\";", "abcdef", false},
        {S2 | SU, "content:\"cd\"; pcre:\"/^ef/R\";", "abcdef", true},
        {S2 | SU, "pcre:\"/c$/\";", "abc|0a|", true},
        {S2 | SU, "pcre:\"/c$/E\";", "abc|0a|", false},
        {S2 | SU, "pcre:\"/^b/m\";", "a|0a|b", true},
        {S2 | SU, "pcre:\"/^b/\";", "a|0a|b", false},
        {S2 | SU, "pcre:\"/a.b/s\";", "a|0a|b", true},
        {S2 | SU, "pcre:\"/a.b/\";", "a|0a|b", false},
        {S2 | SU, "pcre:\"/a b/x\";", "ab", true},
        {S2 | SU, "pcre:\"/b/A\";", "ab", false},
        {S2 | SU, "pcre:\"/a.*?b/\"; content:\"c\"; within:1;", "a_bxa_bc", true},
        {S2 | SU, "pcre:\"/a.*b/\"; content:\"c\"; within:1;", "a_bxa_bc", true},
        {S2 | SU, "pcre:\"/a.*b/G\"; content:\"c\"; within:1;", "a_bc_bx", true},
        {S2 | SU, "pcre:\"/\\x00\\xff/\";", "|00 ff|", true},
    };
    RUN(rows);
}

static void rpc_calls(void **state)
{
    (void)state;
#define CALL "|11 22 33 44 00 00 00 00 00 00 00 02 00 01 86 a0 00 00 00 02 00 00 00 03 00 00 00 00|"
    static const struct body rows[] = {
        {S2 | SU, "rpc:100000,2,3;", CALL, true},
        {S2 | SU, "rpc:100000,*,3;", CALL, true},
        {S2 | SU, "rpc:100000,*,*;", CALL, true},
        {S2 | SU, "rpc:100000,2,4;", CALL, false},
        {S2 | SU, "rpc:100001,*,*;", CALL, false},
        {S2 | SU, "rpc:100000,*,*;", "|11 22 33 44 00 00 00 01 00 00 00 02 00 01 86 a0 00 00 00 02 00 00 00 03|", false},
        {S2 | SU, "rpc:100000,*,*;", "|11 22 33 44 00 00 00 00 00 00 00 02 00 01 86 a0 00 00 00 02 00 00 00|", false},
    };
    RUN(rows);
}

/* ------------------------------------------------------------------ pieces of a stream */

/* offset and depth count from the stream's start, whatever piece of it is looked at. */
static void positions_count_from_the_streams_start(void **state)
{
    (void)state;
    static const struct {
        const char *options, *piece;
        uint64_t offset;
        bool match;
    } rows[] = {
        {"content:\"ab\"; depth:10;", "ab", 0, true},
        {"content:\"ab\"; depth:10;", "ab", 8, true},
        {"content:\"ab\"; depth:10;", "ab", 9, false},
        {"content:\"ab\"; offset:5;", "ab", 4, false},
        {"content:\"ab\"; offset:5;", "ab", 5, true},
        {"content:\"ab\"; offset:5; depth:4;", "ab", 7, true},
        {"content:\"ab\"; offset:5; depth:4;", "ab", 8, false},
        {"content:\"ab\"; offset:5; depth:4;", "__ab", 5, true},
        {"content:\"ab\"; startswith;", "ab", 0, true},
        {"content:\"ab\"; startswith;", "ab", 1, false},
        {"content:\"ab\"; content:!\"ab\"; depth:4;", "ab", 4, true},
        {"content:\"ab\"; isdataat:10;", "ab", 9, true},
        {"content:\"ab\"; isdataat:10;", "ab", 8, false},
        {"content:\"ab\"; content:\"cd\"; distance:1;", "ab_cd", 1000, true},
        {"byte_test:1,=,0x62,7; content:\"ab\";", "ab", 6, true},
        {"byte_test:1,=,0x62,5; content:\"ab\";", "ab", 6, false},
    };
    for (unsigned k = 0; k < ARRAY_LEN(rows); k++) {
        char text[512];
        struct dt t;
        snprintf(text, sizeof(text), "alert tcp any any -> any any (msg:\"t\"; %s sid:1;)\n", rows[k].options);
        dt_open(&t, text, DIALECT_SURICATA);
        (void)dt_udp(&t, rows[k].piece, strlen(rows[k].piece));
        struct input in = {.p = t.p.payload, .n = t.p.payload_len, .offset = rows[k].offset};
        const struct img_rule *r = &t.image->rules[0];
        assert_int_equal(r->n_blocks, 1);
        const struct img_block *b = &t.image->blocks[r->block_first];
        if (block_match(t.detect, &t.image->tests[b->first], b->n, &in) != rows[k].match)
            fail_msg("%s at %llu: should %smatch", rows[k].options, (unsigned long long)rows[k].offset,
                     rows[k].match ? "" : "not ");
        dt_close(&t);
    }
}

/* Tries have a limit: a rule that would go on for ever ends, and is counted. */
static void tries_have_a_limit(void **state)
{
    (void)state;
    struct dt t;
    char many[4000];
    memset(many, 'a', sizeof(many));
    dt_open(&t,
            "alert udp any any -> any any (msg:\"t\"; content:\"a\"; content:\"a\"; distance:0; content:\"a\"; distance:0; "
            "content:\"a\"; distance:0; content:\"aaaa\"; fast_pattern; distance:0; byte_test:1,=,0x62,0,relative; sid:1;)\n",
            DIALECT_SURICATA);
    const struct matches *m = detect_packet(t.detect, dt_udp(&t, many, sizeof(many)), NULL);
    assert_int_equal(m->n, 0);
    assert_true(detect_counters(t.detect)->limit_hits >= 1);
    dt_close(&t);
}

static void ftp_bounces(void **state)
{
    (void)state;
    /* the packet's source is 10.1.1.10 */
    static const struct body rows[] = {
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 192,0,2,80,4,1|0d0a|", true},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 10,1,1,10,4,1|0d0a|", false},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT\t 10,1,1,11,4,1|0d0a|", true},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 010,001,01,010,4,1", false},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 256,1,1,10,4,1", false},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 255,1,1,10,4,1", true},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 10,1,1", false},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT 10,,1,10,4,1", false},
        {S2 | SU, "content:\"PORT\"; ftpbounce;", "PORT", false},
    };
    RUN(rows);
}

/* Tags of a packet, from the outside, from the inside, any, all. */
static void vlan_tags(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        unsigned n;
        uint16_t tag[3];
        bool match;
    } rows[] = {
        {"vlan.id:7;", 1, {7}, true},
        {"vlan.id:7;", 2, {7, 8}, true},
        {"vlan.id:7;", 2, {8, 7}, true},
        {"vlan.id:7;", 2, {8, 9}, false},
        {"vlan.id:7;", 0, {0}, false},
        {"vlan.id:0;", 0, {0}, false},
        {"vlan.id:7,0;", 2, {7, 8}, true},
        {"vlan.id:7,0;", 2, {8, 7}, false},
        {"vlan.id:7,1;", 2, {8, 7}, true},
        {"vlan.id:7,1;", 1, {7}, false},
        {"vlan.id:7,-1;", 3, {8, 9, 7}, true},
        {"vlan.id:7,-3;", 3, {7, 8, 9}, true},
        {"vlan.id:7,-2;", 1, {7}, false},
        {"vlan.id:>6,all;", 2, {7, 8}, true},
        {"vlan.id:>7,all;", 2, {7, 8}, false},
        {"vlan.id:>7,all;", 2, {8, 7}, false},
        {"vlan.id:>7,all;", 0, {0}, false},
        {"vlan.layers:2;", 2, {7, 8}, true},
        {"vlan.layers:2;", 1, {7}, false},
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct dt t;
        char text[256];
        snprintf(text, sizeof(text), "alert udp any any -> any any (msg:\"t\"; %s sid:1;)\n", rows[k].options);
        dt_open(&t, text, DIALECT_SURICATA);
        struct packet *p = dt_udp(&t, "x", 1);
        p->vlan_n = (uint8_t)rows[k].n;
        memcpy(p->vlan, rows[k].tag, sizeof(rows[k].tag));
        if (detect_packet(t.detect, p, NULL)->n != rows[k].match)
            fail_msg("case %zu: %s", k, rows[k].options);
        dt_close(&t);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_in_bits_a_byte),
        cmocka_unit_test(contents_have_windows),
        cmocka_unit_test(contents_stand_apart),
        cmocka_unit_test(later_matches_are_tried),
        cmocka_unit_test(what_must_not_be_there),
        cmocka_unit_test(at_either_end),
        cmocka_unit_test(how_much_follows),
        cmocka_unit_test(numbers_are_compared),
        cmocka_unit_test(numbers_move_the_cursor),
        cmocka_unit_test(numbers_are_kept),
        cmocka_unit_test(base64_is_decoded),
        cmocka_unit_test(regular_expressions),
        cmocka_unit_test(rpc_calls),
        cmocka_unit_test(ftp_bounces),
        cmocka_unit_test(vlan_tags),
        cmocka_unit_test(positions_count_from_the_streams_start),
        cmocka_unit_test(tries_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
