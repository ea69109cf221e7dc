#!/usr/bin/env python3
"""A second executor of Koinon programs, in Python and numpy, written to docs/engine.md.

    reference.py vectors FOLDER            check the programs and vectors.txt of a folder of golden vectors
    reference.py bounds FOLDER KOINON      the same ranges as `KOINON model inspect` finds for each program of a folder
    reference.py run FILE [INPUT.bin ...]  run a program on raw little-endian inputs; print its id and roots

It is slow, shares no code with the engine, and is there to find what the specification leaves unsaid.
"""
import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

# Keccak-256 (the padding before FIPS 202) of many messages of one length, a lane an array.

ROUND_CONSTANTS = []
OFFSETS = [[0] * 5 for _ in range(5)]


def constants():
    register = 1
    for _ in range(24):
        value = 0
        for j in range(7):
            if register & 1:
                value |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        ROUND_CONSTANTS.append(np.uint64(value))
    x, y = 1, 0
    for t in range(24):
        OFFSETS[x][y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5


constants()


def rotate(lane, bits):
    if bits == 0:
        return lane
    return (lane << np.uint64(bits)) | (lane >> np.uint64(64 - bits))


def permute(a):
    for constant in ROUND_CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        b = [[None] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y], OFFSETS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        a[0][0] = a[0][0] ^ constant
    return a


def keccak_many(messages):
    """messages: uint8 [count, length]; digests: uint8 [count, 32]."""
    count, length = messages.shape
    rate = 136
    padded = np.zeros((count, (length // rate + 1) * rate), np.uint8)
    padded[:, :length] = messages
    padded[:, length] ^= 1
    padded[:, -1] ^= 0x80
    lanes = padded.view("<u8").astype(np.uint64)
    a = [[np.zeros(count, np.uint64) for _ in range(5)] for _ in range(5)]
    for block in range(padded.shape[1] // rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] = a[i % 5][i // 5] ^ lanes[:, block * 17 + i]
        a = permute(a)
    return np.stack([a[i][0] for i in range(4)], 1).astype("<u8").view(np.uint8)


def keccak(message):
    return keccak_many(np.frombuffer(bytes(message), np.uint8).reshape(1, -1)).tobytes()


# Merkle trees.

TENSOR, STEPS, WEIGHTS, TABLES, TRACE, OUTPUTS, INPUTS = range(1, 8)


def prefixed(head, rows):
    return np.concatenate([np.tile(np.frombuffer(bytes(head), np.uint8), (rows.shape[0], 1)), rows], 1)


def top_of(nodes, domain):
    """nodes: uint8 [trees, leaves, 32]; the tops [trees, 32]."""
    while nodes.shape[1] > 1:
        pairs = keccak_many(prefixed([1, domain], nodes.reshape(-1, 64)))
        nodes = pairs.reshape(nodes.shape[0], -1, 32)
    return nodes[:, 0]


def power_of_two(n):
    return 1 << max(0, n - 1).bit_length()


def byte_tree_roots(domain, blobs):
    """Roots of byte strings; trees of one depth are hashed together."""
    groups = {}
    for i, data in enumerate(blobs):
        groups.setdefault(power_of_two(max(1, -(-len(data) // 1024))), []).append(i)
    out = [b""] * len(blobs)
    for leaves, members in groups.items():
        padded = np.zeros((len(members), leaves * 1024), np.uint8)
        for row, i in zip(padded, members):
            row[: len(blobs[i])] = np.frombuffer(blobs[i], np.uint8)
        nodes = keccak_many(prefixed([0, domain], padded.reshape(-1, 1024))).reshape(len(members), leaves, 32)
        lengths = b"".join(struct.pack(">Q", len(blobs[i])) for i in members)
        rows = np.concatenate([np.frombuffer(lengths, np.uint8).reshape(-1, 8), top_of(nodes, domain)], 1)
        for i, root in zip(members, keccak_many(prefixed([2, domain], rows))):
            out[i] = root.tobytes()
    return out


def list_root(domain, items):
    nodes = np.zeros((power_of_two(max(1, len(items))), 32), np.uint8)
    if items:
        rows = [struct.pack(">Q", i) + item for i, item in enumerate(items)]
        rows = np.frombuffer(b"".join(rows), np.uint8).reshape(len(items), 40)
        nodes[: len(items)] = keccak_many(prefixed([0, domain], rows))
    return keccak(bytes([2, domain]) + struct.pack(">Q", len(items)) + top_of(nodes[None], domain).tobytes())


# The file.

TYPES = {1: np.dtype("<i1"), 2: np.dtype("<i2"), 3: np.dtype("<i4"), 4: np.dtype("<i8")}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, n):
        assert self.at + n <= len(self.data), "the file ends early"
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, code):
        return struct.unpack("<" + code, self.raw(struct.calcsize("<" + code)))[0]

    def blob(self):
        return self.raw(self.number("I"))

    def tensor(self):
        dtype = TYPES[self.number("B")]
        return dtype, tuple(self.number("I") for _ in range(self.number("B")))

    def array(self, info):
        dtype, shape = info
        data = self.raw(dtype.itemsize * math.prod(shape))
        return np.frombuffer(data, dtype).reshape(shape)


class Step:
    def __init__(self, data):
        read = Reader(data)
        self.kind = read.number("B")
        self.operands = [(read.number("I"), read.tensor()) for _ in range(read.number("B"))]
        self.first = read.number("I")
        self.outputs = [read.tensor() for _ in range(read.number("B"))]
        self.params = [read.number("q") for _ in range(read.number("B"))]
        assert read.at == len(data), "bytes behind a step"


class Program:
    def __init__(self, data):
        read = Reader(data)
        assert read.raw(8) == b"koinon\0\1", "not a .koinon file"
        version = read.number("I")
        assert version == 1, "another version"
        self.texts = [read.blob().decode() for _ in range(4)]
        io = read.blob()
        self.describe(Reader(io))
        bodies = [read.blob() for _ in range(read.number("I"))]
        self.steps = [Step(body) for body in bodies]
        infos = [[(read.tensor(), read.raw(32)) for _ in range(read.number("I"))] for _ in range(2)]
        assert read.number("B") == 1, "the weights are hidden"
        self.tables = [self.constant(read, info) for info, _ in infos[1]]
        self.weights = [self.constant(read, info) for info, _ in infos[0]]
        assert read.at == len(data), "bytes behind the file"
        roots = byte_tree_roots(TENSOR, [array.tobytes() for array in self.weights + self.tables])
        assert roots == [root for _, root in infos[0] + infos[1]], "a constant has another root"
        parts = [keccak(io), list_root(STEPS, [keccak(body) for body in bodies])]
        parts += [list_root(WEIGHTS, [root for _, root in infos[0]]), list_root(TABLES, [root for _, root in infos[1]])]
        self.id = keccak(struct.pack(">Q", version) + b"".join(parts))

    def describe(self, read):
        self.inputs = []
        for _ in range(read.number("I")):
            name, info, scale = read.blob(), read.tensor(), (read.number("i"), read.number("i"))
            self.inputs.append((name, info, scale, read.number("q"), read.number("q")))
        self.outputs = [(read.blob(), read.number("I"), read.number("i"), read.number("i")) for _ in range(read.number("I"))]

    @staticmethod
    def constant(read, info):
        padding = read.raw(-read.at % 64)
        assert not any(padding), "padding that is not zero"
        return read.array(info)


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
    input_root = list_root(INPUTS, roots[: len(inputs)])
    salted = keccak(bytes([3, INPUTS]) + bytes(range(32)) + input_root)
    found = {"id": program.id, "input_root": input_root, "salted_input_root": salted}
    found["output_root"] = list_root(OUTPUTS, [roots[ref] for _, ref, _, _ in program.outputs])
    found["trace_root"] = list_root(TRACE, roots)
    found["witness"] = keccak(b"koinon.witness" + b"".join(roots))
    return values, {name: "0x" + root.hex() for name, root in found.items()}


# Ranges, as pairs of Python integers. `sets` are those of the operands, `arrays_` their data (None: a value).


def corners(a, b):
    products = [x * y for x in a for y in b]
    return min(products), max(products)


def union(sets):
    return min(low for low, _ in sets), max(high for _, high in sets)


def sum_range(step, sets, arrays_):
    x, w = sets[0], arrays_[1]
    if step.kind == 2:
        x = min(x[0], 0), max(x[1], 0)
    shape = step.operands[1][1][1]
    count = math.prod(shape[1:]) if step.kind == 2 else shape[-1]
    bias = sets[2] if len(sets) > 2 else (0, 0)
    if w is None:
        low, high = corners(x, sets[1])
        return low * count + bias[0], high * count + bias[1]
    out = []
    for number, row in enumerate(w.astype(np.int64).reshape(-1, count)):
        up, down = int(row[row > 0].sum()), int(row[row < 0].sum())
        if len(sets) > 2 and arrays_[2] is not None:
            bias = (int(arrays_[2][number % len(arrays_[2])]),) * 2
        out.append((bias[0] + up * x[0] + down * x[1], bias[1] + up * x[1] + down * x[0]))
    return union(out)


def requantise_range(step, sets, arrays_):
    low, high = step.params
    out = []
    for m, s in zip(*(v.reshape(-1).tolist() for v in np.broadcast_arrays(arrays_[1], arrays_[2]))):
        ends = [x * m + (1 << (s - 1)) for x in sets[0]]
        assert 1 <= m and 1 <= s <= 62 and max(map(abs, ends)) < 1 << 62
        out += [(y, y) for y in (min(max(e >> s, low), high) for e in ends)]
    return union(out)


def reduce_range(step, sets):
    (low, high), shape = sets[0], step.operands[0][1][1]
    r = len(shape)
    if step.params[0] != 1:
        return low, high
    window, strides, dilations, before, _ = (step.params[1 + i * r : 1 + (i + 1) * r] for i in range(5))
    fewest = most = 1
    for i, n in enumerate(shape):
        counts = [sum(0 <= p * strides[i] - before[i] + t * dilations[i] < n for t in range(window[i]))
                  for p in range(step.outputs[0][1][i])]
        fewest, most = fewest * min(counts), most * max(counts)
    return low * (most if low < 0 else fewest), high * (fewest if high < 0 else most)


def divide_ranges(a, b):
    assert b[0] > 0
    quotient = min(a[0] // b[0], a[0] // b[1]), max(a[1] // b[0], a[1] // b[1])
    return [quotient, (0, min(b[1] - 1, a[1]) if a[0] >= 0 else b[1] - 1)]


def step_ranges(step, sets, arrays_):
    kind, x = step.kind, sets[0]
    shape = step.operands[0][1][1]
    axis = shape[step.params[0]] if kind in (9, 10, 11, 14, 15) else 0
    if kind in (14, 15):
        assert sets[1][0] >= 0 and sets[1][1] < axis
    if kind in (1, 2):
        return [sum_range(step, sets, arrays_)]
    if kind == 3:
        return [(x[0] + sets[1][0], x[1] + sets[1][1])]
    if kind == 4:
        return [(x[0] - sets[1][1], x[1] - sets[1][0])]
    if kind == 5:
        return [corners(*sets)]
    if kind == 6:
        return [requantise_range(step, sets, arrays_)]
    if kind == 7:
        first = step.params[0]
        assert x[0] >= first and x[1] - first < len(arrays_[1])
        seen = arrays_[1][x[0] - first : x[1] - first + 1]
        return [(int(seen.min()), int(seen.max()))]
    if kind == 8:
        return [reduce_range(step, sets)]
    if kind == 9:
        return [(min(x[0], axis * x[0]), max(x[1], axis * x[1]))]
    if kind == 10:
        return [(0, axis - 1)]
    if kind == 11:
        return [x, (0, axis - 1)]
    if kind == 12:
        return [(0, 1)]
    if kind == 13:
        return [union(sets[1:])]
    if kind == 15:
        return [union([x, sets[2]])]
    if kind == 16:
        return divide_ranges(*sets)
    if kind == 17:
        assert x[0] >= 0
        return [(math.isqrt(x[0]), math.isqrt(x[1]))]
    if kind == 18:
        by = step.params[0]
        return [tuple(v << by if by >= 0 else v >> -by for v in x)]
    if kind == 22:
        return [union(sets)]
    if kind == 23:
        return [union([x, (step.params[-1],) * 2])]
    return [x]


def ranges(program):
    """The proved range of every value."""
    constants_ = [[(int(c.min()), int(c.max())) for c in part] for part in (program.weights, program.tables)]
    values = [(low, high) for _, _, _, low, high in program.inputs]
    for number, step in enumerate(program.steps):
        known = (values, *constants_)
        data = ([None] * len(values), program.weights, program.tables)
        sets = [known[ref >> 30][ref & 0x3FFFFFFF] for ref, _ in step.operands]
        arrays_ = [data[ref >> 30][ref & 0x3FFFFFFF] for ref, _ in step.operands]
        for found, (dtype, _) in zip(step_ranges(step, sets, arrays_), step.outputs):
            most = np.iinfo(dtype)
            assert most.min <= found[0] and found[1] <= most.max and max(-found[0], found[1]) < 1 << 62, f"step {number}: {found}"
            values.append(found)
    return values


def bounds(folder, koinon):
    count = 0
    for path in sorted(folder.glob("*.koinon")):
        program = Program(path.read_bytes())
        seen = json.loads(subprocess.run([koinon, "model", "inspect", path, "--json"], check=True, capture_output=True).stdout)
        wanted = [tuple(given["range"]) for part in seen["steps"] for given in part["gives"]]
        assert ranges(program)[len(program.inputs) :] == wanted, f"{path}: other ranges"
        count += 1
    print(f"{count} programs: the same ranges")


def arrays(program, blobs):
    return [np.frombuffer(b, dtype).reshape(shape) for b, (_, (dtype, shape), _, _, _) in zip(blobs, program.inputs, strict=True)]


def vectors(folder):
    count, kinds = 0, set()
    for block in (folder / "vectors.txt").read_text().strip().split("\n\n"):
        lines = [line.split(" ") for line in block.split("\n")]
        wanted = dict(line for line in lines if line[0] != "input")
        program = Program((folder / (wanted.pop("program") + ".koinon")).read_bytes())
        kinds |= {step.kind for step in program.steps}
        values, found = run(program, arrays(program, [bytes.fromhex(line[1][2:]) for line in lines if line[0] == "input"]))
        for number, (value, (low, high)) in enumerate(zip(values, ranges(program), strict=True)):
            assert low <= value.min() and value.max() <= high, f"value {number} leaves its range"
        for name, value in wanted.items():
            assert found[name] == value, f"{block.split()[1]}: {name} {found[name]} where {value} is committed"
        count += 1
    assert kinds == set(KINDS), f"no program has the kinds {set(KINDS) - kinds}"
    print(f"{count} programs of all {len(KINDS)} kinds: the same ids and roots")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "vectors":
        vectors(Path(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "bounds":
        bounds(Path(sys.argv[2]), sys.argv[3])
    elif len(sys.argv) >= 3 and sys.argv[1] == "run":
        program = Program(Path(sys.argv[2]).read_bytes())
        for name, value in run(program, arrays(program, [Path(p).read_bytes() for p in sys.argv[3:]]))[1].items():
            print(name, value)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
