/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From rule files to image and overlay; shared by the commands that need rules. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "base/diag.h"
#include "config/config.h"
#include "detect/detect.h"
#include "rules/rules.h"

struct load_options {
    const struct conf *conf;
    const char *const *only; /* -S: exactly these files; NULL: those of the configuration */
    unsigned n_only;
    const char *const *more; /* -s */
    unsigned n_more;
    bool no_rules;           /* neither -S nor a configuration that names rules */
    const char *firewall;
    enum rule_dialect dialect;
    bool keep_disabled, init_errors_fatal;
    unsigned threads;
    bool no_cache, test;     /* test: a file that gives nothing is an error */
    bool quiet;              /* the sum is not printed */
};
/* --vips: c becomes the configuration of that one; NULL where there are some is told.  0, or negative errno with d. */
int load_vips(struct conf *c, const char *vips, struct diags *d) MUST_CHECK;
/* Parses; the set is the caller's. NULL with d. */
struct rule_set *load_set(const struct load_options *o, struct diags *d);
/* Image from the cache or made anew, and an overlay with the configuration's variables. 0, -EINVAL ... */
int load_image(const struct load_options *o, struct image **image, struct diags *d) MUST_CHECK;
struct overlay *load_overlay(const struct conf *c, struct image *i, uint64_t version, struct diags *d);
/* Prints what was reported, errors and warnings, to standard error. */
void print_diags(const struct diags *d, bool quiet);
void print_refusals(const struct rule_set *s, unsigned most);

#endif
