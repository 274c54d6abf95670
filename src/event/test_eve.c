/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EVE lines: one golden line for each type of event, filters of outputs, bytes of any kind. */
#include "event/test_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *app_name(uint16_t id)
{
    return id == 1 ? "http" : NULL;
}

static const char *pcap_name(void *ctx, uint64_t i)
{
    (void)ctx;
    return i == 3 ? "third.pcap" : NULL;
}

static const struct logger_identity plain = {
    .sensor = "s1", .app_name = app_name, .pcap_name = pcap_name, .version = "riposte 0.1"};

/* One event through ring, logger and file; what eve.json holds then. */
static char *line_of(struct bench *b, const char *const *settings, const struct logger_identity *id)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    char *dir = test_dir();
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, dir, id, &d);
    assert_non_null(l);
    assert_int_equal(d.errors, 0);
    logger_drain(l, &b->reader, 1, false, 0);
    logger_flush(l);
    assert_int_equal(logger_counters(l)->broken, 0);
    assert_int_equal(logger_counters(l)->write_errors, 0);
    logger_free(l);
    conf_free(c);
    char *text = test_file(dir, "eve.json", NULL);
    test_dir_free(dir);
    arena_done(&a);
    return text;
}

#define EVE   "outputs.0.eve-log.enabled=yes"
#define TYPES "outputs.0.eve-log.types."
#define ALERT TYPES "0.alert."
static const char *const stock[] = {EVE,
                                    TYPES "0=alert",
                                    TYPES "1=http",
                                    TYPES "2=flow",
                                    TYPES "3=files",
                                    TYPES "4=drop",
                                    TYPES "5=stats",
                                    TYPES "6=anomaly",
                                    TYPES "7=netflow",
                                    TYPES "8=ftp",
                                    NULL};

static void golden(struct bench *b, const char *const *settings, const struct logger_identity *id,
                   const char *want)
{
    assert_true(event_end(b->e));
    char *text = line_of(b, settings, id);
    assert_non_null(text);
    size_t n = strlen(text);
    assert_true(n > 0 && text[n - 1] == '\n');
    text[n - 1] = 0;
    assert_string_equal(text, want);
    assert_true(test_json_good(text));
    free(text);
    bench_free(b);
}

#define HEAD "{\"timestamp\":\"2016-07-13T22:42:07.573103+0000\",\"flow_id\":77,"
#define ADDR                                                                                       \
    "\"src_ip\":\"10.0.0.1\",\"src_port\":1234,\"dest_ip\":\"192.168.1.2\",\"dest_port\":80,"      \
    "\"proto\":\"TCP\",\"ip_v\":4"

static void test_alert(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_ALERT);
    h->pkt_src = 0;
    h->dir = 0;
    h->app_proto = 1;
    h->tx_id = 4;
    h->flags |= EVENT_HAS_TX;
    bench_alert(&b, "ET \"x\"", "Bad");
    struct fields *f = event_fields(b.e);
    fields_open(f, "http");
    fields_cstr(f, "hostname", "a.b");
    fields_close(f);
    golden(&b, stock, &plain,
           HEAD
           "\"pcap_cnt\":5,\"event_type\":\"alert\"," ADDR
           ",\"pkt_src\":\"wire/pcap\",\"tx_id\":4,\"alert\":{\"action\":\"allowed\",\"gid\":1,"
           "\"signature_id\":2002152,\"rev\":2,\"signature\":\"ET \\\"x\\\"\",\"category\":\"Bad\","
           "\"severity\":3},\"app_proto\":\"http\",\"direction\":\"to_server\","
           "\"http\":{\"hostname\":\"a.b\"}}");
}

static void test_http(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_APP);
    h->vlan_n = 2;
    h->vlan[0] = 6;
    h->vlan[1] = 4095;
    h->flags |= EVENT_HAS_TX;
    event_section(b.e, SECTION_NAME, "http", 4);
    fields_open(event_fields(b.e), "http");
    fields_u64(event_fields(b.e), "status", 200);
    golden(&b, stock, &plain,
           HEAD "\"pcap_cnt\":5,\"event_type\":\"http\",\"vlan\":[6,4095]," ADDR
                ",\"tx_id\":0,\"http\":{\"status\":200}}");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert),
        cmocka_unit_test(test_http),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
