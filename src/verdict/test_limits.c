/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps responses few: what may be answered at all, damping, the table, rate limits; counters;
 * memory. */
#include "verdict/respond_test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
static unsigned calls, fail_at; /* 0: never */
static bool fails(void)
{
    return ++calls == fail_at;
}
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct response_config c = {.chase = true, .rate_per_s = 10};
    fail_at = 0;
    calls = 0;
    struct responder *r = responder_new(&c, NULL, NULL, NULL);
    assert_non_null(r);
    responder_free(r);
    unsigned n = calls;
    assert_true(n >= 4);
    for (unsigned k = 1; k <= n; k++) {
        calls = 0;
        fail_at = k;
        assert_null(responder_new(&c, NULL, NULL, NULL));
    }
    fail_at = 0;
    responder_free(NULL);
}

/* Answering, chasing, probing: nothing of it takes memory. */
static void packets_take_none(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    unsigned before = calls;
    uint64_t sends = w->n_sent;
    for (unsigned k = 0; k < 20; k++) {
        struct packet p = *w->p;
        p.frame = &w->sent[0].frame;
        p.ts_ns = w->now_ns += 30 * MSEC;
        p.tcp.seq += k * 10;
        responder_see(w->r, &p);
        responder_tick(w->r, w->now_ns);
    }
    assert_true(w->n_sent > sends + 10);
    assert_int_equal(calls, before);
    lab_free(w);
}

static bool own_is_2(void *ctx, uint8_t ver, const struct ip_addr *a)
{
    (void)ctx, (void)ver;
    return a->b[15] == 2;
}
static bool own_is_none(void *ctx, uint8_t ver, const struct ip_addr *a)
{
    (void)ctx, (void)ver, (void)a;
    return false;
}

static void own_networks(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.own = own_is_none});
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->n_sent, 0);
    assert_int_equal(w->status, STATUS_COULD_NOT);
    assert_string_equal(w->why, "no end is in response.networks");
    assert_int_equal(responder_counters(w->r)->not_own, 1);
    lab_free(w);
    for (unsigned k = 0; k < 2; k++) { /* either end */
        w = lab_new(&(struct response_config){.own = own_is_2});
        lab_open(w);
        w->response = RESP_RST_BOTH;
        if (k)
            lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        else
            lab_tcp(w, 's', "PA", 5001, 1001, 100, 0);
        assert_int_equal(w->n_sent, 2);
        lab_free(w);
    }
}

