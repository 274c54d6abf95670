# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of buffers: each is tried under each of its names in each dialect (sticky, modifier of a content, letter of pcre).

(canonical name, what behind the buffer's name, traffic that fires, traffic that must not)
"""
from kw_wire import D, H, Q, X, cert, fingerprint, hassh, ja3, ja3s, ja4, rr
import hashlib

C = 'content:"needle";'
HN, HZ = H(b'/needle'), H(b'/noodle')
MD5 = lambda text: hashlib.md5(text.encode()).hexdigest()
IS = lambda text: 'content:"%s";' % text
both = lambda line: (H(head=line % b'needle'), H(head=line % b'noodle'))
reply = lambda line: (H(rhead=line % b'needle'), H(rhead=line % b'noodle'))
OTHER = (0xc030, 0x009c)
NEEDLE = b'www.needle.com'

HTTP = [
    ('http.uri', C, HN, H(b'/%6eoodle')), ('http.uri', C, H(b'/%6eeedle'), HZ),
    ('http.uri.raw', 'content:"%6eeedle";', H(b'/%6eeedle'), HN),
    ('http.method', C, H(method=b'needle'), HN),
    ('http.header', C, *both(b'X: %s\r\n')), ('http.header', C, H(rhead=b'X: needle\r\n'), H(head=b'Cookie: needle\r\n')),
    ('http.header_block', C, *both(b'X: %s\r\n')),
    ('http.header.raw', C, *both(b'X:  %s\r\n')),
    ('http.header_names', 'content:"|0d 0a|Needle|0d 0a|";', H(head=b'Needle: a\r\n'), H(head=b'X: Needle\r\n')),
    ('http num headers', '3', H(head=b'A: a\r\nB: b\r\n'), H(head=b'A: a\r\n')),
    ('http trailer', C, H(rbody=b'x', chunks=b'X: needle\r\n'), H(rbody=b'x', chunks=b'', rhead=b'X: needle\r\n')),
    ('http raw trailer', C, H(rbody=b'x', chunks=b'X: needle\r\n'), H(rbody=b'x', chunks=b'', rhead=b'X: needle\r\n')),
    ('http true ip', 'content:"1.2.3.4";', H(head=b'X-Forwarded-For: 1.2.3.4\r\n'), H(head=b'X: 1.2.3.4\r\n')),
    ('http.user_agent', C, *both(b'User-Agent: %s\r\n')), ('http.host', C, H(host=b'NEEDLE'), H(host=b'noodle')),
    ('http.host.raw', 'content:"NEEDLE";', H(host=b'NEEDLE'), H(host=b'needle')),
    ('http.cookie', C, *both(b'Cookie: %s\r\n')), ('http.cookie', C, H(rhead=b'Set-Cookie: needle\r\n'), H(rhead=b'X: needle\r\n')),
    ('http.raw_cookie', C, *both(b'Cookie: %s\r\n')), ('http.referer', C, *both(b'Referer: %s\r\n')),
    ('http.accept', C, *both(b'Accept: %s\r\n')), ('http.accept_enc', C, *both(b'Accept-Encoding: %s\r\n')),
    ('http.accept_lang', C, *both(b'Accept-Language: %s\r\n')), ('http.connection', C, *both(b'Connection: %s\r\n')),
    ('http.content_type', C, *both(b'Content-Type: %s\r\n')), ('http.content_len', IS('6'), H(body=b'needle'), H(body=b'needles')),
    ('http.protocol', 'content:"1.0";', H(version=b'1.0'), H(b'/1.0')),
    ('http.start', 'content:"/needle HTTP/1.1|0d 0a|Host";', HN, HZ), ('http.request_line', 'content:"GET /needle HTTP/1.1";', HN, HZ),
    ('http.response_line', 'content:"HTTP/1.1 200 needle";', H(status=b'200 needle'), HN),
    ('http.stat_code', IS('444'), H(status=b'444 OK'), H(b'/444', status=b'200 444')),
    ('http.stat_msg', C, H(status=b'200 needle'), HN), ('http.server', C, *reply(b'Server: %s\r\n')), ('http.location', C, *reply(b'Location: %s\r\n')),
    ('http.request_body', C, H(body=b'needle'), H(b'/needle', body=b'noodle', rbody=b'needle')),
    ('http.response_body', C, H(rbody=b'needle'), H(body=b'needle', rbody=b'noodle')),
    ('http.request_header', 'content:"X: needle"; bsize:9;', *both(b'X: %s\r\n')), ('http.response_header', 'content:"X: needle"; bsize:9;', *reply(b'X: %s\r\n')),
    ('file.data', C, H(rbody=b'needle'), HN), ('file.name', C, H(b'/needle.exe', rbody=b'x'), H(b'/noodle.exe', rbody=b'needle')),
    ('file.magic', 'content:"GIF image";', H(rbody=b'GIF89a' + b'\1\0' * 20), H(rbody=b'GIF image')),
    ('filesize', '>9', H(rbody=b'x' * 10), H(rbody=b'x' * 9)),
]
DNS = [
    ('dns.query', C, D(NEEDLE), D()), ('dns.queries.rrname', C, D(NEEDLE), D()),
    ('dns.answers.rrname', C, D(reply=1, an=[rr(NEEDLE)]), D(NEEDLE, reply=1)),
    ('dns.authorities.rrname', C, D(reply=1, ns=[rr(NEEDLE)]), D(reply=1, an=[rr(NEEDLE)])),
    ('dns.additionals.rrname', C, D(reply=1, ar=[rr(NEEDLE)]), D(reply=1, ns=[rr(NEEDLE)])),
    ('dns.response.rrname', C, D(reply=1, an=[rr(b'a.com', 5, b'\6needle\0')]), D(reply=1)),
    ('dns.opcode', '2', D(flags=0x1000), D()), ('dns.rcode', '3', D(reply=1, code=3), D(reply=1, code=2)), ('dns.rrtype', '16', D(kind=16), D(kind=15)),
]
SERIAL = cert(serial=b'\x0a\x0b')
TLS = [
    ('tls.sni', C, X(NEEDLE), X()), ('tls.cert_subject', C, X(chain=[cert(b'CN=needle')]), X(chain=[cert(issuer=b'CN=needle')])),
    ('tls.cert_issuer', C, X(chain=[cert(issuer=b'CN=needle')]), X(chain=[cert(b'CN=needle')])),
    ('tls.cert_serial', IS('0A:0B'), X(chain=[SERIAL]), X()), ('tls.cert_fingerprint', IS(fingerprint(SERIAL)), X(chain=[SERIAL]), X()),
    ('tls.certs', C, X(chain=[cert(), cert(b'CN=needle')]), X()),
    ('tls.subjectaltname', C, X(chain=[cert(alt=b'needle.org')]), X(chain=[cert(b'CN=needle')])),
    ('tls.alpn', IS('h2'), X(alpn=b'h2'), X(b'h2.com', alpn=b'http/1.1')),
    ('tls.random', 'content:"needle"; offset:4;', X(rand=b'\0' * 4 + b'needle'.ljust(28)), X()),
    ('tls.random_time', IS('need') + ' bsize:4;', X(rand=b'need' + b'\0' * 28), X(rand=b'\0' * 4 + b'need' + b'\0' * 24)),
    ('tls.random_bytes', 'content:"needle"; startswith; bsize:28;', X(rand=b'\0' * 4 + b'needle'.ljust(28)), X(rand=b'needle'.ljust(32))),
    ('ja3.hash', IS(MD5(ja3())), X(), X(suites=OTHER)), ('ja3.string', IS(ja3()), X(), X(suites=OTHER)),
    ('ja3s.hash', IS(MD5(ja3s())), X(), X(suites=OTHER)), ('ja3s.string', IS(ja3s()), X(), X(suites=OTHER)),
    ('ja4.hash', IS(ja4()), X(alpn=b'h2'), X(alpn=b'h2', suites=OTHER)),
    ('tls.version', '1.2', X(), X(version=0x0302)), ('tls.cert_chain_len', '>1', X(chain=[cert(), cert()]), X()),
]
SSH = [
    ('ssh.proto', IS('1.99'), Q(b'SSH-1.99-x'), Q()), ('ssh.software', C, Q(b'SSH-2.0-needle_1'), Q(b'SSH-2.0-x needle')),
    ('ssh.hassh', IS(MD5(hassh())), Q(), Q(kex=b'ecdh-sha2-nistp256')), ('ssh.hassh.string', C, Q(kex=b'needle'), Q(skex=b'needle')),
    ('ssh.hassh.server', IS(MD5(hassh(b'ecdh-sha2-nistp256'))), Q(), Q(skex=b'x')),
    ('ssh.hassh.server.string', C, Q(skex=b'needle'), Q(kex=b'needle')),
]
BUFFERS = HTTP + DNS + TLS + SSH
OWN_ROW = {'ssl_version', 'ssl_state', 'tls_cert_notbefore', 'tls_cert_notafter', 'tls_cert_expired', 'tls_cert_valid'}   # keywords of the other table


def forms(b, test):
    """(dialect, name as the rule sets count it, the rule) of a row of `dev tables`."""
    name, out = b['name'], []
    number = not test.startswith('content')
    put = lambda word: '%s:%s;' % (word, test) if number else '%s; %s' % (word, test)
    for key in ('name', 'suricata_old'):
        if b.get(key) and ' ' not in b[key]:
            out.append(('S', b[key], put(b[key])))
    first, _, rest = test.partition(';')
    modifier = lambda word: '%s; %s;%s' % (first, word, rest)
    if b.get('suricata_modifier'):
        out.append(('S', b['suricata_modifier'], modifier(b['suricata_modifier'])))
    if b.get('snort2') and 'bsize' not in test:
        out.append(('2', b['snort2'], put(b['snort2']) if name == 'file.data' else modifier(b['snort2'])))
    if b.get('snort3') and 'bsize' not in test:
        out.append(('3', b['snort3'], put(b['snort3'])))
    return out
