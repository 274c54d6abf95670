/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: one thread, one poll loop (sensor.c), in it a struct supervisor for each virtual IPS.  It holds
 * nothing that it can't make again from the configuration; it parses no traffic, no rules and no events.
 */
#ifndef SENSOR_SUPERVISOR_H
#define SENSOR_SUPERVISOR_H

#include "base/log.h"
#include "base/sbuf.h"
#include "capture/gate/gate.h"
#include "capture/share/share.h"
#include "sensor/notify.h"
#include "sensor/place.h"
#include "sensor/role.h"

enum {
    SUP_CLIENTS = 16,
    SUP_REFUSALS = 200, /* kept for `ctl rules` */
    SUP_NOTES = 64,     /* lines about what a reload changed */
    SUP_ROWS = 2000,    /* of one survey */
    WIRE_THREADS = 2,   /* of an engine in the wire, watched */
};

struct gate;
struct nft;
enum proc_state { PROC_NONE, PROC_STARTING, PROC_RUNNING, PROC_STOPPING };
struct proc {
    enum role role;
    enum proc_state state;
    pid_t pid;
    int pidfd, channel;  /* -1: none */
    uint64_t started_ns; /* monotonic */
    uint64_t restart_ns; /* when to start it again; 0: not */
    uint64_t backoff_ns;
    uint64_t restarts;
    char last_end[64]; /* "exit 1", "signal 9" */
    bool wanted;
};

/* What the engine of one generation uses; duplicates stay here. */
struct generation {
    uint32_t number; /* 0: none */
    unsigned workers, ifaces;
    int ring[SENSOR_WORKERS];
    int capture[SENSOR_WORKERS][CAPTURE_IFACES];
    int response[SENSOR_WORKERS][3];
};

enum reload_state { RELOAD_NONE, RELOAD_COMPILING, RELOAD_SWAPPING };
struct refusal {
    char *file, *reason, *hint;
    uint32_t line, column, sid;
};
struct reload {
    enum reload_state state;
    uint64_t request;
    uint64_t began_ns;
    struct conf *conf; /* the new one, until it is taken up; at the start the only one */
    const struct conf *current;
    int conf_fd, image_fd; /* image_fd: on its way to the engine */
    bool queued;           /* waits for its turn to compile */
    char build[4096];
    char error[512];
    struct sbuf settings; /* JSON: live and restart settings that changed */
    bool again;           /* asked for once more meanwhile */
};
/* Values of all settings, in the table's order. */
struct setting_list {
    char **value;
    size_t n, room;
};
struct rules_report {
    struct msg_compiled sum;
    struct refusal refusal[SUP_REFUSALS];
    unsigned n_refusals, n_warnings, n_errors, n_lines;
    uint64_t n_rules, n_enabled;
    bool told;
};

struct control_client {
    int fd; /* -1: free */
    char in[SENSOR_CONTROL_MAX];
    size_t n;
    const char *words; /* behind the command, in `in` */
    struct sbuf out;
    size_t sent;
    uint64_t waits; /* for the end of this reload request; 0: not */
    bool waits_reopen;
    uint64_t survey; /* its question to the workers; 0: none */
    enum survey_kind survey_kind;
    struct flow_query query;
    uint64_t since_ns;
};

struct sup_survey {
    uint64_t request, last, since_ns, since_cycles, seen;
    enum survey_kind kind;
    struct flow_query query;
    void *rows; /* struct flow_row or response_row */
    uint32_t n, unheard;
    bool busy;
};

/* The process, and what all its virtual IPSs have in common (sensor.c). */
struct seat {
    struct supervisor *s; /* NULL: it could not be started, or has ended */
    char name[MSG_SCOPE];
    uint64_t retry_ns, wait_ns; /* when to try again; how long it is waited in between */
    bool tried;                 /* it ran, or failed to: nobody needs to wait for it */
    bool ended;                 /* somebody ended it */
};
/* A wire, or a mirror port that several share (sup_trunk.c). */
enum { TRUNKS = 1024 };
struct trunk {
    struct share *share; /* NULL: one virtual IPS has it alone */
    char port[PAIR_ENDS][MSG_NAME];
    unsigned ports;   /* 1: a mirror port; 2: a wire */
    unsigned planned; /* how many ask for it, and who */
    uint64_t planned_by[CONF_VIPS / 64];
    unsigned users; /* that stand in the wire */
    struct wire_bridge bridge;
    int lock[PAIR_ENDS];
    unsigned index[PAIR_ENDS]; /* of the port that the gate was put at */
    bool down[PAIR_ENDS];      /* taken down with its twin (sup_loss.c) */
    uint64_t up_ns[PAIR_ENDS]; /* when it was put up again */
};
/* A worker that may have to give way (sup_hogs.c). */
struct hog {
    pid_t tid;
    uint64_t spent_ns;
    unsigned quiet; /* looks in a row at which it took little */
    bool gives_way;
};
struct watch;
struct pollfd;
struct sensor {
    const struct sensor_options *o;
    struct conf *conf; /* as it was read: before one was chosen */
    struct seat seat[CONF_VIPS];
    unsigned n;
    bool several; /* there is a list of them, of one maybe */
    struct proc template_; /* of engines and loggers; PROC_NONE: none */
    struct message answer; /* of the template */
    struct trunk *trunk[TRUNKS];
    unsigned n_trunks;
    uint64_t look_ns; /* when trunks are looked at next */
    int signal_fd, ready_fd, pid_fd;
    struct notify notify; /* to systemd */
    int log_fd, log_dir; /* our own log when in the background, and its folder; -1: none */
    char pidfile[4096];
    struct pollfd *poll;
    struct watch *watch;
    unsigned n_watched, watch_room;
    bool stop;
    int exit_status;
};

