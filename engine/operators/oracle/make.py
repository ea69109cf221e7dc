#!/usr/bin/env python3
"""Writes sampling.json: what ONNX's reference implementation makes of DeformConv, AffineGrid, Col2Im and CenterCropPad.

Needs the package onnx (made with 1.23.2) and numpy; the test reads the numbers alone. Run: make.py > sampling.json
"""
import json
import sys

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

random = np.random.RandomState(7)
cases = []


def normal(*shape):
    return np.round(random.randn(*shape), 3).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def case(op, opset, inputs, **attributes):
    """One node of which the first input varies; None is an input that is left out."""
    names = ["" if v is None else f"i{i}" for i, v in enumerate(inputs)]
    kind = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
    given = [(n, v) for n, v in zip(names, inputs) if v is not None]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)], op,
        [helper.make_tensor_value_info(n, kind[v.dtype], v.shape) for n, v in given],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    y = ReferenceEvaluator(model).run(None, dict(given))[0]

    def numbers(v):
        plain = v.astype(np.float64).flatten().tolist()
        return {"shape": list(v.shape), "whole": v.dtype == np.int64, "data": [float(f"{x:.7g}") for x in plain]}

    cases.append({"op": op, "opset": opset, "inputs": [None if v is None else numbers(v) for v in inputs],
                  "attributes": attributes,
                  "output": numbers(np.asarray(y, np.float32))})


def deform(n, c, out, size, kernel, groups=1, offsets=1, mask=True, bias=True, **attributes):
    strides = attributes.get("strides", [1, 1])
    pads = attributes.get("pads", [0] * 4)
    dilations = attributes.get("dilations", [1, 1])
    places = [(size[i] + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in range(2)]
    taps = offsets * kernel[0] * kernel[1]
    case("DeformConv", 19,
         [normal(n, c, *size), normal(out, c // groups, *kernel), 1.5 * normal(n, 2 * taps, *places),
          normal(out) if bias else None, np.abs(normal(n, taps, *places)) if mask else None],
         kernel_shape=kernel, group=groups, offset_group=offsets, strides=strides, pads=pads, dilations=dilations)


deform(1, 1, 1, [4, 4], [2, 2])
deform(1, 2, 3, [4, 5], [3, 2], pads=[1, 0, 1, 1], mask=False)
deform(2, 4, 2, [5, 4], [2, 2], groups=2, strides=[2, 1], bias=False)
deform(1, 4, 4, [5, 5], [3, 3], offsets=2, pads=[1, 1, 1, 1], strides=[2, 2])
deform(1, 2, 2, [6, 6], [2, 3], offsets=2, dilations=[2, 2], pads=[1, 2, 0, 1])

turn = np.array([[[0.8, -0.6, 0.25], [0.6, 0.8, -0.5]]], np.float32)
for size in ((1, 1, 2, 3), (1, 2, 4, 4), (1, 1, 1, 5)):
    for corners in (0, 1) if 1 not in size[2:] else (0,):  # the reference divides by size - 1
        case("AffineGrid", 20, [turn, ints(*size)], align_corners=corners)
for corners in (0, 1):
    case("AffineGrid", 20, [normal(2, 3, 4), ints(2, 1, 2, 3, 2)], align_corners=corners)


def columns(n, c, image, block, **attributes):
    places = 1
    for i, size in enumerate(image):
        strides, dilations = attributes.get("strides", [1] * 3)[i], attributes.get("dilations", [1] * 3)[i]
        pads = attributes.get("pads", [0] * (2 * len(image)))
        span = size + pads[i] + pads[i + len(image)] - dilations * (block[i] - 1) - 1
        places *= span // strides + 1
    case("Col2Im", 18, [normal(n, c * int(np.prod(block)), places), ints(*image), ints(*block)], **attributes)


columns(1, 1, [5, 5], [2, 3])
columns(2, 2, [4, 6], [2, 2], strides=[2, 2])
columns(1, 2, [5, 5], [3, 3], pads=[1, 1, 1, 1])
columns(1, 1, [6, 6], [2, 2], dilations=[2, 3], pads=[0, 1, 1, 2])
columns(1, 1, [3, 4, 3], [2, 2, 2])
columns(1, 3, [5], [3], strides=[2], pads=[1, 1])

case("CenterCropPad", 18, [normal(5, 6), ints(3, 4)])
case("CenterCropPad", 18, [normal(5, 6), ints(8, 7)])
case("CenterCropPad", 18, [normal(4, 7, 3), ints(7, 2, 6)])
case("CenterCropPad", 18, [normal(3, 5, 4), ints(2, 7)], axes=[0, 2])
case("CenterCropPad", 18, [normal(3, 5, 4), ints(8)], axes=[-2])

text = json.dumps({"cases": cases}, separators=(",", ":"))
sys.stdout.write(text.replace('{"op"', '\n{"op"') + "\n")
