#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vlan.py FOLDER VID[.VID]: VLAN tagging for kernels without 802.1Q devices.

Loads two BPF programs for tc and pins them as FOLDER/push and FOLDER/pop (FOLDER: a bpf file system).
push tags each frame (with an inner and an outer tag if two are given), pop takes the tags off and drops
frames that lack them.  Written as instructions, for there need be no compiler.
"""
import ctypes
import os
import struct
import sys

BPF_PROG_LOAD, BPF_OBJ_PIN, SCHED_CLS, SYS_BPF = 5, 6, 3, 321
VLAN_PUSH, VLAN_POP = 18, 19
PRESENT, TCI = 20, 24  # in struct __sk_buff
OK, SHOT = 0, 2
libc = ctypes.CDLL(None, use_errno=True)


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack('<BBhi', code, dst | src << 4, off, imm)


def mov(dst, imm): return insn(0xb7, dst, imm=imm)
def mov_reg(dst, src): return insn(0xbf, dst, src)
def load32(dst, src, off): return insn(0x61, dst, src, off)
def and_imm(dst, imm): return insn(0x57, dst, imm=imm)
def call(f): return insn(0x85, imm=f)


EXIT = insn(0x95)


def program(steps):
    """Each step is an instruction, or (jump code, register, value): to the drop at the end."""
    end = len(steps) + 2
    out = b''
    for i, s in enumerate(steps):
        out += s if isinstance(s, bytes) else insn(s[0], s[1], off=end - i - 1, imm=s[2])
    return out + mov(0, OK) + EXIT + mov(0, SHOT) + EXIT


JEQ, JNE = 0x15, 0x55


def push(vids):
    steps = [mov_reg(6, 1)]
    for depth, vid in reversed(list(enumerate(vids))):
        outer = depth == 0 and len(vids) > 1
        proto = 0x88a8 if outer else 0x8100
        swapped = struct.unpack('<H', struct.pack('>H', proto))[0]
        steps += [mov_reg(1, 6), mov(2, swapped), mov(3, vid), call(VLAN_PUSH), (JNE, 0, 0)]
    return program(steps)


def pop(vids):
    steps = [mov_reg(6, 1)]
    for vid in vids:
        steps += [load32(2, 6, PRESENT), (JEQ, 2, 0), load32(2, 6, TCI), and_imm(2, 0xfff), (JNE, 2, vid),
                  mov_reg(1, 6), call(VLAN_POP), (JNE, 0, 0)]
    return program(steps)


def bpf(cmd, attr):
    a = ctypes.create_string_buffer(attr, 128)
    r = libc.syscall(SYS_BPF, cmd, a, len(a))
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r


def load_and_pin(code, path):
    text, lic = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b'GPL')
    log = ctypes.create_string_buffer(65536)
    attr = struct.pack('<IIQQIIQ', SCHED_CLS, len(code) // 8, ctypes.addressof(text), ctypes.addressof(lic),
                       1, len(log), ctypes.addressof(log))
    try:
        fd = bpf(BPF_PROG_LOAD, attr)
    except OSError as e:
        sys.exit(f'vlan.py: {path}: {e}\n{log.value.decode()}')
    name = ctypes.create_string_buffer(path.encode())
    bpf(BPF_OBJ_PIN, struct.pack('<QI', ctypes.addressof(name), fd))
    os.close(fd)


def main():
    folder, vids = sys.argv[1], [int(v) for v in sys.argv[2].split('.')]
    if not 1 <= len(vids) <= 2 or not all(1 <= v <= 4094 for v in vids):
        sys.exit('vlan.py: one or two VLAN ids of 1 to 4094')
    load_and_pin(push(vids), os.path.join(folder, 'push'))
    load_and_pin(pop(vids), os.path.join(folder, 'pop'))


main()
