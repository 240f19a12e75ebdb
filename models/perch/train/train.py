#!/usr/bin/env python3
"""From nothing to Perch: a tokenizer, a decoder that remembers, an eye, and both together.

    models/perch/train/train.py --out ~/perch            # hours on two cores; goes on where it was stopped
    models/perch/train/train.py --out /tmp/p --smoke     # every stage in two minutes; learns nothing worth having

Stages, each with a checkpoint in OUT from which it goes on:

    text   the decoder learns to find and count in streams whose pictures are told by an oracle, which knows the
           truth: no eye is needed, so a stream costs a tenth. Streams grow from 4 to 128 frames
    eye    the vision tower learns to name shape, colour and place in single pictures, through compression and resize
    bind   the eye learns to say what the oracle would say
    join   both learn together, from pictures and questions

Writes weights.npz (Hugging Face names), tokenizer.json and log.csv to OUT. `evaluate.py` measures them, `convert.py`
makes the GGUF pair. Needs python3-torch, python3-numpy, python3-pil and the built libperch_world.so.
"""
import argparse
import csv
import json
import os
import pathlib
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # on a shared machine, spinning threads starve each other
import numpy as np
import torch

import batches
import export
import pictures
import world
from muon import Muon
from perch import SHAPE, Oracle, Perch
from tokenizer import Tokenizer, train as train_tokenizer
from vision import Heads, Vision

MERGES = 400
# (steps, then per step: frames, streams, questions); every stage's last 30 % of steps slow down to a stop.
LESSONS = [(250, [(4, 32, 8)]),
           (350, [(8, 24, 12)]),
           (400, [(16, 14, 20), (8, 24, 12)]),
           (700, [(32, 8, 28), (16, 14, 20), (64, 4, 40)]),
           (1 << 30, [(64, 4, 40), (32, 8, 28), (16, 14, 20), (64, 4, 40), (128, 2, 56), (8, 24, 12)])]
STAGES = {"text": 4500, "eye": 1500, "bind": 1200, "join": 500}
SMOKE = {"text": 12, "eye": 12, "bind": 6, "join": 3}


def lesson(step):
    for steps, shapes in LESSONS:
        if step < steps:
            return shapes[step % len(shapes)]
        step -= steps


def make_tokenizer(path):
    if path.exists():
        return Tokenizer.load(path)
    texts = ["\nAssistant:", batches.INTRO] * 100
    for seed in range(400):
        w = world.World(world.spec(world.HELD_OUT - 1 - seed, 0.5, 64))
        for q in w.questions([63, 40, 20], 12, seed):
            texts += ["\nUser: " + q["text"], " " + q["answer"]]
    tokenizer = Tokenizer(train_tokenizer(texts, MERGES))
    tokenizer.save(path)
    return tokenizer


class Stage:
    """Parameters, their two optimisers, and a checkpoint that all of it goes on from."""

    def __init__(self, name, out, steps, modules, muon_lr, adam_lr):
        self.name, self.path, self.steps = name, out / f"{name}.pt", steps
        self.modules = torch.nn.ModuleDict(modules)
        matrices = [p for n, p in self.modules.named_parameters()
                    if p.dim() == 2 and any(part in n for part in ("layers", "patch", "projector"))]
        taken = {id(p) for p in matrices}
        self.rest = [p for p in self.modules.parameters() if id(p) not in taken]
        self.optimisers = [(Muon(matrices, muon_lr), muon_lr),
                           (torch.optim.AdamW(self.rest, adam_lr, betas=(0.9, 0.95), weight_decay=0.0), adam_lr)]
        self.step, self.seconds, self.began = 0, 0.0, time.time()
        self.log = csv.writer(open(out / "log.csv", "a", buffering=1))
        if self.path.exists():
            state = torch.load(self.path, map_location="cpu")
            self.modules.load_state_dict(state["modules"])
            for (o, _), s in zip(self.optimisers, state["optimisers"]):
                o.load_state_dict(s)
            self.step, self.seconds = state["step"], state["seconds"]

    def done(self):
        return self.step >= self.steps

    def update(self, loss):
        rate = min(1.0, (self.step + 1) / 50, (self.steps - self.step) / (0.3 * self.steps))
        for o, lr in self.optimisers:
            for group in o.param_groups:
                group["lr"] = lr * rate
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        for o, _ in self.optimisers:
            o.step()
            o.zero_grad(set_to_none=True)
        self.step += 1

    def save(self):
        self.seconds += time.time() - self.began
        self.began = time.time()
        state = dict(modules=self.modules.state_dict(), optimisers=[o.state_dict() for o, _ in self.optimisers],
                     step=self.step, seconds=self.seconds)
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)

    def report(self, loss, right, more=""):
        seconds = self.seconds + time.time() - self.began
        self.log.writerow([self.name, self.step, round(seconds), round(float(loss), 4), round(float(right), 4)])
        print(f"{self.name} {self.step}/{self.steps}  {seconds / 60:.0f} min  loss {loss:.3f}  right {right:.3f}  "
              f"{more}", flush=True)


