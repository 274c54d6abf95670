# SPDX-License-Identifier: GPL-2.0-or-later
"""What rows share: the engine's path, the lab, a row printed: `measure | bar | value`.  Exit status 1: a bar was missed."""
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'lab'))
import kit  # noqa: E402

ENGINE = os.path.realpath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, '../../build/riposte'))
missed = 0


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(77)


def need_lab():
    why = kit.can_run()
    if why:
        skip(why)


def row(measure, bar, value, good):
    global missed
    missed += not good
    print(' | '.join((measure, bar, value if good else value + ' (MISSED)')), flush=True)


def done():
    sys.exit(1 if missed else 0)
