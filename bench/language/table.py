#!/usr/bin/env python3
"""Reads the lines of one model and prints speeds, the tokens that are the same as the peer's, and ratios.

A ratio is printed when the peer in float generates the same tokens at least as far as the first 8: then both did the same work.
"""
import json
import sys


def same(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


lines = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
peers = {line["peer"].split()[-1]: line for line in lines if "peer" in line}
for line in lines:
    name = line.get("peer") or "koinon " + line["koinon"]
    text = f"{name:36} {line['tokens_per_second']:9.0f} tokens/s {line['prompt_tokens_per_second']:9.0f} of prompt"
    if "koinon" in line and "float" in peers:
        agree = same(line["generated"], peers["float"]["generated"])
        text += f"   first {agree} tokens as float"
        if agree >= 8:
            fastest = max(peers.values(), key=lambda p: p["tokens_per_second"])
            text += f", ratio {line['tokens_per_second'] / fastest['tokens_per_second']:.2f}"
    print(text)
