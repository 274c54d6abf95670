/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program says about itself, for `run` and `replay`: options that Suricata's users know.
 */
#ifndef CLI_ABOUT_H
#define CLI_ABOUT_H

#include "cli/options.h"

struct conf;
struct about_args {
    const char *keywords; /* "": all; else a name, "all" or "csv"; NULL: not asked */
    bool version, build, protocols, runmodes, config;
};
/* Rows for a command whose struct has a struct about_args at `at`. */
#define ABOUT_ROWS(at)                                                                             \
    {"V",                                                                                          \
     "version",                                                                                    \
     NULL,                                                                                         \
     OPT_FLAG,                                                                                     \
     (at) + offsetof(struct about_args, version),                                                  \
     "print the version"},                                                                         \
        {"",                                                                                       \
         "build-info",                                                                             \
         NULL,                                                                                     \
         OPT_FLAG,                                                                                 \
         (at) + offsetof(struct about_args, build),                                                \
         "print what it was built with"},                                                          \
        {"",                                                                                       \
         "dump-config",                                                                            \
         NULL,                                                                                     \
         OPT_FLAG,                                                                                 \
         (at) + offsetof(struct about_args, config),                                               \
         "print every effective setting, then end"},                                               \
        {"",                                                                                       \
         "list-keywords",                                                                          \
         "all|csv|NAME",                                                                           \
         OPT_JOINED,                                                                               \
         (at) + offsetof(struct about_args, keywords),                                             \
         "print the rule keywords"},                                                               \
        {"",                                                                                       \
         "list-app-layer-protos",                                                                  \
         NULL,                                                                                     \
         OPT_FLAG,                                                                                 \
         (at) + offsetof(struct about_args, protocols),                                            \
         "print the application protocols"},                                                       \
    {                                                                                              \
        "", "list-runmodes", NULL, OPT_FLAG, (at) + offsetof(struct about_args, runmodes),         \
            "print what --runmode takes"                                                           \
    }
/* Options of Suricata that nothing here does; they are refused with what does. */
#define ABSENT_ROWS                                                                                 \
    {"",                                                                                            \
     "unix-socket",                                                                                 \
     "PATH",                                                                                        \
     OPT_ABSENT,                                                                                    \
     0,                                                                                             \
     "captures by socket are not here: riposte replay -r reads them, riposte ctl talks to a "       \
     "running sensor"},                                                                             \
        {"", "netmap", "IF", OPT_ABSENT, 0, "netmap is not here: -i IF uses AF_PACKET rings"},      \
        {"", "dpdk", NULL, OPT_ABSENT, 0, "DPDK is not here: -i IF uses AF_PACKET rings"},          \
        {"", "af-xdp", "IF", OPT_ABSENT, 0, "AF_XDP is not here yet: -i IF uses AF_PACKET rings"},  \
        {"", "pfring", "IF", OPT_ABSENT, 0, "PF_RING goes through its own libpcap: --pcap=IF"},     \
        {"", "pfring-int", "IF", OPT_ABSENT, 0, "PF_RING goes through its own libpcap: --pcap=IF"}, \
        {"", "erf-in", "FILE", OPT_ABSENT, 0, "ERF files are not read: editcap makes a pcap"},      \
        {"", "dag", "DEV", OPT_ABSENT, 0, "DAG cards are not here"},                                \
        {"", "napatech", NULL, OPT_ABSENT, 0, "Napatech cards go through libpcap: --pcap=IF"},      \
        {"", "nflog", NULL, OPT_ABSENT, 0, "NFLOG goes through libpcap: --pcap=nflog:GROUP"},       \
        {"",   "engine-analysis",                                                                   \
         NULL, OPT_ABSENT,                                                                          \
         0,    "riposte check --lint and riposte rules show SID tell how rules are used"},          \
        {"", "reject-dev", "IF", OPT_ABSENT, 0, "--response IF names the port of rejects"},         \
        {"",                                                                                        \
         "list-rule-protos",                                                                        \
         NULL,                                                                                      \
         OPT_ABSENT,                                                                                \
         0,                                                                                         \
         "--list-app-layer-protos names the applications; the others are ip, tcp, udp, icmp, "      \
         "sctp, pkthdr"},                                                                           \
    {                                                                                               \
        "", "list-app-layer-hooks", NULL, OPT_ABSENT, 0, "riposte dev tables --json has them"       \
    }
bool about_asked(const struct about_args *a);
/* Prints; the exit status.  c is for --dump-config. */
int about_print(const struct about_args *a, const struct conf *c);

#endif
