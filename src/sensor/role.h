/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the children have in common: setting up, giving up rights, telling. */
#ifndef SENSOR_ROLE_H
#define SENSOR_ROLE_H

#include "sensor/calls.h"
#include "sensor/message.h"
#include "sensor/snapshot.h"

enum role { ROLE_ENGINE, ROLE_LOGGER, ROLE_COMPILER, ROLE_TEMPLATE, ROLE_COUNT };
extern const char *const role_name[ROLE_COUNT];
unsigned role_from(enum role r); /* enum msg_from */

/*
 * Gives up what the role does not need, before the first foreign byte: ids, groups, capabilities
 * (also from the bounding set), new privileges; the compiler keeps CAP_DAC_READ_SEARCH (rule files
 * that only root may read) and gets a network namespace of its own.  Last the filter of system calls
 * (calls.h); which files are left is said when the configuration is there (fence.h).  Must be called before threads are made.  0; negative errno: the process must not go
 * on.
 */
/* CALLS_QUEUE: keeps CAP_NET_ADMIN, for verdicts (confine.c). */
int role_confine(enum role r, bool drop, uint32_t uid, uint32_t gid, enum calls_of calls) MUST_CHECK;

struct child {
    enum role role;
    int channel;
    struct msg_setup setup;
    struct conf *conf;
    int page_fd, dir_fd; /* -1: none */
    struct arena arena;
    struct diags diags;
};
/*
 * Takes the first message, gives up rights, reads the configuration.  `early` runs with the rights
 * still there; may be NULL.
 */
int child_begin(struct child *c, enum role r, int (*early)(struct child *c)) MUST_CHECK;
/* What fence_*() gave: says once where the kernel can't.  0: go on. */
int child_fenced(const struct child *c, int rc) MUST_CHECK;
void child_end(struct child *c);
/* Sends what diags gathered, and forgets it. */
void child_tell(struct child *c);
struct conf *child_conf(int fd);       /* closes fd; NULL: broken */
void *child_map(int fd, size_t bytes); /* shared, read and write; NULL on failure; closes fd */
/* MSG_LOG: standard error goes there from now on. */
void child_log(struct message *m);

int role_engine(void);
int role_logger(void);
int role_compiler(void);
/* template.c: divides itself as it is asked to; `word` is the role in the arguments, rewritten in its children. */
int role_template(char *word);

#endif
