# SPDX-License-Identifier: GPL-2.0-or-later
"""Random conversations, and random rules of which a part is cut from what is said there.

A rule is a model (Rule, Part, ops.Op) with its text in a dialect; the truth is reference.py's.
"""
import re

import nets
import web
import wire
from names import certificate, client_hello, distinguished, query, record, shake
from ops import Op

LETTERS = b'abABc\x01\x02\x03\x04 17'
WORDS = [b'admin', b'index', b'login', b'Alpha', b'beta', b'x1', b'cmd', b'Evil', b'get', b'data', b'a', b'zz']
ADDRESSES = ('any', 'any', 'any', '$HOME_NET', '$EXTERNAL_NET', '!$HOME_NET', '10.0.0.0/8', '[10.0.0.0/9,60.0.0.0/8]', '![60.0.0.0/9]',
             '[$HOME_NET,!10.0.4.0/22]', '60.0.0.0/10')
PORTS = ('any', 'any', 'any', '80', '!80', '[80,443]', '1024:', ':1023', '[1:100,!53]', '![443,7000:7100]', '$HTTP_PORTS', '7000:7050')


class Packet:
    """What a rule sees of one packet, or of one direction of a stream or transaction."""
    __slots__ = ('flow', 'src', 'sport', 'dst', 'dport', 'dir', 'fields', 'buffers', 'transport', 'kind')


class Part:
    def __init__(self, buf, chain, ops):
        self.buf, self.chain, self.ops = buf, chain, ops


class Rule:
    def __init__(self, dialect, kind):
        self.dialect, self.kind, self.parts, self.fields, self.bits, self.sets = dialect, kind, [], [], [], []
        self.src = self.sport = self.dst = self.dport = None
        self.both, self.direction, self.text, self.sid, self.proto = False, None, '', 0, None


# ------------------------------------------------------------------ traffic

