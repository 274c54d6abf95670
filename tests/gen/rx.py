# SPDX-License-Identifier: GPL-2.0-or-later
"""Regular expressions of rules: strings that match (sample), and Python's own engine as the judge (compiled).

A node is a tuple: ('set', bytes) one of these; ('cat', nodes); ('alt', nodes); ('rep', node, low, high);
('group', number, node); ('ref', number or name); ('look', ahead, negated, node); ('at', letter) for anchors.
"""
import functools
import re
import string
import warnings

from ruletext import Unbuildable

warnings.simplefilter('ignore', FutureWarning)
warnings.simplefilter('ignore', DeprecationWarning)
ALL = bytes(range(256))
DIGIT = string.digits.encode()
WORD = (string.ascii_letters + string.digits + '_').encode()
SPACE = b' \t\n\r\x0b\x0c'
NICE = (string.ascii_lowercase + string.digits).encode()
PRINT = bytes(range(33, 127))
POSIX = {'alpha': string.ascii_letters.encode(), 'alnum': WORD[:-1], 'digit': DIGIT, 'space': SPACE,
         'upper': string.ascii_uppercase.encode(), 'lower': string.ascii_lowercase.encode(), 'print': bytes(range(32, 127)),
         'graph': PRINT, 'punct': string.punctuation.encode(), 'xdigit': string.hexdigits.encode(), 'blank': b' \t',
         'cntrl': bytes(range(32)) + b'\x7f', 'word': WORD, 'ascii': bytes(range(128))}
ESCAPES = {'n': 10, 'r': 13, 't': 9, 'f': 12, 'v': 11, 'a': 7, 'e': 27}
CLASSES = {'d': DIGIT, 'w': WORD, 's': SPACE, 'h': b' \t', 'v': b'\n\x0b\x0c\r', 'R': b'\n', 'N': None}
MANY = 1 << 20


def without(chars):
    return bytes(c for c in range(256) if c not in chars)


