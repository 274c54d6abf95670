/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file is, by its first bytes, in the words of libmagic ("PDF document, version 1.4").
 *
 * Only the first TYPE_BYTES of a file are looked at, once; nothing is unpacked, no other program is run.  The
 * database is mapped when the engine starts (a process that has no files to open later can still load it) and read
 * when the first rule or output asks for it.
 */
#ifndef APP_FILETYPE_H
#define APP_FILETYPE_H

#include "base/attr.h"
#include "base/str.h"

enum { TYPE_BYTES = 4096, TYPE_LEAST = 512, TYPE_TEXT = 256 };

struct filetype;
struct filetype *filetype_new(void); /* maps the database; NULL: no memory */
void filetype_free(struct filetype *m);
/* Reads the database; 0, or a negative errno: there is none, or libmagic doesn't want it. */
int filetype_begin(struct filetype *m) MUST_CHECK;
/* Text of what begins with these bytes: good until the next call; empty: libmagic has no word for it. */
struct str filetype_tell(struct filetype *m, const uint8_t *p, uint32_t n);

#endif
