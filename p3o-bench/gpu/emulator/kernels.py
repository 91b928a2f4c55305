#!/usr/bin/env python3
"""Kernels of libnd4jcuda.so for a CPU: from their PTX to C to a shared library.

  kernels.py extract LIBRARY FOLDER         the PTX of each module, and where modules and functions of CUDA's runtime lie
  kernels.py patch LIBRARY FOLDER OUT       a copy whose calls of CUDA's runtime go to device.cpp
  kernels.py build FOLDER MODULE ENTRY OUT  one kernel; device.cpp calls this when the kernel is first launched
  kernels.py globals FOLDER MODULE          variables of a module, one a line: name, bytes, alignment, hex or -

PTX is a small language: 386 forms of instructions in the 17,178 kernels. A thread of a kernel is a call of a C
function; a barrier calls back into device.cpp, which goes on with the next thread. Approximate instructions are exact
here, and of rounding only what the kernels use is there.

Apache-2.0, as the rest of this project.
"""
import mmap, os, pickle, re, shutil, struct, subprocess, sys

FOLDER = '.'
C = {
    'u8': 'uint8_t',
    'u16': 'uint16_t',
    'u32': 'uint32_t',
    'u64': 'uint64_t',
    's8': 'int8_t',
    's16': 'int16_t',
    's32': 'int32_t',
    's64': 'int64_t',
    'b8': 'uint8_t',
    'b16': 'uint16_t',
    'b32': 'uint32_t',
    'b64': 'uint64_t',
    'f32': 'float',
    'f64': 'double',
    'f16': '_Float16',
    'pred': 'int',
}
SIZE = {'8': 1, '16': 2, '32': 4, '64': 8}


def size(t):
    return 4 if t == 'pred' else SIZE[t[1:]]


FUNC = re.compile(r'^\s*(?:\.visible\s+|\.weak\s+|\.extern\s+)*\.(entry|func)\s', re.M)


def strip(s):
    s = re.sub(r'//[^\n]*', '', s)
    return re.sub(r'/\*.*?\*/', '', s, flags=re.S)


def index(mod):
    p = f'{FOLDER}/ptx/{mod:03d}.idx'
    if os.path.exists(p):
        return pickle.load(open(p, 'rb'))
    s = open(f'{FOLDER}/ptx/{mod:03d}.ptx').read()
    fs = {}
    vs = []
    # find functions by scanning for .entry/.func at line starts
    gaps = []
    ms = list(FUNC.finditer(s))
    last = 0
    for m in ms:
        if m.start() < last:
            continue
        i = m.end()
        # header up to '{' or ';' at depth 0
        j = i
        while s[j] not in '{;':
            j += 1
        header = s[m.start() : j]
        kind = m.group(1)
        h = strip(header)
        if kind == 'entry':
            name = re.search(r'\.entry\s+([\w$]+)', h).group(1)
        else:
            hh = re.sub(r'\.func\s*\([^)]*\)', '.func ', h, count=1)
            name = re.search(r'\.func\s+([\w$]+)', hh).group(1)
        gaps.append(s[last : m.start()])
        if s[j] == ';':
            last = j + 1
            continue
        d = 0
        k = j
        for b in re.finditer(r'[{}]', s[j:]):
            d += 1 if b.group() == '{' else -1
            if d == 0:
                k = j + b.end()
                break
        fs[name] = (kind, m.start(), j, k)
        last = k
    gaps.append(s[last:])
    decl = strip('\n'.join(gaps))
    for m in re.finditer(r'\.(global|const|shared)\s+([^;]*);', decl):
        vs.append((m.group(1), m.group(2).strip()))
    r = (fs, vs)
    t = p + f'.{os.getpid()}'
    pickle.dump(r, open(t, 'wb'))
    os.replace(t, p)
    return r


def parsevar(text):
    """(align,type,name,count or None,init bytes or None)"""
    m = re.match(r'((?:\.\w+\s+(?:\d+\s+)?)*?)\.([usbf]\d+)\s+([\w$]+)\s*(?:\[(\d*)\])?\s*(?:=\s*(.*))?$', text, re.S)
    assert m, text[:100]
    a = re.search(r'\.align\s+(\d+)', m.group(1))
    al = int(a.group(1)) if a else size(m.group(2))
    t = m.group(2)
    n = m.group(4)
    cnt = 1 if n is None else (int(n) if n else 0)
    init = None
    if m.group(5):
        v = [x.strip() for x in m.group(5).strip().strip('{}').replace('{', '').replace('}', '').split(',')]
        out = b''
        for x in v:
            if x.startswith('0f'):
                out += struct.pack('<I', int(x[2:], 16))
            elif x.startswith('0d'):
                out += struct.pack('<Q', int(x[2:], 16))
            else:
                assert re.match(r'-?\d+$|0x', x), ('init', text[:100], x)
                out += (int(x, 0) & ((1 << 8 * size(t)) - 1)).to_bytes(size(t), 'little')
        init = out
    return al, t, m.group(3), cnt * size(t), init


def mangle(n):
    return n.replace('%', 'R_').replace('$', '_S_').replace('.', '_')


