/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSH: banners, records, every cut of both directions, holes, lies in lengths, the log. */
#include "app/test_util.h"

#include <stdio.h>

#include "app/ssh/ssh.h"
#include "app/ssh/ssh_tx.h"

#define CLIENT_BANNER "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
#define SERVER_BANNER "SSH-1.99-Cisco-1.25\n"

struct bytes {
    uint8_t p[2048];
    uint32_t n;
};
static void put(struct bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof b->p);
    memcpy(b->p + b->n, p, n);
    b->n += (uint32_t)n;
}
static void put_u32(struct bytes *b, uint32_t v)
{
    uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(b, be, 4);
}
/* A record of a kind with a body and four bytes of padding. */
static void put_record(struct bytes *b, uint8_t kind, const struct bytes *body)
{
    uint8_t head[2] = {4, kind};
    put_u32(b, 2 + (body ? body->n : 0) + 4);
    put(b, head, 2);
    if (body)
        put(b, body->p, body->n);
    put(b, "\0\0\0\0", 4);
}
static const char *const lists[] = {"curve25519-sha256,ext-info-c",
                                    "ssh-ed25519",
                                    "aes128-ctr",
                                    "aes256-ctr",
                                    "hmac-sha1",
                                    "hmac-sha2-256",
                                    "none",
                                    "zlib",
                                    "",
                                    ""};
static void put_kexinit(struct bytes *b)
{
    struct bytes body = {.n = 0};
    put(&body, "0123456789abcdef", 16);
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
        put_u32(&body, (uint32_t)strlen(lists[i]));
        put(&body, lists[i], strlen(lists[i]));
    }
    put(&body, "\0\0\0\0\0", 5);
    put_record(b, 20, &body);
}
#define CLIENT_HASSH "curve25519-sha256,ext-info-c;aes128-ctr;hmac-sha1;none"
#define CLIENT_MD5   "da396fb0f249e33d7f418c7b68338e69" /* printf %s STRING | md5sum */
#define SERVER_HASSH "curve25519-sha256,ext-info-c;aes256-ctr;hmac-sha2-256;zlib"
#define SERVER_MD5   "871d6f57eab856f605c2a943e8a8acc2"

/* All that an end says: banner, KEXINIT, an exchange of keys, NEWKEYS, encrypted bytes. */
static struct bytes whole(const char *banner)
{
    struct bytes b = {.n = 0}, body = {.n = 0};
    put(&b, banner, strlen(banner));
    put_kexinit(&b);
    put(&body, "any key", 7);
    put_record(&b, 30, &body);
    put_record(&b, 21, NULL);
    put(&b, "\xff\xff\xff\xff never read", 15);
    return b;
}

static void expect_all(struct talk *t)
{
    talk_expect(t, 0, 0, "ssh.proto", "2.0");
    talk_expect(t, 0, 0, "ssh.software", "OpenSSH_9.2p1");
    talk_expect(t, 0, 1, "ssh.proto", "1.99");
    talk_expect(t, 0, 1, "ssh.software", "Cisco-1.25");
    talk_expect(t, 0, 0, "ssh.hassh.string", CLIENT_HASSH);
    talk_expect(t, 0, 1, "ssh.hassh.server.string", SERVER_HASSH);
    talk_expect(t, 0, 0, "ssh.hassh", CLIENT_MD5);
    talk_expect(t, 0, 1, "ssh.hassh.server", SERVER_MD5);
    const struct app_tx *tx = talk_tx(t, 0);
    assert_int_equal(tx->progress[0], SSH_FINISHED);
    assert_int_equal(tx->progress[1], SSH_FINISHED);
    assert_int_equal(tx->events, 0);
}

