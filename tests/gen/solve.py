# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of one buffer that meet its tests.

A chain is a test that looks from the front and those that follow from its cursor.  Chains with a place of their own come
first, then those that may stand anywhere, then those that must end the buffer; what stays free is filled with letters.
Random choices are made again until the judge says that all tests hold.
"""
import judge
import rx
from ruletext import Unbuildable

TRIES = 60


class Room:
    """Bytes of which some are settled."""

    def __init__(self, rng, fill):
        self.rng, self.fill, self.b, self.set = rng, fill, bytearray(), bytearray()

    def fits(self, at, data, nocase=False):
        if at < 0:
            return False
        for i, c in enumerate(data):
            k = at + i
            if k >= len(self.b):
                return True
            if self.set[k] and self.b[k] != c and not (nocase and bytes([self.b[k]]).lower() == bytes([c]).lower()):
                return False
        return True

    def grow(self, n):
        if n > 60000:
            raise Unbuildable('longer than a packet')
        while len(self.b) < n:
            self.b.append(self.rng.choice(self.fill))
            self.set.append(0)

    def put(self, at, data):
        self.grow(at + len(data))
        for i, c in enumerate(data):
            if not self.set[at + i]:
                self.b[at + i], self.set[at + i] = c, 1

    def settled(self, at, n):
        return at >= 0 and at + n <= len(self.b) and all(self.set[at:at + n])

    def end(self):
        """Behind the last settled byte."""
        n = len(self.b)
        while n and not self.set[n - 1]:
            n -= 1
        return n


class Solver:
    def __init__(self, ops, rng, attempt, fill, hints=(), avoid=b''):
        self.ops, self.rng, self.attempt, self.hints, self.avoid = ops, rng, attempt, list(hints), avoid
        self.room = Room(rng, fill)
        self.eager = attempt > 0
        self.least, self.names, self.lead = 0, {}, 0

    def value(self, x):
        return self.names.get(x, 0) if isinstance(x, str) else x

    def chains(self):
        out = []
        for op in self.ops:
            if op.kind == 'size' and not op.f.get('left'):
                continue
            if (op.rel or op.f.get('left')) and out:
                out[-1].append(op)
            else:
                out.append([op])
        return out

    def rank(self, chain):
        first = chain[0]
        if first.kind == 'pcre' and first.f['rx'].text[:1] == '^' and 'm' not in first.f['rx'].flags and not first.neg:
            return 0 if self.attempt % 3 < 2 else 3
        if any(o.f.get('ends') or o.kind == 'at' and o.neg or o.kind == 'pcre' and '$' in o.f['rx'].text[-2:] for o in chain):
            return 3
        if any(o.kind in ('extract', 'jump') for o in chain) and not first.rel and self.attempt % 3:
            return 0
        if first.kind == 'content' and not first.neg and ('depth' in first.f or 'offset' in first.f):
            return 0 if 'depth' in first.f else 1
        if first.kind in ('test', 'jump', 'extract'):
            return 0 if first.kind != 'test' or self.attempt % 2 else 0.5
        if first.kind == 'pcre':
            return 0 if first.f['rx'].text[:1] == '^' or self.attempt % 2 else 2
        return 2 if self.attempt % 4 < 3 else 1

    def run(self):
        sizes = [o for o in self.ops if o.kind == 'size' and not o.f.get('left')]
        low, high = max([o.f['low'] for o in sizes] or [0]), min([o.f['high'] for o in sizes] or [1 << 32])
        chains = self.chains()
        if not any(o.f.get('name') for o in self.ops) or self.attempt % 5 == 4:
            chains.sort(key=self.rank)
        for chain in chains:
            if self.rank(chain) == 3 and low > 0:
                need = sum(len(o.f['data']) for o in chain if o.kind == 'content' and not o.neg)
                if self.attempt % 2 or not any(o.kind == 'pcre' for o in chain):
                    self.room.grow(max(0, low - need))
                    self.lead = max(0, low - need)
            self.chain(chain)
        b = self.room
        b.grow(max(self.least, low))
        if len(b.b) > high:
            del b.b[max(high, b.end()):]
        return bytes(b.b)

    def chain(self, chain):
        cursor = 0
        for i, op in enumerate(chain):
            cursor = getattr(self, op.kind)(op, cursor, chain[i + 1:])

    def fresh(self, at):
        """A place at or behind at where nothing is settled."""
        gap = self.rng.choice((0, 0, 1, 3, 8, 16, 40) if self.attempt > 5 else (0, 0, 1, 3)) if self.attempt > 1 else 0
        return max(at, self.room.end() + gap, self.lead)

    def overlap(self, base, data):
        """A place at the end that shares bytes with what stands there ("/" and "/x"), else a fresh one."""
        end = self.room.end()
        for n in range(min(len(data) - 1, end - base, 8), 0, -1):
            if self.room.settled(end - n, n) and self.room.b[end - n:end] == data[:n] and end - n >= self.lead:
                return end - n
        return self.fresh(base)

    def leave(self, op, cursor):
        """Snort: what is not to be found must have room to be looked for, or the search fails as such."""
        f = op.f
        base = max(0, cursor + self.value(f.get('distance', 0))) if op.rel else self.value(f.get('offset', 0))
        size = self.value(f.get('within' if op.rel else 'depth', len(f['data'])))
        if not f.get('ends') and (op.rel or 'offset' in f or 'depth' in f) and self.attempt % 4 < 3:
            self.least = max(self.least, base + size)

    def content(self, op, cursor, _):
        if op.neg:
            self.leave(op, cursor)
            return cursor
        f, room = op.f, self.room
        data, nocase = f['data'], f['nocase']
        base = max(0, cursor + self.value(f.get('distance', 0))) if op.rel else self.value(f.get('offset', 0))
        limit = self.value(f.get('within' if op.rel else 'depth', -1))
        bounded = ('within' if op.rel else 'depth') in f
        last = base + limit - len(data) if bounded else 59000
        if op.rel and bounded and cursor + self.value(f.get('distance', 0)) < 0:
            last += cursor + self.value(f.get('distance', 0))
        if last < base:
            raise Unbuildable('a window shorter than its content')
        if not bounded and (not self.eager or self.rng.random() < 0.6):
            hay, needle = (bytes(room.b).lower(), data.lower()) if nocase else (bytes(room.b), data)
            at = hay.find(needle, base)
            while at >= 0 and not room.settled(at, len(data)):
                at = hay.find(needle, at + 1)
            if at >= 0:
                return at + len(data)
        at = self.choose(op, base, last, bounded, data, nocase)
        room.put(at, data)
        return at + len(data)

    def choose(self, op, base, last, bounded, data, nocase):
        room = self.room
        if op.rel and not bounded and self.rng.random() < 0.7 and room.fits(base, data, nocase):
            return base
        if not bounded:
            return self.overlap(base, data) if self.attempt % 2 == 0 else self.fresh(base)
        order = list(range(base, min(last, base + 3000) + 1))
        if self.attempt > 3:
            self.rng.shuffle(order)
        for at in order:
            if room.fits(at, data, nocase):
                return at
        raise Unbuildable('no place for a content')

    def pcre(self, op, cursor, rest):
        if op.neg:
            return cursor
        room, p = self.room, op.f['rx']
        from_ = cursor if op.rel else 0
        if self.attempt % 3 != 2:
            settled = bytes(room.b[:room.end()])
            m = p.compiled.search(settled[from_:])
            if m and from_ + m.end() <= len(settled):
                return from_ + m.end()
        known = op.rel or p.text[:1] == '^' and 'm' not in p.flags or 'A' in p.flags
        under = (lambda i: room.b[from_ + i] if room.settled(from_ + i, 1) else None) if known else None
        text, start, end = rx.sample(p, self.rng, self.hints, self.eager, self.avoid, under)
        if start and 'm' in p.flags and (room.b or self.attempt % 2):
            at = self.fresh(from_)
            if not (at and at == room.end() and room.b[at - 1] == 10 and room.set[at - 1]) and at > from_:
                room.put(at, b'\n')
                at += 1
        elif start or 'A' in p.flags:
            at = from_
        elif op.rel and self.rng.random() < 0.8 and room.fits(from_, text):
            at = from_
        else:
            at = self.fresh(from_)
        if not room.fits(at, text):
            raise Unbuildable('no place for a pcre')
        room.put(at, text)
        return at + len(text)

    def at(self, op, cursor, _):
        if not op.neg:
            self.least = max(self.least, self.value(op.f['n']) + (cursor if op.rel else 0) + 1)
        return cursor

    def size(self, op, cursor, _):
        self.least = max(self.least, cursor + op.f['low'])
        return cursor

    # numbers

    def spot(self, op, cursor):
        at = self.value(op.f['offset']) + (cursor if op.rel else 0)
        n = self.value(op.f['n'])
        if at < 0:
            raise Unbuildable('a number before the buffer')
        return at, n

    def candidates(self, op):
        if op.kind == 'test':
            v = self.value(op.f['value'])
            if op.f['n'] == 1 and not op.f['text']:
                return self.single(op)
            out = [v, v + 1, v - 1, 0, 1, ~v & 0xffffffffffffffff, v ^ 1, 0xff, (1 << 64) - 1, v << 1, v >> 1, v * 2, v + 20]
            good = [x for x in out if x >= 0 and judge.OPS[op.f['op']](x, v) != op.neg]
            return good or [v]
        end = self.room.end()
        out = [0, 4, 8, 12, 1, 2, 16, 3, 5, 6, 10, 20, 24, 32, 40, 64, 100]
        if op.kind == 'jump' and (op.f['begin'] or self.attempt % 2):
            out = [end, end + 4, end + 8, end + 1, end + 16] + out
        if self.attempt > 2:
            self.rng.shuffle(out)
        if op.kind == 'extract':
            out = out[1:] + out[:1]
        return out

    def single(self, op):
        """Values of one byte that meet all tests of the same place."""
        same = [o for o in self.ops if o.kind == 'test' and o.rel == op.rel and o.f['offset'] == op.f['offset'] and o.f['n'] == 1]
        if op.rel:
            i = self.ops.index(op)
            same = [o for o in same if all(x.kind == 'test' for x in self.ops[min(i, self.ops.index(o)):i])]
        def good(x, tests):
            return all(judge.OPS[o.f['op']](judge.masked(x, o.f['mask']), self.value(o.f['value'])) != o.neg for o in tests)
        shift = (op.f['mask'] & -op.f['mask']).bit_length() - 1 if op.f['mask'] else 0
        out = [x for x in range(256) if good(x, same)] or [x for x in range(256) if good(x, [op])]
        self.rng.shuffle(out)
        return [x >> shift for x in out]

    def encode(self, op, v, n):
        """The bytes of a value, or None."""
        f = op.f
        if f['mask']:
            v <<= (f['mask'] & -f['mask']).bit_length() - 1
        if f['text']:
            t = {16: '%x', 10: '%d', 8: '%o'}[f['base']] % v
            if n == 0:
                return t.encode()
            return t.rjust(n, '0').encode() if len(t) <= n else None
        if op.kind == 'test' and (op.f['op'] == '&' or op.neg):
            v &= (1 << 8 * n) - 1
            if judge.OPS[f['op']](judge.masked(v, f['mask']), self.value(f['value'])) == op.neg:
                return None
        if v >> 8 * n:
            return None
        return v.to_bytes(n, 'little' if f['little'] else 'big')

    def write(self, op, cursor):
        """Settles the number; (value, its end)."""
        at, n = self.spot(op, cursor)
        room = self.room
        if n and room.settled(at, n):
            got = judge.Judge(room.b, []).number(op, cursor, self.names)
            if got is None:
                raise Unbuildable('no number where one is read')
            return got
        for v in self.candidates(op):
            data = self.encode(op, v, n)
            if data is not None and room.fits(at, data):
                room.put(at, data)
                got = judge.Judge(room.b, []).number(op, cursor, self.names)
                return got or (v, at + len(data))
        raise Unbuildable('no value for a number')

    def test(self, op, cursor, _):
        self.write(op, cursor)
        return cursor

    def jump(self, op, cursor, _):
        got = self.write(op, cursor)
        to = judge.jumped(op, got, len(self.room.b))
        if to < 0:
            raise Unbuildable('a jump before the buffer')
        self.least = max(self.least, to)
        return to

    def extract(self, op, cursor, _):
        v, end = self.write(op, cursor)
        v *= op.f['mult']
        self.names[op.f['name']] = -(-v // op.f['align']) * op.f['align'] if op.f['align'] else v
        return end

    def base64(self, op, cursor, _):
        raise Unbuildable('base64_decode')


def solve(ops, rng, fill=b'abcdefghijklmnopqrstuvwxyz', avoid=b'', accept=None, tries=TRIES):
    """Bytes, or Unbuildable.  accept(bytes) -> bytes or None says more about what will do."""
    hints = [o.f['data'] for o in ops if o.kind == 'content' and not o.neg]
    fillers = (fill, b'0123456789', b'xyz', fill, fill)
    why = 'tests that contradict each other'
    for attempt in range(tries):
        try:
            data = Solver(ops, rng, attempt, fillers[attempt % 5] if attempt > 4 else fill, hints, avoid).run()
            data = accept(data) if accept else data
            if data is not None and judge.holds(data, ops):
                return data
        except Unbuildable as e:
            why = str(e)
            if attempt > 8 and why.startswith(('pcre: not', 'pcre: Python', 'pcre: cond', 'pcre: group', 'base64')):
                break
    raise Unbuildable(why)
