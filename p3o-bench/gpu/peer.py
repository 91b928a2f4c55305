#!/usr/bin/env python3
"""PyTorch's side of the benchmarks on a device: the same numbers, weights and work as io.github.p3o.bench.DeviceTimes.

  peer.py --device cuda|cpu [--calls N] WHAT...   times each, one line a work, as the library's side prints them
  peer.py --device cuda|cpu [--calls N] --float64 scores:M1   the same in float64
  peer.py --device cuda hold --leave MIB --seconds N          takes the device's memory but for so much

WHAT is pairs:V1|V2:PAIRS (numbers from the host's memory, gradients back into it), graph:V1|V2:PAIRS (both stay on the
device), scores:SIZE, step:SIZE, sampling:SIZE:SEQUENCES, product:SIZE (float32 matrices) or copy:MIB (a copy within
memory). Decoders run in float32 as PyTorch runs them (eager), TF32 off. `check` is a value that the library computes
too: values that differ mean that different things were measured. Needs torch, nothing else.

Apache-2.0, as the rest of this project.
"""
import argparse
import math
import sys
import time

import torch
from torch.nn import functional

SIZES = {  # vocabulary, width, layers, as in ModelSize.java
    'M1': (2048, 128, 4), 'M10': (4096, 320, 7), 'M40': (8192, 512, 11), 'M125': (16384, 768, 14)}
HEAD, TOKENS, PROMPT, PAIRS, NEW_TOKENS = 32, 128, 8, 16, 128
REWARDS = 1_000_000  # the index of the first
BETA, CLIP_RANGE, WEIGHT_CLIP, MAX_LOG_RATIO = 0.05, 0.2, 10, 20
MASK = 0xFFFFFFFF


def unit(first, count, device):
    """Numbers.unit: float64 in [0, 1) from their index, by integers alone."""
    h = (torch.arange(first, first + count, dtype=torch.int64, device=device) * 2654435761) & MASK
    h = ((h ^ (h >> 16)) * 2246822519) & MASK
    h = ((h ^ (h >> 13)) * 3266489917) & MASK
    return (h ^ (h >> 16)).double() / 4294967296


def between(low, high, first, count, device):
    return low + (high - low) * unit(first, count, device)


def below(limit, first, count, device):
    return (limit * unit(first, count, device)).long()


def java_hash(text):
    """String.hashCode without its sign bit."""
    h = 0
    for c in text:
        h = (31 * h + ord(c)) & MASK
    return h & 0x7FFFFFFF


# --- losses, as their users write them: the least of two branches, differentiated by autograd (TorchPairs.java)

def loss_of(form, s1, s2, o1, o2, f1, f2, r1, r2):
    delta = r1 - r2 - BETA * ((o1 - f1) - (o2 - f2))
    return (v1 if form == 'V1' else v2)(delta, s1, s2, o1, o2)


def weight(rho):
    return rho.detach().clamp(1 / WEIGHT_CLIP, WEIGHT_CLIP)


def v1(delta, s1, s2, o1, o2):
    rho1 = (s1 - o1).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    rho2 = (s2 - o2).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()

    def surrogate(advantage, rho):
        return torch.minimum(advantage * rho, advantage * rho.clamp(1 - CLIP_RANGE, 1 + CLIP_RANGE))

    return -0.5 * (surrogate(delta * weight(rho2), rho1) + surrogate(-delta * weight(rho1), rho2)).mean()


def v2(delta, s1, s2, o1, o2):
    d, d0 = s1 - s2, o1 - o2
    move1 = (s1.detach() - o1).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    move2 = (s2.detach() - o2).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    advantage = delta * weight((move1 + move2).exp())
    clipped = (d - d0).clamp(-CLIP_RANGE, CLIP_RANGE) + d0
    return -0.5 * torch.minimum(advantage * d, advantage * clipped).mean()


class Pairs:
    def __init__(self, form, pairs, device, stay):
        def two(low, high, row):
            return [between(low, high, (row + i) * pairs, pairs, device) for i in range(2)]

        old = two(-120, -20, 0)
        now = [n + o for n, o in zip(two(-0.5, 0.5, 2), old)]
        self.arrays = now + old + two(-120, -20, 4) + two(-1, 1, 6)
        self.form, self.device, self.stay = form, device, stay
        if stay:
            for s in self.arrays[:2]:
                s.requires_grad_(True)
        else:
            self.arrays = [a.cpu() for a in self.arrays]

    def __call__(self):
        if self.stay:
            arrays = self.arrays
            arrays[0].grad = arrays[1].grad = None
        else:
            arrays = [a.to(self.device) for a in self.arrays]
            arrays[:2] = [s.detach().requires_grad_(True) for s in arrays[:2]]
        loss = loss_of(self.form, *arrays)
        loss.backward()
        if not self.stay:
            self.gradient = [s.grad.cpu() for s in arrays[:2]]
        return loss.item()


# --- the decoder (TorchLlama.java)