/* Resets, errors, multicast, signed segments. */
static void unanswerable(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    lab_open(w);
    static const char *const resets[] = {"R", "RA", "RPA"};
    for (size_t k = 0; k < ARRAY_LEN(resets); k++) {
        w->response = RESP_RST_BOTH | RESP_ICMP_ALL;
        lab_tcp(w, 'c', resets[k], 1001, 5001, k == 2 ? 10 : 0, 0);
        assert_int_equal(w->status, STATUS_COULD_NOT);
    }
    assert_int_equal(w->n_sent, 0);
    lab_free(w);

    static const struct {
        uint8_t ver, type;
        bool answered;
    } icmp[] = {{4, 8, true},    {4, 0, false}, {4, 3, false},  {4, 11, false},
                {4, 5, false},   {4, 13, true}, {4, 14, false}, {6, 128, true},
                {6, 129, false}, {6, 1, false}, {6, 135, false}};
    for (size_t k = 0; k < ARRAY_LEN(icmp); k++) {
        w = lab_new(NULL);
        w->ver = icmp[k].ver;
        uint8_t f[200], inside[60];
        struct build_ip h = lab_ip(w, true), in = lab_ip(w, false);
        size_t n = build_udp(inside, sizeof(inside), &in, 1, 2, "x", 1), l = lab_link(w, f, true);
        n = build_icmp_error(f + l, sizeof(f) - l, &h, icmp[k].type, 0, 0, inside, n);
        w->response = RESP_RST_BOTH | RESP_ICMP_ALL;
        lab_frame(w, f, l + n, 0);
        assert_int_equal(w->n_sent > 0, icmp[k].answered);
        lab_free(w);
    }

    static const struct {
        uint8_t a[4];
        const char *why;
    } not_ours[] = {{{224, 0, 0, 251}, "multicast is not answered"},
                    {{239, 1, 1, 1}, "multicast is not answered"},
                    {{255, 255, 255, 255}, "broadcast is not answered"},
                    {{240, 0, 0, 1}, "a reserved address (240.0.0.0/4) is not answered"},
                    {{0, 0, 0, 0}, "the unspecified address is not answered"},
                    {{127, 0, 0, 1}, "a loopback address is not answered"}};
    for (size_t k = 0; k < ARRAY_LEN(not_ours); k++)
        for (unsigned as = 0; as < 2; as++) {
            w = lab_new(NULL);
            uint8_t f[100];
            struct build_ip h = lab_ip(w, true);
            *(as ? &h.src : &h.dst) = ip_from_v4(not_ours[k].a);
            size_t l = lab_link(w, f, true), n = build_udp(f + l, sizeof(f) - l, &h, 1, 2, "x", 1);
            w->response = RESP_ICMP_ALL;
            lab_frame(w, f, l + n, 0);
            assert_int_equal(w->n_sent, 0);
            assert_string_equal(w->why, not_ours[k].why);
            assert_int_equal(responder_counters(w->r)->not_answerable, 1);
            lab_free(w);
        }
    for (unsigned land = 0; land < 2; land++) { /* from itself; from a group at the link */
        w = lab_new(NULL);
        uint8_t f[100];
        struct build_ip h = lab_ip(w, true);
        if (land)
            h.src = h.dst;
        size_t l = lab_link(w, f, true), n = build_udp(f + l, sizeof(f) - l, &h, 7, 7, "x", 1);
        f[6] |= !land;
        w->response = RESP_ICMP_ALL;
        lab_frame(w, f, l + n, 0);
        assert_int_equal(w->n_sent, 0);
        assert_string_equal(w->why, land ? "its source is its destination" : "its source MAC is a group's");
        assert_int_equal(responder_counters(w->r)->not_answerable, 1);
        lab_free(w);
    }
    w = lab_new(NULL); /* to a group at the link */
    uint8_t f[100];
    struct build_ip h = lab_ip(w, true);
    size_t l = lab_link(w, f, true), n = build_udp(f + l, sizeof(f) - l, &h, 1, 2, "x", 1);
    f[0] |= 1;
    w->response = RESP_ICMP_ALL;
    lab_frame(w, f, l + n, 0);
    assert_int_equal(w->n_sent, 0);
    assert_string_equal(w->why, "multicast is not answered");
    w->response = RESP_RST_BOTH; /* there is nothing to reset */
    lab_udp(w, 'c', 10);
    assert_int_equal(w->n_sent, 0);
    assert_string_equal(w->why, "resets are for TCP");
    assert_int_equal(responder_counters(w->r)->not_answerable, 2);
    lab_free(w);
}

static void signed_segments(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    lab_open(w);
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    struct packet p = *w->p;
    p.tcp.has_auth = true;
    struct decision d = {.response = RESP_RST_BOTH, .response_rule = RULE};
    const char *why = NULL;
    assert_int_equal(responder_answer(w->r, &d, &p, &why), STATUS_COULD_NOT);
    assert_string_equal(why, "its segments are signed (TCP-MD5, TCP-AO)");
    lab_free(w);
}

static void no_port(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    lab_open(w);
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    struct responder *r = responder_new(&w->config, NULL, lab_report, w);
    struct decision d = {.response = RESP_RST_BOTH, .response_rule = RULE};
    const char *why;
    struct packet p = *w->p;
    assert_int_equal(responder_answer(r, &d, &p, &why), STATUS_WOULD);
    assert_string_equal(why, "there is no response port");
    assert_int_equal(responder_counters(r)->no_port, 1);
    responder_tick(r, UINT64_MAX);
    assert_int_equal(w->n_reports, 0);
    responder_free(r);
    lab_free(w);
}

