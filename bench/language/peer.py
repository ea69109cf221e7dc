#!/usr/bin/env python3
"""Tokens a second of ONNX Runtime with a key-value cache, on the weights of a model folder in GPT-2's form.

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime tokenizers
    venv/bin/python bench/language/peer.py make DIR --layers 8 --width 512        # a model of random weights
    venv/bin/python bench/language/peer.py time DIR --prompt TEXT --tokens 100    # float and int8, one thread

Prints one JSON object a line: tokens a second, and the tokens, which `run` (the script beside) compares with ours.
"""
import argparse
import json
import shutil
import struct
import tempfile
import time
from pathlib import Path

import numpy as np

HARBOUR = Path(__file__).parents[2] / "examples/language/harbour"


def read_safetensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    types = {"F16": "<f2", "F32": "<f4"}
    out = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        begin, end = (8 + size + o for o in entry["data_offsets"])
        out[name] = np.frombuffer(raw[begin:end], types[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
    return out


def make(folder, layers, width, context, vocabulary):
    """A model of random weights with the tokeniser of examples/language."""
    rng = np.random.default_rng(1)
    heads = width // 64
    tensors = {"wte.weight": rng.normal(0, 0.3, (vocabulary, width)), "wpe.weight": rng.normal(0, 0.1, (context, width))}
    for i in range(layers):
        for name, shape in {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width), "mlp.c_fc": (width, 4 * width),
                            "mlp.c_proj": (4 * width, width)}.items():
            tensors[f"h.{i}.{name}.weight"] = rng.normal(0, 1 / np.sqrt(shape[0]), shape)
            tensors[f"h.{i}.{name}.bias"] = rng.normal(0, 0.05, shape[1])
        for name in ("ln_1", "ln_2"):
            tensors[f"h.{i}.{name}.weight"], tensors[f"h.{i}.{name}.bias"] = np.ones(width), np.zeros(width)
    tensors["ln_f.weight"], tensors["ln_f.bias"] = np.ones(width), np.zeros(width)
    folder.mkdir(exist_ok=True)
    header, data = {}, bytearray()
    for name in sorted(tensors):
        raw = tensors[name].astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    config = {"model_type": "gpt2", "n_layer": layers, "n_head": heads, "n_embd": width, "n_positions": context,
              "vocab_size": vocabulary, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "calibration.txt"):
        shutil.copy(HARBOUR / name, folder / name)


def graph_of(folder):
    """One run: ids [1, n] and the state so far to logits of the last token and the state."""
    from onnx import TensorProto, helper, numpy_helper

    c, w = json.loads((folder / "config.json").read_text()), read_safetensors(folder / "model.safetensors")
    heads, size = c["n_head"], c["n_embd"] // c["n_head"]
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(op, inputs, outputs=1, **attributes):
        names = [f"{op}_{len(nodes)}_{i}" for i in range(outputs)]
        nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def linear(x, name):
        y = add("MatMul", [x, constant(name + ".weight", w[name + ".weight"])])
        return add("Add", [y, constant(name + ".bias", w[name + ".bias"])])

    def norm(x, name):
        return add("LayerNormalization", [x, constant(name + ".weight", w[name + ".weight"]), constant(name + ".bias", w[name + ".bias"])],
                   axis=-1, epsilon=c["layer_norm_epsilon"])

    def f32(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def i64(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.INT64, shape)

    inputs, outputs = [i64("ids", [1, "n"]), i64("places", [1, "n"]), f32("mask", ["n", "t"])], [f32("logits", [1, "n", c["vocab_size"]])]
    split_shape, join_shape = constant("split_shape", np.array([1, -1, heads, size])), constant("join_shape", np.array([1, -1, heads * size]))
    x = add("Add", [add("Gather", [constant("wte", w["wte.weight"]), "ids"]), add("Gather", [constant("wpe", w["wpe.weight"]), "places"])])
    root = constant("root", np.float32(1 / np.sqrt(size)))
    for i in range(c["n_layer"]):
        h = f"h.{i}."
        parts = add("Split", [linear(norm(x, h + "ln_1"), h + "attn.c_attn")], 3, axis=2, num_outputs=3)
        q, k, v = (add("Transpose", [add("Reshape", [p, split_shape])], perm=[0, 2, 1, 3]) for p in parts)
        for kind, new in (("k", k), ("v", v)):
            inputs.append(f32(f"past_{kind}{i}", [1, heads, "p", size]))
            outputs.append(f32(f"{kind}{i}", [1, heads, "t", size]))
            nodes.append(helper.make_node("Concat", [f"past_{kind}{i}", new], [f"{kind}{i}"], axis=2))
        scores = add("Mul", [add("MatMul", [q, add("Transpose", [f"k{i}"], perm=[0, 1, 3, 2])]), root])
        mixed = add("MatMul", [add("Softmax", [add("Add", [scores, "mask"])], axis=-1), f"v{i}"])
        x = add("Add", [x, linear(add("Reshape", [add("Transpose", [mixed], perm=[0, 2, 1, 3]), join_shape]), h + "attn.c_proj")])
        y = add("Gelu", [linear(norm(x, h + "ln_2"), h + "mlp.c_fc")], approximate="tanh")
        x = add("Add", [x, linear(y, h + "mlp.c_proj")])
    nodes.append(helper.make_node("MatMul", [norm(x, "ln_f"), constant("head", w["wte.weight"].T)], ["logits"]))
    graph = helper.make_graph(nodes, "decode", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), c


def generate(session, c, prompt, tokens):
    """Greedy tokens and processor seconds (one thread): of the prompt, and of the tokens behind the first."""
    heads, size = c["n_head"], c["n_embd"] // c["n_head"]
    names = [o.name for o in session.get_outputs()]
    state = {f"past_{kind}{i}": np.zeros((1, heads, 0, size), np.float32) for i in range(c["n_layer"]) for kind in "kv"}

    def run(ids, at):
        n = len(ids)
        mask = np.triu(np.full((n, at + n), -1e9, np.float32), at + 1)
        out = session.run(names, {"ids": np.array([ids]), "places": np.arange(at, at + n)[None], "mask": mask, **state})
        for name, value in zip(names[1:], out[1:]):
            state["past_" + name] = value
        return int(out[0][0, -1].argmax())

    began = time.process_time()
    made = [run(prompt, 0)]
    first = time.process_time()
    for at in range(len(prompt), len(prompt) + tokens - 1):
        made.append(run([made[-1]], at))
    return made, first - began, time.process_time() - first


def measure(folder, prompt, tokens):
    import onnxruntime as ort
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tokenizers import Tokenizer

    import onnx

    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(prompt).ids
    with tempfile.TemporaryDirectory() as scratch:
        model, c = graph_of(folder)
        plain, narrow = Path(scratch) / "f32.onnx", Path(scratch) / "int8.onnx"
        onnx.save(model, plain)
        quantize_dynamic(plain, narrow, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
        for kind, path in (("float", plain), ("int8", narrow)):
            options = ort.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            best = min((generate(session, c, ids, tokens) for _ in range(3)), key=lambda r: r[2])
            print(json.dumps({"peer": f"onnxruntime {ort.__version__} {kind}", "tokens_per_second": (tokens - 1) / best[2],
                              "prompt_tokens_per_second": len(ids) / best[1], "generated": best[0]}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    maker, timer = commands.add_parser("make"), commands.add_parser("time")
    maker.add_argument("folder", type=Path)
    for name, otherwise in (("layers", 8), ("width", 512), ("context", 512), ("vocabulary", 8192)):
        maker.add_argument("--" + name, type=int, default=otherwise)
    timer.add_argument("folder", type=Path)
    timer.add_argument("--prompt", default="Mira was selling honey, and Tomas came to buy. ")
    timer.add_argument("--tokens", type=int, default=100)
    o = parser.parse_args()
    if o.command == "make":
        make(o.folder, o.layers, o.width, o.context, o.vocabulary)
    else:
        measure(o.folder, o.prompt, o.tokens)


if __name__ == "__main__":
    main()
