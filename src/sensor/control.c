/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: a UNIX stream socket of root's.  A request is one line of words, the answer
 * one line of JSON; then the connection ends.  `reload` and `reopen` answer when they are done.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define IDLE_MOST (10 * NS_PER_SEC)
#define WAIT_MOST (300 * NS_PER_SEC)

/* ------------------------------------------------------------------ commands */

static void begin(struct control_client *c, struct json *j, bool ok)
{
    sbuf_clear(&c->out);
    c->sent = 0;
    json_init(j, &c->out);
    json_open(j, NULL);
    json_bool(j, "ok", ok);
}

static void end(struct control_client *c, struct json *j)
{
    json_close(j);
    sbuf_byte(&c->out, '\n');
}

static void cmd_report(struct supervisor *s, struct control_client *c,
                       void (*f)(struct supervisor *s, struct json *j))
{
    struct json j;
    begin(c, &j, true);
    f(s, &j);
    end(c, &j);
}

static void do_status(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_status);
}
static void do_stats(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_stats);
}
static void do_losses(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_losses);
}
static void refuse(struct control_client *c, const char *why)
{
    struct json j;
    begin(c, &j, false);
    json_cstr(&j, "error", why);
    end(c, &j);
}
static void do_flows(struct supervisor *s, struct control_client *c)
{
    struct flow_query q;
    char why[400];
    if (flow_query_parse(c->words, &q, why, sizeof(why)))
        survey_ask(s, c, SURVEY_FLOWS, &q);
    else
        refuse(c, why);
}
static void do_responses(struct supervisor *s, struct control_client *c)
{
    struct flow_query q = {.most = 1};
    survey_ask(s, c, SURVEY_RESPONSES, &q);
}
static void do_costs(struct supervisor *s, struct control_client *c)
{
    struct flow_query q;
    char why[400];
    if (!flow_query_parse(c->words, &q, why, sizeof(why)) || q.ask)
        refuse(c, "costs takes limit N alone");
    else
        survey_ask(s, c, SURVEY_COSTS, &q);
}
static void do_blacklist(struct supervisor *s, struct control_client *c)
{
    struct json j;
    const char *why;
    begin(c, &j, true);
    if (lists_command(s, c, &j, &why))
        end(c, &j);
    else
        refuse(c, why);
}
static void do_rules(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_rules);
}

static void do_brief(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_brief);
}

static void report_version(struct supervisor *s, struct json *j)
{
    (void)s;
    json_cstr(j, "version", RIPOSTE_VERSION);
}
static void do_version(struct supervisor *s, struct control_client *c)
{
    cmd_report(s, c, report_version);
}

static void do_reload(struct supervisor *s, struct control_client *c)
{
    /* It may fail before it returns: the client must be known by then. */
    c->waits = s->reload.request + 1;
    (void)sup_reload(s);
}

static void do_reopen(struct supervisor *s, struct control_client *c)
{
    struct json j;
    c->waits_reopen = true;
    if (s->logger.state == PROC_RUNNING &&
        !msg_send(s->logger.channel, MSG_REOPEN, NULL, 0, NULL, 0))
        return;
    c->waits_reopen = false;
    control_audit(c, "reopen", (struct str){0}, "failed: the logger is not running");
    begin(c, &j, false);
    json_cstr(&j, "error", "the logger is not running");
    end(c, &j);
}

static void do_shutdown(struct supervisor *s, struct control_client *c)
{
    struct json j;
    s->stop = true;
    begin(c, &j, true);
    end(c, &j);
    control_audit(c, "shutdown", (struct str){0}, "begun");
}

