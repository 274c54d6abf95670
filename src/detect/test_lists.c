/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that rules look into: files of each type, what rules change, what is kept, and the cache
 * when a file changes. */
#include "detect/detect_test.h"

#include "base/hash.h"
#include "config/config.h"

#include <sys/stat.h>

static char dir[64];

static void file_put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void file_is(const char *name, const char *want)
{
    char path[200], got[2000] = "";
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(got, 1, sizeof(got) - 1, f);
    got[n] = 0;
    fclose(f);
    assert_string_equal(got, want);
}

static int remove_kept(void)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/kept", dir);
    return unlink(path);
}

/* @ in the rules is the folder. */
static char *rules_with(const char *rules)
{
    static char text[8192];
    size_t n = 0;
    for (const char *p = rules; *p && n + 80 < sizeof(text); p++)
        if (*p == '@')
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", dir);
        else
            text[n++] = *p;
    text[n] = 0;
    return text;
}

/* The sids that a payload fires, joined by blanks. */
static void fires(struct dt *t, const char *payload, const char *want)
{
    char got[200] = "";
    const struct matches *m = detect_packet(t->detect, dt_udp(t, payload, strlen(payload)), NULL);
    for (uint32_t sid = 1; sid < 20; sid++)
        if (dt_hits(t, m, sid))
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", *got ? " " : "", sid);
    if (strcmp(got, want))
        fail_msg("%s: fired %s, not %s", payload, got, want);
}

