/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packed files, told by their first bytes: so that a message can say how one is unpacked. */
#ifndef BASE_PACKED_H
#define BASE_PACKED_H

#include "base/attr.h"

/* The command (FILE is to follow) that writes it unpacked; NULL: it is none of those known.  Four bytes are enough. */
const char *packed_by(const void *p, size_t n);

#endif
