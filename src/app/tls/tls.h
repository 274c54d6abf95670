/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS and SSL handshakes (RFC 8446, RFC 5246, SSL 2): a row of protocols.def. */
#ifndef APP_TLS_TLS_H
#define APP_TLS_TLS_H

struct app_proto_def;
extern const struct app_proto_def app_tls_def;

#endif
