# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a buffer meet the tests?  Naive: every place of every content is tried.  A witness of its own, not the engine."""
from ruletext import Unbuildable

OPS = {'<': lambda a, b: a < b, '>': lambda a, b: a > b, '=': lambda a, b: a == b, '!=': lambda a, b: a != b, '': lambda a, b: a == b,
       '<=': lambda a, b: a <= b, '>=': lambda a, b: a >= b, '&': lambda a, b: (a & b) != 0, '^': lambda a, b: (a ^ b) != 0,
       '==': lambda a, b: a == b}
MAX_STEPS = 4000


class Judge:
    def __init__(self, data, ops):
        self.d, self.low, self.ops, self.steps = bytes(data), bytes(data).lower(), ops, 0

    def holds(self):
        return self.run(0, 0, {})

    def value(self, x, names):
        return names.get(x, 0) if isinstance(x, str) else x

    def run(self, i, cursor, names):
        if i == len(self.ops):
            return True
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unbuildable('too many ways to match')
        op = self.ops[i]
        return getattr(self, op.kind)(op, i, cursor, names)

    def places(self, op, cursor, names):
        """Starts of the content in its window."""
        f, d = op.f, self.d
        data = f['data']
        if op.rel:
            low = max(0, cursor + self.value(f.get('distance', 0), names))
            end = cursor + self.value(f.get('distance', 0), names) + self.value(f['within'], names) if 'within' in f else len(d)
        else:
            low = self.value(f.get('offset', 0), names)
            end = low + self.value(f['depth'], names) if 'depth' in f else len(d)
        hay = self.low if f['nocase'] else d
        needle = data.lower() if f['nocase'] else data
        end = min(end, len(d))
        at = hay.find(needle, low, end)
        while at >= 0:
            if not f.get('ends') or at + len(data) == len(d):
                yield at
            at = hay.find(needle, at + 1, end)

    def content(self, op, i, cursor, names):
        if op.neg:
            return not any(True for _ in self.places(op, cursor, names)) and self.run(i + 1, cursor, names)
        return any(self.run(i + 1, at + len(op.f['data']), names) for at in self.places(op, cursor, names))

    def pcre(self, op, i, cursor, names):
        at = cursor if op.rel else 0
        d = self.d[at:]
        rx = op.f['rx']
        m = rx.compiled.match(d) if 'A' in rx.flags else rx.compiled.search(d)
        if op.neg:
            return m is None and self.run(i + 1, cursor, names)
        tries = 0
        while m:
            if self.run(i + 1, at + m.end(), names):
                return True
            tries += 1
            if 'A' in rx.flags or tries > 20:
                return False
            m = rx.compiled.search(d, m.start() + 1)
        return False

    def number(self, op, cursor, names):
        """(value, end of what was read) or None."""
        f = op.f
        at = self.value(f['offset'], names) + (cursor if op.rel else 0)
        n = self.value(f['n'], names)
        if f['text']:
            if at < 0 or at >= len(self.d):
                return None
            return read_text(self.d[at:at + (n or 20)], f['base'], at)
        if at < 0 or at + n > len(self.d):
            return None
        v = int.from_bytes(self.d[at:at + n], 'little' if f['little'] else 'big')
        return (masked(v, f['mask']), at + n)

    def test(self, op, i, cursor, names):
        got = self.number(op, cursor, names)
        if got is None:
            return False
        ok = OPS[op.f['op']](got[0], self.value(op.f['value'], names))
        return ok != op.neg and self.run(i + 1, cursor, names)

    def jump(self, op, i, cursor, names):
        got = self.number(op, cursor, names)
        if got is None:
            return False
        to = jumped(op, got, len(self.d))
        return 0 <= to <= len(self.d) and self.run(i + 1, to, names)

    def extract(self, op, i, cursor, names):
        got = self.number(op, cursor, names)
        if got is None:
            return False
        v = got[0] * op.f['mult']
        v = -(-v // op.f['align']) * op.f['align'] if op.f['align'] else v
        return self.run(i + 1, got[1], dict(names, **{op.f['name']: v}))

    def at(self, op, i, cursor, names):
        n = self.value(op.f['n'], names) + (cursor if op.rel else 0)
        return (n < len(self.d)) != op.neg and self.run(i + 1, cursor, names)

    def size(self, op, i, cursor, names):
        n = len(self.d) - (cursor if op.f.get('left') else 0)
        return op.f['low'] <= n <= op.f['high'] and self.run(i + 1, cursor, names)

    def base64(self, op, i, cursor, names):
        raise Unbuildable('base64_decode')


def masked(v, mask):
    if not mask:
        return v
    shift = (mask & -mask).bit_length() - 1
    return (v & mask) >> shift


def read_text(d, base, at):
    digits = b'0123456789abcdefABCDEF' if base == 16 else b'0123456789' if base == 10 else b'01234567'
    i = 0
    while i < len(d) and d[i] in b' \t\n\r\x0b\x0c':
        i += 1
    j = i + (2 if base == 16 and d[i:i + 2].lower() == b'0x' else 0)
    k = j
    while k < len(d) and d[k] in digits:
        k += 1
    return (int(d[j:k], base), at + k) if k > j else None


def jumped(op, got, size):
    f = op.f
    v = got[0] * f['mult']
    if f['align'] and v % f['align']:
        v += f['align'] - v % f['align']
    return (v if f['begin'] else size + v if f['end'] else got[1] + v) + f['post']


def holds(data, ops):
    return Judge(data, ops).holds()
