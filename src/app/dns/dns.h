/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS over UDP and TCP (RFC 1035): a row of protocols.def. */
#ifndef APP_DNS_DNS_H
#define APP_DNS_DNS_H

struct app_proto_def;
extern const struct app_proto_def app_dns_def;

#endif
