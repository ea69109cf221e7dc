"""The bytes of a .koinon file."""
import math
import struct

import numpy as np

from hashes import STEPS, TABLES, TENSOR, WEIGHTS, byte_tree_roots, keccak, list_root
from inner import inner_steps

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
        head = read.number("B")
        self.kind, self.inner = head & 0x7F, head >= 0x80
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
        assert version == 2, "another version"
        self.texts = [read.blob().decode() for _ in range(4)]
        io = read.blob()
        self.describe(Reader(io))
        bodies = [read.blob() for _ in range(read.number("I"))]
        self.steps = [Step(body) for body in bodies]
        marked = {number for number, step in enumerate(self.steps) if step.inner}
        assert marked == inner_steps(self), "other steps are marked as inner than the rule says"
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