/* Both directions of a connection are one row; time ends the damping of datagrams; a new SYN is a
 * new connection. */
static void damping(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.table_ns = 5 * SEC});
    w->dp = 53;
    for (unsigned k = 0; k < 6; k++) {
        w->response = RESP_ICMP_PORT;
        lab_udp(w, k & 1 ? 's' : 'c', 30);
        assert_int_equal(w->n_sent, k ? 2 : 1); /* each end once */
        assert_int_equal(w->status, STATUS_WOULD);
    }
    assert_int_equal(responder_counters(w->r)->damped, 4);
    w->sp++; /* another client port: another exchange */
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 30);
    assert_int_equal(w->n_sent, 3);
    w->sp--;
    lab_wait(w, 5 * SEC);
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 30);
    assert_int_equal(w->n_sent, 4);
    lab_free(w);

    w = lab_new(NULL);
    lab_open(w);
    for (unsigned k = 0; k < 4; k++) {
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        assert_int_equal(w->n_sent, 2);
        w->now_ns += MSEC;
    }
    lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
    lab_tcp(w, 's', "R", 5001, 0, 0, 0);
    unsigned before = w->n_sent;
    lab_tcp(w, 'c', "S", 901000, 0, 0, 0);
    lab_tcp(w, 's', "SA", 905000, 901001, 0, 0);
    lab_tcp(w, 'c', "A", 901001, 905001, 0, 0);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 901001, 905001, 100, 0);
    assert_int_equal(w->n_sent, before + 2);
    is_reset(w, before, 'c', 905001);
    is_reset(w, before + 1, 's', 901101);
    lab_free(w);
}

static unsigned resets_to(const struct lab *w, unsigned from, char who)
{
    unsigned n = 0;
    for (unsigned k = from; k < w->n_sent; k++)
        n += (w->sent[k].p.flags & PKT_TCP) && w->sent[k].p.dp == (who == 'c' ? w->sp : w->dp);
    return n;
}

static void is_counted(struct lab *w, uint32_t rule, unsigned answered, unsigned damped, unsigned lived)
{
    struct response_counters c;
    assert_true(responder_rule_counters(w->r, rule, &c));
    assert_int_equal(c.answered, answered);
    assert_int_equal(c.damped, damped);
    assert_int_equal(c.lived, lived);
}

/* A weak answer does not stand before a strong one, in one packet or later; a spent kind does. */
static void what_is_new_goes_out(void **state)
{
    (void)state;
    static const struct {
        uint8_t first, then;
        char who; /* sends the second match */
        uint64_t wait;
        unsigned to_client, to_server; /* resets for the second */
    } cases[] = {
        {RESP_ICMP_HOST, RESP_RST_BOTH, 'c', 0, 1, 1},
        {RESP_ICMP_HOST, RESP_RST_BOTH, 'c', 3 * SEC, 1, 1},
        {RESP_ICMP_HOST, RESP_RST_BOTH | RESP_ICMP_PORT, 'c', 8 * SEC, 1, 1},
        {RESP_RST_SRC, RESP_RST_BOTH, 'c', 0, 0, 1},
        {RESP_RST_SRC, RESP_RST_DST, 'c', 0, 0, 1},
        {RESP_RST_DST, RESP_RST_SRC, 'c', 0, 1, 0},
        {RESP_RST_SRC, RESP_RST_DST, 's', 0, 0, 0}, /* the client again */
        {RESP_RST_SRC, RESP_RST_SRC, 's', 0, 0, 1},
        {RESP_RST_BOTH, RESP_RST_BOTH, 'c', 0, 0, 0},
        {RESP_RST_BOTH, RESP_RST_SRC, 's', 3 * SEC, 0, 0},
        {RESP_RST_SRC, RESP_RST_BOTH, 'c', 3 * SEC, 0, 1},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct lab *w = lab_new(&(struct response_config){.attempts = 1});
        lab_open(w);
        w->rule = 1;
        w->response = cases[k].first;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        unsigned before = w->n_sent;
        assert_true(before > 0);
        lab_wait(w, cases[k].wait);
        before = w->n_sent; /* probes */
        w->rule = 2;
        w->response = cases[k].then;
        if (cases[k].who == 'c')
            lab_tcp(w, 'c', "PA", 1101, 5001, 50, 0);
        else
            lab_tcp(w, 's', "PA", 5001, 1001, 50, 0);
        if (cases[k].to_client + cases[k].to_server) /* else what became of the first */
            assert_int_equal(w->status, STATUS_WOULD);
        assert_int_equal(resets_to(w, before, 'c'), cases[k].to_client);
        assert_int_equal(resets_to(w, before, 's'), cases[k].to_server);
        bool any = cases[k].to_client + cases[k].to_server;
        is_counted(w, 2, any, !any, 0);
        /* and now it has had all */
        before = w->n_sent;
        w->rule = 3;
        w->response = cases[k].then;
        if (cases[k].who == 'c')
            lab_tcp(w, 'c', "PA", 1151, 5001, 10, 0);
        else
            lab_tcp(w, 's', "PA", 5051, 1001, 10, 0);
        assert_int_equal(w->n_sent, before);
        is_counted(w, 3, 0, 1, 0);
        lab_free(w);
    }
}

