/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image as a file: the same rules give the same bytes, a broken file is refused, one map serves many; and
 * what an overlay changes of it.
 */
#include "detect/detect_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char mixed[] =
    "alert tcp $HOME_NET any -> $EXTERNAL_NET $HTTP_PORTS (msg:\"uri\"; flow:established,to_server; http.uri; "
    "content:\"/evil\"; nocase; content:\".php\"; distance:0; endswith; pcre:\"/x=[0-9]+/\"; classtype:trojan-activity; "
    "reference:url,example.org; metadata:created_at 2020_01_01, former_category X; sid:1; rev:3;)\n"
    "alert udp any any -> any 53 (msg:\"dns\"; dns.query; content:\"bad.example\"; isdataat:!1,relative; "
    "threshold:type limit,track by_src,count 1,seconds 60; sid:2;)\n"
    "drop tcp any any -> any any (msg:\"bits\"; flow:established; flowbits:isset,a.b; flowbits:set,c; "
    "content:\"|00 01 02 03|\"; depth:4; byte_test:2,>,10,0,relative; tag:session,5,packets; sid:3;)\n"
    "pass icmp [10.0.0.0/8,!10.1.0.0/16] any -> any any (msg:\"ping\"; itype:8; sid:4;)\n"
    "alert tls any any -> any any (msg:\"tls\"; tls.sni; dotprefix; content:\".evil.test\"; endswith; xbits:set,x,"
    "track ip_src; sid:5;)\n"
    "alert udp any any -> any any (msg:\"short\"; content:\"ab\"; content:!\"xyz\"; within:10; flowint:n,+,1; sid:6;)\n"
    "alert ip any any -> 192.0.2.0/24 any (msg:\"ip only\"; detection_filter:track by_dst,count 3,seconds 9; sid:7;)\n"
    "alert udp any any -> any any (msg:\"list\"; content:\"payload bytes\"; sid:8;)\n"
    "alert tcp any any -> any any (msg:\"event\"; stream-event:pkt_invalid_ack; noalert; sid:9;)\n";

struct bytes {
    uint8_t *p;
    size_t n;
};

static struct bytes file_read(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && !fstat(fd, &st));
    struct bytes b = {malloc((size_t)st.st_size), (size_t)st.st_size};
    assert_non_null(b.p);
    assert_int_equal(read(fd, b.p, b.n), (ssize_t)b.n);
    close(fd);
    return b;
}

static struct bytes compiled(const char *rules, unsigned threads)
{
    char path[64];
    struct dt t;
    dt_init(&t);
    dt_path(path);
    struct rule_set *s = dt_rules(rules, DIALECT_SURICATA);
    assert_int_equal(image_build(s, path, threads, &t.diags), 0);
    rules_free(s);
    struct bytes b = file_read(path);
    unlink(path);
    dt_close(&t);
    return b;
}

static int fd_of(const void *p, size_t n)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t at = 0; at < n;) {
        ssize_t k = write(fd, (const uint8_t *)p + at, n - at);
        assert_true(k > 0);
        at += (size_t)k;
    }
    return fd;
}

static struct image *opened(struct dt *t, const void *p, size_t n)
{
    int fd = fd_of(p, n);
    struct image *i = image_from_fd(fd, &t->diags);
    close(fd);
    return i;
}

static void same_rules_same_bytes(void **state)
{
    (void)state;
    struct bytes a = compiled(mixed, 1), b = compiled(mixed, 2);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    free(b.p);
    /* and other rules other bytes */
    char other[sizeof(mixed)];
    memcpy(other, mixed, sizeof(mixed));
    *strstr(other, "trojan") = 'T'; /* an unknown class: a warning */
    b = compiled(other, 1);
    assert_true(a.n != b.n || memcmp(a.p, b.p, a.n));
    free(a.p);
    free(b.p);
}

