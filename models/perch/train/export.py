"""Weights under the names that Hugging Face's Idefics3 has for them."""
import json

import numpy as np
import torch

import batches
import vision
from decoder import ROPE_BASE
from perch import SHAPE
from vision import PATCH

CONTEXT = 1344  # positions of the longest lesson: 128 frames, a question and its answer
FPS = 0.5       # of a video that nobody says more about; all rates from 1/4 to 2 were seen

TEXT = {"q_proj": "self_attn.q_proj", "k_proj": "self_attn.k_proj", "v_proj": "self_attn.v_proj",
        "o_proj": "self_attn.o_proj", "gate_proj": "mlp.gate_proj", "up_proj": "mlp.up_proj",
        "down_proj": "mlp.down_proj"}
VISION = {"ln1": "layer_norm1", "ln2": "layer_norm2", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
          "v": "self_attn.v_proj", "o": "self_attn.out_proj", "up": "mlp.fc1", "down": "mlp.fc2"}


def names(model):
    """Pairs of a name there and the parameter or buffer here."""
    for name, tensor in model.decoder.state_dict().items():
        part = name.split(".")
        if part[0] == "head":
            yield "lm_head.weight", tensor
            continue
        if part[0] == "layers":
            part = ["layers", part[1], TEXT.get(part[2], part[2]), part[3]]
        else:
            part[0] = {"embed": "embed_tokens"}.get(part[0], part[0])
        yield "model.text_model." + ".".join(part), tensor
    stem = "model.vision_model."
    for name, tensor in model.eye.state_dict().items():
        part = name.split(".")
        if part[0] == "layers":
            yield stem + ".".join(["encoder.layers", part[1], VISION[part[2]], part[3]]), tensor
        elif name == "patch.weight":
            yield stem + "embeddings.patch_embedding.weight", tensor.view(-1, 3, PATCH, PATCH)
        elif name == "patch.bias":
            yield stem + "embeddings.patch_embedding.bias", tensor
        elif name == "position":
            yield stem + "embeddings.position_embedding.weight", tensor
        elif part[0] == "post_ln":
            yield stem + "post_layernorm." + part[1], tensor
        else:
            yield "model.connector.modality_projection.proj.weight", tensor


def weights(model, folder):
    """weights.npz, and in config.json what a reader of them must know."""
    np.savez(folder / "weights.npz", **{name: tensor.cpu().numpy().astype(np.float32) for name, tensor in names(model)})
    config = dict(heads=SHAPE["heads"], kv_heads=SHAPE["kv_heads"], head_dim=SHAPE["head_dim"], rope_base=ROPE_BASE,
                  context=CONTEXT, vision_heads=vision.HEADS, patch=vision.PATCH, image=vision.IMAGE,
                  shuffle=vision.SHUFFLE, intro=batches.INTRO, frame=batches.FRAME, fps=FPS)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def load(model, path):
    stored = np.load(path)
    for name, tensor in names(model):
        tensor.copy_(torch.from_numpy(stored[name]))
