#!/usr/bin/env python3
"""The same steps by PyTorch on the processor, from the layers, weights and batches that bench_training wrote.

    peer.py FOLDER NAME STEPS THREADS     one JSON object: samples a second, losses
"""
import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Weights:
    """First weights, in the order in which layers take them."""

    def __init__(self, path):
        self.data = np.fromfile(path, np.float32)
        self.at = 0

    def take(self, *shape):
        size = int(np.prod(shape))
        out = torch.from_numpy(self.data[self.at:self.at + size].reshape(shape).copy())
        self.at += size
        return nn.Parameter(out)


class Linear(nn.Linear):
    def __init__(self, weights, inputs, outputs):
        super().__init__(inputs, outputs)
        self.weight, self.bias = weights.take(outputs, inputs), weights.take(outputs)


def conv(weights, channels, out, kernel, stride, pad, bias):
    layer = nn.Conv2d(channels, out, kernel, stride, pad, bias=bias)
    layer.weight = weights.take(out, channels, kernel, kernel)
    if bias:
        layer.bias = weights.take(out)
    return layer


def batch_norm(weights, channels):
    layer = nn.BatchNorm2d(channels)
    layer.weight, layer.bias = weights.take(channels), weights.take(channels)
    return layer


def layer_norm(weights, width):
    layer = nn.LayerNorm(width)
    layer.weight, layer.bias = weights.take(width), weights.take(width)
    return layer


class Embedding(nn.Module):
    def __init__(self, weights, words, width):
        super().__init__()
        self.table = weights.take(words, width)

    def forward(self, x):
        return F.embedding(x.long(), self.table)


class Positions(nn.Module):
    def __init__(self, weights, tokens, width):
        super().__init__()
        self.table = weights.take(tokens, width)

    def forward(self, x):
        return x + self.table


class Attention(nn.Module):
    def __init__(self, weights, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = Linear(weights, width, 3 * width), Linear(weights, width, width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (p.view(n, t, self.heads, d // self.heads).transpose(1, 2) for p in self.qkv(x).split(d, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, t, d))


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Branch(nn.Module):
    def __init__(self, inner, beside):
        super().__init__()
        self.inner, self.beside = inner, beside

    def forward(self, x):
        return self.inner(x) + self.beside(x)


def build(weights, layers, shape):
    """Modules of a list of layers, and the shape that comes out."""
    made = []
    for layer in layers:
        module, shape = build_one(weights, layer, shape)
        made.append(module)
    return nn.Sequential(*made), shape


def build_branch(weights, layers, shape):
    inner, out = build(weights, layers, shape)
    if out == shape:
        return Branch(inner, nn.Identity()), out
    stride = shape[1] // out[1]
    return Branch(inner, nn.Sequential(conv(weights, shape[0], out[0], 1, stride, 0, False), batch_norm(weights, out[0]))), out


def build_one(weights, layer, shape):
    if isinstance(layer, list):
        return build_branch(weights, layer, shape)
    words = layer.split()
    name, numbers = words[0], [int(w) for w in words[1:] if w.isdigit()]
    options = dict(w.split("=") for w in words if "=" in w)
    if name == "conv":
        stride, pad = int(options.get("stride", 1)), int(options.get("pad", 0))
        out = [numbers[0]] + [(s + 2 * pad - numbers[1]) // stride + 1 for s in shape[1:]]
        return conv(weights, shape[0], numbers[0], numbers[1], stride, pad, "no_bias" not in words), out
    if name == "linear":
        return Linear(weights, shape[-1], numbers[0]), shape[:-1] + numbers[:1]
    if name == "max_pool":
        return nn.MaxPool2d(numbers[0]), [shape[0]] + [s // numbers[0] for s in shape[1:]]
    if name == "flatten":
        return nn.Flatten(), [int(np.prod(shape))]
    if name == "global_average":
        return Mean(), shape[:1]
    if name == "batch_norm":
        return batch_norm(weights, shape[0]), shape
    if name == "layer_norm":
        return layer_norm(weights, shape[-1]), shape
    if name == "embedding":
        return Embedding(weights, *numbers), shape + numbers[1:]
    if name == "positions":
        return Positions(weights, *shape), shape
    if name == "attention":
        return Attention(weights, shape[-1], numbers[0]), shape
    return {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}[name](), shape


def main():
    folder, name, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(int(sys.argv[4]))
    spec = json.load(open(f"{folder}/spec.json"))[name]
    weights = Weights(f"{folder}/{name}.weights")
    model, _ = build(weights, spec["layers"], spec["input"][1:])
    assert weights.at == len(weights.data) == spec["parameters"]
    size, targets = int(np.prod(spec["input"])), int(np.prod(spec["target"]))
    batches = np.fromfile(f"{folder}/{name}.batches", np.float32).reshape(spec["batches"], size + targets)
    x = [torch.from_numpy(b[:size].reshape(spec["input"]).copy()) for b in batches]
    y = [torch.from_numpy(b[size:].astype(np.int64)) for b in batches]
    if spec["method"] == "sgd":
        optimiser = torch.optim.SGD(model.parameters(), spec["rate"], spec["momentum"], weight_decay=spec["decay"])
    else:
        optimiser = torch.optim.AdamW(model.parameters(), spec["rate"], weight_decay=spec["decay"])
    losses, seconds, processor = [], 0.0, 0.0
    for step in range(steps):
        begin, clock = time.perf_counter(), time.process_time()
        optimiser.zero_grad(set_to_none=True)
        out = model(x[step % len(x)])
        loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y[step % len(y)])
        loss.backward()
        optimiser.step()
        seconds += time.perf_counter() - begin
        processor += time.process_time() - clock
        losses.append(loss.item())
    samples = steps * spec["input"][0]
    print(json.dumps({"samples_per_second": samples / seconds, "samples_per_processor_second": samples / processor, "losses": losses,
                      "version": torch.__version__}))


main()
