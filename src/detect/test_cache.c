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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
