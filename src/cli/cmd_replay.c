/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte replay: capture files through the engine. Options as Suricata's users know them. */
#include "cli/about.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/load.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "engine/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MOST = 64 };
struct args {
    const char *capture, *config, *out_dir, *firewall, *data_dir, *summary, *bpf, *bpf_file, *csum_word,
        *dialect_word, *format_word, *runmode, *live, *vips;
    struct texts only, more, set, habit;
    uint64_t workers;
    struct about_args about;
    bool test, simulate, fatal, no_cache, recursive, quiet, verbose, delete_after, follow, help;
    /* made of them */
    int csum;
    enum rule_dialect dialect;
    enum conf_format format;
    char *filter;
};
#define AT(member) offsetof(struct args, member)
static const struct opt rows[] = {
    {"r", "read", "CAPTURE", OPT_TEXT, AT(capture), "capture file (pcap, pcapng; also .gz, .xz) or folder, - for standard input"},
    {"c", "config", "FILE", OPT_TEXT, AT(config), "configuration: ours, a suricata.yaml or a snort.conf"},
    {"S", NULL, "FILE", OPT_LIST, AT(only), "load exactly this rule file (again for more)"},
    {"s", NULL, "FILE", OPT_LIST, AT(more), "load this rule file besides those of the configuration"},
    {"l", "log-dir", "DIR", OPT_TEXT, AT(out_dir), "folder of the outputs (default: .)"},
    {"k", NULL, "all|none", OPT_TEXT, AT(csum_word), "verify checksums (default: as configured)"},
    {"T", "test", NULL, OPT_FLAG, AT(test), "test configuration and rules, then end"},
    {"F", NULL, "FILE", OPT_TEXT, AT(bpf_file), "BPF filter from a file"},
    {"", "vips", "NAME", OPT_TEXT, AT(vips), "of a configuration with virtual-ips: this one's"},
    {"", "set", "KEY=VALUE", OPT_LIST, AT(set), "override a setting"},
    {"", "simulate-ips", NULL, OPT_FLAG, AT(simulate), "treat the capture as inline traffic; writes forwarded.pcap"},
    {"", "init-errors-fatal", NULL, OPT_FLAG, AT(fatal), "a rule that can't be loaded ends the run"},
    {"", "workers", "N", OPT_NUMBER, AT(workers), "worker threads (default 1; 0: one a core that may be used); the events are the same for any number"},
    {"", "pcap-file-recursive", NULL, OPT_FLAG, AT(recursive), "also the folders inside the folder"},
    {"", "pcap-file-delete", NULL, OPT_FLAG, AT(delete_after), "delete each capture file when it was read whole"},
    {"", "pcap-file-continuous", NULL, OPT_FLAG, AT(follow), "of a folder: wait for new files, until SIGINT or SIGTERM"},
    {"", "dialect", "D", OPT_TEXT, AT(dialect_word), "snort2, snort3, suricata (default: by file)"},
    {"", "config-format", "F", OPT_TEXT, AT(format_word), "riposte, suricata, snort (default: by its marks)"},
    {"", "summary", "FILE", OPT_TEXT, AT(summary), "one JSON object about the run"},
    {"", "data-dir", "DIR", OPT_TEXT, AT(data_dir), "folder of saved data sets"},
    {"", "firewall-rules-exclusive", "FILE", OPT_TEXT, AT(firewall), "firewall rules"},
    {"", "no-cache", NULL, OPT_FLAG, AT(no_cache), "compile the rules anew"},
    {"", "bpf", "FILTER", OPT_TEXT, AT(bpf), "BPF filter (or the words behind the options)"},
    {"", "runmode", "MODE", OPT_TEXT, AT(runmode), "single, workers or autofp: there is one way to replay"},
    {"q", NULL, NULL, OPT_FLAG, AT(quiet), "fewer messages"},
    {"v", "verbose", NULL, OPT_FLAG, AT(verbose), "more messages"},
    ABOUT_ROWS(AT(about)),
    {"h", "help", NULL, OPT_FLAG, AT(help), "this text"},
    {"", NULL, NULL, OPT_HEAD, 0, "Taken and without meaning here:"},
    {"", "pidfile", "FILE", OPT_EMPTY, AT(habit), "a replay ends by itself"},
    {"D", "daemon", NULL, OPT_EMPTY, AT(habit), "a replay stays in the foreground"},
    {"", "user", "USER", OPT_EMPTY, AT(habit), "a replay runs as who starts it"},
    {"", "group", "GROUP", OPT_EMPTY, AT(habit), "a replay runs as who starts it"},
    {"", "pcap-buffer-size", "N", OPT_EMPTY, AT(habit), "files are mapped"},
    {"i", "interface", "IF", OPT_ABSENT, 0, "riposte run -i IF watches a port"},
    {"", "af-packet", "IF", OPT_ABSENT, 0, "riposte run -i IF watches a port"},
    {"", "pcap", "IF", OPT_ABSENT, 0, "riposte run --pcap=IF watches a port"},
    ABSENT_ROWS,
};
static const char usage[] = "usage: riposte replay -r CAPTURE [options] [BPF filter]\n\n"
                            "Capture files through the engine, one after the other.\n"
                            "SIGINT and SIGTERM end it in order (again: at once), SIGHUP opens the outputs anew.";