/* Each rule of a packet has its own status, counters and report. */
static void rules_of_one_packet(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.attempts = 1}) /* no chase */;
    lab_open(w);
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    struct packet p = *w->p;
    struct frame frame = {.link = LINK_ETHERNET, .ts_ns = p.ts_ns, .data = p.l2};
    p.frame = &frame;
    static struct decision d;
    d = (struct decision){.response = RESP_ICMP_HOST | RESP_RST_BOTH, .response_rule = 1, .n_answers = 3, .n_alerts = 3};
    d.answer[0] = (struct answer){.rule = 1, .response = RESP_ICMP_HOST};
    d.answer[1] = (struct answer){.rule = 2, .response = RESP_RST_SRC};
    d.answer[2] = (struct answer){.rule = 3, .response = RESP_RST_DST};
    for (unsigned k = 0; k < 3; k++)
        d.alert[k] = (struct alert){.rule = k + 1, .status = STATUS_WOULD};
    responder_answer_all(w->r, &d, &p);
    assert_int_equal(w->n_sent, 3);
    assert_int_equal(w->sent[0].p.flags & PKT_TCP, PKT_TCP); /* resets first */
    assert_int_equal(w->sent[1].p.flags & PKT_TCP, PKT_TCP);
    assert_true(w->sent[2].p.flags & PKT_ICMP);
    assert_non_null(strstr(d.answer[0].why, "ICMP errors"));
    assert_null(d.answer[1].why);
    assert_null(d.answer[2].why);
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(d.alert[k].status, STATUS_WOULD);
        is_counted(w, k + 1, 1, 0, 0);
    }
    lab_tcp(w, 's', "PA", 5001, 1101, 10, 0);
    lab_tcp(w, 'c', "A", 1101, 5011, 0, 0); /* it goes on */
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 3);
    assert_int_equal(responder_counters(w->r)->lived, 1);
    unsigned sum = 0;
    for (unsigned k = 0; k < 3; k++) {
        is_counted(w, k + 1, 1, 0, 1);
        assert_int_equal(w->report[k].effect, EFFECT_LIVED);
        sum += w->report[k].attempts;
    }
    assert_int_equal(sum, w->n_sent);
    lab_free(w);
}

