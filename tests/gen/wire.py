# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames and capture files: Ethernet, IPv4, TCP, UDP, ICMP, with right checksums."""
import struct

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
STEP_US = 20
ETHER = b'\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0'


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    n = int.from_bytes(data, 'big')
    s = n % 65535
    return 0xffff - s if s or not n else 0


def ipv4(src, dst, proto, body, ip=None):
    """ip: ttl, id, tos, bits (the three flags), off (8 bytes), opts."""
    ip = ip or {}
    opts = ip.get('opts', b'')
    opts += b'\0' * (-len(opts) % 4)
    head = struct.pack('!BBHHHBBHII', 0x45 + len(opts) // 4, ip.get('tos', 0), 20 + len(opts) + len(body), ip.get('id', 0x1234),
                       ip.get('bits', 0) << 13 | ip.get('off', 0), ip.get('ttl', 64), proto, 0, src, dst) + opts
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + body


def transport(src, dst, proto, head, at, data):
    body = head + data
    c = checksum(struct.pack('!IIBBH', src, dst, 0, proto, len(body)) + body)
    return body[:at] + struct.pack('!H', c or 0xffff if proto == 17 else c) + body[at + 2:]


def tcp(src, dst, sport, dport, seq, ack, flags, data, window=65535, opts=b''):
    head = struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, (20 + len(opts)) // 4 << 4, flags, window, 0, 0) + opts
    return transport(src, dst, 6, head, 16, data)


def udp(src, dst, sport, dport, data):
    return transport(src, dst, 17, struct.pack('!HHHH', sport, dport, 8 + len(data), 0), 6, data)


def icmp(kind, code, ident, seq, data):
    body = struct.pack('!BBHHH', kind, code, 0, ident, seq) + data
    return body[:2] + struct.pack('!H', checksum(body)) + body[4:]


class Tcp:
    """A connection; frames go to out."""

    def __init__(self, out, client, cport, server, sport, window=65535):
        self.out, self.ends = out, ((client, cport), (server, sport))
        self.seq, self.window = [0x10000000, 0x20000000], window

    def segment(self, to_client, flags, data=b'', ip=None, **kw):
        (a, ap), (b, bp) = self.ends[::-1] if to_client else self.ends
        seq, ack = self.seq[to_client], self.seq[1 - to_client]
        frame = tcp(a, b, ap, bp, kw.get('seq', seq), kw.get('ack', ack if flags & ACK else 0), flags, data, kw.get('window', self.window),
                    kw.get('opts', b''))
        self.out.append(ipv4(a, b, 6, frame, ip))
        self.seq[to_client] += len(data) + bool(flags & SYN) + bool(flags & FIN)

    def open(self):
        self.segment(0, SYN, opts=b'\x02\x04\x05\xb4')
        self.segment(1, SYN | ACK, opts=b'\x02\x04\x05\xb4')
        self.segment(0, ACK)

    def send(self, to_client, data, whole=False, flags=PSH | ACK, **kw):
        step = len(data) or 1 if whole else 1400
        for i in range(0, max(1, len(data)), step):
            self.segment(to_client, flags, data[i:i + step], **kw)
            self.segment(1 - to_client, ACK)

    def close(self):
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)


def write(path, packets):
    """packets: IPv4 packets in order; the time goes on by STEP_US."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for i, p in enumerate(packets):
            us = i * STEP_US
            f.write(struct.pack('<IIII', 1700000000 + us // 1000000, us % 1000000, len(p) + 14, len(p) + 14) + ETHER + p)
