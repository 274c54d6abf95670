/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/tree.h"
#include <errno.h>
int snort_read(struct conf *c, const char *file, const char *text, size_t n, struct diags *d)
{
    (void)c;
    (void)text;
    (void)n;
    diag_add(d, DIAG_ERROR, file, 0, 0, NULL, "snort.conf: not yet read");
    return -ENOSYS;
}
