# SPDX-License-Identifier: GPL-2.0-or-later
"""Keywords without a row: those that are refused, and why the others have none."""

# Known and not built: the rule is refused and says so.  {dialect: {name: what stands in the rule}}
BOTH = {'stream_reassemble': 'stream_reassemble:enable,client;', 'file_type': 'file_type:"PDF";', 'cvs': 'cvs:invalid-entry;', 'soid': 'soid:3|1;'}
REFUSED = {
    'S': {'lua': 'lua:a.lua;', 'luajit': 'luajit:a.lua;', 'luaxform': 'luaxform:a.lua;', 'frame': 'frame:http1.request;'},
    '2': dict(BOTH, sd_pattern='sd_pattern:2,us_social;', logto='logto:"x";', session='session:printable;'),
    '3': dict(BOTH, file_meta='file_meta:type PDF;', http_num_trailers='http_num_trailers:>1;', http_num_cookies='http_num_cookies:>1;',
              http_max_header_line='http_max_header_line:>9;', http_max_trailer_line='http_max_trailer_line:>9;',
              http_header_test='http_header_test:field x, numeric;', http_trailer_test='http_trailer_test:field x, numeric;',
              http_raw_body='http_raw_body;', width='width:8;', js_data='js_data;', vba_data='vba_data;', appids='appids:"x";'),
}
WHY = {
    'activated_by': 'what a dynamic rule logs is a packet, no event: detect/test_state.c', 'count': 'as activated_by',
    'http params': 'for http_param, which has a row', 'file md5': 'for filemd5', 'file sha1': 'for filesha1', 'file sha256': 'for filesha256',
}
# Of the ladders: what waits for a parser.
LADDER = dict.fromkeys(('dce_iface', 'dce_opnum', 'dce_stub_data', 'sip_header', 'sip_method', 'sip_stat_code'), 'the parser is not built')
LADDER.update(('proto:' + x, 'the protocol is not told yet, or its parser is not built') for x in (
    'bittorrent-dht', 'dcerpc', 'dhcp', 'dnp3', 'enip', 'ftp-data', 'http2', 'ike', 'krb5', 'ldap', 'mdns', 'modbus', 'mqtt', 'nfs', 'ntp', 'pgsql',
    'pop3', 'quic', 'rfb', 'snmp', 'websocket'))
