#!/usr/bin/env python3
"""What the training code itself answers, for the runtime to be compared with: greedy decoding in f32.

    models/perch/train/reference.py ~/perch --out tests/data/perch

Writes answers.json: streams as seeds of the synthetic camera, so that no picture is stored, and for each question the
truth and the answer of the model. For the first stream also, of its first 8 frames, the image tokens and the logits of
the first answer token of three questions (.npy), and the ids of the prompt.
"""
import argparse
import json
import pathlib

import numpy as np
import torch

import batches
import world
from export import load
from perch import SHAPE, Perch
from tokenizer import Tokenizer
from vision import Vision

LENGTHS = [8, 16, 32, 64]
SEED = world.HELD_OUT + 2_000_000_000  # neither trained on nor measured with
ANSWER_TOKENS = 24


def embed(model, tokenizer, frames, seconds):
    """[1, S, dim]: the prompt's words and all frames."""
    clock = torch.tensor([[batches.clock_tokens(tokenizer, s) for s in seconds]])
    return model.stream(clock, model.eye(torch.from_numpy(frames))[None]), clock


def logits_of(model, stream, clock, prompts, frames):
    """Of the token that comes next after each of the prompts, which see that many frames: [N, vocab]."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[p + [0] * (longest - len(p)) for p in prompts]])
    hidden = model.decoder(stream, ids, model.cuts(torch.tensor([frames]), clock))[0]
    return model.decoder.logits(torch.stack([row[len(p) - 1] for row, p in zip(hidden, prompts)]))


def answers(model, tokenizer, stream, clock, questions):
    """What greedy decoding says to each question."""
    prompts = [batches.question_tokens(tokenizer, q["text"]) for q in questions]
    said = [[] for _ in prompts]
    end = tokenizer.ids["<end_of_utterance>"]
    for _ in range(ANSWER_TOKENS):
        open_ = [i for i, s in enumerate(said) if not s or s[-1] != end]
        if not open_:
            break
        logits = logits_of(model, stream, clock, [prompts[i] + said[i] for i in open_],
                           [questions[i]["cut"] + 1 for i in open_])
        for i, token in zip(open_, logits.argmax(-1).tolist()):
            said[i].append(token)
    return [tokenizer.decode([t for t in s if t != end]).strip() for s in said]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=pathlib.Path, help="folder with weights.npz and tokenizer.json")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--streams", type=int, default=48)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.load(args.weights / "tokenizer.json")
    model = Perch(tokenizer, Vision(SHAPE["dim"])).eval()
    streams, n_right, n_all = [], 0, 0
    with torch.no_grad():
        load(model, args.weights / "weights.npz")
        for i in range(args.streams):
            n_frames, fps = LENGTHS[i % len(LENGTHS)], batches.FPS[i // len(LENGTHS) % len(batches.FPS)]
            spec = world.spec(SEED + i, fps, n_frames, size=64)
            w = world.World(spec)
            stream, clock = embed(model, tokenizer, w.frames(0, n_frames), [k / fps for k in range(n_frames)])
            questions = w.questions([n_frames - 1, n_frames // 2], 12, i)
            said = answers(model, tokenizer, stream, clock, questions)
            rows = [dict(after_frame=q["cut"], kind=q["kind"], question=q["text"], expected=q["answer"], reference=a)
                    for q, a in zip(questions, said)]
            n_right += sum(r["expected"] == r["reference"] for r in rows)
            n_all += len(rows)
            streams.append(dict(spec=spec, questions=rows))
            if i == 0:
                first_stream(model, tokenizer, w, fps, questions, args.out)
            print(f"stream {i + 1} of {args.streams}: {n_right} of {n_all} right", flush=True)
    lines = ",\n".join(json.dumps(s) for s in streams).replace('[{"after_frame"', '[\n  {"after_frame"')
    lines = lines.replace(' {"after_frame"', '\n  {"after_frame"').replace(" \n", "\n")
    (args.out / "answers.json").write_text("[\n" + lines + "\n]\n")


def first_stream(model, tokenizer, w, fps, questions, out):
    """Numbers within the model, for one short stream."""
    frames = w.frames(0, 8)
    np.save(out / "image_tokens.npy", model.eye(torch.from_numpy(frames)).numpy())
    stream, clock = embed(model, tokenizer, frames, [k / fps for k in range(8)])
    chosen = [q for q in questions if q["cut"] == 7][:3]
    prompts = [batches.question_tokens(tokenizer, q["text"]) for q in chosen]
    np.save(out / "logits.npy", logits_of(model, stream, clock, prompts, [8] * len(prompts)).numpy())
    image = [tokenizer.ids["<image>"]] * batches.IMAGE_TOKENS
    ids = batches.intro(tokenizer) + [t for row in clock[0].tolist() for t in row + image]
    (out / "tokens.json").write_text(json.dumps(dict(stream=ids, questions=prompts)) + "\n")


if __name__ == "__main__":
    main()
