/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture files of a folder, in the order in which they are to be read. */
#ifndef CAPTURE_FILELIST_H
#define CAPTURE_FILELIST_H

#include "base/attr.h"
#include "base/diag.h"

struct file_entry {
    char *path;
    uint64_t first_ns; /* first packet's time; 0 if not asked for or there is none */
    uint64_t dev, ino, changed_ns;
};
struct file_list {
    struct file_entry *entry;
    size_t n, room;
    size_t skipped; /* folders inside, left out */
};
/*
 * Fills the list from a folder: regular files that begin as a capture file does, ordered by path or
 * by first packet's time.  Names that begin with a dot are left out; others that are no captures
 * give a warning.  Negative errno with an error in d.
 */
int file_list_folder(struct file_list *l, const char *folder, bool recursive, bool by_time,
                     struct diags *d) MUST_CHECK;
/*
 * What has come into the folder since: `l` gets the files that are not in `known` and were not changed for
 * `delay_ns`, in the order of their last change; `known` forgets those that are gone.  Silent.
 */
int file_list_new(struct file_list *l, struct file_list *known, const char *folder, bool recursive,
                  uint64_t now_ns, uint64_t delay_ns) MUST_CHECK;
int file_list_add(struct file_list *l, const char *path) MUST_CHECK;
void file_list_done(struct file_list *l);

#endif
