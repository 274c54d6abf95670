/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration: a tree of nodes read from YAML (ours or a suricata.yaml) or made from a
 * snort.conf, and the table of settings that the program knows.
 *
 * A setting is one row: path, type, unit, range, default, live or restart, help.  conf_get_* give
 * the value of a path: from --set, else from the file, else the row's default (a file that lacks a
 * key means the built-in default).  Lists and maps (outputs, address groups, host-os-policy) are
 * walked as nodes.  All is built before start and read-only afterwards: any thread may read.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/str.h"

enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_LIST };
enum conf_from { CONF_DEFAULT, CONF_FILE, CONF_SET };
struct conf_node {
    struct conf_node *next;  /* sibling */
    struct conf_node *child; /* first of a map or list */
    struct conf_node *parent;
    const char *name;  /* key in a map; "0", "1" ... in a list */
    const char *value; /* scalar's text (never NULL for one); NULL else */
    enum conf_kind kind;
    enum conf_from from;
    const char *file;
    uint32_t line, column;
};

enum conf_format { CONF_FORMAT_AUTO, CONF_FORMAT_RIPOSTE, CONF_FORMAT_SURICATA, CONF_FORMAT_SNORT };

struct conf;
struct conf *conf_new(void); /* NULL: no memory */
void conf_free(struct conf *c);
/* The configuration that holds when there is no -c: Suricata's stock behaviour in our own words. */
int conf_load_stock(struct conf *c) MUST_CHECK;
/*
 * Reads a file; includes are relative to it.  -ENOENT, -EINVAL with diags filled.  The format is
 * told by its marks when AUTO.  Unknown keys are warnings with the nearest known one.  The diags
 * keep pointers to file names that c owns.
 */
int conf_load(struct conf *c, const char *path, enum conf_format format,
              struct diags *d) MUST_CHECK;
enum conf_format conf_format(const struct conf *c);
/*
 * The whole configuration as bytes for another process of this host and program, and back without
 * opening any file.  NULL: broken bytes or no memory.
 */
struct sbuf;
int conf_pack(const struct conf *c, struct sbuf *out) MUST_CHECK;
struct conf *conf_unpack(const void *p, size_t n);
/*
 * "a.b.0.c=value": makes what is missing; list items by number ("outputs.1.eve-log.enabled=no").
 * Holds over what a later conf_load reads.  -EINVAL with a diag.
 */
int conf_set(struct conf *c, const char *assignment, struct diags *d) MUST_CHECK;

/* Node at a dotted path below `from` (NULL: the root); NULL if there is none. */
const struct conf_node *conf_node(const struct conf *c, const char *path);
const struct conf_node *conf_sub(const struct conf_node *from, const char *path);
/*
 * For lists of single-key maps ("- eve-log: {...}"): the inner node of the item, and its name.  An
 * item that is a plain word ("- ftp") is its own inner node, without members.
 */
const struct conf_node *conf_item(const struct conf_node *list_item, const char **name);

/*
 * Actions of a snort.conf's own ("ruletype NAME { type ACTION ... }"): the n-th's name, with the action that it
 * stands for; NULL: there is none.  At most CONF_RULETYPES.
 */
enum { CONF_RULETYPES = 32 };
const char *conf_ruletype(const struct conf *c, unsigned n, const char **type);
int conf_ruletype_find(const struct conf *c, struct str name); /* n, or -1 */
/*
 * Takes the ruletypes, with their outputs, that stand in a rule file and in what that includes: before rules are read
 * and outputs opened.  A file that can't be read is the reader of rules' to tell.  0 or -ENOMEM.
 */
int conf_ruletypes_of(struct conf *c, const char *path, struct diags *d) MUST_CHECK;

/* Values of rows in the settings table; a path without a row is a programmer's mistake (assert). */
bool conf_bool(const struct conf *c, const char *path);
int64_t conf_int(const struct conf *c, const char *path);
uint64_t conf_bytes(const struct conf *c, const char *path);
uint64_t conf_ns(const struct conf *c, const char *path); /* times: "10", "10s", "100ms", "1m" */
const char *conf_str(const struct conf *c, const char *path); /* NULL if unset and no default */
/* Values below any node, with a default, for lists and maps whose paths vary. */
bool conf_sub_bool(const struct conf_node *n, const char *path, bool dflt);
int64_t conf_sub_int(const struct conf_node *n, const char *path, int64_t dflt);
uint64_t conf_sub_bytes(const struct conf_node *n, const char *path, uint64_t dflt);
const char *conf_sub_str(const struct conf_node *n, const char *path, const char *dflt);
/* yes/no/true/false/on/off/1/0; -1 if it is none. */
int conf_truth(const char *s);

