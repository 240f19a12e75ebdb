#!/usr/bin/env python3
"""Tiny pairs of each family with numbers at random, and what a slow, plain forward pass in double precision makes of
them: the fixtures of tests/e2e/test_families.cpp.

    /usr/bin/python3 tests/reference/families.py [tests/data/families]

writes for each family NAME: NAME.gguf, mmproj-NAME.gguf, tokens-NAME.npy (int32; -1 - k: row k of the pictures' image
tokens), shapes-NAME.npy (int32 [n_pictures, 2]: height and width, pixels), embd-NAME.npy (their image tokens) and
logits-NAME.npy (of the last row of the prompt, and of each token that follows). Written from the formulas of the
papers, not from the program that it checks. Pixels are pixel() below, there and here.
"""
import pathlib
import sys
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "perch"))
import gguf  # noqa: E402

F32, F16 = gguf.F32, gguf.F16


def pixel(picture, channel, y, x):
    return ((7 * x + 13 * y + 29 * channel + 5 * x * y + 3 * picture) % 32) / 16.0 - 1.0


def picture_of(picture, height, width):
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    return pixel(picture, c, y, x)


# --- parts ----------------------------------------------------------------------------------------------------------

def layer_norm(x, w, b, eps):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + eps) * w + b


def rms_norm(x, w, eps):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * w


def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x ** 3)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def quick_gelu(x):
    return x * sigmoid(1.702 * x)


def silu(x):
    return x * sigmoid(x)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def turn_halves(x, angles):
    """x [n, heads, hd], angles [n, hd / 2]: numbers i and i + hd / 2 by angle i."""
    half = angles.shape[-1]
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., :half], x[..., half:2 * half]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, x[..., 2 * half:]], -1)


def turn_neighbours(x, angles):
    half = angles.shape[-1]
    out = x.copy()
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., 0:2 * half:2], x[..., 1:2 * half:2]
    out[..., 0:2 * half:2] = a * cos - b * sin
    out[..., 1:2 * half:2] = b * cos + a * sin
    return out


def attention(q, k, v, mask, scale=None):
    """q [n, heads, hd], k and v [n, kv_heads, hd]; mask [n, n]: who sees whom."""
    n, heads, hd = q.shape
    group = heads // k.shape[1]
    out = np.empty_like(q)
    for h in range(heads):
        scores = q[:, h] @ k[:, h // group].T * (scale or 1 / np.sqrt(hd))
        out[:, h] = softmax(np.where(mask, scores, -np.inf)) @ v[:, h // group]
    return out.reshape(n, heads * hd)


# --- files ----------------------------------------------------------------------------------------------------------

class Pack:
    """Tensors at random, kept as the file's type rounds them."""

    def __init__(self, name, matrix_type):
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.type, self.tensors, self.values = matrix_type, [], {}

    def add(self, name, array, kind):
        array = np.asarray(array, np.float32)
        self.tensors.append((name, array, kind))
        rounded = array.astype(np.float16) if kind == F16 else array
        self.values[name] = rounded.astype(np.float64)

    def matrix(self, name, n_out, n_in, gain=1.0, kind=None):
        self.add(name, self.random.normal(0, gain / np.sqrt(n_in), (n_out, n_in)), self.type if kind is None else kind)

    def kernel(self, name, n_out, patch):
        self.add(name, self.random.normal(0, 1 / np.sqrt(3 * patch * patch), (n_out, 3, patch, patch)), self.type)

    def vector(self, name, n, mean=0.0, spread=0.1):
        self.add(name, self.random.normal(mean, spread, n), F32)

    def affine(self, stem, n_out, n_in, gain=1.0):
        self.matrix(stem + ".weight", n_out, n_in, gain)
        self.vector(stem + ".bias", n_out)

    def norm(self, stem, n, bias=True):
        self.vector(stem + ".weight", n, 1.0)
        if bias:
            self.vector(stem + ".bias", n)

    def __getitem__(self, name):
        return self.values[name]

    def linear(self, x, stem):
        y = x @ self.values[stem + ".weight"].T
        return y + self.values[stem + ".bias"] if stem + ".bias" in self.values else y


def byte_letters():
    printable = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)]


MARKS = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<img>", "</img>", "<|image_start|>",
         "<|image_end|>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<|endoftext|>"]


GEMMA_MARKS = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"]


