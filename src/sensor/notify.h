/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sensor tells systemd, where that started it. */
#ifndef SENSOR_NOTIFY_H
#define SENSOR_NOTIFY_H

#include <stdint.h>
#include <sys/un.h>
#include <sys/socket.h>

struct notify {
    int fd; /* -1: nobody listens */
    socklen_t n_to;
    struct sockaddr_un to;
    uint64_t every_ns, next_ns; /* of the watchdog; 0: none */
};

void notify_init(struct notify *n); /* from the environment */
void notify_say(const struct notify *n, const char *what); /* "READY=1"; never waits */
void notify_alive(struct notify *n, uint64_t now_ns); /* each turn of the loop */
void notify_done(struct notify *n);

#endif
