#!/usr/bin/env python3
"""Writes networks of common shapes with random weights (seeded), to time: what they compute does not matter, how much does.

models.py DIR: mlp, lenet, mobilenet (depthwise separable, 96 x 96), resnet (18 layers, 96 x 96).
Each is calibrated on DIR/NAME.npz, four random inputs.
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

    def save(self, folder, y, classes):
        self.nodes[-1].output[0] = "y"
        assert y == f"t{self.count}"
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, classes])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(model, folder / f"{self.name}.onnx")
        samples = self.random.uniform(0, 1, (4, *self.shape[1:])).astype(np.float32)
        np.savez(folder / f"{self.name}.npz", x=samples)


def mlp(folder):
    net = Net("mlp", [1, 784])
    x = net.op("Relu", net.dense("x", 512, 784))
    x = net.op("Relu", net.dense(x, 512, 512))
    net.save(folder, net.dense(x, 10, 512), 10)


def lenet(folder):
    net = Net("lenet", [1, 1, 28, 28])
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    x = net.op("MaxPool", net.op("Relu", net.conv("x", 6, 1, 5)), **pool)
    x = net.op("MaxPool", net.op("Relu", net.conv(x, 16, 6, 5)), **pool)
    x = net.op("Relu", net.dense(net.op("Flatten", x), 120, 784))
    net.save(folder, net.dense(net.op("Relu", net.dense(x, 84, 120)), 10, 84), 10)


def mobilenet(folder):
    net = Net("mobilenet", [1, 3, 96, 96])
    x, channels = net.op("Relu", net.conv("x", 32, 3, 3, 2)), 32
    for out, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (1024, 2)]:
        x = net.op("Relu", net.conv(x, channels, channels, 3, stride, channels))
        x, channels = net.op("Relu", net.conv(x, out, channels, 1)), out
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    net.save(folder, net.dense(x, 100, channels), 100)


def resnet(folder):
    net = Net("resnet", [1, 3, 96, 96])
    x, channels = net.op("Relu", net.conv("x", 64, 3, 3, 2)), 64
    for out, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        y = net.op("Relu", net.conv(x, out, channels, 3, stride))
        y = net.conv(y, out, out)
        short = x if (out, stride) == (channels, 1) else net.conv(x, out, channels, 1, stride)
        x, channels = net.op("Relu", net.op("Add", y, short)), out
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    net.save(folder, net.dense(x, 100, channels), 100)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for make in (mlp, lenet, mobilenet, resnet):
        make(target)