/*
 * The settings that the program knows.  X(path, type, default, min, max, when, help)
 * type: BOOL INT BYTES TIME STR MAP LIST; default as text; when: LIVE or RESTART.
 * The table itself stands in config/settings.def.
 */
enum setting_type { SET_BOOL, SET_INT, SET_BYTES, SET_TIME, SET_STR, SET_MAP, SET_LIST };
struct setting {
    const char *path, *dflt;
    int64_t min, max;
    enum setting_type type;
    bool live;
    const char *help;
};
const struct setting *settings_all(size_t *n);
const struct setting *setting_find(const char *path);
const char *setting_nearest(const char *path);
/* The known name nearest to a wrong one: start with .name, offer each, then look at .best (NULL:
 * none is near). */
struct name_search {
    struct str name;
    unsigned most; /* the distance to beat, own use */
    const char *best;
};
void name_offer(struct name_search *s, const char *known);
/* The words that a text setting takes, with commas; NULL: it is free. */
const char *setting_choices(const struct setting *s);
/* Calls f for every row with its effective value and source ("default", "file:line", "--set"). */
void conf_each(const struct conf *c,
               void (*f)(void *ctx, const struct setting *s, const char *value, const char *source),
               void *ctx);

/*
 * app-layer.protocols.NAME.enabled, else NAME.tcp|udp.enabled (`transport` may be NULL), else the
 * row's default.  A protocol without a row is on.
 */
enum conf_app_mode { CONF_APP_OFF, CONF_APP_ON, CONF_APP_DETECT };
enum conf_app_mode conf_app_mode(const struct conf *c, const char *name, const char *transport);

/*
 * host-os-policy: f gets each policy with one network ("0.0.0.0/0").  For fragments the map
 * defrag.host-os-policy goes first if there is one, for streams stream.host-os-policy (a snort.conf
 * has two policies); returns the number of calls.
 */
unsigned conf_each_host_policy(const struct conf *c, bool fragments,
                               void (*f)(void *ctx, const char *policy, const char *network),
                               void *ctx);

/*
 * Variables of vars.address-groups / port-groups (or var, ipvar, portvar): name without $, text.
 * A name that the configuration lacks may have a built-in value (conf_var_is_fallback: the caller
 * warns); NULL if not.
 */
const char *conf_address_var(const struct conf *c, const char *name);
const char *conf_port_var(const struct conf *c, const char *name);
/* Where it is set, for messages; NULL: nowhere (a fallback). */
const struct conf_node *conf_var_node(const struct conf *c, bool ports, const char *name);
bool conf_var_is_fallback(const struct conf *c, bool ports, const char *name);
int conf_each_var(const struct conf *c, bool ports,
                  void (*f)(void *ctx, const char *name, const char *text), void *ctx);

/*
 * Virtual IPSs (`virtual-ips`, doc/virtual-ips.md): how many entries, 0: the whole configuration is one; the name of
 * the i-th.  A finished configuration has good names only, no two alike.
 */
enum { CONF_VIPS = 256 };
unsigned conf_vips(const struct conf *c);
const char *conf_vips_name(const struct conf *c, unsigned i);
int conf_vips_check(const struct conf *c, struct diags *d) MUST_CHECK;
/*
 * Makes c the configuration of that one: its entry laid over the rest, vips.name its name, its outputs in a folder of
 * its name below default-log-dir unless the entry has one.  -ENOENT, -EINVAL with diags (of the entry alone).
 */
int conf_vips_choose(struct conf *c, const char *name, struct diags *d) MUST_CHECK;

/*
 * The rule files that a configuration names, in order: `rules` and `rule-files` (patterns
 * expanded), or the includes of a snort.conf.  `embedded`: rule lines that stand among statements
 * of a snort.conf; the reader of rules takes the lines that begin with an action and no others.
 */
struct conf_rule_file {
    const char *path;
    const char *dialect; /* "snort2", "snort3", "suricata" or NULL: to be found out */
    bool embedded;
};
size_t conf_rule_files(const struct conf *c, const struct conf_rule_file **out);

/*
 * Lines of a snort.conf that other modules read: event_filter, threshold, suppress, rate_filter;
 * config classification; config reference.  Continuations are joined.  A file that holds nothing
 * else becomes the setting threshold-file, classification-file or reference-config-file (the first
 * of each kind) and gives no lines here.
 */
enum conf_line_kind { CONF_LINE_THRESHOLD, CONF_LINE_CLASS, CONF_LINE_REFERENCE, CONF_LINE_KINDS };
struct conf_line {
    const char *file, *text;
    uint32_t line;
};
size_t conf_lines(const struct conf *c, enum conf_line_kind kind, const struct conf_line **out);

#endif