static void facts_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, mixed, DIALECT_SURICATA);
    assert_int_equal(image_n_rules(t.image), 9);
    int64_t at = image_find_sid(t.image, 1, 1);
    assert_true(at >= 0);
    assert_int_equal(image_find_sid(t.image, 1, 77), -1);
    struct image_rule_info r;
    struct str key, value, ref;
    image_rule(t.image, (uint32_t)at, &r);
    assert_int_equal(r.rev, 3);
    assert_true(str_eq(r.msg, STR("uri")));
    assert_true(str_eq(r.class_name, STR("trojan-activity")));
    assert_true(image_rule_meta(t.image, (uint32_t)at, 1, &key, &value));
    assert_true(str_eq(key, STR("former_category")) && str_eq(value, STR("X")));
    assert_false(image_rule_meta(t.image, (uint32_t)at, 2, &key, &value));
    assert_true(image_rule_reference(t.image, (uint32_t)at, 0, &ref));
    assert_true(str_eq(ref, STR("url,example.org")));
    assert_false(image_rule_reference(t.image, (uint32_t)at, 1, &ref));
    struct sbuf text;
    sbuf_init(&text);
    const char *line = mixed;
    for (unsigned sid = 1; sid <= 9; sid++) {
        size_t n = strcspn(line, "\n");
        sbuf_clear(&text);
        at = image_find_sid(t.image, 1, sid);
        assert_true(image_rule_text(t.image, (uint32_t)at, &text));
        assert_true(str_eq(sbuf_view(&text), str_of(line, (uint32_t)n)));
        line += n + 1;
    }
    sbuf_done(&text);
    /* pass comes before drop before alert */
    assert_int_equal(t.image->rules[0].sid, 4);
    assert_int_equal(t.image->rules[1].sid, 3);
    dt_close(&t);
}

/* Each rule has its own references and metadata; equal lists are kept once. */
static void lists_of_texts(void **state)
{
    (void)state;
    static const struct {
        const char *refs[3], *keys[3];
    } want[] = {{{"url,a.example", "cve,2026-1"}, {"k1", "k2"}}, {{"url,b.example"}, {"k3"}}, {{NULL}, {NULL}},
                {{"url,a.example", "cve,2026-1"}, {"k3"}}, {{"url,c.example"}, {"k1", "k2", "k4"}}};
    struct sbuf s;
    struct dt t;
    sbuf_init(&s);
    for (size_t k = 0; k < ARRAY_LEN(want); k++) {
        sbuf_printf(&s, "alert udp any any -> any any (msg:\"t%zu\"; content:\"x%zu\"; ", k, k);
        for (unsigned i = 0; i < 3 && want[k].refs[i]; i++)
            sbuf_printf(&s, "reference:%s; ", want[k].refs[i]);
        for (unsigned i = 0; i < 3 && want[k].keys[i]; i++)
            sbuf_printf(&s, "metadata:%s v; ", want[k].keys[i]);
        sbuf_printf(&s, "sid:%zu;)\n", k + 1);
    }
    dt_open(&t, sbuf_z(&s), DIALECT_SURICATA);
    for (size_t k = 0; k < ARRAY_LEN(want); k++) {
        uint32_t at = (uint32_t)image_find_sid(t.image, 1, (uint32_t)k + 1);
        struct str a, b;
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(image_rule_reference(t.image, at, i, &a), want[k].refs[i] != NULL);
            if (want[k].refs[i])
                assert_true(str_eq(a, str_cstr(want[k].refs[i])));
            assert_int_equal(image_rule_meta(t.image, at, i, &a, &b), want[k].keys[i] != NULL);
            if (want[k].keys[i])
                assert_true(str_eq(a, str_cstr(want[k].keys[i])));
        }
    }
    dt_close(&t);
    sbuf_done(&s);
}