class Traffic:
    def __init__(self, rng):
        self.rng, self.packets, self.seen, self.n = rng, [], [], 0

    def ends(self, port):
        self.n += 1
        r = self.rng
        net = [(10 << 24) + (self.n << 4) + 5, (60 << 24) + (r.randrange(4) << 22) + (self.n << 4) + 9]
        r.shuffle(net)
        return net[0], r.choice((20000, 1023, 40000, 53)) + self.n % 7, net[1], port

    def see(self, flow, way, kind, transport, buffers, **fields):
        c, cp, s, sp = flow
        p = Packet()
        p.flow, p.dir, p.kind, p.transport, p.buffers, p.fields = flow, way, kind, transport, buffers, fields
        p.src, p.sport, p.dst, p.dport = (s, sp, c, cp) if way else (c, cp, s, sp)
        self.seen.append(p)

    def payload(self):
        return bytes(self.rng.choice(LETTERS) for _ in range(self.rng.randrange(1, 40)))

    def ip(self):
        r = self.rng
        return {'ttl': r.choice((1, 5, 63, 64, 128, 255)), 'id': r.choice((0, 1, 7, 513, 65535)), 'tos': r.choice((0, 4, 16, 255))}

    def udp(self):
        flow = self.ends(self.rng.choice((7000, 7060, 80, 99, 6000)))
        for way in (0, 1, 0)[:self.rng.randrange(1, 4)]:
            data, ip = self.payload(), self.ip()
            a, ap, b, bp = flow[2:] + flow[:2] if way else flow
            self.packets.append(wire.ipv4(a, b, 17, wire.udp(a, b, ap, bp, data), ip))
            self.see(flow, way, 'packet', 'udp', {'payload': data}, dsize=len(data), ip_proto=17, **ip)

    def icmp(self):
        c, _, s, _ = self.ends(0)
        flow = (c, None, s, None)
        r = self.rng
        data, ip = self.payload(), self.ip()
        kind, code, ident, seq = r.choice((8, 13, 15, 17)), r.randrange(3), r.randrange(4), r.randrange(4)
        self.packets.append(wire.ipv4(c, s, 1, wire.icmp(kind, code, ident, seq, data), ip))
        self.see(flow, 0, 'packet', 'icmp', {'payload': data}, dsize=len(data), itype=kind, icode=code, icmp_id=ident, icmp_seq=seq, ip_proto=1, **ip)

    def tcp(self):
        flow = self.ends(self.rng.choice((7000, 7060, 6000, 99)))
        c = wire.Tcp(self.packets, *flow)
        c.open()
        for way in (0, 1):
            data = self.payload()
            c.send(way, data)
            self.see(flow, way, 'stream', 'tcp', {'payload': data})
        c.close()

    def lone(self):
        """TCP packets outside of sessions: fields of the header."""
        flow = self.ends(self.rng.choice((7000, 7060, 6000, 99)))
        r = self.rng
        data, ip = (self.payload() if r.random() < 0.5 else b''), self.ip()
        flags, seq, ack, window = r.choice((2, 3, 0, 41, 1, 194, 66, 6)), r.randrange(1, 9), r.randrange(0, 9), r.choice((0, 1, 512, 65535))
        self.packets.append(wire.ipv4(flow[0], flow[2], 6, wire.tcp(flow[0], flow[2], flow[1], flow[3], seq, ack, flags, data, window), ip))
        self.see(flow, 0, 'lone', 'lone', {'payload': data}, flags=flags, seq=seq, ack=ack, window=window, dsize=len(data), **ip)

    def words(self, n, between):
        return between.join(self.rng.choice(WORDS) for _ in range(self.rng.randrange(1, n + 1)))

    def http(self):
        flow, r = self.ends(self.rng.choice((80, 80, 8080, 7000))), self.rng
        uri = b'/' + self.words(3, b'/') + (b'?' + self.words(3, b'=') if r.random() < 0.5 else b'')
        if r.random() < 0.3:
            uri += b'%4' + b'%x' % r.randrange(1, 10) + b'-'
        req = web.Message(r.choice((b'GET', b'POST', b'PUT')) + b' ' + uri + b' HTTP/1.1')
        res = web.Message(b'HTTP/1.1 ' + r.choice((b'200 OK', b'404 Not Found', b'302 Found')))
        for m, names in ((req, (b'Host', b'User-Agent', b'Accept', b'Referer', b'Cookie', b'Content-Type', b'X-A')),
                         (res, (b'Server', b'Set-Cookie', b'Content-Type', b'Location', b'X-B'))):
            names = [n for n in names if r.random() < 0.6 or n == b'Host']
            r.shuffle(names)
            for n in names:
                m.put(n, self.words(3, r.choice((b'.', b'-', b'; '))) if n != b'Host' else self.words(3, b'.') + b'.com')
            if m is res or m.line.startswith((b'POST', b'PUT')):
                m.body = self.payload() if r.random() < 0.7 else self.words(9, b'&')
                m.put(b'Content-Length', b'%d' % len(m.body))
        c = wire.Tcp(self.packets, *flow)
        c.open()
        for way, m in ((0, req), (1, res)):
            c.send(way, m.raw())
            self.see(flow, way, 'http', 'tcp', m.buffers(way == 0))
        c.close()

    def dns(self):
        flow, name = self.ends(53), self.words(4, b'.') + b'.com'
        data = query(name, self.rng.getrandbits(16))
        self.packets.append(wire.ipv4(flow[0], flow[2], 17, wire.udp(*flow[::2], *flow[1::2], data)))
        self.see(flow, 0, 'dns', 'udp', {'query': name, 'payload': data}, dsize=len(data), ttl=64, id=0x1234, tos=0, ip_proto=17)

    def tls(self):
        flow, r = self.ends(r_port(self.rng)), self.rng
        sni = self.words(3, b'.').lower() + b'.com'
        subject, shown = distinguished('CN=' + self.words(3, b'.').decode())
        issuer, shown2 = distinguished('C=US, CN=' + self.words(2, b' ').decode())
        cert = certificate(subject, issuer, b'\1\2\3\4')
        chain = bytes([0]) + (len(cert) + 3).to_bytes(2, 'big') + len(cert).to_bytes(3, 'big') + cert
        server = shake(2, b'\3\3' + bytes(range(32, 64)) + b'\0\xc0\x2f\0\0\0') + shake(11, chain) + shake(14, b'')
        c = wire.Tcp(self.packets, *flow)
        c.open()
        c.send(0, record(22, client_hello(sni)))
        c.send(1, record(22, server))
        c.send(0, record(20, b'\1') + record(22, b'\xaa' * 40))
        c.send(1, record(20, b'\1') + record(22, b'\xbb' * 40))
        c.close()
        self.see(flow, 0, 'tls', 'tcp', {'sni': sni})
        self.see(flow, 1, 'tls', 'tcp', {'subject': shown, 'issuer': shown2})


