# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule -> Plan: who talks with whom, and what is said; Plan -> packets, right or with one thing wrong."""
import base64
import re
import zlib

import judge
import names
import nets
import ops as ops_
import web
import wire
from ruletext import Unbuildable
from solve import solve

UNKNOWN = {'sd_pattern': 'sensitive data', 'decode-event': 'event', 'stream-event': 'event', 'filemagic': 'file lists', 'filemd5': 'file lists', 'filesha1': 'file lists',
           'filesha256': 'file lists', 'iprep': 'iprep', 'geoip': 'geoip', 'dataset': 'dataset', 'ssl_version': 'ssl_version', 'dce_iface': 'dce', 'dce_opnum': 'dce', 'sip_stat_code': 'sip', 'lua': 'lua',
           'fileext': 'file lists', 'filename': 'file lists', 'activated_by': 'dynamic rules'}
# Headers that draw an event of the parser.
EVENTS = {'http.invalid_transfer_encoding_value_in_request': b'Transfer-Encoding: foo', 'http.request_auth_unrecognized': b'Authorization: foo'}
NO_BUFFER = {'sip_method', 'sip_header', 'stub', 'tcp.hdr'}
FLAG = {'F': 1, 'S': 2, 'R': 4, 'P': 8, 'A': 16, 'U': 32, 'E': 64, 'C': 128, '1': 128, '2': 64, '0': 0}
OPTIONS = {'rr': b'\7\7\4\0\0\0\0', 'eol': b'\0', 'nop': b'\1', 'ts': b'\x44\x08\5\0\0\0\0\0', 'sec': b'\x82\x0b' + b'\0' * 9,
           'lsrr': b'\x83\7\4\1\2\3\4', 'lsrre': b'\x83\7\4\1\2\3\4', 'ssrr': b'\x89\7\4\1\2\3\4', 'satid': b'\x88\4\0\1', 'esec': b'\x85\3\0', 'any': b'\7\7\4\0\0\0\0'}
PROTOS = {'tcp': 6, 'udp': 17, 'icmp': 1, 'igmp': 2, 'gre': 47, 'esp': 50, 'ah': 51, 'pim': 103, 'sctp': 132, 'ipip': 4}
DIRECTIONS = {'to_client', 'from_server', 'to_server', 'from_client'}
MAX_REPEATS = 200


class Plan:
    """transport: tcp udp icmp ip; says: [(to client?, bytes)]; whole: each in one packet; before: plans that come first."""

    def __init__(self, rule):
        self.rule, self.transport, self.says, self.whole, self.before = rule, 'tcp', [], False, []
        self.handshake, self.repeat, self.ip, self.tcp, self.icmp, self.proto = True, 1, {}, {}, {}, None
        self.swap = []                     # (hash in the rule's text, hash of the traffic)
        self.own = 0                       # the first of says that is the rule's, not a greeting
        self.tests, self.to_client, self.ports, self.dns_name = [], False, (), None

    def turn(self):
        self.to_client = not self.to_client
        self.says = [(1 - way, data) for way, data in self.says]


def one(rule, key):
    v = rule.all(key)
    return v[0] if v else None


def value_in(text, top, prefer=None):
    low, high = ops_.ranged(text)
    if low > top or high < low:
        raise Unbuildable('number %s' % text)
    return prefer if prefer is not None and low <= prefer <= high else low


def flags_of(text):
    t, _, _ = text.partition(',')
    bits = 0
    for c in t:
        bits |= FLAG.get(c.upper(), 0)
    if '!' in t:
        return 0x10 if not bits & 0x10 else 0x04 if not bits & 4 else 0
    if '*' in t:
        return bits & -bits
    return bits


