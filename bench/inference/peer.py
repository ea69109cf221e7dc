#!/usr/bin/env python3
"""Runs a model in ONNX Runtime, in float and with 8 bits, compares what bench_inference said about the same input, and prints a
row of a table.

peer.py MODEL.onnx SAMPLES.npz THREADS OURS8.json OURS16.json     # needs onnx and onnxruntime from PyPI

8 bits are the faster of static (activations too, per channel) and dynamic quantisation. No ratio is printed when our 8-bit outputs
differ from float by more than LIMIT of its range.
"""
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

LIMIT = 0.15


class Samples(CalibrationDataReader):
    def __init__(self, data):
        self.rest = iter([{"x": data[i : i + 1]} for i in range(len(data))])

    def get_next(self):
        return next(self.rest, None)


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def milliseconds(net, x):
    best, start = 1e9, time.perf_counter()
    for i in range(20000):
        before = time.perf_counter()
        net.run(None, {"x": x})
        best = min(best, time.perf_counter() - before)
        if i >= 5 and time.perf_counter() - start > 2:
            break
    return best * 1000


def eight_bits(model, data, threads, folder):
    out = []
    for name, quantise in (
        ("static", lambda to: quantize_static(model, to, Samples(data), quant_format=QuantFormat.QDQ, per_channel=True,
                                              activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)),
        ("dynamic", lambda to: quantize_dynamic(model, to, weight_type=QuantType.QInt8))):
        try:
            quantise(folder / f"{name}.onnx")
            out.append(session(folder / f"{name}.onnx", threads))
        except Exception:  # the peer refuses some models in one of the two ways
            continue
    return out


def main():
    model, data, threads = pathlib.Path(sys.argv[1]), np.load(sys.argv[2])["x"], int(sys.argv[3])
    ours = [json.loads(pathlib.Path(p).read_text()) for p in sys.argv[4:6]]
    x = data[:1]
    plain = session(model, threads)
    want = plain.run(None, {"x": x})[0]
    span = want.max() - want.min()

    def error(got):
        return float(np.abs(np.asarray(got).reshape(want.shape) - want).max() / span)

    with tempfile.TemporaryDirectory() as folder:
        small = eight_bits(model, data, threads, pathlib.Path(folder))
        times = [milliseconds(net, x) for net in small] or [float("inf")]
        peer_error = error(small[int(np.argmin(times))].run(None, {"x": x})[0]) if small else float("nan")
        theirs = [milliseconds(plain, x), min(times)]
    errors = [error(o["output"]) for o in ours]
    ratio = f"{min(theirs) / ours[0]['ms']:.2f}" if errors[0] <= LIMIT else "outputs differ"
    print(f"| {model.stem} | {threads} | {ours[0]['ms']:.4f} | {ours[0]['roots_ms']:.4f} | {ours[0]['traced_ms']:.3f} ({ours[0]['traced_ms'] / ours[0]['ms']:.2f}) | {ours[1]['ms']:.4f} "
          f"| {theirs[0]:.4f} | {theirs[1]:.4f} | {ratio} | {100 * errors[0]:.1f} % | {100 * peer_error:.1f} % |")


if __name__ == "__main__":
    main()