class Llama:
    def __init__(self, size, positions, device, dtype):
        self.vocabulary, self.width, self.layers = SIZES[size]
        self.heads = self.width // HEAD
        inner = self.width * 8 // 3 // 32 * 32
        square, up, down = (self.width, self.width), (inner, self.width), (self.width, inner)
        shapes = {'model.embed_tokens.weight': (self.vocabulary, self.width),
                  'model.norm.weight': (self.width,), 'lm_head.weight': (self.vocabulary, self.width)}
        for i in range(self.layers):
            for name, shape in (('input_layernorm', (self.width,)), ('post_attention_layernorm', (self.width,)),
                                ('self_attn.q_proj', square), ('self_attn.k_proj', square),
                                ('self_attn.v_proj', square), ('self_attn.o_proj', square),
                                ('mlp.gate_proj', up), ('mlp.up_proj', up), ('mlp.down_proj', down)):
                shapes[f'model.layers.{i}.{name}.weight'] = shape
        self.weights = {}
        for name, shape in shapes.items():
            low, high = (-0.035, 0.035) if len(shape) > 1 else (0.9, 1.1)
            values = between(low, high, java_hash(name), math.prod(shape), device)
            self.weights[name] = values.to(dtype).reshape(shape).requires_grad_(True)
        places = torch.arange(positions, dtype=torch.float64).unsqueeze(1)
        turns = 10_000.0 ** (-2.0 * torch.arange(HEAD // 2, dtype=torch.float64) / HEAD)
        table = torch.cat([places * turns] * 2, -1)
        self.cosines, self.sines = table.cos().to(device, dtype), table.sin().to(device, dtype)

    def log_probs(self, ids, prompt):
        """log π of the tokens from prompt on, summed; ids are [sequences, tokens]."""
        hidden = self.norm(self.body(ids, 0, None), 'model.norm.weight')[:, prompt - 1:-1]
        logits = functional.linear(hidden, self.weights['lm_head.weight'])
        return functional.log_softmax(logits, -1).gather(-1, ids[:, prompt:, None]).squeeze(-1).sum(1)

    def next(self, ids, start, cache):
        """Logits [sequences, vocabulary] of the token after some columns."""
        last = self.body(ids, start, cache)[:, -1]
        return functional.linear(self.norm(last, 'model.norm.weight'), self.weights['lm_head.weight'])

    def cache(self, sequences, columns):
        like = self.weights['lm_head.weight']
        return [[torch.zeros(sequences, self.heads, columns, HEAD, dtype=like.dtype, device=like.device)
                 for _ in range(2)] for _ in range(self.layers)]

    def body(self, ids, start, cache):
        hidden = functional.embedding(ids, self.weights['model.embed_tokens.weight'])
        for i in range(self.layers):
            name = f'model.layers.{i}.'
            normed = self.norm(hidden, name + 'input_layernorm.weight')
            hidden = hidden + self.attention(normed, name, start, cache and cache[i])
            hidden = hidden + self.feed_forward(self.norm(hidden, name + 'post_attention_layernorm.weight'), name)
        return hidden

    def norm(self, x, name):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * self.weights[name]

    def linear(self, x, name):
        return functional.linear(x, self.weights[name + '.weight'])

    def attention(self, x, name, start, cache):
        def of_heads(part):
            return self.linear(x, f'{name}self_attn.{part}_proj').view(*x.shape[:2], self.heads, HEAD).transpose(1, 2)

        q, k, v = self.rotate(of_heads('q'), start), self.rotate(of_heads('k'), start), of_heads('v')
        if cache:
            end = start + x.shape[1]
            for held, new in zip(cache, (k, v)):
                held[:, :, start:end] = new
            k, v = (held[:, :, :end] for held in cache)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1)
        return self.linear(mixed.transpose(1, 2).reshape(x.shape), name + 'self_attn.o_proj')

    def rotate(self, x, start):
        half, end = HEAD // 2, start + x.shape[2]
        turned = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cosines[start:end] + turned * self.sines[start:end]

    def feed_forward(self, x, name):
        gate = functional.silu(self.linear(x, name + 'mlp.gate_proj'))
        return self.linear(gate * self.linear(x, name + 'mlp.up_proj'), name + 'mlp.down_proj')


class Model:
    """16 pairs of texts of 128 tokens, 8 of them a prompt (ModelWork.java)."""

    def __init__(self, size, device, dtype):
        self.model = Llama(size, TOKENS, device, dtype)
        ids = below(self.model.vocabulary, 0, 2 * PAIRS * TOKENS, device).reshape(2 * PAIRS, TOKENS)
        ids[PAIRS:, :PROMPT] = ids[:PAIRS, :PROMPT]
        self.ids = ids
        self.rewards = between(-1, 1, REWARDS, 2 * PAIRS, device).reshape(2, PAIRS)
        self.old = self.scores().reshape(2, PAIRS)
        self.parameters = list(self.model.weights.values())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-5, betas=(0.9, 0.95), eps=1e-8, weight_decay=1e-6)

    @torch.no_grad()
    def scores(self):
        return self.model.log_probs(self.ids, PROMPT).double()

    def sum_of_scores(self):
        return self.scores().sum().item()

    def step(self):
        self.optimizer.zero_grad()
        s = self.model.log_probs(self.ids, PROMPT).double()
        loss = loss_of('V2', s[:PAIRS], s[PAIRS:], *self.old, *self.old, *self.rewards)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return loss.item()


