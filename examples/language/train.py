#!/usr/bin/python3
"""Writes a text of its own, learns a tokeniser and a small GPT-2 from it in plain numpy, and saves both as others do.

    apt-get install python3-numpy
    OMP_NUM_THREADS=1 /usr/bin/python3 examples/language/train.py      # about 15 minutes on one core

The folder `harbour/` then holds config.json, model.safetensors (F16) and tokenizer.json in the layout of GPT-2, and
calibration.txt, text of the same kind that the model was not trained on. Building, testing and running Koinon need none of this:
the results are committed.
"""
import argparse
import json
import random
import re
import struct
import time
from collections import Counter
from pathlib import Path

import numpy as np

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY = 4, 3, 96, 256, 512

# ---- text -----------------------------------------------------------------------------------------------------------------

PEOPLE = {"Mira": "she", "Tomas": "he", "Elena": "she", "Yusuf": "he", "Ada": "she", "Niko": "he", "Sofia": "she", "Ivo": "he"}
GOODS = ["salt", "rope", "olives", "honey", "lamps", "bread", "wool", "apples", "maps", "tea"]
PLACES = ["the old harbour", "the stone bridge", "the upper market", "the lighthouse", "the mill"]
WEATHER = ["It was raining", "The sun was warm", "A cold wind blew", "Fog lay on the water"]
NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def story(rng):
    """One small story about a purchase; sums and pronouns agree, so that there is something to learn."""
    seller, buyer = rng.sample(sorted(PEOPLE), 2)
    goods, place = rng.choice(GOODS), rng.choice(PLACES)
    price, paid_more = rng.randint(0, 4), rng.randint(0, 4)
    says, he, her = PEOPLE[buyer], PEOPLE[buyer], {"she": "her", "he": "his"}[PEOPLE[seller]]
    lines = [f"{rng.choice(WEATHER)} at {place}.", f"{seller} was selling {goods}, and {buyer} came to buy."]
    if rng.random() < 0.5:
        lines.append(f'"How much is it?" {says} asked.')
        lines.append(f'"{NUMBERS[price].capitalize()} coins," said {seller}.')
    else:
        lines.append(f'{seller} wanted {NUMBERS[price]} coins for {her} {goods}.')
    given = price + paid_more
    lines.append(f"{buyer} gave {NUMBERS[given]} coins.")
    if paid_more == 0:
        lines.append(f"It was just enough, and {he} took the {goods} home.")
    elif paid_more == 1:
        lines.append(f"{seller} gave one coin back, and {he} took the {goods} home.")
    else:
        lines.append(f"{seller} gave {NUMBERS[paid_more - 2]} coins back, and {he} took the {goods} home.")
    endings = [f"Everyone at {place} saw it, so nobody could say otherwise.", f"{seller} wrote it down in {her} book.",
               f"The next day {buyer} came again."]
    lines.append(rng.choice(endings))
    return " ".join(lines) + "\n"


def text_of(seed, stories):
    rng = random.Random(seed)
    return "".join(story(rng) for _ in range(stories))


# ---- tokeniser: byte-level BPE, as GPT-2's -----------------------------------------------------------------------------------

