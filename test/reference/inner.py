"""Which values of a program are inner: in no trace, because one later step alone reads them, few elements for each of its own."""
import math

MATMUL, CONV, LOOKUP, REDUCE, GATHER, CONCAT, PAD = 1, 2, 7, 8, 14, 22, 23
NEVER = {8, 9, 10, 11, 15}  # reduce, prefix_sum, argmax, topk, scatter
MOST_PARTS, MOST_SUMS, MOST_ROW_BYTES = 24, 10, 40960


def elements_read(step, place):
    """Of the operand, for one element of the output; 0 when it is kept."""
    shapes = [info[1] for _, info in step.operands]
    if step.kind == CONV:
        return math.prod(shapes[1][1:]) if place == 0 and shapes[1][-1] == 1 else 0
    if step.kind == REDUCE:
        return math.prod(step.params[1 : 1 + len(shapes[0])])
    if step.kind in NEVER | {MATMUL} or (step.kind in (LOOKUP, GATHER) and place > 0):
        return 0
    if step.kind in (PAD, CONCAT):
        return 1
    return int(math.prod(shapes[place]) >= math.prod(step.outputs[0][1]))


def own_effort(step):
    """Parts, sums and bytes of the rows multiplied in one element, before those of inner operands."""
    if step.kind not in (MATMUL, CONV):
        return 1, 0, 0
    (x, _), (w, shape) = (info for _, info in step.operands[:2])
    return 1, 1, (shape[-1] if step.kind == MATMUL else math.prod(shape[1:])) * (x.itemsize + w.itemsize)


def inner_steps(program):
    """The numbers of the steps whose output is inner."""
    reads = [ref for step in program.steps for ref, _ in step.operands]
    shown = {ref for _, ref, _, _ in program.outputs}
    able = {}  # values that can be inner, and the steps that make them
    for number, step in enumerate(program.steps):
        if step.kind not in NEVER and len(step.outputs) == 1 and step.first not in shown and reads.count(step.first) == 1:
            able[step.first] = number
    found, efforts = set(), []
    for step in program.steps:
        effort = own_effort(step)
        for place, (ref, _) in enumerate(step.operands):
            times = elements_read(step, place) if ref in able else 0
            if not times:
                continue
            parts, sums, rows = more = tuple(a + times * b for a, b in zip(effort, efforts[able[ref]]))
            if parts <= MOST_PARTS and sums <= MOST_SUMS and (sums <= 1 or rows <= MOST_ROW_BYTES):
                found.add(able[ref])
                effort = more
        efforts.append(effort)
    return found
