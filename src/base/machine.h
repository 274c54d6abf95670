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

/* Calls of old that newer machines came without: a number that no call has. */
#include <sys/syscall.h>
#ifndef __NR_open
#define __NR_open (-1)
#define __NR_stat (-1)
#define __NR_lstat (-1)
#define __NR_access (-1)
#define __NR_readlink (-1)
#define __NR_mkdir (-1)
#define __NR_rmdir (-1)
#define __NR_unlink (-1)
#define __NR_rename (-1)
#define __NR_poll (-1)
#define __NR_select (-1)
#define __NR_dup2 (-1)
#define __NR_pause (-1)
#define __NR_chmod (-1)
#define __NR_epoll_wait (-1)
#define __NR_getdents (-1)
#define __NR_time (-1)
#define __NR_arch_prctl (-1)
#define __NR_symlink (-1)
#define __NR_link (-1)
#endif
#ifndef __NR_renameat
#define __NR_renameat (-1)
#endif

/* What older headers lack. */
#include <linux/landlock.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#ifndef SIOCGIFFLAGS
#define SIOCGIFFLAGS 0x8913
#endif
#ifndef SIOCGIFINDEX
#define SIOCGIFINDEX 0x8933
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Built with a sanitizer, which makes system calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MACHINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MACHINE_SANITIZED 1
#endif
#endif
#ifndef MACHINE_SANITIZED
#define MACHINE_SANITIZED 0
#endif

#endif