class Parser:
    """The expression -> nodes."""

    def __init__(self, text, flags):
        self.t, self.i, self.groups, self.names = text, 0, 0, {}
        self.extended = 'x' in flags
        self.depth = 0

    def peek(self, n=1):
        return self.t[self.i:self.i + n]

    def take(self, text):
        if self.t.startswith(text, self.i):
            self.i += len(text)
            return True
        return False

    def alt(self):
        self.depth += 1
        if self.depth > 60:
            raise Unbuildable('pcre: nested too deep')
        branches = [self.cat()]
        while self.take('|'):
            branches.append(self.cat())
        self.depth -= 1
        return branches[0] if len(branches) == 1 else ('alt', branches)

    def cat(self):
        nodes = []
        while self.i < len(self.t) and self.peek() not in '|)':
            if self.extended and (self.peek().isspace() or self.peek() == '#'):
                if self.peek() == '#':
                    while self.i < len(self.t) and self.peek() != '\n':
                        self.i += 1
                else:
                    self.i += 1
                continue
            node = self.atom()
            if node is None:
                continue
            nodes.append(self.repeat(node))
        return ('cat', nodes)

    def repeat(self, node):
        while self.i < len(self.t):
            m = re.compile(r'\{(\d+)(,(\d*))?\}').match(self.t, self.i)
            c = self.peek()
            if c == '*':
                low, high = 0, MANY
            elif c == '+':
                low, high = 1, MANY
            elif c == '?':
                low, high = 0, 1
            elif m:
                low = int(m.group(1))
                high = low if m.group(2) is None else int(m.group(3)) if m.group(3) else MANY
            else:
                break
            self.i += len(m.group(0)) if m and c == '{' else 1
            if self.peek() in ('?', '+'):
                self.i += 1
            node = ('rep', node, low, high)
        return node

    def atom(self):
        c = self.peek()
        self.i += 1
        if c == '.':
            return ('set', without(b'\n\r'))
        if c == '^' or c == '$':
            return ('at', c)
        if c == '[':
            return ('set', self.char_class())
        if c == '(':
            return self.group()
        if c == '\\':
            return self.escape()
        return ('set', c.encode('utf-8', 'surrogateescape')[:1]) if ord(c) < 128 else \
            ('cat', [('set', bytes([b])) for b in c.encode('utf-8', 'surrogateescape')])

    def group(self):
        if not self.take('?'):
            self.groups += 1
            number = self.groups
            node = self.alt()
            self.take(')')
            return ('group', number, node)
        m = re.compile(r'P?<([A-Za-z_]\w*)>|\'(\w+)\'').match(self.t, self.i)
        if m:
            self.i = m.end()
            self.groups += 1
            number = self.names[m.group(1) or m.group(2)] = self.groups
            node = self.alt()
            self.take(')')
            return ('group', number, node)
        m = re.compile(r'P=(\w+)\)').match(self.t, self.i)
        if m:
            self.i = m.end()
            return ('ref', self.names.get(m.group(1), 0))
        if self.take('#'):
            self.i = self.t.index(')', self.i) + 1
            return None
        for mark, ahead, negated in (('=', 1, 0), ('!', 1, 1), ('<=', 0, 0), ('<!', 0, 1)):
            if self.take(mark):
                node = self.alt()
                self.take(')')
                return ('look', ahead, negated, node)
        if self.take('>') or self.take('|'):
            node = self.alt()
            self.take(')')
            return node
        m = re.compile(r'\((\w+)\)').match(self.t, self.i)
        if m:
            raise Unbuildable('pcre: condition')
        m = re.compile(r'([imsxJU-]*)([:)])').match(self.t, self.i)
        if not m:
            raise Unbuildable('pcre: group (?' + self.peek(4))
        self.i = m.end()
        if 'x' in m.group(1).split('-')[0]:
            self.extended = True
        if m.group(2) == ')':
            return None
        node = self.alt()
        self.take(')')
        return node

    def escape(self):
        c = self.peek()
        self.i += 1
        if c in 'bBAZzGK':
            return ('at', c)
        if c in CLASSES:
            return ('set', CLASSES[c] if c != 'N' else without(b'\n'))
        if c.lower() in CLASSES and c != c.lower():
            return ('set', without(CLASSES[c.lower()]))
        m = re.compile(r'[1-9]\d?').match(self.t, self.i - 1)
        if m and int(m.group(0)) <= max(9, self.groups):
            self.i = m.end()
            return ('ref', int(m.group(0)))
        m = re.compile(r'k[<{\'](\w+)[>}\']').match(self.t, self.i - 1)
        if m:
            self.i = m.end()
            return ('ref', self.names.get(m.group(1), 0))
        if c == 'Q':
            end = self.t.find('\\E', self.i)
            end = len(self.t) if end < 0 else end
            text, self.i = self.t[self.i:end], end + 2
            return ('cat', [('set', bytes([b])) for b in text.encode('utf-8', 'surrogateescape')])
        if c == 'E':
            return None
        return ('set', bytes([self.code(c)]))

    def code(self, c):
        """The byte of an escape whose letter was taken."""
        if c == 'x':
            m = re.compile(r'\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2})').match(self.t, self.i)
            self.i = m.end()
            return int(m.group(1) or m.group(2) or '0', 16) & 255
        if c == 'c':
            self.i += 1
            return ord(self.t[self.i - 1].upper()) ^ 64
        if c in '01234567':
            m = re.compile(r'[0-7]{0,2}').match(self.t, self.i)
            self.i = m.end()
            return int(c + m.group(0), 8) & 255
        return ESCAPES.get(c, ord(c) & 255)

    def char_class(self):
        negated, chars, first = self.take('^'), set(), True
        while self.i < len(self.t) and (first or self.peek() != ']'):
            first = False
            m = re.compile(r'\[:(\^?)(\w+):\]').match(self.t, self.i)
            if m and m.group(2) in POSIX:
                self.i = m.end()
                chars.update(without(POSIX[m.group(2)]) if m.group(1) else POSIX[m.group(2)])
                continue
            low = self.member(chars)
            if low is None:
                continue
            if self.peek() == '-' and self.peek(2)[1:] not in ('', ']'):
                self.i += 1
                high = self.member(chars)
                if high is None:
                    chars.update((low, 45))
                else:
                    chars.update(range(low, high + 1))
            else:
                chars.add(low)
        self.i += 1
        return without(chars) if negated else bytes(sorted(chars))

    def member(self, chars):
        """One byte of a class; a class inside it is added and gives None."""
        c = self.peek()
        self.i += 1
        if c != '\\':
            b = c.encode('utf-8', 'surrogateescape')
            chars.update(b[1:])
            return b[0]
        c = self.peek()
        self.i += 1
        if c in 'dwshv' and c in CLASSES:
            chars.update(CLASSES[c])
            return None
        if c in 'DWSHV':
            chars.update(without(CLASSES[c.lower()]))
            return None
        if c == 'b':
            return 8
        return self.code(c)