class Builder:
    def __init__(self, rules, rng):
        self.rng, self.setters = rng, {}
        for r in rules:
            for kind in ('flowbits', 'xbits', 'hostbits'):
                for v in r.all(kind):
                    p = [x.strip() for x in v.split(',')]
                    if p[0] in ('set', 'toggle', 'setx') and len(p) > 1:
                        for name in re.split(r'[&|]', p[1]):
                            self.setters.setdefault((kind, name), []).append(r)

    def plan(self, rule, depth=0):
        for k, v in rule.opts:
            if k in UNKNOWN:
                raise Unbuildable(UNKNOWN[k])
            if k == 'flowint' and v.split(',')[1].strip() not in ('+', '-', '='):
                raise Unbuildable('flowint')
            if k == 'app-layer-event' and v not in EVENTS:
                raise Unbuildable('event')
            if k == 'app-layer-protocol' and not v.startswith('!'):
                raise Unbuildable('app-layer-protocol')
        p = Plan(rule)
        p.tests = self.base64(ops_.tests_of(rule))
        self.way(p)
        self.prerequisites(p, depth)
        self.fields(p)
        self.say(p)
        if rule.has('stream_size') and p.transport == 'tcp' and rule.dialect != 'snort3':
            self.sizes(p)
        self.repeats(p)
        return p

    def base64(self, tests):
        """What is decoded is solved, coded, and is a content like others from then on."""
        inner = [o for o in tests if o.buf == 'b64']
        if not inner:
            return [o for o in tests if o.kind != 'base64']
        coded = base64.b64encode(solve(inner, self.rng))
        out = []
        for o in tests:
            if o.kind == 'base64':
                f = {'distance': o.f['offset'], 'within': len(coded)} if o.rel else {'offset': o.f['offset'], 'depth': len(coded)}
                o = ops_.Op('content', o.buf, False, o.rel, data=coded, nocase=False, **f)
            if o.buf != 'b64':
                out.append(o)
        return out

    def way(self, p):
        words, bufs = p.rule.flow_words(), {o.buf for o in p.tests}
        p.to_client = bool(words & {'to_client', 'from_server'})
        if not words & DIRECTIONS:
            p.to_client = bool(bufs & web.RESPONSE or 'file_data' in bufs or bufs & {'issuer', 'subject', 'serial', 'certs', 'fingerprint'})
        proto = p.rule.proto.lower()
        if proto in ('icmp', 'udp'):
            p.transport = proto
        elif proto == 'dns':
            p.transport = 'udp'
        elif proto in ('ip', 'ipv4', 'pkthdr'):
            p.transport = 'tcp' if 'established' in words or web.is_web(bufs) else 'udp'
            if any(k in ('flags', 'seq', 'ack', 'window') for k, _ in p.rule.opts):
                p.transport = 'tcp'
        elif proto == 'ipv6':
            raise Unbuildable('IPv6')

    def prerequisites(self, p, depth):
        for kind in ('flowbits', 'xbits', 'hostbits'):
            for v in p.rule.all(kind):
                part = [x.strip() for x in v.split(',')]
                if part[0] != 'isset' or len(part) < 2:
                    continue
                for group in part[1].split('&'):
                    p.before.append(self.setter(p, kind, group.split('|'), depth))

    def setter(self, p, kind, bits, depth):
        if depth > 3:
            raise Unbuildable('flowbits: too many steps')
        found = [r for b in bits for r in self.setters.get((kind, b), []) if r.sid != p.rule.sid]
        if not found:
            raise Unbuildable('flowbits: no loaded rule sets %s' % '|'.join(bits))
        why = None
        for r in self.rng.sample(found, min(len(found), 8)):
            try:
                q = self.plan(r, depth + 1)
                if (q.transport == 'tcp') != (p.transport == 'tcp'):
                    raise Unbuildable('flowbits: the setter has another transport')
                self.share(p, q)
                self.line_end(q)
                return q
            except Unbuildable as e:
                why = e
        raise Unbuildable('flowbits: setter: %s' % why)

    def share(self, p, q):
        """One flow for both; what names no direction may go either way."""
        for turned in ((), (q,), (p,), (p, q)):
            if any(x.rule.flow_words() & DIRECTIONS or web.is_web({o.buf for o in x.tests}) or x is p and x.before for x in turned):
                continue
            for x in turned:
                x.turn()
            try:
                self.ends([p, q])
                return
            except Unbuildable as e:
                why = e
                for x in turned:
                    x.turn()
        raise why

    def line_end(self, q):
        """So that what comes next in the stream does not stick to it."""
        tests = [o for o in q.tests if o.buf == 'payload']
        if q.transport == 'tcp' and q.says and len(tests) == len(q.tests) and not q.whole:
            way, data = q.says[-1]
            if judge.holds(data + b'\r\n', tests):
                q.says[-1] = (way, data + b'\r\n')

    def fields(self, p):
        r = p.rule
        for key, name, top in (('ttl', 'ttl', 255), ('id', 'id', 65535), ('tos', 'tos', 255)):
            if r.has(key):
                p.ip[name] = value_in(one(r, key), top)
        for key, top in (('seq', ops_.ranged('4294967295')[0]), ('ack', 0xffffffff), ('window', 65535), ('tcp.seq', 0xffffffff)):
            if r.has(key):
                p.tcp[key.split('.')[-1]] = value_in(one(r, key), top)
        for key, name in (('itype', 'kind'), ('icode', 'code'), ('icmp_id', 'ident'), ('icmp_seq', 'seq')):
            if r.has(key):
                p.icmp[name] = value_in(one(r, key), 65535)
        flags = one(r, 'flags') or one(r, 'tcp.flags')
        if flags is not None:
            p.tcp['flags'] = flags_of(flags)
        if p.tcp and 'established' not in r.flow_words() and not p.before:
            p.handshake = False
        if r.has('fragbits'):
            v = one(r, 'fragbits').upper()
            bits = (1 if 'M' in v else 0) | (2 if 'D' in v else 0) | (4 if 'R' in v else 0)
            p.ip['bits'] = (0 if '!' in v else bits)
        if r.has('fragoffset'):
            p.ip['off'] = value_in(one(r, 'fragoffset'), 8191)
        if p.ip.get('bits', 0) & 1 or p.ip.get('off'):
            p.transport, p.proto = 'ip', {'tcp': 6, 'udp': 17, 'icmp': 1}.get(p.transport, 17)   # a part of a datagram has no ports
        if r.has('ipopts'):
            p.ip['opts'] = OPTIONS.get(one(r, 'ipopts').strip().lower(), b'\1')
        if r.has('ip_proto'):
            self.ip_proto(p, [v.strip() for v in r.all('ip_proto')])
        if p.ip or 'not_established' in r.flow_words():
            p.handshake = p.handshake and 'established' in r.flow_words()

    def ip_proto(self, p, texts):
        def ok(n):
            for t in texts:
                m = re.match(r'^([!<>=]?)\s*(\w+)$', t)
                if not m:
                    raise Unbuildable('ip_proto ' + t)
                v = PROTOS.get(m.group(2).lower(), int(m.group(2)) if m.group(2).isdigit() else -1)
                if not {'!': n != v, '<': n < v, '>': n > v}.get(m.group(1), n == v):
                    return False
            return True
        fits = [n for n in [17, 6, 1] + list(range(256)) if ok(n)]
        if not fits:
            raise Unbuildable('ip_proto')
        p.proto = fits[0]
        p.transport = {17: 'udp', 6: 'tcp', 1: 'icmp'}.get(p.proto, 'ip')

    def say(self, p):
        bufs, proto = {o.buf for o in p.tests}, p.rule.proto.lower()
        bad = bufs & NO_BUFFER
        if bad:
            raise Unbuildable('buffer ' + sorted(bad)[0])
        tests = [o for o in p.tests if o.buf != 'dsize']
        if p.transport == 'tcp' and (web.is_web(bufs) or proto == 'http'):
            if 'file_data' in bufs and not p.to_client and self.mail(p.rule):
                raise Unbuildable('file_data in mail')
            request, response = web.Web(tests, p.to_client, self.rng).make()
            request.lines += [EVENTS[e] for e in p.rule.all('app-layer-event')]
            self.pad(p, response if p.to_client else request)
            p.says, p.ports = [(0, request.raw()), (1, response.raw())], (80,)
            return
        if proto == 'dns' or 'query' in bufs:
            p.says, p.ports = [self.say_dns(p, tests)], (53,)
        elif bufs & {'ssh_proto', 'ssh_software'}:
            p.says, p.ports = names.ssh(tests, p.to_client, self.rng), (22,)
        elif proto in ('tls', 'ssl') or p.rule.has('ssl_state') or bufs & {'sni', 'subject', 'issuer', 'serial', 'certs', 'ja3', 'fingerprint', 'ja3_string', 'ja3s'}:
            p.says, p.ports = names.tls(tests, p.to_client, self.rng, p.swap), (443,)
        else:
            self.say_bytes(p, proto)
        if p.transport == 'udp' and (p.to_client or 'established' in p.rule.flow_words()):
            lead = [(0, b'x')] + ([(1, b'y')] if 'established' in p.rule.flow_words() else [])
            if proto == 'dns':
                lead = [(0, names.query(b'www.example.com'))] + ([(1, names.query(b'www.example.com', flags=0x8180))] if len(lead) > 1 else [])
            p.says, p.own = lead + p.says, len(lead)

    def say_dns(self, p, tests):
        """A rule without a direction may speak of the reply."""
        for to_client in (p.to_client,) if p.rule.flow_words() & DIRECTIONS else (False, True):
            try:
                data = names.dns(tests, to_client, self.rng)
                p.to_client = to_client
                return int(to_client), data
            except Unbuildable:
                continue
        if any(o.buf == 'query' for o in tests):
            raise Unbuildable('payload of a DNS message')
        return int(p.to_client), solve(tests, self.rng)

    def pad(self, p, m):
        """dsize of a message in one packet."""
        for o in p.tests:
            if o.buf == 'dsize':
                p.whole = True
                n = o.f['low'] - len(m.raw())
                if n > 0:
                    m.put(b'X-Pad', b'a' * max(1, n - 9))
                if not o.f['low'] <= len(m.raw()) <= o.f['high']:
                    raise Unbuildable('dsize of a message')

    def mail(self, rule):
        return not nets.inside(nets.ports(rule.dport), 80)

    def say_bytes(self, p, proto):
        tests = [ops_.Op(o.kind, 'payload', o.neg, o.rel, **o.f) if o.buf == 'dsize' else o for o in p.tests]
        odd = {o.buf for o in tests} - {'payload'}
        if odd:
            raise Unbuildable('buffer %s over %s' % (sorted(odd)[0], proto))
        p.whole = any(o.buf == 'dsize' for o in p.tests) or bool(p.before)     # the stream's beginning is another's
        sizes = [o for o in p.tests if o.buf == 'dsize']
        data = solve(tests, self.rng) if tests else b''
        if not sizes and not data and p.transport in ('tcp', 'udp') and not p.tcp:
            data = b'nothing in particular\r\n'
        p.says = [(int(p.to_client), data)]
        if proto in names.GREETINGS:
            p.says, p.own = names.GREETINGS[proto] + p.says, len(names.GREETINGS[proto])
            p.ports = {'smtp': (25,), 'ftp': (21,), 'ssh': (22,), 'smb': (445,), 'pop3': (110,), 'imap': (143,)}[proto]

    def sizes(self, p):
        """stream_size: what is missing is said before, as bytes that mean nothing."""
        low, high = [0, 0], [1 << 31, 1 << 31]
        for v in p.rule.all('stream_size'):
            t = v.replace(' ', '').split(',')
            n, who = ops_.ranged(('' if t[1] == '=' else t[1]) + t[2]), {'client': (0,), 'server': (1,)}.get(t[0], (0, 1))
            for side in who:
                low[side], high[side] = max(low[side], n[0]), min(high[side], n[1])
        said = [1 + sum(len(d) for q in p.before for way, d in q.says if way == side) for side in (0, 1)]
        mine = [sum(len(d) for way, d in p.says if way == side) for side in (0, 1)]
        lead = [(side, b'\xa5' * (low[side] - said[side] - mine[side])) for side in (0, 1) if low[side] > said[side] + mine[side]]
        p.says, p.own = lead + p.says, p.own + len(lead)

    def repeats(self, p):
        for key in ('threshold', 'detection_filter'):
            for v in p.rule.all(key):
                f = dict(x.split()[:2] for x in v.split(',') if len(x.split()) > 1)
                n = int(f.get('count', 1))
                if key == 'detection_filter':
                    n += 1
                elif f.get('type') == 'limit':
                    n = 1
                p.repeat = max(p.repeat, n)
        if p.repeat > MAX_REPEATS:
            raise Unbuildable('more than %d repeats' % MAX_REPEATS)

    def ends(self, plans):
        """Sets of addresses and ports that all plans of one flow take: client, its port, server, its port."""
        out = [[(0, nets.ADDRESS)], [(0, nets.PORT)], [(0, nets.ADDRESS)], [(0, nets.PORT)]]
        for p in plans:
            r = p.rule
            src, sport, dst, dport = nets.addresses(r.src), nets.ports(r.sport), nets.addresses(r.dst), nets.ports(r.dport)
            order = (dst, dport, src, sport) if p.to_client else (src, sport, dst, dport)
            out = [nets.both(a, b) for a, b in zip(out, order)]
            for q in p.before:
                out = [nets.both(a, b) for a, b in zip(out, self.ends([q]))]
        if not all(out):
            raise Unbuildable('flowbits: setter and rule share no flow' if len(plans) > 1 else 'no address')
        return out


