/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte replay: capture files through the engine. Options as Suricata's users know them. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "engine/engine.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_SET = 256, OPT_INIT_FATAL, OPT_SIMULATE, OPT_FIREWALL, OPT_DATA_DIR, OPT_SUMMARY, OPT_WORKERS, OPT_DIALECT,
       OPT_NO_CACHE, OPT_RECURSIVE, OPT_RUNMODE, OPT_PIDFILE, OPT_HELP, OPT_BPF, OPT_FORMAT };
enum { SETS = 128, FILES = 64 };

static const struct option long_options[] = {
    {"set", required_argument, NULL, OPT_SET},
    {"init-errors-fatal", no_argument, NULL, OPT_INIT_FATAL},
    {"simulate-ips", no_argument, NULL, OPT_SIMULATE},
    {"firewall-rules-exclusive", required_argument, NULL, OPT_FIREWALL},
    {"data-dir", required_argument, NULL, OPT_DATA_DIR},
    {"summary", required_argument, NULL, OPT_SUMMARY},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    {"config-format", required_argument, NULL, OPT_FORMAT},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {"pcap-file-recursive", no_argument, NULL, OPT_RECURSIVE},
    {"runmode", required_argument, NULL, OPT_RUNMODE},
    {"pidfile", required_argument, NULL, OPT_PIDFILE},
    {"bpf", required_argument, NULL, OPT_BPF},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};
static const char usage[] =
    "usage: riposte replay -r CAPTURE [options] [BPF filter]\n"
    "  -r CAPTURE            capture file or folder, - for standard input\n"
    "  -c FILE               configuration: ours, a suricata.yaml or a snort.conf\n"
    "  -S FILE               load exactly this rule file (may be given more than once)\n"
    "  -s FILE               load this rule file besides those of the configuration\n"
    "  -l DIR                folder of the output (default: .)\n"
    "  -k all|none           verify checksums (default: as configured)\n"
    "  -T                    test configuration and rules, then end\n"
    "  --set KEY=VALUE       override a setting\n"
    "  --simulate-ips        treat the capture as inline traffic; writes forwarded.pcap\n"
    "  --init-errors-fatal   a rule that can't be loaded ends the run\n"
    "  --workers N           worker threads (default 1); the events are the same for any number\n"
    "  --dialect D           snort2, snort3, suricata (default: by file)\n"
    "  --config-format F     riposte, suricata, snort (default: by its marks)\n"
    "  --summary FILE        one JSON object about the run\n"
    "  --data-dir DIR        folder of saved data sets\n"
    "  --no-cache            compile the rules anew\n";

struct args {
    const char *capture, *config, *out_dir, *firewall, *data_dir, *summary, *bpf;
    const char *only[FILES], *more[FILES], *set[SETS];
    unsigned n_only, n_more, n_set, workers;
    int csum;
    enum rule_dialect dialect;
    enum conf_format format;
    bool test, simulate, fatal, no_cache, recursive, quiet, exclusive;
    char filter[2048];
};

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

static int one_option(struct args *a, int o)
{
    uint64_t n;
    int dialect;
    switch (o) {
    case 'r':
        if (a->capture)
            return bad("-r stands more than once; give a folder", optarg);
        a->capture = optarg;
        return 0;
    case 'c':
        a->config = optarg;
        return 0;
    case 'l':
        a->out_dir = optarg;
        return 0;
    case 'S':
        a->exclusive = true;
        if (a->n_only == FILES)
            return bad("too many -S", NULL);
        a->only[a->n_only++] = optarg;
        return 0;
    case 's':
        if (a->n_more == FILES)
            return bad("too many -s", NULL);
        a->more[a->n_more++] = optarg;
        return 0;
    case 'k':
        if (strcmp(optarg, "all") && strcmp(optarg, "none"))
            return bad("-k takes all or none", optarg);
        a->csum = !strcmp(optarg, "all");
        return 0;
    case 'T':
        a->test = true;
        return 0;
    case 'q':
        a->quiet = true;
        return 0;
    case 'v':
        log_set_level(LOG_AT_DEBUG);
        return 0;
    case OPT_SET:
        if (a->n_set == SETS)
            return bad("too many --set", NULL);
        a->set[a->n_set++] = optarg;
        return 0;
    case OPT_INIT_FATAL:
        a->fatal = true;
        return 0;
    case OPT_SIMULATE:
        a->simulate = true;
        return 0;
    case OPT_FIREWALL:
        a->firewall = optarg;
        return 0;
    case OPT_DATA_DIR:
        a->data_dir = optarg;
        return 0;
    case OPT_SUMMARY:
        a->summary = optarg;
        return 0;
    case OPT_WORKERS:
        if (!str_u64(str_cstr(optarg), &n) || !n || n > 64)
            return bad("--workers takes 1 to 64", optarg);
        a->workers = (unsigned)n;
        return 0;
    case OPT_DIALECT:
        dialect = rule_dialect_find(str_cstr(optarg));
        if (dialect < 0)
            return bad("--dialect takes snort2, snort3 or suricata", optarg);
        a->dialect = (enum rule_dialect)dialect;
        return 0;
    case OPT_FORMAT:
        return format_of(optarg, &a->format);
    case OPT_NO_CACHE:
        a->no_cache = true;
        return 0;
    case OPT_RECURSIVE:
        a->recursive = true;
        return 0;
    case OPT_BPF:
        a->bpf = optarg;
        return 0;
    case OPT_RUNMODE:
    case OPT_PIDFILE: /* of habit; there is one way to replay */
        return 0;
    default:
        return -EINVAL;
    }
}