const struct opt *replay_options(size_t *n, const char **text)
{
    *n = ARRAY_LEN(rows);
    *text = usage;
    return rows;
}

static int bad(const char *what, const char *value)
{
    log_at(LOG_AT_ERROR, "replay", "%s%s%s (riposte replay --help lists the options)", what, value ? ": " : "",
           value ? value : "");
    return -EINVAL;
}

static int format_of(const char *s, enum conf_format *out)
{
    static const struct {
        const char *name;
        enum conf_format f;
    } row[] = {{"auto", CONF_FORMAT_AUTO}, {"riposte", CONF_FORMAT_RIPOSTE}, {"suricata", CONF_FORMAT_SURICATA}, {"snort", CONF_FORMAT_SNORT}};
    for (unsigned k = 0; k < ARRAY_LEN(row); k++)
        if (!strcmp(row[k].name, s)) {
            *out = row[k].f;
            return 0;
        }
    return bad("--config-format takes riposte, suricata or snort", s);
}

/* Comments as in Snort's files: from # to the end of the line. */
static char *filter_read(const char *path)
{
    FILE *f = fopen(path, "re");
    struct sbuf b;
    char part[1024];
    if (!f) {
        (void)bad("-F: the filter can't be read", path);
        return NULL;
    }
    sbuf_init(&b);
    while (fgets(part, sizeof(part), f)) {
        part[strcspn(part, "#")] = 0;
        sbuf_cstr(&b, part);
        sbuf_byte(&b, ' ');
    }
    (void)fclose(f);
    const char *z = sbuf_z(&b);
    char *out = z ? strdup(z) : NULL;
    sbuf_done(&b);
    return out;
}

/* That this process may use. */
static unsigned cores(void)
{
    cpu_set_t may;
    int n = sched_getaffinity(0, sizeof(may), &may) ? 1 : CPU_COUNT(&may);
    return n < 1 ? 1 : n > WORKERS_MOST ? WORKERS_MOST : (unsigned)n;
}

static int values(struct args *a)
{
    static const char *const modes[] = {"single", "workers", "autofp"};
    bool known = !a->runmode;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        known |= a->runmode && !strcmp(a->runmode, modes[i]);
    int dialect = a->dialect_word ? rule_dialect_find(str_cstr(a->dialect_word)) : DIALECT_AUTO;
    if (!known)
        return bad("--runmode takes single, workers or autofp", a->runmode);
    if (a->csum_word && strcmp(a->csum_word, "all") && strcmp(a->csum_word, "none"))
        return bad("-k takes all or none", a->csum_word);
    if (a->workers > WORKERS_MOST)
        return bad("--workers takes 1 to 64, or 0 for one a core", NULL);
    if (dialect < 0)
        return bad("--dialect takes snort2, snort3 or suricata", a->dialect_word);
    a->csum = a->csum_word ? !strcmp(a->csum_word, "all") : -1;
    a->dialect = (enum rule_dialect)dialect;
    a->workers = a->workers ? a->workers : cores();
    a->out_dir = a->out_dir ? a->out_dir : ".";
    return a->format_word ? format_of(a->format_word, &a->format) : 0;
}

