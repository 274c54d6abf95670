/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/snapshot.h"

#include <string.h>

enum { TRIES = 64 };

void snapshot_put(_Atomic uint64_t *seq, _Atomic uint64_t *word, const void *p, size_t n)
{
    /* A writer that died inside left it odd: | 1 is right for its successor, too. */
    uint64_t s = atomic_load_explicit(seq, memory_order_relaxed) | 1;
    const uint8_t *from = p;
    atomic_store_explicit(seq, s, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < n / 8; i++) {
        uint64_t v;
        memcpy(&v, from + i * 8, 8);
        atomic_store_explicit(&word[i], v, memory_order_relaxed);
    }
    atomic_store_explicit(seq, s + 1, memory_order_release);
}

bool snapshot_get(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, void *p, size_t n)
{
    uint8_t *to = p;
    for (unsigned t = 0; t < TRIES; t++) {
        uint64_t before = atomic_load_explicit(seq, memory_order_acquire);
        for (size_t i = 0; i < n / 8; i++) {
            uint64_t v = atomic_load_explicit(&word[i], memory_order_relaxed);
            memcpy(to + i * 8, &v, 8);
        }
        atomic_thread_fence(memory_order_acquire);
        uint64_t after = atomic_load_explicit(seq, memory_order_relaxed);
        if (before == after && !(before & 1))
            return true;
    }
    return false;
}
