/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache of images: where it is, and which files of it are used. */
#include "detect/detect_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void where_it_is(void **state)
{
    (void)state;
    char path[4200], want[256], below[128];
    snprintf(below, sizeof(below), "%s/a/b", dir);
    setenv("XDG_CACHE_HOME", below, 1);
    setenv("HOME", dir, 1);
    assert_int_equal(image_cache_path(NULL, 7, path, sizeof(path)), 0);
    snprintf(want, sizeof(want), "%s/riposte/rules-", below);
    assert_int_equal(strncmp(path, want, strlen(want)), 0);
    struct stat st;
    snprintf(want, sizeof(want), "%s/riposte", below);
    assert_int_equal(stat(want, &st), 0); /* made, with what is above it */
    assert_int_equal(st.st_mode & 022, 0);
    /* another content, another file; the setting goes first */
    char other[4200];
    assert_int_equal(image_cache_path(NULL, 8, other, sizeof(other)), 0);
    assert_string_not_equal(path, other);
    snprintf(want, sizeof(want), "%s/set", dir);
    assert_int_equal(image_cache_path(want, 7, path, sizeof(path)), 0);
    assert_int_equal(strncmp(path, want, strlen(want)), 0);
    /* a relative one is none; then the system's, or a user's own */
    setenv("XDG_CACHE_HOME", "relative/x", 1);
    if (geteuid() == 0)
        snprintf(want, sizeof(want), "/var/cache/riposte/rules-");
    else
        snprintf(want, sizeof(want), "%s/.cache/riposte/rules-", dir);
    int rc = image_cache_path(NULL, 7, path, sizeof(path));
    assert_true(rc == -EROFS || rc == -EACCES || (rc == 0 && !strncmp(path, want, strlen(want))));
    assert_int_not_equal(access("relative", F_OK), 0);
    /* no room, no folder: said, not written somewhere else */
    setenv("XDG_CACHE_HOME", below, 1);
    assert_int_equal(image_cache_path(NULL, 7, path, 20), -ENAMETOOLONG);
    snprintf(want, sizeof(want), "%s/file", dir);
    close(open(want, O_CREAT | O_WRONLY, 0600));
    assert_true(image_cache_path(want, 7, path, sizeof(path)) < 0);
}

enum harm { NONE, CUT, CHANGED, EMPTY, VERSION, FOREIGN, WRITABLE, SYMLINK, FOLDER, PIPE };

static void harm(enum harm h, const char *path)
{
    char real[128];
    struct stat st;
    uint8_t byte = 0xff;
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    snprintf(real, sizeof(real), "%s/real", dir);
    switch (h) {
    case NONE:
        break;
    case CUT:
        assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
        break;
    case CHANGED:
        assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2 + 1), 1);
        assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
        break;
    case EMPTY:
        assert_int_equal(ftruncate(fd, 0), 0);
        break;
    case VERSION:
        assert_int_equal(pwrite(fd, &byte, 1, 8), 1);
        break;
    case FOREIGN:
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        break;
    case WRITABLE:
        assert_int_equal(fchmod(fd, 0666), 0);
        break;
    case SYMLINK:
        assert_int_equal(rename(path, real), 0);
        assert_int_equal(symlink(real, path), 0);
        break;
    case FOLDER:
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        break;
    case PIPE:
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        break;
    }
    close(fd);
}

static void what_is_used(void **state)
{
    (void)state;
    static const struct {
        enum harm h;
        const char *said;
    } cases[] = {
        {NONE, NULL},
        {CUT, "cut or grown"},
        {CHANGED, "checksum"},
        {EMPTY, "can't be read"},
        {VERSION, "another version"},
        {FOREIGN, "belongs to another user"},
        {WRITABLE, "others may write"},
        {SYMLINK, "symbolic link"},
        {FOLDER, "no file"},
        {PIPE, "no file"},
    };
    char path[128];
    snprintf(path, sizeof(path), "%s/x.image", dir);
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct dt t;
        dt_init(&t);
        if (cases[k].h == FOREIGN && geteuid() != 0) {
            dt_close(&t);
            continue;
        }
        assert_null(image_open_cached(path, &t.diags)); /* none there: nothing to say */
        assert_null(t.diags.first);
        struct rule_set *s =
            dt_rules("alert udp any any -> any any (content:\"abcd\"; sid:1;)\n", DIALECT_SURICATA);
        assert_int_equal(image_build(s, path, 1, &t.diags), 0);
        harm(cases[k].h, path);
        struct image *i = image_open_cached(path, &t.diags);
        if (!cases[k].said) {
            assert_non_null(i);
            assert_null(t.diags.first);
        } else {
            if (i || !t.diags.first || !strstr(t.diags.first->reason, cases[k].said))
                fail_msg("case %zu: %s", k,
                         i               ? "used"
                         : t.diags.first ? t.diags.first->reason
                                         : "nothing said");
            assert_int_equal(t.diags.first->level, DIAG_WARNING);
            assert_null(t.diags.first->next);
            assert_int_equal(t.diags.errors, 0);
        }
        image_close(i);
        /* it is replaced */
        if (cases[k].h != FOLDER) {
            assert_int_equal(image_build(s, path, 1, &t.diags), 0);
            i = image_open_cached(path, &t.diags);
            assert_non_null(i);
            image_close(i);
            unlink(path);
        } else {
            assert_true(image_build(s, path, 1, &t.diags) < 0);
            rmdir(path);
        }
        rules_free(s);
        dt_close(&t);
    }
}

/* ------------------------------------------------------------------ databases of images of before */

