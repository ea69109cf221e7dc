#!/usr/bin/env python3
"""Runs both sides in turn, checks that they take the same steps, and prints samples a second side by side.

    table.py KOINON_BENCH PYTHON FOLDER     PYTHON with torch; "-": no peer. Writes FOLDER/curves.svg.
"""
import json
import os
import subprocess
import sys

STEPS = {"mlp": 400, "lenet": 150, "resnet": 40, "transformer": 40}
ROUNDS = 3
FIRST = 10  # steps whose losses must agree
HERE = "bench/training"
THREADS = os.environ.get("KOINON_THREADS", "2")
# On one thread nobody waits spinning for another, so that processor time tells speeds apart even where other work runs.
SPEED = "samples_per_second" if THREADS != "1" else "samples_per_processor_second"


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def best(runs):
    return max(runs, key=lambda r: r[SPEED])


def curves(folder, results):
    """Losses of both, one chart a net."""
    width, height, parts = 380, 220, []
    for i, (name, ours, theirs) in enumerate(results):
        left, top = 20 + i % 2 * (width + 20), 40 + i // 2 * (height + 50)
        most = max(ours["losses"] + theirs["losses"])
        parts.append(f'<text x="{left}" y="{top - 8}">{name}: loss over {len(ours["losses"])} steps, at most {most:.2f}</text>')
        parts.append(f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#cccccc"/>')
        for run_, colour, wide in ((theirs, "#e08a2e", 4), (ours, "#2a5db0", 1.4)):
            points = " ".join(f"{left + width * s / len(run_['losses']):.1f},{top + height * (1 - loss / most):.1f}"
                              for s, loss in enumerate(run_["losses"]))
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="{wide}" points="{points}"/>')
    key = '<text x="20" y="16"><tspan fill="#2a5db0">Koinon</tspan> over <tspan fill="#e08a2e">PyTorch</tspan></text>'
    with open(f"{folder}/curves.svg", "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 580" font-family="sans-serif" font-size="13">'
                   f'<rect width="100%" height="100%" fill="#ffffff"/>{key}{"".join(parts)}</svg>\n')


def main():
    bench, python, folder = sys.argv[1:4]
    results = []
    print(f"{THREADS} threads, {SPEED.replace('_', ' ')}")
    print(f"{'net':<12} {'koinon/s':>10} {'torch/s':>10} {'ratio':>6}  {'roots':>6}")
    for name, steps in STEPS.items():
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(run(bench, "time", name, str(steps), THREADS))
            if python != "-":
                theirs.append(run(python, f"{HERE}/peer.py", folder, name, str(steps), THREADS))
        mine = best(ours)
        roots = f"{100 * mine['root_share']:.1f} %"
        if not theirs:
            print(f"{name:<12} {mine[SPEED]:>10.0f} {'':>10} {'':>6}  {roots:>6}")
            continue
        peer = best(theirs)
        off = max(abs(a - b) / max(b, 0.1) for a, b in zip(mine["losses"][:FIRST], peer["losses"][:FIRST]))
        if off > 0.01:
            print(f"{name:<12} losses of the first {FIRST} steps differ by {100 * off:.1f} %: no ratio")
            continue
        results.append((name, mine, peer))
        ratio = mine[SPEED] / peer[SPEED]
        print(f"{name:<12} {mine[SPEED]:>10.0f} {peer[SPEED]:>10.0f} {ratio:>6.2f}  {roots:>6}   "
              f"losses agree to {100 * off:.3f} %; after {steps} steps {mine['losses'][-1]:.4f} and {peer['losses'][-1]:.4f}")
    if results:
        curves(folder, results)
        print(f"torch {results[0][2]['version']}; {folder}/curves.svg")


main()
