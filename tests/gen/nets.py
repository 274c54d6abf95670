# SPDX-License-Identifier: GPL-2.0-or-later
"""Address and port words of a rule's header -> sets (sorted intervals), with the stock variables."""
import re

from ruletext import Unbuildable

VARS = {'HOME_NET': '[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]', 'EXTERNAL_NET': '!$HOME_NET', 'AIM_SERVERS': '$EXTERNAL_NET',
        'HTTP_PORTS': '80', 'SHELLCODE_PORTS': '!80', 'ORACLE_PORTS': '1521', 'SSH_PORTS': '22', 'FILE_DATA_PORTS': '[$HTTP_PORTS,110,143]',
        'FTP_PORTS': '21', 'SIP_PORTS': '[5060,5061]', 'DNP3_PORTS': '20000', 'MODBUS_PORTS': '502', 'GENEVE_PORTS': '6081',
        'VXLAN_PORTS': '4789', 'TEREDO_PORTS': '3544'}
ADDRESS, PORT = (1 << 32) - 1, 65535


def union(a, b):
    out = []
    for low, high in sorted(a + b):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def inverse(a, top):
    out, at = [], 0
    for low, high in a:
        if low > at:
            out.append((at, low - 1))
        at = high + 1
    return out + [(at, top)] if at <= top else out


def both(a, b):
    out = [(max(x[0], y[0]), min(x[1], y[1])) for x in a for y in b]
    return sorted(x for x in out if x[0] <= x[1])


def members(text):
    out, word, depth = [], '', 0
    for c in text:
        if c == ',' and not depth:
            out.append(word)
            word = ''
            continue
        depth += (c == '[') - (c == ']')
        word += c
    return [w.strip() for w in out + [word] if w.strip()]


def parse(text, top):
    t = text.strip()
    if t.startswith('!') and len(members(t)) == 1:
        return inverse(parse(t[1:], top), top)
    if t.lower() == 'any':
        return [(0, top)]
    if t.startswith('$'):
        name = t[1:].strip('()')
        word = VARS.get(name) or ('$HOME_NET' if name.endswith(('_SERVERS', '_SERVER', '_CLIENT')) else None)
        if word is None:
            raise Unbuildable('variable ' + t)
        return parse(word, top)
    if t.startswith('[') and t.endswith(']') and len(members(t)) == 1:
        t = t[1:-1]
    parts = members(t)
    if len(parts) == 1 and parts[0] == t:
        return [single(t, top)] if not t.startswith(('!', '[', '$')) and t.lower() != 'any' else parse(t, top)
    yes = [p for p in parts if not p.startswith('!')]
    good = [] if yes else [(0, top)]
    for p in yes:
        good = union(good, parse(p, top))
    for p in parts:
        if p.startswith('!'):
            good = both(good, parse(p, top))
    return good


def single(t, top):
    if top == PORT:
        m = re.match(r'^(\d*)(:?)(\d*)$', t)
        if not m:
            raise Unbuildable('port ' + t)
        low = int(m.group(1) or 0)
        return (low, int(m.group(3) or PORT) if m.group(2) else low)
    m = re.match(r'^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:/(\d+))?$', t)
    if not m:
        raise Unbuildable('IPv6 address' if ':' in t else 'address ' + t)
    ip = sum(int(m.group(i + 1)) << 8 * (3 - i) for i in range(4))
    bits = 32 - int(m.group(5) or 32)
    return (ip >> bits << bits, (ip >> bits << bits) + (1 << bits) - 1)


def addresses(text):
    return parse(text, ADDRESS)


def ports(text):
    return parse(text, PORT)


def inside(a, x):
    return any(low <= x <= high for low, high in a)


def pick_address(a, n):
    """The n-th that will do: inside the home networks when the set allows, else outside, else from the set itself."""
    for base, top in ((0x0a000100, 0x0affff00), (0x3c000100, 0x4fffff00), (0xac100100, 0xac1fff00)):
        if inside(a, base + n % (top - base)):
            return base + n % (top - base)
    if not a:
        raise Unbuildable('no address')
    low, high = a[n % len(a)]
    x = low + (n // len(a)) % (high - low + 1)
    if x >> 28 == 14 or x in (0, ADDRESS):
        return x
    return x


def pick_port(a, wanted, n):
    for w in wanted:
        if inside(a, w):
            return w
    if not a:
        raise Unbuildable('no port')
    low, high = a[n % len(a)]
    return max(1, low + n % (high - low + 1)) if high else 0
