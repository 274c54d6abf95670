# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases: a rule, its flow, its packets and those of its near miss; replayed and judged by the hundred."""
import random

import build
import near
import nets
import ruletext
import run
from ruletext import Unbuildable


class Case:
    """One rule, its flow, and what came of it."""
    __slots__ = ('rule', 'plan', 'ends', 'flow', 'packets', 'miss', 'miss_kind', 'miss_packets', 'miss_flow', 'result', 'why', 'swapped')

    def __init__(self, rule):
        self.rule, self.result, self.why, self.packets, self.miss_packets, self.miss_kind = rule, None, '', [], [], None
        self.miss_flow, self.swapped = None, False     # swapped: a hash in the rule is the traffic's own now


class Places:
    """Pairs of addresses, each given once."""

    def __init__(self):
        self.taken, self.n = set(), 0

    def flow(self, ends, plan):
        for _ in range(64):
            self.n += 1
            client, server = nets.pick_address(ends[0], self.n), nets.pick_address(ends[2], self.n + 40000)
            if client == server:
                server = nets.pick_address(ends[2], self.n + 90001)
            if frozenset((client, server)) not in self.taken:
                break
        else:
            raise Unbuildable('addresses that several rules share')
        if plan.rule.has('sameip'):
            server = client
        self.taken.add(frozenset((client, server)))
        cport = nets.pick_port(ends[1], (20000 + self.n % 30000,), self.n)
        sport = nets.pick_port(ends[3], plan.ports or (7680 + self.n % 200,), self.n)
        f = build.Flow(client, cport, server, sport)
        f.fixed_port = ends[1] != [(0, nets.PORT)] and not nets.inside(ends[1], 20000)
        if f.fixed_port and ends[3] == [(0, nets.PORT)]:
            f.fixed_port = 'server'        # the other side's changes instead
        return f


def prepare(case, builder, places, seed):
    rule = case.rule
    builder.rng = random.Random(build.seed_of(seed, rule.gid, rule.sid))
    case.plan = builder.plan(rule)
    case.ends = builder.ends([case.plan])
    case.flow = places.flow(case.ends, case.plan)
    for old, new in case.plan.swap:
        rule.text, case.swapped = rule.text.replace(old, new), True
    build.play(case.plan, case.flow, case.packets)
    found = near.miss(case.plan, case.ends, builder.rng)
    if found:
        case.miss_kind, plan, ends = found
        try:
            case.miss_flow = places.flow(ends, plan)
            build.play(plan, case.miss_flow, case.miss_packets)
        except Unbuildable:
            case.miss_flow, case.miss_kind, case.miss_packets = None, None, []


def judge(cases, fired):
    for c in cases:
        key = run.pair(c.flow)
        c.result = 'fired' if (c.rule.gid, c.rule.sid) in fired.get(key, ()) else 'not fired'
        if c.miss_flow is not None and (c.rule.gid, c.rule.sid) in fired.get(run.pair(c.miss_flow), ()):
            c.why = 'near miss fired: ' + c.miss_kind


def again(cases, replay, builder):
    """What did not fire, with no other rules beside it than those that its bits need."""
    for c in cases:
        if c.result != 'not fired':
            continue
        rules, todo = {}, [c.plan]
        while todo:
            p = todo.pop()
            rules[(p.rule.gid, p.rule.sid)] = p.rule
            todo += p.before
        for how, more in (('fired alone', ()), ('fired inline', ('--simulate-ips',))):
            fired, _ = replay.run(list(rules.values()), c.packets, more=more)
            if (c.rule.gid, c.rule.sid) in fired.get(run.pair(c.flow), ()):
                c.result = how
                break


def exercise(a, path, replay):
    dialect = a.dialect or run.dialect_of(path)
    rules = [r for r in ruletext.read(path, dialect) if a.all or not r.off]
    loaded = replay.loaded(rules, dialect)
    builder = build.Builder(loaded, random.Random(a.seed))
    chosen = [r for r in loaded if not a.sid or r.sid in a.sid]
    if a.sample and len(chosen) > a.sample:
        chosen = random.Random(a.seed).sample(chosen, a.sample)
    cases = [Case(r) for r in chosen]
    for at in range(0, len(cases), a.batch):
        places, part = Places(), []
        for c in cases[at:at + a.batch]:
            try:
                prepare(c, builder, places, a.seed)
                part.append(c)
            except Unbuildable as e:
                c.result, c.why = 'not built', str(e)
        packets = [p for c in part for p in c.packets + c.miss_packets]
        fired, _ = replay.run(loaded, packets)
        judge(part, fired)
        lost = sum(c.result == 'not fired' for c in part)
        if lost <= 400:
            again(part, replay, builder)
    return cases, loaded