class Sampling:
    """128 new tokens for each of some prompts of 8 with a cache (SamplingWork.java)."""

    def __init__(self, size, sequences, device):
        self.model = Llama(size, PROMPT + NEW_TOKENS, device, torch.float32)
        self.ids = below(self.model.vocabulary, 0, sequences * PROMPT, device).reshape(sequences, PROMPT)
        self.cache = self.model.cache(sequences, PROMPT + NEW_TOKENS)
        self.check = None

    def draw(self, tokens, choose):
        logits = self.model.next(self.ids, 0, self.cache)
        drawn = [choose(logits)]
        while len(drawn) < tokens:
            logits = self.model.next(drawn[-1], PROMPT + len(drawn) - 1, self.cache)
            drawn.append(choose(logits))
        return torch.cat(drawn, 1)

    @torch.no_grad()
    def __call__(self):
        if self.check is None:
            first = self.draw(4, lambda logits: logits.argmax(-1, keepdim=True))[:4]
            self.check = (first * torch.arange(1, 5, device=first.device)).sum().item()
        self.draw(NEW_TOKENS, lambda logits: torch.multinomial(logits.softmax(-1), 1)).sum().item()
        return self.check


def product(n, device):
    a, b = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    return lambda: torch.mm(a, b)[0, 0].item() * 0.0


def copy(mebibytes, device):
    a = torch.zeros(mebibytes << 17, dtype=torch.float64, device=device)
    b = torch.empty_like(a)

    def work():
        b.copy_(a)
        return b[0].item()

    return work


def work_of(what, device, dtype):
    kind, *rest = what.split(':')
    if kind in ('pairs', 'graph'):
        return Pairs(rest[0], int(rest[1]), device, kind == 'graph')
    if kind == 'scores':
        return Model(rest[0], device, dtype).sum_of_scores
    if kind == 'step':
        return Model(rest[0], device, dtype).step
    if kind == 'sampling':
        return Sampling(rest[0], int(rest[1]), device)
    if kind == 'product':
        return product(int(rest[0]), device)
    if kind == 'copy':
        return copy(int(rest[0]), device)
    raise ValueError(f'expected pairs, graph, scores, step, sampling, product or copy, got {what}')


def clock(work, device):
    """Milliseconds of one call and what it gave. Every work ends by reading a number, which waits for the device."""
    start = time.perf_counter()
    value = work()
    if device == 'cuda':
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3, value


def measure(what, calls, device, dtype):
    work, spent, check, done, times = work_of(what, device, dtype), 0.0, math.nan, 0, []
    while done <= 2 or spent < 1000:  # as the library's side: the check is what the third call gives
        ms, value = clock(work, device)
        spent, check, done = spent + ms, value if done == 2 else check, done + 1
    while len(times) < calls and (len(times) < 3 or sum(times) < 4000):
        times.append(clock(work, device)[0])
    times.sort()
    print(f'result work={what} ms={times[len(times) // 2]:.4f} least={times[0]:.4f} greatest={times[-1]:.4f} '
          f'calls={len(times)} check={check:.15g}', flush=True)


def hold(leave, seconds):
    """Takes the device's memory in one piece, so that another program meets the end of it soon."""
    free, _ = torch.cuda.mem_get_info()
    taken = max(0, free - (leave << 20))
    block = torch.empty(taken, dtype=torch.uint8, device='cuda')
    print(f'hold took={block.numel() >> 20} leaves={torch.cuda.mem_get_info()[0] >> 20} MiB', flush=True)
    time.sleep(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', choices=('cuda', 'cpu'), required=True)
    parser.add_argument('--calls', type=int, default=15)
    parser.add_argument('--float64', action='store_true')
    parser.add_argument('--leave', type=int, default=1024)
    parser.add_argument('--seconds', type=int, default=60)
    parser.add_argument('what', nargs='+')
    a = parser.parse_args()
    if a.what == ['hold']:
        hold(a.leave, a.seconds)
        return
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name() if a.device == 'cuda' else f'CPU, {torch.get_num_threads()} threads'
    precision = 'float64' if a.float64 else 'float32, TF32 off'
    print(f'PyTorch {torch.__version__} on {name}, decoders in {precision}', flush=True)
    failed = 0
    for what in a.what:
        try:
            measure(what, a.calls, a.device, torch.float64 if a.float64 else torch.float32)
        except (RuntimeError, ValueError, KeyError) as e:  # what fails does not keep the next from being measured
            failed = 1
            print(f'failed work={what} {" ".join(repr(e).split())}', flush=True)
    sys.exit(failed)


if __name__ == '__main__':
    main()
