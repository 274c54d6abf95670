/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said of an X.509 certificate (RFC 5280), read from its DER (X.690) without judging it.
 *
 * Only views and numbers are kept; names are put into text where somebody wants them.
 */
#ifndef APP_TLS_TLS_CERT_H
#define APP_TLS_TLS_CERT_H

#include "app/tls/tls_hello.h"

struct tls_cert {
    struct str der;
    struct str serial;             /* content bytes of the INTEGER */
    struct str issuer, subject;    /* content of the Name: a sequence of RDNs */
    struct str alt_names;          /* content of GeneralNames */
    int64_t not_before, not_after; /* seconds since 1970 */
    bool has_serial, has_issuer, has_subject, has_validity;
};

/* false: not all of it could be read; what was read before that stands.  Says why in *events. */
bool tls_cert_read(const uint8_t *p, uint32_t n, struct tls_cert *out, uint64_t *events);

/* "C=US, ST=California, O=Google Inc, CN=*.google.com" */
struct str tls_cert_name(struct str name, struct arena *a);
/* "08:3A:84" */
struct str tls_cert_serial(const struct tls_cert *c, struct arena *a);
enum { TLS_FINGERPRINT_BYTES = 59 };
/* SHA-1 as "cc:aa:48:..." with a NUL behind it. */
bool tls_cert_fingerprint(struct str der, char out[TLS_FINGERPRINT_BYTES + 1]);
/* Next alternative name that has a text (DNS, mail, URI, address) of a walk that starts at the
 * content of c->alt_names; false behind the last. */
bool tls_cert_alt_next(struct cursor *walk, struct arena *a, struct str *out);
/* "2020-05-13T12:00:00" */
struct str tls_cert_time(int64_t seconds, struct arena *a);

#endif
