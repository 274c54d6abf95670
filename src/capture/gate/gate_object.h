/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compiled BPF object, embedded at build (embed.py). */
#ifndef CAPTURE_GATE_GATE_OBJECT_H
#define CAPTURE_GATE_GATE_OBJECT_H

extern const unsigned char gate_object[];
extern const unsigned long gate_object_bytes;

#endif