static int parse(struct args *a, int argc, char **argv)
{
    struct texts rest = {.n = 0};
    struct stat st;
    unsigned readers = 0;
    for (int i = 1; i < argc; i++)
        readers += !strcmp(argv[i], "-r");
    int rc = readers > 1 ? bad("-r stands more than once; give a folder", NULL) : 0;
    if (!rc)
        rc = options_parse("replay", rows, ARRAY_LEN(rows), a, argc, argv, &rest);
    if (rc || a->help)
        return rc;
    rc = values(a);
    if (rc || about_asked(&a->about))
        return rc;
    if (a->verbose)
        log_set_level(LOG_AT_DEBUG);
    for (unsigned i = 0; i < a->habit.n && !a->quiet; i++)
        log_at(LOG_AT_WARNING, "replay", "without meaning here: %s%s", strlen(a->habit.v[i]) == 1 ? "-" : "--",
               a->habit.v[i]);
    if (a->bpf_file && !(a->filter = filter_read(a->bpf_file)))
        return -EINVAL;
    if (!a->filter && rest.n) /* the words that are left are the filter */
        a->filter = launch_join(&rest);
    if (!a->bpf)
        a->bpf = a->filter;
    if (!a->capture && !a->test)
        return bad("-r CAPTURE is missing", NULL);
    if (a->follow && a->capture && (stat(a->capture, &st) || !S_ISDIR(st.st_mode)))
        return bad("--pcap-file-continuous is for -r FOLDER", a->capture);
    return 0;
}

static struct conf *configuration(const struct args *a, struct diags *d)
{
    struct conf *c = conf_new();
    int rc = c ? 0 : -ENOMEM;
    if (!rc)
        rc = a->config ? conf_load(c, a->config, a->format, d) : conf_load_stock(c);
    for (unsigned k = 0; k < a->set.n && !rc; k++)
        rc = conf_set(c, a->set.v[k], d);
    if (!rc)
        rc = load_vips(c, a->vips, d);
    /* What rules keep goes with the other outputs, unless somebody says where. */
    const char *data = a->data_dir ? a->data_dir : !rc && !conf_str(c, "data-dir") ? a->out_dir : NULL;
    if (!rc && data) {
        char set[4200];
        snprintf(set, sizeof(set), "data-dir=%s", data);
        rc = conf_set(c, set, d);
    }
    if (!rc && a->firewall)
        rc = conf_set(c, "firewall.enabled=yes", d);
    if (!rc && (a->config || a->only.n || a->more.n))
        rc = launch_types(c, a->only.v, a->only.n, a->more.v, a->more.n, d);
    if (rc) {
        if (!d->errors)
            diag_add(d, DIAG_ERROR, a->config, 0, 0, NULL, "the configuration can't be read: %s", strerror(-rc));
        conf_free(c);
        return NULL;
    }
    return c;
}

/* Records of one event go to several outputs: they are counted by output, beside the events. */
static void output_summary(void *ctx, const char *path, uint64_t written, uint64_t lost)
{
    struct json *j = ctx;
    json_open(j, NULL);
    json_cstr(j, "path", path);
    json_u64(j, "records", written + lost);
    json_u64(j, "written", written);
    json_u64(j, "lost", lost);
    json_close(j);
}

/* Each output that lost is named. */
static void output_error(void *ctx, const char *path, uint64_t written, uint64_t lost)
{
    uint64_t *sum = ctx;
    *sum += lost;
    if (lost)
        log_at(LOG_AT_ERROR, "replay", "%s: %llu of %llu records are lost", path, (unsigned long long)lost,
               (unsigned long long)(written + lost));
}

