/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a command line to a configuration: shared by `run` and `snort`. */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include "cli/options.h"
#include "config/config.h"

struct launch {
    const char *config; /* NULL: the stock configuration */
    enum conf_format format;
    const struct texts *set; /* --set */
    const struct texts *only, *more; /* -S, -s; may be NULL */
    int (*adjust)(struct launch *l, void *ctx, struct conf *c, struct diags *d);
    void *ctx;
    struct texts *kept; /* every assignment of adjust, for a replay's --set; may be NULL */
    struct arena *keep_in; /* with `kept` */
};
/* For struct sensor_options: ctx is a struct launch.  Made anew at each reload. */
struct conf *launch_configure(void *launch, struct diags *d);
/* KEY=VALUE, printed. */
int launch_set(struct launch *l, struct conf *c, struct diags *d, const char *fmt, ...)
    PRINTF_LIKE(4, 5) MUST_CHECK;
/* A list of single values, instead of what the configuration has. */
int launch_set_list(struct launch *l, struct conf *c, struct diags *d, const char *path,
                    const struct texts *values) MUST_CHECK;
/* The ruletypes that stand in rule files become the configuration's; only, more: -S, -s. */
int launch_types(struct conf *c, const char *const *only, unsigned n_only, const char *const *more, unsigned n_more,
                 struct diags *d) MUST_CHECK;
/* Words with blanks between them; free() it. */
char *launch_join(const struct texts *words);

#endif