/* Each direction cut at each place, one behind the other and in turn. */
static void cut_test(void **state)
{
    (void)state;
    struct talk t;
    const struct bytes said[2] = {whole(CLIENT_BANNER), whole(SERVER_BANNER)};
    talk_begin(&t, NULL);
    for (uint32_t cut = 1; cut < said[0].n; cut++) {
        uint32_t cut1 = u32_min(cut, said[1].n - 1);
        talk_piece(&t, 0, said[0].p, cut, 0);
        talk_piece(&t, 1, said[1].p, cut1, 0);
        talk_piece(&t, 0, said[0].p + cut, said[0].n - cut, 0);
        talk_piece(&t, 1, said[1].p + cut1, said[1].n - cut1, 0);
        expect_all(&t);
        talk_flow_end(&t);
    }
    for (unsigned dir = 0; dir < 2; dir++) /* byte by byte, the other end first or last */
        for (unsigned k = 0; k < 2; k++) {
            unsigned d = dir ^ k;
            for (uint32_t i = 0; i < said[d].n; i++)
                talk_piece(&t, d, said[d].p + i, 1, 0);
            if (k)
                expect_all(&t);
            if (k)
                talk_flow_end(&t);
        }
    talk_end(&t);
}

/* What an end says, and what is made of it. */
static const struct {
    unsigned dir;
    const char *text, *event, *proto, *software;
    uint8_t progress;
    bool failed;
} banners[] = {
    {0, "SSH-2.0-x", NULL, NULL, NULL, SSH_STARTED, false},
    {0, "SSH-2.0-x\n", NULL, "2.0", "x", SSH_BANNER_DONE, false},
    {0, "SSH-2.0-x y z\r\n", NULL, "2.0", "x", SSH_BANNER_DONE, false},
    {0, "SSH-2.0-\r\n", "invalid_banner", "2.0", NULL, SSH_BANNER_DONE, false},
    {0, "SSH-2.0\r\n", "invalid_banner", NULL, NULL, SSH_FINISHED, true},
    {0, "SSH--x\r\n", "invalid_banner", NULL, NULL, SSH_FINISHED, true},
    {1, "SSH-1.5-old\nany\xff\xff", NULL, "1.5", "old", SSH_FINISHED, false},
    {1, "SSH-nothing\r\nSSH-2.0-x\r\n", NULL, "2.0", "x", SSH_BANNER_DONE, false},
    {0, "SSH-2.0-x\n\0\0\0\1", NULL, "2.0", "x", SSH_BANNER_DONE, false},
};
static void banner_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(banners); i++) {
        struct talk t;
        unsigned d = banners[i].dir;
        talk_begin(&t, NULL);
        talk_say(&t, d, banners[i].text);
        struct app_tx *tx = talk_tx(&t, 0);
        assert_non_null(tx);
        talk_expect(&t, 0, d, "ssh.proto", banners[i].proto);
        talk_expect(&t, 0, d, "ssh.software", banners[i].software);
        assert_int_equal(tx->progress[d], banners[i].progress);
        assert_int_equal(t.flow.app->failed[d], banners[i].failed);
        if (banners[i].event)
            assert_true(talk_event(&t, tx, banners[i].event));
        else
            assert_int_equal(tx->events, 0);
        talk_end(&t);
    }
}

/* 255 bytes are a banner, 256 are too many: the rest of the line is passed over, at every cut. */
static void long_banner_test(void **state)
{
    (void)state;
    char text[600];
    for (unsigned length = 254; length <= 258; length++)
        for (unsigned cut = 240; cut <= 300; cut++) {
            struct talk t;
            memset(text, 'a', sizeof text);
            memcpy(text, "SSH-2.0-", 8);
            text[length - 1] = '\n';
            talk_begin(&t, NULL);
            uint32_t first = u32_min(cut, length);
            talk_piece(&t, 0, text, first, 0);
            talk_piece(&t, 0, text + first, length - first, 0);
            struct app_tx *tx = talk_tx(&t, 0);
            assert_int_equal(tx->progress[0], SSH_BANNER_DONE);
            assert_int_equal(talk_event(&t, tx, "long_banner"), length > SSH_BANNER_MAX);
            talk_end(&t);
        }
    struct talk t;
    talk_begin(&t, NULL);
    memset(text, 'a', sizeof text);
    memcpy(text, "SSH-2.0-", 8);
    talk_piece(&t, 0, text, sizeof text, 0);
    assert_int_equal(talk_tx(&t, 0)->progress[0], SSH_BANNER_WAIT_EOL);
    talk_end(&t);
    talk_begin(&t, NULL); /* a server that never comes to its banner */
    talk_say(&t, 0, CLIENT_BANNER);
    for (unsigned i = 0; i < 70; i++)
        talk_say(&t, 1, "welcome\r\n");
    assert_true(talk_event(&t, talk_tx(&t, 0), "invalid_banner"));
    assert_true(t.flow.app->failed[1]);
    talk_end(&t);
}

