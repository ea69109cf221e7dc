#!/usr/bin/env python3
"""Exports networks that the engine was not made with, one folder each with network.onnx and input.json, as accuracy.cpp takes them.

    others.py FOLDER      needs torch, torchvision, onnx, onnxscript, xgboost, scikit-learn, skl2onnx and onnxmltools from PyPI
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision.models as models
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def twice(i, o):
            first = [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]
            return nn.Sequential(*first, nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

        self.a, self.b, self.middle = twice(3, 8), twice(8, 16), twice(16, 32)
        self.up, self.resize = nn.ConvTranspose2d(32, 16, 2, 2), nn.Upsample(scale_factor=2, mode="bilinear")
        self.c, self.d, self.out = twice(32, 16), twice(24, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        y = self.c(torch.cat([self.up(self.middle(F.max_pool2d(b, 2))), b], 1))
        return torch.sigmoid(self.out(self.d(torch.cat([self.resize(y), a], 1))))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.net = kind(12, 24, 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 5)

    def forward(self, x):
        return self.out(self.net(x)[0][:, -1])


class Causal(nn.Module):
    """Dilated causal convolutions with weight norm."""

    def __init__(self):
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.layers = nn.ModuleList(norm(nn.Conv1d(8 if i == 0 else 24, 24, 3, dilation=2**i)) for i in range(4))
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            y = F.gelu(layer(F.pad(x, (2 * 2**i, 0))))
            x = y + x if y.shape == x.shape else y
        return F.log_softmax(self.out(x[:, :, -1]), -1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        down = [nn.Conv2d(1, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.SiLU()]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(16 * 49, 12))
        up = [nn.ConvTranspose2d(16, 8, 3, 2, 1, 1), nn.PReLU(), nn.ConvTranspose2d(8, 1, 3, 2, 1, 1), nn.Tanh()]
        self.decoder = nn.Sequential(nn.Linear(12, 16 * 49), nn.Unflatten(1, (16, 7, 7)), *up)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), z


class Block(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads, self.first, self.second = heads, nn.LayerNorm(size), nn.LayerNorm(size)
        self.all, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(approximate="tanh"), nn.Linear(4 * size, size))

    def forward(self, x):
        batch, length, size = x.shape
        parts = self.all(self.first(x)).split(size, 2)
        q, k, v = (p.view(batch, length, self.heads, size // self.heads).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
        x = x + self.out(y)
        return x + self.mlp(self.second(x))


class Gpt(nn.Module):
    def __init__(self, words=96, size=64, length=24):
        super().__init__()
        self.words, self.places = nn.Embedding(words, size), nn.Embedding(length, size)
        self.blocks = nn.Sequential(*[Block(size, 4) for _ in range(3)])
        self.norm, self.out = nn.LayerNorm(size), nn.Linear(size, words, bias=False)

    def forward(self, tokens):
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.out(self.norm(self.blocks(x)))


class RootMeanSquare(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size) + 0.5)

    def forward(self, x):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * self.weight


class Llama(nn.Module):
    """One block with rotary places, two queries a key, and a gated MLP."""

    def __init__(self, size=48, heads=4, length=16, words=80):
        super().__init__()
        self.heads, self.words = heads, nn.Embedding(words, size)
        self.first, self.second = RootMeanSquare(size), RootMeanSquare(size)
        self.q, self.o = nn.Linear(size, size, False), nn.Linear(size, size, False)
        self.k, self.v = nn.Linear(size, size // 2, False), nn.Linear(size, size // 2, False)
        self.gate, self.up = nn.Linear(size, 2 * size, False), nn.Linear(size, 2 * size, False)
        self.down, self.out = nn.Linear(2 * size, size, False), nn.Linear(size, words, False)
        each = size // heads
        angles = torch.outer(torch.arange(length).float(), 1 / 10000 ** (torch.arange(0, each, 2) / each))
        self.register_buffer("cos", torch.cos(angles).repeat(1, 2))
        self.register_buffer("sin", torch.sin(angles).repeat(1, 2))

    def turned(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([-b, a], -1) * self.sin

    def forward(self, tokens):
        x = self.words(tokens)
        batch, length, size = x.shape
        y, each = self.first(x), size // self.heads
        q = self.turned(self.q(y).view(batch, length, self.heads, each).transpose(1, 2))
        k = self.turned(self.k(y).view(batch, length, self.heads // 2, each).transpose(1, 2)).repeat_interleave(2, 1)
        v = self.v(y).view(batch, length, self.heads // 2, each).transpose(1, 2).repeat_interleave(2, 1)
        mask = torch.full((length, length), float("-inf")).triu(1)
        seen = torch.softmax(q @ k.transpose(-1, -2) / each**0.5 + mask, -1) @ v
        x = x + self.o(seen.transpose(1, 2).reshape(x.shape))
        y = self.second(x)
        return self.out(x + self.down(F.silu(self.gate(y)) * self.up(y)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
        self.words, self.net = nn.Embedding(64, 32), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(32, 3)

    def forward(self, tokens, mask):
        return self.out(self.net(self.words(tokens) * mask.unsqueeze(-1)).mean(1))


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.users, self.items = nn.Embedding(50, 8), nn.Embedding(70, 8)
        self.mlp = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, user, item, more):
        return self.mlp(torch.cat([self.users(user), self.items(item), more], -1))


class Style(nn.Module):
    def __init__(self):
        super().__init__()
        first = [nn.ReflectionPad2d(2), nn.Conv2d(3, 12, 5), nn.InstanceNorm2d(12, affine=True), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*first, nn.PixelShuffle(2), nn.Conv2d(3, 3, 3, padding=1), nn.Hardswish())

    def forward(self, x):
        return F.interpolate(self.net(x), scale_factor=0.5, mode="bicubic", align_corners=False)


class Dilated(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(24, 5, 1)
        self.wide = nn.ModuleList(nn.Conv2d(16, 8, 3, padding=r, dilation=r) for r in (1, 2, 4))

    def forward(self, x):
        y = F.relu6(self.first(x))
        y = torch.cat([F.elu(layer(y)) for layer in self.wide], 1)
        labels = F.interpolate(self.out(y), x.shape[2:], mode="bilinear").argmax(1).float()
        return labels, F.adaptive_avg_pool2d(y, (2, 2))


def torch_networks():
    def picture(n):
        return torch.rand(1, 3, n, n)

    yield "mobilenet_v2", models.mobilenet_v2(width_mult=0.5), [picture(64)], {}
    yield "mobilenet_v3_small", models.mobilenet_v3_small(), [picture(64)], {}
    yield "resnet18", models.resnet18(), [picture(64)], {}
    yield "squeezenet1_1", models.squeezenet1_1(), [picture(64)], {}
    yield "shufflenet_v2", models.shufflenet_v2_x0_5(), [picture(64)], {}
    yield "efficientnet_b0", models.efficientnet_b0(), [picture(64)], {}
    yield "densenet", models.DenseNet(8, (2, 4, 4), 16), [picture(64)], {}
    setting = models.convnext.CNBlockConfig
    blocks = [setting(16, 32, 2), setting(32, 64, 2), setting(64, None, 2)]
    yield "convnext", models.ConvNeXt(blocks), [picture(64)], {}
    vit = models.VisionTransformer(32, 8, 3, 4, 64, 128, num_classes=10)
    nn.init.normal_(vit.heads[0].weight, std=0.1)  # zeros otherwise
    yield "vit", vit, [picture(32)], {}
    yield "swin", models.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], num_classes=10), [picture(64)], {}
    yield "unet", UNet(), [picture(32)], {}
    for name, kind in (("lstm_stack", nn.LSTM), ("gru_stack", nn.GRU), ("rnn_stack", nn.RNN)):
        yield name, Recurrent(kind), [torch.randn(1, 16, 12)], {}
    yield "tcn", Causal(), [torch.randn(1, 8, 40)], {}
    yield "autoencoder", Autoencoder(), [torch.rand(1, 1, 28, 28)], {}
    yield "gpt2", Gpt(), [torch.randint(0, 96, (1, 24))], {}
    yield "llama", Llama(), [torch.randint(0, 80, (1, 16))], {}
    yield "bert", Encoder(), [torch.randint(0, 64, (1, 12)), torch.ones(1, 12)], {}
    yield "recommender", Recommender(), [torch.randint(0, 50, (1,)), torch.randint(0, 70, (1,)), torch.rand(1, 4)], {}
    yield "style", Style(), [picture(24)], {}
    yield "deeplab", Dilated(), [picture(32)], {}
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    yield "dynamo_transformer", layer, [torch.randn(1, 10, 32)], {"dynamo": True, "opset_version": 18}


def tree_models():
    import xgboost
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from skl2onnx import to_onnx
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

    x = np.random.RandomState(0).rand(400, 8).astype(np.float32)
    y = (x[:, 0] * 3 + np.sin(5 * x[:, 1]) + x[:, 2] * x[:, 3]).astype(np.float32)
    labels = (y > np.median(y)).astype(int) + (y > np.quantile(y, 0.8))
    kind = [("x", FloatTensorType([1, 8]))]
    trees = {"n_estimators": 20, "max_depth": 3}
    yield "xgb_regressor", convert_xgboost(xgboost.XGBRegressor(n_estimators=30, max_depth=4).fit(x, y), initial_types=kind), x
    yield "xgb_classifier", convert_xgboost(xgboost.XGBClassifier(**trees).fit(x, labels), initial_types=kind), x
    yield "xgb_binary", convert_xgboost(xgboost.XGBClassifier(**trees).fit(x, (labels > 0).astype(int)), initial_types=kind), x
    plain = {"zipmap": False}
    yield "sk_forest", to_onnx(RandomForestClassifier(20, max_depth=6).fit(x, labels), x[:1], options=plain), x
    yield "sk_boosting", to_onnx(GradientBoostingRegressor(n_estimators=30).fit(x, y), x[:1]), x


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    for name, net, inputs, options in torch_networks():
        (folder / name).mkdir(parents=True, exist_ok=True)
        names = [f"in{i}" for i in range(len(inputs))]
        settings = {"dynamo": False, "opset_version": 17, **options}
        torch.onnx.export(net.eval(), tuple(inputs), str(folder / name / "network.onnx"), input_names=names, **settings)
        (folder / name / "input.json").write_text(json.dumps({"input_data": [x.flatten().tolist() for x in inputs]}))
    for name, model, x in tree_models():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "network.onnx").write_bytes(model.SerializeToString())
        (folder / name / "input.json").write_text(json.dumps({"input_data": [x[:1].flatten().tolist()]}))


if __name__ == "__main__":
    main()