class Fn:
    def __init__(s, mod, name, src, body_at, kind, unit):
        s.unit = unit
        s.kind = kind
        s.name = name
        h = strip(src[:body_at])
        b = strip(src[body_at:])
        s.params = []
        s.psizes = []
        s.ret = None
        if kind == 'entry':
            m = re.search(r'\.entry\s+[\w$]+\s*(?:\((.*)\))?', h, re.S)
            ps = m.group(1) or ''
        else:
            m = re.search(r'\.func\s*(?:\(([^)]*)\))?\s*[\w$]+\s*(?:\((.*)\))?', h, re.S)
            ps = m.group(2) or ''
            if m.group(1):
                s.ret = parsevar(m.group(1).strip().replace('.param', '', 1).strip())[2]
        for p in ps.split(','):
            p = p.strip()
            if p:
                v_ = parsevar(p.replace('.param', '', 1).strip())
                s.params.append(v_[2])
                s.psizes.append(v_[3])
        s.scopes = [{}]
        s.syms = {}
        s.out = []
        s.stmts(b)

    # --- operands
    def kind_of(s, r):
        for sc in reversed(s.scopes):
            if r in sc:
                return sc[r]
        raise KeyError(r)

    SPECIAL = {'%tid': 'tid', '%ntid': 'ntid', '%ctaid': 'ctaid', '%nctaid': 'nctaid'}

    def val(s, o, t):
        o = o.strip()
        if o.startswith('!'):
            return f'(!{s.val(o[1:],t)})'
        if o.startswith('%'):
            if '.' in o:
                b, d = o.split('.')
                return f'c->{s.SPECIAL[b]}[{"xyz".index(d)}]'
            if o == '%laneid':
                return '(c->lin&31)'
            if o in ('%clock', '%clock64', '%globaltimer'):
                return '0'
            k = s.kind_of(o)
            n = mangle(o)
            if t == 'pred':
                return n
            if t == 'f16':
                return f'h_of((uint16_t){n})'
            if t in ('f32', 'f64'):
                if k == t:
                    return n
                assert k[0] != 'f', (o, k, t)
                return f'bits_{t}({n})'
            if k in ('f32', 'f64'):
                return f'({C[t]})bits_of_{k}({n})'
            return f'(({C[t]}){n})'
        if o.startswith('0f') or o.startswith('0F'):
            x = f'bits_f32(0x{o[2:]}u)'
            return x if t == 'f32' else f'(({C[t]})0x{o[2:]}u)'
        if o.startswith('0d') or o.startswith('0D'):
            x = f'bits_f64(0x{o[2:]}ull)'
            return x if t == 'f64' else f'(({C[t]})0x{o[2:]}ull)'
        if re.match(r'-?(0x[0-9a-fA-F]+|\d+)U?$', o):
            v = int(o.rstrip('U'), 0)
            if t == 'pred':
                return str(v)
            if t in ('f32', 'f64'):
                return f'bits_{t}({v&((1<<8*size(t))-1)}ull)'
            return f'(({C[t]}){v&0xffffffffffffffff}ull)'
        if o == 'WARP_SZ':
            return '32'
        return f'(({C[t]}){s.addrsym(o)})'

    def addrsym(s, n):
        if n in s.syms:
            return s.syms[n]
        if n in s.params:
            if s.kind == 'entry':
                return f'((uint64_t)c->args[{s.params.index(n)}])'
            return f'((uint64_t)P_{mangle(n)})'
        if n == s.ret:
            return f'((uint64_t)P_{mangle(n)})'
        return s.unit.sym(n)

    def addr(s, o):
        o = o.strip()
        assert o[0] == '[' and o[-1] == ']', o
        o = o[1:-1].strip()
        m = re.match(r'([%\w$.]+?)\s*(?:\+\s*(-?\d+))?$', o)
        assert m, o
        b = m.group(1)
        off = m.group(2)
        x = s.val(b, 'u64') if b.startswith('%') else (s.addrsym(b) if not b.isdigit() else b)
        return f'({x}+({off}ll))' if off else x

    def ptr(s, space, o, write=False):
        a = s.addr(o)
        if space == 'shared':
            return f'(c->shared+(uint32_t)({a}))'
        if space in ('param', 'local'):
            return f'((char*)({a}))'
        if write:
            return f'TRW({a})' if space in ('global', 'const') else f'TRV({a})'
        return f'TRG({a})' if space in ('global', 'const') else f'TR({a})'

    def dst(s, d, t, e):
        d = d.strip()
        if d == '_':
            return f'(void)({e});'
        k = s.kind_of(d)
        n = mangle(d)
        if k == 'pred' or t == 'pred':
            return f'{n}=({e});'
        if t == 'f16':
            return f'{n}=h_bits({e});'
        if k in ('f32', 'f64'):
            if t == k:
                return f'{n}=({e});'
            return f'{n}=bits_{k}({e});'
        if t in ('f32', 'f64'):
            return f'{n}=bits_of_{t}({e});'
        return f'{n}=({C[k]})({C[t]})({e});'

    # --- statements
    def stmts(s, b):
        i = 0
        n = len(b)
        ws = re.compile(r'\s*')
        lab = re.compile(r'([\w$]+):(?!:)')
        depth = 0
        while True:
            i = ws.match(b, i).end()
            if i >= n:
                break
            ch = b[i]
            if ch == '{':
                s.out.append('{')
                s.scopes.append({})
                depth += 1
                i += 1
                continue
            if ch == '}':
                s.out.append(';}')
                s.scopes.pop()
                depth -= 1
                i += 1
                continue
            if ch == ';':
                i += 1
                continue
            m = lab.match(b, i)
            if m:
                s.out.append(f'L_{mangle(m.group(1))}:;')
                i = m.end()
                continue
            j = b.index(';', i)
            s.stmt(' '.join(b[i:j].split()))
            i = j + 1
        assert depth == 0

    def stmt(s, t):
        if t.startswith('.'):
            return s.directive(t)
        g = ''
        m = re.match(r'@(!?)(%[\w]+)\s+(.*)', t)
        if m:
            g = f'if({m.group(1)}{mangle(m.group(2))}) '
            t = m.group(3)
        m = re.match(r'([a-z0-9_.:]+)\s*(.*)$', t)
        op = m.group(1)
        rest = m.group(2)
        e = s.op(op, rest)
        s.out.append(f'{g}{{{e}}}' if g else e)

    def directive(s, t):
        if t.startswith('.pragma') or t.startswith('.loc '):
            return
        if t.startswith('.reg'):
            m = re.match(r'\.reg\s+\.(\w+)\s+(.*)', t)
            k = m.group(1)
            k2 = {'u': 'b', 's': 'b'}.get(k[0] if k != 'pred' else 'p', None)
            kind = k if k == 'pred' or k[0] in 'fb' else 'b' + k[1:]
            for r in m.group(2).split(','):
                r = r.strip()
                x = re.match(r'(%[\w]+)<(\d+)>', r)
                names = [f'{x.group(1)}{q}' for q in range(int(x.group(2)))] if x else [r]
                for q in names:
                    s.scopes[-1][q] = kind
                s.out.append(f'{C[kind]} ' + ','.join(mangle(q) + '=0' for q in names) + ';')
            return
        if t.startswith('.param'):
            al, ty, n, sz, _ = parsevar(t[6:].strip())
            s.syms[n] = f'((uint64_t)P_{mangle(n)})'
            s.out.append(f'_Alignas(16) char P_{mangle(n)}[{max(sz,8)}];')
            return
        if t.startswith('.local'):
            al, ty, n, sz, _ = parsevar(t[6:].strip())
            s.syms[n] = f'((uint64_t)D_{mangle(n)})'
            s.out.append(f'_Alignas(16) char D_{mangle(n)}[{sz}];')
            return
        if t.startswith('.shared'):
            al, ty, n, sz, _ = parsevar(t[7:].strip())
            s.syms[n] = s.unit.share(s.name + ':' + n, al, sz)
            return
        raise Exception('directive ' + t)

    def ops(s, rest):
        out = []
        d = 0
        cur = ''
        for ch in rest:
            if ch in '{[(':
                d += 1
            if ch in '}])':
                d -= 1
            if ch == ',' and d == 0:
                out.append(cur.strip())
                cur = ''
            else:
                cur += ch
        if cur.strip():
            out.append(cur.strip())
        return out

    def op(s, op, rest):
        p = op.split('.')
        b = p[0]
        a = s.ops(rest)
        t = p[-1]
        v = s.val
        if b == 'bra':
            return f'goto L_{mangle(a[0])};'
        if b in ('ret', 'exit'):
            return 'return;'
        if b == 'trap':
            return 'c->trap(c);'
        if b == 'membar' or b == 'fence':
            return ';'
        if b == 'bar':
            s.unit.bar = True
            if p[1] == 'sync':
                assert a == ['0'], rest
                return 'c->bar(c);'
            if p[1] == 'red':
                return s.dst(a[0], 'u32', f'c->barpopc(c,{v(a[2],"pred")})')
            raise Exception(op)
        if b == 'barrier':
            s.unit.bar = True
            return 'c->bar(c);'
        if b == 'vote':
            s.unit.bar = True
            assert p[1:] == ['sync', 'ballot', 'b32'], op
            return s.dst(a[0], 'u32', f'c->ballot(c,{v(a[1],"pred")},{v(a[2],"u32")})')
        if b == 'call':
            r = None
            if a[0].startswith('('):
                r = a[0][1:-1].strip()
                a = a[1:]
            f = a[0]
            ps = [x.strip() for x in a[1][1:-1].split(',')] if len(a) > 1 else []
            args = [f'(char*){s.addrsym(x)}' for x in ps]
            ret = f'(char*){s.addrsym(r)}' if r else '0'
            return s.unit.call(f, ret, args)
        if b in ('ld', 'ldu'):
            sp = [x for x in p if x in ('global', 'shared', 'param', 'local', 'const')]
            sp = sp[0] if sp else ''
            q = s.ptr(sp, a[1])
            vec = [x for x in p if x in ('v2', 'v4')]
            if vec:
                ds = [x.strip() for x in a[0].strip('{}').split(',')]
                return (
                    f'{{{C[t]}*q_=({C[t]}*){q};{C[t]} '
                    + ','.join(f'v{i}=q_[{i}]' for i in range(len(ds)))
                    + ';'
                    + ''.join(s.dst(d, t, f'v{i}') for i, d in enumerate(ds))
                    + '}'
                )
            return s.dst(a[0], t, f'*({C[t]}*){q}')
        if b == 'st':
            sp = [x for x in p if x in ('global', 'shared', 'param', 'local', 'const')]
            sp = sp[0] if sp else ''
            q = s.ptr(sp, a[0], True)
            if 'v2' in p or 'v4' in p:
                vs = [x.strip() for x in a[1].strip('{}').split(',')]
                return f'{{{C[t]}*q_=({C[t]}*){q};' + ''.join(f'q_[{i}]={v(x,t)};' for i, x in enumerate(vs)) + '}'
            return f'*({C[t]}*){q}={v(a[1],t)};'
        if b in ('atom', 'red'):
            if b == 'red':
                a = ['_'] + a
            sp = [x for x in p if x in ('global', 'shared')]
            sp = sp[0] if sp else ''
            q = s.ptr(sp, a[1], True)
            o = [x for x in p[1:] if x in ('add', 'cas', 'inc', 'dec', 'min', 'max', 'exch', 'and', 'or', 'xor')][0]
            x = v(a[2], t)
            ty = C[t]
            if t == 'f16':
                body = f'_Float16 o_=h_of(*(uint16_t*)q_); *(uint16_t*)q_=h_bits(o_+{x});'
            else:
                new = {
                    'add': f'o_+x_',
                    'cas': f'(o_==x_?{v(a[3],t) if len(a)>3 else ""}:o_)',
                    'inc': '(o_>=x_?0:o_+1)',
                    'dec': '((o_==0||o_>x_)?x_:o_-1)',
                    'min': '(o_<x_?o_:x_)',
                    'max': '(o_>x_?o_:x_)',
                    'exch': 'x_',
                    'and': 'o_&x_',
                    'or': 'o_|x_',
                    'xor': 'o_^x_',
                }[o]
                body = f'{ty} x_={x}; {ty} o_=*({ty}*)q_; *({ty}*)q_={new};'
            return f'{{char*q_={q}; {body} {s.dst(a[0],t,"o_") if a[0]!="_" else ""}}}'
        if b == 'cvta':
            if 'shared' in p:
                if 'to' in p:
                    return s.dst(a[0], 'u64', f'({v(a[1],"u64")}-(uint64_t)c->shared)')
                return s.dst(a[0], 'u64', f'({v(a[1],"u64")}+(uint64_t)c->shared)')
            return s.dst(a[0], 'u64', v(a[1], 'u64'))
        if b == 'mov':
            if a[0].startswith('{'):
                ds = [x.strip() for x in a[0].strip('{}').split(',')]
                w = size(t) * 8 // len(ds)
                x = v(a[1], t)
                return (
                    f'{{{C[t]} x_={x};'
                    + ''.join(s.dst(d, f'b{w}', f'x_>>{w*i}') for i, d in enumerate(ds) if d != '_')
                    + '}'
                )
            if a[1].startswith('{'):
                ss = [x.strip() for x in a[1].strip('{}').split(',')]
                w = size(t) * 8 // len(ss)
                return s.dst(a[0], t, '|'.join(f'(({C[t]}){v(x,f"b{w}")}<<{w*i})' for i, x in enumerate(ss)))
            return s.dst(a[0], t, v(a[1], t))
        if b == 'selp':
            return s.dst(a[0], t, f'({v(a[3],"pred")}?{v(a[1],t)}:{v(a[2],t)})')
        if b == 'setp':
            cmp = p[1]
            x, y = v(a[1], t), v(a[2], t)
            O = {
                'eq': '==',
                'ne': '!=',
                'lt': '<',
                'le': '<=',
                'gt': '>',
                'ge': '>=',
                'lo': '<',
                'ls': '<=',
                'hi': '>',
                'hs': '>=',
            }
            isf = t[0] == 'f'
            if cmp in ('num', 'nan'):
                e = f'(isnan({x})||isnan({y}))'
                e = e if cmp == 'nan' else '!' + e
            elif isf and cmp.endswith('u') and cmp != 'lu':
                e = f'(isnan({x})||isnan({y})||({x}{O[cmp[:-1]]}{y}))'
            elif isf and cmp == 'ne':
                e = f'(!isnan({x})&&!isnan({y})&&({x}!={y}))'
            else:
                e = f'({x}{O[cmp]}{y})'
            if len(p) > 3 and p[2] in ('and', 'or', 'xor') and len(a) > 3:
                e = f'({e}{dict(zip(("and","or","xor"),("&&","||","^")))[p[2]]}{v(a[3],"pred")})'
            assert '|' not in a[0]
            return s.dst(a[0], 'pred', e)
        if b in ('and', 'or', 'xor'):
            o = {'and': '&', 'or': '|', 'xor': '^'}[b]
            return s.dst(a[0], t, f'({v(a[1],t)}{o}{v(a[2],t)})')
        if b == 'not':
            return s.dst(a[0], t, f'(!{v(a[1],t)})' if t == 'pred' else f'(~{v(a[1],t)})')
        isf = t[0] == 'f'
        cc = 'cc' in p
        if b in ('add', 'sub', 'addc', 'subc') and (cc or b in ('addc', 'subc')):
            assert t in ('u32', 's32', 'b32'), op
            x, y = v(a[1], 'u32'), v(a[2], 'u32')
            if b == 'add':
                e = f'uint64_t x_=(uint64_t){x}+{y};'
            if b == 'addc':
                e = f'uint64_t x_=(uint64_t){x}+{y}+CC;'
            if b == 'sub':
                e = f'uint64_t x_=(uint64_t){x}-(uint64_t){y};'
            if b == 'subc':
                e = f'uint64_t x_=(uint64_t){x}-(uint64_t){y}-CC;'
            return f'{{{e}{"CC=(x_>>32)&1;" if cc else ""}{s.dst(a[0],"u32","(uint32_t)x_")}}}'
        if b in ('mad', 'madc') and (cc or b == 'madc'):
            assert t == 'u32', op
            x, y, z = (v(q, 'u32') for q in a[1:4])
            m = f'(uint32_t)((uint64_t){x}*{y}{">>32" if "hi" in p else ""})'
            return f'{{uint64_t x_=(uint64_t){m}+{z}{"+CC" if b=="madc" else ""};{"CC=(x_>>32)&1;" if cc else ""}{s.dst(a[0],"u32","(uint32_t)x_")}}}'
        if b in ('add', 'sub', 'mul'):
            if isf:
                rnd = [x for x in p if x in ('rz', 'rm', 'rp')]
                o = {'add': '+', 'sub': '-', 'mul': '*'}[b]
                if t == 'f16':
                    return s.dst(a[0], t, f'({v(a[1],t)}{o}{v(a[2],t)})')
                if rnd:
                    W = 'double' if t == 'f32' else '__float128'
                    return s.dst(a[0], t, f'{rnd[0]}_{t}(({W}){v(a[1],t)}{o}({W}){v(a[2],t)})')
                e = f'({v(a[1],t)}{o}{v(a[2],t)})'
                if 'sat' in p:
                    e = f'sat_f32({e})'
                if 'ftz' in p:
                    e = f'ftz({e})'
                return s.dst(a[0], t, e)
            if b != 'mul':
                u = 'u' + t[1:]
                return s.dst(
                    a[0], u if t[0] != 's' else t, f'({C[u]})({v(a[1],u)}{"+" if b=="add" else "-"}{v(a[2],u)})'
                )
            return s.mul(p, a, t, None)
        if b == 'mad':
            if isf:
                b = 'fma'
            else:
                return s.mul(p, a, t, a[3])
        if b == 'fma':
            rnd = [x for x in p if x in ('rz', 'rm', 'rp')]
            x, y, z = (v(q, t) for q in a[1:4])
            if rnd:
                assert t == 'f32'
                return s.dst(a[0], t, f'{rnd[0]}_f32((double){x}*(double){y}+(double){z})')
            e = f'{"fmaf" if t=="f32" else "fma"}({x},{y},{z})'
            if 'sat' in p:
                e = f'sat_f32({e})'
            return s.dst(a[0], t, e)
        if b == 'div':
            if isf:
                return s.dst(a[0], t, f'({v(a[1],t)}/{v(a[2],t)})')
            return s.dst(a[0], t, f'div_{t}({v(a[1],t)},{v(a[2],t)})')
        if b == 'rem':
            return s.dst(a[0], t, f'rem_{t}({v(a[1],t)},{v(a[2],t)})')
        if b in ('min', 'max'):
            if isf:
                return s.dst(a[0], t, f'f{b}{"f" if t=="f32" else ""}({v(a[1],t)},{v(a[2],t)})')
            return s.dst(a[0], t, f'({v(a[1],t)}{"<" if b=="min" else ">"}{v(a[2],t)}?{v(a[1],t)}:{v(a[2],t)})')
        if b == 'abs':
            if isf:
                return s.dst(a[0], t, f'fabs{"f" if t=="f32" else ""}({v(a[1],t)})')
            return s.dst(a[0], t, f'({v(a[1],t)}<0?({C[t]})(0-({C["u"+t[1:]]}){v(a[1],t)}):{v(a[1],t)})')
        if b == 'neg':
            if isf:
                return s.dst(a[0], t, f'(-{v(a[1],t)})')
            return s.dst(a[0], t, f'({C[t]})(0-({C["u"+t[1:]]}){v(a[1],t)})')
        if b == 'shl':
            w = size(t) * 8
            return s.dst(a[0], t, f'({v(a[2],"u32")}>={w}?0:({C[t]})({v(a[1],t)}<<({v(a[2],"u32")}&{w-1})))')
        if b == 'shr':
            w = size(t) * 8
            return s.dst(
                a[0],
                t,
                f'({C[t]})({v(a[1],t)}>>({v(a[2],"u32")}>={w}?{w-1}:{v(a[2],"u32")}))'
                if t[0] == 's'
                else f'({v(a[2],"u32")}>={w}?0:({C[t]})({v(a[1],t)}>>({v(a[2],"u32")}&{w-1})))',
            )
        if b == 'bfe':
            return s.dst(a[0], t, f'bfe_{t}({v(a[1],t)},{v(a[2],"u32")},{v(a[3],"u32")})')
        if b == 'bfi':
            return s.dst(a[0], t, f'bfi_{t}({v(a[1],t)},{v(a[2],t)},{v(a[3],"u32")},{v(a[4],"u32")})')
        if b == 'prmt':
            return s.dst(a[0], 'u32', f'prmt({v(a[1],"u32")},{v(a[2],"u32")},{v(a[3],"u32")})')
        if b == 'shf':
            return s.dst(a[0], 'u32', f'shf_{p[1]}({v(a[1],"u32")},{v(a[2],"u32")},{v(a[3],"u32")})')
        if b == 'popc':
            return s.dst(a[0], 'u32', f'__builtin_popcountll({v(a[1],t)})')
        if b == 'clz':
            return s.dst(a[0], 'u32', f'clz{t[1:]}({v(a[1],t)})')
        if b == 'brev':
            return s.dst(a[0], t, f'brev{t[1:]}({v(a[1],t)})')
        if b == 'dp2a':
            st = p[-2][0]
            at = 'int16_t' if p[2][0] == 's' else 'uint16_t'
            bt = 'int8_t' if p[3][0] == 's' else 'uint8_t'
            x, y, z = (v(q, 'u32') for q in a[1:4])
            sh = 0 if p[1] == 'lo' else 16
            return s.dst(
                a[0],
                'u32',
                f'(uint32_t)((int32_t)({at}){x}*({bt})({y}>>{sh})+(int32_t)({at})({x}>>16)*({bt})({y}>>{sh+8})+{z})',
            )
        if b in ('ex2', 'lg2', 'rcp', 'sqrt', 'rsqrt', 'sin', 'cos', 'tanh'):
            f = {'ex2': 'exp2', 'lg2': 'log2', 'sqrt': 'sqrt', 'sin': 'sin', 'cos': 'cos', 'tanh': 'tanh'}.get(b)
            x = v(a[1], t)
            S = 'f' if t == 'f32' else ''
            if 'ftz' in p and t == 'f32':
                x = f'ftz({x})'
            e = f'{f}{S}({x})' if f else (f'(1/{x})' if b == 'rcp' else f'(1/sqrt{S}({x}))')
            if t == 'f32':
                e = f'(float)({e})'
            if 'ftz' in p and t == 'f32':
                e = f'ftz({e})'
            if t == 'f64' and 'ftz' in p:
                e = f'top32({e})'
            return s.dst(a[0], t, e)
        if b == 'cvt':
            src = p[-1]
            d = p[-2]
            rest = p[1:-2]
            x = v(a[1], src)
            sat = 'sat' in rest
            if src == 'f16' and d != 'f16':
                x = f'(float){x}'
            if src[0] == 'f' and d[0] == 'f':
                f = [
                    {'rni': 'rint', 'rzi': 'trunc', 'rmi': 'floor', 'rpi': 'ceil'}[q]
                    for q in rest
                    if q in ('rni', 'rzi', 'rmi', 'rpi')
                ]
                e = x
                if f:
                    e = f'{f[0]}{"f" if src=="f32" else ""}({x})'
                rz = [q for q in rest if q in ('rz', 'rm', 'rp')]
                if rz:
                    assert d == 'f32' and src == 'f64', op
                    e = f'{rz[0]}_f32({e})'
                e = f'({C[d]})({e})'
                if sat:
                    e = f'sat_{d}({e})'
                return s.dst(a[0], d, e)
            if src[0] == 'f':
                f = [
                    {'rni': 'rint', 'rzi': 'trunc', 'rmi': 'floor', 'rpi': 'ceil'}[q]
                    for q in rest
                    if q in ('rni', 'rzi', 'rmi', 'rpi')
                ][0]
                return s.dst(a[0], d, f'to_{d}({f}((double){x}))')
            if d[0] == 'f':
                rz = [q for q in rest if q in ('rz', 'rm', 'rp')]
                if rz:
                    raise Exception(op)
                if d == 'f16':
                    return s.dst(a[0], d, f'(_Float16)({x})')
                return s.dst(a[0], d, f'({C[d]})({x})')
            assert not sat, op
            return s.dst(a[0], d, f'({C[d]})({x})')
        raise Exception('op ' + op + ' ' + rest)

    def mul(s, p, a, t, add):
        v = s.val
        if 'wide' in p:
            w = {'u16': 'u32', 's16': 's32', 'u32': 'u64', 's32': 's64'}[t]
            e = f'(({C[w]}){v(a[1],t)}*({C[w]}){v(a[2],t)})'
            if add:
                e = f'({C["u"+w[1:]]})({e}+{v(add,w)})'
            return s.dst(a[0], w, e)
        if 'hi' in p:
            W = {'u32': 'uint64_t', 's32': 'int64_t', 'u64': 'unsigned __int128', 's64': '__int128'}[t]
            e = f'({C[t]})((({W}){v(a[1],t)}*({W}){v(a[2],t)})>>{size(t)*8})'
        else:
            u = 'u' + t[1:]
            w = 'u32' if t[1:] == '16' else u
            e = f'({C[u]})(({C[w]}){v(a[1],u)}*({C[w]}){v(a[2],u)})'
        if add:
            e = f'({C["u"+t[1:]]})({e}+{v(add,"u"+t[1:])})'
        return s.dst(a[0], t, e)


