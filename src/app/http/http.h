/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/0.9 to 1.1 (RFC 9112): a row of protocols.def. */
#ifndef APP_HTTP_HTTP_H
#define APP_HTTP_HTTP_H

struct app_proto_def;
extern const struct app_proto_def app_http_def;

#endif
