"""The vision tower: SigLIP-style encoder, pixel shuffle, one linear projector; tensor names as in Hugging Face's."""
import torch
import torch.nn.functional as F
from torch import nn

IMAGE, PATCH, SHUFFLE = 64, 8, 4
WIDTH, LAYERS, HEADS, FF = 128, 4, 4, 512


def sin_cos(grid, width):
    """Positions to begin with; learned from there."""
    omega = 1 / 100 ** (torch.arange(width // 4) / (width // 4))
    y, x = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    parts = [f(v.reshape(-1, 1) * omega) for v in (x, y) for f in (torch.sin, torch.cos)]
    return 0.3 * torch.cat(parts, 1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, FF), nn.Linear(FF, WIDTH)

    def forward(self, x):
        b, n, _ = x.shape
        y = self.ln1(x)
        q, k, v = (f(y).view(b, n, HEADS, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        p = (q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5).softmax(-1)
        x = x + self.o((p @ v).transpose(1, 2).reshape(b, n, WIDTH))
        h = self.up(self.ln2(x))
        return x + self.down(0.5 * h * (1 + torch.tanh(0.7978845608028654 * (h + 0.044715 * h * h * h))))


class Vision(nn.Module):
    def __init__(self, dim):
        super().__init__()
        grid = IMAGE // PATCH
        self.patch = nn.Linear(3 * PATCH * PATCH, WIDTH)  # channel slowest, as a convolution's weight
        self.position = nn.Parameter(sin_cos(grid, WIDTH))
        self.layers = nn.ModuleList(Block() for _ in range(LAYERS))
        self.post_ln = nn.LayerNorm(WIDTH, eps=1e-6)
        self.projector = nn.Linear(WIDTH * SHUFFLE * SHUFFLE, dim, bias=False)
        nn.init.normal_(self.projector.weight, std=0.01)

    def forward(self, pictures):
        """[N, 64, 64, 3] u8 to [N, 4, dim]"""
        n, grid = pictures.shape[0], IMAGE // PATCH
        x = pictures.float() / 127.5 - 1
        x = x.view(n, grid, PATCH, grid, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(n, grid * grid, -1)
        x = self.patch(x) + self.position
        for layer in self.layers:
            x = layer(x)
        x = self.post_ln(x).view(n, grid // SHUFFLE, SHUFFLE, grid // SHUFFLE, SHUFFLE, WIDTH)
        return self.projector(x.permute(0, 1, 3, 2, 4, 5).reshape(n, -1, SHUFFLE * SHUFFLE * WIDTH))


class Heads(nn.Module):
    """What the eye is asked in its first lessons: shape, colour and place, of the first thing by tokens 0 and 1, of
    the second by tokens 2 and 3."""

    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.read = nn.ModuleList(nn.Linear(dim, 7 + 9 + 10) for _ in range(4))

    def forward(self, tokens, things):
        """tokens [N, 4, dim], things [N, 2, 3] to the loss and the share of pictures that all tokens understand."""
        tokens, loss, right = self.norm(tokens), 0, tokens.new_ones(tokens.shape[0], dtype=torch.bool)
        for k, read in enumerate(self.read):
            for i, part in enumerate(read(tokens[:, k]).split([7, 9, 10], -1)):
                target = things[:, k // 2, i] + 1
                loss = loss + F.cross_entropy(part, target) / 12
                right &= part.argmax(-1) == target
        return loss, right.float().mean()
