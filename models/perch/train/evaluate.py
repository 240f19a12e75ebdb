#!/usr/bin/env python3
"""How good Perch is: exact answers on worlds it was never trained on, asked when the stream has ended.

    models/perch/train/evaluate.py ~/perch --streams 100          # the tables of the model card
    models/perch/train/evaluate.py ~/perch --oracle               # the decoder alone, told the truth by the oracle

Figures are percent right with their 95 % confidence interval (Wilson). `old` are questions about what was last seen in
the first half of the stream. `kept 50 %` and so on: questions see only that share of the image tokens, chosen at random
for all layers and heads alike; it shows how much of an answer comes from memory.
"""
import argparse
import math
import pathlib

import numpy as np
import torch

import batches
import world
from export import load
from perch import SHAPE, Oracle, Perch
from tokenizer import Tokenizer
from vision import Vision

LENGTHS = [8, 32, 64, 128]


def wilson(right, n, z=1.96):
    p = right / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def cell(right):
    n = len(right)
    if n == 0:
        return "-"
    low, high = wilson(sum(right), n)
    return f"{100 * np.mean(right):.1f} ({100 * low:.0f}-{100 * high:.0f})"


def random_keep(model, batch, share, rng):
    """[B, S] bool: all of the text, and `share` of the image tokens of each frame's row."""
    b, t, c = batch.clock.shape
    image = np.ones((b, t, c + batches.IMAGE_TOKENS), bool)
    image[:, :, c:] = rng.random((b, t, batches.IMAGE_TOKENS)) < share
    intro = np.ones((b, len(model.intro)), bool)
    return torch.from_numpy(np.concatenate([intro, image.reshape(b, -1)], 1))


@torch.no_grad()
def ask(model, tokenizer, n_frames, n_streams, pictures, share=1.0):
    """Rows (kind, age, right) of all questions of the held-out streams of that length."""
    rows = []
    for i in range(n_streams):
        rng = np.random.default_rng([11, n_frames, i])
        seed = world.HELD_OUT + 1_000_000 * n_frames + i
        batch = batches.make(tokenizer, [seed], n_frames, 12, rng, only_end=True, pictures=pictures)
        if pictures:
            image = model.eye(torch.from_numpy(batch.pictures[0]))[None]
        else:
            image = model.eye(torch.from_numpy(batch.things))
        keep = random_keep(model, batch, share, rng) if share < 1 else None
        _, right, kinds = model.losses(batch, image, keep)
        ages = batch.age[batch.length > 0]
        rows += list(zip(kinds.tolist(), ages.tolist(), right.tolist()))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=pathlib.Path, help="folder with weights.npz and tokenizer.json")
    parser.add_argument("--streams", type=int, default=60, help="per length, with up to 12 questions each")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--oracle", action="store_true", help="text.pt with the truth for eyes")
    parser.add_argument("--shares", type=float, nargs="*", default=[0.5, 0.28, 0.1])
    args = parser.parse_args()
    tokenizer = Tokenizer.load(args.weights / "tokenizer.json")
    model = Perch(tokenizer, Oracle(SHAPE["dim"]) if args.oracle else Vision(SHAPE["dim"])).eval()
    if args.oracle:
        state = torch.load(args.weights / "text.pt")["modules"]
        for part in ("decoder", "oracle"):
            module = model.decoder if part == "decoder" else model.eye
            module.load_state_dict({k[len(part) + 1:]: v for k, v in state.items() if k.startswith(part + ".")})
    else:
        load(model, args.weights / "weights.npz")

    table = {n: ask(model, tokenizer, n, args.streams, not args.oracle) for n in args.lengths}
    print("| | " + " | ".join(f"{n} frames" for n in args.lengths) + " |")
    print("| --- |" + " --- |" * len(args.lengths))

    def line(name, choose):
        cells = [cell([r for k, a, r in table[n] if choose(k, a, n)]) for n in args.lengths]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)

    line("all kinds", lambda k, a, n: True)
    line("old", lambda k, a, n: a > n / 2)
    for i, kind in enumerate(batches.KINDS):
        line(kind, lambda k, a, n: k == i)
    for share in args.shares:
        table = {n: ask(model, tokenizer, n, args.streams, not args.oracle, share) for n in args.lengths}
        line(f"all kinds, kept {100 * share:.0f} %", lambda k, a, n: True)
        line(f"old, kept {100 * share:.0f} %", lambda k, a, n: a > n / 2)


if __name__ == "__main__":
    main()
