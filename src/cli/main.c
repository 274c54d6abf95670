/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte COMMAND ...: the table of commands. */
#include "cli/cli.h"

#include "base/attr.h"
#include "sensor/sensor.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"run", cmd_run, "watch mirror ports and answer what rules forbid", run_options},
    {"replay", cmd_replay, "run capture files through the engine", replay_options},
    {"check", cmd_check, "load rules and say what is refused and why", check_options},
    {"rules", cmd_rules, "a rule in words, why it does not fire, what rules cost: rules show | why | top", rules_options},
    {"config", cmd_config, "show every effective setting and where it comes from", config_options},
    {"ctl", cmd_ctl, "talk to a running sensor: status, stats, losses, reload ...", ctl_options},
    {"snort", cmd_snort, "the Snort 2 command line", snort_command_options},
    {"lab", cmd_lab, "network namespaces with clients, switches, mirror ports, servers", NULL},
    {"selftest", cmd_selftest, "prove that the response port works", selftest_options_table},
    {"dev", cmd_dev, "tables of the program as JSON", NULL},
};

static int usage(FILE *f)
{
    fprintf(f, "riposte " RIPOSTE_VERSION ", a network intrusion prevention system\n\nusage: riposte COMMAND [options]\n\n");
    for (unsigned k = 0; k < ARRAY_LEN(commands); k++)
        fprintf(f, "  %-10s %s\n", commands[k].name, commands[k].help);
    fprintf(f, "\nriposte COMMAND --help tells the options; riposte help --man prints the manual page.\n");
    return f == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr);
    int status = !strcmp(argv[1], "help") ? help_print(argc, argv, commands, ARRAY_LEN(commands)) : -1;
    if (status >= 0)
        return status;
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return usage(stdout);
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("riposte " RIPOSTE_VERSION "\n");
        return 0;
    }
    if (!strcmp(argv[1], "-P") && argc == 3) /* a child of the sensor */
        return sensor_role(argv[2]);
    for (unsigned k = 0; k < ARRAY_LEN(commands); k++)
        if (!strcmp(argv[1], commands[k].name))
            return commands[k].run(argc - 1, argv + 1);
    fprintf(stderr, "riposte: there is no command \"%s\"; riposte --help lists them\n", argv[1]);
    return 2;
}