class Pattern:
    def __init__(self, value):
        m = re.match(r'^(m?)(.)(.*)$', value, re.S)
        end = m.group(3).rfind(m.group(2))
        if end < 0:
            raise Unbuildable('pcre: no end')
        self.text, self.flags = m.group(3)[:end], m.group(3)[end + 1:]
        if m.group(2) != '/':
            self.text = self.text.replace('\\' + m.group(2), m.group(2))
        self.tree = None

    def nodes(self):
        if self.tree is None:
            p = Parser(self.text, self.flags)
            try:
                self.tree = p.alt()
            except (IndexError, ValueError) as e:
                raise Unbuildable('pcre: not understood') from e
            if p.i < len(p.t):
                raise Unbuildable('pcre: not understood')
        return self.tree

    @functools.cached_property
    def compiled(self):
        return compile_for_judge(self.text, self.flags)


def apart(m):
    """Alternatives of a look behind, each by itself."""
    each = ['(?<%s%s)' % (m.group(1), x) for x in m.group(2).split('|')]
    return ''.join(each) if m.group(1) == '!' else '(?:%s)' % '|'.join(each)


def compile_for_judge(text, flags):
    text = text.replace('(?-i)', '')
    t = re.sub(r'\(\?<([A-Za-z_])', r'(?P<\1', text)
    t = re.sub(r'(?<!\\)((?:\\\\)*)\\([hzZR])', lambda m: m.group(1) + {'h': r'[ \t]', 'z': r'\Z', 'Z': r'(?=\n?\Z)', 'R': r'(?:\r\n|\n|\r)'}[m.group(2)], t)
    t = re.sub(r'\\x\{([0-9a-fA-F]{1,2})\}', lambda m: '\\x%02x' % int(m.group(1), 16), t)
    t = re.sub(r'\\x([0-9a-fA-F])(?![0-9a-fA-F])', r'\\x0\1', t)
    for name, chars in POSIX.items():
        t = t.replace('[:%s:]' % name, ''.join('\\x%02x' % c for c in chars))
    t = re.sub(r'(?<!\\)\{,(\d+)\}', r'\\{,\1\\}', t)
    t = re.sub(r'\\([^0-9A-Za-z_\s])', lambda m: '\\x%02x' % ord(m.group(1)) if ord(m.group(1)) < 128 else m.group(1), t)
    t = re.sub(r'(?<!\\)((?:\\x5c)*)\\([egijlmopquyCEFGHIJKLMNOPQTUVXYci])', r'\1\2', t)
    how = 0
    for letter, bit in (('i', re.I), ('s', re.S), ('m', re.M), ('x', re.X)):
        how |= bit if letter in flags else 0
    t = re.sub(r'\(\?<(!|=)([^()]*\|[^()]*)\)', apart, t)      # Python wants them of one width
    inline = re.search(r'(?<!\\)\(\?([ims]+)\)', t)
    if inline and inline.start() > 0:
        how |= {'i': re.I, 'm': re.M, 's': re.S}[inline.group(1)[0]]
        t = t[:inline.start()] + t[inline.end():]
    if 'E' in flags and 'm' not in flags:
        t = re.sub(r'(?<!\\)\$', r'\\Z', t)
    try:
        return re.compile(t.encode('utf-8', 'surrogateescape'), how)
    except (re.error, OverflowError) as e:
        raise Unbuildable('pcre: Python refuses it') from e