static struct rule_set *set_of(struct str text, unsigned threads)
{
    struct rules_options ro = {.dialect = DIALECT_SURICATA};
    struct rule_loader *l = rules_begin(&ro);
    assert_int_equal(rules_add_text(l, "t.rules", text, DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, threads);
    assert_non_null(s);
    return s;
}

static struct image_made make(const char *text, const char *file, const char *cache, unsigned threads, bool last)
{
    struct dt t;
    struct image_made made;
    struct image_options o = {.threads = threads, .cache_dir = cache, .last = last};
    dt_init(&t);
    struct rule_set *s = set_of(str_cstr(text), threads);
    uint32_t refused = s->n_refusals;
    assert_int_equal(refused, 1);
    assert_int_equal(image_make(s, file, &o, &made, &t.diags), 0);
    assert_int_equal(made.databases, made.compiled + made.reused);
    assert_int_equal(s->n_refusals, refused); /* what was said stays, the rules only if asked */
    for (uint32_t k = 0; k < refused; k++)
        assert_true(s->refusals[k].line && strlen(s->refusals[k].reason) > 3);
    assert_int_equal(s->n_rules == 0, last);
    rules_free(s);
    dt_close(&t);
    return made;
}

static struct sbuf bytes_of(const char *path)
{
    struct sbuf b;
    uint8_t piece[4096];
    ssize_t n;
    sbuf_init(&b);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        sbuf_put(&b, piece, (size_t)n);
    close(fd);
    assert_false(b.failed);
    return b;
}

static void same_file(const char *a, const char *b)
{
    struct sbuf x = bytes_of(a), y = bytes_of(b);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.p, y.p, x.n);
    sbuf_done(&x);
    sbuf_done(&y);
}

/* Sets by buffer: one rule more in http.uri leaves those of dns.query and of the payload as they are. */
#define SETS(uri)                                                                                             \
    "alert http any any -> any any (http.uri; content:\"/first\"; sid:1;)\n"                                 \
    "alert http any any -> any any (http.uri; content:\"" uri "\"; sid:2;)\n"                                \
    "alert dns any any -> any any (dns.query; content:\"evil.example\"; sid:3;)\n"                           \
    "alert udp any any -> any any (content:\"payload here\"; sid:4;)\n"                                      \
    "alert udp any any -> any any (content:\"never\"; nosuch; sid:5;)\n"

static void unchanged_sets_are_kept(void **state)
{
    (void)state;
    char cache[100], a[128], b[128], c[128], other[128];
    snprintf(cache, sizeof(cache), "%s/sets", dir);
    assert_int_equal(mkdir(cache, 0755), 0);
    snprintf(a, sizeof(a), "%s/rules-a.image", cache);
    snprintf(b, sizeof(b), "%s/rules-b.image", cache);
    snprintf(c, sizeof(c), "%s/c", dir);
    snprintf(other, sizeof(other), "%s/build", dir);
    struct image_made m = make(SETS("/second"), a, cache, 1, true);
    assert_true(m.databases == m.compiled && m.databases >= 3);
    uint32_t all = m.databases;
    m = make(SETS("/second"), other, cache, 1, false); /* the same again */
    assert_true(m.reused == all && !m.compiled);
    same_file(a, other);
    m = make(SETS("/2nd-new"), b, cache, 1, true); /* one rule changed: one set */
    assert_int_equal(m.databases, all);
    assert_int_equal(m.compiled, 1);
    make(SETS("/2nd-new"), c, NULL, 1, true); /* taken or compiled: the same file */
    same_file(b, c);
    m = make(SETS("/second") "alert udp any any -> any any (msg:\"no literal\"; dsize:9; sid:6;)\n", other, cache, 1, true);
    assert_int_equal(m.compiled, 0); /* the one before the newest counts, too */
    /* what others may write, or is damaged, is not read */
    assert_int_equal(chmod(a, 0666), 0);
    harm(CHANGED, b);
    m = make(SETS("/second"), other, cache, 1, true);
    assert_int_equal(m.reused, 0);
}

/* The same rules give the same bytes, with any number of threads. */
static void same_bytes(void **state)
{
    (void)state;
    struct sbuf text;
    char path[128], first[128];
    static const char *const where[] = {"", "http.uri; ", "http.host; ", "file.data; "};
    sbuf_init(&text);
    for (unsigned k = 0; k < 1200; k++)
        sbuf_printf(&text, "alert %s any any -> any any (msg:\"m%u\"; %scontent:\"x%x.y%u\"; metadata:a b%u, k %u; sid:%u;)\n",
                    k % 4 ? "http" : "tcp", k % 7, where[k % 4], k * 2654435761u, k % 90, k % 5, k, k + 1);
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        struct dt t;
        struct image_options o = {.threads = threads, .last = true};
        dt_init(&t);
        struct rule_set *s = set_of(sbuf_view(&text), threads);
        assert_int_equal(s->n_rules, 1200);
        snprintf(path, sizeof(path), "%s/threads%u", dir, threads);
        assert_int_equal(image_make(s, path, &o, NULL, &t.diags), 0);
        rules_free(s);
        dt_close(&t);
        if (threads == 1)
            snprintf(first, sizeof(first), "%s", path);
        else
            same_file(first, path);
    }
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unchanged_sets_are_kept),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(where_it_is),
        cmocka_unit_test(what_is_used),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    snprintf(dir, sizeof(dir), "/tmp/riposte-cache-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    char rm[80];
    snprintf(rm, sizeof(rm), "rm -rf '%s'", dir);
    return system(rm) ? 1 : rc;
}
