/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config NAME: what has a setting here becomes that setting; the rest is named in a warning. */
#include "config/snort.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int do_checksum_mode(struct snort *s, struct str args)
{
    static const char *const words[] = {"none", "all", "noip", "notcp", "noudp", "noicmp"};
    char text[64];
    for (struct str left = args; left.n;) {
        struct str w = str_trim(str_split(left, ' ', &left));
        bool known = !w.n;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            known |= str_eq(w, str_cstr(words[i]));
        if (!known) {
            snort_warn(s, "config checksum_mode: %.*s is not known: all checksums are tested", (int)u32_min(w.n, 60), (const char *)w.p);
            args = STR("all");
            break;
        }
    }
    snprintf(text, sizeof(text), "%.*s", (int)u32_min(args.n, sizeof(text) - 1), (const char *)args.p);
    int rc = snort_set_z(s, "detect.checksum-mode", text);
    return rc ? rc : snort_set_z(s, "stream.checksum-validation", str_eq(args, STR("none")) ? "no" : "yes");
}

/* Snort takes 5..20 and falls back to 4. */
static int attempts(struct snort *s, const char *what, struct str args)
{
    uint64_t n;
    bool ok = str_u64(args, &n) && n >= 1 && n <= 20;
    if (!ok)
        snort_warn(s, "config %s %.*s: not from 1 to 20: 4 is taken", what,
                   (int)u32_min(args.n, 60), (const char *)args.p);
    return ok ? snort_set(s, "response.attempts", args) : snort_set_z(s, "response.attempts", "4");
}

static int do_flexresp_attempts(struct snort *s, struct str args)
{
    return attempts(s, "flexresp2_attempts:", args);
}

static int set_checked(struct snort *s, const char *what, const char *path, struct str value)
{
    char text[128];
    const struct setting *row = setting_find(path);
    const char *why = value.n ? "too long" : "a value is missing";
    if (value.n && value.n < sizeof(text)) {
        memcpy(text, value.p, value.n);
        text[value.n] = 0;
        if (!(why = value_wrong(row, text)))
            return snort_set(s, path, value);
    }
    snort_warn(s, "config %s: \"%.*s\": %s: left out, %s stays as it is", what,
               (int)u32_min(value.n, 60), (const char *)value.p, why, path);
    return 0;
}

/* response: [attempts N,] [device D [dst_mac M]]; a bare first word is the device. */
static int do_response(struct snort *s, struct str args)
{
    int rc = 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        if (str_eq(w, STR("attempts")))
            rc = attempts(s, "response: attempts", snort_word(&args));
        else if (str_eq(w, STR("device")))
            rc = set_checked(s, "response: device", "response.interface", snort_word(&args));
        else if (str_eq(w, STR("dst_mac")))
            rc = set_checked(s, "response: dst_mac", "response.dst-mac", snort_word(&args));
        else
            rc = snort_set(s, "response.interface", w);
    }
    return rc;
}

static int do_order(struct snort *s, struct str args)
{
    int rc = 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        if (str_eq(w, STR("activation")))
            w = STR("activate");
        rc = snort_item(s, "action-order", w);
    }
    return rc;
}

static int do_event_queue(struct snort *s, struct str args)
{
    static const struct {
        const char *word, *path;
    } options[] = {
        {"max_queue", "detect.event-queue.max-queue"},
        {"log", "detect.event-queue.log"},
        {"order_events", "detect.event-queue.order"},
    };
    int rc = 0;
    for (struct str w = snort_word(&args); w.n && !rc; w = snort_word(&args)) {
        size_t i = 0;
        while (i < ARRAY_LEN(options) && !str_eq(w, str_cstr(options[i].word)))
            i++;
        if (i < ARRAY_LEN(options))
            rc = set_checked(s, "event_queue", options[i].path, snort_word(&args));
        else if (str_eq(w, STR("process_all_events")))
            rc = snort_set_z(s, "detect.process-all-events", "yes");
        else
            snort_warn(s, "config event_queue: unknown option %.*s", (int)u32_min(w.n, 60),
                       (const char *)w.p);
    }
    return rc;
}