def r_port(rng):
    return rng.choice((443, 443, 8443))


# ------------------------------------------------------------------ tests of one buffer

class Cutter:
    """Tests cut from bytes that are there, a part of them then bent."""

    def __init__(self, data, rng, dialect, plain=False):
        self.d, self.rng, self.dialect, self.plain = data, rng, dialect, plain
        self.cursor, self.names, self.ops, self.text = 0, {}, [], []

    def often(self, p):
        return self.rng.random() < p

    def run(self, n):
        for k in range(n):
            kinds = ['content'] * 6 + ['pcre']
            if not self.plain:
                kinds += ['at', 'test', 'test', 'jump', 'extract', 'math', 'string']
            if k == 0:
                kinds = kinds[:7]
            getattr(self, self.rng.choice(kinds))()
        return self.ops, ' '.join(self.text)

    def var(self, near):
        """A variable whose value is near, or the number."""
        good = [n for n, v in self.names.items() if abs(v - near) < 4]
        return self.rng.choice(good) if good and self.often(0.5) else near

    def bend(self, n, low=0):
        return max(low, n + self.rng.choice((-2, -1, 1, 2))) if self.often(0.12) else n

    def content(self):
        r, d = self.rng, self.d
        n = min(r.choice((1, 1, 2, 2, 3, 4, 6)), max(1, len(d)))
        pos = r.randrange(0, max(1, len(d) - n + 1))
        data = d[pos:pos + n] or b'q'
        if self.often(0.08):
            data = bytes(r.choice(LETTERS + b'-./') for _ in range(n))
        neg = bool(self.ops) and self.often(0.15)
        if neg:
            data = bytes(r.choice(LETTERS) for _ in range(n))
        f = {'data': data, 'nocase': self.often(0.3)}
        if f['nocase']:
            f['data'] = data.swapcase()
        rel = bool(self.ops) and self.often(0.55)
        way = r.random()
        if rel and way < 0.75:
            f['distance'] = self.var(self.bend(pos - self.cursor - r.randrange(3), -99))
        if rel and (way > 0.35 or 'distance' not in f):
            base = self.cursor + (f.get('distance', 0) if not isinstance(f.get('distance'), str) else self.names[f['distance']])
            f['within'] = max(n, self.bend(pos + n - base + r.randrange(3)))
        if not rel and way < 0.3:
            f['offset'] = self.var(self.bend(max(0, pos - r.randrange(3))))
        if not rel and 0.15 < way < 0.4:
            base = f.get('offset', 0) if not isinstance(f.get('offset', 0), str) else self.names[f['offset']]
            f['depth'] = max(n, self.bend(pos + n - base + r.randrange(3)))
        words = []
        if not rel and self.dialect == 'suricata' and 0.4 < way < 0.5 and pos == 0:
            f.update(offset=0, depth=n)
            words.append('startswith')
        elif not neg and self.dialect == 'suricata' and 'depth' not in f and 'within' not in f and (pos + n == len(d) and self.often(0.5) or self.often(0.03)):
            f['ends'] = True
            words.append('endswith')
        self.ops.append(Op('content', '', neg, rel, **f))
        text = 'content:%s"|%s|";' % ('!' * neg, f['data'].hex(' '))
        text += ' nocase;' * f['nocase']
        if words != ['startswith']:
            words += ['%s:%s' % (w, f[w]) for w in ('offset', 'depth', 'distance', 'within') if w in f]
        if not neg and self.often(0.12) and 'fast_pattern' not in ' '.join(self.text):
            words.append('fast_pattern' if n < 3 or self.often(0.6) else 'fast_pattern:1,%d' % (n - 1))
        self.text.append(text + ''.join(' %s;' % w for w in words))
        if not neg:
            self.cursor = pos + n

    def pcre(self):
        r, d = self.rng, self.d
        pos = r.randrange(self.cursor, max(self.cursor + 1, len(d)))
        piece = d[pos:pos + r.randrange(1, 4)] or b'a'
        text = ''
        for c in piece:
            how = r.random()
            one = '\\x%02x' % c
            text += one if how < 0.6 else '[%s\\x%02x]' % (one, r.choice(LETTERS)) if how < 0.75 else one + '+' if how < 0.85 else \
                '(?:%s|zz)' % one if how < 0.93 else '[^\\x%02x]' % ((c + 1) & 255)
        neg, rel = bool(self.ops) and self.often(0.15), bool(self.ops) and self.often(0.4)
        flags = 'i' * self.often(0.3) + 's' * self.often(0.3)
        if pos == (self.cursor if rel else 0) and self.often(0.5):
            text = '^' + text
        elif pos + len(piece) == len(d) and self.often(0.3):
            text += '$'
        rx = re.compile(text.encode(), (re.I if 'i' in flags else 0) | (re.S if 's' in flags else 0))
        self.ops.append(Op('pcre', '', neg, rel, rx=rx))
        self.text.append('pcre:%s"/%s/%s%s";' % ('!' * neg, text, flags, 'R' * rel))
        if not neg:
            self.cursor = min(len(d), pos + len(piece))

    def at(self):
        rel, neg = self.often(0.6), self.often(0.3)
        left = len(self.d) - (self.cursor if rel else 0)
        n = self.var(max(0, left + self.rng.randrange(-4, 2)))
        if neg and rel and n == 1 and self.ops[-1].kind == 'content':
            n = 2                              # the old way to write endswith
        self.ops.append(Op('at', '', neg, rel, n=n))
        self.text.append('isdataat:%s%s%s;' % ('!' * neg, n, ',relative' * rel))

    def place(self, size):
        """(offset, relative, bytes that stand there)"""
        rel = self.often(0.6)
        at = self.rng.randrange(0, max(1, len(self.d) - size + 1)) if self.often(0.5) else min(self.cursor, max(0, len(self.d) - size))
        at = self.bend(at)
        if not rel:
            return at, False, self.d[at:at + size]
        return at - self.cursor, True, self.d[at:at + size]

    def number(self, kind, size, **f):
        base = {'n': size, 'little': False, 'text': False, 'base': 10, 'mult': 1, 'align': 0, 'begin': False, 'end': False, 'post': 0, 'mask': 0}
        base.update(f)
        return Op(kind, '', f.pop('neg', False), f.pop('rel', False), **{k: v for k, v in base.items() if k not in ('neg', 'rel')})

    def test(self):
        size, little = self.rng.choice((1, 1, 2, 4)), self.often(0.3)
        off, rel, there = self.place(size)
        v = int.from_bytes(there, 'little' if little else 'big')
        op, neg = self.rng.choice('<>=&^'), self.often(0.2)
        want = self.var(max(0, v + self.rng.randrange(-1, 2)))
        mask = self.rng.choice((0x0f, 0xf0, 0x03)) if size == 1 and self.often(0.2) and not isinstance(want, str) and self.dialect == 'suricata' else 0
        want = want & 15 if mask else want
        self.ops.append(self.number('test', size, neg=neg, rel=rel, offset=off, op=op, value=want, little=little, mask=mask))
        self.text.append('byte_test:%d,%s%s,%s,%d%s%s%s;' % (size, '!' * neg, op, want, off, ',relative' * rel, ',little' * little,
                                                           ',bitmask 0x%x' % mask if mask else ''))

    def jump(self):
        off, rel, _ = self.place(1)
        f = {'begin': self.often(0.2), 'end': False, 'post': self.rng.randrange(-2, 4) if self.often(0.3) else 0, 'mult': 2 if self.often(0.15) else 1,
             'align': 4 if self.often(0.15) else 0}
        if not f['begin'] and not rel and self.dialect == 'suricata' and self.often(0.15):
            f.update(end=True, post=-self.rng.randrange(2, 12), mult=1, align=0)
        self.ops.append(self.number('jump', 1, rel=rel, offset=off, **f))
        self.text.append('byte_jump:1,%d%s%s%s%s%s;' % (off, ',relative' * rel, ',multiplier 2' * (f['mult'] == 2), ',align' * bool(f['align']),
                                                     ',from_beginning' * f['begin'] + ',from_end' * f['end'], ',post_offset %d' % f['post'] if f['post'] else ''))

    def string(self):
        """Digits in a text; most places have none, and then nothing holds."""
        base, word, digits = self.rng.choice(((10, 'dec', b'0123456789'), (16, 'hex', b'0123456789abcdefABCDEF'), (8, 'oct', b'01234567')))
        spots = [i for i, c in enumerate(self.d) if c in digits]
        if not spots:
            return
        at, n = self.rng.choice(spots), self.rng.choice((1, 2, 3))
        there = re.match(rb'[%s]*' % digits, self.d[at:at + n]).group(0)
        rel = bool(self.ops) and self.often(0.4)
        v, op = int(there, base), self.rng.choice('<>=')
        want = max(0, v + self.rng.choice((0, 0, 1, -1)))
        off = at - self.cursor if rel else at
        self.ops.append(self.number('test', n, rel=rel, offset=off, op=op, value=want, text=True, base=base))
        self.text.append('byte_test:%d,%s,%d,%d%s,string,%s;' % (n, op, want, off, ',relative' * rel, word))

    def name(self):
        return 'v%d' % len(self.names)

    def extract(self):
        if len(self.names) > 2:
            return
        off, rel, there = self.place(1)
        name = self.name()
        mult = 2 if self.often(0.2) else 1
        self.ops.append(self.number('extract', 1, rel=rel, offset=off, name=name, mult=mult))
        self.names[name] = int.from_bytes(there, 'big') * mult
        self.text.append('byte_extract:1,%d,%s%s%s;' % (off, name, ',relative' * rel, ',multiplier 2' * (mult == 2)))

    def math(self):
        if len(self.names) > 2:
            return
        off, rel, there = self.place(1)
        how, name, v = self.rng.choice(('+', '-', '*', '/', '<<', '>>')), self.name(), int.from_bytes(there, 'big')
        right = self.rng.randrange(1, 4)
        if how == '-' and v < right:
            how = '+'
        self.ops.append(self.number('math', 1, rel=rel, offset=off, name=name, oper=how, rvalue=right))
        self.names[name] = {'+': v + right, '-': v - right, '*': v * right, '/': v // right, '<<': v << right, '>>': v >> right}[how]
        self.text.append('byte_math:bytes 1, offset %d, oper %s, rvalue %d, result %s%s;' % (off, how, right, name, ', relative' * rel))


# ------------------------------------------------------------------ rules

STICKY = {'uri': 'http.uri', 'uri_raw': 'http.uri.raw', 'method': 'http.method', 'header': 'http.header', 'cookie': 'http.cookie',
          'body': 'http.request_body', 'rbody': 'http.response_body', 'stat_code': 'http.stat_code', 'stat_msg': 'http.stat_msg',
          'h:user-agent': 'http.user_agent', 'host': 'http.host', 'host_raw': 'http.host.raw', 'h:referer': 'http.referer',
          'h:accept': 'http.accept', 'h:content-type': 'http.content_type', 'h:server': 'http.server', 'h:location': 'http.location',
          'header_names': 'http.header_names', 'protocol': 'http.protocol', 'request_line': 'http.request_line', 'start': 'http.start',
          'response_line': 'http.response_line', 'file_data': 'file.data', 'payload': 'pkt_data', 'query': 'dns.query', 'sni': 'tls.sni',
          'subject': 'tls.cert_subject', 'issuer': 'tls.cert_issuer', 'header_raw': 'http.header.raw'}
LEAVE = {'protocol', 'h:content-length', 'h:connection', 'h:accept-encoding', 'h:accept-language', 'header_raw'}


def header(rule, p, rng):
    def expr(kinds, value, parse):
        for _ in range(6):
            t = rng.choice(kinds)
            if value is None or nets.inside(parse(t), value) or rng.random() < 0.05:
                return t
        return 'any'
    a, ap = expr(ADDRESSES, p.src, nets.addresses), expr(PORTS, p.sport, nets.ports) if p.sport is not None else 'any'
    b, bp = expr(ADDRESSES, p.dst, nets.addresses), expr(PORTS, p.dport, nets.ports) if p.dport is not None else 'any'
    rule.src, rule.sport, rule.dst, rule.dport = nets.addresses(a), nets.ports(ap), nets.addresses(b), nets.ports(bp)
    rule.both = rng.random() < 0.08 and p.kind in ('packet', 'stream')
    return '%s %s %s %s %s' % (a, ap, '<>' if rule.both else '->', b, bp)


def compare(rng, v, dialect, name):
    """A comparison near v: (model, text)."""
    forms = {'ttl': '=<>', 'dsize': '=<>n', 'itype': '=<>n', 'icode': '=<>', 'id': '=', 'tos': '=', 'seq': '=', 'ack': '=',
             'window': '=!', 'icmp_id': '=', 'icmp_seq': '='}[name]
    how = rng.choice(forms)
    n = max(0, v + rng.choice((0, 0, 0, 1, -1)))
    if how == 'n':
        a, b = max(0, n - rng.randrange(1, 4)), n + rng.randrange(2, 5)
        return ('-' if dialect == 'snort2' and name == 'dsize' else '<>', a, b), '%d<>%d' % (a, b)     # Snort 2 counts a payload's ends in
    if how == '<':
        n += 1
    if how == '>' and n:
        n -= 1
    return (how, n, 0), ('' if how == '=' else how) + str(n)


def fields(rule, p, rng, text):
    names = [n for n in p.fields if n not in ('flags', 'ip_proto')]
    for name in rng.sample(names, rng.randrange(0, 3) if rule.parts else rng.randrange(1, 3)):
        model, words = compare(rng, p.fields[name], rule.dialect, name)
        rule.fields.append((name, model))
        text.append('%s:%s;' % (name, words))
    if 'flags' in p.fields and (rng.random() < 0.7 or not any(n in ('seq', 'ack', 'window', 'dsize') for n, _ in rule.fields)):
        have = ''.join(c for c, b in (('F', 1), ('S', 2), ('R', 4), ('P', 8), ('A', 16), ('U', 32), ('2', 64), ('1', 128)) if p.fields['flags'] & b)
        plain = have.replace('1', '').replace('2', '')
        t = rng.choice([have or '0', have + ',12' if plain else '0', (plain[:1] or 'S') + '+', '*' + (plain or 'S') + 'R', '!' + rng.choice('FSRPAU')])
        rule.fields.append(('flags', t))
        text.append('flags:%s;' % t)


def transforms(rng, data):
    chain, text = [], []
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2))):
        name = rng.choice(('to_lowercase', 'to_uppercase', 'strip_whitespace', 'compress_whitespace', 'dotprefix', 'to_md5', 'to_sha1',
                           'to_sha256', 'url_decode', 'xor'))
        arg = bytes(rng.randrange(1, 256) for _ in range(rng.randrange(1, 4))) if name == 'xor' else None
        chain.append((name, arg))
        text.append('xor:"%s";' % arg.hex() if arg else name + ';')
    return chain, ' '.join(text)


