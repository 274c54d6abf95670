/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words to systemd: a socket of ours in its place. */
#include "sensor/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int listener(char name[64])
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(name, 64, "@riposte-notify-%ld", (long)getpid());
    memcpy(a.sun_path, name, strlen(name));
    a.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
    return fd;
}

static void heard(int fd, const char *want)
{
    char got[64] = "";
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
    if (want)
        assert_string_equal(got, want);
    else
        assert_int_equal(n, -1);
}

static void says(void **state)
{
    (void)state;
    char name[64];
    struct notify n;
    int fd = listener(name);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "3000", 1), 0);
    assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
    notify_init(&n);
    notify_say(&n, "READY=1");
    heard(fd, "READY=1");
    notify_alive(&n, 1000000);
    heard(fd, "WATCHDOG=1");
    notify_alive(&n, 1999999);
    heard(fd, NULL);
    notify_alive(&n, 2000000);
    heard(fd, "WATCHDOG=1");
    notify_done(&n);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0); /* another's */
    notify_init(&n);
    notify_alive(&n, 5000000);
    heard(fd, NULL);
    notify_done(&n);
    close(fd);
}

static void nobody_listens(void **state)
{
    static const char *const bad[] = {"", "relative", "/nowhere/at/all"};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct notify n;
        assert_int_equal(setenv("NOTIFY_SOCKET", bad[i], 1), 0);
        notify_init(&n);
        notify_say(&n, "READY=1");
        notify_done(&n);
        assert_int_equal(n.fd, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says), cmocka_unit_test(nobody_listens)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