/* A row that is answered again goes to the end of the list; those around it stay in it. */
static void answered_again_in_the_middle(void **state)
{
    (void)state;
    for (unsigned again = 0; again < 3; again++) {
        struct lab *w = lab_new(&(struct response_config){.table_rows = 16});
        w->dp = 53;
        for (unsigned k = 0; k < 3; k++) {
            w->sp = (uint16_t)(1000 + k);
            w->response = RESP_ICMP_PORT;
            lab_udp(w, 'c', 30);
        }
        w->sp = (uint16_t)(1000 + again);
        w->response = RESP_ICMP_NET; /* something that it has not had */
        lab_udp(w, 'c', 30);
        assert_int_equal(w->n_sent, 4);
        lab_wait(w, 2 * SEC);
        assert_int_equal(w->n_reports, 3);
        unsigned seen = 0;
        for (unsigned k = 0; k < 3; k++)
            seen |= 1u << (w->report[k].sp - 1000);
        assert_int_equal(seen, 7);
        lab_free(w);
    }
}

/* The table has so many rows and no more: the oldest goes, is reported, and is forgotten. */
static void recycling(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.table_rows = 16});
    w->dp = 53;
    for (unsigned k = 0; k < 40; k++) {
        w->sp = (uint16_t)(1000 + k);
        w->response = RESP_ICMP_PORT;
        lab_udp(w, 'c', 30);
        assert_int_equal(w->n_sent, k + 1);
        assert_int_equal(w->n_reports, k < 16 ? 0 : k - 15);
    }
    assert_int_equal(w->report[0].sp, 1000);
    assert_int_equal(w->report[23].sp, 1023);
    assert_int_equal(w->report[0].effect, EFFECT_UNKNOWN);
    assert_int_equal(responder_counters(w->r)->recycled, 24);
    w->sp = 1039;
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 30);
    assert_int_equal(w->n_sent, 40);
    w->sp = 1000;
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 30);
    assert_int_equal(w->n_sent, 41);
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 41);
    lab_free(w);
    /* memory bounds the rows, too */
    struct response_config c = {.table_rows = 1000000,
                                .table_bytes = 100 * sizeof(struct answered)};
    struct responder *r = responder_new(&c, NULL, NULL, NULL);
    assert_int_equal(r->rows, 100);
    responder_free(r);
}

/* What anyone can forge pushes out what anyone can forge, not the connection that is being watched. */
static void forgeries_and_a_connection(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.chase = true, .table_rows = 16});
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    unsigned before = w->n_sent;
    assert_true(before >= 2);
    uint16_t sp = w->sp;
    w->dp = 53;
    for (unsigned k = 0; k < 200; k++) {
        w->sp = (uint16_t)(1000 + k);
        w->response = RESP_ICMP_PORT;
        lab_udp(w, 'c', 30);
    }
    assert_int_equal(w->n_sent, before + 200);
    for (unsigned k = 0; k < w->n_reports; k++)
        assert_int_equal(w->report[k].dp, 53);
    /* It is still known: asked for again, it is damped. */
    w->sp = sp;
    w->dp = 80;
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1101, 5001, 10, 0);
    assert_int_equal(responder_counters(w->r)->damped, 1);
    lab_free(w);
}

/* In no second more than the limit, whatever the pattern; half of it for what can be forged. */
static void total_rate(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.rate_per_s = 100, .table_rows = 64});
    w->dp = 53;
    uint64_t sent_at[SENT_MOST];
    unsigned n = 0, seed = 12345;
    for (unsigned k = 0; k < 30000; k++) {
        w->sp = (uint16_t)(1 + k);
        w->now_ns += seed % 7 ? 0 : seed % 40 * MSEC;
        seed = seed * 1103515245 + 12345;
        w->response = RESP_ICMP_PORT;
        lab_udp(w, 'c', 30);
        w->n_reports = 0;
        for (; n < w->n_sent; n++)
            sent_at[n] = w->now_ns;
        if (w->status == STATUS_COULD_NOT)
            assert_string_equal(w->why, "the rate limit of responses is met");
        if (w->n_sent > SENT_MOST - 10)
            break;
    }
    assert_true(n > 500);
    unsigned most = 0;
    for (unsigned i = 0, j = 0; i < n; i++) {
        while (j < n && sent_at[j] < sent_at[i] + SEC)
            j++;
        most = j - i > most ? j - i : most;
    }
    assert_int_equal(most, 50);
    assert_int_equal(responder_counters(w->r)->rate_limited + n,
                     responder_counters(w->r)->requested);
    /* A connection that was seen from both sides has the other half. */
    w->dp = 80;
    w->sp = 40000;
    unsigned before = w->n_sent;
    for (unsigned k = 0; k < 200; k++) {
        w->sp = (uint16_t)(20000 + k);
        w->response = RESP_ICMP_PORT;
        w->dp = 53;
        lab_udp(w, 'c', 30);
    }
    before = w->n_sent;
    w->dp = 80;
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->n_sent, before + 2);
    lab_free(w);
}