/* Texts over many packed blocks, and one that is larger than a block. */
static void long_texts_come_back(void **state)
{
    (void)state;
    enum { RULES = 300 };
    struct sbuf b, text;
    struct dt t;
    sbuf_init(&b);
    sbuf_init(&text);
    for (unsigned k = 0; k < RULES; k++) {
        sbuf_printf(&b, "alert udp any any -> any any (msg:\"rule %u\"; content:\"pattern%u\"; ", k, k);
        for (unsigned m = 0; m < (k == 150 ? 900u : k % 7); m++)
            sbuf_printf(&b, "metadata:key%u value%u_%u; ", m, k, m);
        sbuf_printf(&b, "sid:%u;)\n", k + 1);
    }
    dt_open(&t, sbuf_z(&b), DIALECT_SURICATA);
    assert_true(img_count(t.image, SEC_PACKED) > 3);
    const char *line = sbuf_z(&b);
    for (unsigned k = 0; k < RULES; k++) {
        size_t n = strcspn(line, "\n");
        int64_t at = image_find_sid(t.image, 1, k + 1);
        sbuf_clear(&text);
        assert_true(image_rule_text(t.image, (uint32_t)at, &text));
        assert_int_equal(text.n, n);
        assert_memory_equal(text.p, line, n);
        line += n + 1;
    }
    sbuf_done(&b);
    sbuf_done(&text);
    dt_close(&t);
}

/* ------------------------------------------------------------------ what the compile said */

static void notes_come_back(void **state)
{
    (void)state;
    enum { BROKEN = IMAGE_REFUSALS + 5 };
    struct sbuf b;
    struct dt t;
    sbuf_init(&b);
    sbuf_printf(&b, "alert udp any any -> any any (msg:\"a\"; content:\"aaaa\"; classtype:of-no-file; sid:1; rev:1;)\n"
                    "alert udp any any -> any any (msg:\"b\"; content:\"bbbb\"; sid:1; rev:2;)\n"
                    "#alert udp any any -> any any (content:\"c\"; sid:2;)\n"
                    "alert udp any any -> any any (requires: version >= 99; content:\"d\"; sid:3;)\n");
    for (unsigned k = 0; k < BROKEN; k++)
        sbuf_printf(&b, "alert udp any any -> any any (dsize:%u; sid:%u;)\n", 70000 + k, 100 + k);
    char path[64];
    dt_init(&t);
    dt_path(path);
    struct rule_set *s = dt_rules_any(sbuf_z(&b), DIALECT_SURICATA);
    assert_int_equal(image_build(s, path, 1, &t.diags), 0);
    rules_free(s);
    t.image = image_open(path, &t.diags);
    unlink(path);
    assert_non_null(t.image);
    struct image_report r;
    image_report(t.image, &r);
    assert_true(r.loaded == 1 && r.disabled == 3 && r.refused == BROKEN && r.replaced == 1 && r.skipped == 1);
    assert_true(r.n_files == 1 && r.left_out == BROKEN - IMAGE_REFUSALS);
    uint32_t refusals = 0;
    for (uint32_t k = 0; k < r.n_notes; k++) {
        struct diag d;
        bool refusal;
        image_note(t.image, k, &d, &refusal);
        assert_non_null(d.reason);
        assert_non_null(d.hint);
        if (!refusal)
            continue;
        assert_true(d.line == 5 + refusals && d.sid == 100 + refusals && d.column > 1 && d.file);
        refusals++;
    }
    assert_int_equal(refusals, IMAGE_REFUSALS);
    struct rule_file_info f;
    image_rule_file(t.image, 0, &f);
    assert_true(f.loaded == 1 && f.disabled == 3 && f.refused == BROKEN && f.path && f.dialect == DIALECT_SURICATA);
    sbuf_done(&b);
    dt_close(&t);
}

/* ------------------------------------------------------------------ broken files */

