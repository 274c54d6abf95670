/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which copy of overlapping bytes a target keeps: a table by policy and by how the new segment lies
 * over one older segment.  A byte that several older segments hold becomes new only if the new one
 * wins against each of them.
 */
#include "flow/session.h"

enum lie {
    TAIL_INSIDE, /* starts inside the old one, ends with or before it */
    TAIL_OUT,    /* starts inside, ends after it */
    HEAD,        /* starts before, ends inside */
    HEAD_SAME,   /* same start, ends before the old one's end */
    COVER,       /* starts before, reaches its end or beyond */
    EXACT,       /* same start, same end */
    LONGER,      /* same start, ends after it */
    LIES,
};

enum { OLD = 0, NEW = 1 };
static const uint8_t winner[OS_POLICIES][LIES] = {
    /*                 tail in/out  head same  cover exact longer */
    [OS_FIRST] = {OLD, OLD, OLD, OLD, OLD, OLD, OLD},
    [OS_VISTA] = {OLD, OLD, OLD, OLD, OLD, OLD, OLD},
    [OS_LAST] = {NEW, NEW, NEW, NEW, NEW, NEW, NEW},
    [OS_BSD] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_BSD_RIGHT] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_MACOS] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_WINDOWS] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_WINDOWS2K3] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_LINUX] = {OLD, OLD, NEW, OLD, NEW, OLD, NEW},
    [OS_OLD_LINUX] = {OLD, OLD, NEW, OLD, NEW, NEW, NEW},
    [OS_IRIX] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_HPUX10] = {OLD, OLD, NEW, OLD, NEW, OLD, OLD},
    [OS_SOLARIS] = {OLD, NEW, OLD, OLD, NEW, NEW, NEW},
    [OS_OLD_SOLARIS] = {OLD, NEW, OLD, OLD, NEW, NEW, NEW},
    [OS_HPUX11] = {OLD, NEW, OLD, OLD, NEW, NEW, NEW},
};

bool overlap_new_wins(enum os_policy policy, const struct extent *fresh, const struct extent *old)
{
    enum lie lie;
    if (fresh->s > old->s)
        lie = fresh->e > old->e ? TAIL_OUT : TAIL_INSIDE;
    else if (fresh->s < old->s)
        lie = fresh->e < old->e ? HEAD : COVER;
    else if (fresh->e < old->e)
        lie = HEAD_SAME;
    else
        lie = fresh->e == old->e ? EXACT : LONGER;
    return winner[policy < OS_POLICIES ? policy : OS_BSD][lie] == NEW;
}