def byte_vocabulary(pre="qwen2"):
    tokens = byte_letters() + MARKS
    return {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [1] * 256 + [3] * len(MARKS), "tokenizer.ggml.merges": ["h e", "l l"],
            "tokenizer.ggml.bos_token_id": 256, "tokenizer.ggml.eos_token_id": 257}


def piece_vocabulary(marks=()):
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + list(marks) + ["\u2581", "h", "e", "he"]
    kinds = [2, 3, 3] + [6] * 256 + [3] * len(marks) + [1] * 4
    return {"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default", "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.scores": [-float(i) for i in range(len(tokens))],
            "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}


# --- the text models ------------------------------------------------------------------------------------------------

class Text:
    dim, heads, kv_heads, hd, ff, layers, eps, base = 24, 2, 1, 16, 40, 3, 1e-6, 1e6

    def __init__(self, name, arch, kind=F16, sections=None, interleaved=False, n_deepstack=0, vocabulary=None):
        self.arch, self.sections, self.interleaved, self.n_deepstack = arch, sections, interleaved, n_deepstack
        self.bias = arch in ("qwen2", "qwen2vl")
        self.head_norms = arch in ("qwen3", "qwen3vl", "gemma3", "lfm2")
        self.turn = turn_neighbours if arch == "llama" else turn_halves
        self.words = vocabulary or byte_vocabulary()
        self.n_vocab = len(self.words["tokenizer.ggml.tokens"])
        self.w = Pack(name, kind)
        self.make()

    def make(self):
        w, d = self.w, self.dim
        w.matrix("token_embd.weight", self.n_vocab, d, np.sqrt(d))
        w.vector("output_norm.weight", d, 1.0)
        for layer in range(self.layers):
            b = f"blk.{layer}."
            w.vector(b + "attn_norm.weight", d, 1.0)
            for n, rows in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)):
                w.matrix(b + f"attn_{n}.weight", rows * self.hd, d, 1.5)
                if self.bias:
                    w.vector(b + f"attn_{n}.bias", rows * self.hd)
                if self.head_norms and n != "v":
                    w.vector(b + f"attn_{n}_norm.weight", self.hd, 1.0)
            w.matrix(b + "attn_output.weight", d, self.heads * self.hd)
            w.vector(b + "ffn_norm.weight", d, 1.0)
            w.matrix(b + "ffn_gate.weight", self.ff, d)
            w.matrix(b + "ffn_up.weight", self.ff, d)
            w.matrix(b + "ffn_down.weight", d, self.ff)

    def keys(self):
        a = self.arch + "."
        keys = {"general.architecture": self.arch, "general.type": "model", a + "block_count": self.layers,
                a + "embedding_length": self.dim, a + "feed_forward_length": self.ff, a + "context_length": 2048,
                a + "attention.head_count": self.heads, a + "attention.head_count_kv": self.kv_heads,
                a + "attention.key_length": self.hd, a + "attention.value_length": self.hd,
                a + "attention.layer_norm_rms_epsilon": self.eps, a + "rope.freq_base": self.base}
        if self.sections:
            keys[a + "rope.dimension_sections"] = self.sections + [0]
        if self.n_deepstack:
            keys[a + "n_deepstack_layers"] = self.n_deepstack
        return {**keys, **self.words}

    def write(self, path):
        gguf.write(path, self.keys(), self.w.tensors)

    def axis(self, pair):
        """Which of time, row and column turns a pair."""
        if not self.sections:
            return 0
        t, h, w = self.sections
        if not self.interleaved:
            return 0 if pair < t else 1 if pair < t + h else 2
        if pair % 3 == 1 and pair < 3 * h:
            return 1
        return 2 if pair % 3 == 2 and pair < 3 * w else 0

    def angles(self, positions):
        pairs = self.hd // 2
        return np.stack([positions[:, self.axis(i)] * self.base ** (-2 * i / self.hd) for i in range(pairs)], -1)

    def positions(self, tokens, grids):
        """Three for each row. A picture stands at one time; what follows is behind its longer side."""
        rows, at, picture, left = [], 0, -1, 0
        for token in tokens:
            if token >= 0 or not self.sections:
                rows.append((at, at, at))
                at += 1
                continue
            if left == 0:
                picture, start = picture + 1, at
                left = grids[picture][0] * grids[picture][1]
                k = 0
            height, width = grids[picture]
            rows.append((start, start + k // width, start + k % width))
            k, left = k + 1, left - 1
            at = start + max(height, width)
        return np.array(rows, np.float64)

    def forward(self, tokens, image_rows, grids):
        """Logits of every row."""
        w, d = self.w, self.dim
        x = np.empty((len(tokens), d))
        deep = np.zeros((self.n_deepstack, len(tokens), d))
        for i, token in enumerate(tokens):
            x[i] = w["token_embd.weight"][token] if token >= 0 else image_rows[-1 - token][:d]
            for k in range(self.n_deepstack if token < 0 else 0):
                deep[k, i] = image_rows[-1 - token][(k + 1) * d:(k + 2) * d]
        angles = self.angles(self.positions(tokens, grids))
        mask = np.tril(np.ones((len(tokens), len(tokens)), bool))
        for layer in range(self.layers):
            b = f"blk.{layer}."
            h = rms_norm(x, w[b + "attn_norm.weight"], self.eps)
            q, k, v = (w.linear(h, b + f"attn_{n}").reshape(len(tokens), -1, self.hd) for n in "qkv")
            if self.head_norms:
                q, k = (rms_norm(y, w[b + f"attn_{n}_norm.weight"], self.eps) for y, n in ((q, "q"), (k, "k")))
            mixed = attention(self.turn(q, angles), self.turn(k, angles), v, mask)
            x = x + w.linear(mixed, b + "attn_output")
            h = rms_norm(x, w[b + "ffn_norm.weight"], self.eps)
            x = x + w.linear(silu(w.linear(h, b + "ffn_gate")) * w.linear(h, b + "ffn_up"), b + "ffn_down")
            if layer < self.n_deepstack:
                x = x + deep[layer]
        return rms_norm(x, w["output_norm.weight"], self.eps) @ w["token_embd.weight"].T


class Lfm2Text(Text):
    """Layers 0 and 2 mix three rows instead of attending."""
    kinds, length = "cac", 3

    def make(self):
        w, d = self.w, self.dim
        w.matrix("token_embd.weight", self.n_vocab, d, np.sqrt(d))
        w.vector("token_embd_norm.weight", d, 1.0)
        for layer, kind in enumerate(self.kinds):
            b = f"blk.{layer}."
            w.vector(b + "attn_norm.weight", d, 1.0)
            if kind == "c":
                w.matrix(b + "shortconv.in_proj.weight", 3 * d, d, 1.5)
                w.add(b + "shortconv.conv.weight", w.random.normal(0, 0.7, (d, self.length)), F32)
                w.matrix(b + "shortconv.out_proj.weight", d, d)
            else:
                for n, rows in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)):
                    w.matrix(b + f"attn_{n}.weight", rows * self.hd, d, 1.5)
                    if n != "v":
                        w.vector(b + f"attn_{n}_norm.weight", self.hd, 1.0)
                w.matrix(b + "attn_output.weight", d, self.heads * self.hd)
            w.vector(b + "ffn_norm.weight", d, 1.0)
            w.matrix(b + "ffn_gate.weight", self.ff, d)
            w.matrix(b + "ffn_up.weight", self.ff, d)
            w.matrix(b + "ffn_down.weight", d, self.ff)

    def keys(self):
        return {**super().keys(), "lfm2.shortconv.l_cache": self.length,
                "lfm2.attention.head_count_kv": [self.kv_heads if kind == "a" else 0 for kind in self.kinds]}

    def convolve(self, h, b):
        w = self.w
        gate_in, gate_out, x = np.split(w.linear(h, b + "shortconv.in_proj"), 3, -1)
        u = np.concatenate([np.zeros((self.length - 1, self.dim)), gate_in * x])
        taps = w[b + "shortconv.conv.weight"]
        y = sum(taps[:, k] * u[k:k + len(h)] for k in range(self.length))
        return w.linear(gate_out * y, b + "shortconv.out_proj")

    def forward(self, tokens, image_rows, grids):
        w, n = self.w, len(tokens)
        x = np.array([w["token_embd.weight"][t] if t >= 0 else image_rows[-1 - t] for t in tokens])
        angles = self.angles(self.positions(tokens, grids))
        mask = np.tril(np.ones((n, n), bool))
        for layer, kind in enumerate(self.kinds):
            b = f"blk.{layer}."
            h = rms_norm(x, w[b + "attn_norm.weight"], self.eps)
            if kind == "c":
                x = x + self.convolve(h, b)
            else:
                q, k, v = (w.linear(h, b + f"attn_{m}").reshape(n, -1, self.hd) for m in "qkv")
                q, k = (rms_norm(y, w[b + f"attn_{m}_norm.weight"], self.eps) for y, m in ((q, "q"), (k, "k")))
                x = x + w.linear(attention(turn_halves(q, angles), turn_halves(k, angles), v, mask),
                                 b + "attn_output")
            h = rms_norm(x, w[b + "ffn_norm.weight"], self.eps)
            x = x + w.linear(silu(w.linear(h, b + "ffn_gate")) * w.linear(h, b + "ffn_up"), b + "ffn_down")
        return rms_norm(x, w["token_embd_norm.weight"], self.eps) @ w["token_embd.weight"].T


