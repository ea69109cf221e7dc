"""Which values of a program are inner: in no trace, because one later step alone reads them, element by element."""

MATMUL, CONV, LOOKUP = 1, 2, 7
# matmul, conv, add, sub, mul, requantise, lookup, compare, select, divide, isqrt, shift, reshape, transpose
MAKERS = {1, 2, 3, 4, 5, 6, 7, 12, 13, 16, 17, 18, 19, 20}
READERS = MAKERS - {MATMUL, CONV}
MOST_PARTS, MOST_SUMS = 8, 1


def inner_steps(program):
    """The numbers of the steps whose output is inner."""
    reads = [ref for step in program.steps for ref, _ in step.operands]
    shown = {ref for _, ref, _, _ in program.outputs}
    able = {}  # values that can be inner, and the steps that make them
    for number, step in enumerate(program.steps):
        if step.kind in MAKERS and len(step.outputs) == 1 and step.first not in shown and reads.count(step.first) == 1:
            able[step.first] = number
    found, parts, sums = set(), [], []
    for step in program.steps:
        part, total = 1, int(step.kind in (MATMUL, CONV))
        for place, (ref, _) in enumerate(step.operands):
            if ref not in able or step.kind not in READERS or (step.kind == LOOKUP and place > 0):
                continue
            maker = able[ref]
            if part + parts[maker] <= MOST_PARTS and total + sums[maker] <= MOST_SUMS:
                found.add(maker)
                part, total = part + parts[maker], total + sums[maker]
        parts.append(part)
        sums.append(total)
    return found
