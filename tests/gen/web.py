# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP requests and responses whose parts meet the tests of a rule."""
import re

import judge
import ops as ops_
from ruletext import Unbuildable
from solve import solve

REQUEST = {'uri', 'uri_raw', 'method', 'body', 'h:user-agent', 'host', 'host_raw', 'h:referer', 'h:accept', 'h:accept-encoding',
           'h:accept-language', 'request_line'}
RESPONSE = {'rbody', 'stat_code', 'stat_msg', 'h:server', 'h:location', 'response_line'}
EITHER = {'header', 'header_raw', 'cookie', 'h:connection', 'h:content-type', 'h:content-length', 'start', 'header_names', 'protocol',
          'file_data'}
AVOID = bytes(range(33)) + b'%"\'<>\\#`?&=:;,' + bytes(range(127, 256))
LINES = b'\r\n\0'
NAME = re.compile(rb'^[!#$%&\'*+.^_`|~0-9A-Za-z-]+[ \t]*:')


def is_web(bufs):
    return bool(bufs & (REQUEST | RESPONSE | EITHER) or any(b.startswith('h:') for b in bufs))


def fixed(buf, data, at_end=False):
    """A test for bytes at the start or the end."""
    f = {'data': data, 'nocase': False}
    f.update({'ends': True} if at_end else {'offset': 0, 'depth': len(data)})
    return ops_.Op('content', buf, **f)


def usual(buf, data):
    """Where nothing is asked for but that something is not there."""
    return data or {'host': b'www.example.org', 'h:content-length': b'0'}.get(buf, b'z')


def bare(text):
    """Blanks at the ends of a value are not its own."""
    return b'a' * (text[:1] in (b' ', b'\t')) + text + b'a' * (text[-1:] in (b' ', b'\t'))


def any_of(*makes):
    """The first of several ways that works."""
    why = None
    for make in makes:
        try:
            return make()
        except Unbuildable as e:
            why = why or e
    raise why


def unquote(text):
    return re.sub(rb'%([0-9A-Fa-f]{2})', lambda m: bytes([int(m.group(1), 16)]), text)


def unquote_path(raw):
    """The normalised URI: path and query decoded once, separators and dots of the path resolved."""
    path, mark, query = raw.partition(b'?')
    path = unquote(path)
    if path[:1] == b'/':
        path = re.sub(rb'/+', b'/', path.replace(b'\\', b'/'))
        path = without_dots(path) if b'/.' in path else path
    return path + mark + unquote(query)


def without_dots(path):
    out = []
    for part in path.split(b'/')[1:]:
        if part == b'..':
            del out[-1:]
        elif part != b'.':
            out.append(part)
    return b'/' + b'/'.join(out + [b''] if path.endswith((b'/..', b'/.')) and out else out)


def quote(uri, whole):
    """What a client sends for this URI."""
    path, mark, query = uri.partition(b'?')
    bad = rb'[\x00-\x20\x7f-\xff#%]' if whole else rb'[\x00-\x20#%]'
    code = lambda text: re.sub(bad, lambda m: b'%%%02X' % m.group(0)[0], text)
    return code(path) + mark + code(query)


