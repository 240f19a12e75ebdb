"""What a good memory notes down while it watches, so that a question need not work it out from every frame again.
While training, the decoder is asked for it at every frame's image tokens; a question then has only to find it."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import world

NONE = 48  # of things: shape * 8 + colour
CLOCK = [10] * 4
# Of each thing in view: has it just come; was it here before; what came right before it; how many of its shape and of
# its colour there were; when it came.
SLOT = [2, 2, 49, 5, 5, *CLOCK]
# Of each frame: what left last; what came or left last, whether it came, and when.
FRAME = [49, 49, 2, *CLOCK]


def digits(clock):
    return [int(d) for d in clock.replace(":", "")[-4:]]


def of(visits, n_frames, clocks):
    """What there is to note: of the things in view, in reading order of their places [T, 2, len(SLOT)], and of frames
    [T, len(FRAME)]; -1: nothing. clocks: each frame's time as text."""
    slots, frames = np.full((n_frames, 2, len(SLOT)), -1), np.full((n_frames, len(FRAME)), -1)
    visits = [dict(v, thing=world.SHAPES.index(v["shape"]) * 8 + world.COLOURS.index(v["colour"]),
                   at=world.PLACES.index(v["place"])) for v in visits]
    facts, changes = [], []
    for i, v in enumerate(visits):
        past = [p["thing"] for p in visits[:i]]
        facts.append([v["thing"] in past, past[-1] if past else NONE,
                      min(4, 1 + sum(p // 8 == v["thing"] // 8 for p in past)),
                      min(4, 1 + sum(p % 8 == v["thing"] % 8 for p in past)),
                      *digits(clocks[min(v["first"], n_frames - 1)])])
        changes += [(v["first"], v["thing"], 1), (v["last"] + 1, v["thing"], 0)]
    changes = sorted(c for c in changes if 0 < c[0] < n_frames)
    for t in range(n_frames):
        view = sorted((v["at"], i) for i, v in enumerate(visits) if v["first"] <= t <= v["last"])
        for slot, (_, i) in enumerate(view[:2]):
            slots[t, slot] = [visits[i]["first"] == t, *facts[i]]
        so_far = [c for c in changes if c[0] <= t]
        left = [thing for _, thing, came in so_far if not came]
        frames[t, 0] = left[-1] if left else NONE
        frames[t, 1] = so_far[-1][1] if so_far else NONE
        if so_far:
            frames[t, 2:] = [so_far[-1][2], *digits(clocks[so_far[-1][0]])]
    return slots, frames


class Notes(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.slot, self.frame = nn.Linear(dim, sum(SLOT)), nn.Linear(dim, sum(FRAME))

    def forward(self, tokens, slots, frames):
        """Loss of all notes together. tokens [B, T, IMAGE_TOKENS, dim]: the first half of them tell of the first thing
        in view, the others of the second; the last one also of the frame."""
        tokens = self.norm(tokens)
        loss = self.missed(self.frame(tokens[:, :, -1]), FRAME, frames)
        half = tokens.shape[2] // 2
        for k in range(tokens.shape[2]):
            loss = loss + self.missed(self.slot(tokens[:, :, k]), SLOT, slots[:, :, k // half]) / tokens.shape[2]
        return loss

    @staticmethod
    def missed(logits, sizes, wanted):
        losses = [F.cross_entropy(part.flatten(0, 1), wanted[..., i].flatten(), ignore_index=-1)
                  for i, part in enumerate(logits.split(sizes, -1)) if (wanted[..., i] >= 0).any()]
        return sum(losses, logits.sum() * 0)