static void cut_or_changed_files_are_refused(void **state)
{
    (void)state;
    struct dt t;
    dt_init(&t);
    struct bytes b = compiled(mixed, 1);
    struct image *i = opened(&t, b.p, b.n);
    assert_non_null(i);
    struct img_header h = *i->h;
    image_close(i);
    /* cut at every section's edges, and in the header */
    for (unsigned s = 0; s < SEC_COUNT; s++)
        for (int d = -1; d <= 1; d++) {
            size_t n = (size_t)((int64_t)h.sec[s].at + d);
            if (n < b.n)
                assert_null(opened(&t, b.p, n));
        }
    for (size_t n = 0; n < sizeof(h) + 2; n += 7)
        assert_null(opened(&t, b.p, n));
    assert_null(opened(&t, b.p, b.n - 1));
    b.p = realloc(b.p, b.n + 64);
    assert_non_null(b.p);
    memset(b.p + b.n, 0, 64);
    assert_null(opened(&t, b.p, b.n + 64));
    /* each byte of the header, and bytes all over the file */
    uint64_t seed = 1;
    for (size_t k = 0; k < sizeof(h) + 2000; k++) {
        seed = hash_mix(seed + k + 1);
        size_t at = k < sizeof(h) ? k : seed % b.n;
        b.p[at] ^= (uint8_t)(1u << (seed >> 40 & 7));
        if (opened(&t, b.p, b.n))
            fail_msg("a changed byte at %zu is not seen", at);
        b.p[at] ^= (uint8_t)(1u << (seed >> 40 & 7));
    }
    assert_true(t.diags.errors > 2000);
    free(b.p);
    dt_close(&t);
}

static void use(struct dt *t, struct image *i)
{
    static const char *const payload[] = {"payload bytes", "ab cd", "", "\0\1\2\3\4\5\6\7", "x=1 /evil.php"};
    struct overlay_options oo = {.var = dt_var, .version = 1};
    struct overlay *o = overlay_build(i, &oo, &t->diags);
    struct detect_config dc = {.inline_mode = true};
    struct detect *d = o ? detect_new(&dc, o) : NULL;
    for (unsigned k = 0; d && k < ARRAY_LEN(payload); k++) {
        struct packet *p = dt_udp(t, payload[k], k == 3 ? 8 : strlen(payload[k]));
        memset(&t->flow, 0, sizeof(t->flow));
        t->flow.proto = IPPROTO_UDP;
        t->flow.flags = FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT;
        p->flow = &t->flow;
        const struct matches *m = detect_packet(d, p, NULL);
        for (uint32_t x = 0; x < m->n; x++) {
            struct image_rule_info r;
            int action;
            image_rule(i, m->m[x].rule, &r);
            (void)detect_threshold(d, p, &m->m[x], &action);
        }
        detect_flow_free(d, &t->flow);
    }
    struct sbuf text;
    sbuf_init(&text);
    for (uint32_t k = 0; k < image_n_rules(i); k++)
        (void)image_rule_text(i, k, &text);
    struct image_report r;
    image_report(i, &r);
    for (uint32_t k = 0; k < r.n_notes; k++) {
        struct diag x;
        bool refusal;
        image_note(i, k, &x, &refusal);
        sbuf_cstr(&text, x.reason);
        sbuf_cstr(&text, x.hint ? x.hint : "");
    }
    for (uint32_t k = 0; k < r.n_files; k++) {
        struct rule_file_info f;
        image_rule_file(i, k, &f);
        sbuf_cstr(&text, f.path);
    }
    sbuf_done(&text);
    detect_free(d);
    overlay_close(o);
}

/*
 * A file that someone made with a right checksum: refused, or usable without harm.  (Not the pattern databases:
 * they are code for the pattern library, which trusts them.)
 */
static void lies_with_a_right_checksum_do_no_harm(void **state)
{
    (void)state;
    struct dt t;
    dt_init(&t);
    struct bytes b = compiled(mixed, 1);
    uint64_t seed = 0x5eed;
    unsigned refused = 0, tried = 0;
    printf("# seed %#llx\n", (unsigned long long)seed);
    for (unsigned k = 0; k < 1200; k++) {
        struct bytes c = {malloc(b.n), b.n};
        assert_non_null(c.p);
        memcpy(c.p, b.p, b.n);
        struct img_header *h = (void *)c.p;
        for (unsigned m = 0; m < 1 + k % 3; m++) {
            seed = hash_mix(seed + k * 4 + m + 1);
            unsigned s = (unsigned)(seed % SEC_DBS);
            size_t n = h->sec[s].n * image_section_size((enum image_section)s);
            uint8_t *at = k % 10 == 9 ? c.p + 16 + seed / 64 % (sizeof(*h) - 16)
                                      : c.p + h->sec[s].at + (n ? seed / 64 % n : 0);
            *at = seed >> 50 & 1 ? (uint8_t)(seed >> 20) : seed >> 51 & 1 ? 0xff : (uint8_t)(*at + 1);
        }
        h->checksum = image_checksum(c.p, c.n);
        struct image *i = opened(&t, c.p, c.n);
        if (i)
            use(&t, i);
        refused += !i;
        tried++;
        image_close(i);
        free(c.p);
    }
    assert_true(refused > tried / 20 && refused < tried);
    free(b.p);
    dt_close(&t);
}

