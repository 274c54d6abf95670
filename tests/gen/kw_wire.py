# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversations for the table of keywords: each is a function of (client, server, out); out gets IPv4 packets,
Ethernet frames ('frame', bytes) and pauses ('wait', seconds).
"""
import hashlib
import struct

import names
import wire

ZERO6 = b'\xfd' + b'\0' * 15


def six(ip):
    """The IPv6 address beside an IPv4 one."""
    return ZERO6[:12] + struct.pack('!I', ip)


class S(bytes):
    """Bytes of the server."""


def T(*parts, dport=4000, sport=3333, close=True, whole=False):
    """TCP: what the client says, and S(what the server says)."""
    def make(a, b, out):
        c = wire.Tcp(out, a, sport, b, dport)
        c.open()
        for p in parts:
            if isinstance(p, tuple):
                out.append(p)
            else:
                c.send(isinstance(p, S), p, whole=whole)
        if close:
            c.close()
    return make


def U(*parts, dport=4000, sport=3333):
    def make(a, b, out):
        for p in parts:
            if isinstance(p, S):
                out.append(wire.ipv4(b, a, 17, wire.udp(b, a, dport, sport, p)))
            else:
                out.append(wire.ipv4(a, b, 17, wire.udp(a, b, sport, dport, p)))
    return make


def P(*makes):
    """Single packets: each a function of (client, server)."""
    def make(a, b, out):
        out.extend(m(a, b) for m in makes)
    return make


def tcp1(flags=wire.SYN, data=b'', ip=None, **kw):
    return lambda a, b: wire.ipv4(a, b, 6, wire.tcp(a, b, 3333, kw.get('dport', 4000), kw.get('seq', 7), kw.get('ack', 0), flags, data,
                                                   kw.get('window', 1000), kw.get('opts', b'')), ip)


def udp1(data=b'needle', ip=None, dport=4000):
    return lambda a, b: wire.ipv4(a, b, 17, wire.udp(a, b, 3333, dport, data), ip)


def icmp1(kind=8, code=0, ident=1, seq=1, data=b'abcd', ip=None):
    return lambda a, b: wire.ipv4(a, b, 1, wire.icmp(kind, code, ident, seq, data), ip)


def spoiled(make, at):
    """Its byte `at` from the start of the packet turned over: a wrong checksum."""
    def m(a, b):
        p = make(a, b)
        tag, p = p if isinstance(p, tuple) else (None, p)
        p = p[:at] + bytes([p[at] ^ 0x55]) + p[at + 1:]
        return (tag, p) if tag else p
    return m


ETHER6 = wire.ETHER[:12] + b'\x86\xdd'


def ip6(a, b, proto, body, at=None):
    """IPv6; at: where the transport's checksum stands."""
    if at is not None:
        c = wire.checksum(six(a) + six(b) + struct.pack('!II', len(body), proto) + body)
        body = body[:at] + struct.pack('!H', c) + body[at + 2:]
    return 'frame', ETHER6 + struct.pack('!IHBB', 6 << 28, len(body), proto, 64) + six(a) + six(b) + body


def tcp6(a, b):
    return ip6(a, b, 6, struct.pack('!HHIIBBHHH', 3333, 4000, 7, 0, 0x50, 2, 1000, 0, 0), 16)


def udp6(a, b):
    return ip6(a, b, 17, struct.pack('!HHHH', 3333, 4000, 14, 0) + b'needle', 6)


def icmp6(kind, more=b'\0\0\0\0'):
    return lambda a, b: ip6(a, b, 58, struct.pack('!BBH', kind, 0, 0) + more + b'abcdefgh', 2)


def tagged(make, *vlans):
    def m(a, b):
        tags = b''.join(struct.pack('!HH', 0x8100, v) for v in vlans)
        return 'frame', wire.ETHER[:12] + tags + b'\x08\0' + make(a, b)
    return m


def vxlan(make, vni):
    """Of the same two addresses outside and inside."""
    return lambda a, b: wire.ipv4(a, b, 17, wire.udp(a, b, 5555, 4789, struct.pack('!II', 0x08000000, vni << 8) + wire.ETHER + make(a, b)))


