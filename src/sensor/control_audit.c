/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line for each change that somebody asks for over the control socket: what, with what result, and who,
 * as the kernel knows the peer.  The name comes from /etc/passwd alone: a directory service might keep
 * the supervisor waiting.
 */
#include "sensor/supervisor.h"

#include "base/log.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { TOLD_MOST = 300, NAME_MOST = 32 };

static void name_of(uid_t uid, char out[NAME_MOST])
{
    FILE *f = fopen("/etc/passwd", "re");
    snprintf(out, NAME_MOST, "?");
    for (struct passwd *p; f && (p = fgetpwent(f));)
        if (p->pw_uid == uid) {
            snprintf(out, NAME_MOST, "%s", p->pw_name);
            break;
        }
    if (f)
        fclose(f);
}

void control_audit(const struct control_client *c, const char *what, struct str more, const char *result)
{
    struct ucred who;
    socklen_t n = sizeof(who);
    char text[TOLD_MOST + 1], name[NAME_MOST], from[128] = "unknown";
    size_t k = 0;
    for (; k < more.n && k < TOLD_MOST; k++) /* one line, whatever was sent */
        text[k] = (char)(more.p[k] < ' ' || more.p[k] > '~' ? '?' : more.p[k]);
    text[k] = 0;
    if (!getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &n)) {
        name_of(who.uid, name);
        snprintf(from, sizeof(from), "uid %ld, gid %ld, process %ld, %s", (long)who.uid, (long)who.gid, (long)who.pid, name);
    }
    log_at(LOG_AT_NOTICE, "control", "%s%s%s: %s (%s)", what, k ? " " : "", text, result, from);
}
