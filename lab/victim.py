#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of a lab connection, measured.

  victim.py get URL [-n N] [--stall S] [--read BYTES/S] [--host NAME] [--each]
        N downloads one after the other: how each ended
  victim.py tcp HOST PORT [-n N] [--send TEXT | --hex HEX] [--expect TEXT] [--timeout S]
        connects, sends, waits for what comes: microseconds from sending to the end
  victim.py syn HOST PORT [-n N] [--timeout S]     how connect() ends
  victim.py udp HOST PORT [-n N] [--send TEXT | --hex HEX] [--timeout S]
  victim.py dns SERVER NAME [--type A] [--tcp] [--timeout S]
  victim.py serve PORT [--hex HEX] [--size N --token TEXT --at N] [--for S]
        a TCP server for IPv4 and IPv6: sends HEX or SIZE bytes (TOKEN at AT) when something came,
        tells each connection's end
  victim.py sniff IFACE --for S
        counts frames in and out, tagged ones, the largest; IPv4 pairs by `source>destination`
  victim.py wait [--timeout S] HOST:PORT ...       until all take connections

Prints one JSON object (with --each one more a try).  Outcomes: `reset` (ECONNRESET), `ended` (all there),
`cut` (closed too early), `stalled` (nothing for a while), `refused`, `unreachable`, `timeout`.
Exit status: 0 all ended or answered, 3 something was reset, 4 stalled or timed out, 5 refused or
unreachable, 1 else.
"""
import argparse
import collections
import errno
import json
import random
import select
import signal
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

STATUS = {'ended': 0, 'answered': 0, 'reset': 3, 'stalled': 4, 'timeout': 4, 'refused': 5, 'unreachable': 5}
UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.ENOPROTOOPT)


def outcome_of(e):
    if isinstance(e, (socket.timeout, TimeoutError)):
        return 'timeout'
    if e.errno in (errno.ECONNRESET, errno.EPIPE):
        return 'reset'
    if e.errno == errno.ECONNREFUSED:
        return 'refused'
    return 'unreachable' if e.errno in UNREACHABLE else 'failed'


def connect(host, port, timeout, kind=socket.SOCK_STREAM):
    family, kind, proto, _, to = socket.getaddrinfo(host, port, type=kind)[0]
    s = socket.socket(family, kind, proto)
    s.settimeout(timeout)
    try:
        s.connect(to)
    except OSError:
        s.close()
        raise
    return s


def payload(a):
    return bytes.fromhex(a.hex) if a.hex else (a.send or '').encode()


def get_once(a):
    u = urlsplit(a.url)
    r = {'outcome': 'failed', 'bytes': 0, 'want': None}
    t0 = time.monotonic()
    try:
        s = connect(u.hostname, u.port or 80, a.timeout)
    except OSError as e:
        r['outcome'] = outcome_of(e)
        return r, t0
    s.settimeout(a.stall)
    path = (u.path or '/') + ('?' + u.query if u.query else '')
    head, last = b'', time.monotonic()
    try:
        s.sendall(f'GET {path} HTTP/1.1\r\nHost: {a.host or u.hostname}\r\nUser-Agent: victim\r\n'
                  'Connection: close\r\n\r\n'.encode())
        while True:
            d = s.recv(262144)
            last = time.monotonic()
            if not d:
                r['outcome'] = 'ended' if r['want'] is None or r['bytes'] >= r['want'] else 'cut'
                break
            if r['want'] is None and b'\r\n\r\n' not in head:
                head += d
                if b'\r\n\r\n' not in head:
                    continue
                top, d = head.split(b'\r\n\r\n', 1)
                for line in top.lower().split(b'\r\n'):
                    if line.startswith(b'content-length:'):
                        r['want'] = int(line.split(b':')[1])
                r['status'] = int(top.split()[1])
            r['bytes'] += len(d)
            if a.read:
                time.sleep(len(d) / a.read)
    except (socket.timeout, TimeoutError):
        r['outcome'] = 'stalled'
    except OSError as e:
        r['outcome'] = outcome_of(e)
        last = time.monotonic()
    s.close()
    r['ms'] = round((last - t0) * 1e3, 3)
    return r, t0


def get(a):
    return lambda: get_once(a)[0]


def tcp(a):
    def once():
        r = {'outcome': 'failed', 'bytes': 0}
        t0 = time.monotonic()
        try:
            s = connect(a.name, a.port, a.timeout)
            t0 = time.monotonic()
            if payload(a):
                s.sendall(payload(a))
            got = b''
            while True:
                d = s.recv(65536)
                got += d
                r['bytes'] += len(d)
                if a.expect and a.expect.encode() in got:
                    r['outcome'] = 'answered'
                    break
                if not d:
                    r['outcome'] = 'cut' if a.expect else 'ended'
                    break
        except OSError as e:
            r['outcome'] = outcome_of(e)
        r['us'] = round((time.monotonic() - t0) * 1e6, 1)
        return r
    return once


def syn(a):
    def once():
        t0 = time.monotonic()
        try:
            connect(a.name, a.port, a.timeout).close()
            o = 'answered'
        except OSError as e:
            o = outcome_of(e)
        return {'outcome': o, 'us': round((time.monotonic() - t0) * 1e6, 1)}
    return once


def udp(a):
    def once():
        s = connect(a.name, a.port, a.timeout, socket.SOCK_DGRAM)
        t0 = time.monotonic()
        try:
            s.send(payload(a) or b'x')
            n = len(s.recv(65536))
            r = {'outcome': 'answered', 'bytes': n}
        except OSError as e:
            r = {'outcome': outcome_of(e), 'bytes': 0}
        s.close()
        r['us'] = round((time.monotonic() - t0) * 1e6, 1)
        return r
    return once


def dns_query(name, kind):
    number = {'A': 1, 'NS': 2, 'CNAME': 5, 'MX': 15, 'TXT': 16, 'AAAA': 28}[kind]
    labels = b''.join(bytes([len(x)]) + x for x in name.rstrip('.').encode().split(b'.') if x)
    return struct.pack('>HHHHHH', random.randrange(65536), 0x100, 1, 0, 0, 0) + labels + b'\0' + \
        struct.pack('>HH', number, 1)


def dns(a):
    def once():
        q = dns_query(a.query, a.type)
        t0 = time.monotonic()
        try:
            s = connect(a.name, 53, a.timeout, socket.SOCK_STREAM if a.tcp else socket.SOCK_DGRAM)
            s.send(struct.pack('>H', len(q)) + q if a.tcp else q)
            d = s.recv(65536)
            d = d[2:] if a.tcp else d
            ok = len(d) >= 12 and d[:2] == q[:2]
            r = {'outcome': 'answered' if ok else 'cut'}
            if ok:
                r['rcode'], r['answers'] = d[3] & 15, struct.unpack('>H', d[6:8])[0]
            s.close()
        except OSError as e:
            r = {'outcome': outcome_of(e)}
        r['us'] = round((time.monotonic() - t0) * 1e6, 1)
        return r
    return once


def served_bytes(a):
    if a.hex:
        return bytes.fromhex(a.hex)
    if not a.size:
        return b''
    d = bytearray((b'an ordinary line of the lab\n' * (a.size // 28 + 1))[:a.size])
    if a.token:
        d[a.at:a.at + len(a.token)] = a.token.encode()
    return bytes(d)


def serve(a):
    out = served_bytes(a)
    listener = socket.create_server(('', a.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    print(json.dumps({'listening': a.port}), flush=True)
    conns, end = {}, time.monotonic() + a.duration if a.duration else None
    sums = collections.Counter()

    def over(s, what):
        c = conns.pop(s)
        s.close()
        sums[what] += 1
        print(json.dumps({'end': what, 'received': c['in'], 'sent': c['out'],
                          'ms': round((time.monotonic() - c['t0']) * 1e3, 3)}), flush=True)

    while end is None or time.monotonic() < end:
        writers = [s for s, c in conns.items() if c['in'] and c['out'] < len(out)]
        r, w, _ = select.select([listener, *conns], writers, [], 0.2)
        for s in r:
            if s is listener:
                c, _ = listener.accept()
                c.setblocking(False)
                conns[c] = {'in': 0, 'out': 0, 't0': time.monotonic()}
                continue
            try:
                d = s.recv(65536)
                conns[s]['in'] += len(d)
                if not d:
                    over(s, 'ended')
            except OSError as e:
                over(s, outcome_of(e))
        for s in w:
            if s in conns:
                try:
                    at = conns[s]['out']
                    conns[s]['out'] += s.send(memoryview(out)[at:at + 262144])
                except BlockingIOError:
                    pass
                except OSError as e:
                    over(s, outcome_of(e))
    print(json.dumps({'sums': sums, 'open': len(conns)}), flush=True)
    return 0


def sniff(a):
    SOL_PACKET, AUXDATA, VLAN_VALID, OUTGOING = 263, 8, 1 << 4, 4
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((a.iface, 0))
    s.setsockopt(SOL_PACKET, AUXDATA, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    print(json.dumps({'listening': a.iface}), flush=True)
    sums, pairs, end = collections.Counter(largest=0), collections.Counter(), time.monotonic() + a.duration
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))  # says what it has, too
    while (left := end - time.monotonic()) > 0:
        if not select.select([s], [], [], 0 if stop else min(left, 0.1))[0]:
            if stop:  # all that came before the word is counted
                break
            continue
        d, aux, _, sender = s.recvmsg(131072, 256)
        sums['out' if sender[2] == OUTGOING else 'in'] += 1
        sums['largest'] = max(sums['largest'], len(d))
        tagged = d[12:14] in (b'\x81\0', b'\x88\xa8')
        for level, kind, v in aux:
            tagged |= level == SOL_PACKET and kind == AUXDATA and bool(
                struct.unpack_from('I', v)[0] & VLAN_VALID)
        sums['tagged'] += tagged
        at = 14
        while d[at - 2:at] in (b'\x81\0', b'\x88\xa8'):
            at += 4
        if d[at - 2:at] == b'\x08\0' and len(d) >= at + 20:
            pairs['>'.join(socket.inet_ntoa(d[i:i + 4]) for i in (at + 12, at + 16))] += 1
    print(json.dumps({**sums, 'pairs': pairs}), flush=True)
    return 0


def wait_for(a):
    end = time.monotonic() + a.timeout
    for target in a.target:
        host, _, port = target.rpartition(':')
        while True:
            try:
                connect(host.strip('[]'), int(port), 1).close()
                break
            except OSError as e:
                if time.monotonic() > end:
                    print(f'{target}: {e}', file=sys.stderr)
                    return 1
                time.sleep(0.02)
    return 0


def quantile(v, q):
    return sorted(v)[min(len(v) - 1, int(len(v) * q))] if v else None


def repeat(once, a):
    sums, times, total, status = collections.Counter(), collections.defaultdict(list), 0, 0
    for i in range(a.n):
        r = once()
        sums[r['outcome']] += 1
        total += r.get('bytes', 0)
        times[r['outcome']].append(r.get('us', r.get('ms', 0) * 1e3))
        status = max(status, STATUS.get(r['outcome'], 1), key=lambda s: (s in (3, 4, 5), s))
        if a.each:
            print(json.dumps(r), flush=True)
        if a.pause and i + 1 < a.n:
            time.sleep(a.pause)
    out = {'n': a.n, **sums, 'bytes': total}
    for k, v in times.items():
        out[f'{k}_us'] = {'p50': quantile(v, .5), 'p90': quantile(v, .9), 'max': max(v)}
    if a.n == 1:
        out.update({k: v for k, v in r.items() if k not in ('bytes',)})
    print(json.dumps(out))
    return status


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest='command', required=True)

    def command(name, *args, many=True, timeout=1.0):
        c = sub.add_parser(name)
        for x in args:
            c.add_argument(x, type=int if x == 'port' else str)
        c.add_argument('--timeout', type=float, default=timeout)
        if many:
            c.add_argument('-n', type=int, default=1)
            c.add_argument('--each', action='store_true')
            c.add_argument('--pause', type=float, default=0)
        return c

    c = command('get', 'url', timeout=3.0)
    c.add_argument('--stall', type=float, default=1.0)
    c.add_argument('--read', type=float, default=0)
    c.add_argument('--host')
    for name in ('tcp', 'udp'):
        c = command(name, 'name', 'port')
        c.add_argument('--send')
        c.add_argument('--hex')
        c.add_argument('--expect')
    command('syn', 'name', 'port')
    c = command('dns', 'name', 'query', timeout=2.0)
    c.add_argument('--type', default='A')
    c.add_argument('--tcp', action='store_true')
    c = command('serve', 'port', many=False)
    c.add_argument('--hex')
    c.add_argument('--size', type=int, default=0)
    c.add_argument('--token')
    c.add_argument('--at', type=int, default=0)
    c.add_argument('--for', type=float, default=0, dest='duration')
    c = command('sniff', 'iface', many=False)
    c.add_argument('--for', type=float, required=True, dest='duration')
    c = command('wait', many=False, timeout=5.0)
    c.add_argument('target', nargs='+')
    a = p.parse_args()
    if a.command == 'serve':
        return serve(a)
    if a.command == 'sniff':
        return sniff(a)
    if a.command == 'wait':
        return wait_for(a)
    return repeat({'get': get, 'tcp': tcp, 'syn': syn, 'udp': udp, 'dns': dns}[a.command](a), a)


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(1)