static void lists_of_each_type(void **state)
{
    (void)state;
    file_put("s", "YWJj\nYQ==\n\nYWJj\n");               /* abc, a */
    file_put("m", "900150983cd24fb0d6963f7d28e17f72\n"); /* of abc */
    file_put("h", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    file_put("i4", "10.1.1.10\n");
    file_put("i6", "::ffff:192.0.2.80\n2001:db8::1\n");
    file_put("r", "YWJj,10\r\nYQ==, 20\r\n");
    file_put("d", "LmIuYw==\n"); /* .b.c */
    struct dt t;
    dt_open(
        &t,
        rules_with(
            "alert udp any any -> any any (ip.src; dataset:isset,i4,type ipv4,load @/i4; sid:2;)\n"
            "alert udp any any -> any any (ip.dst; dataset:isset,i4; sid:3;)\n"
            "alert udp any any -> any any (ip.dst; dataset:isset,i6,type ip,load @/i6; sid:4;)\n"
            "alert udp any any -> any any (ip.src; dataset:isnotset,i6,type ip,load @/i6; "
            "sid:5;)\n"),
        DIALECT_SURICATA);
    fires(&t, "abc", "2 4 5");
    dt_close(&t);
}

static void buffer_test(struct dt *t, unsigned rule, const char *bytes, size_t n, bool want)
{
    struct input in = {.p = (const uint8_t *)bytes, .n = (uint32_t)n};
    dt_udp(t, "", 0);
    t->detect->p = &t->p;
    const struct img_block *b = &t->image->blocks[t->image->rules[rule].block_first];
    const struct img_test *x = &t->image->tests[b->first];
    t->detect->n_told = 0;
    if (set_test(t->detect, x, &in) != want)
        fail_msg("sid %u: '%.*s' is%s found", t->image->rules[rule].sid, (int)n, bytes,
                 want ? " not" : "");
}

static void strings_digests_scores(void **state)
{
    (void)state;
    struct dt t;
    dt_open(
        &t,
        rules_with(
            "alert udp any any -> any any (udp.hdr; dataset:isset,s,type string,load @/s; sid:1;)\n"
            "alert udp any any -> any any (udp.hdr; dataset:isset,m,type md5,load @/m; sid:2;)\n"
            "alert udp any any -> any any (udp.hdr; dataset:isset,h,type sha256,load @/h; sid:3;)\n"
            "alert udp any any -> any any (udp.hdr; datarep:r,>,10,load @/r,type string; sid:4;)\n"
            "alert udp any any -> any any (udp.hdr; dataset:isset,d,type string,load @/d,match "
            "subdomain; sid:5;)\n"),
        DIALECT_SURICATA);
    static const struct {
        unsigned rule;
        const char *key;
        size_t n;
        bool found;
    } c[] = {{0, "abc", 3, true},
             {0, "a", 1, true},
             {0, "ab", 2, false},
             {0, "", 0, false},
             {0, "ABC", 3, false},
             {1, "abc", 3, false},
             {3, "a", 1, true},
             {3, "abc", 3, false},
             {3, "b", 1, false},
             {4, ".b.c", 4, true},
             {4, ".a.b.c", 6, true},
             {4, ".ab.c", 5, false},
             {4, ".c", 2, false},
             {4, "x.b.c.d", 7, false},
             {4, ".", 1, false},
             {1, "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72", 16, true}};
    for (unsigned k = 0; k < ARRAY_LEN(c); k++)
        buffer_test(&t, c[k].rule, c[k].key, c[k].n, c[k].found);
    uint8_t sha[DIGEST_MAX];
    digest_of(DIGEST_SHA256, "abc", 3, sha);
    buffer_test(&t, 2, (const char *)sha, 32, true);
    sha[31] ^= 1;
    buffer_test(&t, 2, (const char *)sha, 32, false);
    dt_close(&t);
}

static void rules_change_sets(void **state)
{
    (void)state;
    file_put("keep", "YWJj\nYQ==\n");
    struct dt t;
    static const char rules[] =
        "alert udp any any -> any any (udp.hdr; dataset:set,k,type string,load @/keep,save kept; "
        "sid:1;)\n"
        "alert udp any any -> any any (udp.hdr; dataset:unset,k; sid:2;)\n"
        "alert udp any any -> any any (udp.hdr; dataset:isset,k; sid:3;)\n"
        "alert udp any any -> any any (ip.src; dataset:set,ips,type ip,state sub/ips; sid:4;)\n";
    dt_open(&t, rules_with(rules), DIALECT_SURICATA);
    enum { ADD, TAKE, IS };
    buffer_test(&t, IS, "abc", 3, true);
    buffer_test(&t, ADD, "abc", 3, false); /* it is there */
    buffer_test(&t, ADD, "new", 3, true);
    buffer_test(&t, ADD, "new", 3, false);
    buffer_test(&t, IS, "new", 3, true);
    buffer_test(&t, TAKE, "abc", 3, true);
    buffer_test(&t, TAKE, "abc", 3, false);
    buffer_test(&t, IS, "abc", 3, false);
    buffer_test(&t, ADD, "b", 1, true);
    buffer_test(&t, TAKE, "b", 1, true);
    fires(&t, "x", "4");
    fires(&t, "x", ""); /* it is in the set now */
    assert_int_equal(state_save(t.state, t.image, dir, true, &t.diags), 0);
    file_is("kept", "YQ==\nbmV3\n");
    file_is("sub/ips", "0000:0000:0000:0000:0000:ffff:0a01:010a\n");
    /* nothing new: not written again; one change writes its own set */
    assert_int_equal(remove_kept(), 0);
    assert_int_equal(state_save(t.state, t.image, dir, true, &t.diags), 0);
    assert_int_equal(remove_kept(), -1);
    buffer_test(&t, ADD, "c", 1, true);
    assert_int_equal(state_save(t.state, t.image, dir, true, &t.diags), 0);
    file_is("kept", "YQ==\nbmV3\nYw==\n");
    assert_int_equal(remove_kept(), 0);
    assert_int_equal(state_save(t.state, t.image, dir, false, &t.diags), 0);
    file_is("kept", "YQ==\nbmV3\nYw==\n");
    /* another image: what rules put in is still there */
    struct image *old = t.image;
    t.image = dt_image(&t, rules_with(rules), DIALECT_SURICATA);
    struct overlay_options oo = {.var = dt_var, .version = 2};
    struct overlay *o = overlay_build(t.image, &oo, &t.diags);
    assert_int_equal(detect_swap(t.detect, o), 0);
    overlay_close(t.overlay);
    image_close(old);
    t.overlay = o;
    buffer_test(&t, IS, "new", 3, true);
    buffer_test(&t, IS, "abc", 3, false);
    /* a folder that can't be written is told */
    assert_true(state_save(t.state, t.image, "/proc/none", false, &t.diags) < 0);
    assert_int_equal(t.diags.errors, 2);
    dt_close(&t);
}

static void a_set_has_a_cap(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t,
            "alert udp any any -> any any (udp.hdr; dataset:set,k,type string,hashsize 1,memcap "
            "104100; sid:1;)\n",
            DIALECT_SURICATA);
    char key[64];
    unsigned in = 0;
    for (unsigned k = 0; k < 20000; k++) {
        snprintf(key, sizeof(key), "key number %u", k);
        struct input x = {.p = (const uint8_t *)key, .n = (uint32_t)strlen(key)};
        dt_udp(&t, "", 0);
        t.detect->p = &t.p;
        in += set_test(t.detect, &t.image->tests[t.image->blocks[0].first], &x);
    }
    assert_in_range(in, 1000, 10000);
    dt_close(&t);
}