struct supervisor {
    struct sensor *sensor;
    const struct sensor_options *o;
    const char *name; /* of virtual-ips; NULL: there is no such list */
    unsigned seat;    /* its number among them */
    struct trunk *trunk[CAPTURE_IFACES]; /* by interface; NULL: its sockets are its own affair */
    struct arena arena; /* of diags, emptied after each was told */
    struct diags diags;
    struct conf *conf;
    int conf_fd;
    struct setting_list began; /* when the sensor started */
    struct port_plan plan;
    struct msg_setup setup;
    char cache[4096];
    struct proc engine, logger, compiler;
    struct engine_page *page;
    struct logger_page *log_page;
    int page_fd, log_page_fd, dir_fd;
    struct generation now, old;               /* old: its rings wait for the logger */
    int image_fd;
    uint64_t version; /* of the policy */
    struct reload reload;
    struct rules_report rules, last_rules; /* in use; of the last compilation */
    struct msg_swapped swapped;
    uint32_t dead; /* interfaces that are away */
    uint64_t dead_look_ns, dead_seen;
    uint32_t port_index[CAPTURE_IFACES];       /* what the sockets of an interface are bound to; 0: nothing */
    char port_called[CAPTURE_IFACES][MSG_NAME]; /* its name now, if it has another one than it was opened by */
    uint32_t links_gone; /* interfaces that are not there */
    uint64_t links_down; /* interfaces without link or set down; bit CAPTURE_IFACES: the response port */
    uint64_t links_look_ns;
    uint32_t response_index; /* of the port that the sending sockets are bound to */
    bool response_gone, response_renamed;
    uint64_t lost_frames;             /* in the rings of engines that died */
    struct worker_counts past, ended; /* sums of engines that ended; of the last one */
    struct logger_counters past_log;
    struct wire *wire; /* NULL: mirror ports */
    struct hog hog[SENSOR_WORKERS];
    unsigned n_hogs;
    uint64_t hogs_look_ns, hogged; /* how often one had to give way */
    struct blacklist *list; /* its block is mapped by every engine */
    void *list_block;
    size_t list_bytes;
    int list_fd;
    struct nft *nft; /* the blacklist in the packet filter; NULL: not */
    struct queue_rules *queue_rules; /* that were set; NULL: none */
    int control_fd;
    int link_fd; /* the kernel tells here that some link has changed */
    int hush_fd; /* as long as it is open the kernel says nothing through our ports; -1: it can't be asked to */
    char control[4096];
    struct control_client client[SUP_CLIENTS];
    struct sup_survey survey;
    struct worker_counts sum; /* room for reports */
    struct message message;
    uint64_t started_ns, started_wall_ns, stalled_told_ns;
    bool running; /* has been up once: from now on nothing is fatal */
    bool stop, failed, finished_test;
    int exit_status;
};

/* sup_house.c */
int house_background(struct sensor *x) MUST_CHECK;   /* the child goes on; its parent ends with what house_ready says */
void house_ready(struct sensor *x, char status);     /* from now on our log is a file, if in the background */
int house_pid_file(struct sensor *x, struct diags *d) MUST_CHECK;
void house_reopen(struct sensor *x);
/* sensor.c */
void sensor_scope(const struct supervisor *s); /* whose lines of the log follow; NULL: the sensor's own */
enum log_level sensor_level(const struct conf *c);
void sensor_give_log(struct sensor *x, struct proc *p); /* a child that runs gets the log that we have now */