/* A victim of forgeries gets so many, others theirs. */
static void rate_by_target(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.rate_per_target_s = 10});
    w->dp = 53;
    for (unsigned k = 0; k < 500; k++) {
        w->sp = (uint16_t)(1000 + k);
        w->response = RESP_ICMP_PORT;
        lab_udp(w, k % 50 ? 'c' : 's', 30);
    }
    unsigned to_client = 0, to_server = 0;
    for (unsigned k = 0; k < w->n_sent; k++)
        if (ip_eq(&w->sent[k].p.dst,
                  &(struct ip_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}}))
            to_client++;
        else
            to_server++;
    assert_int_equal(to_client, 10);
    assert_int_equal(to_server, 10);
    /* Connections are not forgeries: a server under attack has all of them reset. */
    w->dp = 80;
    for (unsigned k = 0; k < 50; k++) {
        unsigned before = w->n_sent;
        w->sp = (uint16_t)(30000 + k);
        lab_open(w);
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        assert_int_equal(w->n_sent, before + 2);
    }
    lab_free(w);
}

/* The workers' parts make the whole. */
static void divided(void **state)
{
    (void)state;
    static const struct {
        uint32_t limit;
        unsigned workers;
    } cases[] = {{100, 1}, {100, 3}, {7, 4}, {2, 8}, {1000, 64}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t sum = 0, targets = 0;
        for (unsigned k = 0; k < cases[i].workers; k++) {
            struct response_config c = {.rate_per_s = cases[i].limit,
                                        .rate_per_target_s = cases[i].limit,
                                        .worker = k,
                                        .n_workers = cases[i].workers};
            struct responder *r = responder_new(&c, NULL, NULL, NULL);
            sum += r->total_per_s;
            targets += r->target_per_s;
            responder_free(r);
        }
        assert_int_equal(sum, cases[i].limit);
        assert_int_equal(targets, cases[i].limit);
    }
}

static void counters_by_rule(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->dp = 53;
    struct response_counters c;
    uint32_t rule;
    assert_false(responder_rule_counters(w->r, 5, &c));
    assert_false(responder_rule_at(w->r, 0, &rule, &c));
    for (unsigned k = 0; k < 600; k++) { /* more than there are rows */
        w->sp = (uint16_t)(1000 + k);
        w->rule = k % 300;
        w->response = RESP_ICMP_PORT;
        lab_udp(w, 'c', 30);
    }
    uint64_t sum = 0;
    unsigned n = 0;
    for (; responder_rule_at(w->r, n, &rule, &c); n++)
        sum += c.requested;
    assert_int_equal(sum, 600);
    assert_int_equal(n, RULE_ROWS + 1);
    assert_true(responder_rule_counters(w->r, 5, &c));
    assert_int_equal(c.requested, 2);
    lab_free(w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(packets_take_none),
        cmocka_unit_test(own_networks),
        cmocka_unit_test(unanswerable),
        cmocka_unit_test(signed_segments),
        cmocka_unit_test(no_port),
        cmocka_unit_test(damping),
        cmocka_unit_test(what_is_new_goes_out),
        cmocka_unit_test(rules_of_one_packet),
        cmocka_unit_test(answered_again_in_the_middle),
        cmocka_unit_test(recycling),
        cmocka_unit_test(forgeries_and_a_connection),
        cmocka_unit_test(total_rate),
        cmocka_unit_test(rate_by_target),
        cmocka_unit_test(divided),
        cmocka_unit_test(counters_by_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