class Message:
    def __init__(self, line):
        self.line, self.lines, self.body, self.names = line, [], b'', None

    def find(self, name):
        for i, l in enumerate(self.lines):
            if l.partition(b':')[0].strip().lower() == name:
                return i
        return -1

    def value(self, name):
        i = self.find(name)
        return self.lines[i].partition(b':')[2].strip(b' \t') if i >= 0 else None

    def put(self, name, value, front=False):
        i = self.find(name.lower())
        value += b'a' * (value[-1:] in (b' ', b'\t'))       # blanks at the end are not the value's
        line = name + b': ' + value
        if i >= 0:
            self.lines[i] = line
        else:
            self.lines.insert(0 if front else len(self.lines), line)

    def add_text(self, text, front=True):
        """Text with line ends -> header lines; what is no header gets a name."""
        lead = [b'X-A: a'] if text[:1] in b'\r\n' and text else []
        lines = lead + [l + b'a' * (l[-1:] in b' \t') for l in text.lstrip(b'\r\n').split(b'\r\n') if l]
        if lines and re.match(rb'^[A-Za-z][A-Za-z-]*$', lines[-1]) and len(lines) > 1:
            lines[-1] += b': ' + (b'www.example.com' if lines[-1].lower() == b'host' else b'a')     # the beginning of a header
        lines = [l if NAME.match(l) else b'X-Text: ' + l for l in lines]
        own = {}
        for l in lines:
            own.setdefault(l.partition(b':')[0].strip().lower(), l)
        lines = [l for l in lines if own[l.partition(b':')[0].strip().lower()] is l or l.startswith(b'X-')]
        for l in lines:
            i = self.find(l.partition(b':')[0].strip().lower())
            if i >= 0:
                del self.lines[i]
        self.lines = lines + self.lines if front else self.lines + lines

    def head(self):
        return b''.join(l + b'\r\n' for l in self.lines)

    def sent(self):
        """The body as it goes over the wire."""
        if b'chunked' in (self.value(b'transfer-encoding') or b'').lower() and self.body and not re.match(rb'^[0-9a-fA-F]+\r\n', self.body):
            return b'%x\r\n%s\r\n0\r\n\r\n' % (len(self.body), self.body)
        return self.body

    def raw(self):
        return self.line + b'\r\n' + self.head() + b'\r\n' + self.sent()

    def buffers(self, request):
        plain = [l for l in self.lines if l.partition(b':')[0].strip().lower() not in (b'cookie', b'set-cookie')]
        b = {'header': b''.join(re.sub(rb'[ \t]*:[ \t]*', b': ', l, 1) + b'\r\n' for l in plain), 'header_raw': self.head() + b'\r\n',
             'start': self.line + b'\r\n' + self.head() + b'\r\n', 'payload': self.raw(),
             'header_names': b'\r\n' + b''.join(l.partition(b':')[0].strip() + b'\r\n' for l in self.lines) + b'\r\n'}
        for l in self.lines:
            n, _, v = l.partition(b':')
            b['h:' + n.strip().lower().decode('latin-1')] = v.strip(b' \t')
        cookie = self.value(b'cookie' if request else b'set-cookie')
        if cookie is not None:
            b['cookie'] = cookie
        part = self.line.split(b' ')
        if request:
            b.update(method=part[0], uri_raw=b' '.join(part[1:-1]), request_line=self.line, protocol=part[-1], body=self.body)
            b['uri'] = unquote_path(b['uri_raw'])
            if self.value(b'host') is not None:
                b['host_raw'] = self.value(b'host')
                b['host'] = b['host_raw'].lower().partition(b':')[0]
        else:
            b.update(protocol=part[0], stat_code=part[1] if len(part) > 1 else b'', stat_msg=b' '.join(part[2:]),
                     response_line=self.line, rbody=self.body)
        if self.body:
            b['file_data'] = self.body
        return b


