/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What SSH says in the clear: the banner (RFC 4253 4.2) and KEXINIT (7.1), with HASSH made of it.
 *
 * HASSH is the MD5 of "key exchange;encryption;MAC;compression", the lists of the direction that
 * the speaker sends in.
 */
#include "app/ssh/ssh_tx.h"

#include "base/cursor.h"
#include "base/hash.h"

enum {
    RECORD_HEAD = 5, /* length, length of padding */
    COOKIE = 16,
    LISTS =
        10, /* kex, host key, then encryption, MAC, compression, languages: to server, to client */
};

bool ssh_banner_read(struct str line, struct str *proto, struct str *software)
{
    struct str rest;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (!str_starts(line, STR("SSH-")))
        return false;
    line = str_skip(line, 4);
    int64_t dash = str_find(line, STR("-"));
    if (dash <= 0)
        return false;
    *proto = str_first(line, (uint32_t)dash);
    *software =
        str_split(str_skip(line, (uint32_t)dash + 1), ' ', &rest); /* comments follow a blank */
    return software->n != 0;
}

bool ssh_kexinit_read(struct str record, unsigned dir, struct str list[4])
{
    struct str all[LISTS];
    if (record.n < RECORD_HEAD || record.p[4] > record.n - RECORD_HEAD)
        return false;
    struct cursor c = cur_of(record.p, record.n - record.p[4]);
    cur_skip(&c, RECORD_HEAD + 1 + COOKIE);
    for (unsigned i = 0; i < LISTS; i++) {
        struct cursor names = cur_sub(&c, cur_be32(&c));
        all[i] = str_of(names.at, (uint32_t)cur_left(&names));
    }
    if (c.bad)
        return false;
    list[0] = all[0];
    for (unsigned i = 1; i < 4; i++)
        list[i] = all[2 * i + dir];
    return true;
}

const char *ssh_hassh_get(struct ssh_side *s)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t d[DIGEST_MAX];
    if (!s->hassh.p)
        return NULL;
    if (s->hash[0])
        return s->hash;
    if (digest_of(DIGEST_MD5, s->hassh.p, s->hassh.n, d) != SSH_HASH_TEXT / 2)
        return NULL;
    for (unsigned i = 0; i < SSH_HASH_TEXT / 2; i++) {
        s->hash[2 * i] = digits[d[i] >> 4];
        s->hash[2 * i + 1] = digits[d[i] & 15];
    }
    return s->hash;
}
