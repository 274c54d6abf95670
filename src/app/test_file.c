/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and bodies: windows, limits, digests, gaps, states, EVE's fileinfo. */
#include "app/test_util.h"

#include "app/core.h"

struct fixture {
    struct talk t;
    struct app_flow *af;
    struct app_tx *tx;
};
static void begin(struct fixture *f, const char *const *set)
{
    talk_begin(&f->t, set);
    app_engine_want_hash(f->t.engine, true, true, true);
    talk_say(&f->t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    f->af = f->t.flow.app;
    f->tx = f->af->first;
}
static struct app_get get_of(struct fixture *f, bool on_ack)
{
    return (struct app_get){
        .af = f->af, .tx = f->tx, .dir = 0, .scratch = &f->t.scratch, .on_ack = on_ack};
}

static void body_window(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_body b = {.limit = UINT32_MAX};
    uint8_t part[100];
    for (unsigned i = 0; i < 200; i++) {
        memset(part, (int)i, sizeof part);
        app_body_slide(f.af, &b, 50);
        assert_true(app_body_add(f.af, &b, part, sizeof part));
        assert_int_equal(b.offset + b.n, b.total);
        assert_true(b.n <= 300); /* what was seen is forgotten but for the window */
        for (uint32_t k = 0; k < b.n; k++)
            assert_int_equal(b.data[k], (b.offset + k) / 100);
        b.inspected = b.offset + b.n;
    }
    assert_int_equal(b.total, 20000);
    app_body_free(f.af, &b);
    talk_end(&f.t);
}
/* The type is told once, of the first bytes: when 512 are there, at the end, or at a gap. */
static void types(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t pad, gap; /* zeros behind it; where bytes are missing, 0: nowhere */
        const char *type;  /* begins so */
        bool early;        /* before the end */
    } t[] = {
        {"%PDF-1.4\n", 0, 0, "PDF document", false},
        {"%PDF-1.4\n", 600, 0, "PDF document", true},
        {"%PDF-1.4\n", 10, 1, "PDF document", true},
        {"MZ\x90", 600, 0, "MS-DOS executable", true},
        {"hello, world\n", 0, 0, "ASCII text", false},
        {"\x1f\x8b\x08", 9000, 0, "gzip compressed data", true},
    };
    for (unsigned k = 0; k < ARRAY_LEN(t); k++)
        for (unsigned cut = 1; cut <= strlen(t[k].bytes); cut++) {
            struct fixture f;
            begin(&f, NULL);
            if (app_engine_want_magic(f.t.engine)) { /* no database here */
                talk_end(&f.t);
                skip();
            }
            struct app_get q = get_of(&f, false);
            struct app_view v;
            struct app_file *x = app_file_open(f.af, f.tx, 0, STR("x"));
            assert_non_null(x);
            uint32_t n = (uint32_t)strlen(t[k].bytes);
            assert_false(app_file_get_magic(&q, 0, &v));
            app_file_data(f.af, x, (const uint8_t *)t[k].bytes, cut);
            assert_false(app_file_get_magic(&q, 0, &v));
            app_file_data(f.af, x, (const uint8_t *)t[k].bytes + cut, n - cut);
            uint8_t *zero = calloc(1, t[k].pad + 1);
            app_file_data(f.af, x, zero, t[k].pad);
            if (t[k].gap)
                app_file_gap(f.af, x, t[k].gap);
            assert_int_equal(app_file_get_magic(&q, 0, &v), t[k].early);
            app_file_close(f.af, x, FILE_CLOSED);
            assert_true(app_file_get_magic(&q, 0, &v));
            assert_true(v.n >= strlen(t[k].type));
            assert_memory_equal(v.data, t[k].type, strlen(t[k].type));
            assert_null(x->head);
            free(zero);
            talk_end(&f.t);
        }
}
/* Nobody asks: nothing is kept, nothing told; nor of a file that had begun before. */
static void types_unasked(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_get q = get_of(&f, false);
    struct app_view v;
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("x"));
    assert_non_null(x);
    app_file_data(f.af, x, (const uint8_t *)"%PDF-", 5);
    assert_null(x->head);
    assert_false(app_file_get_magic(&q, 0, &v));
    if (!app_engine_want_magic(f.t.engine))
        app_file_data(f.af, x, (const uint8_t *)"%PDF-", 5);
    app_file_close(f.af, x, FILE_CLOSED);
    assert_true(app_file_get_magic(&q, 0, &v));
    assert_int_equal(v.n, 0);
    talk_end(&f.t);
}
/* Digests and sizes are asked for by number of those that are there: a file that is open or broken off is left out. */
static void digests_and_sizes(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    static const char *const text[] = {"abc", "cut", "a"};
    struct app_get q = get_of(&f, false);
    struct app_view v;
    uint64_t n;
    struct app_file *file[3];
    for (unsigned k = 0; k < 3; k++) {
        file[k] = app_file_open(f.af, f.tx, 0, STR("x"));
        assert_non_null(file[k]);
        app_file_data(f.af, file[k], (const uint8_t *)text[k], (uint32_t)strlen(text[k]));
        assert_false(app_file_get_md5(&q, k ? 1 : 0, &v));
        assert_false(app_file_get_size(&q, k, &n));
        app_file_close(f.af, file[k], k == 1 ? FILE_TRUNCATED : FILE_CLOSED);
        assert_true(app_file_get_size(&q, k, &n));
        assert_int_equal(n, strlen(text[k]));
    }
    static const struct {
        enum digest_kind kind;
        bool (*get)(const struct app_get *q, unsigned index, struct app_view *out);
    } t[] = {{DIGEST_MD5, app_file_get_md5}, {DIGEST_SHA1, app_file_get_sha1}};
    for (unsigned k = 0; k < ARRAY_LEN(t); k++)
        for (unsigned i = 0; i < 2; i++) {
            uint8_t want[DIGEST_MAX];
            const char *of = text[i ? 2 : 0];
            size_t bytes = digest_of(t[k].kind, of, strlen(of), want);
            assert_true(t[k].get(&q, i, &v));
            assert_int_equal(v.n, bytes);
            assert_memory_equal(v.data, want, bytes);
            assert_false(t[k].get(&q, 2, &v));
        }
    assert_true(app_file_get_sha256(&q, 2, &v)); /* also of what was cut, as events tell it */
    assert_false(app_file_get_sha256(&q, 3, &v));
    talk_end(&f.t);
}
static void body_limit(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_body b = {.limit = 150};
    uint8_t part[100] = {0};
    assert_true(app_body_add(f.af, &b, part, 100));
    assert_false(b.limited);
    assert_true(app_body_add(f.af, &b, part, 100));
    assert_true(b.limited);
    assert_int_equal(b.n, 150);
    assert_int_equal(b.total, 200);
    assert_true(app_body_add(f.af, &b, part, 100));
    assert_int_equal(b.n, 150);
    assert_int_equal(b.total, 300);
    app_body_free(f.af, &b);
    struct app_body none = {.limit = 0};
    assert_true(app_body_add(f.af, &none, part, 100));
    assert_null(none.data);
    assert_int_equal(none.total, 100);
    talk_end(&f.t);
}
static void body_memcap(void **state)
{
    (void)state;
    static const char *const set[] = {"app-layer.memcap=65536", NULL};
    struct fixture f;
    begin(&f, set);
    struct app_body b = {.limit = UINT32_MAX};
    uint8_t part[10000] = {0};
    bool refused = false;
    for (unsigned i = 0; i < 20; i++)
        refused |= !app_body_add(f.af, &b, part, sizeof part);
    assert_true(refused);
    assert_true(b.limited);
    assert_int_equal(b.total, 200000); /* counted all the same */
    assert_true(app_counters(f.t.engine)->memuse_bytes <= 65536);
    app_body_free(f.af, &b);
    talk_end(&f.t);
}

