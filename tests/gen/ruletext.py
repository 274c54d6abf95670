# SPDX-License-Identifier: GPL-2.0-or-later
"""Rule text of three dialects -> Rule: header words and ordered options.  Knows nothing of the engine's parser."""
import gzip
import re

ACTIONS = ('alert', 'drop', 'log', 'pass', 'reject', 'sdrop', 'block', 'activate', 'dynamic')
HEAD = re.compile(r'^(#\s*)?(%s)\s+([^()]*?)\s*\((.*)\)\s*$' % '|'.join(ACTIONS), re.S)


class Unbuildable(Exception):
    """The reason why no traffic can be made of a rule."""


class Rule:
    __slots__ = ('text', 'dialect', 'off', 'action', 'proto', 'src', 'sport', 'both', 'dst', 'dport', 'opts', 'sid', 'gid')

    def all(self, name):
        return [v for k, v in self.opts if k == name]

    def has(self, name):
        return any(k == name for k, _ in self.opts)

    def flow_words(self):
        words = set()
        for v in self.all('flow'):
            words.update(w.strip() for w in v.split(','))
        return words


def split_options(body, quotes=True):
    """At each ; that is neither escaped nor inside quotes."""
    out, at, quoted, i = [], 0, False, 0
    while i < len(body):
        c = body[i]
        if c == '\\':
            i += 2
            continue
        if c == '"' and quotes:
            quoted = not quoted
        elif c == ';' and not quoted:
            out.append(body[at:i].strip())
            at = i + 1
        i += 1
    rest = body[at:].strip()
    if quotes and (quoted or rest):
        return split_options(body, False)    # a quote inside a class of a pcre isn't escaped
    return [o for o in out + [rest] if o]


def words_of_header(text):
    """Words apart by blanks, brackets kept whole."""
    out, word, depth = [], '', 0
    for c in text:
        depth += (c == '[') - (c == ']')
        if c.isspace() and not depth:
            if word:
                out.append(word)
            word = ''
        else:
            word += c
    return out + [word] if word else out


def parse(line, dialect):
    m = HEAD.match(line.strip())
    if not m:
        return None
    r = Rule()
    r.text, r.dialect, r.off, r.action = line.strip(), dialect, bool(m.group(1)), m.group(2)
    w = words_of_header(m.group(3))
    if len(w) == 6 and w[3] in ('->', '<>'):
        r.proto, r.src, r.sport, arrow, r.dst, r.dport = w
        r.both = arrow == '<>'
    elif len(w) == 1:
        r.proto, r.src, r.sport, r.dst, r.dport, r.both = w[0], 'any', 'any', 'any', 'any', False
    else:
        return None
    r.opts = []
    for o in split_options(m.group(4)):
        name, _, value = o.partition(':')
        r.opts.append((name.strip().lower(), value.strip()))
    sid, gid = r.all('sid'), r.all('gid')
    if not sid or not sid[0].isdigit():
        return None
    r.sid, r.gid = int(sid[0]), int(gid[0]) if gid else 1
    return r


def read(path, dialect):
    """All rules of a file, those behind # as well (their off is set)."""
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rt', encoding='utf-8', errors='surrogateescape') as f:
        text = f.read().replace('\r\n', '\n').replace('\\\n', '')
    return [r for r in (parse(l, dialect) for l in text.split('\n')) if r]


def unquote(value):
    """!"text", rest -> (negated, text, rest)."""
    v = value.strip()
    negated = v.startswith('!')
    v = v[1:].strip() if negated else v
    if v.startswith('"'):
        end = v.rfind('"')
        i = 1
        while i < len(v):                    # the first quote that is not escaped and ends the value
            if v[i] == '\\':
                i += 2
                continue
            if v[i] == '"' and re.match(r'\s*(,|$)', v[i + 1:]):
                end = i
                break
            i += 1
        return negated, v[1:end], v[end + 1:].strip().lstrip(',').strip()
    text, _, rest = v.partition(',')
    return negated, text, rest.strip()


def decode(text):
    """Content text -> bytes."""
    out, i, hexed = bytearray(), 0, None
    while i < len(text):
        c = text[i]
        if hexed is not None:
            if c == '|':
                out += bytes.fromhex(''.join(hexed.split()))
                hexed = None
            else:
                hexed += c
        elif c == '|':
            hexed = ''
        elif c == '\\' and i + 1 < len(text):
            i += 1
            out += text[i].encode('utf-8', 'surrogateescape')
        else:
            out += c.encode('utf-8', 'surrogateescape')
        i += 1
    return bytes(out)
