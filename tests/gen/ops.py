# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of a rule that look at bytes -> ordered tests (Op) of named buffers, the same for the three dialects."""
import re

from ruletext import Unbuildable, decode, unquote
from rx import Pattern

# Every spelling of a buffer; those marked * go by the rule's direction.
NAMES = {
    'uri': 'http.uri http_uri', 'uri_raw': 'http.uri.raw http_raw_uri', 'method': 'http.method http_method',
    'header': 'http.header http_header', 'header_raw': 'http.header.raw http_raw_header', 'cookie': 'http.cookie http_cookie http_raw_cookie',
    'body': 'http.request_body http_client_body http_raw_body', 'rbody': 'http.response_body http_server_body',
    'stat_code': 'http.stat_code http_stat_code', 'stat_msg': 'http.stat_msg http_stat_msg',
    'h:user-agent': 'http.user_agent http_user_agent', 'host': 'http.host http_host', 'host_raw': 'http.host.raw http_raw_host',
    'h:referer': 'http.referer http_referer', 'h:accept': 'http.accept http_accept', 'h:accept-encoding': 'http.accept_enc http_accept_enc',
    'h:accept-language': 'http.accept_lang http_accept_lang', 'h:connection': 'http.connection http_connection',
    'h:content-type': 'http.content_type http_content_type', 'h:content-length': 'http.content_len http_content_len',
    'h:server': 'http.server', 'h:location': 'http.location', 'start': 'http.start http_start',
    'header_names': 'http.header_names http_header_names', 'protocol': 'http.protocol http_protocol http_version',
    'request_line': 'http.request_line http_request_line http_raw_request',
    'response_line': 'http.response_line http_response_line http_raw_status',
    'file_data': 'file.data file_data', 'query': 'dns.query dns_query dns.queries.rrname', 'sni': 'tls.sni tls_sni',
    'subject': 'tls.cert_subject tls_cert_subject', 'issuer': 'tls.cert_issuer tls_cert_issuer',
    'serial': 'tls.cert_serial tls_cert_serial', 'fingerprint': 'tls.cert_fingerprint tls_cert_fingerprint', 'certs': 'tls.certs',
    'ja3': 'ja3.hash ja3_hash', 'ja3_string': 'ja3.string ja3_string', 'ja3s': 'ja3s.hash', 'ja3s_string': 'ja3s.string',
    'tls_version': 'tls.version', 'ssh_proto': 'ssh.proto ssh_proto', 'ssh_software': 'ssh.software ssh_software', 'b64': 'base64_data',
    'sip_method': 'sip.method sip_method', 'sip_header': 'sip_header', 'stub': 'dce_stub_data', 'tcp.hdr': 'tcp.hdr',
    'payload': 'pkt_data raw_data',
}
BY_NAME = {n: k for k, v in NAMES.items() for n in v.split()}
SNORT2_MODIFIERS = {n for n in BY_NAME if n.startswith('http_')}
LETTERS = {'U': 'uri', 'I': 'uri_raw', 'P': 'body', 'H': 'header', 'D': 'header_raw', 'M': 'method', 'C': 'cookie', 'K': 'cookie',
           'S': 'stat_code', 'Y': 'stat_msg', 'Q': 'file_data', 'V': 'h:user-agent', 'W': 'host'}
TRANSFORMS = ('to_lowercase', 'to_uppercase', 'strip_whitespace', 'compress_whitespace', 'to_md5', 'to_sha1', 'to_sha256', 'url_decode',
              'xor', 'casechange', 'header_lowercase', 'strip_pseudo_headers', 'domain', 'tld', 'from_base64', 'gunzip',
              'zlib_deflate', 'pcrexform')


class Op:
    """One test.  kind: content pcre test jump extract at size; f: its fields."""
    __slots__ = ('kind', 'buf', 'neg', 'rel', 'f')

    def __init__(self, kind, buf, neg=False, rel=False, **f):
        self.kind, self.buf, self.neg, self.rel, self.f = kind, buf, neg, rel, f

    def __repr__(self):
        return '%s%s(%s%s)' % ('!' if self.neg else '', self.kind, self.buf, ''.join(' %s=%r' % x for x in self.f.items()))


def number(text):
    t = text.strip()
    try:
        return int(t, 0) if not re.match(r'^-?0\d+$', t) else int(t)
    except ValueError:
        return t                              # a variable


