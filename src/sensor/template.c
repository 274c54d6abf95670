/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The template: a process with one thread, started once, that does nothing but divide itself.  What the
 * dynamic linker wrote while it loaded the libraries, half a megabyte, is then the same memory in all
 * engines and loggers of many virtual IPSs.  It reads nothing foreign, opens nothing, and ends with the
 * supervisor.
 *
 * The child is to be the supervisor's own, who waits for it and holds its pidfd: the process in
 * between ends at once, and the orphan falls to the supervisor, who is its nearest subreaper until it has the answer.
 */
#include "sensor/role.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORK_CHANNEL, FORK_OUT, FORK_ERR };

/* In the new child: the channel where roles expect it, the log as it is now, nothing else. */
static void become(struct message *m)
{
    static const int place[] = {[FORK_CHANNEL] = MSG_CHANNEL, [FORK_OUT] = STDOUT_FILENO, [FORK_ERR] = STDERR_FILENO};
    for (unsigned i = 0; i < ARRAY_LEN(place); i++)
        if (dup2(m->fd[i], place[i]) < 0) /* the template's own channel ends here */
            _exit(127);
    (void)close_range(MSG_CHANNEL + 1, ~0u, 0);
}

/* True in the child.  `told` is memory that all of them see. */
static bool divide(struct message *m, struct msg_number *told)
{
    *told = (struct msg_number){.mask = ECHILD};
    pid_t between = fork();
    if (between == 0) {
        pid_t child = fork();
        if (child == 0) {
            become(m);
            return true;
        }
        *told = child < 0 ? (struct msg_number){.mask = (uint32_t)errno} : (struct msg_number){.value = (uint32_t)child};
        _exit(0);
    }
    if (between < 0)
        told->mask = (uint32_t)errno;
    else
        while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
            ;
    (void)!msg_send(MSG_CHANNEL, MSG_FORKED, told, sizeof(*told), NULL, 0); /* nobody there: the next read ends us */
    return false;
}

static int child_of(char *word, uint32_t role)
{
    size_t room = strlen(word); /* `ps` shows what it is */
    memset(word, 0, room);
    memcpy(word, role_name[role], strnlen(role_name[role], room));
    return sensor_role(word);
}

int role_template(char *word)
{
    struct message m;
    struct msg_number *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return 1;
    for (;;) {
        int rc = msg_recv(MSG_CHANNEL, FROM_PARENT, true, &m);
        if (rc <= 0)
            return rc == 0 ? 0 : 1;
        struct msg_number x = {.value = ROLE_COUNT};
        if (m.type == MSG_FORK)
            memcpy(&x, m.body, sizeof(x));
        if (x.value < ROLE_COUNT && divide(&m, told)) {
            (void)munmap(told, sizeof(*told));
            return child_of(word, x.value);
        }
        msg_done(&m);
    }
}