def H(uri=b'/', head=b'', body=b'', method=b'GET', version=b'1.1', host=b'www.example.org', status=b'200 OK', rhead=b'', rbody=b'',
      dport=80, line=None, again=None, chunks=None):
    """A request and its reply; again: the URI of a second request of the connection."""
    def one(u):
        m = b'POST' if body and method == b'GET' else method
        q = (line or m + b' ' + u + b' HTTP/' + version) + b'\r\n' + (b'Host: ' + host + b'\r\n' if host else b'') + head
        q += (b'Content-Length: %d\r\n' % len(body) if body else b'') + b'\r\n' + body
        r = b'HTTP/' + version + b' ' + status + b'\r\n' + rhead
        r += (b'Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n' % (len(rbody), rbody, chunks) if chunks is not None
              else b'Content-Length: %d\r\n\r\n' % len(rbody) + rbody)
        return [q, S(r)]
    return T(*(one(uri) + (one(again) if again else [])), dport=dport)


def label(name):
    return b''.join(bytes([len(x)]) + x for x in name.split(b'.') if x) + b'\0'


def rr(name, kind=1, data=b'\1\2\3\4'):
    return label(name) + struct.pack('!HHIH', kind, 1, 60, len(data)) + data


def D(name=b'www.example.com', kind=1, flags=0x0100, reply=None, code=0, an=(), ns=(), ar=()):
    """A question; reply: its answer with these records."""
    ask = lambda f, counts, more: struct.pack('!HHHHHH', 7, f, 1, *counts) + label(name) + struct.pack('!HH', kind, 1) + b''.join(more)
    parts = [ask(flags, (0, 0, 0), [])]
    if reply:
        parts.append(S(ask(flags | 0x8080 | code, (len(an), len(ns), len(ar)), [*an, *ns, *ar])))
    return U(*parts, dport=53)


SUITES = (0xc02f, 0xc030, 0x009c)


def extension(kind, body):
    return struct.pack('!HH', kind, len(body)) + body


def hello(sni, alpn, suites, rand, version=0x0303):
    ext = extension(0, struct.pack('!HBH', len(sni) + 3, 0, len(sni)) + sni) if sni else b''
    ext += extension(10, b'\0\2\0\x17') + extension(11, b'\1\0')
    ext += extension(16, struct.pack('!HB', len(alpn) + 1, len(alpn)) + alpn) if alpn else b''
    body = struct.pack('!H', version) + rand + b'\0' + struct.pack('!H', 2 * len(suites)) + struct.pack('!%dH' % len(suites), *suites)
    return names.shake(1, body + b'\1\0' + struct.pack('!H', len(ext)) + ext)


def ja3(sni=True, alpn=False, suites=SUITES):
    ext = (['0'] if sni else []) + ['10', '11'] + (['16'] if alpn else [])
    return '771,%s,%s,23,0' % ('-'.join(map(str, suites)), '-'.join(ext))


def ja3s(suites=SUITES):
    return '771,%d,' % suites[0]


def ja4(alpn=b'h2', suites=SUITES):
    """Of hello(sni, alpn): sorted suites; sorted extensions without server name and ALPN; no signature algorithms (Suricata's '_' stays)."""
    short = lambda words: hashlib.sha256(','.join(words).encode()).hexdigest()[:12]
    return 't12d%02d%02d%s_%s_%s' % (len(suites), 4 if alpn else 3, 'h2' if alpn else '00', short(sorted('%04x' % s for s in suites)),
                                     short(['000a', '000b_']))


def cert(subject=b'CN=www.example.com', issuer=b'CN=Some CA', serial=b'\1\2\3\4', **kw):
    dn = lambda t: names.distinguished(t.decode())[0]
    return names.certificate(dn(subject), dn(issuer), serial, **kw)


def fingerprint(c):
    h = hashlib.sha1(c).hexdigest()
    return ':'.join(h[i:i + 2] for i in range(0, 40, 2))


RANDOM = bytes(range(32))