# The text is ASCII, for which this is the pattern of GPT-2.
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def byte_letters():
    """The printable letter that stands for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 0
    for b in range(256):
        if b in plain:
            letters[b] = chr(b)
        else:
            letters[b] = chr(256 + extra)
            extra += 1
    return letters


def learn_bpe(text, size):
    """The vocabulary (token to id) and the merges in order."""
    letters = byte_letters()
    words = {tuple(letters[b] for b in w.encode()): n for w, n in Counter(PIECES.findall(text)).items()}
    vocabulary = {letters[b]: i for i, b in enumerate(sorted(letters, key=lambda b: letters[b]))}
    merges = []
    while len(vocabulary) < size - 1:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        vocabulary.setdefault(best[0] + best[1], len(vocabulary))
        words = {merged(word, best): n for word, n in words.items()}
    vocabulary["<|endoftext|>"] = len(vocabulary)
    return vocabulary, merges


def merged(word, pair):
    out, i = [], 0
    while i < len(word):
        if word[i : i + 2] == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def encode(text, vocabulary, merges):
    letters, rank, cache, out = byte_letters(), {m: i for i, m in enumerate(merges)}, {}, []
    for piece in PIECES.findall(text):
        if piece not in cache:
            word = tuple(letters[b] for b in piece.encode())
            while len(word) > 1:
                best = min(zip(word, word[1:]), key=lambda p: rank.get(p, 1 << 30))
                if best not in rank:
                    break
                word = merged(word, best)
            cache[piece] = [vocabulary[t] for t in word]
        out += cache[piece]
    return out


# ---- model ------------------------------------------------------------------------------------------------------------------


def new_model(rng):
    p = {"wte.weight": rng.normal(0, 0.05, (VOCABULARY, WIDTH)), "wpe.weight": rng.normal(0, 0.02, (CONTEXT, WIDTH))}
    for i in range(LAYERS):
        h = f"h.{i}."
        p |= {h + "ln_1.weight": np.ones(WIDTH), h + "ln_1.bias": np.zeros(WIDTH), h + "ln_2.weight": np.ones(WIDTH),
              h + "ln_2.bias": np.zeros(WIDTH)}
        for name, rows, columns in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                                    ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH)):
            p[h + name + ".weight"] = rng.normal(0, 0.5 / np.sqrt(rows), (rows, columns))
            p[h + name + ".bias"] = np.zeros(columns)
    p |= {"ln_f.weight": np.ones(WIDTH), "ln_f.bias": np.zeros(WIDTH)}
    return {k: v.astype(np.float32) for k, v in p.items()}


def norm(x, gain, bias):
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    unit = centred * inverse
    return unit * gain + bias, (unit, inverse)


def norm_back(d, gain, cache):
    unit, inverse = cache
    g = d * gain
    dx = inverse * (g - g.mean(-1, keepdims=True) - unit * (g * unit).mean(-1, keepdims=True))
    return dx, (d * unit).reshape(-1, WIDTH).sum(0), d.reshape(-1, WIDTH).sum(0)


C = np.float32(np.sqrt(2 / np.pi))


def gelu(x):
    t = np.tanh(C * (x + 0.044715 * x * x * x))
    return 0.5 * x * (1 + t), t


def gelu_back(d, x, t):
    return d * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * C * (1 + 3 * 0.044715 * x * x))


def split(x, batch, length):
    return x.reshape(batch, length, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)


def join(x, batch, length):
    return x.transpose(0, 2, 1, 3).reshape(batch, length, WIDTH)


def loss_and_gradients(p, tokens, targets):
    batch, length = tokens.shape
    g = {}
    x = p["wte.weight"][tokens] + p["wpe.weight"][:length]
    past = np.triu(np.full((length, length), -1e9, np.float32), 1)
    root = np.float32(1 / np.sqrt(WIDTH // HEADS))
    tape = []
    for i in range(LAYERS):
        h = f"h.{i}."
        a, n1 = norm(x, p[h + "ln_1.weight"], p[h + "ln_1.bias"])
        qkv = a @ p[h + "attn.c_attn.weight"] + p[h + "attn.c_attn.bias"]
        q, k, v = (split(t, batch, length) for t in np.split(qkv, 3, -1))
        s = q @ k.transpose(0, 1, 3, 2) * root + past
        s = np.exp(s - s.max(-1, keepdims=True))
        s /= s.sum(-1, keepdims=True)
        o = join(s @ v, batch, length)
        x1 = x + o @ p[h + "attn.c_proj.weight"] + p[h + "attn.c_proj.bias"]
        b, n2 = norm(x1, p[h + "ln_2.weight"], p[h + "ln_2.bias"])
        f = b @ p[h + "mlp.c_fc.weight"] + p[h + "mlp.c_fc.bias"]
        e, t = gelu(f)
        x = x1 + e @ p[h + "mlp.c_proj.weight"] + p[h + "mlp.c_proj.bias"]
        tape.append((a, n1, q, k, v, s, o, b, n2, f, t, e))
    y, nf = norm(x, p["ln_f.weight"], p["ln_f.bias"])
    logits = y @ p["wte.weight"].T
    logits -= logits.max(-1, keepdims=True)
    e = np.exp(logits)
    total = e.sum(-1, keepdims=True)
    rows, columns = np.indices(targets.shape)
    loss = float((np.log(total[..., 0]) - logits[rows, columns, targets]).mean())

    d = e / total
    d[rows, columns, targets] -= 1
    d /= targets.size

    def linear_back(name, into, dout, bias=True):
        w = p[name + ".weight"]
        g[name + ".weight"] = into.reshape(-1, w.shape[0]).T @ dout.reshape(-1, w.shape[1])
        if bias:
            g[name + ".bias"] = dout.reshape(-1, w.shape[1]).sum(0)
        return dout @ w.T

    g["wte.weight"] = d.reshape(-1, VOCABULARY).T @ y.reshape(-1, WIDTH)
    dx, g["ln_f.weight"], g["ln_f.bias"] = norm_back(d @ p["wte.weight"], p["ln_f.weight"], nf)
    for i in reversed(range(LAYERS)):
        h = f"h.{i}."
        a, n1, q, k, v, s, o, b, n2, f, t, e = tape[i]
        df = gelu_back(linear_back(h + "mlp.c_proj", e, dx), f, t)
        db, g[h + "ln_2.weight"], g[h + "ln_2.bias"] = norm_back(linear_back(h + "mlp.c_fc", b, df), p[h + "ln_2.weight"], n2)
        dx = dx + db
        do = split(linear_back(h + "attn.c_proj", o, dx), batch, length)
        ds = do @ v.transpose(0, 1, 3, 2)
        ds = s * (ds - (ds * s).sum(-1, keepdims=True)) * root
        dqkv = np.concatenate([join(m, batch, length) for m in (ds @ k, ds.transpose(0, 1, 3, 2) @ q,
                                                               s.transpose(0, 1, 3, 2) @ do)], -1)
        da, g[h + "ln_1.weight"], g[h + "ln_1.bias"] = norm_back(linear_back(h + "attn.c_attn", a, dqkv), p[h + "ln_1.weight"],
                                                                 n1)
        dx = dx + da
    np.add.at(g["wte.weight"], tokens, dx)
    g["wpe.weight"] = np.zeros_like(p["wpe.weight"])
    g["wpe.weight"][:length] = dx.sum(0)
    return loss, g


def train(tokens, steps, batch, length, seed):
    rng = np.random.default_rng(seed)
    p = new_model(rng)
    first, second = ({k: np.zeros_like(v) for k, v in p.items()} for _ in range(2))
    began = time.time()
    for step in range(steps):
        # Windows begin anywhere, and now and then are as long as the context, so that every position is learnt.
        size, count = (CONTEXT, batch // 2) if step % 4 == 3 else (length, batch)
        at = rng.integers(0, len(tokens) - size - 1, count)
        x, y = (np.stack([tokens[s + o : s + o + size] for s in at]) for o in (0, 1))
        loss, g = loss_and_gradients(p, x, y)
        scale = min(1.0, 1 / float(np.sqrt(sum(float((v * v).sum()) for v in g.values()))))
        rate = 3e-3 * min(1, (step + 1) / 50) * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * step / steps)))
        for k in p:
            grad = g[k] * np.float32(scale)
            first[k] += np.float32(0.1) * (grad - first[k])
            second[k] += np.float32(0.02) * (grad * grad - second[k])
            move = first[k] / (1 - 0.9 ** (step + 1)) / (np.sqrt(second[k] / (1 - 0.98 ** (step + 1))) + 1e-8)
            decay = 0.05 if p[k].ndim == 2 else 0.0
            p[k] -= (rate * (move + decay * p[k])).astype(np.float32)
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step}: loss {loss:.3f}, {time.time() - began:.0f} s", flush=True)
    return p


# ---- files ------------------------------------------------------------------------------------------------------------------


def save_safetensors(path, tensors):
    header, data = {}, b""
    for name in sorted(tensors):
        raw = tensors[name].astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", type=Path, default=Path(__file__).parent / "harbour")
    parser.add_argument("--steps", type=int, default=1600)
    options = parser.parse_args()
    options.o.mkdir(exist_ok=True)
    text = text_of(1, 12000)
    vocabulary, merges = learn_bpe(text[:200000], VOCABULARY)
    model = {"type": "BPE", "vocab": vocabulary, "merges": [list(m) for m in merges]}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    end = {"id": vocabulary["<|endoftext|>"], "content": "<|endoftext|>", "single_word": False, "lstrip": False,
           "rstrip": False, "normalized": False, "special": True}
    (options.o / "tokenizer.json").write_text(
        json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": level, "post_processor": None,
                    "decoder": level, "model": model}, indent=0) + "\n")
    config = {"model_type": "gpt2", "n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH, "n_positions": CONTEXT,
              "vocab_size": VOCABULARY, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
              "tie_word_embeddings": True}
    (options.o / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (options.o / "calibration.txt").write_text(text_of(2, 24))
    tokens = np.array(encode(text, vocabulary, merges))
    print(f"{len(text)} characters, {len(tokens)} tokens of {len(vocabulary)}")
    save_safetensors(options.o / "model.safetensors", train(tokens, options.steps, 16, 96, 7))


if __name__ == "__main__":
    main()