/* Refusals name the file and its line. */
static void broken_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *options, *want;
    } c[] = {
        {"YWJj\n!!\n", "dataset:isset,x,type string,load @/x;",
         "/x:2: '!!' is not a string in base64"},
        {"YWJjZ\n", "dataset:isset,x,type string,load @/x;", "/x:1:"},
        {"00\n", "dataset:isset,x,type md5,load @/x;", "/x:1: '00' is not an MD5"},
        {"1.2.3\n", "dataset:isset,x,type ip,load @/x;", "/x:1:"},
        {"2001:db8::1\n", "dataset:isset,x,type ipv4,load @/x;", "/x:1:"},
        {"YQ==\n", "datarep:x,>,1,type string,load @/x;", "/x:1: the score is missing"},
        {"YQ==,1\nYQ==,65536\n", "datarep:x,>,1,type string,load @/x;", "/x:2: the score"},
        {"[{\"v\":1}]", "dataset:isset,x,type string,load @/x,format json,value_key v;",
         "/x:1: the object has no string 'v'"},
        {"[{\"v\":\"a\"},\n{\"v\":\"b\"]",
         "dataset:isset,x,type string,load @/x,format json,value_key v;",
         "/x:2: the JSON is broken"},
        {"{\"v\":\"a\"}\n{", "dataset:isset,x,type string,load @/x,format ndjson,value_key v;",
         "/x:2: the JSON is broken"},
        {"{\"v\":\"a\"}", "dataset:isset,x,type string,load @/x,format json,value_key v;",
         "no array of objects"},
        {"{\"v\":\"zz\"}", "dataset:isset,x,type md5,load @/x,format ndjson,value_key v;",
         "/x:1: 'zz' is no value"},
    };
    for (unsigned k = 0; k < ARRAY_LEN(c); k++) {
        char text[400];
        file_put("x", c[k].text);
        snprintf(text, sizeof(text), "alert udp any any -> any any (udp.hdr; %s sid:1;)\n",
                 c[k].options);
        struct rule_set *s = dt_rules_any(rules_with(text), DIALECT_SURICATA);
        assert_int_equal(s->n_refusals, 1);
        if (!strstr(s->refusals[0].reason, c[k].want) || !s->refusals[0].hint ||
            s->refusals[0].line != 1)
            fail_msg("%s: %s", c[k].want, s->refusals[0].reason);
        rules_free(s);
    }
}

static void json_goes_into_alerts(void **state)
{
    (void)state;
    file_put("j", "{\"f\":{\"l\":[{\"ip\":\"10.1.1.10\",\"x\":{\"y\":1}},{\"other\":1},{\"ip\":"
                  "\"10.1.1.10\",\"x\":2}]}}");
    struct dt t;
    dt_open(
        &t,
        rules_with(
            "alert udp any any -> any any (ip.src; "
            "dataset:isset,j,type ip,load @/j,format json,array_key f.l,value_key ip,context_key "
            "c,remove_key; sid:1;)\n"
            "alert udp any any -> any any (content:\"hit\"; ip.dst; dataset:isset,j; sid:2;)\n"),
        DIALECT_SURICATA);
    const struct matches *m = detect_packet(t.detect, dt_udp(&t, "hit", 3), NULL);
    struct str key, json, text;
    assert_int_equal(m->n, 1);
    assert_int_equal(m->m[0].n_told, 1);
    detect_told(t.detect, m->m[0].told, &key, &json, &text);
    assert_true(str_eq(key, STR("c")));
    assert_true(str_eq(json, STR("{\"x\":{\"y\":1}}"))); /* the first of two */
    dt_close(&t);
}

