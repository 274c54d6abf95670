/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: TLS in pieces with holes, every buffer and the log; and certificates alone.
 *
 * Input: one byte; 0: a certificate follows, else pieces as in fuzz_dns.c.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/fuzz_flow.h"
#include "app/tls/tls.h"
#include "app/tls/tls_cert.h"

static void certificate(const uint8_t *p, uint32_t n)
{
    struct tls_cert c;
    struct arena a;
    struct str s;
    char fingerprint[TLS_FINGERPRINT_BYTES + 1];
    uint64_t events = 0;
    arena_init(&a, 0, 0);
    (void)tls_cert_read(p, n, &c, &events);
    (void)tls_cert_name(c.subject, &a);
    (void)tls_cert_name(c.issuer, &a);
    (void)tls_cert_serial(&c, &a);
    (void)tls_cert_time(c.not_before, &a);
    (void)tls_cert_fingerprint(c.der, fingerprint);
    struct cursor walk = cur_of(c.alt_names.p, c.alt_names.n);
    while (tls_cert_alt_next(&walk, &a, &s))
        ;
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > UINT32_MAX)
        return 0;
    if (data[0] == 0)
        certificate(data + 1, (uint32_t)(size - 1));
    else
        fuzz_flow(&app_tls_def, IPPROTO_TCP, 443, data + 1, size - 1);
    return 0;
}
