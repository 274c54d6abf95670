# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab from Python, for live tests and measurements: lab, sensor, victims, events.

    with Lab() as lab, lab.sensor(engine, rules) as sensor:
        sums = lab.victim('c1', 'get', 'http://10.7.1.20/forbidden/big.bin', '-n', '10')
        sensor.stop()
        died = [e for e in sensor.events('response') if e['response']['effect'] == 'died']
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
SHELL = os.path.join(HERE, 'lab.sh')
VICTIM = os.path.join(HERE, 'victim.py')
TOKEN = 'RIPOSTE-LAB-TOKEN-7f3a9c'
ADDR = {'c1': '203.0.113.11', 'c2': '203.0.113.12', 's1': '10.7.1.20', 's2': '10.7.2.20'}
ADDR6 = {'c1': '2001:db8:c::11', 'c2': '2001:db8:c::12', 's1': 'fd07::1:20', 's2': 'fd07::2:20'}

# No alert rule of ours: what the sensor says of the kind it answers is in `response`.
OUTPUTS = '''outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types: [alert, response, flow, stats]
'''


class Failed(Exception):
    pass


def can_run():
    """None, or why not."""
    p = subprocess.run([SHELL, 'check'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return None if p.returncode == 0 else (p.stdout.strip().splitlines() or ['no lab here'])[0]


class Lab:
    def __init__(self, *options, name=None):
        self.name = name or 'kit%d' % (os.getpid() % 100000)
        self.options = options
        self.dir = tempfile.mkdtemp(prefix='riposte-lab-')
        os.chmod(self.dir, 0o755)
        self.kids = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            p = self.run('up', *self.options)
            if p.returncode:
                raise Failed(p.stdout.strip())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for k in self.kids:
            end(k)
        self.run('down')
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *words, **kw):
        words = [SHELL, '-p', self.name, *words]
        try: # no command waits without end: a live test that hangs tells nothing
            return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                  **{'timeout': 240, **kw})
        except subprocess.TimeoutExpired as e:
            return subprocess.CompletedProcess(words, 124, (e.stdout or b'').decode('utf-8', 'replace') + 'no end in time')

    def start(self, node, *words, **kw):
        """A process in a node; ended with the lab."""
        p = subprocess.Popen([SHELL, '-p', self.name, 'exec', node, *words], text=True, start_new_session=True,
                             **{'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, **kw})
        self.kids.append(p)
        return p

    def victim(self, node, *words):
        """lab/victim.py in a node; what it sums up."""
        p = self.run('exec', node, sys.executable, VICTIM, *words)
        try:
            return json.loads(p.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            raise Failed('victim.py %s: %s' % (' '.join(words), p.stdout)) from None

    def python(self, node, code, *words):
        """A piece of Python in a node; its output."""
        p = self.run('exec', node, sys.executable, '-c', code, *words)
        if p.returncode:
            raise Failed(p.stdout)
        return p.stdout

    def resets(self, node='s1'):
        """Connections that the web server of a node has seen reset."""
        return int(self.run('resets', node).stdout)

    def sent(self, *ports, node='ips'):
        """Frames that have left these ports."""
        return [int(self.run('exec', node, 'awk', '-v', 'p=%s:' % port, '$1 == p {print $11}', '/proc/net/dev').stdout or -1)
                for port in ports]

    def sensor(self, engine, rules, *words, **kw):
        return Sensor(self, engine, rules, words, **kw)


def end(p):
    if p.poll() is None:
        try:
            os.killpg(p.pid, signal.SIGTERM)
            p.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait(60)


class Sensor:
    """riposte run on both mirror ports."""
    count = 0

    def __init__(self, lab, engine, rules, words, ports=('mon1', 'mon2'), response='rsp', config=''):
        Sensor.count += 1
        self.lab = lab
        self.dir = os.path.join(lab.dir, 'sensor%d' % Sensor.count)
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o777)
        path, conf = os.path.join(self.dir, 'kit.rules'), os.path.join(self.dir, 'kit.yaml')
        with open(path, 'w', encoding='ascii') as f:
            f.write(rules)
        with open(conf, 'w', encoding='ascii') as f:
            f.write('vars:\n  address-groups:\n    HOME_NET: "[10.7.0.0/16,fd07::/16]"\n    EXTERNAL_NET: "any"\n' + OUTPUTS + config)
        self.log = os.path.join(self.dir, 'sensor.log')
        watch = [w for p in ports for w in ('-i', p)]
        answer = ['--response', response] if response else []
        with open(self.log, 'w', encoding='utf-8') as out:
            self.process = lab.start('ips', engine, 'run', '-c', conf, *watch, *answer, '-S', path, '-l', self.dir, '--control',
                                     os.path.join(self.dir, 'ctl'), *words, stdout=out)
        until = time.monotonic() + 20
        while ' running' not in self.said():
            if self.process.poll() is not None or time.monotonic() > until:
                raise Failed('the sensor does not start: ' + self.said())
            time.sleep(0.05)
        time.sleep(0.2)

    def said(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        end(self.process)

    def events(self, kind=None):
        path = os.path.join(self.dir, 'eve.json')
        if not os.path.exists(path):
            return []
        with open(path, encoding='utf-8', errors='replace') as f:
            all_of = [json.loads(line) for line in f if line.endswith('\n')]
        return [e for e in all_of if not kind or e['event_type'] == kind]

    def responses(self, effect=None):
        return [e for e in self.events('response') if not effect or e['response']['effect'] == effect]

    def counters(self):
        """The last stats."""
        s = self.events('stats')
        return s[-1]['stats'] if s else {}