PRE = r'''
#include <math.h>
#include <string.h>
#include "context.h"
static inline char* on_device(Ctx*c,uint64_t a){ if(__builtin_expect(!c->live[(a-c->dlo)>>8],0)) c->bad(c,a); return (char*)(a+c->ddelta); }
static inline char* tr(Ctx*c,uint64_t a){ if(a-c->dlo<c->dsize) return on_device(c,a); if(__builtin_expect(a<65536,0)) c->bad(c,a); return (char*)a; }
static inline char* trg(Ctx*c,uint64_t a){ if(a-c->dlo<c->dsize) return on_device(c,a); if(__builtin_expect(a-c->plo>=c->psize,0)) c->badhost(c,a); return (char*)a; }
#define TR(a) tr(c,(a))
#define TRG(a) trg(c,(a))
#define TRW(a) (*c->wrote=1,trg(c,(a)))
#define TRV(a) (*c->wrote=1,tr(c,(a)))
static inline float bits_f32(uint64_t u){uint32_t x=(uint32_t)u;float f;memcpy(&f,&x,4);return f;}
static inline double bits_f64(uint64_t u){double f;memcpy(&f,&u,8);return f;}
static inline uint32_t bits_of_f32(float f){uint32_t x;memcpy(&x,&f,4);return x;}
static inline uint64_t bits_of_f64(double f){uint64_t x;memcpy(&x,&f,8);return x;}
static inline _Float16 h_of(uint16_t u){_Float16 f;memcpy(&f,&u,2);return f;}
static inline uint16_t h_bits(_Float16 f){uint16_t u;memcpy(&u,&f,2);return u;}
static inline float ftz(float x){return fabsf(x)<1.17549435e-38f?copysignf(0,x):x;}
static inline float sat_f32(float x){return x>=1?1:(x>0?x:0);}
static inline double top32(double x){return bits_f64(bits_of_f64(x)&0xffffffff00000000ull);}
static inline float rz_f32(double x){float f=(float)x; if(fabs((double)f)>fabs(x)) f=nextafterf(f,0); return f;}
static inline float rm_f32(double x){float f=(float)x; if((double)f>x) f=nextafterf(f,-INFINITY); return f;}
static inline float rp_f32(double x){float f=(float)x; if((double)f<x) f=nextafterf(f,INFINITY); return f;}
static inline double rz_f64(__float128 x){double f=(double)x; __float128 a=x<0?-x:x,b=f<0?-(__float128)f:(__float128)f; if(b>a) f=nextafter(f,0); return f;}
#define DIV(T,C,S) static inline C div_##T(C a,C b){ if(b==0) return (C)-1; if(S&&b==(C)-1) return (C)(0-(uint64_t)a); return a/b;} static inline C rem_##T(C a,C b){ if(b==0) return a; if(S&&b==(C)-1) return 0; return a%b;}
DIV(u16,uint16_t,0) DIV(s16,int16_t,1) DIV(u32,uint32_t,0) DIV(s32,int32_t,1) DIV(u64,uint64_t,0) DIV(s64,int64_t,1)
#define TO(T,C,LO,HI) static inline C to_##T(double x){ if(isnan(x)) return 0; if(x<=(double)(LO)) return LO; if(x>=(double)(HI)) return HI; return (C)x;}
TO(u8,uint8_t,0,255) TO(s8,int8_t,-128,127) TO(u16,uint16_t,0,65535) TO(s16,int16_t,-32768,32767) TO(u32,uint32_t,0,4294967295u) TO(s32,int32_t,(-2147483647-1),2147483647) TO(u64,uint64_t,0,18446744073709551615ull) TO(s64,int64_t,(-9223372036854775807ll-1),9223372036854775807ll)
static inline uint32_t bfe_u32(uint32_t a,uint32_t p,uint32_t l){p&=255;l&=255;if(p>31||!l)return 0;a>>=p;return l>31?a:a&((1u<<l)-1);}
static inline int32_t bfe_s32(int32_t a,uint32_t p,uint32_t l){p&=255;l&=255;if(!l)return 0;uint32_t m=p+l-1>31?31:p+l-1;int s=(a>>m)&1;uint32_t r=0;for(uint32_t i=0;i<32;i++){uint32_t bit=(i<l&&p+i<32)?((uint32_t)a>>(p+i))&1:s;r|=bit<<i;}return (int32_t)r;}
static inline uint64_t bfe_u64(uint64_t a,uint32_t p,uint32_t l){p&=255;l&=255;if(p>63||!l)return 0;a>>=p;return l>63?a:a&((1ull<<l)-1);}
static inline uint64_t bfi_b64(uint64_t a,uint64_t b,uint32_t p,uint32_t l){p&=255;l&=255;if(p>63||!l)return b;uint64_t m=l>63?~0ull:((1ull<<l)-1);m<<=p;return (b&~m)|((a<<p)&m);}
static inline uint32_t bfi_b32(uint32_t a,uint32_t b,uint32_t p,uint32_t l){p&=255;l&=255;if(p>31||!l)return b;uint32_t m=l>31?~0u:((1u<<l)-1);m<<=p;return (b&~m)|((a<<p)&m);}
static inline uint32_t prmt(uint32_t a,uint32_t b,uint32_t s){uint64_t x=((uint64_t)b<<32)|a;uint32_t r=0;for(int i=0;i<4;i++){uint32_t q=(s>>(4*i))&15;uint8_t v=(uint8_t)(x>>(8*(q&7)));if(q&8)v=(v&128)?255:0;r|=(uint32_t)v<<(8*i);}return r;}
static inline uint32_t shf_l(uint32_t a,uint32_t b,uint32_t n){n&=31;return n?(b<<n)|(a>>(32-n)):b;}
static inline uint32_t shf_r(uint32_t a,uint32_t b,uint32_t n){n&=31;return n?(b<<(32-n))|(a>>n):a;}
static inline uint32_t clz32(uint32_t x){return x?__builtin_clz(x):32;}
static inline uint32_t clz64(uint64_t x){return x?__builtin_clzll(x):64;}
'''


