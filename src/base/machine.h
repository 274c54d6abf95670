/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine that this is built for, as seccomp names it (linux/audit.h). */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <linux/audit.h>

#if defined(__x86_64__)
#define MACHINE_AUDIT AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE_AUDIT AUDIT_ARCH_AARCH64
#else
#error "the number of this machine's system calls (linux/audit.h)"
#endif

#endif