/* supervisor.c: one virtual IPS */
struct supervisor *supervisor_new(struct sensor *sensor, unsigned seat, const char *name); /* name: NULL, or it stays the caller's */
int supervisor_configure(struct supervisor *s) MUST_CHECK; /* nothing is opened: -EINVAL, -ENODEV: a port is away */
int supervisor_open(struct supervisor *s) MUST_CHECK;      /* files, ports, wires */
void supervisor_reap(struct supervisor *s);
void supervisor_tick(struct supervisor *s);
void supervisor_reopen(struct supervisor *s);
void supervisor_stop(struct supervisor *s); /* tells them; does not wait */
void supervisor_finish(struct supervisor *s);
void supervisor_free(struct supervisor *s);
void supervisor_test_result(struct supervisor *s);
void sensor_tell(const struct diags *d, enum diag_level least); /* to the log: those of that level and worse */
void sup_tell(struct supervisor *s); /* diags to the log */
void sup_fail(struct supervisor *s, const char *why);
uint64_t sup_now(void);

/* sup_child.c */
int proc_spawn(struct proc *p) MUST_CHECK;
void proc_close(struct proc *p); /* channel and pidfd */
bool proc_reap(struct proc *p);  /* it has ended: fills last_end */
void proc_kill(struct proc *p);
void proc_backoff(struct proc *p); /* sets restart_ns */
int sup_start_logger(struct supervisor *s) MUST_CHECK;
int sup_start_engine(struct supervisor *s) MUST_CHECK;
int sup_start_compiler(struct supervisor *s, struct conf *c, int conf_fd) MUST_CHECK;
void sup_ended(struct supervisor *s, struct proc *p);
void sup_message(struct supervisor *s, struct proc *p);

/* sup_template.c */
void template_start(struct sensor *x);
void template_end(struct sensor *x);
int template_child(struct sensor *x, struct proc *p, int channel) MUST_CHECK; /* negative: there is none, or it can't */

/* sup_ports.c */
int ports_prepare(struct supervisor *s) MUST_CHECK; /* silence, masks: once */
int generation_open(struct supervisor *s)
    MUST_CHECK; /* s->now anew, the old one kept for its rings */
void generation_close(struct supervisor *s, struct generation *g, bool rings);
int generation_send(struct supervisor *s, int channel) MUST_CHECK; /* to an engine */
void ports_hush(struct supervisor *s); /* again when a port turns out to be the host's own */
void ports_lost(struct supervisor *s, uint32_t mask);
void ports_look(struct supervisor *s); /* are dead ones there again? */

/* sup_wire.c: bridges and the gate; nothing where there is no pair */
int wire_prepare(struct supervisor *s) MUST_CHECK;
int wire_options(struct supervisor *s, unsigned iface, struct capture_live_options *o) MUST_CHECK; /* of a port's socket */
const struct gate *wire_gate(const struct supervisor *s);
int wire_gate_at(struct supervisor *s, struct trunk *t, unsigned end) MUST_CHECK;
int wire_socket(struct supervisor *s, unsigned iface, unsigned queue, unsigned worker) MUST_CHECK; /* AF_XDP */
uint64_t wire_taken(const struct supervisor *s); /* AF_XDP: frames given to sockets of this generation */
void wire_generation(struct supervisor *s);      /* a new one begins */
uint64_t wire_too_long(const struct supervisor *s);
int wire_send(struct supervisor *s, int channel) MUST_CHECK;                   /* the gate, to an engine */
int wire_ports_there(struct supervisor *s) MUST_CHECK;
int wire_port_back(struct supervisor *s, unsigned iface) MUST_CHECK;
void wire_began(struct supervisor *s);
void wire_engine_ready(struct supervisor *s);
unsigned wire_watched(const struct supervisor *s, int fd[WIRE_THREADS]); /* can be read: the engine is gone */
void wire_engine_gone(struct supervisor *s); /* the kernel forwards at once */
void wire_end(struct supervisor *s);
void report_wire(struct supervisor *s, struct json *j);
/* Frames that went on without us, and those that did not. */
uint64_t wire_bridged(const struct supervisor *s, uint64_t *dropped, uint64_t *between);

