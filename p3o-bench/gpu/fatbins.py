#!/usr/bin/env python3
"""What chips a CUDA library has code for, and machine code for one that it has none for.

  fatbins.py list LIBRARY...                      counts modules by chip (sm_86: machine code, compute_86: PTX)
  fatbins.py recompile LIBRARY OUT [--arch sm_90] gives it machine code for a newer chip, from its PTX

nd4j-cuda-11.2 1.0.0-M1.1 holds machine code for sm_35 to sm_86 and PTX for compute_86, which a newer chip's driver
compiles at the first start, for many minutes. `recompile` does it beforehand: every module's PTX goes through ptxas,
and the result takes the module's place; all other code is zeroed, so that the library also packs small. A module whose
new code does not fit keeps its PTX. It needs ptxas and fatbinary of a CUDA toolkit that knows the chip.

Apache-2.0, as the rest of this project.
"""
import argparse
import collections
import concurrent.futures
import mmap
import os
import shutil
import struct
import subprocess
import tempfile

MAGIC = struct.pack('<I', 0xBA55ED50)
PTX, ELF, COMPRESSED = 1, 2, 0x2000
LEVELS = '-O3', '-O1', '-O0'  # ptxas 13.0 dies on ND4J's random numbers at -O3 for sm_90

Entry = collections.namedtuple('Entry', 'at kind header size arch compressed flags original')


def entries(m, at, end):
    """The images of one fatbin: machine code for a chip, or PTX."""
    while at < end:
        kind, _, header, size = struct.unpack_from('<HHIQ', m, at)
        if header == 0:
            return
        compressed, = struct.unpack_from('<I', m, at + 16)
        arch, = struct.unpack_from('<I', m, at + 28)
        flags, = struct.unpack_from('<Q', m, at + 40)
        original, = struct.unpack_from('<Q', m, at + 56)
        yield Entry(at, kind, header, size, arch, compressed, flags, original)
        at += header + size


def fatbins(m):
    """(offset, length, entries) of every module."""
    at = m.find(MAGIC)
    while at >= 0:
        version, header, size = struct.unpack_from('<HHQ', m, at + 4)
        if (version, header) != (1, 16):
            at = m.find(MAGIC, at + 4)
            continue
        yield at, 16 + size, list(entries(m, at + 16, at + 16 + size))
        at = m.find(MAGIC, at + 16 + max(size, 4))


def show(path):
    counts = collections.Counter()
    with open(path, 'rb') as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        modules = list(fatbins(m))
        for _, _, images in modules:
            for e in images:
                if e.kind in (PTX, ELF) and any(m[e.at + e.header:e.at + e.header + 64]):
                    counts[('sm_' if e.kind == ELF else 'compute_') + str(e.arch)] += 1
    chips = sorted(counts, key=lambda chip: (chip[0], int(chip.split('_')[1])))
    print(f'{path}: {len(modules)} modules;', ', '.join(f'{chip} {counts[chip]}' for chip in chips), flush=True)


def length(src, i, n):
    """An LZ4 length that began with 15, and the index after it."""
    while True:
        n += src[i]
        i += 1
        if src[i - 1] != 255:
            return n, i


def lz4(src, size):
    """Unpacks one LZ4 block."""
    out, i = bytearray(), 0
    while i < len(src):
        token = src[i]
        n, i = length(src, i + 1, 15) if token >> 4 == 15 else (token >> 4, i + 1)
        out += src[i:i + n]
        i += n
        if i >= len(src) or len(out) >= size:
            break
        start = len(out) - (src[i] | src[i + 1] << 8)
        n, i = length(src, i + 2, 15) if token & 15 == 15 else (token & 15, i + 2)
        for k in range(n + 4):
            out.append(out[start + k])
    return bytes(out)


def compile_module(a, i, ptx, folder):
    src, cubin, fatbin = (os.path.join(folder, f'{i}.{e}') for e in ('ptx', 'cubin', 'fatbin'))
    with open(src, 'wb') as f:
        f.write(ptx)
    for level in LEVELS:
        command = [a.ptxas, level, '-arch=' + a.arch, '-o', cubin, src]
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
            break
        print(f'module {i}: ptxas {level} failed', flush=True)
    else:
        return i, b''
    image = f'--image3=kind=elf,sm={a.arch[3:]},file={cubin}'
    subprocess.run([a.fatbinary, '-64', '--compress-all', '--create=' + fatbin, image], check=True)
    with open(fatbin, 'rb') as f:
        blob = f.read()
    for file in src, cubin, fatbin:
        os.remove(file)
    return i, blob


def recompile(a):
    shutil.copyfile(a.library, a.out)
    with open(a.out, 'r+b') as f, mmap.mmap(f.fileno(), 0) as m, tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        modules, jobs = list(fatbins(m)), []
        for i, (_, _, images) in enumerate(modules):
            for e in images:
                begin = e.at + e.header
                if e.kind == ELF:
                    m[begin:begin + e.size] = bytes(e.size)
                elif e.kind == PTX and (a.modules is None or i < a.modules):
                    raw = m[begin:begin + (e.compressed or e.size)]
                    ptx = (lz4(raw, e.original) if e.flags & COMPRESSED else raw).rstrip(b'\0')
                    jobs.append(pool.submit(compile_module, a, i, ptx, folder))
        fitted = 0
        for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            i, blob = job.result()
            at, space, _ = modules[i]
            if 0 < len(blob) <= space:
                m[at:at + space] = blob + bytes(space - len(blob))
                fitted += 1
            if done % 20 == 0:
                print(f'{done}/{len(jobs)}', flush=True)
        m.flush()
    print(f'{len(modules)} modules: {fitted} with code for {a.arch}, {len(modules) - fitted} left as PTX')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('list').add_argument('libraries', nargs='+')
    p = commands.add_parser('recompile')
    p.add_argument('library')
    p.add_argument('out')
    p.add_argument('--arch', default='sm_90')
    p.add_argument('--ptxas', default='ptxas')
    p.add_argument('--fatbinary', default='fatbinary')
    p.add_argument('--jobs', type=int, default=os.cpu_count())
    p.add_argument('--modules', type=int, help='only so many, to try it')
    a = parser.parse_args()
    if a.command == 'list':
        for library in a.libraries:
            show(library)
    else:
        recompile(a)


if __name__ == '__main__':
    main()
