# SPDX-License-Identifier: GPL-2.0-or-later
"""Near misses: the same traffic with one thing wrong, so that the rule cannot match in another way."""
import copy
import re

import nets

LETTERS = b'abcdefghijklmnopqrstuvwxyz'


def other(c, rng):
    """Another byte of the same kind that differs not in case alone."""
    if 48 <= c <= 57:
        return rng.choice([x for x in b'0123456789' if x != c])
    if bytes([c]).isalpha():
        x = rng.choice([x for x in LETTERS if x != bytes([c]).lower()[0]])
        return x if c >= 97 else x - 32
    return None


def without_content(p, op, rng):
    """The plan's own words with one byte of a content changed wherever it stands; None if that isn't sure."""
    data = op.f['data']
    if op.f.get('dots'):
        data = data.lstrip(b'.')
    places = [i for i, c in enumerate(data) if other(c, rng) is not None]
    if not places or len(data) < 3:
        return None
    i = rng.choice(places)
    wrong = data[:i] + bytes([other(data[i], rng)]) + data[i + 1:]
    needle, says, found = as_sent(p, data).lower(), [], 0
    wrong = as_sent(p, wrong)
    for way, text in p.says:
        out, at = bytearray(text), bytes(text).lower().find(needle)
        while at >= 0:
            found += 1
            out[at:at + len(needle)] = wrong
            at = bytes(out).lower().find(needle)
            if found > 200:
                return None
        says.append((way, bytes(out)))
    whole = [spaced(b''.join(t for w, t in says if w == way).lower()) for way in (0, 1)]
    if not found or any(needle in t for t in whole) or any(needle in t.lower() for t in heard(p)) or any(needle in t.lower() or needle in unquoted(t.lower()) for _, t in says):
        return None
    q = copy.copy(p)
    q.says = says
    return q


def heard(p):
    """What the plans before it say."""
    return [t for q in p.before for t in [d for _, d in q.says] + heard(q)]


def spaced(text):
    """As headers are normalised: one blank behind the colon."""
    return re.sub(rb':[ \t]+', b': ', text)


def unquoted(text):
    return re.sub(rb'%([0-9a-f]{2})', lambda m: bytes([int(m.group(1), 16)]).lower(), text)


def as_sent(p, data):
    """A piece of a name in a DNS message: each dot is a length there; the longest label is looked for."""
    if p.rule.proto.lower() != 'dns' or b'.' not in data:
        return data
    return max(data.split(b'.'), key=len)


def by_byte(p, ends, rng):
    good = [o for o in p.tests if o.kind == 'content' and not o.neg]
    rng.shuffle(good)
    if p.rule.proto.lower() == 'dns':
        return dns_byte(p, good, rng), ends
    for op in good:
        q = without_content(p, op, rng)
        if q is not None:
            return q, ends
    return None, ends


def dns_byte(p, good, rng):
    """One letter of the longest label that a content holds."""
    for op in good:
        label = max(op.f['data'].split(b'.'), key=len)
        if len(label) >= 3:
            small = copy.copy(op)
            small.f = dict(op.f, data=label)
            q = without_content(p, small, rng)
            if q is not None:
                return q
    return None


def has_service(rule):
    """Snort: a service stands for its ports, wherever it is spoken."""
    return rule.has('service') or any('service ' in v for v in rule.all('metadata'))


def by_port(p, ends, rng):
    wrong = nets.inverse(ends[3], nets.PORT)
    if p.rule.both or not wrong or wrong == [(0, 0)] or p.transport not in ('tcp', 'udp') or has_service(p.rule):
        return None, ends
    return p, ends[:3] + [wrong]


def by_address(p, ends, rng):
    wrong = nets.inverse(ends[2], nets.ADDRESS)
    if p.rule.both or not wrong:
        return None, ends
    return p, ends[:2] + [wrong] + ends[3:]


def by_handshake(p, ends, rng):
    if p.transport != 'tcp' or not p.handshake or 'established' not in p.rule.flow_words():
        return None, ends
    q = copy.copy(p)
    q.handshake, q.before = False, []
    return q, ends


KINDS = (('byte', by_byte, 6), ('port', by_port, 1), ('address', by_address, 1), ('handshake', by_handshake, 1))


def miss(p, ends, rng):
    """(kind, plan, ends) or None."""
    order = [k for k in KINDS for _ in range(k[2])]
    rng.shuffle(order)
    for name, make, _ in order:
        q, e = make(p, ends, rng)
        if q is not None:
            return name, q, e
    return None
