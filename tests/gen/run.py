# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as a black box: which rules load, which fire for which pair of addresses."""
import json
import os
import re
import subprocess

import wire

CLASSES = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', '..', 'shared', 'rules', 'classification-et.config')
SETTINGS = ('packet-alert-max=1000', 'detect.event-queue.max-queue=1000', 'detect.event-queue.log=1000',
            'detect.process-all-events=yes')


def dialect_of(path):
    name = os.path.basename(path)
    return 'snort3' if 'snort3' in name else 'snort2' if 'snort' in name else 'suricata'


def visible(rule):
    """The rule's text; what only keeps it silent is taken out, so that its match can be seen."""
    text = re.sub(r'^#\s*', '', rule.text)
    text = re.sub(r'flowbits:\s*noalert\s*;', '', text)
    return re.sub(r';\s*noalert\s*;', ';', text)


def dotted(ip):
    return '.'.join(str(ip >> s & 255) for s in (24, 16, 8, 0))


def pair(flow):
    return frozenset((dotted(flow.client), dotted(flow.server)))


class Replay:
    def __init__(self, engine, tmp):
        self.engine, self.tmp = os.path.realpath(engine), tmp
        self.env = dict(os.environ, XDG_CACHE_HOME=os.path.join(tmp, 'cache'))

    def write_rules(self, rules, name='x.rules'):
        path = os.path.join(self.tmp, name)
        with open(path, 'w', encoding='utf-8', errors='surrogateescape') as f:
            f.writelines(visible(r) + '\n' for r in rules)
        return path

    def loaded(self, rules, dialect):
        """Those that the engine does not refuse (nor replace)."""
        path = self.write_rules(rules)
        out = subprocess.run([self.engine, 'check', '--json', '--dialect', dialect, '-S', path], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=self.env, timeout=300).stdout
        r = json.loads(out)
        gone = {x['line'] for x in r['refusals'] if x.get('line')} | {x.get('line') for x in r.get('replacements', [])}
        return [x for i, x in enumerate(rules) if i + 1 not in gone]

    def run(self, rules, packets, dialect=None, more=()):
        """({pair of addresses: {(gid, sid)}}, alerts in all)"""
        path, cap, log = self.write_rules(rules), os.path.join(self.tmp, 'x.pcap'), os.path.join(self.tmp, 'log')
        wire.write(cap, packets)
        eve = os.path.join(log, 'eve.json')
        if os.path.exists(eve):
            os.unlink(eve)
        command = [self.engine, 'replay', '-q', '-S', path, '-r', cap, '-l', log, '--dialect', dialect or rules[0].dialect,
                   '--set', 'classification-file=' + CLASSES]
        command += more
        for s in SETTINGS:
            command += ['--set', s]
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', env=self.env, timeout=600)
        if r.returncode:
            raise SystemExit('the engine ended with %d: %s' % (r.returncode, r.stdout[-2000:]))
        return self.alerts(eve)

    def alerts(self, eve):
        fired, n = {}, 0
        with open(eve, encoding='utf-8', errors='replace') as f:
            for line in f:
                if '"event_type":"alert"' not in line:
                    continue
                e, n = json.loads(line), n + 1
                key = frozenset((e['src_ip'], e['dest_ip']))
                fired.setdefault(key, set()).add((e['alert']['gid'], e['alert']['signature_id']))
        return fired, n


def keep(folder, case, miss=False):
    """The rule, those that it needs, and its capture."""
    os.makedirs(folder, exist_ok=True)
    base = os.path.join(folder, '%d%s' % (case.rule.sid, '-near' if miss else ''))
    wire.write(base + '.pcap', case.miss_packets if miss else case.packets)
    with open(base + '.rules', 'w', encoding='utf-8', errors='surrogateescape') as f:
        todo = [case.plan]
        while todo:
            p = todo.pop()
            f.write(visible(p.rule) + '\n')
            todo += p.before
