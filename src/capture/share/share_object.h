/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compiled BPF object, embedded at build (embed.py). */
#ifndef CAPTURE_SHARE_SHARE_OBJECT_H
#define CAPTURE_SHARE_SHARE_OBJECT_H

extern const unsigned char share_object[];
extern const unsigned long share_object_bytes;

#endif
