/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files a child may still reach (Landlock). */
#ifndef SENSOR_FENCE_H
#define SENSOR_FENCE_H

#include "base/attr.h"
#include "config/config.h"

/*
 * Once, before threads.  Engine: its data-dir to write, the few files that libraries read.  Logger:
 * the folder it stands in, those of configured outputs.  Compiler: may read all, write where `out`
 * lies. 0, also without Landlock in the kernel (1: that is so); negative errno.
 */
int fence_engine(const struct conf *c) MUST_CHECK;
int fence_logger(const struct conf *c) MUST_CHECK;
int fence_compiler(const char *out) MUST_CHECK;

#endif