/* event_filter: memcap N, threshold: memcap N, rate_filter: memcap N */
static int do_filter_memcap(struct snort *s, struct str args)
{
    struct str w = snort_word(&args);
    if (!str_eq(w, STR("memcap"))) {
        snort_warn(s, "config event_filter: memcap is the only option");
        return 0;
    }
    return set_checked(s, "event_filter", "detect.thresholds.memcap", snort_word(&args));
}

static int do_interface(struct snort *s, struct str args)
{
    return args.n ? snort_item(s, "capture.interfaces", args) : 0;
}

static int do_daq(struct snort *s, struct str args)
{
    if (str_eq(args, STR("pcap")))
        return snort_set_z(s, "capture.library", "pcap");
    if (str_eq(args, STR("afpacket")))
        return snort_set_z(s, "capture.library", "af-packet");
    snort_warn(s, "config daq: %.*s is not here, left out; pcap and afpacket are",
               (int)u32_min(args.n, 60), (const char *)args.p);
    return 0;
}

static int do_daq_mode(struct snort *s, struct str args)
{
    if (str_eq(args, STR("inline")))
        snort_warn(s, "config daq_mode: inline: this sensor watches mirror ports and holds nothing "
                      "back; response.on-drop answers what drop rules find");
    return 0;
}

static const struct row {
    const char *name;
    const char *path;  /* the argument goes there; NULL: see below */
    const char *fixed; /* instead of the argument */
    int (*f)(struct snort *s, struct str args);
} rows[] = {
    {"asn1", "asn1-max-frames", NULL, NULL},
    {"bpf_file", "capture.bpf-file", NULL, NULL},
    {"checksum_mode", NULL, NULL, do_checksum_mode},
    {"alert_with_interface_name", "event.interface-in-alert", "yes", NULL},
    {"daemon", "daemon", "yes", NULL},
    {"daq", NULL, NULL, do_daq},
    {"daq_mode", NULL, NULL, do_daq_mode},
    {"detection_filter", NULL, NULL, do_filter_memcap},
    {"event_filter", NULL, NULL, do_filter_memcap},
    {"event_queue", NULL, NULL, do_event_queue},
    {"flexresp2_attempts", NULL, NULL, do_flexresp_attempts},
    {"flexresp2_interface", "response.interface", NULL, NULL},
    {"flexresp2_memcap", "response.table.memcap", NULL, NULL},
    {"flexresp2_rows", "response.table.rows", NULL, NULL},
    {"interface", NULL, NULL, do_interface},
    {"layer2resets", "response.src-mac", NULL, NULL},
    {"logdir", "default-log-dir", NULL, NULL},
    {"nolog", "event.log-packets", "no", NULL},
    {"no_promisc", "capture.promiscuous", "no", NULL},
    {"obfuscate", "event.obfuscate", "yes", NULL},
    {"order", NULL, NULL, do_order},
    {"pcre_match_limit", "pcre.match-limit", NULL, NULL},
    {"pcre_match_limit_recursion", "pcre.match-limit-recursion", NULL, NULL},
    {"pkt_count", "capture.packet-count", NULL, NULL},
    {"quiet", "quiet", "yes", NULL},
    {"rate_filter", NULL, NULL, do_filter_memcap},
    {"react", "response.react-page", NULL, NULL},
    {"response", NULL, NULL, do_response},
    {"set_gid", "run-as.group", NULL, NULL},
    {"set_uid", "run-as.user", NULL, NULL},
    {"show_year", "event.year", "yes", NULL},
    {"snaplen", "capture.snaplen", NULL, NULL},
    {"tagged_packet_limit", "detect.tag.packet-limit", NULL, NULL},
    {"threshold", NULL, NULL, do_filter_memcap},
    {"umask", "umask", NULL, NULL},
    {"utc", "event.utc", "yes", NULL},
    {"verbose", "verbose", "yes", NULL},
    {"vlan_agnostic", "vlan.use-for-tracking", "no", NULL},
};

/*
 * What needs no counterpart: it is so already (only rules raise decoder events, the decoder drops
 * nothing, streams are always followed), or tunes what is built otherwise here.
 */
