# SPDX-License-Identifier: GPL-2.0-or-later
"""--pairs: two files with rules of the same sids in two dialects must say the same of the same traffic.

The traffic is made from the rules of both files; each file is loaded alone with each capture, and the sids that
fire for a flow are compared.
"""
import collections
import os
import random

import build
import exercise_core as core
import ops
import ruletext
import run
from ruletext import Unbuildable


def texts(rule):
    """What the rule looks for, whatever the order and the spelling of its dialect."""
    try:
        return sorted((o.neg, o.kind, o.f['data'].lower() if 'data' in o.f else o.f['rx'].text if 'rx' in o.f else str(sorted(o.f.items(), key=str)))
                      for o in ops.tests_of(rule))
    except Unbuildable:
        return None


def reason(one, two):
    """Why two rules of one sid may well differ."""
    head = [(r.src, r.sport, r.dst, r.dport) for r in (one, two)]
    if texts(one) != texts(two) or one.has('ftpbounce') != two.has('ftpbounce'):
        return 'the rules look for other things'
    if head[0] != head[1]:
        return 'other addresses or ports'
    if any(o.kind == 'content' and o.neg and (o.rel or 'offset' in o.f) for o in ops.tests_of(one)):
        return 'a negated content with nowhere to look: it holds in Snort 3 alone'
    return 'the same text'


def main(a, replay):
    sets = []
    for path in a.rules[:2]:
        dialect = run.dialect_of(path)
        sets.append({(r.gid, r.sid): r for r in replay.loaded([r for r in ruletext.read(path, dialect) if a.all or not r.off], dialect)})
    both = sorted(set(sets[0]) & set(sets[1]))
    if a.sample and len(both) > a.sample:
        both = sorted(random.Random(a.seed).sample(both, a.sample))
    flows, packets, places = [], [], core.Places()
    for rules in sets:
        builder = build.Builder([rules[k] for k in sorted(set(sets[0]) & set(sets[1]))], random.Random(a.seed))
        for key in both:
            c = core.Case(rules[key])
            try:
                core.prepare(c, builder, places, a.seed)
            except Unbuildable:
                continue
            flows.append((key, run.pair(c.flow)))
            packets += c.packets
    said = [replay.run([rules[k] for k in sorted(set(sets[0]) & set(sets[1]))], packets)[0] for rules in sets]
    differ = collections.Counter()
    alerts = same = 0
    for key, pair in flows:
        one, two = said[0].get(pair, set()), said[1].get(pair, set())
        alerts, same = alerts + len(one | two), same + len(one & two)
        for k in one ^ two:
            differ[(k, 0 if k in one else 1)] += 1
    names = [os.path.basename(p) for p in a.rules[:2]]
    print('%s, %s: %d pairs of rules (seed %d), %d flows, %d alerts, %d of them the same' % (
        names[0], names[1], len(both), a.seed, len(flows), alerts, same))
    why = collections.Counter()
    for (key, which), n in sorted(differ.items()):
        r = reason(sets[0][key], sets[1][key])
        why[r] += n
        print('  %d:%d fires only in %s (%d flows): %s' % (key[0], key[1], names[which], n, r))
    print('  differences: %s' % (', '.join('%s %d' % x for x in why.most_common()) or 'none'))
    return int(bool(a.floor) and 100 * same < a.floor * alerts)
