/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands, one file each.  argv[0] is the command's name; the value is the exit status. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

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

#endif