static const struct command {
    const char *name;
    void (*f)(struct supervisor *s, struct control_client *c);
    const char *help;
} commands[] = {
    {"status", do_status, "processes, interfaces, policy"},
    {"brief", do_brief, "state and load in a few numbers (ctl top)"},
    {"stats", do_stats, "counters of capture, engine and logger"},
    {"losses", do_losses, "everything that was lost, with stage and reason"},
    {"flows", do_flows, "flows, newest packet first: flows [host A] [port N] [tcp] [limit N] ..."},
    {"responses", do_responses, "what was answered, by rule: injected, died, lived, leaked ..."},
    {"costs", do_costs, "what rules cost, the dearest first: costs [limit N]"},
    {"blacklist", do_blacklist, "blacklist list | add ENTRY | del ENTRY | clear | export"},
    {"rules", do_rules, "what is loaded, and what was refused and why"},
    {"reload", do_reload, "read configuration and rules anew; waits, and says what changed"},
    {"reopen", do_reopen, "open log files anew, after they were moved away"},
    {"shutdown", do_shutdown, "end"},
    {"version", do_version, "of the program that runs"},
};

static void unknown(struct control_client *c, const char *name)
{
    struct json j;
    char text[128];
    begin(c, &j, false);
    snprintf(text, sizeof(text), "there is no command \"%.60s\"", name);
    json_cstr(&j, "error", text);
    json_array(&j, "commands");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        json_open(&j, NULL);
        json_cstr(&j, "name", commands[i].name);
        json_cstr(&j, "help", commands[i].help);
        json_close(&j);
    }
    json_array_end(&j);
    end(c, &j);
}

static void stray(struct control_client *c, const char *command, const char *more)
{
    char text[160];
    snprintf(text, sizeof(text), "%s takes no words: \"%.*s\" is not understood", command,
             (int)(strcspn(more, "\r\n") < 60 ? strcspn(more, "\r\n") : 60), more);
    refuse(c, text);
}

static void request(struct supervisor *s, struct control_client *c)
{
    char *word = c->in + strspn(c->in, " \t\r\n");
    size_t n = strcspn(word, " \t\r\n");
    c->words = word + n + (word[n] != 0);
    word[n] = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(word, commands[i].name)) {
            const char *more = c->words + strspn(c->words, " \t\r\n");
            if (*more && commands[i].f != do_flows && commands[i].f != do_costs && commands[i].f != do_blacklist)
                stray(c, word, more);
            else
                commands[i].f(s, c);
            return;
        }
    unknown(c, word);
}

/* ------------------------------------------------------------------ waiting ones */

void control_reloaded(struct supervisor *s, uint64_t request_number, bool ok)
{
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        struct json j;
        if (c->fd < 0 || !c->waits || c->waits > request_number)
            continue;
        c->waits = 0;
        control_audit(c, "reload", (struct str){0}, ok ? "done" : "refused, all stays as it was");
        begin(c, &j, ok);
        report_reload(s, &j, ok);
        end(c, &j);
    }
}

void control_reopened(struct supervisor *s)
{
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        struct json j;
        if (c->fd < 0 || !c->waits_reopen)
            continue;
        c->waits_reopen = false;
        control_audit(c, "reopen", (struct str){0}, "done");
        begin(c, &j, true);
        end(c, &j);
    }
}

void control_surveyed(struct supervisor *s, uint64_t number, bool ok)
{
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        struct json j;
        if (c->fd < 0 || c->survey != number)
            continue;
        c->survey = 0;
        begin(c, &j, ok);
        if (ok)
            report_survey(s, &j);
        else
            json_cstr(&j, "error", "the engine does not answer");
        end(c, &j);
    }
}

/* ------------------------------------------------------------------ connections */

static void hang_up(struct control_client *c)
{
    close(c->fd);
    sbuf_clear(&c->out);
    c->fd = -1;
    c->n = c->sent = 0;
    c->waits = 0;
    c->waits_reopen = false;
    c->survey = 0;
}

void control_accept(struct supervisor *s)
{
    int fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (unsigned i = 0; i < SUP_CLIENTS; i++)
        if (s->client[i].fd < 0) {
            s->client[i].fd = fd;
            s->client[i].n = s->client[i].sent = 0;
            s->client[i].since_ns = sup_now();
            return;
        }
    close(fd);
}

static void take_input(struct supervisor *s, struct control_client *c)
{
    ssize_t n = recv(c->fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool over = n <= 0;
    if (n > 0)
        c->n += (size_t)n;
    c->in[c->n] = 0;
    bool waiting = c->waits || c->waits_reopen || c->survey;
    if (waiting) {
        if (over)
            hang_up(c);
        c->n = 0;
        return;
    }
    if (memchr(c->in, '\n', c->n) || (over && c->n))
        request(s, c);
    else if (over || c->n == sizeof(c->in) - 1)
        hang_up(c);
}

static void give_output(struct control_client *c)
{
    ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->out.n)
        hang_up(c);
}

