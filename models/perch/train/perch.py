"""Perch: a vision tower of the SmolVLM kind and a small decoder; or, for its first lessons, the truth in its place."""
import torch
import torch.nn.functional as F
from torch import nn

import batches
from decoder import EMBEDDING_STD, Decoder, Inside
from notes import Notes

SHAPE = dict(dim=192, layers=6, heads=4, kv_heads=2, head_dim=48, ff=384)


class Oracle(nn.Module):
    """Image tokens straight from the truth: what a perfect eye would say. Tokens 0 and 1 tell of the first thing in
    view in reading order, 2 and 3 of the second; each token is a sum of learned words."""

    def __init__(self, dim):
        super().__init__()
        self.tables = nn.ModuleList(
            nn.ModuleList(nn.Embedding(n + 1, dim) for n in (6, 8, 9, 48)) for _ in range(batches.IMAGE_TOKENS))
        for table in self.parameters():
            nn.init.normal_(table, std=EMBEDDING_STD / 2)  # four of them are added

    def forward(self, things):
        """[..., 2, 3] to [..., IMAGE_TOKENS, dim]"""
        out = []
        for k, (shape, colour, place, thing) in enumerate(self.tables):
            s, c, p = (things[..., k // 2, i] + 1 for i in range(3))
            both = torch.where(s > 0, (s - 1) * 8 + c, torch.zeros_like(s))
            out.append(shape(s) + colour(c) + place(p) + thing(both))
        return torch.stack(out, -2)


class Perch(nn.Module):
    def __init__(self, tokenizer, eye):
        super().__init__()
        self.decoder = Decoder(len(tokenizer.vocab), **SHAPE)
        self.eye = eye
        self.notes = Notes(SHAPE["dim"])
        self.register_buffer("intro", torch.tensor(batches.intro(tokenizer)), persistent=False)

    def stream(self, clock, image):
        """clock [B, T, C] ids and image [B, T, K, dim] to the stream's embeddings [B, S, dim]."""
        b, t = clock.shape[:2]
        frames = torch.cat([self.decoder.embed(clock), image], 2).reshape(b, t * (clock.shape[2] + image.shape[2]), -1)
        return torch.cat([self.decoder.embed(self.intro).expand(b, -1, -1), frames], 1)

    def cuts(self, frames, clock):
        return len(self.intro) + frames * (clock.shape[2] + batches.IMAGE_TOKENS)

    def tensor(self, array):
        """Where the model is."""
        return torch.from_numpy(array).to(self.intro.device)

    def losses(self, batch, image, keep=None):
        """Cross-entropy per answer token, and which whole answers are right when each token is given the true ones
        before it (what greedy decoding gives, as the first wrong token makes the answer wrong). While training, also
        whether heads look where they should and the stream notes down what it should."""
        clock, questions = self.tensor(batch.clock), self.tensor(batch.questions)
        cuts = self.cuts(self.tensor(batch.frames), clock)
        inside = Inside() if self.training else None
        hidden = self.decoder(self.stream(clock, image), questions, cuts, keep, inside)
        at = torch.arange(questions.shape[-1] - 1, device=questions.device)
        answer, length = self.tensor(batch.answer), self.tensor(batch.length)
        asked = (at >= answer[..., None] - 1) & (at < length[..., None] - 1)
        logits = self.decoder.logits(hidden[:, :, :-1][asked])
        target = questions[:, :, 1:][asked]
        loss = F.cross_entropy(logits, target)
        if inside is not None:
            words = at - answer[..., None] + 1
            loss = loss + 0.1 * (self.looks_away(inside.looks, batch, at, asked, words) + self.unnoted(inside, batch))
        wrong = torch.zeros_like(asked).masked_scatter(asked, logits.argmax(-1) != target).any(-1)
        return loss, ~wrong[length > 0], batch.kind[batch.length > 0]

    def unnoted(self, inside, batch):
        b, t, _ = batch.clock.shape
        rows = inside.stream[:, len(self.intro):].unflatten(1, (t, -1))
        return self.notes(rows[:, :, -batches.IMAGE_TOKENS:], self.tensor(batch.slots), self.tensor(batch.notes))

    def looks_away(self, looks, batch, at, asked, words):
        named = at == self.tensor(batch.subject)[..., None]
        point, proof, stamp = self.tensor(batch.point), self.tensor(batch.proof), self.tensor(batch.stamp)
        from_name, from_answer, to_proof = (far[:, :, :-1, len(self.intro):] for far in looks)
        return (astray(from_name, point, named) + astray(from_answer, point, asked) + astray(to_proof, proof, asked) +
                misread(to_proof, stamp, words, asked, batch.clock.shape[1:]))


def astray(looks, point, rows):
    """-log of the share that a head gives to what it should look at: looks [B, N, Q, S] over rows [B, N, Q], point
    [B, N, T, IMAGE_TOKENS]."""
    b, n, t, k = point.shape
    wanted = torch.cat([point.new_zeros(b, n, t, looks.shape[-1] // t - k), point], -1).flatten(2)
    share = torch.einsum("bnqs,bns->bnq", looks, wanted.float())
    return missed(share, rows & point.any(-1).any(-1)[..., None])


def misread(looks, stamp, word, rows, clock):
    """The same for times: word w of an answer is word w of the clock of frame stamp [B, N]; clock is (T, C)."""
    t, c = clock
    looks = looks.unflatten(-1, (t, -1))
    at = stamp.clamp(min=0)[:, :, None, None, None].expand(*looks.shape[:3], 1, looks.shape[-1])
    share = looks.gather(3, at).squeeze(3).gather(-1, word.clamp(0, c - 1)[..., None]).squeeze(-1)
    return missed(share, rows & (stamp >= 0)[..., None] & (word >= 1) & (word < c))


def missed(share, rows):
    return -torch.log(share[rows] + 1e-4).mean() if rows.any() else share.sum() * 0
