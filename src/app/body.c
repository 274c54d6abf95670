/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window over bytes that grow at one end and are forgotten at the other.
 *
 * Invariant: data[0] is byte `offset` of the whole; offset + n <= total (less only when the limit
 * cut). Room is counted against the cap of the worker.
 */
#include "app/app.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024 };

static bool make_room(struct app_flow *af, struct app_body *b, uint32_t more)
{
    uint64_t need = (uint64_t)b->n + more, room = b->room ? b->room : ROOM_FIRST;
    if (need <= b->room)
        return true;
    while (room < need)
        room += room / 2;
    if (room > b->limit && b->limit >= need)
        room = b->limit;
    if (room > UINT32_MAX || !app_mem_take(af, room - b->room))
        return false;
    uint8_t *p = realloc(b->data, room);
    if (!p) {
        app_mem_give(af, room - b->room);
        return false;
    }
    b->data = p;
    b->room = (uint32_t)room;
    return true;
}
bool app_body_add(struct app_flow *af, struct app_body *b, const uint8_t *p, uint32_t n)
{
    uint64_t kept = b->offset + b->n + b->missing;
    uint32_t take = n;
    if (kept < b->total) /* something was refused before: the window must stay without holes */
        take = 0;
    else if (b->limit != UINT32_MAX && kept + n > b->limit) {
        take = kept < b->limit ? (uint32_t)(b->limit - kept) : 0;
        b->limited = true;
    }
    b->total += n;
    if (!take)
        return true;
    if (!make_room(af, b, take)) {
        b->limited = true;
        return false;
    }
    memcpy(b->data + b->n, p, take);
    b->n += take;
    return true;
}
void app_body_hole(struct app_body *b, uint64_t n)
{
    bool seen = b->inspected >= b->offset + b->n;
    bool whole = b->offset + b->n + b->missing == b->total;
    b->total += n;
    if (seen && whole) {
        b->offset = b->total;
        b->n = 0;
        b->missing = 0;
    } else if (whole)
        b->missing += n;
}
void app_body_slide(struct app_flow *af, struct app_body *b, uint32_t keep)
{
    (void)af;
    uint64_t edge = b->inspected > keep ? b->inspected - keep : 0;
    if (edge <= b->offset)
        return;
    uint32_t cut = (uint32_t)u64_min(edge - b->offset, b->n);
    /* Moving costs what stays: worth it only when that is the smaller part. */
    if (cut < b->n - cut)
        return;
    memmove(b->data, b->data + cut, b->n - cut);
    b->n -= cut;
    b->offset += cut;
}
void app_body_free(struct app_flow *af, struct app_body *b)
{
    if (b->room)
        app_mem_give(af, b->room);
    free(b->data);
    b->data = NULL;
    b->n = b->room = 0;
}