def ranged(text):
    """[<|>|<=|>=|!|=]N, N<>M, N<=>M, N-M -> (low, high), both included."""
    t = text.replace(' ', '')
    m = re.match(r'^(\d+)(<>|<=>|-)(\d+)$', t)
    if m:
        low, high = int(m.group(1)), int(m.group(3))
        return (low + 1, high - 1) if m.group(2) == '<>' and high - low > 1 else (low, high)
    m = re.match(r'^(<=|>=|<|>|!|=)?(\d+)$', t)
    if not m:
        raise Unbuildable('number %s' % t)
    n = int(m.group(2))
    return {None: (n, n), '=': (n, n), '<': (0, n - 1), '>': (n + 1, 1 << 32), '<=': (0, n), '>=': (n, 1 << 32),
            '!': (n + 1, 1 << 32)}[m.group(1)]


class Reader:
    def __init__(self, rule):
        self.r, self.buf, self.ops, self.last, self.dots = rule, 'payload', [], None, False

    def run(self):
        for k, v in self.r.opts:
            self.option(k, v)
        return self.ops

    def add(self, op):
        if op.buf in ('query', 'sni', 'host', 'payload') and self.dots and op.kind in ('content', 'pcre', 'size'):
            op.f['dots'] = True
        self.ops.append(op)

    def option(self, k, v):
        if k in ('content', 'uricontent'):
            self.content(k, v)
        elif k in ('tls.version', 'tls.fingerprint'):      # a value of their own; what follows looks where it looked before
            neg, text, _ = unquote(v)
            self.add(Op('content', {'tls.version': 'tls_version'}.get(k, 'fingerprint'), neg, data=text.encode(), nocase=True))
        elif k in BY_NAME and k in SNORT2_MODIFIERS and self.r.dialect == 'snort2':
            self.modifier(BY_NAME[k])
        elif k in BY_NAME:
            self.sticky(k, v)
        elif k in ('pcre', 'regex'):
            self.pcre(v)
        elif k == 'dotprefix':
            self.dots = True
        elif k in TRANSFORMS:
            raise Unbuildable('transform ' + k)
        elif hasattr(self, 'o_' + k):
            getattr(self, 'o_' + k)(v)

    def sticky(self, k, v):
        name = BY_NAME[k]
        old_word = k in SNORT2_MODIFIERS and self.r.dialect == 'suricata' and k not in STICKY_UNDERSCORE
        if old_word:
            self.modifier(name)
            return
        field = re.search(r'field\s+([\w-]+)', v)
        if field and name in ('header', 'header_raw'):
            name = 'h:' + field.group(1).lower()
        self.buf, self.last, self.dots = name, None, False

    def modifier(self, name):
        if self.last is None:
            return
        self.last.buf = name

    def content(self, k, v):
        neg, text, rest = unquote(v)
        op = Op('content', 'uri' if k == 'uricontent' else self.buf, neg, data=decode(text), nocase=False)
        self.last = op
        self.add(op)
        for part in rest.split(',') if rest else []:
            name, _, value = part.strip().partition(' ')
            self.place(name, value)

    def place(self, name, value):
        op = self.last
        if op is None:
            return
        if name == 'nocase':
            op.f['nocase'] = True
        elif name in ('offset', 'depth', 'distance', 'within'):
            op.f[name] = number(value)
            op.rel = op.rel or name in ('distance', 'within')
        elif name == 'startswith':
            op.f['offset'], op.f['depth'] = 0, len(op.f['data'])
        elif name == 'endswith':
            op.f['ends'] = True

    def o_fast_pattern(self, v):
        if v == 'only' and self.r.dialect == 'snort2':
            self.place('nocase', '')          # Snort 2 looks for it in its prefilter alone, which knows no case

    def o_nocase(self, v):
        self.place('nocase', v)

    def o_offset(self, v):
        self.place('offset', v)

    def o_depth(self, v):
        self.place('depth', v)

    def o_distance(self, v):
        self.place('distance', v)

    def o_within(self, v):
        self.place('within', v)

    def o_startswith(self, v):
        self.place('startswith', v)

    def o_endswith(self, v):
        self.place('endswith', v)

    def pcre(self, v):
        neg, text, _ = unquote(v)
        p = Pattern(text)
        buf = self.buf
        for c in p.flags:
            if c in LETTERS and self.r.dialect != 'snort3':
                buf = LETTERS[c]
        self.add(Op('pcre', buf, neg, 'R' in p.flags, rx=p))

    def follows(self, relative):
        """Where modifiers move contents, a relative test looks where the last match was."""
        if relative and self.buf == 'payload' and self.ops:
            return self.ops[-1].buf
        return self.buf

    def o_isdataat(self, v):
        neg = v.startswith('!')
        part = [x.strip() for x in v.lstrip('!').split(',')]
        if neg and part == ['1', 'relative'] and self.ops and self.ops[-1].kind == 'content' and self.last is self.ops[-1]:
            self.ops[-1].f['ends'] = True     # the old way to write endswith
            return
        n = number(part[0])
        if 'relative' in part and self.r.dialect == 'suricata' and isinstance(n, int):
            n -= 1                            # Suricata counts the bytes behind the cursor, Snort asks for one more
        self.add(Op('at', self.follows('relative' in part), neg, 'relative' in part, n=n))

    def o_byte_test(self, v):
        p = [x.strip() for x in v.split(',')]
        op = p[1]
        neg = op.startswith('!') and op != '!='
        self.byte('test', p, 4, neg, op=(op.lstrip('!') if neg else op) or '=', value=number(p[2]), offset=number(p[3]))

    def o_byte_jump(self, v):
        p = [x.strip() for x in v.split(',')]
        self.byte('jump', p, 2, False, offset=number(p[1]))

    def o_byte_extract(self, v):
        p = [x.strip() for x in v.split(',')]
        self.byte('extract', p, 3, False, offset=number(p[1]), name=p[2])

    def o_byte_math(self, v):
        raise Unbuildable('byte_math')

    def byte(self, kind, p, rest, neg, **f):
        words = [w.split() for w in p[rest:]]
        flat = {w[0]: w[1] if len(w) > 1 else None for w in words if w}
        if 'dce' in flat:
            raise Unbuildable('dce byte order')
        text = 'string' in flat or any(w in flat for w in ('hex', 'dec', 'oct'))
        base = 16 if 'hex' in flat else 8 if 'oct' in flat else 10
        self.add(Op(kind, self.follows('relative' in flat), neg, 'relative' in flat, n=number(p[0]), little='little' in flat, text=text, base=base,
                    mult=int(flat.get('multiplier') or 1), align=int(flat['align'] or 4) if 'align' in flat else 0,
                    begin='from_beginning' in flat, end='from_end' in flat, post=int(flat.get('post_offset') or 0),
                    mask=int(flat['bitmask'], 0) if flat.get('bitmask') else 0, **f))

    def o_urilen(self, v):
        part = v.split(',')
        raw = part[1].strip() == 'raw' if len(part) > 1 else self.r.dialect == 'snort2'
        ends = part[0].split('<>')
        low, high = (int(ends[0]), int(ends[1])) if self.r.dialect == 'snort2' and len(ends) == 2 else ranged(part[0])
        self.add(Op('size', 'uri_raw' if raw else 'uri', low=low, high=high))

    def o_bsize(self, v):
        low, high = ranged(v)
        self.add(Op('size', self.buf, low=low, high=high))

    def o_bufferlen(self, v):
        part = v.split(',')
        low, high = ranged(part[0])
        self.add(Op('size', self.buf, low=low, high=high, left='relative' in v))

    def o_dsize(self, v):
        low, high = ranged(v)
        self.add(Op('size', 'dsize', low=low, high=high))

    def o_asn1(self, v):
        """An element that claims more bytes than the rule takes for sane."""
        part = {w.split()[0]: int(w.split()[1]) for w in v.split(',') if len(w.split()) > 1}
        if 'oversize_length' not in part:
            raise Unbuildable('asn1')
        element = b'\x04\x84' + (part['oversize_length'] + 1).to_bytes(4, 'big')
        at = part.get('relative_offset')
        if at == -1:                          # the tag is what stood there last
            self.add(Op('content', 'payload', False, True, data=element[1:], nocase=False, distance=0, within=5))
        elif at is not None:
            self.add(Op('content', 'payload', False, True, data=element, nocase=False, distance=at, within=6))
        else:
            self.add(Op('content', 'payload', data=element, nocase=False, offset=part.get('absolute_offset', 0), depth=6))

    def o_rpc(self, v):
        words = [w.strip() for w in v.split(',')] + ['*', '*']
        program, version, procedure = [int(w) if w.isdigit() else n for w, n in zip(words, (100000, 2, 3))]
        call = b''.join(n.to_bytes(4, 'big') for n in (0, 2, program, version, procedure))
        self.add(Op('content', 'payload', data=call, nocase=False, offset=8 if self.r.proto == 'tcp' else 4, depth=len(call)))

    def o_ftpbounce(self, v):
        self.add(Op('content', 'payload', data=b'PORT 1,2,3,4,4,1\r\n', nocase=False))

    def o_base64_decode(self, v):
        part = {w.split()[0]: w.split()[-1] for w in v.split(',') if w.split()}
        self.add(Op('base64', self.buf, False, 'relative' in part, n=int(part.get('bytes', 0)), offset=int(part.get('offset', 0))))

    def o_absent(self, v):
        raise Unbuildable('absent')


# Suricata's underscored words that are sticky buffers, not modifiers.
STICKY_UNDERSCORE = {'http_accept', 'http_accept_enc', 'http_accept_lang', 'http_connection', 'http_content_len', 'http_content_type',
                     'http_header_names', 'http_protocol', 'http_referer', 'http_request_line', 'http_response_line', 'http_start'}


def tests_of(rule):
    return Reader(rule).run()
