/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riposte(1), riposte-settings(5) and the completion of bash, made of the tables: commands, their
 * options, settings.
 */
#include "cli/cli.h"
#include "cli/options.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

/* Text of a man page: what roff would take as its own is escaped. */
static void roff(const char *s)
{
    bool start = true;
    for (; *s; s++) {
        if (start && (*s == '.' || *s == '\''))
            printf("\\&");
        if (*s == '-')
            printf("\\-");
        else if (*s == '\\')
            printf("\\e");
        else
            putchar(*s);
        start = *s == '\n';
    }
}

static void option_man(const struct opt *o)
{
    if (o->kind == OPT_ABSENT || !o->help)
        return;
    if (o->kind == OPT_HEAD) {
        printf(".PP\n");
        roff(o->help);
        printf("\n");
        return;
    }
    printf(".TP\n.B ");
    char text[160];
    const char *sep = o->kind == OPT_JOINED ? "=" : " ";
    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", o->shorts[0] ? "-" : "", o->shorts,
             o->shorts[0] && o->name ? ", " : "", o->name ? "--" : "", o->name ? o->name : "",
             o->arg ? sep : "", o->arg ? o->arg : "");
    roff(text);
    printf("\n");
    roff(o->help);
    printf("\n");
}

static void command_man(const struct command *c)
{
    const char *text = "";
    size_t n = 0;
    const struct opt *o = c->options ? c->options(&n, &text) : NULL;
    printf(".SS ");
    roff(c->name);
    printf("\n");
    roff(c->help);
    printf("\n");
    if (*text) {
        printf(".PP\n.nf\n");
        roff(text);
        printf("\n.fi\n");
    }
    for (size_t i = 0; i < n; i++)
        option_man(&o[i]);
}

static int man(const struct command *c, size_t n)
{
    printf(
        ".TH RIPOSTE 1 \"\" \"riposte " RIPOSTE_VERSION "\"\n.SH NAME\nriposte \\- network "
        "intrusion prevention\n.SH SYNOPSIS\n.B riposte\n.I command\n[options]\n.SH DESCRIPTION\n"
        "Reads Snort 2, Snort 3 and Suricata rules, watches mirror ports, and ends what a rule "
        "forbids with forged TCP resets and ICMP errors through one response port.\n.SH "
        "COMMANDS\n");
    for (size_t i = 0; i < n; i++)
        command_man(&c[i]);
    printf(".SH SIGNALS\n.B riposte run\ntakes TERM and INT (end), HUP (open log files anew), USR2 "
           "(reload), USR1 (log counters).\n.B riposte replay\ntakes TERM and INT "
           "(end in order, again: at once) and HUP (open log files anew).\n.SH EXIT STATUS\n0: done; 1: it failed; 2: the command "
           "line makes no sense.\n.SH SEE ALSO\nriposte\\-settings(5)\n");
    return 0;
}

static int man_settings(void)
{
    static const char *const type[] = {"yes or no", "number", "size", "time",
                                       "text",      "map",    "list"};
    size_t n;
    const struct setting *s = settings_all(&n);
    printf(
        ".TH RIPOSTE-SETTINGS 5 \"\" \"riposte " RIPOSTE_VERSION "\"\n.SH NAME\nriposte\\-settings "
        "\\- settings of the configuration\n.SH DESCRIPTION\nPaths as in \\-\\-set PATH=VALUE; in "
        "a YAML file each dot is a level.\n");
    for (size_t i = 0; i < n; i++) {
        printf(".TP\n.B ");
        roff(s[i].path);
        printf("\n");
        roff(s[i].help);
        const char *words = setting_choices(&s[i]);
        printf(" (%s", words ? words : type[s[i].type]);
        if (s[i].type == SET_INT && (s[i].min || s[i].max))
            printf(" from %lld to %lld", (long long)s[i].min, (long long)s[i].max);
        if (s[i].dflt) {
            printf("; default ");
            roff(s[i].dflt);
        }
        printf("%s)\n", s[i].live ? "; a reload takes it" : "");
    }
    return 0;
}

/* Options that stand in a usage text: words that begin with a dash. */
static void words_of(const char *text)
{
    for (const char *p = text; (p = strchr(p, '-')); p++) {
        size_t n = strspn(p, "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        bool begins = p == text || strchr(" [\n", p[-1]);
        if (begins && n > 1)
            printf(" %.*s", (int)n, p);
        p += n ? n - 1 : 0;
    }
}

static int completion(const struct command *c, size_t n)
{
    static const char sub[][2][120] = {
        {"ctl", "status stats losses flows responses rules reload reopen shutdown version"},
        {"rules", "show"},
        {"config", "show"},
        {"lab", "up down status attack resets exec addr check"},
        {"dev", "tables"},
    };
    printf("# bash completion of riposte; made by `riposte help --completion`\n_riposte() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"help");
    for (size_t i = 0; i < n; i++)
        printf(" %s", c[i].name);
    printf("\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < n; i++) {
        const char *text = "";
        size_t rows = 0;
        const struct opt *o = c[i].options ? c[i].options(&rows, &text) : NULL;
        printf("        %s) words=\"", c[i].name);
        for (size_t k = 0; k < ARRAY_LEN(sub); k++)
            if (!strcmp(sub[k][0], c[i].name))
                printf("%s", sub[k][1]);
        for (size_t k = 0; k < rows; k++) {
            if (o[k].kind == OPT_HEAD || o[k].kind == OPT_ABSENT)
                continue;
            if (o[k].shorts[0])
                printf(" -%s", o[k].shorts);
            if (o[k].name)
                printf(" --%s", o[k].name);
        }
        if (!o)
            words_of(text);
        printf("\" ;;\n");
    }
    printf("        esac\n"
           "        case ${COMP_WORDS[COMP_CWORD-1]} in\n"
           "        -i | --interface | --response)\n"
           "            COMPREPLY=($(compgen -W \"$(ls /sys/class/net)\" -- \"$cur\")); return ;;\n"
           "        -c | -S | -s | -r | -F | -l)\n"
           "            COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
           "        esac\n    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
           "complete -o default -F _riposte riposte\n");
    return 0;
}

int help_print(int argc, char **argv, const struct command *c, size_t n)
{
    if (argc == 2)
        return -1;
    if (argc == 3 && !strcmp(argv[2], "--man"))
        return man(c, n);
    if (argc == 3 && !strcmp(argv[2], "--man=settings"))
        return man_settings();
    if (argc == 3 && !strcmp(argv[2], "--completion"))
        return completion(c, n);
    for (size_t i = 0; argc == 3 && i < n; i++)
        if (!strcmp(argv[2], c[i].name)) { /* help COMMAND */
            char help[] = "--help", *words[] = {argv[2], help, NULL};
            return c[i].run(2, words);
        }
    fprintf(stderr, "usage: riposte help [COMMAND | --man | --man=settings | --completion]\n");
    return 2;
}
