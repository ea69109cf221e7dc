"""The proved range of every value."""
import math

import numpy as np

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
