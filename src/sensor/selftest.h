/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the self test: its connection and how it stands. */
#ifndef SENSOR_SELFTEST_H
#define SENSOR_SELFTEST_H

#include "sensor/sensor.h"

#include "base/ip.h"

#include <sys/socket.h>

struct tcp_end {
    uint8_t ver;
    struct ip_addr a;
    uint16_t port;
};
/* ADDRESS:PORT or [ADDRESS6]:PORT */
bool end_parse(const char *text, struct tcp_end *out);
void end_text(const struct tcp_end *e, char out[64]);

/*
 * A guest on a port: a macvlan device with an address of its own, in a new network namespace that
 * this process enters.  It goes away with the process.
 */
int guest_enter(const char *port, const char *address, const struct tcp_end *to, char *why,
                size_t room) MUST_CHECK;
/* Connects within some seconds; a socket or -errno. */
int tcp_open(const struct tcp_end *to, struct tcp_end *own) MUST_CHECK;
/* What the kernel will send next, and expects next. */
int tcp_numbers(int fd, uint32_t *send_next, uint32_t *receive_next) MUST_CHECK;
/* Sends a byte and looks what comes: 1 reset, 0 it lives on, -errno. */
int tcp_is_dead(int fd) MUST_CHECK;
/* MAC address of a neighbour, as the kernel knows it (ARP, ND). */
bool neighbour_mac(const struct tcp_end *e, uint8_t mac[6]);

#endif