static int summary(const struct args *a, const struct replay_result *r, const struct logger *l, double load_s)
{
    struct rusage self, child;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &child);
    long rss = self.ru_maxrss > child.ru_maxrss ? self.ru_maxrss : child.ru_maxrss;
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_u64(&j, "packets", r->packets);
    json_u64(&j, "bytes", r->bytes);
    json_u64(&j, "workers", a->workers);
    json_u64(&j, "events", r->events);
    json_u64(&j, "alerts", r->alerts);
    json_u64(&j, "events_lost", r->lost);
    json_array(&j, "outputs");
    logger_outputs(l, output_summary, &j);
    json_array_end(&j);
    json_double(&j, "load_seconds", load_s);
    json_double(&j, "replay_seconds", (double)r->wall_ns / 1e9);
    json_double(&j, "replay_cpu_seconds", (double)r->cpu_ns / 1e9);
    json_u64(&j, "max_rss_bytes", (uint64_t)rss * 1024);
    json_close(&j);
    sbuf_byte(&b, '\n');
    FILE *f = strcmp(a->summary, "-") ? fopen(a->summary, "w") : stdout;
    int rc = 0;
    if (!f || fwrite(b.p, 1, b.n, f) != b.n)
        rc = -errno;
    if (f && f != stdout && fclose(f))
        rc = -errno;
    sbuf_done(&b);
    if (rc)
        log_at(LOG_AT_ERROR, "replay", "%s can't be written: %s", a->summary, strerror(-rc));
    return rc;
}

static const char *eve_name(uint16_t id) { return app_name(id); }

/* One input: its name stands for all its files. */
static const char *input_name(void *ctx, uint64_t pcap_file)
{
    (void)pcap_file;
    return ctx;
}

/* A capture of a sending host has checksums that its card was to make: what that means is said once. */
static void say_checksums(const struct engine_counters *n)
{
    if (n->csum_bad * 2 <= n->packets)
        return;
    log_at(LOG_AT_WARNING, "replay",
           "%llu of %llu packets had bad checksums; `-k none` takes them as they are (a capture made on the sending "
           "host has such)",
           (unsigned long long)n->csum_bad, (unsigned long long)n->packets);
}

/* Files of two runs side by side are taken for those of one. */
static void old_forwarded(const struct args *a)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/forwarded.pcap", a->out_dir);
    if (!a->simulate && !stat(path, &st))
        log_at(LOG_AT_WARNING, "replay", "%s is an earlier run's (--simulate-ips); this one forwards nothing and leaves it as it is", path);
}

/*
 * SIGINT and SIGTERM end the replay in order, at once when they come again; SIGHUP opens the outputs anew.  A thread
 * waits for them; all that come later leave them to it.
 */
struct end {
    _Atomic bool stop, over;
    _Atomic bool reopen;
    pthread_t thread;
    sigset_t wanted, before;
};

/* For the second time: by the default action, which this thread alone lets in. */
static void end_at_once(int which)
{
    sigset_t one;
    signal(which, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, which);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    raise(which);
}

static void *end_wait(void *ctx)
{
    struct end *e = ctx;
    int which;
    while (!sigwait(&e->wanted, &which) && !e->over) {
        if (which == SIGHUP)
            atomic_store(&e->reopen, true);
        else if (which == SIGUSR2)
            log_at(LOG_AT_WARNING, "replay", "SIGUSR2 is ignored: a replay keeps the rules that it began with");
        else if (e->stop)
            end_at_once(which);
        else
            e->stop = true;
    }
    return NULL;
}

static int end_begin(struct end *e)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR2};
    struct sigaction was;
    sigemptyset(&e->wanted);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) /* what is ignored (nohup, a background job) stays so */
        if (sigaction(taken[i], NULL, &was) || was.sa_handler != SIG_IGN || taken[i] == SIGTERM)
            sigaddset(&e->wanted, taken[i]);
    if (pthread_sigmask(SIG_BLOCK, &e->wanted, &e->before))
        return -EINVAL;
    int rc = pthread_create(&e->thread, NULL, end_wait, e);
    if (rc)
        pthread_sigmask(SIG_SETMASK, &e->before, NULL);
    return -rc;
}

