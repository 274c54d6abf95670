# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS queries, TLS handshakes and certificates with the names that rules want; greetings of line protocols."""
import hashlib
import re
import struct

import judge
from ruletext import Unbuildable
from solve import solve
from web import fixed

BAD_IN_NAMES = bytes(range(33)) + b'"\'<>\\#%/:?&=@,;' + bytes(range(127, 256))


def by_buffer(tests):
    out = {}
    for op in tests:
        out.setdefault(op.buf, []).append(op)
    return out


def short(label):
    """A label of more than 63 bytes becomes several."""
    out = bytearray(label)
    for at in range(len(out) - 60, 1, -60):
        out[at] = 46
    return bytes(out) if len(label) > 63 else label


def name_for(tests, rng):
    """A host name; dotprefix puts a dot before what the tests see."""
    if tests[0].f.get('dots'):
        return solve([fixed('x', b'.')] + tests, rng, avoid=BAD_IN_NAMES)[1:]

    def good(d):
        d += b'com' * (d[-1:] == b'.')           # the last dot is never shown
        d = b'.'.join(short(l) for l in d.split(b'.'))
        return d if d[:1] != b'.' and len(d) < 254 and b'..' not in d and all(len(l) < 64 for l in d.split(b'.')) else None
    try:
        return solve(tests, rng, avoid=BAD_IN_NAMES, accept=good, tries=12)
    except Unbuildable:
        return solve([fixed('x', b'www')] + tests, rng, avoid=BAD_IN_NAMES, accept=good)


def query(name, ident=0x4242, flags=0x0100):
    labels = b''.join(bytes([min(63, len(l))]) + l[:63] for l in name.split(b'.') if l)
    return struct.pack('!HHHHHH', ident, flags, 1, 0, 0, 0) + labels + b'\0\0\1\0\1'


def answer(kind, data):
    return b'\xc0\x0c' + struct.pack('!HHIH', kind, 1, 60, len(data)) + data


def strings(text):
    """As a TXT record has them; what a rule looks for had better be in one."""
    return b''.join(bytes([len(text[i:i + 255])]) + text[i:i + 255] for i in range(0, len(text), 255))


def dns_forms(tests, name, to_client, rng):
    """Messages of several shapes; what the tests ask for beyond the shape is put into names and records."""
    ident = rng.getrandbits(16)
    for kind in (1, 16, 28, 255, 5, 15, 10, 0, 250):
        q = query(name, ident)
        q = q[:-4] + struct.pack('!HH', kind, 1)
        if not to_client:
            yield q
            yield q[:4] + q[4:10] + b'\0\1' + q[12:] + b'\0' + struct.pack('!HHIH', 41, 4096, 0, 0)
            continue
        contents = [o.f['data'] for o in tests if o.kind == 'content' and not o.neg]
        for n in range(1, len(contents) + 1):
            data = b''.join(contents[-n:])
            for record in (answer(16, strings(b'a' + data)), answer(16, strings(data)), answer(1, data[-4:].rjust(4, b'\1')),
                           answer(16, data[1:]), answer(10, data)):
                for flags in (b'\x81\x80', b'\x85\x80', b'\x84\0'):
                    yield q[:2] + flags + q[4:6] + b'\0\1' + q[8:] + record
        for code in (b'\x81\x80', b'\x81\x83', b'\x81\x82', b'\x81\x85'):
            yield q[:2] + code + q[4:]


def labels_wanted(tests):
    """Names that contents spell as labels: |03|cyb|00|."""
    out = [b'www.example.com']
    for o in tests:
        d = o.f.get('data', b'') if o.kind == 'content' and not o.neg else b''
        found = b'.'.join(m[1] for m in re.findall(rb'([\x01-\x3f])([\x20-\x7e]+)', d, re.S) if len(m[1]) >= 1)
        whole, i = [], 0
        while i < len(d) and 0 < d[i] < 64 and i + d[i] < len(d):
            whole.append(d[i + 1:i + 1 + d[i]])
            i += 1 + d[i]
        if whole:
            out = [b'www.' + b'.'.join(whole), b'.'.join(whole), b'a.' + b'.'.join(whole) + b'.com'] + out
        elif found:
            out.append(found)
        tail = re.search(rb'[\x20-\x7e]{3,63}', d)
        if tail:
            out += [b'www.' + tail.group(0), tail.group(0) + b'.com', b'a' + tail.group(0) + b'a.com']
    return out


def dns(tests, to_client, rng):
    by = by_buffer(tests)
    for attempt in range(6):
        name = name_for(by['query'], rng) if 'query' in by else b'www.example.com'
        q = query(name, rng.getrandbits(16))
        if to_client:
            q = q[:2] + b'\x81\x80' + q[4:6] + b'\0\1' + q[8:] + answer(1, b'\x5d\xb8\xd8\x22')
        if 'payload' not in by or judge.holds(q, by['payload']):
            return q
    for name in [name] if 'query' in by else labels_wanted(by['payload']):
        for q in dns_forms(by['payload'], name, to_client, rng):
            if judge.holds(q, by['payload']):
                return q
    raise Unbuildable('payload of a DNS message')