static const char *const quiet[] = {
    "detection",
    "disable_decode_alerts",
    "disable_decode_drops",
    "disable_ipopt_alerts",
    "disable_ipopt_drops",
    "disable_tcpopt_alerts",
    "disable_tcpopt_drops",
    "disable_tcpopt_experimental_alerts",
    "disable_tcpopt_experimental_drops",
    "disable_tcpopt_obsolete_alerts",
    "disable_tcpopt_obsolete_drops",
    "disable_tcpopt_ttcp_alerts",
    "disable_ttcp_alerts",
    "flowbits_size",
    "stateful",
};

/* Known to Snort, and left out here. */
static const char *const others[] = {
    "addressspace_agnostic",
    "alertfile",
    "autogenerate_preprocessor_decoder_rules",
    "chroot",
    "cs_dir",
    "daq_dir",
    "daq_list",
    "daq_var",
    "decode_data_link",
    "decode_esp",
    "default_rule_state",
    "disable_attribute_reload_thread",
    "disable_inline_init_failopen",
    "disable_replace",
    "dump_chars_only",
    "dump_dynamic_rules_path",
    "dump_payload",
    "dump_payload_verbose",
    "enable_decode_drops",
    "enable_decode_oversized_alerts",
    "enable_decode_oversized_drops",
    "enable_deep_teredo_inspection",
    "enable_gtp",
    "enable_ipopt_drops",
    "enable_mpls_multicast",
    "enable_mpls_overlapping_ip",
    "enable_tcpopt_drops",
    "enable_tcpopt_experimental_drops",
    "enable_tcpopt_obsolete_drops",
    "enable_tcpopt_ttcp_drops",
    "enable_ttcp_drops",
    "event_trace",
    "file",
    "ha_in",
    "ha_out",
    "ha_peer",
    "ignore_ports",
    "ipv6_frag",
    "log_ipv6_extra_data",
    "max_attribute_hosts",
    "max_attribute_services_per_host",
    "max_ip6_extensions",
    "max_metadata_services",
    "max_mpls_labelchain_len",
    "min_ttl",
    "mpls_payload_type",
    "new_ttl",
    "nopcre",
    "na_policy_mode",
    "paf_max",
    "pidfile",
    "policy_id",
    "policy_mode",
    "policy_version",
    "ppm",
    "profile_preprocs",
    "profile_rules",
    "protected_content",
    "read_bin_file",
    "reference_net",
    "sidechannel",
    "so_rule_memcap",
    "timestats_interval",
    "tunnel_verdicts",
    "checksum_drop",
};

static void no_config(struct snort *s, struct str name)
{
    struct name_search near = {.name = name};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq(name, str_cstr(others[i]))) {
            snort_warn(s, "config %s: no counterpart, left out", others[i]);
            return;
        }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        name_offer(&near, rows[i].name);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        name_offer(&near, others[i]);
    snort_warn(s, "unknown: config %.*s, left out%s%s", (int)u32_min(name.n, 100),
               (const char *)name.p, near.best ? "; did you mean " : "",
               near.best ? near.best : "");
}

static int config_row(struct snort *s, const struct row *r, struct str args)
{
    if (r->f)
        return r->f(s, args);
    if (r->fixed)
        return snort_set_z(s, r->path, r->fixed);
    struct sbuf value;
    sbuf_init(&value);
    const struct setting *row = setting_find(r->path);
    if (row && strstr(row->help, "no effect"))
        snort_warn(s, "config %s: %s", r->name, row->help);
    int rc = snort_expand(s, snort_inside(args), true, &value, 0);
    if (!rc)
        rc = set_checked(s, r->name, r->path, sbuf_view(&value));
    sbuf_done(&value);
    return rc;
}

int snort_config(struct snort *s, struct str text)
{
    struct str args, name = snort_name(text, &args);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(name, str_cstr(rows[i].name)))
            return config_row(s, &rows[i], args);
    for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
        if (str_eq(name, str_cstr(quiet[i])))
            return 0;
    no_config(s, name);
    return 0;
}
