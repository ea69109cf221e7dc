"""Which values of a program are inner: in no trace, because one later step alone reads them, few elements for each of its own."""
import math

MATMUL, CONV, LOOKUP, GATHER, CONCAT, PAD = 1, 2, 7, 14, 22, 23
NEVER = {8, 9, 10, 11, 15}  # reduce, prefix_sum, argmax, topk, scatter
MOST_PARTS, MOST_SUMS = 12, 2


def elements_read(step, place):
    """Of the operand, for one element of the output; 0 when it is kept."""
    if step.kind in NEVER | {MATMUL, CONV} or (step.kind in (LOOKUP, GATHER) and place > 0):
        return 0
    if step.kind in (PAD, CONCAT):
        return 1
    return int(math.prod(step.operands[place][1][1]) >= math.prod(step.outputs[0][1]))


def inner_steps(program):
    """The numbers of the steps whose output is inner."""
    reads = [ref for step in program.steps for ref, _ in step.operands]
    shown = {ref for _, ref, _, _ in program.outputs}
    able = {}  # values that can be inner, and the steps that make them
    for number, step in enumerate(program.steps):
        if step.kind not in NEVER and len(step.outputs) == 1 and step.first not in shown and reads.count(step.first) == 1:
            able[step.first] = number
    found, parts, sums = set(), [], []
    for step in program.steps:
        part, total = 1, int(step.kind in (MATMUL, CONV))
        for place, (ref, _) in enumerate(step.operands):
            if ref not in able or not elements_read(step, place):
                continue
            maker, times = able[ref], elements_read(step, place)
            if part + times * parts[maker] <= MOST_PARTS and total + times * sums[maker] <= MOST_SUMS:
                found.add(maker)
                part, total = part + times * parts[maker], total + times * sums[maker]
        parts.append(part)
        sums.append(total)
    return found
