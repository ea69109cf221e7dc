"""Times EZKL on the ONNX models of bench/proof, one line of JSON a model: what it takes, and how far its output is from the float model's.

  python3 peer.py [--fast] OUT_FOLDER NAME=MODEL.onnx...   needs: pip install ezkl onnx onnxruntime numpy

EZKL's usual settings calibrate for accuracy; --fast for resources. The reference string is made here (`gen_srs`), since EZKL would
download it; that time is not counted. Inputs are the same for every run: numpy's generator 7, uniform in [0, 1).
"""

import asyncio
import inspect
import json
import os
import resource
import sys
import time

import ezkl
import numpy
import onnx
import onnxruntime


async def settled(result):
    """The value of a call that may be asynchronous, which differs between versions."""
    return await result if inspect.isawaitable(result) else result


def fix_batch(source, target):
    """Writes the model with 1 for each unnamed or symbolic axis, and default strides written out, which EZKL asks for."""
    model = onnx.load(source)
    for node in model.graph.node:
        if node.op_type in ("Conv", "MaxPool", "AveragePool") and not any(a.name == "strides" for a in node.attribute):
            node.attribute.append(onnx.helper.make_attribute("strides", [1, 1]))
    for value in list(model.graph.input) + list(model.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if not axis.HasField("dim_value") or axis.dim_value < 1:
                axis.Clear()
                axis.dim_value = 1
    onnx.save(model, target)
    return [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim], model.graph.input[0].name


async def measure(name, source, folder, fast):
    os.makedirs(folder, exist_ok=True)
    path = lambda leaf: os.path.join(folder, f"{name}.{leaf}")
    shape, input_name = fix_batch(source, path("onnx"))
    x = numpy.random.default_rng(7).random(shape, dtype=numpy.float32)
    with open(path("input.json"), "w") as file:
        json.dump({"input_data": [x.flatten().tolist()]}, file)
    expected = onnxruntime.InferenceSession(path("onnx")).run(None, {input_name: x})[0].flatten()

    out = {"model": name, "settings": "fastest" if fast else "usual"}
    args = ezkl.PyRunArgs()
    args.input_visibility, args.output_visibility, args.param_visibility = "public", "public", "fixed"
    await settled(ezkl.gen_settings(path("onnx"), path("settings"), py_run_args=args))
    start = time.monotonic()
    await settled(ezkl.calibrate_settings(path("input.json"), path("onnx"), path("settings"), "resources" if fast else "accuracy"))
    out["calibrate_s"] = time.monotonic() - start
    await settled(ezkl.compile_circuit(path("onnx"), path("compiled"), path("settings")))
    with open(path("settings")) as file:
        out["logrows"] = json.load(file)["run_args"]["logrows"]
    srs = os.path.join(folder, f"srs{out['logrows']}")
    if not os.path.exists(srs):
        await settled(ezkl.gen_srs(srs, out["logrows"]))

    async def timed(what, call):
        start, cpu = time.monotonic(), time.process_time()
        result = await settled(call())
        out[what + "_s"], out[what + "_cpu_s"] = time.monotonic() - start, time.process_time() - cpu
        return result

    await timed("setup", lambda: ezkl.setup(path("compiled"), path("vk"), path("pk"), srs_path=srs))
    await timed("witness", lambda: ezkl.gen_witness(path("input.json"), path("compiled"), path("witness")))
    await timed("prove", lambda: ezkl.prove(path("witness"), path("compiled"), path("pk"), path("proof"), srs_path=srs))
    if not await timed("verify", lambda: ezkl.verify(path("proof"), path("settings"), path("vk"), srs_path=srs)):
        raise SystemExit(f"{name}: EZKL refuses its own proof")
    with open(path("proof")) as file:
        proof = json.load(file)
    out["proof_bytes"] = len(proof["hex_proof"]) // 2 - 1 if "hex_proof" in proof else len(proof["proof"])
    out["key_bytes"] = os.path.getsize(path("pk"))
    with open(path("witness")) as file:
        rescaled = json.load(file)["pretty_elements"]["rescaled_outputs"][0]
    given = numpy.array([float(v) for v in rescaled])
    out["largest_error"] = float(numpy.abs(given - expected).max() / max(numpy.abs(expected).max(), 1e-9))
    out["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return out


def main():
    rest = sys.argv[1:]
    fast = "--fast" in rest
    folder, *models = [a for a in rest if a != "--fast"]
    for model in models:
        name, source = model.split("=", 1)
        print(json.dumps(asyncio.run(measure(name, source, folder, fast))), flush=True)


if __name__ == "__main__":
    main()