class Sampler:
    """Random strings that match a tree.  Hints are strings that had better be in it."""

    def __init__(self, rng, hints, eager, avoid=b'', under=None):
        self.under = under or (lambda i: None)      # the byte that stands there already
        self.rng, self.hints, self.eager, self.avoid = rng, [h for h in hints if h], eager, avoid
        self.groups, self.out, self.start, self.end, self.line, self.prefer = {}, bytearray(), False, False, False, NICE

    def char(self, chars):
        if not chars:
            raise Unbuildable('pcre: empty class')
        if len(chars) == 1:
            return chars[0]
        there = self.under(len(self.out))
        if there is not None and there in chars:
            return there
        kept = [c for c in chars if c not in self.avoid] or chars
        nice = [c for c in kept if c in self.prefer] or [c for c in kept if c in NICE] or [c for c in kept if c in PRINT] or kept
        return self.rng.choice(nice)

    def run(self, node):
        kind = node[0]
        if kind == 'set':
            self.out.append(self.char(node[1]))
        elif kind == 'cat':
            for i, n in enumerate(node[1]):
                # What must follow behind the last piece is simply put there.
                self.run(n[3] if n[0] == 'look' and n[1] and not n[2] and i + 1 == len(node[1]) else n)
        elif kind == 'alt':
            self.run(self.rng.choice(node[1]))
        elif kind == 'group':
            at = len(self.out)
            self.run(node[2])
            self.groups[node[1]] = bytes(self.out[at:])
        elif kind == 'ref':
            self.out += self.groups.get(node[1], b'')
        elif kind == 'rep':
            self.repeat(node[1], node[2], node[3])
        elif kind == 'at':
            self.anchor(node[1])
        elif kind == 'look' and not node[2] and node[1]:
            self.look(node[3])
        elif kind == 'look' and node[2] and not node[1] and not self.out and self.eager:
            self.behind(node[3])

    def look(self, node):
        # What is ahead is emitted and becomes a hint: the judge says whether the whole fits.
        if self.eager and self.rng.random() < 0.5:
            sub = Sampler(self.rng, [], self.eager)
            sub.run(node)
            self.hints.append(bytes(sub.out))

    def behind(self, node):
        """Something that is not what must not stand before."""
        while node[0] == 'cat' and len(node[1]) == 1:
            node = node[1][0]
        if node[0] == 'set' and len(node[1]) < 256:
            self.out.append(self.char(without(node[1])))

    def anchor(self, letter):
        if letter in '^AG':
            self.start = self.start or not self.out
            self.line = self.line or bool(self.out and self.out[-1] != 10)
        elif letter in '$Zz':
            self.end = True

    def repeat(self, node, low, high):
        single = node[1] if node[0] == 'set' else None
        if single is not None and len(single) > 1 and self.hints and self.eager:
            for h in self.rng.sample(self.hints, len(self.hints)):
                ok = low <= len(h) <= high if high < MANY else True
                if ok and h not in self.out and all(c in single for c in h) and self.rng.random() < 0.8:
                    while low > len(h) and self.rng.random() < 0.5:
                        self.out.append(self.char(single))
                        low -= 1
                    self.out += h
                    low -= len(h)
                    high -= len(h)
        more = 0 if low else self.rng.choice((0, 1) if self.eager else (0,))
        n = min(low + more, max(high, 0)) if low >= 0 else 0
        if n < high and n and self.eager and self.rng.random() < 0.2:
            n = min(high, n + self.rng.randint(1, 12))
        if n * 1 > 40000:
            raise Unbuildable('pcre: too long')
        for _ in range(n):
            self.run(node)
            if len(self.out) > 60000:
                raise Unbuildable('pcre: too long')


def sample(pattern, rng, hints, eager, avoid=b'', under=None):
    """(bytes, must stand at the start, must stand at the end)"""
    s = Sampler(rng, hints, eager, avoid, under)
    if eager and rng.random() < 0.5:
        s.prefer = rng.choice((DIGIT, b'abcdef', b'abcdef0123456789', b'ABCDEFGHIJKLMNOPQRSTUVWXYZ'))
    s.run(pattern.nodes())
    return bytes(s.out), s.start, s.end
