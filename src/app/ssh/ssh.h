/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSH until it is encrypted (RFC 4253): a row of protocols.def. */
#ifndef APP_SSH_SSH_H
#define APP_SSH_SSH_H

struct app_proto_def;
extern const struct app_proto_def app_ssh_def;

#endif
