/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What four vIPSes on one image take: prints JSON.  Used by row-overlays.
 *
 *   overlays RULES CLASSES FOLDER        all in one process, from rule text: compiles, maps, four overlays with actions
 *                                        and networks of their own, an engine of each with its event ring
 *   overlays -i IMAGE N                  one vIPS: maps, overlay number N, engine; prints a line, waits for the end of
 *                                        its input (whoever starts several reads their PSS meanwhile)
 */
#include "base/ring.h"
#include "engine/engine.h"
#include "rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { VIPS = 4, RING = 1 << 20 };
static const uint8_t actions[VIPS] = {ACTION_ALERT, ACTION_DROP, ACTION_REJECT, ACTION_PASS};

struct vips {
    struct conf *conf;
    struct engine_settings *settings;
    struct overlay *overlay;
    struct state *state;
    struct engine *engine;
    unsigned n;
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "overlays: %s failed\n", what);
    exit(1);
}

static const char *variable(void *ctx, bool port, const char *name)
{
    const struct conf *c = ctx;
    return port ? conf_port_var(c, name) : conf_address_var(c, name);
}

/* Each vIPS has another action for every rule, and switches off a quarter of its own. */
static void tune(void *ctx, const struct image *i, uint32_t rule, struct overlay_rule *r)
{
    const struct vips *v = ctx;
    (void)i;
    r->action = actions[v->n];
    r->enabled = rule % VIPS != v->n;
}

static void vips_open(struct vips *v, unsigned n, struct image *i, struct diags *d)
{
    char home[64];
    v->n = n;
    v->conf = conf_new();
    need(v->conf && !conf_load_stock(v->conf), "the configuration");
    snprintf(home, sizeof(home), "vars.address-groups.HOME_NET=[10.%u.0.0/16,192.168.%u.0/24]", n + 1, n);
    need(!conf_set(v->conf, home, d), "HOME_NET");
    v->settings = engine_settings_new(v->conf, false, false, -1, d);
    need(v->settings != NULL, "settings");
    struct overlay_options o = {.var = variable, .ctx = v->conf, .version = n + 1, .tune = tune, .tune_ctx = v};
    v->overlay = overlay_build(i, &o, d);
    v->state = state_new(&v->settings->state);
    size_t bytes = rec_ring_bytes(RING);
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rec_ring *ring = mem == MAP_FAILED ? NULL : rec_ring_format(mem, bytes);
    need(v->overlay && v->state && ring, "an overlay");
    struct engine_parts p = {.settings = v->settings, .overlay = v->overlay, .state = v->state, .ring = ring,
                             .n_workers = 1, .n_ifaces = 1, .vips = (uint16_t)n};
    v->engine = engine_new(&p, d);
    need(v->engine != NULL, "an engine");
}

static unsigned long long status(const char *word)
{
    char line[256];
    unsigned long long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, word, strlen(word)))
            kb = strtoull(line + strlen(word) + 1, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static struct image *compile(const char *rules, const char *classes, const char *folder, struct diags *d)
{
    char path[4096];
    struct conf *c = conf_new();
    need(c && !conf_load_stock(c), "the configuration");
    struct rules_options o = {.conf = c, .classification = classes, .var = variable, .ctx = c};
    struct rule_loader *l = rules_begin(&o);
    need(l && !rules_add_file(l, rules, DIALECT_AUTO, false), "reading rules");
    struct rule_set *s = rules_finish(l, image_threads());
    struct image_options io = {.threads = image_threads(), .last = true};
    snprintf(path, sizeof(path), "%s/overlays.image", folder);
    need(s && !image_make(s, path, &io, NULL, d), "compiling");
    rules_free(s);
    conf_free(c);
    return image_open(path, d);
}

int main(int argc, char **argv)
{
    struct arena a;
    struct diags d;
    static struct vips v[VIPS];
    bool one = argc == 4 && !strcmp(argv[1], "-i");
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    if (argc != 4) {
        fputs("usage: overlays RULES CLASSES FOLDER | overlays -i IMAGE N\n", stderr);
        return 2;
    }
    struct image *i = one ? image_open(argv[2], &d) : compile(argv[1], argv[2], argv[3], &d);
    need(i != NULL, "opening the image");
    unsigned long long loaded = status("VmRSS:");
    if (one)
        vips_open(&v[0], (unsigned)atoi(argv[3]) % VIPS, i, &d);
    for (unsigned n = 0; n < VIPS && !one; n++)
        vips_open(&v[n], n, i, &d);
    printf("{\"rules\": %u, \"loaded_kb\": %llu, \"rss_kb\": %llu, \"max_rss_kb\": %llu}\n", image_n_rules(i), loaded,
           status("VmRSS:"), status("VmHWM:"));
    fflush(stdout);
    char byte;
    return one && fread(&byte, 1, 1, stdin) > 1;
}