/* Equal bytes for another build of the program: not taken. */
static void other_builds_are_refused(void **state)
{
    (void)state;
    struct dt t;
    dt_init(&t);
    struct bytes b = compiled(mixed, 1);
    struct img_header *h = (void *)b.p;
    uint32_t *fields[] = {&h->version, &h->struct_hash};
    for (unsigned k = 0; k < 2; k++) {
        (*fields[k])++;
        h->checksum = image_checksum(b.p, b.n);
        assert_null(opened(&t, b.p, b.n));
        (*fields[k])--;
    }
    h->platform++;
    h->checksum = image_checksum(b.p, b.n);
    assert_null(opened(&t, b.p, b.n));
    free(b.p);
    dt_close(&t);
}

static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    struct dt t;
    dt_init(&t);
    struct rule_set *s = dt_rules(mixed, DIALECT_SURICATA);
    assert_true(image_build(s, "/nowhere/at/all.image", 1, &t.diags) < 0);
    assert_int_equal(t.diags.errors, 1);
    assert_null(image_open("/nowhere/at/all.image", &t.diags));
    rules_free(s);
    dt_close(&t);
}

/* A rule that the mask of found buffers has no room for takes nothing else with it. */
static void rules_of_too_many_buffers_are_left_out(void **state)
{
    (void)state;
    struct dt t;
    struct sbuf b;
    dt_init(&t);
    sbuf_init(&b);
    for (unsigned r = 0; r < 2; r++) {
        sbuf_cstr(&b, "alert http any any -> any any (msg:\"many\"; ");
        for (unsigned k = 0; k < 32 + r; k++)
            sbuf_printf(&b, "http.uri; to_md5; xor:\"%02x\"; content:\"x%u\"; ", k, k);
        sbuf_printf(&b, "sid:%u;)\n", r + 1);
    }
    t.image = dt_image(&t, sbuf_z(&b), DIALECT_SURICATA);
    assert_int_equal(image_n_rules(t.image), 1);
    assert_int_equal(t.image->rules[0].sid, 1);
    assert_int_equal(t.image->rules[0].n_blocks, 32);
    assert_int_equal(t.diags.errors, 1);
    sbuf_done(&b);
    dt_close(&t);
}

/* ------------------------------------------------------------------ overlays */

static struct overlay_rule tuned;
static void tune_sid8(void *ctx, const struct image *i, uint32_t rule, struct overlay_rule *r)
{
    (void)ctx;
    if (i->rules[rule].sid == 8)
        *r = tuned;
}

static void two_overlays_on_one_image(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, mixed, DIALECT_SURICATA);
    uint32_t rule = (uint32_t)image_find_sid(t.image, 1, 8);
    tuned = (struct overlay_rule){.enabled = 1, .action = ACTION_DROP, .response = RESP_RST_SRC};
    struct overlay_options oo = {.var = dt_var, .version = 2, .tune = tune_sid8};
    struct overlay *drops = overlay_build(t.image, &oo, &t.diags);
    tuned.enabled = 0;
    oo.version = 3;
    struct overlay *off = overlay_build(t.image, &oo, &t.diags);
    assert_true(drops && off);
    assert_int_equal(overlay_rule(t.overlay, rule)->action, ACTION_ALERT);
    assert_int_equal(overlay_rule(drops, rule)->action, ACTION_DROP);
    assert_int_equal(overlay_rule(drops, rule)->response, RESP_RST_SRC);
    assert_ptr_equal(overlay_image(drops), overlay_image(t.overlay));
    assert_int_equal(overlay_version(drops), 2);
    /* the matcher finds what its overlay has */
    assert_int_equal(dt_hits(&t, detect_packet(t.detect, dt_udp(&t, "payload bytes", 13), NULL), 8), 1);
    assert_int_equal(detect_swap(t.detect, off), 0);
    assert_int_equal(dt_hits(&t, detect_packet(t.detect, dt_udp(&t, "payload bytes", 13), NULL), 8), 0);
    assert_int_equal(detect_swap(t.detect, drops), 0);
    assert_int_equal(dt_hits(&t, detect_packet(t.detect, dt_udp(&t, "payload bytes", 13), NULL), 8), 1);
    overlay_close(drops);
    overlay_close(off);
    dt_close(&t);
}