static int parse(struct args *a, int argc, char **argv, bool *help)
{
    *a = (struct args){.csum = -1, .workers = 1, .out_dir = "."};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "r:c:l:S:s:k:Tqv", long_options, NULL)) != -1;) {
        if (o == OPT_HELP) {
            *help = true;
            return 0;
        }
        int rc = one_option(a, o);
        if (rc)
            return rc;
    }
    if (optind < argc && !a->bpf) { /* the words that are left are the filter */
        size_t at = 0;
        for (int k = optind; k < argc; k++) {
            int n = snprintf(a->filter + at, sizeof(a->filter) - at, "%s%s", k > optind ? " " : "", argv[k]);
            if (n < 0 || (size_t)n >= sizeof(a->filter) - at)
                return bad("the filter is too long", NULL);
            at += (size_t)n;
        }
        a->bpf = a->filter;
    }
    if (!a->capture && !a->test)
        return bad("-r CAPTURE is missing", NULL);
    return 0;
}

static struct conf *configuration(const struct args *a, struct diags *d)
{
    struct conf *c = conf_new();
    int rc = c ? 0 : -ENOMEM;
    if (!rc)
        rc = a->config ? conf_load(c, a->config, a->format, d) : conf_load_stock(c);
    for (unsigned k = 0; k < a->n_set && !rc; k++)
        rc = conf_set(c, a->set[k], d);
    if (!rc && a->data_dir) {
        char set[4200];
        snprintf(set, sizeof(set), "data-dir=%s", a->data_dir);
        rc = conf_set(c, set, d);
    }
    if (rc) {
        if (!d->errors)
            diag_add(d, DIAG_ERROR, a->config, 0, 0, NULL, "the configuration can't be read: %s", strerror(-rc));
        conf_free(c);
        return NULL;
    }
    return c;
}

static int summary(const struct args *a, const struct replay_result *r, double load_s)
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
    json_u64(&j, "events", r->events);
    json_u64(&j, "alerts", r->alerts);
    json_u64(&j, "events_lost", r->lost);
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

static int replay(const struct args *a, struct conf *c, struct overlay *o, double load_s, struct diags *d)
{
    if (mkdir(a->out_dir, 0755) && errno != EEXIST) {
        log_at(LOG_AT_ERROR, "replay", "%s can't be made: %s", a->out_dir, strerror(errno));
        return -errno;
    }
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
        .workers = a->workers,
        .simulate_ips = a->simulate,
        .recursive = a->recursive,
        .check_csum = a->csum,
        .conf = c,
        .overlay = o,
        .logger = l,
    };
    struct replay_result *r = calloc(1, sizeof(*r));
    int rc = r && !d->errors ? replay_run(&ro, r, d) : -EINVAL;
    if (r && logger_last_error(l)) {
        const struct logger_counters *n = logger_counters(l);
        log_at(LOG_AT_ERROR, "replay", "%s; %llu writes failed, %llu records are lost", logger_last_error(l),
               (unsigned long long)n->write_errors, (unsigned long long)n->lost);
        r->lost += n->lost;
        rc = rc ? rc : -EIO; /* the packets went on; the outputs are not whole */
    }
    if (r && !a->quiet)
        log_at(LOG_AT_NOTICE, "replay", "%llu packets, %llu bytes, %llu alerts, %llu events", (unsigned long long)r->packets,
               (unsigned long long)r->bytes, (unsigned long long)r->alerts, (unsigned long long)r->events);
    if (r && (!rc || rc == -EIO) && a->summary && summary(a, r, load_s))
        rc = -EIO;
    logger_free(l);
    free(r);
    return rc;
}

int cmd_replay(int argc, char **argv)
{
    struct args a;
    bool help = false;
    if (parse(&a, argc, argv, &help))
        return 2;
    if (help) {
        fputs(usage, stdout);
        return 0;
    }
    struct arena mem;
    struct diags d;
    arena_init(&mem, 1 << 14, 0);
    diags_init(&d, &mem);
    struct conf *c = configuration(&a, &d);
    struct image *image = NULL;
    struct overlay *overlay = NULL;
    uint64_t t0 = clock_mono_ns();
    int rc = c ? 0 : -EINVAL;
    struct load_options lo = {
        .conf = c,
        .only = a.only,
        .n_only = a.n_only,
        .more = a.more,
        .n_more = a.n_more,
        .no_rules = !a.exclusive && (!a.config || a.firewall),
        .firewall = a.firewall,
        .dialect = a.dialect,
        .init_errors_fatal = a.fatal || (c && conf_bool(c, "init-errors-fatal")),
        .no_cache = a.no_cache,
        .quiet = a.quiet || (!a.exclusive && !a.config),
        .threads = 2,
    };
    if (!rc)
        rc = load_image(&lo, &image, &d);
    if (!rc)
        overlay = load_overlay(c, image, 1, &d);
    if (!rc && (!overlay || (d.errors && lo.init_errors_fatal)))
        rc = -EINVAL;
    double load_s = (double)(clock_mono_ns() - t0) / 1e9;
    if (!rc && a.test) { /* what the run would refuse */
        engine_settings_free(engine_settings_new(c, true, a.simulate, a.csum, &d));
        rc = d.errors ? -EINVAL : 0;
    }
    if (!rc && !a.test)
        rc = replay(&a, c, overlay, load_s, &d);
    print_diags(&d, a.quiet);
    overlay_close(overlay);
    image_close(image);
    conf_free(c);
    arena_done(&mem);
    return rc ? 1 : 0;
}
