#!/usr/bin/python3
"""Draws digits from fonts, trains the two example networks in plain numpy and writes them as ONNX.

    apt-get install python3-numpy python3-onnx python3-pil fonts-dejavu-extra fonts-liberation fonts-freefont-ttf
    OMP_NUM_THREADS=1 /usr/bin/python3 examples/train.py                    # own digits, writes examples/digits/
    /usr/bin/python3 examples/train.py --idx images.gz labels.gz -o DIR     # any data set in MNIST's file format

Building, testing and running Koinon need none of this: the results are committed.
"""
import argparse
import glob
import gzip
import struct
from pathlib import Path

import numpy as np

FONTS = "/usr/share/fonts/truetype/"
SIDE = 28


# ---- data -----------------------------------------------------------------------------------------------------------------


def font_files():
    families = ("dejavu/DejaVuS", "liberation/Liberation", "freefont/Free")
    files = sorted(f for family in families for f in glob.glob(FONTS + family + "*.ttf"))
    if len(files) < 10:
        raise SystemExit("fewer than ten fonts found: install fonts-dejavu-extra fonts-liberation fonts-freefont-ttf")
    return files


def smooth_noise(rng, strength):
    """A smooth displacement field: coarse Gaussian noise, interpolated."""
    from PIL import Image

    coarse = rng.normal(0, strength, (5, 5)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.BICUBIC))