def part(rule, buf, data, rng, text, reference):
    sticky = buf != 'payload' or rule.kind in ('http', 'dns', 'tls')
    chain = []
    if sticky:
        chain, words = transforms(rng, data) if buf != 'payload' else ([], '')
        text.append('%s; %s' % (STICKY[buf], words))
    cut = Cutter(reference.transformed(data, chain), rng, rule.dialect, plain=buf in ('method', 'stat_code', 'header_names'))
    ops, words = cut.run(rng.choice((1, 1, 2, 3, 4)) if not sticky else rng.choice((1, 1, 2, 3)))
    if sticky and buf != 'payload' and rng.random() < 0.15:
        how = rng.choice('=<>')
        n = len(reference.transformed(data, chain)) + {'=': rng.choice((0, 0, 1)), '<': 1, '>': -1}[how]
        if n >= 0:
            ops.append(Op('size', '', range=(how, n, 0)))
            words += ' bsize:%s%d;' % ('' if how == '=' else how, n)
    rule.parts.append(Part(buf, chain, ops))
    text.append(words)


def rule_for(p, rng, sid, dialect, reference):
    """A rule of this packet, as it is or bent."""
    r, text = Rule(dialect, p.kind), []
    proto = {'http': 'http', 'dns': 'dns', 'tls': 'tls'}.get(p.kind) or {'lone': 'tcp'}.get(p.transport, p.transport)
    r.proto = proto
    head = 'alert %s %s' % (proto, header(r, p, rng))
    words = []
    if p.transport in ('tcp', 'udp') and rng.random() < 0.7 or p.kind == 'http':
        r.direction = p.dir
        words.append('to_client' if p.dir else 'to_server')
    if p.transport == 'tcp' and rng.random() < 0.5:
        words.append('established')
    if words:
        text.append('flow:%s;' % ','.join(words))
    if p.kind in ('http', 'dns', 'tls'):
        bufs = [b for b in p.buffers if b in STICKY and b not in LEAVE and p.buffers[b]]
        if p.kind == 'http' and rng.random() < 0.85 and 'payload' in bufs:
            bufs.remove('payload')
        bufs = [b for b in bufs if b != 'payload' or p.kind == 'http']
        for b in rng.sample(bufs, min(len(bufs), rng.choice((1, 1, 2, 3)))):
            part(r, b, p.buffers[b], rng, text, reference)
    elif rng.random() < 0.85 or p.transport == 'tcp':
        if p.buffers['payload']:
            part(r, 'payload', p.buffers['payload'], rng, text, reference)
    if p.fields and p.kind != 'dns':
        fields(r, p, rng, text)
    if p.kind == 'packet' and rng.random() < 0.08:
        n = rng.choice((17, 1, 6))
        how = rng.choice('=!')
        r.fields.append(('ip_proto', (how, n, 0)))
        text.append('ip_proto:%s%d;' % ('' if how == '=' else how, n))
    if p.kind == 'http' and not p.dir and rng.random() < 0.15:
        n, how = len(p.buffers['uri']) + rng.choice((0, 0, 1)), rng.choice('=<>')
        n += {'=': 0, '<': 1, '>': -1}[how]
        r.parts.append(Part('uri', [], [Op('size', '', range=(how, n, 0))]))
        text.append('urilen:%s%d;' % ('' if how == '=' else how, n))
    if p.transport == 'udp' and p.kind == 'packet':
        bits(r, rng, text)
    r.sid = sid
    r.text = '%s (msg:"r"; %s sid:%d; rev:1;)' % (head, ' '.join(text), sid)
    return r


def bits(r, rng, text):
    """Some rules set a bit, others ask for it; never both, so that their order within a packet is plain."""
    if rng.random() < 0.15:
        r.sets.append(rng.choice('abcd'))
        text.append('flowbits:set,%s;' % r.sets[0])
    elif rng.random() < 0.25:
        name, wanted = rng.choice('abcd'), rng.random() < 0.7
        r.bits.append((name, wanted))
        text.append('flowbits:%s,%s;' % ('isset' if wanted else 'isnotset', name))