def der(tag, *parts):
    body = b''.join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else struct.pack('!BH', 0x82, n)
    return bytes([tag]) + size + body


OIDS = {'CN': b'\x55\4\3', 'C': b'\x55\4\6', 'L': b'\x55\4\7', 'ST': b'\x55\4\x08', 'O': b'\x55\4\x0a', 'OU': b'\x55\4\x0b',
        'emailAddress': b'\x2a\x86\x48\x86\xf7\r\1\x09\1', 'Email': b'\x2a\x86\x48\x86\xf7\r\1\x09\1'}


def distinguished(text):
    """'C=US, CN=x' -> (DER, the text as a reader prints it)"""
    parts = re.findall(r'(?:^|, )(CN|C|L|ST|OU|O|Email|emailAddress)=(.*?)(?=, (?:CN|C|L|ST|OU|O|Email|emailAddress)=|$)', text, re.S)
    if not parts:
        parts = [('CN', text)]
    sets = [der(0x31, der(0x30, der(6, OIDS[k]), der(0x0c, v.encode('latin-1')))) for k, v in parts]
    shown = ', '.join('%s=%s' % ('Email' if k == 'emailAddress' else k, v) for k, v in parts)
    return der(0x30, *sets), shown.encode('latin-1')


def certificate(subject, issuer, serial, extra=b'', until=b'300101000000Z', alt=None):
    rsa = der(0x30, der(6, b'\x2a\x86\x48\x86\xf7\r\1\1\x0b'), der(5))
    key = der(0x30, der(0x30, der(6, b'\x2a\x86\x48\x86\xf7\r\1\1\1'), der(5)),
              der(3, b'\0' + der(0x30, der(2, b'\0' + b'\xc3' * 128), der(2, b'\1\0\1'))))
    dates = der(0x30, der(0x17, b'200101000000Z'), der(0x17, until))
    ext = [der(0xa3, der(0x30, der(0x30, der(6, b'\x2a\3\4'), der(4, extra))))] if extra else []
    if alt:
        ext = [der(0xa3, der(0x30, der(0x30, der(6, b'\x55\x1d\x11'), der(4, der(0x30, der(0x82, alt))))))]
    body = der(0x30, der(0xa0, der(2, b'\2')), der(2, serial), rsa, issuer, dates, subject, key, *ext)
    return der(0x30, body, rsa, der(3, b'\0' + b'\x5a' * 128))


def record(kind, body):
    return b''.join(struct.pack('!BHH', kind, 0x0303, len(body[i:i + 16000])) + body[i:i + 16000] for i in range(0, len(body), 16000))


def shake(kind, body):
    return bytes([kind]) + struct.pack('!I', len(body))[1:] + body


