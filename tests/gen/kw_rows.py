# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of keywords: a rule, traffic that fires it, traffic that must not (near: one thing is missing).

R(names, rule, fires, misses, ...): names of keywords or, as in the ladders of rule sets, with what stands behind them.
The rule is written for each dialect that has the keyword (d: for these alone: 2, 3, S), or {dialect: rule}.
p: protocol or whole start of the header; act: action; more: rules beside it, which may never alert;
see: what must hold of an alert; count: how many alerts; events: what must hold of the events of the traffic that fires
(instead of an alert), and must not of the other.
"""
import base64
import hashlib
import struct
import zlib

import wire
from kw_wire import D, H, P, Q, S, T, U, X, cert, fingerprint, icmp1, icmp6, spoiled, tagged, tcp1, tcp6, udp1, udp6, vxlan

ROWS = []


class Row:
    def __init__(self, names, rule, fires, misses, **kw):
        self.names = (names,) if isinstance(names, str) else names
        self.rule, self.fires, self.misses = rule, fires, misses
        self.d, self.p, self.act, self.more = kw.pop('d', None), kw.pop('p', 'tcp'), kw.pop('act', 'alert'), kw.pop('more', ())
        self.see, self.count, self.events = kw.pop('see', None), kw.pop('count', None), kw.pop('events', None)
        assert not kw, kw


def R(*a, **kw):
    ROWS.append(Row(*a, **kw))


N, Z = T(b'xx needle yy'), T(b'xx noodle yy')
HN, HZ = H(b'/needle'), H(b'/noodle')
C = 'content:"needle";'


def dig(e, path):
    for k in path:
        e = e.get(k, {}) if isinstance(e, dict) else e
    return e


def said(*path):
    return lambda want: lambda e: dig(e, ('alert',) + path) == want


# What the rule says of itself.
R('(base)', C, N, Z)
R('msg', 'msg:"a text: of, its \\"own\\""; ' + C, N, Z, see=said('signature')('a text: of, its "own"'))
R('sid', C, N, Z)
R('gid', 'gid:7; ' + C, N, Z, see=said('gid')(7))
R('rev', 'rev:9; ' + C, N, Z, see=said('rev')(9))
R('classtype', 'classtype:kind-of-test; ' + C, N, Z, see=said('category')('A kind of test'))
R('priority', 'priority:4; ' + C, N, Z, see=said('severity')(4))
R('reference', 'reference:url,example.org/a; reference:cve,2020-1; ' + C, N, Z)
R('metadata', 'metadata:kind needle, other x; ' + C, N, Z)
R('metadata', 'metadata:created_at 2020_01_02; ' + C, N, Z, d='S', see=said('metadata', 'created_at')(['2020_01_02']))
R('service', 'service:http; ' + C, HN, T(b'needle', dport=80), p='tcp any any -> any 8080')
R('enable', 'enable:yes; ' + C, N, Z)
R('rem', 'rem:"a remark"; ' + C, N, Z)
R('target', 'target:dest_ip; flow:to_server; ' + C, N, Z, see=lambda e: dig(e, ('alert', 'target', 'ip')) == e['dest_ip'])
R('requires', 'requires: version >= 7.0.3, keyword content; ' + C, N, Z)

# Contents.
R('content', C, N, Z)
R('content', 'content:"n|65 65|dle";', N, Z)
R('content !', 'content:"xx "; content:!"noodle";', N, Z)
R('uricontent', 'uricontent:"needle";', HN, H(b'/', body=b'needle'))
R(('nocase', 'content nocase'), {'2': 'content:"NeedLE"; nocase;', 'S': 'content:"NeedLE"; nocase;', '3': 'content:"NeedLE",nocase;'}, N, Z)
for how, before, fires, misses in (
        ('offset 3', '', N, T(b'xxneedle')), ('depth 9', '', N, T(b'xxxx needle')), ('distance 2', 'content:"xx";', T(b'xx  needle'), T(b'xx needle')),
        ('within 7', 'content:"xx";', N, T(b'xx  needle'))):
    word, number = how.split()
    R((word, 'content ' + word), {k: '%s content:"needle"; %s:%s;' % (before, word, number) for k in '2S'}, fires, misses)
    R('content ' + word, '%s content:"needle",%s;' % (before, how), fires, misses, d='3')
R('startswith', 'content:"needle"; startswith;', T(b'needle x'), T(b'x needle'))
R('endswith', 'content:"needle"; endswith;', T(b'x needle'), T(b'needle x'))
R('fast_pattern', 'content:"xx"; content:"needle"; fast_pattern;', N, Z)
R('fast_pattern', 'content:"xx"; content:"needle"; fast_pattern:1,4;', N, T(b'xx eedl'))
R('fast_pattern', 'content:"needle"; fast_pattern:only;', N, Z, d='S')
R('fast_pattern', 'content:"needle"; fast_pattern:only;', T(b'xx NEEDLE'), Z, d='2')
R('content fast_pattern', 'content:"xx"; content:"needle",fast_pattern;', N, Z, d='3')
R(('content fast_pattern_offset', 'content fast_pattern_length'),
  'content:"needle",fast_pattern,fast_pattern_offset 1,fast_pattern_length 4;', N, T(b'xx eedl'), d='3')
R('prefilter', C + ' prefilter;', N, Z)
R('rawbytes', 'content:"needle"; rawbytes;', N, Z)
R('replace', 'content:"needle"; replace:"NEEDLE";', N, Z)
R('pcre', 'pcre:"/ne{2}dle/";', N, Z)
R('pcre', 'content:"xx"; pcre:"/^ needle/R";', N, T(b'xx  needle'))
R('pcre', 'content:"xx"; pcre:!"/noodle/";', N, Z)
for letter, dialects, fires, misses in (
        ('U', '2S', HN, T(b'/needle', dport=80)), ('I', '2S', H(b'/%6eeedle'), HN), ('P', '2S', H(body=b'needle'), HN), ('H', '2S', H(head=b'X: needle\r\n'), HN),
        ('D', '2S', H(head=b'X: needle\r\n'), HN), ('M', '2S', H(method=b'needle'), HN), ('C', '2S', H(head=b'Cookie: needle\r\n'), HN),
        ('K', '2', H(head=b'Cookie: needle\r\n'), HN), ('S', '2S', H(status=b'444 OK'), HN), ('Y', '2S', H(status=b'200 needle'), HN),
        ('V', 'S', H(head=b'User-Agent: needle\r\n'), HN), ('W', 'S', H(host=b'needle'), HN), ('Z', 'S', H(host=b'needle'), HN),
        ('Q', 'S', H(rbody=b'needle'), HN), ('B', '2S', N, Z)):
    R('pcre /' + letter, 'pcre:"/%s/%s";' % ({'S': '444', 'I': '%6eeedle'}.get(letter, 'needle'), letter), fires, misses, d=dialects)
R('regex', 'regex:"/ne+dle/";', N, Z)

# Numbers.
R('byte_test', 'content:"xx"; byte_test:1,=,5,2;', T(b'xx\5'), T(b'xx\6'))
R('byte_test', 'content:"xx"; byte_test:2,>,300,0,relative,little;', T(b'xx\0\2'), T(b'xx\2\0'))
R('byte_test', 'content:"xx"; byte_test:3,=,17,0,relative,string,dec;', T(b'xx017'), T(b'xx170'))
R('byte_jump', 'content:"xx"; byte_jump:1,0,relative; content:"needle"; within:6;', T(b'xx\3abcneedle'), T(b'xx\2abcneedle'), d='2S')
R('byte_jump', 'content:"xx"; byte_jump:1,0,relative; content:"needle",within 6;', T(b'xx\3abcneedle'), T(b'xx\2abcneedle'), d='3')
R('byte_extract', 'byte_extract:1,0,n; byte_test:1,=,n,1;', T(b'\5\5'), T(b'\5\6'))
R('byte_math', {'S': 'byte_math:bytes 1, offset 0, oper +, rvalue 3, result n; byte_test:1,=,n,1;',
                '2': 'byte_math:bytes 1, offset 0, oper +, rvalue 3, result n; byte_test:1,=,n,1;',
                '3': 'byte_math:bytes 1, offset 0, oper +, rvalue 3, result n; byte_test:1,=,n,1;'}, T(b'\5\x08'), T(b'\5\x05'))
R('isdataat', 'content:"needle"; isdataat:5,relative;', T(b'needle123456'), T(b'needle123'))
R('isdataat', 'content:"needle"; isdataat:!1,relative;', T(b'xneedle'), T(b'needle12'))
R(('base64_decode', 'base64_data'), 'content:"b="; base64_decode:bytes 8, offset 0, relative; base64_data; content:"needle";',
  T(b'b=' + base64.b64encode(b'needle')), T(b'b=' + base64.b64encode(b'noodle')))
R('asn1', 'asn1:oversize_length 500;', U(b'\x30\x82\x04\x00' + b'a' * 1024), U(b'\x30\x82\x01\x00' + b'a' * 1024), p='udp')
RPC = lambda prog, ver, proc: struct.pack('!6I', 1, 0, 2, prog, ver, proc) + b'\0' * 16
R('rpc', 'rpc:100003,2,4;', U(RPC(100003, 2, 4)), U(RPC(100003, 2, 5)), p='udp')
R('rpc', 'rpc:100003,*,*;', U(RPC(100003, 3, 1)), U(RPC(100004, 3, 1)), p='udp')
R('ber_data', 'ber_data:0x04; content:"needle",within 6;', U(b'\4\6needle'), U(b'\5\6needle'), p='udp')
R('ber_skip', 'ber_skip:0x02; content:"needle",within 6;', U(b'\2\1\5needle'), U(b'\3\1\5needle'), p='udp')
for name, h in (('md5', hashlib.md5), ('sha256', hashlib.sha256), ('sha512', hashlib.sha512)):
    R(name, 'content:"xx"; %s:"%s",length 6,relative;' % (name, h(b'needle').hexdigest()), T(b'xxneedle'), T(b'xxnoodle'))
R('sd_pattern', 'sd_pattern:"credit_card", threshold 2;', T(b'a 4111111111111111 b 5500005555555559 c'), T(b'a 4111111111111111 b'), d='3')
R('entropy', 'entropy:value > 4;', T(bytes(range(64))), T(b'a' * 64))

# Buffers of the packet, lengths, transforms.
R('pkt_data', {'S': 'file.data; content:"body"; pkt_data; content:"needle";', '2': 'file_data; content:"body"; pkt_data; content:"needle";',
               '3': 'file_data; content:"body"; pkt_data; content:"needle";'}, H(rhead=b'X: needle\r\n', rbody=b'body'), H(rbody=b'body'))
R('raw_data', 'raw_data; content:"needle";', N, Z)
R('ipv4.hdr', 'ipv4.hdr; content:"|06|"; offset:9; depth:1;', N, U(b'x'), p='ip')
R('ip.src', 'ip.src; content:"|01|"; endswith; flow:to_server;', N, N)
R('ip.dst', 'ip.dst; content:"|01|"; endswith; flow:to_client;', N, N)
R('ipv6.hdr', 'ipv6.hdr; content:"|06|"; offset:6; depth:1;', P(tcp6), P(udp6), p='ip')
R('tcp.hdr', 'tcp.hdr; content:"|0f a1|"; offset:2; depth:2;', T(b'x', dport=4001), T(b'x'))
R('udp.hdr', 'udp.hdr; content:"|0f a1|"; offset:2; depth:2;', U(b'x', dport=4001), U(b'x'), p='udp')
R('icmpv4.hdr', 'icmpv4.hdr; content:"|08 00|"; startswith;', P(icmp1(8)), P(icmp1(13)), p='icmp')
R('icmpv6.hdr', 'icmpv6.hdr; content:"|80 00|"; startswith;', P(icmp6(128)), P(icmp6(129)), p='icmp')
R('bsize', 'http.uri; content:"/needle"; bsize:7;', HN, H(b'/needles'))
R('bufferlen', 'http_uri; content:"/needle"; bufferlen:7;', HN, H(b'/needles'))
R('urilen', 'urilen:7;', HN, H(b'/needles'))
R('absent', 'http.uri; content:"/needle"; http.referer; absent;', HN, H(b'/needle', head=b'Referer: x\r\n'))
R('dotprefix', 'dns.query; dotprefix; content:".needle.com"; endswith;', D(b'needle.com'), D(b'aneedle.com'), p='dns')
R('to_lowercase', 'http.uri; to_lowercase; content:"/needle";', H(b'/NEEDle'), HZ, p='http')
R('to_uppercase', 'http.uri; to_uppercase; content:"/NEEDLE";', HN, HZ, p='http')
R('strip_whitespace', 'http.request_body; strip_whitespace; content:"needle";', H(body=b'ne ed\tle'), H(body=b'ne.edle'), p='http')
R('compress_whitespace', 'http.request_body; compress_whitespace; content:"ne edle";', H(body=b'ne \t edle'), H(body=b'needle'), p='http')
for name, h in (('to_md5', hashlib.md5), ('to_sha1', hashlib.sha1), ('to_sha256', hashlib.sha256)):
    R(name, 'http.uri; %s; content:"|%s|";' % (name, h(b'/needle').hexdigest()), HN, HZ, p='http')
R('url_decode', 'http.uri.raw; url_decode; content:"/ne edle";', H(b'/ne%20edle'), H(b'/ne%21edle'), p='http')
R('xor', 'http.request_body; xor:"01"; content:"needle";', H(body=bytes(c ^ 1 for c in b'needle')), H(body=b'needle'), p='http')
R('header_lowercase', 'http.request_header; header_lowercase; content:"x-needle: A";', H(head=b'X-Needle: A\r\n'), H(head=b'X-Needle: a\r\n'), p='http')
R('domain', 'tls.sni; domain; content:"needle.com"; bsize:10;', X(b'a.b.needle.com'), X(b'needle.com.org'), p='tls')
R('tld', 'tls.sni; tld; content:"uk"; bsize:2;', X(b'needle.uk'), X(b'uk.com'), p='tls')
R('from_base64', 'http.request_body; from_base64; content:"needle";', H(body=base64.b64encode(b'xneedle')), H(body=b'needle'), p='http')
GZ = lambda d: (lambda c: c.compress(d) + c.flush())(zlib.compressobj(wbits=31))
R('gunzip', 'http.request_body; gunzip; content:"needle";', H(body=GZ(b'xneedle')), H(body=GZ(b'noodle')), p='http')
R('zlib_deflate', 'http.request_body; zlib_deflate; content:"needle";', H(body=zlib.compress(b'xneedle')), H(body=zlib.compress(b'noodle')), p='http')
R('casechange', 'http.uri; casechange; content:"/NeeDLE";', H(b'/nEEdle'), H(b'/NeeDLE'), p='http')
R('strip_pseudo_headers', 'http.request_body; strip_pseudo_headers; content:"|0a|needle"; startswith;', H(body=b':a: b\r\n\nneedle'),
  H(body=b'a: b\r\n\nneedle'), p='http')
R('pcrexform', 'http.uri; pcrexform:"^/a(.*)z$"; content:"needle"; bsize:6;', H(b'/aneedlez'), H(b'/needlez'), p='http')

# Header fields.
R('ttl', 'ttl:7;', P(udp1(ip={'ttl': 7})), P(udp1(ip={'ttl': 8})), p='udp')
R('ttl', 'ttl:<9;', P(udp1(ip={'ttl': 8})), P(udp1(ip={'ttl': 9})), p='udp')
R('ttl', 'ttl:9-;', P(udp1(ip={'ttl': 9})), P(udp1(ip={'ttl': 8})), p='udp', d='2')
R('ttl', 'ttl:-9;', P(udp1(ip={'ttl': 9})), P(udp1(ip={'ttl': 10})), p='udp', d='2')
R('ttl', 'ttl:7-9;', P(udp1(ip={'ttl': 7})), P(udp1(ip={'ttl': 10})), p='udp', d='2')
R('tos', 'tos:8;', P(udp1(ip={'tos': 8})), P(udp1(ip={'tos': 4})), p='udp')
R('id', 'id:3868;', P(udp1(ip={'id': 3868})), P(udp1(ip={'id': 3869})), p='udp')
R('itype', 'itype:13;', P(icmp1(13)), P(icmp1(14)), p='icmp')
R('icode', 'icode:3;', P(icmp1(8, 3)), P(icmp1(8, 4)), p='icmp')
R('icmp_id', 'icmp_id:77;', P(icmp1(ident=77)), P(icmp1(ident=78)), p='icmp')
R('icmp_seq', 'icmp_seq:77;', P(icmp1(seq=77)), P(icmp1(seq=78)), p='icmp')
for pre, words in (('', ('seq', 'ack', 'window')), ('tcp.', ('seq', 'ack', 'window'))):
    for w in words:
        R(pre + w, '%s%s:4660;' % (pre, w), P(tcp1(**{w: 4660})), P(tcp1(**{w: 4661})))
R('window', 'window:!0;', P(tcp1(window=1)), P(tcp1(window=0)))
R('tcp.mss', 'tcp.mss:<600;', P(tcp1(opts=b'\2\4\2\x18')), P(tcp1(opts=b'\2\4\5\xb4')))
R('tcp.wscale', 'tcp.wscale:>10;', P(tcp1(opts=b'\1\3\3\x0c')), P(tcp1(opts=b'\1\3\3\5')))
R('icmpv6.mtu', 'icmpv6.mtu:<1280;', P(icmp6(2, struct.pack('!I', 1000))), P(icmp6(2, struct.pack('!I', 1400))), p='icmp')
R('dsize', 'dsize:7;', U(b'needles'), U(b'needle'), p='udp')
R('dsize', 'dsize:5<>9;', U(b'needles'), U(b'need'), p='udp')
R('dsize', 'dsize:5<>9;', U(b'needles'), U(b'neeed'), p='udp', d='3S')
R('dsize', 'dsize:5<>9;', U(b'neeed'), U(b'need'), p='udp', d='2')
R(('flags', 'tcp.flags'), {'2': 'flags:FPU;', '3': 'flags:FPU;', 'S': 'flags:FPU;'}, P(tcp1(wire.FIN | wire.PSH | wire.URG)), P(tcp1(wire.FIN | wire.PSH)))
R('flags', 'flags:S,CE;', P(tcp1(0xc2)), P(tcp1(0x12)))
R('tcp.flags', 'tcp.flags:FPU;', P(tcp1(wire.FIN | wire.PSH | wire.URG)), P(tcp1(wire.FIN | wire.PSH)))
R('fragbits', 'fragbits:D;', P(udp1(ip={'bits': 2})), P(udp1(ip={'bits': 0})), p='udp')
R('fragoffset', 'fragoffset:>5;', P(udp1(ip={'bits': 1, 'off': 6})), P(udp1(ip={'bits': 1, 'off': 5})), p='ip')
R('ipopts', 'ipopts:rr;', P(udp1(ip={'opts': b'\x07\x07\x04\0\0\0\0\0'})), P(udp1(ip={'opts': b'\x83\x07\x04\0\0\0\0\0'})), p='udp')
R('sameip', 'sameip;', P(lambda a, b: udp1()(a, a)), P(udp1()), p='udp')
R('ip_proto', 'ip_proto:47;', P(lambda a, b: wire.ipv4(a, b, 47, b'\0\0\xff\xff')), P(lambda a, b: wire.ipv4(a, b, 99, b'\0\0\xff\xff')), p='ip')
R('vlan.id', 'vlan.id:7;', P(tagged(udp1(), 7)), P(tagged(udp1(), 8)), p='udp')
R('vlan.layers', 'vlan.layers:2;', P(tagged(udp1(), 7, 8)), P(tagged(udp1(), 7)), p='udp')
R('vxlan_vni', 'vxlan_vni:77;', P(vxlan(udp1(), 77)), P(vxlan(udp1(), 78)), p='udp')
R('ipv4-csum', 'ipv4-csum:invalid;', P(spoiled(udp1(), 10)), P(udp1()), p='ip')
R('tcpv4-csum', 'tcpv4-csum:invalid;', P(spoiled(tcp1(), 36)), P(tcp1()))
R('tcpv6-csum', 'tcpv6-csum:invalid;', P(spoiled(tcp6, 14 + 40 + 16)), P(tcp6))
R('udpv4-csum', 'udpv4-csum:invalid;', P(spoiled(udp1(), 26)), P(udp1()), p='udp')
R('udpv6-csum', 'udpv6-csum:invalid;', P(spoiled(udp6, 14 + 40 + 6)), P(udp6), p='udp')
R('icmpv4-csum', 'icmpv4-csum:invalid;', P(spoiled(icmp1(), 22)), P(icmp1()), p='icmp')
R('icmpv6-csum', 'icmpv6-csum:invalid;', P(spoiled(icmp6(128), 14 + 40 + 2)), P(icmp6(128)), p='icmp')


def bounce(own):
    def make(a, b, out):
        ip = a if own else 0x01020304
        T(S(b'220 FTP server ready\r\n'), b'PORT ' + b','.join(b'%d' % (ip >> s & 255) for s in (24, 16, 8, 0)) + b',4,1\r\n', dport=21)(a, b, out)
    return make


R('ftpbounce', 'flow:to_server; content:"PORT"; ftpbounce;', bounce(False), bounce(True))

# Flow and state.
BACK = T(b'hello', S(b'xx needle'))
for w, fires, misses in (('to_server', N, BACK), ('from_client', N, BACK), ('to_client', BACK, N), ('from_server', BACK, N)):
    R('flow', 'flow:%s; %s' % (w, C), fires, misses)
R('flow', 'flow:established; content:"needle";', N, P(tcp1(wire.PSH | wire.ACK, b'needle')))
R('flow:not_established', {'S': 'flow:not_established; flags:S;', '2': 'flow:not_established; flags:S;', '3': 'flow:not_established; flags:S;'},
  P(tcp1()), P(tcp1(wire.ACK)))
R('flow:stateless', 'flow:stateless; flags:FPU;', P(tcp1(wire.FIN | wire.PSH | wire.URG)), P(tcp1(wire.FIN)))
TWO = T(b'nee', b'dle')
R('flow:only_stream', 'flow:established,only_stream; content:"needle";', TWO, T(b'nee', b'del'))
R('flow:no_stream', 'flow:established,no_stream; content:"needle";', N, TWO)
BITS = 'flow:established; content:"first"; flowbits:%s; flowbits:noalert;'
AFTER = T(b'first', b'needle')
R(('flowbits', 'noalert'), 'flowbits:isset,a; ' + C, AFTER, T(b'forst', b'needle'), more=(BITS % 'set,a',))
R('flowbits', 'flowbits:isnotset,b; ' + C, T(b'forst', b'needle'), AFTER, more=(BITS % 'set,b',))
R('flowbits', 'flowbits:isset,c; ' + C, T(b'first', b'needle'), T(b'first', b'second', b'needle'),
  more=(BITS % 'set,c', 'content:"second"; flowbits:unset,c; flowbits:noalert;'))
R('flowbits', {'2': 'flowbits:isset,d; ' + C, 'S': 'flowbits:isset,d; ' + C}, U(b'first', b'needle'), U(b'first', b'first', b'needle'), p='udp',
  more=('content:"first"; flowbits:toggle,d; flowbits:noalert;',))
R('noalert', 'flowbits:isset,e; ' + C, AFTER, T(b'forst', b'needle'), more=('content:"first"; flowbits:set,e; noalert;',), d='S')
for word, how in (('xbits', 'track ip_src'), ('xbits', 'track ip_dst'), ('xbits', 'track ip_pair,expire 60')):
    name = how.split()[1].split(',')[0]
    R(word, 'flow:to_server; xbits:isset,%s,%s; %s' % (name, how, C), AFTER, T(b'forst', b'needle'),
      more=('flow:to_server; content:"first"; xbits:set,%s,%s; noalert;' % (name, how),))
R('hostbits', 'flow:to_server; hostbits:isset,h,src; ' + C, AFTER, T(b'forst', b'needle'),
  more=('flow:to_server; content:"first"; hostbits:set,h,src; noalert;',))
R('flowint', 'flowint:n,==,2; ' + C, U(b'first', b'first', b'needle'), U(b'first', b'needle'), p='udp', more=('content:"first"; flow:to_server; flowint:n,+,1; noalert;',))
R('stream_size', 'stream_size:client,>,20; ' + C, T(b'a' * 30, b'needle'), T(b'a', b'needle'))
R('stream_size', 'stream_size:server,<,20; ' + C, T(b'a', S(b'b'), b'needle'), T(b'a', S(b'b' * 90), b'needle'))
R('flow.age', 'flow.age:>3; ' + C, T(b'a', ('wait', 5), b'needle'), T(b'a', b'needle'))
for side, fires, misses in (('toserver', T(b'a', b'b', b'c', b'd', b'needle'), N), ('toclient', T(S(b'a'), S(b'b'), S(b'c'), S(b'd'), b'needle'), N)):
    R('flow.pkts', 'flow.pkts:%s,>5; %s' % (side, C), fires, misses)
    R('flow.pkts_' + side, 'flow.pkts_%s:>5; %s' % (side, C), fires, misses)
for side, fires in (('toserver', T(b'a' * 1000, b'needle')), ('toclient', T(b'a', S(b'b' * 1000), b'needle'))):
    R('flow.bytes', 'flow.bytes:%s,>900; %s' % (side, C), fires, N)
    R('flow.bytes_' + side, 'flow.bytes_%s:>900; %s' % (side, C), fires, N)
R('alert', C + ' alert;', N, Z, act='pass')
MANY = U(b'needle', b'needle', b'needle', b'needle')
R('threshold', C + ' threshold:type limit, track by_src, count 2, seconds 60;', MANY, U(b'noodle'), p='udp', count=2)
R('threshold', C + ' threshold:type threshold, track by_src, count 2, seconds 60;', MANY, U(b'needle'), p='udp', count=2)
R('threshold', C + ' threshold:type both, track by_dst, count 2, seconds 60;', MANY, P(*[lambda a, b: udp1(b'needle')(a, a)]), p='udp', count=1)
R('detection_filter', C + ' detection_filter:track by_src, count 2, seconds 60;', MANY, U(b'needle', b'needle'), p='udp', count=2)
R('flowvar', 'flowvar:kind,"needle"; content:"now";', U(b'id=needle,', b'now'), U(b'id=noodle,', b'now'), p='udp',
  more=('pcre:"/id=(?P<flow_kind>[a-z]+),/"; noalert;',))
R('pktvar', 'pktvar:kind,"needle"; content:"id=";', U(b'id=needle,'), U(b'id=noodle,'), p='udp',
  more=('pcre:"/id=(?P<pkt_kind>[a-z]+),/"; priority:1; noalert;',))
R('activates', 'activates:5; ' + C, N, Z, act='activate')

# Actions beside the alert.
kind = lambda name: lambda events: any(e.get('event_type') == name for e in events)
R('tag', C + ' tag:session,10,packets;', T(b'needle', b'more'), Z, events=kind('packet'))
R('resp', C + ' resp:reset_both;', N, Z, see=lambda e: dig(e, ('verdict', 'reject')) == ['tcp-reset'])
R('react', C + ' react:block;', HN, HZ, d='2', see=lambda e: dig(e, ('verdict', 'status')) == 'would')
R('react', C + ' react;', HN, HZ, d='S', see=lambda e: dig(e, ('verdict', 'status')) == 'would')
R('blacklist', 'flow:established; ' + C + ' blacklist:by src, for 60s;', N, Z, events=kind('blacklist'))
R('bypass', C + ' bypass;', U(b'needle', b'needle', b'needle'), U(b'noodle'), p='udp', count=1)
R('config', 'dns.query; content:"needle"; config:logging disable, type tx, scope tx;', D(b'www.noodle.com', reply=True), D(b'www.needle.com', reply=True),
  act='config', p='dns', events=kind('dns'))

# Events and protocols.
for w in ('decode-event', 'engine-event'):
    R(w, w + ':ipv4.icmpv6;', P(lambda a, b: wire.ipv4(a, b, 58, b'\x80' + b'\0' * 11)), P(icmp1()), p='ip')


def late(ack):
    """A segment whose acknowledgement is of what was never sent."""
    def make(a, b, out):
        c = wire.Tcp(out, a, 3333, b, 4000)
        c.open()
        c.send(0, b'one')
        c.send(1, b'two')
        c.segment(0, wire.PSH | wire.ACK, b'three', **({'ack': c.seq[1] + 400000} if ack else {}))
    return make


R('stream-event', 'stream-event:est_invalid_ack;', late(True), late(False))
R('app-layer-event', 'app-layer-event:http.missing_host_header;', H(host=b''), H(), p='http')
R('app-layer-protocol', 'app-layer-protocol:http; content:"needle";', HN, T(b'needle', dport=80))
R('app-layer-protocol', 'app-layer-protocol:!http; content:"needle"; flow:to_server,established;', T(b'HELO a\r\nneedle', b'needle more', dport=80), HN)
R('app-layer-state', 'app-layer-state:>request_headers; http.uri; content:"/needle";', HN, HZ, p='http')
# What waits for a state asks for the rest when it is there.
SLOW = lambda word: T(b'POST /needle HTTP/1.1\r\nHost: a\r\nX: %s\r\nContent-Length: 6\r\n\r\n' % word, S(b''), b'bo', S(b''), b'dy..', dport=80)
for p, state in (('http1:request_complete', ''), ('http', 'app-layer-state:request_complete; ')):
    R('app-layer-state', state + 'http.uri; content:"/needle"; flowbits:isset,s;', SLOW(b'first'), SLOW(b'forst'), p=p, d='S',
      more=('content:"X: first"; flow:to_server; flowbits:set,s; noalert;',))

# Files and lists; $D is the folder of the files beside the rules.
FILE = lambda name, body=b'needle': H(b'/' + name, rbody=body)
R('fileext', 'fileext:"exe";', FILE(b'a.exe'), FILE(b'a.txt'), p='http')
R('filename', 'filename:"needle";', FILE(b'needle.bin'), FILE(b'noodle.bin'), p='http')
GIF, PNG = b'GIF89a' + b'\1\0' * 20, b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + b'\0\0\0\1' * 2 + b'\x08\2\0\0\0' + b'\0' * 20
R('filemagic', 'filemagic:"GIF image";', FILE(b'a', GIF), FILE(b'a', PNG), p='http')
R('filestore', 'http.uri; content:"/needle"; filestore;', HN, HZ, p='http')
for name in ('filemd5', 'filesha1', 'filesha256'):
    R(name, '%s:%s.list;' % (name, name), FILE(b'a'), FILE(b'a', b'noodle'), p='http')
R('dataset', 'http.uri; dataset:isset,paths,type string,load paths.csv;', HN, HZ, p='http')
R('dataset', 'http.uri; content:"/needle"; http.host; dataset:isset,hosts,type string;', H(b'/first', host=b'needle.org', again=b'/needle'),
  H(b'/forst', host=b'noodle.org', again=b'/needle'), p='http', more=('http.uri; content:"/first"; http.host; dataset:set,hosts,type string; noalert;',))
R('dataset', 'http.uri; content:"/needle"; http.host; dataset:isnotset,others,type string;', H(b'/needle', host=b'noodle.org'),
  H(b'/first', host=b'needle.net', again=b'/needle'), p='http', more=('http.uri; content:"/first"; http.host; dataset:set,others,type string; noalert;',))
R('dataset', 'http.uri; to_md5; dataset:isset,sums,type md5,load sums.md5;', HN, HZ, p='http')
R('dataset', 'http.uri; to_sha256; dataset:isset,sums2,type sha256,load sums.sha256;', HN, HZ, p='http')
R('dataset', C + ' flow:to_server; ip.src; dataset:isset,ips,type ip,load ips.csv;', N, N)
R('dataset', 'dns.query; dataset:isset,names,type string,load names.json,format json,value_key name,array_key all;', D(b'needle.com'), D(b'noodle.com'), p='dns')
R('datarep', 'http.uri; datarep:paths2,>,40,load paths.rep,type string;', HN, HZ, p='http')
R('iprep', 'flow:to_server; iprep:src,Bad,>,20; ' + C, N, N)
R('geoip', 'flow:to_server; geoip:src,DE; ' + C, N, N)

# TLS and HTTP words with a value of their own.
R('ssl_version', {'S': 'ssl_version:tls1.2;', '2': 'ssl_version:tls1.2;', '3': 'ssl_version:tls1.2;'}, X(), X(version=0x0301))
R('ssl_state', 'ssl_state:server_hello;', X(), T(b'\x16\3\1\0\x05\1\0\0\1\0', dport=443))
R('tls_cert_notbefore', 'tls_cert_notbefore:<2021;', X(), X(chain=[]), p='tls')
R('tls_cert_notafter', 'tls_cert_notafter:<2022;', X(chain=[cert(until=b'210101000000Z')]), X(), p='tls')
R('tls_cert_expired', 'tls_cert_expired;', X(chain=[cert(until=b'210101000000Z')]), X(), p='tls')
R('tls_cert_valid', 'tls_cert_valid;', X(), X(chain=[cert(until=b'210101000000Z')]), p='tls')
ODD = cert(serial=b'\x7f\1')
R('tls.subject', 'tls.subject:"CN=needle";', X(chain=[cert(b'CN=needle.com')]), X(), p='tls')
R('tls.issuerdn', 'tls.issuerdn:"CN=needle";', X(chain=[cert(issuer=b'CN=needle')]), X(), p='tls')
R('tls.fingerprint', 'tls.fingerprint:"%s";' % fingerprint(ODD), X(chain=[ODD]), X(), p='tls')
R('ssh.protoversion', 'ssh.protoversion:2.0;', Q(), Q(b'SSH-1.99-a', b'SSH-1.99-b'), p='ssh')
R('ssh.softwareversion', 'ssh.softwareversion:"needle";', Q(b'SSH-2.0-needle_1'), Q(), p='ssh')
R('http_param', 'http_param:"id"; content:"needle";', H(b'/?a=x&id=needle'), H(b'/?a=needle&id=x'))
R('http_version_match', 'http_version_match:"1.0";', H(version=b'1.0'), H())

# Protocols of headers: told by what they say, parsed or not.
GREET = {
    'http': HN, 'tls': X(), 'ssl': X(), 'ssh': Q(), 'dns': D(), 'tcp-pkt': N,
    'smtp': T(S(b'220 mail ESMTP\r\n'), b'EHLO a\r\n', S(b'250 mail\r\n'), b'MAIL FROM:<a@b>\r\n', dport=25),
    'ftp': T(S(b'220 FTP server ready\r\n'), b'USER anonymous\r\n', S(b'331 password\r\n'), b'PASS x\r\n', dport=21),
    'smb': T(b'\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\x01\x28' + b'\0' * 16 + b'\0\0\0\0\0\x0c\0\x02NT LM 0.12\0',
             S(b'\0\0\0\x27\xffSMB\x72\0\0\0\0\x98\x01\x28' + b'\0' * 16 + b'\0\0\0\0\0\4\0\0\0\0'), b'\0\0\0\0', dport=445),
}
for proto, talk in GREET.items():
    other = T(S(b'hello, I am none of them\r\n'), b'what?\r\n', b'what?\r\n', dport=9) if proto not in ('tcp-pkt', 'dns') else U(b'\1\2\3')
    R('proto:' + proto, 'flow:to_server; dsize:>0;' if proto == 'tcp-pkt' else '', talk, other, p=proto, d='S')
R('proto:ipv6', '', P(tcp6), P(tcp1()), p='ipv6', d='S')
R('proto:pkthdr', 'decode-event:ipv4.icmpv6;', P(lambda a, b: wire.ipv4(a, b, 58, b'\x80' + b'\0' * 11)), P(icmp1()), p='pkthdr any any -> any any', d='S')

# Arguments of Snort 3's buffers: parts of the URI, one header, the request's side.
for part, fires, misses in (
        ('scheme', H(b'needle://a/b'), H(b'http://needle/b')), ('host', H(b'http://needle/b'), H(b'http://a/needle')), ('path', H(b'/needle?a'), H(b'/?needle')),
        ('query', H(b'/a?b=needle'), H(b'/needle?b')), ('fragment', H(b'/a?b#needle'), H(b'/a?needle'))):
    R('http uri ' + part, 'http_uri:%s; %s' % (part, C), fires, misses, d='3')
R('http uri port', 'http_uri:port; content:"8081";', H(b'http://a:8081/b'), H(b'http://a/8081'), d='3')
for name in ('http_header', 'http_raw_header'):
    R(name, '%s:field x-a; %s' % (name, C), H(head=b'X-A: needle\r\n'), H(head=b'X-B: needle\r\n'), d='3')
R('http_header', 'http_header:request; content:"needle"; http_stat_code; content:"200";', H(head=b'X-A: needle\r\n'), H(rhead=b'X-A: needle\r\n'), d='3')
R('http_cookie', 'http_cookie:request; content:"needle"; http_stat_code; content:"200";', H(head=b'Cookie: needle\r\n'), H(rhead=b'Set-Cookie: needle\r\n'), d='3')
R('http_param', 'http_param:"ID",nocase; content:"needle";', H(b'/?id=needle'), H(b'/?ie=needle'), d='3')
# Letters of pcre that change the search.
for letters, fires, misses in (('i', T(b'NEEDLE'), Z), ('s', T(b'ne\nedle'), T(b'ne\nedxe')), ('m', T(b'a\nneedle'), T(b'a needle')), ('x', N, Z), ('G', N, Z), ('A', T(b'needle'), N)):
    body = {'s': 'ne.edle', 'm': '^needle', 'x': 'ne e dle'}.get(letters, 'needle')
    R('pcre /' + letters, 'pcre:"/%s/%s";' % (body, letters), fires, misses, d='23S')
R('pcre /E', 'pcre:"/needle$/E";', T(b'needle'), T(b'needle\n'), d='23S')
