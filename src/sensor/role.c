/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte -P ROLE: the way into a child. */
#include "sensor/role.h"

#include "sensor/fence.h"

#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONF_MOST = 256 << 20 };

const char *const role_name[ROLE_COUNT] = {"engine", "logger", "compiler", "template"};

unsigned role_from(enum role r)
{
    static const unsigned from[ROLE_COUNT] = {FROM_ENGINE, FROM_LOGGER, FROM_COMPILER, FROM_TEMPLATE};
    return from[r];
}

struct conf *child_conf(int fd)
{
    uint8_t *p;
    size_t n;
    int rc = fd < 0 ? -EBADF : memory_read(fd, CONF_MOST, &p, &n);
    struct conf *c = NULL;
    if (!rc) {
        c = conf_unpack(p, n);
        free(p);
    }
    if (fd >= 0)
        close(fd);
    return c;
}

void *child_map(int fd, size_t bytes)
{
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return p == MAP_FAILED ? NULL : p;
}

void child_log(struct message *m)
{
    int fd = msg_take_fd(m, 0);
    if (fd < 0)
        return;
    (void)dup2(fd, STDERR_FILENO);
    (void)dup2(fd, STDOUT_FILENO); /* whoever started us in the background is to be let go */
    close(fd);
}

void child_tell(struct child *c)
{
    msg_send_diags(c->channel, &c->diags);
    arena_reset(&c->arena);
    diags_init(&c->diags, &c->arena);
}

static enum calls_of calls_of(const struct child *c)
{
    const struct msg_setup *s = &c->setup;
    return c->role == ROLE_LOGGER     ? CALLS_LOGGER
           : c->role == ROLE_COMPILER ? CALLS_COMPILER
           : s->queue                 ? CALLS_QUEUE
           : s->xdp != SETUP_NO_XDP   ? CALLS_XDP
                                      : CALLS_PACKET;
}

int child_fenced(const struct child *c, int rc)
{
    if (rc == 1 && c->role == ROLE_ENGINE)
        log_at(LOG_AT_NOTICE, "rights", calls_built() ? "the kernel has no Landlock: files are guarded by user and group alone"
                                                      : "built with a sanitizer: no filter of system calls, no Landlock");
    if (rc < 0)
        log_at(LOG_AT_ERROR, role_name[c->role], "files can't be fenced off: %s", strerror(-rc));
    return rc < 0 ? rc : 0;
}

static int fence(const struct child *c)
{
    return c->role == ROLE_ENGINE ? fence_engine(c->conf) : c->role == ROLE_LOGGER ? fence_logger(c->conf) : 0;
}

static int begin(struct child *c, struct message *m, int (*early)(struct child *c))
{
    int rc = msg_recv(c->channel, FROM_PARENT, true, m);
    if (rc <= 0)
        return rc ? rc : -ECONNRESET;
    if (m->type != MSG_SETUP) {
        msg_done(m);
        return -EPROTO;
    }
    memcpy(&c->setup, m->body, sizeof(c->setup));
    log_set_level((enum log_level)c->setup.log_level);
    c->setup.scope[MSG_SCOPE - 1] = 0;
    if (c->setup.scope[0])
        log_set_scope(c->setup.scope);
    int conf_fd = msg_take_fd(m, 0);
    c->page_fd = msg_take_fd(m, 1);
    c->dir_fd = msg_take_fd(m, 2);
    msg_done(m);
    /* libpcap opens with a filter of the configuration; only then that is read with the rights there. */
    if (early && c->setup.library) {
        c->conf = child_conf(conf_fd);
        conf_fd = -1;
    }
    rc = early && c->setup.library && !c->conf ? -ENOMEM : early ? early(c) : 0;
    if (!rc && c->dir_fd >= 0 && fchdir(c->dir_fd))
        rc = -errno;
    if (!rc)
        rc = role_confine(c->role, c->setup.drop, c->setup.uid, c->setup.gid, calls_of(c));
    if (rc) {
        log_at(LOG_AT_ERROR, role_name[c->role], "rights can't be given up: %s", strerror(-rc));
        if (conf_fd >= 0)
            close(conf_fd);
        return rc;
    }
    if (conf_fd >= 0)
        c->conf = child_conf(conf_fd);
    return c->conf ? child_fenced(c, fence(c)) : -ENOMEM;
}

int child_begin(struct child *c, enum role r, int (*early)(struct child *c))
{
    if (r != ROLE_COMPILER)
        memory_sparse(); /* they live long, and there may be many of them */
    struct message *m = malloc(sizeof(*m));
    *c = (struct child){.role = r, .channel = MSG_CHANNEL, .page_fd = -1, .dir_fd = -1};
    arena_init(&c->arena, 0, 0);
    diags_init(&c->diags, &c->arena);
    int rc = m ? begin(c, m, early) : -ENOMEM;
    free(m);
    return rc;
}

void child_end(struct child *c)
{
    conf_free(c->conf);
    arena_done(&c->arena);
}

int sensor_role(char *role)
{
    static int (*const run[ROLE_COUNT])(void) = {role_engine, role_logger, role_compiler, NULL};
    int type;
    socklen_t n = sizeof(type);
    if (getsockopt(MSG_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &n) || type != SOCK_SEQPACKET) {
        log_at(LOG_AT_ERROR, "role", "-P is for the supervisor: riposte run starts what is needed");
        return 2;
    }
    /* The supervisor says when to end; a terminal's Ctrl-C is meant for it. */
    static const int deaf[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
    for (size_t i = 0; i < ARRAY_LEN(deaf); i++)
        (void)signal(deaf[i], SIG_IGN);
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        if (strcmp(role, role_name[r]) != 0)
            continue;
        char name[16] = "riposte-";
        strncat(name, role, sizeof(name) - strlen(name) - 1);
        (void)prctl(PR_SET_NAME, name, 0, 0, 0);
        return run[r] ? run[r]() : role_template(role);
    }
    log_at(LOG_AT_ERROR, "role", "there is no role %s", role);
    return 2;
}