def draw(digit, font_file, rng):
    """One distorted digit: [28, 28] uint8, white on black."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    big = 4 * SIDE
    image = Image.new("L", (big, big), 0)
    font = ImageFont.truetype(font_file, int(rng.uniform(72, 96)))
    stroke = int(rng.integers(0, 4))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = pen.textbbox((0, 0), str(digit), font=font, stroke_width=stroke)
    pen.text(((big - left - right) / 2, (big - top - bottom) / 2), str(digit), 255, font=font, stroke_width=stroke)

    angle, shear = np.deg2rad(rng.uniform(-12, 12)), rng.uniform(-0.2, 0.2)
    wide, high = rng.uniform(0.9, 1.15), rng.uniform(0.9, 1.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[wide, shear], [0, high]])
    centre = np.array([big / 2, big / 2])
    shift = centre - matrix @ (centre + rng.uniform(-6, 6, 2))
    image = image.transform((big, big), Image.AFFINE, (*matrix[0], shift[0], *matrix[1], shift[1]), Image.BICUBIC)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5))).resize((SIDE, SIDE), Image.BOX)

    pixels = np.asarray(image, np.float32)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    bend = rng.uniform(0.1, 0.8)
    y = np.clip(rows + smooth_noise(rng, bend), 0, SIDE - 1.001)
    x = np.clip(columns + smooth_noise(rng, bend), 0, SIDE - 1.001)
    r, c = y.astype(int), x.astype(int)
    fy, fx = y - r, x - c
    pixels = ((pixels[r, c] * (1 - fx) + pixels[r, c + 1] * fx) * (1 - fy)
              + (pixels[r + 1, c] * (1 - fx) + pixels[r + 1, c + 1] * fx) * fy)
    pixels = pixels * rng.uniform(0.7, 1.0) + rng.normal(0, rng.uniform(0, 12), pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def draw_set(count, fonts, rng):
    labels = rng.integers(0, 10, count)
    images = np.stack([draw(d, fonts[rng.integers(len(fonts))], rng) for d in labels])
    return images, labels.astype(np.uint8)


def read_idx(path):
    raw = gzip.open(path).read() if str(path).endswith(".gz") else Path(path).read_bytes()
    dims = struct.unpack(f">{raw[3]}I", raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(head + array.tobytes())


# ---- networks: each layer has forward(x, train) and backward(gradient) ---------------------------------------------------------


class Dense:
    def __init__(self, inputs, outputs, rng):
        self.w = rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.b

    def backward(self, g):
        self.dw, self.db = g.T @ self.x, g.sum(0)
        return g @ self.w


class Conv:
    """5x5 convolution, stride 1, with `pad` zeros on each side."""

    def __init__(self, inputs, outputs, pad, rng):
        self.w = rng.normal(0, np.sqrt(2 / (inputs * 25)), (outputs, inputs, 5, 5)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)
        self.pad = pad

    def forward(self, x):
        p = self.pad
        self.shape = x.shape
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (2, 3))
        n, c, h, w = windows.shape[:4]
        self.columns = np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(n * h * w, c * 25)
        y = self.columns @ self.w.reshape(len(self.w), -1).T + self.b
        return y.reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, g):
        n, k, h, w = g.shape
        flat = np.ascontiguousarray(g.transpose(0, 2, 3, 1)).reshape(-1, k)
        self.dw, self.db = (flat.T @ self.columns).reshape(self.w.shape), flat.sum(0)
        dcol = (flat @ self.w.reshape(k, -1)).reshape(n, h, w, -1, 5, 5)
        p = self.pad
        out = np.zeros((n, self.shape[1], h + 4, w + 4), np.float32)
        for i in range(5):
            for j in range(5):
                out[:, :, i:i + h, j:j + w] += dcol[..., i, j].transpose(0, 3, 1, 2)
        return out[:, :, p:p + self.shape[2], p:p + self.shape[3]]


class Relu:
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, g):
        return g * self.on


class MaxPool:
    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = blocks.max((3, 5))
        self.mask = blocks == y[:, :, :, None, :, None]
        return y

    def backward(self, g):
        spread = self.mask * g[:, :, :, None, :, None]
        n, c, h, _, w, _ = spread.shape
        return spread.reshape(n, c, 2 * h, 2 * w)


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, g):
        return g.reshape(self.shape)


def mlp(rng):
    return [Flatten(), Dense(784, 128, rng), Relu(), Dense(128, 10, rng)]


def lenet(rng):
    return [Conv(1, 6, 2, rng), Relu(), MaxPool(), Conv(6, 16, 0, rng), Relu(), MaxPool(), Flatten(),
            Dense(400, 120, rng), Relu(), Dense(120, 84, rng), Relu(), Dense(84, 10, rng)]


def forward(net, x):
    for layer in net:
        x = layer.forward(x)
    return x


def as_input(images):
    return (images.astype(np.float32) / 255).reshape(-1, 1, SIDE, SIDE)


def accuracy(net, images, labels):
    hits = sum((forward(net, as_input(images[i:i + 500])).argmax(1) == labels[i:i + 500]).sum()
               for i in range(0, len(images), 500))
    return hits / len(images)


def train(net, images, labels, epochs, rng, batch=64, rate=1e-3):
    """Adam with a cosine schedule on the cross-entropy."""
    weights = [layer for layer in net if hasattr(layer, "w")]
    moments = [[np.zeros_like(p) for p in (l.w, l.w, l.b, l.b)] for l in weights]
    steps = epochs * (len(images) // batch)
    step = 0
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        total = 0.0
        for at in range(0, len(images) - batch + 1, batch):
            step += 1
            pick = order[at:at + batch]
            z = forward(net, as_input(images[pick]))
            z = z - z.max(1, keepdims=True)
            p = np.exp(z)
            p /= p.sum(1, keepdims=True)
            total -= np.log(p[np.arange(batch), labels[pick]] + 1e-9).mean()
            g = p
            g[np.arange(batch), labels[pick]] -= 1
            g /= batch
            for layer in reversed(net):
                g = layer.backward(g)
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps)) * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for layer, (m1, v1, m2, v2) in zip(weights, moments):
                for value, grad, m, v in ((layer.w, layer.dw + 1e-4 * layer.w, m1, v1), (layer.b, layer.db, m2, v2)):
                    m += 0.1 * (grad - m)
                    v += 0.001 * (grad * grad - v)
                    value -= (now * m / (np.sqrt(v) + 1e-8)).astype(np.float32)
        print(f"  epoch {epoch + 1}/{epochs}: loss {total * batch / len(images):.4f}", flush=True)


# ---- ONNX -------------------------------------------------------------------------------------------------------------------


def write_onnx(net, name, path):
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, weights, value = [], [], "image"
    for i, layer in enumerate(net):
        kind = type(layer).__name__
        last = i == len(net) - 1
        out = "logits" if last else f"{kind.lower()}_{i}"
        if hasattr(layer, "w"):
            weights += [numpy_helper.from_array(layer.w, f"w{i}"), numpy_helper.from_array(layer.b, f"b{i}")]
            inputs = [value, f"w{i}", f"b{i}"]
        else:
            inputs = [value]
        operator, attributes = {
            "Dense": ("Gemm", {"transB": 1}),
            "Conv": ("Conv", {"kernel_shape": [5, 5], "pads": [getattr(layer, "pad", 0)] * 4}),
            "Relu": ("Relu", {}),
            "MaxPool": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
            "Flatten": ("Flatten", {}),
        }[kind]
        nodes.append(helper.make_node(operator, inputs, [out], f"{kind.lower()}_{i}", **attributes))
        value = out
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, name, [image], [logits], weights)
    model = helper.make_model(graph, producer_name="koinon-examples", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    checker.check_model(model)
    Path(path).write_bytes(model.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "digits")
    parser.add_argument("--idx", nargs=2, metavar=("IMAGES", "LABELS"), help="train on these instead of drawn digits")
    parser.add_argument("--train", type=int, default=30000, help="digits to draw for training")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    if args.idx:
        images, labels = read_idx(args.idx[0]), read_idx(args.idx[1])
        order = rng.permutation(len(images))
        images, labels = images[order], labels[order]
        cut = len(images) * 4 // 5
        test_images, test_labels, images, labels = images[cut:], labels[cut:], images[:cut], labels[:cut]
        prefix = "mnist"
    else:
        fonts = font_files()
        images, labels = draw_set(args.train, fonts, rng)
        test_images, test_labels = draw_set(1000, fonts, rng)
        prefix = "digits"
    write_idx(args.out / "test-images.idx3.gz", test_images)
    write_idx(args.out / "test-labels.idx1.gz", test_labels)
    print(f"{len(images)} training and {len(test_images)} test images", flush=True)
    if not args.idx:
        from PIL import Image

        for digit in range(10):
            Image.fromarray(test_images[np.flatnonzero(test_labels == digit)[0]]).save(args.out / f"digit-{digit}.png")
    for name, make in (("mlp", mlp), ("lenet", lenet)):
        net = make(rng)
        print(name, flush=True)
        train(net, images, labels, args.epochs, rng)
        print(f"  accuracy: train {accuracy(net, images, labels):.4f}, test {accuracy(net, test_images, test_labels):.4f}", flush=True)
        write_onnx(net, f"{prefix}-{name}", args.out / f"{prefix}-{name}.onnx")


if __name__ == "__main__":
    main()
