#!/usr/bin/env python3
"""Writes networks of common shapes with random weights (seeded), to time: what they compute does not matter, how much does.

models.py DIR: mlp, lenet, mobilenet (depthwise separable, 96 x 96), mobilenet224 and mobilenetv2 (as published, 224 x 224), resnet (18
layers, 96 x 96), nanogpt (4 layers of 128, 64 tokens),
lstm (128 wide, 32 steps). Each is calibrated on DIR/NAME.npz, four random inputs.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    def __init__(self, name, shape):
        self.name, self.shape = name, shape
        self.random = np.random.default_rng(7)
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, *shape):
        fan_in = int(np.prod(shape[1:])) or 1
        data = self.random.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(data, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"t{self.count}"], **attributes))
        return f"t{self.count}"

    def conv(self, x, out, into, kernel=3, stride=1, group=1):
        pad = kernel // 2
        w, b = self.weight(out, into // group, kernel, kernel), self.weight(out)
        return self.op("Conv", x, w, b, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def dense(self, x, out, into):
        return self.op("Gemm", x, self.weight(out, into), self.weight(out), transB=1)

    def constant(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def six(self):
        """The ends of ReLU6."""
        return self.constant(np.float32(0)), self.constant(np.float32(6))

    def linear(self, x, out, into):
        data = self.random.normal(0, into ** -0.5, (into, out)).astype(np.float32)
        return self.op("Add", self.op("MatMul", x, self.constant(data)), self.constant(np.zeros(out, np.float32)))

    def save(self, folder, y, shape, opset=13, tokens=0):
        self.nodes[-1].output[0] = "y"
        assert y == f"t{self.count}"
        kind = TensorProto.INT64 if tokens else TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("x", kind, self.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, folder / f"{self.name}.onnx")
        size = (4, *self.shape[1:])
        samples = self.random.integers(0, tokens, size) if tokens else self.random.uniform(0, 1, size).astype(np.float32)
        np.savez(folder / f"{self.name}.npz", x=samples)


def mlp(folder):
    net = Net("mlp", [1, 784])
    x = net.op("Relu", net.dense("x", 512, 784))
    x = net.op("Relu", net.dense(x, 512, 512))
    net.save(folder, net.dense(x, 10, 512), [1, 10])


def lenet(folder):
    net = Net("lenet", [1, 1, 28, 28])
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    x = net.op("MaxPool", net.op("Relu", net.conv("x", 6, 1, 5)), **pool)
    x = net.op("MaxPool", net.op("Relu", net.conv(x, 16, 6, 5)), **pool)
    x = net.op("Relu", net.dense(net.op("Flatten", x), 120, 784))
    net.save(folder, net.dense(net.op("Relu", net.dense(x, 84, 120)), 10, 84), [1, 10])


def mobilenet(folder, name="mobilenet", size=96, middle=2, last=1, classes=100):
    net = Net(name, [1, 3, size, size])
    x, channels = net.op("Relu", net.conv("x", 32, 3, 3, 2)), 32
    start = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    for out, stride in start + [(512, 1)] * middle + [(1024, 2)] + [(1024, 1)] * (last - 1):
        x = net.op("Relu", net.conv(x, channels, channels, 3, stride, channels))
        x, channels = net.op("Relu", net.conv(x, out, channels, 1)), out
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    net.save(folder, net.dense(x, classes, channels), [1, classes])


def mobilenet224(folder):
    """MobileNet v1 (Howard et al., 2017, table 1): 569 million products."""
    mobilenet(folder, "mobilenet224", 224, 5, 2, 1000)


def mobilenetv2(folder):
    """MobileNet v2 (Sandler et al., 2018, table 2): 300 million products."""
    net = Net("mobilenetv2", [1, 3, 224, 224])
    x, channels = net.op("Clip", net.conv("x", 32, 3, 3, 2), *net.six()), 32
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for factor, out, times, stride in table:
        for i in range(times):
            step, y, wide = stride if i == 0 else 1, x, channels * factor
            if factor != 1:
                y = net.op("Clip", net.conv(y, wide, channels, 1), *net.six())
            y = net.op("Clip", net.conv(y, wide, wide, 3, step, wide), *net.six())
            y = net.conv(y, out, wide, 1)
            x, channels = net.op("Add", x, y) if (channels, step) == (out, 1) else y, out
    x = net.op("Clip", net.conv(x, 1280, channels, 1), *net.six())
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    net.save(folder, net.dense(x, 1000, 1280), [1, 1000])


def resnet(folder):
    net = Net("resnet", [1, 3, 96, 96])
    x, channels = net.op("Relu", net.conv("x", 64, 3, 3, 2)), 64
    for out, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        y = net.op("Relu", net.conv(x, out, channels, 3, stride))
        y = net.conv(y, out, out)
        short = x if (out, stride) == (channels, 1) else net.conv(x, out, channels, 1, stride)
        x, channels = net.op("Relu", net.op("Add", y, short)), out
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    net.save(folder, net.dense(x, 100, channels), [1, 100])


def attention(net, x, width, heads, length):
    parts = net.op("Split", net.linear(x, 3 * width, width), net.constant(np.array([width] * 3, np.int64)), axis=2)
    net.nodes[-1].output[:] = [f"{parts}{i}" for i in "qkv"]
    shape = net.constant(np.array([1, length, heads, width // heads], np.int64))
    q, v = [net.op("Transpose", net.op("Reshape", parts + i, shape), perm=[0, 2, 1, 3]) for i in "qv"]
    k = net.op("Transpose", net.op("Reshape", parts + "k", shape), perm=[0, 2, 3, 1])
    scores = net.op("Mul", net.op("MatMul", q, k), net.constant(np.float32((width // heads) ** -0.5)))
    mask = np.where(np.tril(np.ones((length, length))) > 0, 0, -np.inf).astype(np.float32)
    weights = net.op("Softmax", net.op("Add", scores, net.constant(mask)), axis=-1)
    mixed = net.op("Transpose", net.op("MatMul", weights, v), perm=[0, 2, 1, 3])
    return net.linear(net.op("Reshape", mixed, net.constant(np.array([1, length, width], np.int64))), width, width)


def nanogpt(folder, width=128, heads=4, length=64, words=65):
    net = Net("nanogpt", [1, length])
    table = net.random.normal(0, 1, (words, width)).astype(np.float32)
    x = net.op("Gather", net.constant(table), "x")
    x = net.op("Add", x, net.constant(net.random.normal(0, 1, (length, width)).astype(np.float32)))

    def norm(v):
        return net.op("LayerNormalization", v, net.constant(np.ones(width, np.float32)), net.constant(np.zeros(width, np.float32)), axis=-1)

    for _ in range(4):
        x = net.op("Add", x, attention(net, norm(x), width, heads, length))
        h = net.linear(norm(x), 4 * width, width)
        erf = net.op("Erf", net.op("Mul", h, net.constant(np.float32(0.5 ** 0.5))))
        h = net.op("Mul", net.op("Mul", h, net.op("Add", erf, net.constant(np.float32(1)))), net.constant(np.float32(0.5)))
        x = net.op("Add", x, net.linear(h, width, 4 * width))
    y = net.op("MatMul", norm(x), net.constant(net.random.normal(0, width ** -0.5, (width, words)).astype(np.float32)))
    net.save(folder, y, [1, length, words], 17, words)


def lstm(folder, steps=32, into=64, width=128):
    net = Net("lstm", [1, steps, into])
    x = net.op("Transpose", "x", perm=[1, 0, 2])
    weights = [net.constant(net.random.normal(0, 1.5 * n ** -0.5, (1, 4 * width, n)).astype(np.float32)) for n in (into, width)]
    out = net.op("LSTM", x, *weights, net.constant(np.zeros((1, 8 * width), np.float32)), hidden_size=width)
    net.nodes[-1].output[:] = ["", out]
    last = net.op("Reshape", out, net.constant(np.array([1, width], np.int64)))
    net.save(folder, net.dense(last, 10, width), [1, 10])


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for make in (mlp, lenet, mobilenet, mobilenet224, mobilenetv2, resnet, nanogpt, lstm):
        make(target)