def suites_of(number):
    """Cipher suites that no one else has: the fingerprint is the rule's alone."""
    return struct.pack('!4H', 0xc02f, 0xc030, 0x1300 + number % 251, 0x1000 + number // 251 % 60000)


def fingerprints(number, extra):
    """(JA3, JA3S) of the handshake that tls() makes with this number."""
    s = struct.unpack('!4H', suites_of(number))
    client = '771,%s,%s,23,0' % ('-'.join(map(str, s)), '-'.join(map(str, (0, 10, 11) + ((0x7a7b,) if extra else ()))))
    return hashlib.md5(client.encode()).hexdigest(), hashlib.md5(b'771,%d,' % s[3]).hexdigest()


def client_hello(name, extra=b'', suites=b'\xc0\x2f\xc0\x30\0\x9c\0\x2f'):
    ext = struct.pack('!HHHBH', 0, len(name) + 5, len(name) + 3, 0, len(name)) + name if name is not None else b''
    ext += b'\0\x0a\0\4\0\2\0\x17\0\x0b\0\2\1\0'
    if extra:
        ext += struct.pack('!HH', 0x7a7b, len(extra)) + extra
    return shake(1, b'\3\3' + bytes(range(32)) + b'\0' + struct.pack('!H', len(suites)) + suites + b'\1\0' + struct.pack('!H', len(ext)) + ext)


def one_name(tests, rng, default):
    if not tests:
        return distinguished(default)
    for _ in range(12):
        text = any_name(tests, rng)
        coded, shown = distinguished(text.decode('latin-1'))
        if judge.holds(shown, tests):
            return coded, shown
    raise Unbuildable('name in a certificate')


def any_name(tests, rng):
    try:
        return solve([fixed('x', rng.choice((b'CN=', b'C=US, CN=', b'O=a, CN=')))] + tests, rng, tries=20)
    except Unbuildable:
        return solve(tests, rng)


def tls(tests, to_client, rng, swap=None):
    """[(to client?, bytes)] of a whole handshake.  swap: gets (hash in the rule, hash of this handshake)."""
    by, number = by_buffer(tests), None
    for buf, which in (('ja3', 0), ('ja3s', 1)):
        if swap is not None and len(by.get(buf, ())) == 1 and by[buf][0].kind == 'content' and not by[buf][0].neg:
            number = rng.getrandbits(22) if number is None else number
            swap.append((by.pop(buf)[0].f['data'].decode('latin-1'), fingerprints(number, 'payload' in by and not to_client)[which]))
    print_of = [by.pop('fingerprint')[0].f['data'].decode('latin-1')] if swap is not None and len(by.get('fingerprint', ())) == 1 and \
        not by['fingerprint'][0].neg else []
    for b in ('ja3', 'ja3s', 'fingerprint', 'ja3_string', 'ja3s_string'):
        if b in by:
            raise Unbuildable('%s: a hash has no way back' % b if 'string' not in b else b)
    name = name_for(by['sni'], rng) if 'sni' in by else b'www.example.com'
    if 'tls_version' in by and not any(judge.holds(v, by['tls_version']) for v in (b'1.2', b'TLS 1.2', b'TLSv1.2')):
        raise Unbuildable('version of TLS')
    subject, issuer = one_name(by.get('subject'), rng, 'CN=www.example.com'), one_name(by.get('issuer'), rng, 'C=US, CN=Some CA')
    serial = b'\1\2\3\4'
    if 'serial' in by:
        text = solve(by['serial'], rng, fill=b'0123456789ABCDEF')
        try:
            serial = bytes.fromhex(text.replace(b':', b'').decode())
        except ValueError as e:
            raise Unbuildable('serial of a certificate') from e
    blob = solve(by['payload'], rng) if 'payload' in by else b''
    in_cert = (solve(by['certs'], rng) if 'certs' in by else b'') + (blob if to_client else b'')
    if any(o.kind == 'content' and not o.rel and not o.neg and ('depth' in o.f or 'offset' in o.f) for o in by.get('certs', [])):
        in_cert = b''
    cert = certificate(subject[0], issuer[0], serial, in_cert)
    if 'certs' in by and not judge.holds(cert, by['certs']):
        raise Unbuildable('a certificate as bytes')
    for old in print_of:
        digest = hashlib.sha1(cert).hexdigest()
        swap.append((old, ':'.join(digest[i:i + 2] for i in range(0, 40, 2))))
    chain = struct.pack('!I', len(cert) + 3)[1:] + struct.pack('!I', len(cert))[1:] + cert
    suites = suites_of(number or 0)
    hello = client_hello(name, b'' if to_client else blob, suites) if number is not None else client_hello(name, b'' if to_client else blob)
    picked = suites[6:] if number is not None else b'\xc0\x2f'
    server = shake(2, b'\3\3' + bytes(range(32, 64)) + b'\0' + picked + b'\0\0\0') + shake(11, chain) + shake(12, b'\3\0\x17\x41' + b'\4' * 65 + b'\4\1\0\4sign') + shake(14, b'')
    out = [(0, record(22, hello)), (1, record(22, server)),
           (0, record(22, shake(16, b'\x41' + b'\4' * 65)) + record(20, b'\1') + record(22, b'\xaa' * 40)),
           (1, record(20, b'\1') + record(22, b'\xbb' * 40))]
    if 'payload' in by and not any(judge.holds(d, by['payload']) for way, d in out if way == to_client):
        raise Unbuildable('payload inside TLS')
    return out


def ssh(tests, to_client, rng):
    by = by_buffer(tests)
    if set(by) - {'ssh_proto', 'ssh_software'}:
        raise Unbuildable('more than a banner of SSH')
    mine = b'SSH-%s-%s\r\n' % (solve(by['ssh_proto'], rng) if 'ssh_proto' in by else b'2.0', solve(by['ssh_software'], rng) if 'ssh_software' in by else b'x')
    return [(0, b'SSH-2.0-client\r\n' if to_client else mine), (1, mine if to_client else b'SSH-2.0-server\r\n')]


GREETINGS = {'smtp': [(1, b'220 mail.example.com ESMTP\r\n'), (0, b'EHLO a.example\r\n'), (1, b'250 mail.example.com\r\n')],
             'ftp': [(1, b'220 FTP server ready\r\n'), (0, b'USER anonymous\r\n'), (1, b'331 password\r\n')],
             'ssh': [(0, b'SSH-2.0-client\r\n'), (1, b'SSH-2.0-server\r\n')],
             'imap': [(1, b'* OK IMAP4rev1\r\n')], 'pop3': [(1, b'+OK POP3\r\n')],
             'smb': [(0, b'\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\x01\x28' + b'\0' * 16 + b'\0\0\0\0\0\x0c\0\x02NT LM 0.12\0'),
                     (1, b'\0\0\0\x27\xffSMB\x72\0\0\0\0\x98\x01\x28' + b'\0' * 16 + b'\0\0\0\0\0\4\0\0\0\0')]}