class Flow:
    """Where a plan is played."""

    def __init__(self, client, cport, server, sport):
        self.client, self.cport, self.server, self.sport = client, cport, server, sport


def play(p, flow, out):
    """Packets of the plan, as often as its threshold asks."""
    fixed_port = getattr(flow, 'fixed_port', False)
    for i in range(1 if fixed_port is True else p.repeat):
        f = Flow(flow.client, flow.cport if fixed_port or i == 0 else 1025 + (flow.cport + i * 7) % 60000, flow.server, flow.sport)
        if fixed_port == 'server' and i:
            f.cport, f.sport = flow.cport, 1025 + (flow.sport + i * 7) % 60000
        if p.transport == 'tcp':
            play_tcp(p, f, out, p.repeat if fixed_port is True else 1)
        else:
            for _ in range(p.repeat if fixed_port is True else 1):
                play_datagrams(p, f, out)


def play_tcp(p, f, out, times):
    c = wire.Tcp(out, f.client, f.cport, f.server, f.sport)
    if p.handshake:
        c.open()
    for _ in range(times):
        say_tcp(p, c)
    if p.handshake:
        c.close()


def say_tcp(p, c):
    for q in p.before:
        say_tcp(q, c)
    for i, (way, data) in enumerate(p.says):
        if p.tcp and i >= p.own or not p.handshake:
            kw = {k: v for k, v in p.tcp.items() if k != 'flags'}
            c.segment(way, p.tcp.get('flags', wire.PSH | wire.ACK), data, ip=p.ip, **kw)
        else:
            c.send(way, data, whole=p.whole, ip=p.ip)


def play_datagrams(p, f, out):
    for q in p.before:
        play_datagrams(q, f, out)
    for way, data in p.says:
        a, b, ap, bp = (f.server, f.client, f.sport, f.cport) if way else (f.client, f.server, f.cport, f.sport)
        if p.transport == 'udp':
            body, proto = wire.udp(a, b, ap, bp, data), 17
        elif p.transport == 'icmp':
            m = p.icmp
            body, proto = wire.icmp(m.get('kind', 8), m.get('code', 0), m.get('ident', 77), m.get('seq', 1), data), 1
        else:
            body, proto = data, p.proto or 17
        out.append(wire.ipv4(a, b, proto, body, p.ip))


def seed_of(*words):
    return zlib.crc32(' '.join(map(str, words)).encode())