void control_serve(struct supervisor *s, struct control_client *c, short events)
{
    (void)events;
    if (c->sent >= c->out.n)
        take_input(s, c);
    if (c->fd >= 0 && c->sent < c->out.n)
        give_output(c);
}

void control_tick(struct supervisor *s)
{
    uint64_t now = sup_now();
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        bool waiting = c->waits || c->waits_reopen || c->survey;
        if (c->fd >= 0 && now - c->since_ns > (waiting ? WAIT_MOST : IDLE_MOST))
            hang_up(c);
    }
}

/* ------------------------------------------------------------------ the socket */

static int address(const char *path, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a->sun_path))
        return -ENAMETOOLONG;
    strncpy(a->sun_path, path, sizeof(a->sun_path) - 1);
    return 0;
}

/* The process that answers there; 0: none, -1: one that can't be named. */
static pid_t who_listens(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct ucred peer = {.pid = 0};
    socklen_t n = sizeof(peer);
    pid_t pid = 0;
    if (fd >= 0 && !connect(fd, (const struct sockaddr *)a, sizeof(*a)))
        pid = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) && peer.pid > 0 ? peer.pid : -1;
    if (fd >= 0)
        close(fd);
    return pid;
}

/* *holder: of -EADDRINUSE, who_listens there. */
static int listen_at(struct supervisor *s, const char *path, pid_t *holder)
{
    struct sockaddr_un a;
    struct stat st;
    int rc = address(path, &a);
    if (rc)
        return rc;
    if (!lstat(path, &st)) {
        if (!S_ISSOCK(st.st_mode))
            return -EEXIST;
        if ((*holder = who_listens(&a)) != 0)
            return -EADDRINUSE;
        (void)unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mode_t old = umask(0177);
    rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8) ? -errno : 0;
    (void)umask(old);
    if (rc) {
        close(fd);
        return rc;
    }
    s->control_fd = fd;
    snprintf(s->control, sizeof(s->control), "%s", path);
    return 0;
}

int control_open(struct supervisor *s)
{
    const char *path = conf_str(s->conf, "control.socket"), *name = conf_str(s->conf, "vips.name");
    char made[256];
    pid_t holder = 0;
    int rc;
    if (path && *path) {
        rc = listen_at(s, path, &holder);
    } else {
        (void)mkdir("/run/riposte", 0755);
        path = made;
        snprintf(made, sizeof(made), "/run/riposte/%.80s.sock", name);
        rc = strchr(name, '/') ? -EINVAL : listen_at(s, made, &holder);
        if (rc == -EADDRINUSE) { /* another sensor of that name */
            snprintf(made, sizeof(made), "/run/riposte/%.80s-%ld.sock", name, (long)getpid());
            rc = listen_at(s, made, &holder);
            if (!rc)
                diag_add(
                    &s->diags, DIAG_WARNING, NULL, 0, 0, "--name gives each its own",
                    "another sensor is called \"%.80s\" (process %ld): events of both have that "
                    "name; the control socket of this one is %s",
                    name, (long)holder, made);
        }
    }
    if (rc)
        diag_add(&s->diags, DIAG_ERROR, path, 0, 0,
                 rc == -EADDRINUSE
                     ? "another sensor runs there; --set control.socket=PATH takes another place"
                 : (rc == -EACCES || rc == -EPERM) && geteuid()
                     ? "a sensor is started by root and gives its rights up itself"
                     : "--set control.socket=PATH takes another place",
                 "the control socket can't be made: %s", strerror(-rc));
    return rc;
}

void control_close(struct supervisor *s)
{
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        if (c->fd >= 0 && c->sent < c->out.n)
            give_output(c);
        if (c->fd >= 0)
            hang_up(c);
    }
    if (s->control_fd >= 0) {
        close(s->control_fd);
        (void)unlink(s->control);
    }
    s->control_fd = -1;
}