static void end_done(struct end *e)
{
    e->over = true;
    pthread_kill(e->thread, SIGTERM);
    pthread_join(e->thread, NULL);
    while (sigtimedwait(&e->wanted, NULL, &(struct timespec){0}) > 0)
        ; /* what came too late to act on kills no more, either */
    pthread_sigmask(SIG_SETMASK, &e->before, NULL);
}

/* By option for a folder; by setting also where one file is read, which has its end. */
static bool follows(const struct args *a, const struct conf *c)
{
    struct stat st;
    return a->follow || (conf_bool(c, "pcap-file.continuous") && a->capture && !stat(a->capture, &st) && S_ISDIR(st.st_mode));
}

/* The folder alone is made: a path that leads nowhere is a mistyped one. */
static int out_dir_make(const char *path)
{
    char above[4200];
    struct stat st;
    int err = mkdir(path, 0755) && errno != EEXIST ? errno : 0;
    if (!err)
        return 0;
    snprintf(above, sizeof(above), "%s", path);
    char *slash = err == ENOENT ? strrchr(above, '/') : NULL;
    while (slash && slash > above && slash[1] == 0) { /* a/b/ is a/b */
        *slash = 0;
        slash = strrchr(above, '/');
    }
    if (slash && slash > above)
        *slash = 0;
    if (slash && slash > above && stat(above, &st))
        log_at(LOG_AT_ERROR, "replay", "-l %s can't be made: %s is not there (`mkdir -p %s` makes both)", path, above, path);
    else
        log_at(LOG_AT_ERROR, "replay", "-l %s can't be made: %s", path, strerror(err));
    return -err;
}

static int replay(const struct args *a, struct conf *c, struct overlay *o, double load_s, struct diags *d)
{
    struct end e = {.stop = false};
    int no_dir = out_dir_make(a->out_dir);
    if (no_dir)
        return no_dir;
    old_forwarded(a);
    static const char *const vips[] = {"default", NULL};
    char capture_name[4096];
    snprintf(capture_name, sizeof(capture_name), "%s", a->capture);
    struct logger_identity id = {.host = conf_str(c, "sensor-name"), .vips = vips, .app_name = eve_name,
                                 .pcap_name = input_name, .ctx = capture_name, .version = RIPOSTE_VERSION,
                                 .claims = !a->config ? CLAIMS_SET : conf_format(c) == CONF_FORMAT_RIPOSTE ? CLAIMS_ALL : CLAIMS_NONE};
    struct logger *l = logger_new(c, a->out_dir, &id, d);
    if (!l)
        return -ENOMEM;
    struct replay_options ro = {
        .capture = a->capture,
        .out_dir = a->out_dir,
        .bpf = a->bpf,
        .workers = (unsigned)a->workers,
        .simulate_ips = a->simulate,
        .recursive = a->recursive || conf_bool(c, "pcap-file.recursive"),
        .check_csum = a->csum,
        .conf = c,
        .overlay = o,
        .logger = l,
        .follow = follows(a, c),
        .delete_done = a->delete_after || conf_bool(c, "pcap-file.delete-when-done"),
        .stop = &e.stop,
        .reopen = &e.reopen,
    };
    bool waits = !end_begin(&e);
    if (ro.follow && !a->quiet)
        log_at(LOG_AT_NOTICE, "replay", "%s is read as it grows, until SIGINT or SIGTERM", a->capture);
    struct replay_result *r = calloc(1, sizeof(*r));
    int rc = r && !d->errors ? replay_run(&ro, r, d) : -EINVAL;
    if (r && logger_last_error(l)) {
        const struct logger_counters *n = logger_counters(l);
        uint64_t lost = 0;
        logger_outputs(l, output_error, &lost);
        log_at(LOG_AT_ERROR, "replay", "%s; %llu writes failed, %llu records are lost", logger_last_error(l),
               (unsigned long long)n->write_errors, (unsigned long long)lost);
        rc = rc ? rc : -EIO; /* the packets went on; the outputs are not whole */
    }
    if (r && !a->quiet && (!rc || r->packets))
        log_at(LOG_AT_NOTICE, "replay", "%llu packets, %llu bytes, %llu alerts, %llu events", (unsigned long long)r->packets,
               (unsigned long long)r->bytes, (unsigned long long)r->alerts, (unsigned long long)r->events);
    if (r)
        say_checksums(&r->counters);
    if (r && (!rc || rc == -EIO) && a->summary && summary(a, r, l, load_s))
        rc = -EIO;
    logger_free(l);
    free(r);
    if (waits)
        end_done(&e);
    return rc;
}