def X(sni=b'www.example.com', chain=None, alpn=b'', suites=SUITES, rand=RANDOM, version=0x0303, dport=443):
    """A whole handshake."""
    chain = [cert()] if chain is None else chain
    three = lambda d: struct.pack('!I', len(d))[1:] + d
    u16 = struct.pack('!H', version)
    record = lambda kind, d: bytes([kind]) + u16 + struct.pack('!H', len(d)) + d
    server = names.shake(2, u16 + bytes(range(32, 64)) + b'\0' + struct.pack('!H', suites[0]) + b'\0\0\0')
    server += names.shake(11, three(b''.join(three(c) for c in chain))) + names.shake(12, b'\3\0\x17\x41' + b'\4' * 65 + b'\4\1\0\4sign')
    server += names.shake(14, b'')
    return T(record(22, hello(sni, alpn, suites, rand, version)), S(record(22, server)),
             record(22, names.shake(16, b'\x41' + b'\4' * 65)) + record(20, b'\1') + record(22, b'\xaa' * 40),
             S(record(20, b'\1') + record(22, b'\xbb' * 40)), dport=dport)


KEX = (b'curve25519-sha256', b'ssh-ed25519', b'aes128-ctr', b'aes128-ctr', b'hmac-sha2-256', b'hmac-sha2-256', b'none', b'none', b'', b'')


def hassh(first=b'curve25519-sha256'):
    return b';'.join((first, b'aes128-ctr', b'hmac-sha2-256', b'none')).decode()


def kexinit(first):
    body = b'\x14' + b'\7' * 16 + b''.join(struct.pack('!I', len(x)) + x for x in (first,) + KEX[1:]) + b'\0' * 5
    pad = 8 - (len(body) + 5) % 8 + 4
    return struct.pack('!IB', len(body) + pad + 1, pad) + body + b'\0' * pad


def Q(client=b'SSH-2.0-OpenSSH_9.2', server=b'SSH-2.0-dropbear_2022', kex=b'curve25519-sha256', skex=b'ecdh-sha2-nistp256'):
    """SSH: banners, key exchange."""
    return T(client + b'\r\n', S(server + b'\r\n'), kexinit(kex), S(kexinit(skex)), dport=22)


def write(path, packets, start=1700000000):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        us = 0
        for p in packets:
            if isinstance(p, tuple) and p[0] == 'wait':
                us += int(p[1] * 1000000)
                continue
            frame = p[1] if isinstance(p, tuple) else wire.ETHER + p
            us += wire.STEP_US
            f.write(struct.pack('<IIII', start + us // 1000000, us % 1000000, len(frame), len(frame)) + frame)


def mmdb(path, networks):
    """A file of countries: {IPv4 address: code}."""
    records, data = {}, b''
    for net, code in networks.items():
        records[net] = len(data)
        # {"country": {"iso_code": CODE}}
        data += b'\xe1\x47country\xe1\x48iso_code' + bytes([0x40 | len(code)]) + code.encode()
    nodes = [[None, None]]
    for net, at in records.items():
        node = 0
        for bit in range(31, -1, -1):
            side = net >> bit & 1
            if bit == 0:
                nodes[node][side] = ('data', at)
            else:
                if nodes[node][side] is None:
                    nodes.append([None, None])
                    nodes[node][side] = len(nodes) - 1
                node = nodes[node][side]
    n = len(nodes)
    number = lambda r: n if r is None else r if isinstance(r, int) else n + 16 + r[1]
    tree = b''.join(struct.pack('!II', *map(number, x)) for x in nodes)
    text = lambda s: bytes([0x40 | len(s)]) + s
    u16 = lambda v: b'\xa2' + struct.pack('!H', v)
    meta = [(b'node_count', b'\xc4' + struct.pack('!I', n)), (b'record_size', u16(32)), (b'ip_version', u16(4)),
            (b'database_type', text(b'Test-Country')), (b'binary_format_major_version', u16(2)),
            (b'binary_format_minor_version', u16(0)), (b'build_epoch', b'\x04\x02' + struct.pack('!I', 1700000000))]
    with open(path, 'wb') as f:
        f.write(tree + b'\0' * 16 + data + b'\xab\xcd\xefMaxMind.com' + bytes([0xe0 | len(meta)]) + b''.join(text(k) + v for k, v in meta))
