"""The text model: a small Llama decoder that reads one stream and answers many questions about it at once."""
import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn


ROPE_BASE = 500000.0  # 48 values a head: from 10,000 only three pairs would not turn within the context, few to
                      # find a thing with by what it is, wherever it was
EMBEDDING_STD = 0.5
POINTING = (2, 4, 5)  # layers whose first head is taught where to look: from a thing's name at the thing; from the
                      # answer at it; from the answer at its proof


NOTING = 4            # before this layer the stream's rows are asked what they have noted


@dataclass
class Inside:
    """What training looks at within the decoder."""
    looks: list = field(default_factory=list)  # of each pointing head [B, N, Q, S]
    stream: torch.Tensor = None                # [B, S, dim] before layer NOTING


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(n_positions, head_dim, base=ROPE_BASE):
    """cos and sin [n_positions, head_dim], halves alike, as Hugging Face lays them out."""
    angle = torch.arange(n_positions)[:, None] * base ** (-torch.arange(0, head_dim, 2) / head_dim)[None]
    angle = torch.cat([angle, angle], -1).float()
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    """x [..., tokens, head_dim], cos and sin [tokens, head_dim] or broadcast."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Layer(nn.Module):
    def __init__(self, dim, heads, kv_heads, head_dim, ff):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(dim), RMSNorm(dim)
        self.q_proj = nn.Linear(dim, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, dim, bias=False)
        self.gate_proj, self.up_proj = nn.Linear(dim, ff, bias=False), nn.Linear(dim, ff, bias=False)
        self.down_proj = nn.Linear(ff, dim, bias=False)

    def qkv(self, x, cos, sin):
        """[..., tokens, dim] to q [..., kv_heads, group, tokens, head_dim], k, v [..., kv_heads, tokens, head_dim]."""
        shape = x.shape[:-1]
        group = self.heads // self.kv_heads
        q = self.q_proj(x).view(*shape, self.kv_heads, group, self.head_dim).movedim(-4, -2)
        k = self.k_proj(x).view(*shape, self.kv_heads, self.head_dim).transpose(-3, -2)
        v = self.v_proj(x).view(*shape, self.kv_heads, self.head_dim).transpose(-3, -2)
        cos_q, sin_q = cos[..., None, None, :, :], sin[..., None, None, :, :]
        return rotate(q, cos_q, sin_q), rotate(k, cos[..., None, :, :], sin[..., None, :, :]), v

    def join(self, mixed, shape):
        """[..., kv_heads, group, tokens, head_dim] back to [..., tokens, heads * head_dim], through o_proj."""
        return self.o_proj(mixed.movedim(-2, -4).reshape(*shape, self.heads * self.head_dim))

    def feed(self, x):
        y = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


class Decoder(nn.Module):
    def __init__(self, vocab, dim=256, layers=6, heads=4, kv_heads=2, head_dim=64, ff=512, positions=4096):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList(Layer(dim, heads, kv_heads, head_dim, ff) for _ in range(layers))
        self.norm = RMSNorm(dim)
        # Tied to the embedding, it would drive all words that are no answers, most of them, into one direction.
        self.head = nn.Linear(dim, vocab, bias=False)
        cos, sin = rope_tables(positions, head_dim)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                # Words as loud as what the layers add to them, or they are soon not heard any more.
                scale = {"embed.weight": EMBEDDING_STD, "head.weight": 0.02}.get(name, 1 / math.sqrt(p.shape[1]))
                if "o_proj" in name or "down_proj" in name:
                    scale /= math.sqrt(2 * layers)
                nn.init.normal_(p, std=scale)

    def forward(self, stream, questions, cuts, keep=None, inside=None):
        """Hidden states of the questions' rows [B, N, Q, dim].

        stream     [B, S, dim] embeddings of the prompt and its frames
        questions  [B, N, Q] token ids, padded at the end
        cuts       [B, N] positions of the stream that question n sees; its own begin there
        keep       [B, S] bool or None: stream positions that questions may see (for eviction at random)
        inside     an Inside to fill, or None
        """
        b, s, _ = stream.shape
        _, n, q = questions.shape
        x, y = stream, self.embed(questions)
        cos_s, sin_s = self.cos[:s], self.sin[:s]
        at = cuts[..., None] + torch.arange(q, device=cuts.device)
        cos_q, sin_q = self.cos[at], self.sin[at]                                      # [B, N, Q, head_dim]
        later = torch.full((s, s), -1e9, device=x.device).triu(1)
        own = torch.full((q, q), -1e9, device=x.device).triu(1)
        hidden = torch.arange(s, device=x.device)[None, None] >= cuts[..., None]       # [B, N, S]
        if keep is not None:
            hidden = hidden | ~keep[:, None]
        unseen = torch.zeros(hidden.shape, device=x.device).masked_fill(hidden, -1e9)
        for i, layer in enumerate(self.layers):
            last = i + 1 == len(self.layers)
            q_s, k_s, v_s = layer.qkv(layer.input_layernorm(x), cos_s, sin_s)
            q_q, k_q, v_q = layer.qkv(layer.input_layernorm(y), cos_q, sin_q)
            scale = layer.head_dim ** -0.5
            mixed, p_far = self.answer(q_q * scale, k_s, v_s, k_q, v_q, unseen, own)
            y = layer.feed(y + layer.join(mixed, y.shape[:-1]))
            if inside is not None and i in POINTING:
                inside.looks.append(p_far[:, 0, :, 0])
            if inside is not None and i == NOTING:
                inside.stream = x
            if not last:
                p = (q_s * scale @ k_s.transpose(-1, -2)[:, :, None] + later).softmax(-1)
                x = layer.feed(x + layer.join(p @ v_s[:, :, None], x.shape[:-1]))
        return self.norm(y)

    @staticmethod
    def answer(q_q, k_s, v_s, k_q, v_q, unseen, own):
        """Attention of the questions' rows over the stream and over themselves, as one softmax; and the
        shares that the stream gets [B, kv_heads, N, group, Q, S]."""
        b, n, kv, g, q, d = q_q.shape
        s = k_s.shape[-2]
        flat = q_q.permute(0, 2, 1, 3, 4, 5).reshape(b, kv, n * g * q, d)
        far = (flat @ k_s.transpose(-1, -2)).view(b, kv, n, g, q, s) + unseen[:, None, :, None, None]
        near = (q_q @ k_q.transpose(-1, -2)[:, :, :, None]).permute(0, 2, 1, 3, 4, 5) + own
        p_far, p_near = torch.cat([far, near], -1).softmax(-1).split([s, q], -1)
        mixed = (p_far.reshape(b, kv, n * g * q, s) @ v_s).view(b, kv, n, g, q, d).permute(0, 2, 1, 3, 4, 5)
        return mixed + p_near.permute(0, 2, 1, 3, 4, 5) @ v_q[:, :, :, None], p_far

    def logits(self, hidden):
        return self.head(hidden)