/* Records that lie, behind a banner. */
static const struct {
    const char *bytes;
    uint32_t n;
    const char *event;
    bool failed;
} records[] = {
    {"\x00\x00\x00\x01\x00\x14", 6, "invalid_record", true},
    {"\x7f\xff\xff\xff\x04\x14", 6, "invalid_record", true},
    {"\x00\x00\x00\x06\x06\x14", 6, "invalid_record", true},       /* all padding */
    {"\x00\x00\x00\x06\x04\x14zzzz", 10, "invalid_record", false}, /* no lists: passed over */
    {"\x00\x01\xff\xff\x04\x14", 6, "long_kex_record", false},
    {"\x00\x00\x80\x00\x04\x15", 6, "invalid_record", true}, /* NEWKEYS has no such length */
    {"\x00\x00\x00\x06\x04\x02zzzz\x00", 11, NULL, false},
};
static void record_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct talk t;
        talk_begin(&t, NULL);
        talk_say(&t, 0, CLIENT_BANNER);
        talk_piece(&t, 0, records[i].bytes, records[i].n, 0);
        struct app_tx *tx = talk_tx(&t, 0);
        assert_int_equal(t.flow.app->failed[0], records[i].failed);
        if (records[i].event)
            assert_true(talk_event(&t, tx, records[i].event));
        else
            assert_int_equal(tx->events, 0);
        talk_expect(&t, 0, 0, "ssh.hassh", NULL);
        talk_end(&t);
    }
}

/* Each length of a list one too long: never beyond the record. */
static void kexinit_lies_test(void **state)
{
    (void)state;
    struct bytes good = {.n = 0};
    put_kexinit(&good);
    for (uint32_t at = 22; at < good.n; at++)
        for (unsigned how = 0; how < 2; how++) {
            uint8_t *copy = malloc(good.n);
            struct str list[4];
            uint32_t n = how ? at : good.n;
            memcpy(copy, good.p, good.n);
            copy[at % good.n] ^= 0x80;
            uint8_t *exact = malloc(n);
            memcpy(exact, copy, n);
            if (ssh_kexinit_read(str_of(exact, n), 0, list))
                for (unsigned i = 0; i < 4; i++)
                    assert_true(!list[i].n ||
                                (list[i].p >= exact && list[i].p + list[i].n <= exact + n));
            free(exact);
            free(copy);
        }
}

/* Holes: within a record that is passed over, and elsewhere. */
static void gap_test(void **state)
{
    (void)state;
    struct talk t;
    struct bytes b = {.n = 0}, body = {.n = 100};
    memset(body.p, 'k', body.n);
    put_record(&b, 30, &body);
    talk_begin(&t, NULL);
    talk_say(&t, 0, CLIENT_BANNER);
    talk_piece(&t, 0, b.p, 10, 0);
    talk_piece(&t, 0, NULL, b.n - 20, PIECE_GAP);
    talk_piece(&t, 0, b.p + b.n - 10, 10, 0);
    b.n = 0;
    put_kexinit(&b);
    talk_piece(&t, 0, b.p, b.n, 0);
    talk_expect(&t, 0, 0, "ssh.hassh.string", CLIENT_HASSH);
    talk_piece(&t, 0, NULL, 5, PIECE_GAP); /* where a record should begin */
    assert_true(t.flow.app->failed[0]);
    assert_int_equal(talk_tx(&t, 0)->progress[0], SSH_FINISHED);
    talk_end(&t);
}

/* What the settings do when both ends are encrypted, one packet later. */
static const struct {
    const char *setting;
    bool payload, bypass;
} handling[] = {{"track-only", false, false}, {"full", true, false}, {"bypass", false, true}};
static void encryption_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(handling); i++) {
        struct talk t;
        char text[80];
        (void)snprintf(text, sizeof text, "app-layer.protocols.ssh.encryption-handling=%s",
                       handling[i].setting);
        const char *const set[] = {text, NULL};
        struct bytes client = whole(CLIENT_BANNER), server = whole(SERVER_BANNER);
        talk_begin(&t, set);
        talk_piece(&t, 0, client.p, client.n, 0);
        talk_piece(&t, 1, server.p, server.n, 0);
        assert_false(t.flow.flags & (FLOW_NO_PAYLOAD_INSPECTION | FLOW_BYPASS));
        talk_say(&t, 0, "zzzz");
        assert_int_equal(!(t.flow.flags & FLOW_NO_PAYLOAD_INSPECTION), handling[i].payload);
        assert_int_equal(!!(t.flow.flags & FLOW_BYPASS), handling[i].bypass);
        talk_end(&t);
    }
}