static void digests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("eicar.txt"));
    static const char text[] =
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    for (size_t i = 0; i < sizeof text - 1; i++)
        app_file_data(f.af, x, (const uint8_t *)text + i, 1);
    assert_int_equal(x->state, FILE_OPEN);
    app_file_close(f.af, x, FILE_CLOSED);
    static const uint8_t md5[] = {0x44, 0xd8, 0x86, 0x12, 0xfe, 0xa8, 0xa8, 0xf3,
                                  0x6d, 0xe8, 0x2e, 0x12, 0x78, 0xab, 0xb0, 0x2f};
    assert_true(x->has_md5 && x->has_sha1 && x->has_sha256);
    assert_memory_equal(x->md5_value, md5, sizeof md5);
    assert_int_equal(x->sha256_value[0], 0x27);
    assert_int_equal(x->sha1_value[0], 0x33);
    app_file_close(f.af, x, FILE_TRUNCATED); /* closed is closed */
    app_file_data(f.af, x, (const uint8_t *)text, 3);
    assert_int_equal(x->state, FILE_CLOSED);
    assert_int_equal(x->size, sizeof text - 1);
    talk_end(&f.t);
}
static void gaps_take_digests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("x"));
    struct app_get q = get_of(&f, false);
    struct app_view v;
    app_file_data(f.af, x, (const uint8_t *)"abc", 3);
    assert_true(app_file_get_data(&q, 0, &v));
    app_file_gap(f.af, x, 10);
    app_file_data(f.af, x, (const uint8_t *)"def", 3);
    assert_true(app_file_get_data(&q, 0, &v));
    assert_int_equal(v.offset, 13);
    assert_int_equal(v.n, 3);
    assert_memory_equal(v.data, "def", 3);
    app_file_close(f.af, x, FILE_CLOSED);
    assert_int_equal(x->state, FILE_TRUNCATED);
    assert_true(x->gaps && !x->has_md5 && !x->has_sha1 && x->has_sha256);
    assert_int_equal(x->size, 16);
    talk_end(&f.t);
}
/* What rules have not seen yet is not lost for a hole behind it. */
static void holes_behind_what_waits(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_body b = {.limit = 100};
    assert_true(app_body_add(f.af, &b, (const uint8_t *)"abc", 3));
    app_body_hole(&b, 10);
    assert_true(app_body_add(f.af, &b, (const uint8_t *)"def", 3));
    assert_int_equal(b.n, 6);
    assert_memory_equal(b.data, "abcdef", 6);
    assert_int_equal(b.total, 16);
    b.inspected = b.offset + b.n;
    app_body_hole(&b, 4);
    assert_true(app_body_add(f.af, &b, (const uint8_t *)"ghi", 3));
    assert_int_equal(b.offset, 20);
    assert_int_equal(b.n, 3);
    app_body_hole(&b, 80);
    assert_true(app_body_add(f.af, &b, (const uint8_t *)"x", 1));
    assert_true(b.limited);
    assert_int_equal(b.n, 3);
    app_body_free(f.af, &b);
    talk_end(&f.t);
}
static void several_files(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_get q = get_of(&f, false);
    struct app_view v;
    assert_false(app_file_get_data(&q, 0, &v));
    assert_false(app_file_get_name(&q, 0, &v));
    for (unsigned i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), 0};
        struct app_file *x = app_file_open(f.af, f.tx, 0, str_cstr(name));
        assert_int_equal(x->id, i + 1);
        app_file_data(f.af, x, (const uint8_t *)name, 1);
        app_file_close(f.af, x, FILE_CLOSED);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(app_file_get_name(&q, i, &v));
        assert_int_equal(v.data[0], 'a' + i);
        assert_true(app_file_get_data(&q, i, &v));
        assert_int_equal(v.data[0], 'a' + i);
        assert_true(v.last);
    }
    assert_false(app_file_get_name(&q, 3, &v));
    q.dir = 1;
    assert_false(app_file_get_name(&q, 0, &v));
    talk_end(&f.t);
}
static void small_files_wait_on_ack(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_get at_once = get_of(&f, false), on_ack = get_of(&f, true);
    struct app_view v;
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("x"));
    app_file_data(f.af, x, (const uint8_t *)"abc", 3);
    assert_true(app_file_get_data(&at_once, 0, &v));
    assert_true(v.growing);
    assert_false(app_file_get_data(&on_ack, 0, &v));
    app_file_close(f.af, x, FILE_CLOSED);
    assert_true(app_file_get_data(&on_ack, 0, &v));
    assert_true(v.last && !v.growing);
    talk_end(&f.t);
}
static void unfinished_files_are_truncated(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    struct app_file *x = app_file_open(f.af, f.tx, 1, STR("x"));
    app_file_data(f.af, x, (const uint8_t *)"abc", 3);
    app_finish(&f.t.flow);
    assert_int_equal(x->state, FILE_TRUNCATED);
    assert_string_equal(app_file_state_name(x->state), "TRUNCATED");
    assert_string_equal(app_file_state_name(99), "UNKNOWN");
    talk_end(&f.t);
}
static void fileinfo(void **state)
{
    (void)state;
    struct fixture f;
    struct sbuf tape, text;
    struct fields out;
    struct json j;
    begin(&f, NULL);
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("n\"ame"));
    app_file_data(f.af, x, (const uint8_t *)"abc", 3);
    x->has_range = true;
    x->start = 5;
    x->end = 7;
    app_file_close(f.af, x, FILE_TRUNCATED);
    sbuf_init(&tape);
    sbuf_init(&text);
    fields_init(&out, &tape);
    app_file_fields(x, &out);
    json_init(&j, &text);
    json_open(&j, NULL);
    assert_true(fields_to_json(&j, tape.p, tape.n));
    json_close(&j);
    assert_string_equal(
        sbuf_z(&text),
        "{\"fileinfo\":{\"filename\":\"n\\\"ame\",\"start\":5,\"end\":7,\"gaps\":false,"
        "\"state\":\"TRUNCATED\","
        "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
        "\"stored\":false,\"size\":3,\"tx_id\":0}}");
    sbuf_done(&tape);
    sbuf_done(&text);
    talk_end(&f.t);
}