class Gemma3Text(Text):
    """Layers 0 and 1 see only what is near, layer 2 all; the rows of a picture see each other in every layer."""
    eps, window, far_every, near_base, factor = 1e-6, 7, 3, 10000.0, 8.0

    def make(self):
        super().make()
        for layer in range(self.layers):
            for n in ("post_attention_norm", "post_ffw_norm"):
                self.w.vector(f"blk.{layer}.{n}.weight", self.dim, 0.5)

    def keys(self):
        a = self.arch + "."
        return {**super().keys(), a + "attention.sliding_window": self.window,
                a + "attention.sliding_window_pattern": self.far_every,
                a + "rope.scaling.type": "linear", a + "rope.scaling.factor": self.factor,
                "tokenizer.ggml.add_space_prefix": False, "tokenizer.ggml.add_bos_token": True}

    def forward(self, tokens, image_rows, grids):
        w, n, d = self.w, len(tokens), self.dim
        x = np.array([np.sqrt(d) * w["token_embd.weight"][t] if t >= 0 else image_rows[-1 - t] for t in tokens])
        picture, k = np.full(n, -1), 0  # which picture each row is of
        for p, (rows, columns) in enumerate(grids):
            picture[[i for i, t in enumerate(tokens) if k <= -1 - t < k + rows * columns]] = p
            k += rows * columns
        at = np.arange(n)
        distance = at[:, None] - at[None]
        same = (picture[:, None] == picture[None]) & (picture[:, None] >= 0)
        frequency = np.arange(self.hd // 2) * -2 / self.hd
        for layer in range(self.layers):
            b = f"blk.{layer}."
            near = (layer + 1) % self.far_every != 0
            seen = (distance >= 0) & (distance < (self.window if near else n)) | same
            angles = at[:, None] * (self.near_base ** frequency if near else self.base ** frequency / self.factor)
            h = rms_norm(x, w[b + "attn_norm.weight"], self.eps)
            q, k, v = (w.linear(h, b + f"attn_{m}").reshape(n, -1, self.hd) for m in "qkv")
            q, k = (rms_norm(y, w[b + f"attn_{m}_norm.weight"], self.eps) for y, m in ((q, "q"), (k, "k")))
            mixed = attention(turn_halves(q, angles), turn_halves(k, angles), v, seen)
            x = x + rms_norm(w.linear(mixed, b + "attn_output"), w[b + "post_attention_norm.weight"], self.eps)
            h = rms_norm(x, w[b + "ffn_norm.weight"], self.eps)
            h = w.linear(gelu(w.linear(h, b + "ffn_gate")) * w.linear(h, b + "ffn_up"), b + "ffn_down")
            x = x + rms_norm(h, w[b + "post_ffw_norm.weight"], self.eps)
        return rms_norm(x, w["output_norm.weight"], self.eps) @ w["token_embd.weight"].T


# --- the towers -----------------------------------------------------------------------------------------------------

class Tower:
    """Keys and parts that all have; forward() of one picture [3, height, width] is the family's."""
    dim, heads, ff, layers, eps, patch, join = 16, 2, 32, 3, 1e-6, 4, 2
    out = Text.dim
    projector, image_size = "", 32
    mean, std = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]
    activation = staticmethod(gelu)
    qkv_joined = False

    def __init__(self, name, kind=F16):
        self.w = Pack("mmproj-" + name, kind)
        self.make()

    @property
    def hd(self):
        return self.dim // self.heads

    def keys(self):
        v = "clip.vision."
        return {"general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": True,
                "clip.projector_type": self.projector, v + "image_size": self.image_size,
                v + "patch_size": self.patch, v + "embedding_length": self.dim, v + "feed_forward_length": self.ff,
                v + "block_count": self.layers, v + "attention.head_count": self.heads,
                v + "attention.layer_norm_epsilon": self.eps, v + "projection_dim": self.out,
                v + "image_mean": self.mean, v + "image_std": self.std, **self.own_keys()}

    def own_keys(self):
        return {}

    def write(self, path):
        gguf.write(path, self.keys(), self.w.tensors)

    def make_layers(self, norm_bias=True, gated=False, layer_scale=False):
        w, d = self.w, self.dim
        for layer in range(self.layers):
            b = f"v.blk.{layer}."
            w.norm(b + "ln1", d, norm_bias)
            w.norm(b + "ln2", d, norm_bias)
            if self.qkv_joined:
                w.affine(b + "attn_qkv", 3 * d, d, 1.5)
            else:
                for n in "qkv":
                    w.affine(b + "attn_" + n, d, d, 1.5)
            w.affine(b + "attn_out", d, d)
            w.affine(b + "ffn_up", self.ff, d)
            w.affine(b + "ffn_down", d, self.ff)
            if gated:
                w.affine(b + "ffn_gate", self.ff, d)
            if layer_scale:
                w.vector(b + "ls1.weight", d, 0.5)
                w.vector(b + "ls2.weight", d, 0.5)

    def patches(self, picture, name="v.patch_embd.weight"):
        """[rows, columns, d]: each patch times the kernel."""
        p = self.patch
        _, height, width = picture.shape
        kernel = self.w[name].reshape(self.dim, -1)
        out = np.empty((height // p, width // p, self.dim))
        for y in range(height // p):
            for x in range(width // p):
                out[y, x] = kernel @ picture[:, y * p:(y + 1) * p, x * p:(x + 1) * p].reshape(-1)
        return out

    def qkv(self, h, b):
        if self.qkv_joined:
            q, k, v = np.split(self.w.linear(h, b + "attn_qkv"), 3, -1)
        else:
            q, k, v = (self.w.linear(h, b + "attn_" + n) for n in "qkv")
        return (y.reshape(len(h), self.heads, self.hd) for y in (q, k, v))

    def norm(self, x, stem):
        return layer_norm(x, self.w[stem + ".weight"], self.w[stem + ".bias"], self.eps)

    def feed_forward(self, h, b):
        return self.w.linear(self.activation(self.w.linear(h, b + "ffn_up")), b + "ffn_down")

    def layer(self, x, index, angles=None, mask=None):
        w, b = self.w, f"v.blk.{index}."
        scale1, scale2 = (w.values.get(b + f"ls{i}.weight", 1.0) for i in (1, 2))
        q, k, v = self.qkv(self.norm(x, b + "ln1"), b)
        if angles is not None:
            q, k = turn_halves(q, angles), turn_halves(k, angles)
        if mask is None:
            mask = np.ones((len(x), len(x)), bool)
        x = x + scale1 * w.linear(attention(q, k, v, mask), b + "attn_out")
        return x + scale2 * self.feed_forward(self.norm(x, b + "ln2"), b)

    def joined(self, x, rows, columns):
        """Squares of patches as one row each, rows within a square first."""
        s = self.join
        x = x.reshape(rows, columns, self.dim)
        return np.array([x[y:y + s, c:c + s].reshape(-1) for y in range(0, rows, s) for c in range(0, columns, s)])


def angles_2d(rows, columns, hd):
    quarter = hd // 4
    frequency = 10000.0 ** (-4 * np.arange(quarter) / hd)
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    return np.concatenate([y.reshape(-1, 1) * frequency, x.reshape(-1, 1) * frequency], -1)


class Qwen2Vl(Tower):
    projector, image_size = "qwen2vl_merger", 560
    activation = staticmethod(quick_gelu)
    gated = False

    def own_keys(self):
        return {"clip.vision.spatial_merge_size": 2}

    def make(self):
        w, joined = self.w, 4 * self.dim
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.kernel("v.patch_embd.weight.1", self.dim, self.patch)
        self.make_layers(norm_bias=not self.gated, gated=self.gated)
        w.norm("v.post_ln", self.dim, not self.gated)
        w.affine("mm.0", joined, joined)
        w.affine("mm.2", self.out, joined)

    def mask(self, rows, columns, index):
        return None

    def forward(self, picture):
        x = self.patches(picture) + self.patches(picture, "v.patch_embd.weight.1")
        rows, columns = x.shape[:2]
        x, angles = x.reshape(-1, self.dim), angles_2d(rows, columns, self.hd)
        for index in range(self.layers):
            x = self.layer(x, index, angles, self.mask(rows, columns, index))
        x = self.joined(self.norm(x, "v.post_ln"), rows, columns)
        return self.w.linear(gelu(self.w.linear(x, "mm.0")), "mm.2")


class Qwen25Vl(Qwen2Vl):
    projector, gated, window, free_every = "qwen2.5vl_merger", True, 16, 2

    def own_keys(self):
        return {"clip.vision.spatial_merge_size": 2, "clip.vision.n_wa_pattern": self.free_every,
                "clip.vision.window_size": self.window, "clip.use_silu": True}

    def norm(self, x, stem):
        return rms_norm(x, self.w[stem + ".weight"], self.eps)

    def feed_forward(self, h, b):
        w = self.w
        return w.linear(silu(w.linear(h, b + "ffn_gate")) * w.linear(h, b + "ffn_up"), b + "ffn_down")

    def mask(self, rows, columns, index):
        if (index + 1) % self.free_every == 0:
            return None
        side = self.window // self.patch
        y, x = np.meshgrid(np.arange(rows) // side, np.arange(columns) // side, indexing="ij")
        window = (y * columns + x).reshape(-1)
        return window[:, None] == window[None]


class Qwen3Vl(Tower):
    projector, image_size, side, tapped, qkv_joined = "qwen3vl_merger", 24, 6, [0, 2], True

    def own_keys(self):
        return {"clip.vision.spatial_merge_size": 2, "clip.use_gelu": True,
                "clip.vision.is_deepstack_layers": [i in self.tapped for i in range(self.layers)]}

    def make(self):
        w, joined = self.w, 4 * self.dim
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.kernel("v.patch_embd.weight.1", self.dim, self.patch)
        w.vector("v.patch_embd.bias", self.dim)
        w.matrix("v.position_embd.weight", self.side ** 2, self.dim, 2, F32)
        self.make_layers()
        w.norm("v.post_ln", self.dim)
        w.affine("mm.0", joined, joined)
        w.affine("mm.2", self.out, joined)
        for layer in self.tapped:
            b = f"v.deepstack.{layer}."
            w.norm(b + "norm", joined)
            w.affine(b + "fc1", joined, joined)
            w.affine(b + "fc2", self.out, joined)

    def places(self, rows, columns):
        """The table, corner on corner, between its nearest four rows."""
        table = self.w["v.position_embd.weight"].reshape(self.side, self.side, self.dim)
        out = np.empty((rows, columns, self.dim))
        for i, y in enumerate(np.linspace(0, self.side - 1, rows)):
            for j, x in enumerate(np.linspace(0, self.side - 1, columns)):
                y0, x0 = int(y), int(x)
                y1, x1 = min(y0 + 1, self.side - 1), min(x0 + 1, self.side - 1)
                out[i, j] = ((1 - (y - y0)) * ((1 - (x - x0)) * table[y0, x0] + (x - x0) * table[y0, x1])
                             + (y - y0) * ((1 - (x - x0)) * table[y1, x0] + (x - x0) * table[y1, x1]))
        return out

    def forward(self, picture):
        w = self.w
        x = self.patches(picture) + self.patches(picture, "v.patch_embd.weight.1") + w["v.patch_embd.bias"]
        rows, columns = x.shape[:2]
        x = (x + self.places(rows, columns)).reshape(-1, self.dim)
        angles, deep = angles_2d(rows, columns, self.hd), []
        for index in range(self.layers):
            x = self.layer(x, index, angles)
            if index in self.tapped:
                b = f"v.deepstack.{index}."
                h = self.norm(self.joined(x, rows, columns), b + "norm")
                deep.append(w.linear(gelu(w.linear(h, b + "fc1")), b + "fc2"))
        x = self.joined(self.norm(x, "v.post_ln"), rows, columns)
        return np.concatenate([w.linear(gelu(w.linear(x, "mm.0")), "mm.2")] + deep, -1)


class InternVl(Tower):
    projector, image_size, eps = "internvl", 16, 1e-6
    mean, std = [.485, .456, .406], [.229, .224, .225]

    def own_keys(self):
        return {"clip.use_gelu": True, "clip.vision.projector.scale_factor": 2}

    def make(self):
        w, joined, n = self.w, 4 * self.dim, (self.image_size // self.patch) ** 2
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.vector("v.patch_embd.bias", self.dim)
        w.vector("v.class_embd", self.dim, 0, 1)
        w.matrix("v.position_embd.weight", n + 1, self.dim, 2, F32)
        self.make_layers(layer_scale=True)
        w.norm("mm.model.mlp.0", joined)
        w.affine("mm.model.mlp.1", self.out, joined)
        w.affine("mm.model.mlp.3", self.out, self.out)

    def forward(self, picture):
        w = self.w
        x = self.patches(picture) + w["v.patch_embd.bias"]
        rows, columns = x.shape[:2]
        x = np.concatenate([w["v.class_embd"][None], x.reshape(-1, self.dim)]) + w["v.position_embd.weight"]
        for index in range(self.layers):
            x = self.layer(x, index)
        x = self.joined(x[1:], rows, columns)
        x = layer_norm(x, w["mm.model.mlp.0.weight"], w["mm.model.mlp.0.bias"], 1e-5)
        return w.linear(gelu(w.linear(x, "mm.model.mlp.1")), "mm.model.mlp.3")


class Llava(Tower):
    projector, image_size, eps, join = "mlp", 16, 1e-5, 1
    mean, std = [.48145466, .4578275, .40821073], [.26862954, .26130258, .27577711]
    activation = staticmethod(quick_gelu)

    def make(self):
        w, n = self.w, (self.image_size // self.patch) ** 2
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.vector("v.class_embd", self.dim, 0, 1)
        w.matrix("v.position_embd.weight", n + 1, self.dim, 2, F32)
        w.norm("v.pre_ln", self.dim)
        self.make_layers()
        w.affine("mm.0", self.out, self.dim)
        w.affine("mm.2", self.out, self.out)

    def forward(self, picture):
        w = self.w
        x = self.patches(picture).reshape(-1, self.dim)
        x = np.concatenate([w["v.class_embd"][None], x]) + w["v.position_embd.weight"]
        x = self.norm(x, "v.pre_ln")
        for index in range(self.layers):
            x = self.layer(x, index)
        return w.linear(gelu(w.linear(x[1:], "mm.0")), "mm.2")


class Gemma3(Tower):
    projector, image_size, join = "gemma3", 48, 4

    def own_keys(self):
        return {"clip.use_gelu": True}

    def make(self):
        w, n = self.w, (self.image_size // self.patch) ** 2
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.vector("v.patch_embd.bias", self.dim)
        w.matrix("v.position_embd.weight", n, self.dim, 2, F32)
        self.make_layers()
        w.norm("v.post_ln", self.dim)
        w.vector("mm.soft_emb_norm.weight", self.dim, 1.0)
        w.matrix("mm.input_projection.weight", self.dim, self.out, kind=F32)

    def forward(self, picture):
        w, s = self.w, self.join
        x = self.patches(picture) + w["v.patch_embd.bias"]
        rows, columns = x.shape[:2]
        x = x.reshape(-1, self.dim) + w["v.position_embd.weight"]
        for index in range(self.layers):
            x = self.layer(x, index)
        x = self.norm(x, "v.post_ln").reshape(rows // s, s, columns // s, s, self.dim).mean((1, 3))
        x = rms_norm(x.reshape(-1, self.dim), w["mm.soft_emb_norm.weight"], self.eps)
        return x @ w["mm.input_projection.weight"]


class Lfm2(Tower):
    projector, image_size, side = "lfm2", 16, 4

    def own_keys(self):
        return {"clip.use_gelu": True, "clip.vision.projector.scale_factor": 2}

    def make(self):
        w, joined = self.w, 4 * self.dim
        w.kernel("v.patch_embd.weight", self.dim, self.patch)
        w.vector("v.patch_embd.bias", self.dim)
        w.matrix("v.position_embd.weight", self.side ** 2, self.dim, 2, F32)
        self.make_layers()
        w.norm("v.post_ln", self.dim)
        w.norm("mm.input_norm", joined)
        w.affine("mm.1", 40, joined)
        w.affine("mm.2", self.out, 40)

    def shares(self, n):
        """[n, side]: a triangle over the table's rows, one row wide, or what falls into one of n where n is fewer."""
        scale = self.side / n
        width = max(scale, 1.0)
        centre = (np.arange(n)[:, None] + 0.5) * scale
        shares = np.maximum(0, 1 - np.abs(np.arange(self.side)[None] + 0.5 - centre) / width)
        return shares / shares.sum(-1, keepdims=True)

    def forward(self, picture):
        w = self.w
        x = self.patches(picture) + w["v.patch_embd.bias"]
        rows, columns = x.shape[:2]
        table = w["v.position_embd.weight"].reshape(self.side, self.side, self.dim)
        x = x + np.einsum("yi,xj,ijd->yxd", self.shares(rows), self.shares(columns), table)
        x = x.reshape(-1, self.dim)
        for index in range(self.layers):
            x = self.layer(x, index)
        x = self.joined(self.norm(x, "v.post_ln"), rows, columns)
        x = layer_norm(x, w["mm.input_norm.weight"], w["mm.input_norm.bias"], 1e-5)
        return w.linear(gelu(w.linear(x, "mm.1")), "mm.2")


# --- the pairs ------------------------------------------------------------------------------------------------------

OWN_SIZES, ONE_TILE = [(24, 40), (32, 16)], [(16, 16), (16, 16)]

PAIRS = {
    "qwen2vl": (lambda n: Text(n, "qwen2vl", F32, [2, 3, 3]), lambda n: Qwen2Vl(n, F32), OWN_SIZES),
    "qwen2.5vl": (lambda n: Text(n, "qwen2vl", F16, [2, 3, 3]), Qwen25Vl, OWN_SIZES),
    "qwen3vl": (lambda n: Text(n, "qwen3vl", F16, [4, 2, 2], True, 2), Qwen3Vl, OWN_SIZES),
    "internvl": (lambda n: Text(n, "qwen2"), InternVl, ONE_TILE),
    "internvl3.5": (lambda n: Text(n, "qwen3"), InternVl, ONE_TILE),
    "gemma3": (lambda n: Gemma3Text(n, "gemma3", vocabulary=piece_vocabulary(GEMMA_MARKS)), Gemma3,
               [(48, 48), (48, 48)]),
    "lfm2": (lambda n: Lfm2Text(n, "lfm2", vocabulary=byte_vocabulary("lfm2")), Lfm2, [(24, 40), (8, 48)]),
    "llava": (lambda n: Text(n, "llama", vocabulary=piece_vocabulary()), Llava, ONE_TILE),
}


def words(text):
    return list(text.encode())


def run(name, folder):
    make_text, make_tower, shapes = PAIRS[name]
    text, tower = make_text(name), make_tower(name)
    text.write(folder / f"{name}.gguf")
    tower.write(folder / f"mmproj-{name}.gguf")
    rows, grids, tokens = [], [], words("look at")
    n = 0
    for k, (height, width) in enumerate(shapes):
        embd = tower.forward(picture_of(k, height, width))
        rows.append(embd)
        cell = tower.patch * tower.join
        grids.append((height // cell, width // cell))
        tokens += [-1 - (n + i) for i in range(len(embd))] + words("and" if k == 0 else "what?")
        n += len(embd)
    image_rows = np.concatenate(rows)
    follow = words(" yes")
    logits = text.forward(tokens + follow, image_rows, grids)[len(tokens) - 1:]
    save = lambda what, array, kind: np.save(folder / f"{what}-{name}.npy", np.asarray(array, kind))  # noqa: E731
    save("tokens", tokens + follow, np.int32)
    save("shapes", shapes, np.int32)
    save("embd", image_rows, np.float32)
    save("logits", logits, np.float32)
    print(f"{name}: {len(tokens)} rows, image tokens {image_rows.std():.3f}, logits {logits.std():.3f}")


if __name__ == "__main__":
    root = pathlib.Path(__file__).resolve().parents[1] / "data" / "families"
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root
    to.mkdir(parents=True, exist_ok=True)
    for pair in PAIRS:
        run(pair, to)