static void log_is(struct talk *t, const char *want)
{
    struct app_log_ctx c = {
        .af = t->flow.app, .tx = talk_tx(t, 0), .flow = &t->flow, .scratch = &t->scratch};
    struct sbuf tape, text;
    struct fields f;
    struct json j;
    sbuf_init(&tape);
    sbuf_init(&text);
    fields_init(&f, &tape);
    json_init(&j, &text);
    assert_true(app_ssh_def.logs->write(&c, &f));
    json_open(&j, NULL);
    assert_true(fields_to_json(&j, tape.p, tape.n));
    json_close(&j);
    sbuf_byte(&text, 0);
    assert_string_equal((const char *)text.p, want);
    sbuf_done(&tape);
    sbuf_done(&text);
}
#define SIDE(version, software, more)                                                              \
    "{\"proto_version\":\"" version "\",\"software_version\":\"" software "\"" more "}"
#define HASSH(hash, string) ",\"hassh\":{\"hash\":\"" hash "\",\"string\":\"" string "\"}"
static void log_test(void **state)
{
    (void)state;
    static const char *const yes[] = {"app-layer.protocols.ssh.hassh=yes", NULL};
    static const char *const no[] = {"app-layer.protocols.ssh.hassh=no", NULL};
    static const char short_form[] = "{\"ssh\":{\"client\":" SIDE(
        "2.0", "OpenSSH_9.2p1", "") ",\"server\":" SIDE("1.99", "Cisco-1.25", "") "}}";
    static const char long_form[] = "{\"ssh\":{\"client\":" SIDE(
        "2.0", "OpenSSH_9.2p1",
        HASSH(CLIENT_MD5, CLIENT_HASSH)) ",\"server\":" SIDE("1.99", "Cisco-1.25",
                                                             HASSH(SERVER_MD5, SERVER_HASSH)) "}}";
    static const struct {
        const char *const *set;
        bool asked;
        const char *want;
    } t[] = {{NULL, false, short_form},
             {NULL, true, long_form},
             {yes, false, long_form},
             {no, true, short_form}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct talk k;
        struct bytes client = whole(CLIENT_BANNER), server = whole(SERVER_BANNER);
        talk_begin(&k, t[i].set);
        talk_piece(&k, 0, client.p, client.n, 0);
        talk_piece(&k, 1, server.p, server.n, 0);
        if (t[i].asked) {
            struct app_view v;
            (void)talk_get(&k, talk_tx(&k, 0), 0, "ssh.hassh", 0, false, &v);
        }
        log_is(&k, t[i].want);
        talk_end(&k);
    }
}

/* Values of ssh.protoversion as expressions. */
static void keyword_test(void **state)
{
    (void)state;
    static const struct {
        const char *value, *want;
    } t[] = {{"2.0", "\\A\\Q2.0\\E\\z"},
             {"2_compat", "\\A(?:2|2\\.0|1\\.99)\\z"},
             {"", NULL},
             {"2\\E.*", NULL},
             {"two", NULL}};
    const struct app_keyword *k = app_keyword_find(STR("ssh.protoversion"));
    struct arena a;
    arena_init(&a, 0, 0);
    assert_non_null(k);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct str out;
        assert_int_equal(k->expression(str_cstr(t[i].value), &a, &out), t[i].want != NULL);
        if (t[i].want)
            assert_true(str_eq(out, str_cstr(t[i].want)));
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_test),         cmocka_unit_test(banner_test),
        cmocka_unit_test(long_banner_test), cmocka_unit_test(record_test),
        cmocka_unit_test(gap_test),         cmocka_unit_test(kexinit_lies_test),
        cmocka_unit_test(encryption_test),  cmocka_unit_test(log_test),
        cmocka_unit_test(keyword_test),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