/* A cached image is not used when a list of it changed. */
static void a_changed_list_makes_the_image_anew(void **state)
{
    (void)state;
    struct dt t;
    char path[200];
    dt_init(&t);
    file_put("s", "YWJj\n");
    snprintf(path, sizeof(path), "%s/image", dir);
    struct rule_set *s = dt_rules(rules_with("alert udp any any -> any any (udp.hdr; "
                                             "dataset:isset,s,type string,load @/s; sid:1;)\n"),
                                  DIALECT_SURICATA);
    assert_int_equal(image_build(s, path, 1, &t.diags), 0);
    rules_free(s);
    struct image *i = image_open_cached(path, &t.diags);
    assert_non_null(i);
    image_close(i);
    file_put("s", "YWJk\n");
    assert_null(image_open_cached(path, &t.diags));
    file_put("s", "YWJj\n");
    i = image_open_cached(path, &t.diags);
    assert_non_null(i);
    image_close(i);
    snprintf(path, sizeof(path), "%s/s", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/image", dir);
    assert_null(image_open_cached(path, &t.diags));
    arena_done(&t.arena);
}

static void reputation_of_addresses(void **state)
{
    (void)state;
    file_put("cats", "# number,name,text\n1,bad,Bad ones\n2,good,Good ones\nx,y,z\n");
    file_put("rep", "10.1.1.10,1,100\n10.1.0.0/16,1,5\n192.0.2.0/"
                    "24,2,50\n192.0.2.80,2,7\n1.1.1.1,9,1\n1.1.1.1,1,128\n");
    struct dt t;
    dt_init(&t);
    struct conf *c = conf_new();
    char set[3][200];
    snprintf(set[0], 200, "reputation-categories-file=%s/cats", dir);
    snprintf(set[1], 200, "default-reputation-path=%s", dir);
    snprintf(set[2], 200, "reputation-files=rep");
    for (unsigned k = 0; k < 3; k++)
        assert_int_equal(conf_set(c, set[k], &t.diags), 0);
    static const char rules[] = "alert udp any any -> any any (iprep:src,bad,=,100; sid:1;)\n"
                                "alert udp any any -> any any (iprep:src,bad,<,50; sid:2;)\n"
                                "alert udp any any -> any any (iprep:dst,good,=,7; sid:3;)\n"
                                "alert udp any any -> any any (iprep:any,good,isset; sid:4;)\n"
                                "alert udp any any -> any any (iprep:both,good,isset; sid:5;)\n"
                                "alert udp any any -> any any (iprep:src,good,isnotset; sid:6;)\n"
                                "alert udp any any -> any any (iprep:both,bad,>,1; sid:7;)\n"
                                "alert udp any any -> any any (iprep:src,none,>,1; sid:8;)\n";
    struct rules_options o = {.var = dt_var, .conf = c};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(rules), DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_int_equal(s->n_refusals, 1);
    assert_non_null(strstr(s->refusals[0].reason, "no category none"));
    assert_int_equal(s->diags.warnings, 3); /* the broken category, the unknown one, the score */
    char path[200];
    snprintf(path, sizeof(path), "%s/image", dir);
    assert_int_equal(image_build(s, path, 1, &t.diags), 0);
    rules_free(s);
    t.image = image_open(path, &t.diags);
    struct overlay_options oo = {.var = dt_var, .version = 1};
    t.overlay = overlay_build(t.image, &oo, &t.diags);
    struct detect_config dc = {.inline_mode = true};
    t.detect = detect_new(&dc, t.overlay);
    assert_non_null(t.detect);
    fires(&t, "x", "1 3 4 6");
    dt_close(&t);
    conf_free(c);
}

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/riposte-sets-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {"s", "m",     "h",    "i4",      "i6",  "r",
                                        "d", "keep",  "kept", "sub/ips", "sub", "x",
                                        "j", "image", "cats", "rep",     ""};
    for (unsigned k = 0; k < ARRAY_LEN(names); k++) {
        char path[200];
        snprintf(path, sizeof(path), "%s/%s", dir, names[k]);
        (void)remove(path);
    }
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_each_type),
        cmocka_unit_test(strings_digests_scores),
        cmocka_unit_test(rules_change_sets),
        cmocka_unit_test(a_set_has_a_cap),
        cmocka_unit_test(broken_lists_are_refused),
        cmocka_unit_test(json_goes_into_alerts),
        cmocka_unit_test(reputation_of_addresses),
        cmocka_unit_test(a_changed_list_makes_the_image_anew),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
