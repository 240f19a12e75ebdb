"""Streams as a decoder sees them, and questions about them, in arrays; made by worker processes from seeds."""
import multiprocessing as mp
import re
from dataclasses import dataclass

import numpy as np

import notes
import pictures as pixels
import world

INTRO = "User: Watch the camera."
FRAME = "\n{time}{image}"
IMAGE_TOKENS = 4
FPS = [2.0, 1.0, 0.5, 0.25]


@dataclass
class Batch:
    """B streams of T frames, N questions of at most Q tokens each; 0 pads."""
    clock: np.ndarray      # [B, T, C] token ids of each frame's time
    things: np.ndarray     # [B, T, 2, 3] shape, colour, place of what is in view, -1: nothing
    questions: np.ndarray  # [B, N, Q] token ids, the answer included
    answer: np.ndarray     # [B, N] index in the question's tokens where the answer begins
    length: np.ndarray     # [B, N] tokens of question and answer; 0: no question
    frames: np.ndarray     # [B, N] frames of the stream that the question sees
    kind: np.ndarray       # [B, N]
    age: np.ndarray        # [B, N] frames since what is asked for was seen; -1: it needs nothing
    point: np.ndarray      # [B, N, T, IMAGE_TOKENS] bool, which image tokens show what a question names
    subject: np.ndarray    # [B, N] index in the question's tokens of the last word that names it; -1: nothing named
    proof: np.ndarray      # [B, N, T, IMAGE_TOKENS] bool, which image tokens show what the answer says
    stamp: np.ndarray      # [B, N] frame whose clock is the answer; -1: no time is asked for
    slots: np.ndarray      # [B, T, 2, len(notes.SLOT)] what there is to note of the things in view; -1: nothing
    notes: np.ndarray      # [B, T, len(notes.FRAME)] and of the frame
    pictures: np.ndarray   # [B, T, H, W, 3] u8, or None
    seeds: list


KINDS = ["now", "first", "last", "before", "after", "seen", "count", "colour", "when", "where", "changed", "came_back"]


def intro(tokenizer):
    return [tokenizer.ids["<|im_start|>"], *tokenizer.encode(INTRO)]


def clock_tokens(tokenizer, seconds):
    return tokenizer.encode(FRAME.removesuffix("{image}").format(time=world.clock(seconds)))


def later(text, seconds):
    """The same with all its times `seconds` later."""
    return re.sub(r"(\d\d+):(\d\d)", lambda m: world.clock(int(m[1]) * 60 + int(m[2]) + seconds), text)


def question_tokens(tokenizer, text):
    eou = tokenizer.ids["<end_of_utterance>"]
    return [eou, *tokenizer.encode("\nUser: " + text), eou, *tokenizer.encode("\nAssistant:")]


def answer_tokens(tokenizer, text):
    return [*tokenizer.encode(" " + text), tokenizer.ids["<end_of_utterance>"]]


NAMED = re.compile(rf"\b(?P<colour>{'|'.join(world.COLOURS)}) (?P<shape>{'|'.join(world.SHAPES)})\b")
SHAPE_NAMED = re.compile(rf"\b(?P<shape>{'|'.join(world.SHAPES)})\b")


def named(question):
    """The words of a question that say what it is about, as a match with its shape and perhaps its colour; or None."""
    return (SHAPE_NAMED if question["kind"] == "colour" else NAMED).search(question["text"])