static const char *other_home(bool port, const char *name)
{
    return !port && !strcmp(name, "HOME_NET") ? "172.16.0.0/12" : NULL;
}
static const char *no_home(bool port, const char *name)
{
    return !port && !strcmp(name, "HOME_NET") ? "no address" : NULL;
}

static void variables_are_the_overlays(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t,
            "alert udp $HOME_NET any -> any any (msg:\"h\"; content:\"abcd\"; sid:1;)\n"
            "alert udp !$HOME_NET any -> any any (msg:\"n\"; content:\"abcd\"; sid:2;)\n"
            "alert udp any any -> any any (msg:\"n\"; content:\"abcd\"; sid:3;)\n",
            DIALECT_SURICATA);
    const struct matches *m = detect_packet(t.detect, dt_udp(&t, "abcd", 4), NULL);
    assert_true(dt_hits(&t, m, 1) && !dt_hits(&t, m, 2) && dt_hits(&t, m, 3));
    const char *(*var)(bool, const char *) = other_home;
    struct overlay_options oo = {.var = dt_var, .ctx = &var, .version = 2};
    struct overlay *o = overlay_build(t.image, &oo, &t.diags);
    assert_int_equal(detect_swap(t.detect, o), 0);
    overlay_close(o);
    m = detect_packet(t.detect, dt_udp(&t, "abcd", 4), NULL);
    assert_true(!dt_hits(&t, m, 1) && dt_hits(&t, m, 2) && dt_hits(&t, m, 3));
    /* a variable that can't be read takes its rules out, and only those */
    var = no_home;
    oo.version = 3;
    assert_int_equal(t.diags.errors, 0);
    o = overlay_build(t.image, &oo, &t.diags);
    assert_non_null(o);
    assert_int_equal(t.diags.errors, 0); /* the others are judged: nothing to end a run for */
    assert_int_equal(t.diags.warnings, 2);
    assert_int_equal(detect_swap(t.detect, o), 0);
    overlay_close(o);
    m = detect_packet(t.detect, dt_udp(&t, "abcd", 4), NULL);
    assert_true(!dt_hits(&t, m, 1) && !dt_hits(&t, m, 2) && dt_hits(&t, m, 3));
    dt_close(&t);
}

/* Of each port: the expressions that hold for it, and no other. */
static void every_port_has_its_class(void **state)
{
    (void)state;
    static const char *const ports[] = {"any", "0", "65535", "[7,8,15,16,63,64]", "[1:1023,!80]", "!7", "$HTTP_PORTS", "[0:7,9:15]", "[32768:]"};
    struct sbuf b;
    struct dt t;
    sbuf_init(&b);
    for (unsigned k = 0; k < ARRAY_LEN(ports); k++)
        sbuf_printf(&b, "alert udp any any -> any %s (content:\"abcd\"; sid:%u;)\n", ports[k], k + 1);
    dt_open(&t, sbuf_z(&b), DIALECT_SURICATA);
    sbuf_done(&b);
    uint64_t n = img_count(t.image, SEC_PORTS);
    assert_true(n >= ARRAY_LEN(ports));
    for (uint32_t k = 0; k < n; k++) {
        uint8_t bits[8192];
        assert_int_equal(rules_resolve_port(img_str(t.image, t.image->ports[k]), dt_var, NULL, bits, &t.diags), 0);
        for (uint32_t p = 0; p < 65536; p++)
            if (overlay_port_has(t.overlay, overlay_port_class(t.overlay, (uint16_t)p), k) != (bits[p / 8] >> (p % 8) & 1))
                fail_msg("expression %u, port %u", k, p);
    }
    dt_close(&t);
}