class Unit:
    def __init__(s, mod):
        s.mod = mod
        s.fs, s.vs = index(mod)
        s.src = open(f'{FOLDER}/ptx/{mod:03d}.ptx').read()
        s.vars = {}
        for sp, text in s.vs:
            al, t, n, sz, init = parsevar(text)
            s.vars[n] = (sp, al, sz, init)
        s.done = {}
        s.order = []
        s.bar = False
        s.sh = {}
        s.at = 0
        s.used = {}

    def share(s, key, al, sz):
        if sz == 0:
            return 'DYN'
        if key not in s.sh:
            s.at = (s.at + al - 1) // al * al
            s.sh[key] = s.at
            s.at += sz
        return f'{s.sh[key]}u'

    def sym(s, n):
        if n in s.vars:
            sp, al, sz, init = s.vars[n]
            if sp == 'shared':
                return s.share('::' + n, al, sz)
            s.used[n] = 1
            return f'G_{mangle(n)}(c)'
        raise KeyError('symbol ' + n)

    def call(s, f, ret, args):
        if f == 'vprintf':
            return f'*(int32_t*){ret}=c->vprintf_(*(uint64_t*)({args[0]}),*(uint64_t*)({args[1]}));'
        if f == 'malloc':
            return f'*(uint64_t*){ret}=(uint64_t)c->malloc_(*(uint64_t*)({args[0]}));'
        if f == 'free':
            return f'c->free_(*(uint64_t*)({args[0]}));'
        s.need(f)
        return f'F_{mangle(f)}(c,{",".join([ret]+args)});'

    def need(s, f):
        if f in s.done:
            return
        s.done[f] = None
        kind, a, b, e = s.fs[f]
        fn = Fn(s.mod, f, s.src[a:e], b - a, kind, s)
        s.done[f] = fn
        s.order.append(fn)