def shown(question, things):
    """[T, IMAGE_TOKENS] bool: where the thing that a question names is shown before its cut. Of several times the
    last, where its place is wanted; the first picture alone, where its time is."""
    hits, about = np.zeros(things.shape[:2], bool), named(question)
    if about is None:
        return np.repeat(hits, IMAGE_TOKENS // 2, 1)
    seen = things[:question["cut"] + 1]
    hits[:len(seen)] = seen[..., 0] == world.SHAPES.index(about["shape"])
    if "colour" in about.groupdict():
        hits[:len(seen)] &= seen[..., 1] == world.COLOURS.index(about["colour"])
    frames = np.flatnonzero(hits.any(1))
    if len(frames) and question["kind"] == "where":
        gaps = np.flatnonzero(np.diff(frames) > 1)
        hits[:frames[gaps[-1] + 1 if len(gaps) else 0]] = False
    if len(frames) and question["kind"] == "when":
        hits[frames[0] + 1:] = False
    return np.repeat(hits, IMAGE_TOKENS // 2, 1)


def proven(question, things):
    """[T, IMAGE_TOKENS] bool: where the things that an answer names are shown before its cut; where it names none, what
    the question names. An answer that is a time is proven by a clock."""
    hits, answers = np.zeros(things.shape[:2], bool), list(NAMED.finditer(question["answer"]))
    if question["kind"] == "when":
        return np.repeat(hits, IMAGE_TOKENS // 2, 1)
    if not answers:
        hits = shown(question, things)
        if question["kind"] == "came_back" and question["answer"] == "yes":  # which the later visits prove
            frames = np.flatnonzero(hits.any(1))
            gaps = np.flatnonzero(np.diff(frames) > 1)
            hits[:frames[gaps[0] + 1] if len(gaps) else 0] = False
        return hits
    first = question["cut"] if question["kind"] == "now" else 0
    seen = things[first:question["cut"] + 1]
    for thing in answers:
        hits[first:question["cut"] + 1] |= ((seen[..., 0] == world.SHAPES.index(thing["shape"])) &
                                            (seen[..., 1] == world.COLOURS.index(thing["colour"])))
    return np.repeat(hits, IMAGE_TOKENS // 2, 1)


def subject(tokenizer, question):
    about = named(question)
    return -1 if about is None else len(tokenizer.encode("\nUser: " + question["text"][:about.end()]))


def make(tokenizer, seeds, n_frames, n_questions, rng, only_end=False, pictures=False):
    b = len(seeds)
    things = np.full((b, n_frames, 2, 3), -1, np.int64)
    clocks, asked, noted, images = [], [], [], []
    for i, seed in enumerate(seeds):
        fps = FPS[int(rng.integers(len(FPS)))]
        w = world.World(world.spec(seed, fps, n_frames, **(pixels.conditions(rng) if pictures else {})))
        for k, view in enumerate(world.in_view(w.truth())):
            for slot, thing in enumerate(view[:2]):
                things[i, k, slot] = thing
        begins = int(rng.choice([0, rng.integers(0, 3600)]))  # a camera runs for hours
        seconds = [begins + k / fps for k in range(n_frames)]
        clocks.append([clock_tokens(tokenizer, s) for s in seconds])
        noted.append(notes.of(w.truth()["visits"], n_frames, [world.clock(s) for s in seconds]))
        qs = ask(w, n_frames, n_questions, int(rng.integers(1 << 60)), rng, only_end)
        asked.append([dict(q, text=later(q["text"], begins), answer=later(q["answer"], begins)) for q in qs])
        if pictures:
            images.append(np.stack([pixels.through_a_file(rgb, rng) for rgb in w.frames(0, n_frames)]))
    images = np.stack(images) if pictures else None
    return pack(tokenizer, things, np.array(clocks), asked, n_questions, noted, images, seeds)


def ask(w, n_frames, n_questions, seed, rng, only_end):
    """Half of the questions when the stream has ended, the others on the way."""
    if only_end:
        return w.questions([n_frames - 1], n_questions, seed)[:n_questions]
    cuts = [n_frames - 1, *rng.integers(0, n_frames, 3).tolist()]
    half = n_questions // 2
    qs = w.questions(cuts[:1], half, seed)
    qs += w.questions(cuts[1:], max(1, (n_questions - len(qs)) // 3), seed)
    return qs[:n_questions]


def pack(tokenizer, things, clocks, asked, n, noted, pictures, seeds):
    b = len(asked)
    texts = [[(question_tokens(tokenizer, q["text"]), answer_tokens(tokenizer, q["answer"])) for q in qs]
             for qs in asked]
    longest = max((len(p) + len(a) for row in texts for p, a in row), default=1)
    questions = np.zeros((b, n, longest), np.int64)
    answer, length, frames, kind, age = (np.zeros((b, n), np.int64) for _ in range(5))
    about = np.full((b, n), -1)
    point, proof = (np.zeros((b, n, things.shape[1], IMAGE_TOKENS), bool) for _ in range(2))
    stamp = np.full((b, n), -1)
    frames[:] = 1
    for i, row in enumerate(texts):
        for j, (p, a) in enumerate(row):
            questions[i, j, :len(p) + len(a)] = p + a
            answer[i, j], length[i, j] = len(p), len(p) + len(a)
            q = asked[i][j]
            frames[i, j], kind[i, j], age[i, j] = q["cut"] + 1, KINDS.index(q["kind"]), q["age"]
            point[i, j], about[i, j] = shown(q, things[i]), subject(tokenizer, q)
            proof[i, j] = proven(q, things[i])
            if q["kind"] == "when" and point[i, j].any():
                stamp[i, j] = point[i, j].any(1).argmax()
    return Batch(clocks, things, questions, answer, length, frames, kind, age, point, about, proof, stamp,
                 np.stack([slots for slots, _ in noted]), np.stack([frames for _, frames in noted]), pictures, seeds)


def _work(tokenizer, worker, n_workers, plan, queue, first_step):
    step = first_step + worker
    while True:
        n_frames, n_streams, n_questions = plan(step)
        rng = np.random.default_rng([77, step])
        seeds = [int(s) for s in rng.integers(0, world.HELD_OUT, n_streams)]
        queue.put((step, make(tokenizer, seeds, n_frames, n_questions, rng)))
        step += n_workers


def stream_of_batches(tokenizer, plan, first_step=0, n_workers=1):
    """plan(step) gives (frames, streams, questions); batches come in the order of steps, the same for any workers."""
    context = mp.get_context("fork")
    queues = [context.Queue(4) for _ in range(n_workers)]
    for i, queue in enumerate(queues):
        work = (tokenizer, i, n_workers, plan, queue, first_step)
        context.Process(target=_work, args=work, daemon=True).start()
    step = first_step
    while True:
        got, batch = queues[(step - first_step) % n_workers].get()
        assert got == step
        yield step, batch
        step += 1
