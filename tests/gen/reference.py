# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule means, evaluated in the obvious way: every place of everything is tried.  Model rules -> text and truth.

Judge (judge.py) does chains of contents, numbers and expressions in one buffer; here are the rest: byte_math, sizes,
the dialects' odd corners, transforms, header fields, addresses, ports, directions, flowbits.
"""
import hashlib
import re

import judge
import nets

MAX_STEPS = 900           # more than that and the engine's own limit may end the search


class TooLong(Exception):
    """The naive search would take too many steps to be compared."""


def text_number(d, base, at):
    """As strtoull reads: blanks, a sign (less than nothing is very much), digits."""
    m = re.match(rb'[ \t-\r]*([+-]?)(?:0[xX](?=[%s]))?([%s]+)' % ((DIGITS[base],) * 2), d) if base == 16 else \
        re.match(rb'[ \t-\r]*([+-]?)([%s]+)' % DIGITS[base], d)
    if not m:
        return None
    v = int(m.group(2), base)
    return ((-v if m.group(1) == b'-' else v) & (1 << 64) - 1, at + m.end())


DIGITS = {10: b'0-9', 16: b'0-9A-Fa-f', 8: b'0-7'}


class Naive(judge.Judge):
    def __init__(self, data, ops, dialect):
        super().__init__(data, ops)
        self.dialect = dialect

    def run(self, i, cursor, names):
        if i == len(self.ops):
            return True
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooLong()
        op = self.ops[i]
        return getattr(self, op.kind)(op, i, cursor, names)

    def places(self, op, cursor, names):
        f, d = op.f, self.d
        if op.rel:
            low = cursor + self.value(f.get('distance', 0), names)
            end = low + self.value(f['within'], names) if 'within' in f else len(d)
        else:
            low = self.value(f.get('offset', 0), names)
            end = low + self.value(f['depth'], names) if 'depth' in f else len(d)
        self.window = (max(0, low), min(end, len(d)))
        hay, needle = (self.low, f['data'].lower()) if f['nocase'] else (d, f['data'])
        for at in range(self.window[0], self.window[1] - len(needle) + 1):
            if hay[at:at + len(needle)] == needle and not (f.get('ends') and at + len(needle) != len(d)):
                yield at

    def content(self, op, i, cursor, names):
        found = list(self.places(op, cursor, names))
        if not op.neg:
            return any(self.run(i + 1, at + len(op.f['data']), names) for at in found)
        if self.dialect == 'snort2' and self.window[0] >= self.window[1]:
            return False                       # nowhere to look is no search
        return not found and self.run(i + 1, cursor, names)

    def pcre(self, op, i, cursor, names):
        d = self.d[cursor if op.rel else 0:]
        if op.rel and cursor > len(self.d):
            return op.neg and self.run(i + 1, cursor, names)
        m = op.f['rx'].search(d)
        if op.neg:
            return m is None and self.run(i + 1, cursor, names)
        while m:
            if self.run(i + 1, (cursor if op.rel else 0) + m.end(), names):
                return True
            m = op.f['rx'].search(d, m.start() + 1) if m.start() < len(d) else None
        return False

    def at(self, op, i, cursor, names):
        n = self.value(op.f['n'], names) + (cursor if op.rel else 0)
        there = n <= len(self.d) if op.rel and self.dialect == 'suricata' else n < len(self.d)
        return there != op.neg and self.run(i + 1, cursor, names)

    def number(self, op, cursor, names):
        """As the judge has it, but that all bytes that may be read must be there, digits or not."""
        at = self.value(op.f['offset'], names) + (cursor if op.rel else 0)
        if at < 0 or at + self.value(op.f['n'], names) > len(self.d):
            return None
        if op.f['text']:
            return text_number(self.d[at:at + op.f['n']], op.f['base'], at)
        return super().number(op, cursor, names)

    def jump(self, op, i, cursor, names):
        """To before the buffer is to its start in Suricata; in Snort it fails."""
        got = self.number(op, cursor, names)
        if got is None:
            return False
        to = judge.jumped(op, got, len(self.d))
        to = 0 if to < 0 and self.dialect == 'suricata' else to
        return 0 <= to <= len(self.d) and self.run(i + 1, to, names)

    def test(self, op, i, cursor, names):
        """Numbers are without a sign: what byte_math took below nothing is very much."""
        got = self.number(op, cursor, names)
        if got is None:
            return False
        want = self.value(op.f['value'], names) & (1 << 64) - 1
        return judge.OPS[op.f['op']](got[0], want) != op.neg and self.run(i + 1, cursor, names)

    def math(self, op, i, cursor, names):
        got = self.number(op, cursor, names)
        if got is None:
            return False
        a, b = got[0], self.value(op.f['rvalue'], names)
        how = op.f['oper']
        if how == '/' and b == 0:
            return False
        v = {'+': lambda: a + b, '-': lambda: a - b, '*': lambda: a * b, '/': lambda: a // b, '<<': lambda: a << b, '>>': lambda: a >> b}[how]()
        return self.run(i + 1, got[1], dict(names, **{op.f['name']: v}))


# ------------------------------------------------------------------ transforms

def domain(d):
    parts = d.split(b'.')
    return b'.'.join(parts[-2:]) if len(parts) > 1 else b''


SPACES = b' \t\n\r\x0b\x0c'
TRANSFORMS = {
    'to_lowercase': lambda d, a: d.lower(), 'to_uppercase': lambda d, a: d.upper(),
    'strip_whitespace': lambda d, a: bytes(c for c in d if c not in SPACES),
    'compress_whitespace': lambda d, a: re.sub(rb'([ \t\n\r\x0b\x0c])[ \t\n\r\x0b\x0c]+', rb'\1', d),
    'dotprefix': lambda d, a: b'.' + d,
    'to_md5': lambda d, a: hashlib.md5(d).digest(), 'to_sha1': lambda d, a: hashlib.sha1(d).digest(),
    'to_sha256': lambda d, a: hashlib.sha256(d).digest(),
    'url_decode': lambda d, a: re.sub(rb'%([0-9A-Fa-f]{2})', lambda m: bytes([int(m.group(1), 16)]), d.replace(b'+', b' ')),
    'xor': lambda d, a: bytes(c ^ a[k % len(a)] for k, c in enumerate(d)),
}


def transformed(data, chain):
    for name, arg in chain:
        data = TRANSFORMS[name](data, arg)
    return data


def buffer_holds(data, part, dialect):
    """part: transforms and ops over one buffer."""
    ops = [o for o in part.ops if o.kind != 'size']
    data = transformed(data, part.chain)
    for o in part.ops:
        if o.kind == 'size' and not in_range(len(data), o.f['range']):
            return False
    return Naive(data, ops, dialect).run(0, 0, {})


def in_range(v, r):
    """'<>' is without its ends, '-' with them."""
    how, a, b = r
    return {'=': v == a, '<': v < a, '>': v > a, '!': v != a, '<>': a < v < b, '-': a <= v <= b}[how]


# ------------------------------------------------------------------ headers

def flags_hold(have, text):
    want, _, ignored = text.partition(',')
    bit = {'F': 1, 'S': 2, 'R': 4, 'P': 8, 'A': 16, 'U': 32, 'E': 64, 'C': 128, '2': 64, '1': 128}
    mask = 255
    for c in ignored:
        mask &= ~bit[c]
    bits = sum(bit[c] for c in set(want) if c in bit) & mask
    have &= mask
    if '+' in want:
        return have & bits == bits
    if '*' in want:
        return have & bits != 0
    if '!' in want:
        return have & bits != bits
    return have == bits


FIELDS = ('ttl', 'id', 'tos', 'seq', 'ack', 'window', 'itype', 'icode', 'icmp_id', 'icmp_seq', 'dsize')


def header_holds(rule, p):
    """Addresses, ports, direction."""
    def way(src, sport, dst, dport):
        return nets.inside(rule.src, src) and nets.inside(rule.dst, dst) and \
            (p.sport is None or nets.inside(rule.sport, sport) and nets.inside(rule.dport, dport))
    ok = way(p.src, p.sport, p.dst, p.dport) or rule.both and way(p.dst, p.dport, p.src, p.sport)
    return ok and (rule.direction is None or rule.direction == p.dir)


def packet_holds(rule, p):
    for name, r in rule.fields:
        if name == 'flags':
            if p.fields.get('flags') is None or not flags_hold(p.fields['flags'], r):
                return False
        elif name not in p.fields or not in_range(p.fields[name], r):
            return False
    return True


SPEAKS = {'stream': ('stream', 'http'), 'lone': ('lone',), 'packet': ('packet', 'dns')}


def speaks(rule, p):
    """Is the rule about such traffic?  None: what the model knows of this packet does not tell."""
    if rule.proto in ('http', 'dns', 'tls'):
        return rule.proto == p.kind
    if rule.proto != {'lone': 'tcp'}.get(p.transport, p.transport):
        return False
    return True if p.kind in SPEAKS['lone' if rule.fields and rule.proto == 'tcp' else rule.kind] else None


def matches(rule, p, bits=()):
    """Does this packet (or, for a stream or transaction, what its direction said) meet the whole rule?"""
    if not speaks(rule, p) or not header_holds(rule, p) or not packet_holds(rule, p):
        return False
    for name, wanted in rule.bits:
        if (name in bits) != wanted:
            return False
    for part in rule.parts:
        data = p.buffers.get(part.buf)
        if not data:                           # a body of no bytes is none
            return False
        if not buffer_holds(data, part, rule.dialect):
            return False
    return True