def signature(fn):
    if fn.kind == 'entry':
        return 'void K(Ctx*c)'
    return (
        f'static void F_{mangle(fn.name)}(Ctx*c,'
        + ','.join('char*P_' + mangle(x) for x in [fn.ret or 'none'] + fn.params)
        + ')'
    )


def translate(mod, entry):
    u = Unit(mod)
    u.need(entry)
    o = [PRE]
    dyn = (u.at + 15) // 16 * 16
    o.append(f'#define DYN {dyn}u')
    for n in u.used:
        o.append(
            f'static uint64_t G_{mangle(n)}(Ctx*c){{static uint64_t a; if(!a) a=c->global({mod},"{n}"); return a;}}'
        )
    for fn in u.order:
        o.append(signature(fn) + ';')
    for fn in u.order:
        o.append(signature(fn) + '{uint32_t CC=0;(void)CC;' + '\n'.join(fn.out) + '}')
    o.append(
        f'int K_bar={int(u.bar)}; unsigned K_shared={dyn}; unsigned K_params={len(u.done[entry].params)}; unsigned K_psizes[]={{{",".join(map(str,u.done[entry].psizes+[0]))}}};'
    )
    o.append(
        '''
void K_run(Ctx*c){ for(uint32_t z=0;z<c->ntid[2];z++)for(uint32_t y=0;y<c->ntid[1];y++)for(uint32_t x=0;x<c->ntid[0];x++){c->tid[0]=x;c->tid[1]=y;c->tid[2]=z;c->lin=(z*c->ntid[1]+y)*c->ntid[0]+x;K(c);} }'''
    )
    return '\n'.join(o)