/* sup_loss.c */
void loss_look(struct supervisor *s);
void loss_end(struct trunk *t);
/* sup_hogs.c */
void hogs_engine_ready(struct supervisor *s);
void hogs_tick(struct supervisor *s);
/* sup_trunk.c */
int trunks_plan(struct supervisor *s) MUST_CHECK; /* who shares what; nothing is opened.  -EINVAL, told */
void trunks_rings(struct supervisor *s);          /* after all have planned */
void trunks_free(struct sensor *x);
int trunk_lock(struct supervisor *s, struct trunk *t) MUST_CHECK;
int trunk_up(struct supervisor *s, struct trunk *t) MUST_CHECK;
void trunk_down(struct supervisor *s, struct trunk *t);
int trunk_port_back(struct supervisor *s, struct trunk *t, unsigned end) MUST_CHECK;
int trunk_options(struct supervisor *s, unsigned iface, struct capture_live_options *o) MUST_CHECK;
bool trunk_is_shared(const struct supervisor *s, unsigned iface);
int trunk_joined(struct supervisor *s, unsigned iface, unsigned worker, int fd) MUST_CHECK; /* a new socket's place in the group */
void trunk_left(struct supervisor *s, unsigned iface, int fd);  /* it is about to be closed */
void trunks_look(struct sensor *x);
void trunks_counters(const struct supervisor *s, struct share_counters *sum); /* of the trunks that it shares */
/* sup_list.c: the blacklist */
int lists_prepare(struct supervisor *s) MUST_CHECK;
void lists_never(struct supervisor *s); /* the never-block list anew */
int lists_send(struct supervisor *s, int channel) MUST_CHECK;
void lists_engine_gone(struct supervisor *s);
void lists_end(struct supervisor *s);
/* The words behind `blacklist`; false: *why is what they should be. */
bool lists_command(struct supervisor *s, struct control_client *c, struct json *j, const char **why);
/* sup_nft.c: the blacklist in the host's packet filter */
int nft_prepare(struct supervisor *s) MUST_CHECK;
void nft_tick(struct supervisor *s);
void nft_end(struct supervisor *s);
/* sup_queue.c: NFQUEUE; nothing where there is none */
int queue_open(struct supervisor *s) MUST_CHECK; /* sockets of a generation */
void queue_release(struct supervisor *s);        /* what waits in the queues passes */
int queue_up(struct supervisor *s, const struct gate *g) MUST_CHECK; /* the rules that feed them */
void queue_down(struct supervisor *s);
void report_queues(struct json *j, const struct supervisor *s);

/* sup_links.c */
void links_began(struct supervisor *s); /* the sockets of a generation are open */
void links_opened(struct supervisor *s, unsigned iface); /* or those of one interface, by its name */
void links_listen(struct supervisor *s); /* without it they are looked at each second */
void links_heard(struct supervisor *s);  /* the kernel told: looked at on this turn */
void links_look(struct supervisor *s);
void links_now(struct supervisor *s); /* also when it is not time yet */
bool link_is_there(const struct supervisor *s, unsigned iface);
bool link_is_up(const struct supervisor *s, unsigned iface);
bool link_response_up(const struct supervisor *s);

/* sup_reload.c */
struct conf *sup_configure(struct supervisor *s);
int sup_compile(struct supervisor *s, struct conf *c) MUST_CHECK; /* c is taken; it waits for its turn */
void sup_compile_now(struct supervisor *s);
uint64_t sup_reload(struct supervisor *s);                        /* the request's number */
void sup_compiled(struct supervisor *s, const struct msg_compiled *c);
void sup_compiler_ended(struct supervisor *s);
void sup_swapped(struct supervisor *s, const struct msg_swapped *x);
void sup_reload_failed(struct supervisor *s, const char *why);
void sup_diag(struct supervisor *s, struct proc *p, const struct message *m);
void sup_rule_file(struct supervisor *s, const struct message *m);
void rules_report_done(struct rules_report *r);
void setting_list_done(struct setting_list *l);

/* control.c */
int control_open(struct supervisor *s) MUST_CHECK;
void control_close(struct supervisor *s);
void control_accept(struct supervisor *s);
void control_serve(struct supervisor *s, struct control_client *c, short events);
void control_tick(struct supervisor *s);
void control_reloaded(struct supervisor *s, uint64_t request, bool ok);
/* A line of the log for each change: what, with which words, what came of it, and who (control_audit.c). */
void control_audit(const struct control_client *c, const char *what, struct str more, const char *result);
void control_reopened(struct supervisor *s);
void control_surveyed(struct supervisor *s, uint64_t request, bool ok);

/* sup_survey.c: what only workers know */
void survey_ask(struct supervisor *s, struct control_client *c, enum survey_kind kind,
                const struct flow_query *q);
void survey_take(struct supervisor *s, const struct message *m);
void survey_tick(struct supervisor *s);
void report_survey(struct supervisor *s, struct json *j);

/* control_report.c: JSON of `ctl` commands */
void report_status(struct supervisor *s, struct json *j);
void report_brief(struct supervisor *s, struct json *j);
void report_stats(struct supervisor *s, struct json *j);
void report_losses(struct supervisor *s, struct json *j);
void report_flows(struct supervisor *s, struct json *j);
void report_rules(struct supervisor *s, struct json *j);
void report_reload(struct supervisor *s, struct json *j, bool ok);
/* Sum of all workers; false: no engine has told yet. */
bool counts_sum(struct supervisor *s, struct worker_counts *sum);
void counts_past(struct supervisor *s); /* the engine has ended: keep its sums */
void report_log(struct supervisor *s);  /* SIGUSR1: a line for the log */

#endif
