#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py IN OUT.c NAME: the bytes of a file as an array of C, aligned for its reader."""
import sys

data = open(sys.argv[1], 'rb').read()
rows = '\n'.join('    ' + ' '.join(f'0x{b:02x},' for b in data[at:at + 16]) for at in range(0, len(data), 16))
with open(sys.argv[2], 'w', encoding='ascii') as out:
    out.write(f'/* Made by embed.py. */\n#include "capture/gate/gate_object.h"\n'
              f'_Alignas(16) const unsigned char {sys.argv[3]}[] = {{\n{rows}\n}};\n'
              f'const unsigned long {sys.argv[3]}_bytes = sizeof({sys.argv[3]});\n')
