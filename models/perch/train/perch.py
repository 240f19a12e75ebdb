"""Perch: a vision tower of the SmolVLM kind and a small decoder; or, for its first lessons, the truth in its place."""
import torch
import torch.nn.functional as F
from torch import nn

import batches
from decoder import EMBEDDING_STD, Decoder

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
        before it (what greedy decoding gives, as the first wrong token makes the answer wrong). While training, two
        heads are taught to look at what the question names."""
        clock, questions = self.tensor(batch.clock), self.tensor(batch.questions)
        cuts = self.cuts(self.tensor(batch.frames), clock)
        pointed = [] if self.training else None
        hidden = self.decoder(self.stream(clock, image), questions, cuts, keep, pointed)
        at = torch.arange(questions.shape[-1] - 1, device=questions.device)
        answer, length = self.tensor(batch.answer), self.tensor(batch.length)
        asked = (at >= answer[..., None] - 1) & (at < length[..., None] - 1)
        logits = self.decoder.logits(hidden[:, :, :-1][asked])
        target = questions[:, :, 1:][asked]
        loss = F.cross_entropy(logits, target)
        if self.training:
            name = at == self.tensor(batch.subject)[..., None]
            for looks, rows in zip(pointed, (name, asked)):
                loss = loss + 0.1 * self.looks_away(looks[:, :, :-1], self.tensor(batch.point), rows)
        wrong = torch.zeros_like(asked).masked_scatter(asked, logits.argmax(-1) != target).any(-1)
        return loss, ~wrong[length > 0], batch.kind[batch.length > 0]

    def looks_away(self, looks, point, rows):
        """-log of the share that a pointing head gives to what is named: looks [B, N, Q, S] over rows [B, N, Q],
        point [B, N, T, IMAGE_TOKENS]."""
        b, n, t, k = point.shape
        frame = (looks.shape[-1] - len(self.intro)) // t
        wanted = torch.cat([point.new_zeros(b, n, t, frame - k), point], -1).flatten(2)
        share = torch.einsum("bnqs,bns->bnq", looks[..., len(self.intro):], wanted.float())
        rows = rows & point.any(-1).any(-1)[..., None]
        return -torch.log(share[rows] + 1e-4).mean() if rows.any() else looks.sum() * 0
