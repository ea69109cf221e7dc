#!/usr/bin/env python3
"""A second executor of Koinon programs, in Python and numpy, written to docs/engine.md.

    reference.py vectors FOLDER            check the programs and vectors.txt of a folder of golden vectors
    reference.py bounds FOLDER KOINON      the same ranges as `KOINON model inspect` finds for each program of a folder
    reference.py run FILE [INPUT.bin ...]  run a program on raw little-endian inputs; print its id and roots

It is slow, shares no code with the engine, and is there to find what the specification leaves unsaid.
"""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from program import Program
from ranges import ranges
from steps import KINDS, run


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
