/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BPF filters in libpcap's language, compiled for the link types that a capture meets.
 */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include "packet/packet.h"

struct cap_filter;
/* NULL with a reason in why when text is no filter for Ethernet or raw IP, or no memory. */
struct cap_filter *cap_filter_new(const char *text, char *why, size_t why_room);
void cap_filter_free(struct cap_filter *f);
/* 1: keep, 0: not wanted, -1: the filter can't be compiled for the frame's link type (why says so).
 */
int cap_filter_keep(struct cap_filter *f, const struct frame *fr);
const char *cap_filter_why(const struct cap_filter *f);

#endif
