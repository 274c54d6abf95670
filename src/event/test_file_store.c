/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that rules want kept: named by their digest when whole, else nothing is left of them. */
#include "event/logger_impl.h"
#include "event/test_help.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct bench b;
    struct file_store *s;
    char *dir;
    char path[PATH_MAX];
};

static void open_store(struct fixture *f, uint32_t open_most, uint64_t limit)
{
    char store[PATH_MAX];
    bench_new(&f->b, 1 << 20, 0);
    f->dir = test_dir();
    snprintf(store, sizeof(store), "%s/files", f->dir);
    f->s = file_store_new(store, open_most, limit);
    assert_non_null(f->s);
}

static void close_store(struct fixture *f)
{
    char rm[PATH_MAX + 20];
    file_store_free(f->s);
    bench_free(&f->b);
    snprintf(rm, sizeof(rm), "rm -rf %s/files", f->dir);
    assert_int_equal(system(rm), 0);
    test_dir_free(f->dir);
}

static int put(struct fixture *f, uint32_t id, uint64_t offset, const char *text, bool end, bool whole)
{
    struct event_view v;
    struct event_file h = {.offset = offset, .id = id, .end = end, .whole = whole};
    memset(h.sha256, 0xab, sizeof(h.sha256));
    h.sha256[31] = (uint8_t)id;
    (void)bench_event(&f->b, EVENT_FILE);
    event_section(f->b.e, SECTION_FILE, &h, sizeof(h));
    event_section(f->b.e, SECTION_PAYLOAD, text, (uint32_t)strlen(text));
    assert_true(event_end(f->b.e));
    bench_take(&f->b, &v);
    int rc = file_store_put(f->s, &v, f->path);
    free((void *)(uintptr_t)v.head);
    return rc;
}

static const char *content(const struct fixture *f, uint32_t id)
{
    static char text[256];
    char name[128];
    size_t n = (size_t)snprintf(name, sizeof(name), "files/ab/");
    for (unsigned k = 0; k < 31; k++)
        n += (size_t)snprintf(name + n, sizeof(name) - n, "ab");
    snprintf(name + n, sizeof(name) - n, "%02x", id);
    char *got = test_file(f->dir, name, &(size_t){0});
    snprintf(text, sizeof(text), "%s", got ? got : "(none)");
    free(got);
    return text;
}

static unsigned waiting(const struct fixture *f)
{
    char tmp[PATH_MAX];
    snprintf(tmp, sizeof(tmp), "%s/files/tmp", f->dir);
    return test_names(tmp, "0");
}

static void whole_files_get_their_name(void **state)
{
    (void)state;
    struct fixture f;
    open_store(&f, 4, 0);
    assert_int_equal(put(&f, 1, 0, "one ", false, false), 0);
    assert_int_equal(put(&f, 2, 0, "other", false, false), 0);
    assert_int_equal(put(&f, 1, 4, "file", false, false), 0);
    assert_int_equal(waiting(&f), 2);
    assert_string_equal(content(&f, 1), "(none)");
    assert_int_equal(put(&f, 1, 8, "", true, true), 1);
    assert_string_equal(content(&f, 1), "one file");
    assert_int_equal(put(&f, 2, 5, "", true, true), 1);
    assert_string_equal(content(&f, 2), "other");
    /* the same once more: the name stays, nothing else is left */
    assert_int_equal(put(&f, 1, 0, "one file", false, false), 0);
    assert_int_equal(put(&f, 1, 8, "", true, true), 1);
    assert_string_equal(content(&f, 1), "one file");
    assert_int_equal(put(&f, 3, 0, "", true, true), 1); /* an empty one */
    assert_string_equal(content(&f, 3), "");
    assert_int_equal(waiting(&f), 0);
    close_store(&f);
}

static void what_is_not_whole_goes(void **state)
{
    (void)state;
    struct fixture f;
    open_store(&f, 2, 10);
    put(&f, 1, 0, "one", false, false);
    put(&f, 1, 3, "", true, false); /* the engine lost some */
    assert_string_equal(content(&f, 1), "(none)");
    put(&f, 2, 0, "two", false, false);
    put(&f, 2, 9, "!", false, false); /* a piece is missing */
    put(&f, 2, 10, "", true, true);
    assert_string_equal(content(&f, 2), "(none)");
    assert_int_equal(put(&f, 3, 5, "late", false, false), 0); /* its beginning is missing */
    assert_true(put(&f, 4, 0, "12345678901", false, false) < 0); /* more than the limit */
    assert_int_equal(waiting(&f), 0);
    put(&f, 5, 0, "a", false, false);
    put(&f, 6, 0, "b", false, false);
    assert_true(put(&f, 7, 0, "c", false, false) < 0); /* too many at once */
    assert_int_equal(waiting(&f), 2);
    file_store_free(f.s); /* the end: what is open goes */
    f.s = NULL;
    assert_int_equal(waiting(&f), 0);
    close_store(&f);
}

static void a_folder_that_cannot_be(void **state)
{
    (void)state;
    struct fixture f;
    char path[PATH_MAX];
    open_store(&f, 2, 0);
    snprintf(path, sizeof(path), "%s/files", f.dir);
    FILE *x = fopen(path, "w"); /* a file stands in the way */
    assert_non_null(x);
    fclose(x);
    assert_true(put(&f, 1, 0, "one", false, false) < 0);
    assert_int_equal(put(&f, 1, 3, "", true, true), 0);
    close_store(&f);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_get_their_name),
        cmocka_unit_test(what_is_not_whole_goes),
        cmocka_unit_test(a_folder_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
