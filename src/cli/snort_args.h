/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line of Snort 2 says. */
#ifndef CLI_SNORT_ARGS_H
#define CLI_SNORT_ARGS_H

#include "cli/launch.h"

struct snort_args {
    const char *alert, *config, *log_dir, *packets, *csum, *count, *user, *group, *umask, *home,
        *mask, *event_base, *bpf_file, *pid_path, *pid_suffix, *snaplen, *log_name, *control,
        *response, *daq, *daq_mode;
    struct texts iface, capture, var, empty, set, pcap_list, pcap_file, pcap_dir, daq_var;
    uint64_t loop;
    bool binary, background, no_log, syslog, year, iface_in_alert, utc, quiet, test, verbose,
        no_promisc, obfuscate, pidfile, fatal, help, version, inline_mode, inline_test, all_events,
        alert_first, drop_alerts, daq_list, list_ports, pid_plain, show_arp, show_chars, show_payload, show_link,
        show_raw;
    /* made of them */
    char *filter;
};
const struct opt *snort_options(size_t *n);
/* Settings of the outputs that the command line asks for, in place of the file's of the same kind; 0 or -errno. */
int snort_outputs(struct launch *l, const struct snort_args *a, struct conf *c, struct diags *d) MUST_CHECK;
/* False: -A takes no such word.  Its warning, or NULL. */
bool snort_alert_mode(const char *name, const char **warning);

#endif