/* Bytes wait until a rule wants the file (up to a limit), then go on as they come, each once and in order. */
static void files_wait_for_a_rule(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20, STEP = 7000 };
    static uint8_t part[STEP];
    for (unsigned wanted_at = 0; wanted_at < 40; wanted_at += 13) {
        struct fixture f;
        begin(&f, NULL);
        app_engine_want_store(f.t.engine, true);
        struct app_file *x = app_file_open(f.af, f.tx, 0, STR("n"));
        assert_non_null(x);
        uint64_t seen = 0;
        for (unsigned k = 0; k < 60; k++) {
            for (unsigned i = 0; i < STEP; i++)
                part[i] = (uint8_t)((k * STEP + i) * 2654435761u >> 24);
            if (k == wanted_at) {
                assert_false(x->want_store);
                app_files_want(f.af, f.tx, 0, false, 7);
                assert_true(x->want_store);
            }
            app_file_data(f.af, x, part, STEP);
            struct str s;
            while (x->want_store && (s = str_first(app_file_unsent(x), 1000)).n) {
                for (uint32_t i = 0; i < s.n; i++)
                    assert_int_equal(s.p[i], (uint8_t)((seen + i) * 2654435761u >> 24));
                seen += s.n;
                app_file_sent(f.af, x, s.n);
            }
        }
        app_file_close(f.af, x, FILE_CLOSED);
        assert_int_equal(seen, 60 * STEP);
        assert_int_equal(x->sent, seen);
        assert_false(x->lost);
        assert_int_equal(f.t.engine->file.stored, 0);
        assert_int_equal(x->sids[0], 7);
        talk_end(&f.t);
    }
    struct fixture f; /* more than waits: it can't be kept any more */
    begin(&f, NULL);
    app_engine_want_store(f.t.engine, true);
    struct app_file *x = app_file_open(f.af, f.tx, 0, STR("n"));
    for (unsigned n = 0; n <= LIMIT; n += STEP)
        app_file_data(f.af, x, part, STEP);
    assert_true(x->lost);
    assert_int_equal(f.t.engine->file.stored, 0);
    app_files_want(f.af, f.tx, 0, true, 7);
    assert_int_equal(app_file_unsent(x).n, 0);
    struct app_file *later = app_file_open(f.af, f.tx, 0, STR("n"));
    assert_true(later->want_store); /* of the same transaction */
    app_file_data(f.af, later, part, STEP);
    assert_int_equal(f.t.engine->file.stored, STEP);
    assert_false(app_file_open(f.af, f.tx, 1, STR("n"))->want_store);
    talk_end(&f.t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(types_unasked),
        cmocka_unit_test(digests_and_sizes),
        cmocka_unit_test(body_window),
        cmocka_unit_test(body_limit),
        cmocka_unit_test(body_memcap),
        cmocka_unit_test(digests),
        cmocka_unit_test(files_wait_for_a_rule),
        cmocka_unit_test(gaps_take_digests),
        cmocka_unit_test(holes_behind_what_waits),
        cmocka_unit_test(several_files),
        cmocka_unit_test(small_files_wait_on_ack),
        cmocka_unit_test(unfinished_files_are_truncated),
        cmocka_unit_test(fileinfo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