/* Is it there, and does the filter make sense?  Before rules are loaded, which takes its time; what can be read once
 * alone is left to the run. */
static int look_first(const struct args *a, const struct conf *c, struct diags *d)
{
    struct stat st;
    struct capture_file_options o = {.bpf = a->bpf, .recursive = a->recursive || conf_bool(c, "pcap-file.recursive"),
                                     .follow = follows(a, c)};
    if (!a->capture || !strcmp(a->capture, "-") || (!stat(a->capture, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 0;
    struct diags own; /* its warnings are the run's */
    diags_init(&own, d->arena);
    struct capture *cap = capture_file_open(a->capture, &o, &own);
    capture_close(cap);
    if (!cap && own.errors)
        *d = own;
    return cap ? 0 : -EINVAL;
}

static int about(const struct args *a)
{
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = a->about.config ? configuration(a, &d) : NULL;
    print_diags(&d, a->quiet);
    int status = a->about.config && !c ? 1 : about_print(&a->about, c);
    conf_free(c);
    arena_done(&mem);
    return status;
}

static int run(const struct args *a)
{
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = configuration(a, &d);
    struct image *image = NULL;
    struct overlay *overlay = NULL;
    uint64_t t0 = clock_mono_ns();
    int rc = c ? 0 : -EINVAL;
    struct load_options lo = {
        .conf = c,
        .only = a->only.v,
        .n_only = a->only.n,
        .more = a->more.v,
        .n_more = a->more.n,
        .no_rules = !a->only.n && (!a->config || a->firewall),
        .firewall = a->firewall,
        .dialect = a->dialect,
        .init_errors_fatal = a->fatal || (c && conf_bool(c, "init-errors-fatal")),
        .no_cache = a->no_cache,
        .test = a->test,
        .quiet = a->quiet || (!a->only.n && !a->config),
    };
    if (!rc)
        rc = look_first(a, c, &d);
    if (!rc)
        rc = load_image(&lo, &image, &d);
    if (!rc)
        overlay = load_overlay(c, image, 1, &d);
    if (!rc && (!overlay || (d.errors && lo.init_errors_fatal)))
        rc = -EINVAL;
    double load_s = (double)(clock_mono_ns() - t0) / 1e9;
    if (!rc && a->test) { /* what the run would refuse */
        engine_settings_free(engine_settings_new(c, true, a->simulate, a->csum, &d));
        rc = d.errors ? -EINVAL : 0;
    }
    if (!rc && !a->test)
        rc = replay(a, c, overlay, load_s, &d);
    print_diags(&d, a->quiet);
    overlay_close(overlay);
    image_close(image);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}

int cmd_replay(int argc, char **argv)
{
    static const struct args unsaid = {.workers = 1};
    struct args a = unsaid;
    int status = parse(&a, argc, argv) ? 2 : a.help ? 0 : -1;
    if (a.help && !status)
        options_help(usage, rows, ARRAY_LEN(rows));
    if (status < 0)
        status = about_asked(&a.about) ? about(&a) : run(&a);
    free(a.filter);
    return status;
}
