#!/usr/bin/env python3
"""Times a model in ONNX Runtime, as it is and with 8-bit weights and activations, and prints one JSON object.

peer.py MODEL.onnx SAMPLES.npz THREADS     # needs onnx and onnxruntime from PyPI; never needed to build, test or run
"""
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Samples(CalibrationDataReader):
    def __init__(self, data):
        self.rest = iter([{"x": data[i : i + 1]} for i in range(len(data))])

    def get_next(self):
        return next(self.rest, None)


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def milliseconds(net, x):
    best, start = 1e9, time.perf_counter()
    for i in range(200):
        before = time.perf_counter()
        net.run(None, {"x": x})
        best = min(best, time.perf_counter() - before)
        if i >= 5 and time.perf_counter() - start > 2:
            break
    return best * 1000


def main():
    model, data, threads = pathlib.Path(sys.argv[1]), np.load(sys.argv[2])["x"], int(sys.argv[3])
    x = data[:1]
    plain = session(model, threads)
    want = plain.run(None, {"x": x})[0]
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder) / "int8.onnx"
        quantize_static(model, small, Samples(data), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        eight = session(small, threads)
        got = eight.run(None, {"x": x})[0]
        print(json.dumps({"threads": threads, "float_ms": milliseconds(plain, x), "int8_ms": milliseconds(eight, x),
                          "int8_relative_error": float(np.abs(got - want).max() / (want.max() - want.min()))}))


if __name__ == "__main__":
    main()