/* ------------------------------------------------------------------ one map for all */

struct mapping {
    uint64_t rss, pss, priv;
};

/* Sums in kB of the maps of `path` in this process. */
static struct mapping smaps(const char *path)
{
    struct mapping m = {0};
    char line[512];
    bool ours = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned long long v;
        char head[64];
        if (sscanf(line, "%60[0-9a-f]-%*x ", head) == 1 && strchr(line, '-') < line + 17)
            ours = strstr(line, path) != NULL;
        else if (ours && sscanf(line, "Rss: %llu", &v) == 1)
            m.rss += v;
        else if (ours && sscanf(line, "Pss: %llu", &v) == 1)
            m.pss += v;
        else if (ours && (sscanf(line, "Private_Clean: %llu", &v) == 1 || sscanf(line, "Private_Dirty: %llu", &v) == 1))
            m.priv += v;
    }
    fclose(f);
    return m;
}

/* Two processes with an overlay and an action of their own: the image's pages are there once. */
static void two_processes_share_its_pages(void **state)
{
    (void)state;
    char path[64];
    struct sbuf b;
    struct dt t;
    dt_init(&t);
    sbuf_init(&b);
    for (unsigned k = 0; k < 4000; k++)
        sbuf_printf(&b, "alert udp any any -> any any (msg:\"rule %u\"; content:\"pattern number %u\"; sid:%u;)\n", k, k, k + 1);
    struct rule_set *s = dt_rules(sbuf_z(&b), DIALECT_SURICATA);
    sbuf_done(&b);
    dt_path(path);
    assert_int_equal(image_build(s, path, 1, &t.diags), 0);
    rules_free(s);
    int up[2], down[2];
    assert_true(!pipe(up) && !pipe(down));
    pid_t child = fork();
    assert_true(child >= 0);
    struct image *i = image_open(path, &t.diags);
    struct overlay_options oo = {.var = dt_var, .version = 1, .tune = tune_sid8};
    tuned = (struct overlay_rule){.enabled = 1, .action = child ? ACTION_ALERT : ACTION_DROP};
    struct overlay *o = i ? overlay_build(i, &oo, &t.diags) : NULL;
    if (!child) {
        char c = o && overlay_rule(o, (uint32_t)image_find_sid(i, 1, 8))->action == ACTION_DROP ? 'y' : 'n';
        if (write(up[1], &c, 1) != 1 || read(down[0], &c, 1) != 1)
            _exit(1);
        _exit(0);
    }
    char c = 0;
    int status;
    assert_int_equal(read(up[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_non_null(o);
    assert_int_equal(overlay_rule(o, (uint32_t)image_find_sid(i, 1, 8))->action, ACTION_ALERT);
    struct mapping m = smaps(path);
    assert_int_equal(write(down[1], &c, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(m.rss >= 1000);
    assert_int_equal(m.priv, 0);
    assert_true(m.pss * 2 <= m.rss + 8); /* each of the two pays a half */
    unlink(path);
    overlay_close(o);
    image_close(i);
    for (unsigned k = 0; k < 2; k++) {
        close(up[k]);
        close(down[k]);
    }
    dt_close(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rules_same_bytes),
        cmocka_unit_test(facts_come_out_as_they_went_in),
        cmocka_unit_test(notes_come_back), cmocka_unit_test(lists_of_texts), cmocka_unit_test(long_texts_come_back),
        cmocka_unit_test(cut_or_changed_files_are_refused),
        cmocka_unit_test(lies_with_a_right_checksum_do_no_harm),
        cmocka_unit_test(other_builds_are_refused),
        cmocka_unit_test(what_cannot_be_written_is_told),
        cmocka_unit_test(rules_of_too_many_buffers_are_left_out),
        cmocka_unit_test(two_overlays_on_one_image),
        cmocka_unit_test(variables_are_the_overlays),
        cmocka_unit_test(every_port_has_its_class),
        cmocka_unit_test(two_processes_share_its_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
