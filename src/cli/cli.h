/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands, one file each.  argv[0] is the command's name; the value is the exit status. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

int cmd_run(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_snort(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
int cmd_dev(int argc, char **argv);

/* Options of a command and its usage text; NULL: all stands in the text.  Man page and completion are made of them. */
struct opt;
const struct opt *run_options(size_t *n, const char **text);
const struct opt *replay_options(size_t *n, const char **text);
const struct opt *check_options(size_t *n, const char **text);
const struct opt *rules_options(size_t *n, const char **text);
const struct opt *config_options(size_t *n, const char **text);
const struct opt *ctl_options(size_t *n, const char **text);
const struct opt *snort_command_options(size_t *n, const char **text);
const struct opt *selftest_options_table(size_t *n, const char **text);

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
    const struct opt *(*options)(size_t *n, const char **text); /* NULL: none of its own */
};
/* riposte help [--man | --man=settings | --completion]: -1: plain help is wanted. */
int help_print(int argc, char **argv, const struct command *c, size_t n);

#endif
