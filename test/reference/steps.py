"""What each kind of step computes, and a run of a program."""
import math

import numpy as np

from hashes import INPUTS, OUTPUTS, TENSOR, TRACE, byte_tree_roots, keccak, list_root

# Steps. Operands come as int64, which holds every proved bound.


def matmul(step, a, b, bias=0):
    return [np.matmul(a, np.swapaxes(b, -1, -2)) + bias]


def places(size, window, stride, dilation, before, after):
    return (size + before + after - dilation * (window - 1) - 1) // stride + 1


def conv(step, x, w, bias=0):
    d = x.ndim - 2
    groups, rest = step.params[0], step.params[1:]
    strides, dilations, before, after = (rest[i * d : (i + 1) * d] for i in range(4))
    x = np.pad(x, [(0, 0), *zip(before, after), (0, 0)])
    size = [places(x.shape[1 + i], w.shape[1 + i], strides[i], dilations[i], 0, 0) for i in range(d)]
    out = np.zeros((x.shape[0], *size, w.shape[0]), np.int64)
    each_in, each_out = x.shape[-1] // groups, w.shape[0] // groups
    for tap in np.ndindex(*w.shape[1:-1]):
        box = tuple(slice(t * e, t * e + (n - 1) * s + 1, s) for t, e, n, s in zip(tap, dilations, size, strides))
        seen = x[(slice(None), *box)]
        for g in range(groups):
            o = slice(g * each_out, (g + 1) * each_out)
            part = seen[..., g * each_in : (g + 1) * each_in]
            out[..., o] += np.matmul(part, w[(o, *tap)].T)
    return [out + bias]


def requantise(step, x, m, s):
    low, high = step.params
    return [np.clip((x * m + (np.int64(1) << (s - 1))) >> s, low, high)]


def reduce(step, x):
    r = x.ndim
    op, rest = step.params[0], step.params[1:]
    window, strides, dilations, before, after = (rest[i * r : (i + 1) * r] for i in range(5))
    size = [places(x.shape[i], window[i], strides[i], dilations[i], before[i], after[i]) for i in range(r)]
    out = np.zeros(size, np.int64)
    f = {1: np.sum, 2: np.max, 3: np.min}[op]
    for at in np.ndindex(*size):
        taps = [[p * s - b + t * d for t in range(w)] for p, s, b, w, d in zip(at, strides, before, window, dilations)]
        inside = [[t for t in axis if 0 <= t < n] for axis, n in zip(taps, x.shape)]
        out[at] = f(x[np.ix_(*inside)]) if r else x
    return [out]


def argmax(step, x):
    return [np.expand_dims(np.argmax(x, step.params[0]), step.params[0])]


def topk(step, x):
    axis, k = step.params
    order = np.take(np.argsort(-x, axis, kind="stable"), range(k), axis)
    return [np.take_along_axis(x, order, axis), order][: len(step.outputs)]


def rows(x, indices, axis, batch):
    """For each batch: its part of x, its indices, and the axis within that part."""
    for at in np.ndindex(*x.shape[:batch]):
        yield at, x[at], indices[at], axis - batch


def gather(step, x, indices):
    axis, batch = step.params
    out = np.zeros(step.outputs[0][1], np.int64)
    for at, part, places_, a in rows(x, indices, axis, batch):
        out[at] = np.take(part, places_, a)
    return [out]


def scatter(step, x, indices, new):
    axis, batch = step.params
    out = x.copy()
    for at, part, places_, a in rows(out, indices, axis, batch):
        flat = places_.reshape(-1)
        assert len(set(flat.tolist())) == flat.size, "an index is repeated"
        lines = new[at].reshape(*part.shape[:a], flat.size, *part.shape[a + 1 :])
        np.moveaxis(part, a, 0)[flat] = np.moveaxis(lines, a, 0)
    return [out]


def divide(step, a, b):
    a, b = np.broadcast_arrays(a, b)
    return [np.floor_divide(a, b), np.mod(a, b)][: len(step.outputs)]


def isqrt(step, x):
    return [np.array([math.isqrt(int(v)) for v in x.reshape(-1)], np.int64).reshape(x.shape)]


def shift(step, x):
    bits = step.params[0]
    return [x << np.int64(bits) if bits >= 0 else x >> np.int64(-bits)]


def cut(step, x):
    r = x.ndim
    starts, strides, sizes = (step.params[i * r : (i + 1) * r] for i in range(3))
    for axis in range(r):
        x = np.take(x, [starts[axis] + i * strides[axis] for i in range(sizes[axis])], axis)
    return [x]


def pad(step, x):
    r = x.ndim
    return [np.pad(x, [*zip(step.params[:r], step.params[r : 2 * r])], constant_values=step.params[-1])]


def compare(step, a, b):
    return [[None, np.equal, np.less, np.less_equal][step.params[0]](a, b)]


KINDS = {
    1: matmul,
    2: conv,
    3: lambda step, a, b: [a + b],
    4: lambda step, a, b: [a - b],
    5: lambda step, a, b: [a * b],
    6: requantise,
    7: lambda step, x, table: [table[x - step.params[0]]],
    8: reduce,
    9: lambda step, x: [np.cumsum(x, step.params[0])],
    10: argmax,
    11: topk,
    12: compare,
    13: lambda step, condition, a, b: [np.where(condition != 0, a, b)],
    14: gather,
    15: scatter,
    16: divide,
    17: isqrt,
    18: shift,
    19: lambda step, x: [x.reshape(step.params)],
    20: lambda step, x: [np.transpose(x, step.params)],
    21: cut,
    22: lambda step, *parts: [np.concatenate(parts, step.params[0])],
    23: pad,
    24: lambda step, x: [np.broadcast_to(x, step.params)],
}


def run(program, inputs):
    """The values of a run in the order of the trace, and its roots."""
    values = []
    for array, (_, (dtype, shape), _, low, high) in zip(inputs, program.inputs, strict=True):
        assert array.dtype == dtype and array.shape == shape and array.min() >= low and array.max() <= high
        values.append(array)
    for number, step in enumerate(program.steps):
        sources = (values, program.weights, program.tables)
        operands = [sources[ref >> 30][ref & 0x3FFFFFFF] for ref, _ in step.operands]
        for operand, (_, info) in zip(operands, step.operands):
            assert (operand.dtype, operand.shape) == info, f"step {number}: an operand is not what it is said to be"
        assert step.first == len(values)
        results = KINDS[step.kind](step, *[operand.astype(np.int64) for operand in operands])
        for result, (dtype, shape) in zip(results, step.outputs, strict=True):
            exact = np.ascontiguousarray(result)
            stored = exact.astype(dtype).reshape(shape)
            assert (stored == exact.reshape(shape)).all(), f"step {number}: a value leaves its type"
            values.append(stored)
    roots = byte_tree_roots(TENSOR, [value.tobytes() for value in values])
    for step in program.steps:
        if step.inner:
            roots[step.first] = keccak(b"koinon.inner")
    input_root = list_root(INPUTS, roots[: len(inputs)])
    salted = keccak(bytes([3, INPUTS]) + bytes(range(32)) + input_root)
    found = {"id": program.id, "input_root": input_root, "salted_input_root": salted}
    found["output_root"] = list_root(OUTPUTS, [roots[ref] for _, ref, _, _ in program.outputs])
    found["trace_root"] = list_root(TRACE, roots)
    found["witness"] = keccak(b"koinon.witness" + b"".join(roots))
    return values, {name: "0x" + root.hex() for name, root in found.items()}