def globals_file(mod):
    """name size align initbytes, for the emulator"""
    p = f'{FOLDER}/ptx/{mod:03d}.glob'
    if os.path.exists(p):
        return
    fs, vs = index(mod)
    t_ = f'{p}.{os.getpid()}'
    with open(t_, 'wb') as f:
        for sp, text in vs:
            if sp == 'shared':
                continue
            al, t, n, sz, init = parsevar(text)
            f.write(f'{n} {sz} {al} {(init or b"").hex() or "-"}\n'.encode())
    os.replace(t_, p)


def build(mod, entry, out):
    globals_file(mod)
    c = translate(mod, entry)
    cf = f'{out[:-3]}.{os.getpid()}.c'
    tmp = f'{out}.{os.getpid()}'
    open(cf, 'w').write(c)
    level = '-O1' if len(c) < 600000 else '-O0'
    r = subprocess.run(
        [
            'gcc',
            level,
            '-march=native',
            '-w',
            '-shared',
            '-fPIC',
            '-fno-strict-aliasing',
            '-fwrapv',
            '-ffp-contract=off',
            '-fno-tree-dominator-opts',
            '-I' + FOLDER,
            '-o',
            tmp,
            cf,
            '-lm',
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    if r.returncode:
        raise Exception(r.stderr[:3000])
    os.replace(tmp, out)
    os.remove(cf) if not os.environ.get('EMU_KEEP') else None


def extract(library, folder):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    import fatbins

    os.makedirs(f'{folder}/ptx', exist_ok=True)
    os.makedirs(f'{folder}/kernels', exist_ok=True)
    with open(library, 'rb') as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        with open(f'{folder}/modules', 'w') as offsets:
            for i, (at, length, images) in enumerate(fatbins.fatbins(m)):
                offsets.write(f'{i} {at}\n')
                for e in images:
                    if e.kind == fatbins.PTX:
                        begin = e.at + e.header
                        raw = m[begin : begin + (e.compressed or e.size)]
                        ptx = fatbins.lz4(raw, e.original) if e.flags & fatbins.COMPRESSED else raw
                        with open(f'{folder}/ptx/{i:03d}.ptx', 'wb') as out:
                            out.write(ptx.rstrip(b'\0'))
    symbols = subprocess.run(['nm', library], capture_output=True, text=True, check=True).stdout
    runtime = sorted(
        (name, address)
        for address, kind, name in (line.split() for line in symbols.splitlines() if len(line.split()) == 3)
        if kind in 'tT' and re.match(r'(__)?cuda[A-Z]', name)
    )
    with open(f'{folder}/runtime', 'w') as out:
        out.writelines(f'{name} {address}\n' for name, address in runtime)


def patch(library, folder, out):
    """Each function of the runtime becomes: its number into eax, and a jump to a symbol that device.cpp has."""
    plt = subprocess.run(['objdump', '-d', '-j', '.plt', library], capture_output=True, text=True, check=True).stdout
    target = int(re.search(r'^([0-9a-f]+) <cublasHgemmBatched@plt>', plt, re.M).group(1), 16)
    shutil.copyfile(library, out)
    with open(out, 'r+b') as f, open(f'{folder}/runtime') as functions:
        for i, line in enumerate(functions):
            address = int(line.split()[1], 16)
            f.seek(address)
            f.write(b'\xb8' + struct.pack('<I', i) + b'\xe9' + struct.pack('<i', target - (address + 10)))


if __name__ == '__main__':
    command, *rest = sys.argv[1:]
    if command == 'extract':
        extract(*rest)
    elif command == 'patch':
        patch(*rest)
    elif command == 'globals':
        FOLDER = rest[0]
        globals_file(int(rest[1]))
    elif command == 'build':
        FOLDER = rest[0]
        build(int(rest[1]), rest[2], rest[3])
    else:
        sys.exit(__doc__)
