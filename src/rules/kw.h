/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: every keyword's parse function, for the table in keywords.c. */
#ifndef RULES_KW_H
#define RULES_KW_H

#include "rules/parse.h"

/* A content in the named buffer of Suricata (kw_text.c); NULL: refused. */
struct rule_test *text_test(struct parse *p, const char *buffer, struct str bytes, bool negated,
                            bool nocase);

#define KW_FN(name) bool name(struct parse *p, const struct keyword *k, struct str v)

/* kw_content.c */
KW_FN(kw_content);
KW_FN(kw_nocase);
KW_FN(kw_window);
KW_FN(kw_startswith);
KW_FN(kw_endswith);
KW_FN(kw_fast_pattern);
KW_FN(kw_prefilter);
KW_FN(kw_rawbytes);
KW_FN(kw_replace);
enum { WINDOW_OFFSET, WINDOW_DEPTH, WINDOW_DISTANCE, WINDOW_WITHIN };
/* kw_pcre.c */
KW_FN(kw_pcre);
KW_FN(kw_regex);
/* kw_bytes.c */
KW_FN(kw_byte_test);
KW_FN(kw_byte_jump);
KW_FN(kw_byte_extract);
KW_FN(kw_byte_math);
KW_FN(kw_isdataat);
/* kw_base64.c */
KW_FN(kw_base64_decode);
KW_FN(kw_base64_data);
KW_FN(kw_asn1);
KW_FN(kw_rpc);
/* kw_buffer.c */
KW_FN(kw_sticky_alias);
KW_FN(kw_pkt_data);
KW_FN(kw_raw_data);
KW_FN(kw_header_buffer);
KW_FN(kw_transform);
KW_FN(kw_bsize);
KW_FN(kw_urilen);
KW_FN(kw_absent);
KW_FN(kw_file_text);
/* kw_tls.c */
KW_FN(kw_tls_text);
KW_FN(kw_ssl_version);
KW_FN(kw_ssl_state);
KW_FN(kw_cert_time);
KW_FN(kw_cert_state);
/* kw_packet.c */
KW_FN(kw_packet_uint);
KW_FN(kw_flags);
KW_FN(kw_fragbits);
KW_FN(kw_fragoffset);
KW_FN(kw_ipopts);
KW_FN(kw_sameip);
KW_FN(kw_ip_proto);
KW_FN(kw_csum);
KW_FN(kw_ftpbounce);
KW_FN(kw_stream_size);
KW_FN(kw_flow_count);
KW_FN(kw_vlan_id);
KW_FN(kw_dsize);
/* kw_flow.c */
KW_FN(kw_flow);
KW_FN(kw_flowbits);
KW_FN(kw_xbits);
KW_FN(kw_flowint);
KW_FN(kw_noalert);
KW_FN(kw_bypass);
KW_FN(kw_alert);
/* kw_event.c */
KW_FN(kw_decode_event);
KW_FN(kw_stream_event);
KW_FN(kw_app_event);
KW_FN(kw_app_protocol);
KW_FN(kw_app_state);
/* kw_threshold.c */
KW_FN(kw_threshold);
KW_FN(kw_detection_filter);
KW_FN(kw_tag);
/* kw_meta.c */
KW_FN(kw_msg);
KW_FN(kw_number);
KW_FN(kw_classtype);
KW_FN(kw_priority);
KW_FN(kw_reference);
KW_FN(kw_metadata);
KW_FN(kw_service);
KW_FN(kw_target);
KW_FN(kw_requires);
KW_FN(kw_nothing);
KW_FN(kw_resp);
KW_FN(kw_react);
KW_FN(kw_activates);
KW_FN(kw_refuse);
enum { NUMBER_SID, NUMBER_GID, NUMBER_REV, NUMBER_ACTIVATES, NUMBER_ACTIVATED_BY, NUMBER_COUNT };
/* kw_data.c */
KW_FN(kw_dataset);
KW_FN(kw_iprep);
KW_FN(kw_geoip);
KW_FN(kw_file_hash);
KW_FN(kw_filestore);
KW_FN(kw_entropy);

#endif