class Tally:
    """Means since they were last told."""

    def __init__(self):
        self.loss, self.right, self.by_kind = [], [], np.zeros((len(batches.KINDS), 2))

    def add(self, loss, right, kinds):
        self.loss.append(loss.item())
        right = right.cpu()
        self.right.append(right.float().mean().item())
        np.add.at(self.by_kind, kinds, np.stack([right.numpy(), np.ones(len(kinds))], 1))

    def tell(self, stage):
        kinds = " ".join(f"{n} {r / max(1, c):.2f}" for n, (r, c) in zip(batches.KINDS, self.by_kind))
        stage.report(np.mean(self.loss), np.mean(self.right), kinds)
        self.__init__()


def learn_streams(stage, lose, batches_from, every, save_every):
    """lose(batch) gives the loss, which answers are right, and their kinds."""
    tally = Tally()
    for _, batch in batches_from:
        loss, right, kinds = lose(batch)
        stage.update(loss)
        tally.add(loss, right, kinds)
        if stage.step % every == 0:
            tally.tell(stage)
        if stage.step % save_every == 0 or stage.done():
            stage.save()
        if stage.done():
            return


def learn_text(stage, model, tokenizer, every):
    def lose(batch):
        image = model.eye(model.tensor(batch.things))
        blur = 0.1 * image.detach().square().mean().sqrt()  # an eye will be less sure
        return model.losses(batch, image + blur * torch.randn_like(image))
    learn_streams(stage, lose, batches.stream_of_batches(tokenizer, lesson, stage.step), every, 100)


def learn_pictures(stage, lose, device, every):
    """lose(pictures, things) gives the loss and the share that is right."""
    losses, rights = [], []
    for batch in pictures.stream_of_pictures(stage.step, stage.steps):
        loss, right = lose(*(torch.from_numpy(part).to(device) for part in batch))
        stage.update(loss)
        losses.append(loss.item())
        rights.append(float(right))
        if stage.step % every == 0:
            stage.report(np.mean(losses), np.mean(rights))
            losses, rights = [], []
        if stage.step % 100 == 0 or stage.done():
            stage.save()


def learn_to_say(vision, heads, oracle):
    """The distance to the oracle's words, in units of their spread; and what the eye's heads still understand."""
    def lose(rgb, things):
        said = vision(rgb)
        with torch.no_grad():
            wanted = oracle(things)
        loss, right = heads(said, things)
        return (said - wanted).square().mean() / wanted.var() + 0.1 * loss, right
    return lose


def join_lesson(step):
    return [(16, 3, 24), (32, 2, 32), (8, 6, 14), (64, 1, 48)][step % 4]


def learn_together(stage, model, heads, tokenizer, every):
    def lose(batch):
        b, t = batch.pictures.shape[:2]
        image = model.eye(model.tensor(batch.pictures).flatten(0, 1))
        seen, _ = heads(image, model.tensor(batch.things).flatten(0, 1))
        loss, right, kinds = model.losses(batch, image.view(b, t, *image.shape[1:]))
        return loss + 0.2 * seen, right, kinds
    learn_streams(stage, lose, batches.stream_of_batches(tokenizer, join_lesson, stage.step, pictures=True), every, 50)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="checkpoints, log and weights go here")
    parser.add_argument("--only", choices=list(STAGES), help="this stage alone; text and eye go side by side")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--smoke", action="store_true", help="a few steps of each stage")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    torch.set_num_threads(args.threads)
    steps, every = (SMOKE, 3) if args.smoke else (STAGES, 25)
    tokenizer = make_tokenizer(args.out / "tokenizer.json")
    wanted = [args.only] if args.only else list(STAGES)

    oracle, vision, heads = Oracle(SHAPE["dim"]), Vision(SHAPE["dim"]), Heads(SHAPE["dim"])
    model = Perch(tokenizer, oracle)
    for module in (model, vision, heads):
        module.to(args.device)
    text = Stage("text", args.out, steps["text"], dict(decoder=model.decoder, oracle=oracle, notes=model.notes), 0.01,
                 0.002)
    if "text" in wanted and not text.done():
        learn_text(text, model, tokenizer, every)
    eye = Stage("eye", args.out, steps["eye"], dict(vision=vision, heads=heads), 0.01, 0.002)
    if "eye" in wanted and not eye.done():
        learn_pictures(eye, lambda rgb, things: heads(vision(rgb), things), args.device, every)
    if "bind" in wanted or "join" in wanted:  # which goes on from it
        bind = Stage("bind", args.out, steps["bind"], dict(vision=vision, heads=heads), 0.003, 0.001)
        if "bind" in wanted and not bind.done():
            learn_pictures(bind, learn_to_say(vision, heads, oracle), args.device, every)
    if "join" in wanted:
        model.eye = vision
        parts = dict(decoder=model.decoder, vision=vision, heads=heads, notes=model.notes)
        join = Stage("join", args.out, steps["join"], parts, 0.001, 0.0003)
        if not join.done():
            learn_together(join, model, heads, tokenizer, every)
        export.weights(model, args.out)
        print(f"{args.out / 'weights.npz'} is ready: evaluate.py measures it, convert.py makes the GGUF pair")


if __name__ == "__main__":
    main()
