"""Single pictures of many worlds, as they come out of a camera, a codec and a resize."""
import io
import multiprocessing as mp

import numpy as np
from PIL import Image

import world


def through_a_file(rgb, rng, side=64):
    """Compression in blocks, as strong as videos have it, and the runtime's resize."""
    image = Image.fromarray(rgb)
    if rng.random() < 0.7:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=int(rng.integers(25, 95)))
        image = Image.open(data).convert("RGB")
    if image.size != (side, side):
        image = image.resize((side, side), Image.LANCZOS)
    return np.asarray(image)


def conditions(rng):
    """What a seed does not fix: the camera and the light."""
    return dict(size=int(rng.choice([64, 64, 96, 128, 192])), noise=int(rng.integers(0, 10)),
                blur=int(rng.integers(0, 2)), shake=int(rng.choice([0, 0, 1, 2])), night=int(rng.choice([0, 0, 0, 5])))


def look(seed, n_frames, which, rng):
    """Frames `which` of a world, each [64, 64, 3], and what is in view in them."""
    w = world.World(world.spec(seed, 1, n_frames, **conditions(rng)))
    views = world.in_view(w.truth())
    pictures, things = [], np.full((len(which), 2, 3), -1, np.int64)
    for i, k in enumerate(which):
        pictures.append(through_a_file(w.frames(k, 1)[0], rng))
        for slot, thing in enumerate(views[k][:2]):
            things[i, slot] = thing
    return np.stack(pictures), things


def make(rng, n, per_world=8, n_frames=64):
    pictures, things = [], []
    for _ in range(n // per_world):
        which = rng.integers(0, n_frames, per_world).tolist()
        p, t = look(int(rng.integers(0, world.HELD_OUT)), n_frames, which, rng)
        pictures.append(p)
        things.append(t)
    return np.concatenate(pictures), np.concatenate(things)


def _work(queue, worker, n_workers, first, last, n):
    for step in range(first + worker, last, n_workers):
        queue.put(make(np.random.default_rng([5, step]), n))


def stream_of_pictures(first, last, n=128, n_workers=1):
    """Batches of pictures and what is in view in them, for steps first .. last - 1."""
    context = mp.get_context("fork")
    queues = [context.Queue(4) for _ in range(n_workers)]
    for i, queue in enumerate(queues):
        context.Process(target=_work, args=(queue, i, n_workers, first, last, n), daemon=True).start()
    for step in range(first, last):
        yield queues[(step - first) % n_workers].get()