class Web:
    """One exchange for one rule."""

    def __init__(self, tests, to_client, rng):
        self.rng, self.to_client, self.by = rng, to_client, {}
        for op in tests:
            self.by.setdefault(op.buf, []).append(op)

    def side(self, buf):
        """Is the buffer the response's?"""
        if buf in RESPONSE:
            return True
        return self.to_client if buf in EITHER or buf == 'payload' or buf.startswith('h:') and buf not in REQUEST else False

    def want(self, buf, **kw):
        return usual(buf, solve(self.by[buf], self.rng, **kw)) if buf in self.by else None

    def has(self, buf, response):
        return buf in self.by and self.side(buf) == response

    def make(self):
        why = None
        for attempt in range(14):
            try:
                request, response = self.request(attempt), self.response(attempt)
                self.payload(response if self.to_client else request, attempt)
                self.lengths(request, response, attempt)
                bad = self.fault(request, response)
                if bad is None:
                    return request, response
                why = Unbuildable('%s: no message found' % bad)
            except Unbuildable as e:
                why = e
                if attempt > 4 and 'pcre: ' in str(e) and 'empty' not in str(e):
                    break
        raise why

    def fault(self, request, response):
        bufs = (request.buffers(True), response.buffers(False))
        for buf, tests in self.by.items():
            if buf == 'dsize':
                continue
            data = bufs[self.side(buf)].get(buf)
            if data is None and all(o.neg for o in tests):
                continue
            if tests[0].f.get('dots') and data is not None:
                data = b'.' + data
            if data is None or not judge.holds(data, tests):
                m = response if self.side(buf) else request
                if buf == 'header' and data is not None and any(judge.holds(d, tests) for d in (data + b'\r\n', m.head() + b'\r\n')):
                    continue
                return buf
        return None

    def dotted(self, buf, **kw):
        tests = self.by[buf]
        if tests[0].f.get('dots'):
            return solve([fixed(buf, b'.')] + tests, self.rng, **kw)[1:]
        return usual(buf, solve(tests, self.rng, **kw))

    def uri(self, attempt):
        tests = self.by.get('uri', []) + (self.by.get('uri_raw', []) if attempt % 2 == 0 else [])
        first = b'/' if attempt % 3 < 2 else b'/?'
        stable = lambda d: d if unquote_path(quote(d, True)) == d else None
        sample = lambda t: any_of(*[lambda s=s: solve([fixed('uri', s)] + t, self.rng, avoid=AVOID, accept=stable, tries=16) for s in (first, b'/?')],
                                  lambda: solve(t, self.rng, avoid=AVOID, accept=lambda d: d if d[:1] not in b' \r\n' else None))
        if 'uri_raw' in self.by and (attempt % 2 or 'uri' not in self.by):
            raw = sample(self.by['uri_raw'])
            if 'uri' in self.by and not judge.holds(unquote_path(raw), self.by['uri']):
                more = sample(self.by['uri'])
                raw = (raw + more, quote(more, True) + raw, more + b'?' + raw, raw + b'?' + more, raw + more[1:])[attempt % 5]
            return re.sub(rb'[\x00-\x20]', lambda m: b'%%%02X' % m.group(0)[0], raw)
        return quote(sample(tests), attempt % 3 == 2) if tests else b'/'

    def request_line(self, attempt, method, uri):
        line = method + b' ' + uri + b' ' + (self.want('protocol') if self.has('protocol', False) else (b'HTTP/1.1', b'HTTP/1.1', b'HTTP/1.0')[attempt % 3])
        if 'request_line' in self.by and not judge.holds(line, self.by['request_line']):
            tests = self.by['request_line']
            more = [ops_.Op('content', 'x', data=o.f['data'], nocase=o.f['nocase']) for o in self.by.get('uri', ())
                    if o.kind == 'content' and not o.neg and not any(o.f['data'] in t.f.get('data', b'') for t in tests)]
            forms = [[fixed('x', method + b' ' + uri)] + tests + [fixed('x', b' HTTP/1.1', True)], tests + more + [fixed('x', b' HTTP/1.1', True)],
                     tests + [fixed('x', b' HTTP/1.1', True)], tests]
            if attempt % 2 and 'uri' not in self.by:
                forms = [[fixed('x', m + b' /')] + tests + [fixed('x', b' HTTP/1.' + d, True)] for m in (b'GET', b'POST') for d in (b'1', b'0')] + forms
            line = any_of(*[lambda f=f: solve(f, self.rng, avoid=LINES + b' ') for f in forms])
        return line if line.count(b' ') >= 2 else b'GET /' + line.lstrip(b'/') + b' HTTP/1.1'

    def request(self, attempt):
        body = self.want('body')
        if self.has('file_data', False):
            body = any_of(lambda: self.want('file_data'))
        default = b'POST' if body is not None else (b'GET', b'GET', b'POST', b'HEAD')[attempt % 4]
        method = self.want('method', fill=b'ABCDEFGHIJKLMNOPQRSTUVWXYZ', accept=lambda d: d.strip() or None) if 'method' in self.by else default
        if self.has('start', False):
            m = self.from_text(self.start_text(b'GET /', b' HTTP/1.'))
        else:
            m = Message(self.request_line(attempt, method, self.uri(attempt)))
        self.headers(m, False, attempt)
        for buf, name in (('host', b'Host'), ('host_raw', b'Host')):
            if buf in self.by:
                m.put(name, self.dotted(buf, avoid=AVOID), front=True)
        if m.find(b'host') < 0 and attempt % 5 < 3 and not self.has('start', False):
            m.put(b'Host', b'www.example.com', front=attempt % 2 == 1)
        if not m.lines:
            m.put(b'User-Agent', b'Mozilla')
        if body is not None:
            m.body = body
        return self.ordered(m)

    def start_text(self, *marks):
        tests = self.by['start']
        end = [fixed('start', b'\r\n\r\n', True)]
        return any_of(lambda: solve(tests + end, self.rng, avoid=LINES), lambda: solve([fixed('x', marks[0])] + tests + end, self.rng, avoid=LINES))

    def from_text(self, text):
        head, _, body = text.partition(b'\r\n\r\n')
        line, _, rest = head.partition(b'\r\n')
        m = Message(line)
        m.add_text(rest)
        m.body = body
        return m

    def response(self, attempt):
        code = self.want('stat_code', fill=b'0123456789') if 'stat_code' in self.by else b'200'
        message = self.want('stat_msg') if 'stat_msg' in self.by else b'OK'
        line = (self.want('protocol') if self.has('protocol', True) else b'HTTP/1.1') + b' ' + code + b' ' + message
        if 'response_line' in self.by and not judge.holds(line, self.by['response_line']):
            t = self.by['response_line']
            line = any_of(lambda: solve([fixed('x', b'HTTP/1.1 ' + code + b' ')] + t, self.rng, avoid=LINES), lambda: solve(t, self.rng, avoid=LINES))
        m = Message(line)
        if self.has('start', True):
            m = self.from_text(self.start_text(b'HTTP/1.1 200 '))
        self.headers(m, True, attempt)
        m.body = self.want('rbody') or b''
        if self.has('file_data', True):
            tests = self.by['file_data'] + (self.by.get('rbody', []))
            m.body = any_of(lambda: solve(tests, self.rng), lambda: self.want('file_data') + m.body)
        if not m.body and self.to_client and code not in (b'204', b'304') and attempt % 2 == 0 and 'h:content-length' not in self.by:
            m.body = b'hello'
        if m.find(b'content-type') < 0 and attempt % 3 < 2 and 'header_names' not in self.by:
            m.put(b'Content-Type', b'text/html')
        return self.ordered(m)

    def headers(self, m, response, attempt):
        for buf in ('header', 'header_raw'):
            if self.has(buf, response):
                tests = self.by[buf]
                for chain in self.apart(tests, attempt):
                    m.add_text(solve(chain, self.rng, avoid=LINES, tries=30), front=True)
        for buf in self.by:
            if buf.startswith('h:') and self.side(buf) == response:
                name = '-'.join(w.capitalize() for w in buf[2:].split('-')).encode()
                old = m.value(buf[2:].encode())
                if old is None or not judge.holds(old, self.by[buf]):
                    m.put(name, self.want(buf, avoid=LINES, accept=bare))
        if self.has('cookie', response):
            m.put(b'Set-Cookie' if response else b'Cookie', self.want('cookie', avoid=LINES))
        if self.has('header_names', response) and not all(o.neg for o in self.by['header_names']):
            names = any_of(*[lambda s=s, e=e: solve(s + self.by['header_names'] + e, self.rng, avoid=LINES)
                             for s in ([fixed('x', b'\r\n')],) for e in ([fixed('x', b'\r\n\r\n', True)], [])])
            m.names = [n for n in names.split(b'\r\n') if n]

    def apart(self, tests, attempt):
        """All tests in one text, or each chain in a text of its own (the last one made stands first)."""
        if attempt % 3 == 0 and len(tests) > 1:
            chains = []
            for op in tests:
                if op.rel and chains:
                    chains[-1].append(op)
                else:
                    chains.append([op])
            chains = [c for c in chains if not all(o.neg for o in c)]
            return sorted(chains, key=lambda c: 'depth' in c[0].f or c[0].kind == 'pcre' and c[0].f['rx'].text[:1] == '^')
        return [tests]

    def ordered(self, m):
        if m.names is not None:
            have = {l.partition(b':')[0].strip().lower(): l for l in m.lines}
            listed = [have.pop(n.lower(), n + b': ' + (b'5' if n.lower() == b'content-length' else b'www.example.com' if n.lower() == b'host' else b'a')) for n in m.names]
            m.lines = listed
            for n, l in have.items():
                if judge_names(self.by['header_names'], n):
                    m.lines.append(l)
                    if n not in (b'host', b'cookie') and not judge.holds(m.buffers(True)['header_names'], self.by['header_names']):
                        m.lines.pop()
        return m

    def payload(self, m, attempt):
        tests = self.by.get('payload')
        if not tests or judge.holds(m.raw(), tests):
            return
        missing = [c for c in self.apart(tests, 0 if attempt % 2 == 0 else 1)]
        for chain in missing:
            try:
                if judge.holds(m.raw(), chain):
                    continue
            except Unbuildable:
                pass
            text = solve(chain, self.rng, tries=30, avoid=LINES)
            cut = re.search(rb'(?:^| )HTTP/1\.[01]\r\n', text)
            if attempt % 2 == 0 and self.to_client and re.match(rb'^HTTP/1\.[01] \d{3} ', text):
                whole = self.from_text(text)
                m.line = whole.line
                m.lines, m.body = whole.lines + m.lines, m.body + whole.body
                continue
            if cut and not self.to_client and not re.match(rb'^[A-Z]{3,10} ', text):
                line = m.line.rpartition(b' ')[0]
                if attempt % 3 == 2 and text[:1] == b'/':
                    m.line = m.line.partition(b' ')[0] + b' ' + text[:cut.end() - 2]
                    m.add_text(text[cut.end():])
                    continue
                lead = b' ' * (cut.start() == 0 and text[:1] == b'H')
                m.line = (line + b'?' if attempt % 2 and b'?' not in line and not lead else line) + lead + text[:cut.end() - 2]
                m.add_text(text[cut.end():])
                continue
            if attempt == 0 or attempt % 4 == 2:
                m.add_text(text.replace(b'\r\n\r\n', b'\r\n'), front=False)
            elif attempt % 4 == 1 or b'\r' not in text and attempt % 4 == 3 and self.to_client:
                m.body += text
            elif re.match(rb'^[A-Z]{3,10} ', text) and not self.to_client:
                line, _, rest = text.partition(b'\r\n')
                m.line = line if b' HTTP/1.' in line else line.rstrip() + (b' HTTP/1.1' if line.count(b' ') else b' / HTTP/1.1')
                head, _, body = rest.partition(b'\r\n\r\n')
                m.add_text(head)
                m.body += body
            else:
                part = m.line.split(b' ')
                m.line = part[0] + b' ' + b' '.join(part[1:-1]) + (b'&' if b'?' in m.line else b'?') + text + b' ' + part[-1]

    def lengths(self, request, response, attempt):
        for m in (request, response):
            said = m.value(b'content-length') or b''
            if 'h:content-length' not in self.by and said.isdigit() and len(m.body) <= int(said) <= 60000 and m.find(b'content-length') >= 0 and int(said):
                m.body += b'a' * (int(said) - len(m.body))
            elif m.body and 'h:content-length' not in self.by and m.find(b'transfer-encoding') < 0:
                m.put(b'Content-Length', b'%d' % len(m.body), front=attempt % 2 == 0)
            elif 'h:content-length' in self.by:
                n = (m.value(b'content-length') or b'').strip()
                if n.isdigit() and self.side('h:content-length') == (m is response) and int(n) <= 60000:
                    m.body = (m.body + b'a' * (int(n) - len(m.body)))[:int(n)]
        if response.find(b'content-length') < 0 and not response.body and not self.has('header_names', True):
            response.put(b'Content-Length', b'0', front=attempt % 2 == 0)


def judge_names(tests, name):
    return not any(o.neg and name in o.f.get('data', b'').lower() for o in tests)
