"""Weights under the names that Hugging Face's Idefics3 has for them."""
import numpy as np

from vision import PATCH

TEXT = {"q_proj": "self_attn.q_proj", "k_proj": "self_attn.k_proj", "v_proj": "self_attn.v_proj",
        "o_proj": "self_attn.o_proj", "gate_proj": "mlp.gate_proj", "up_proj": "mlp.up_proj",
        "down_proj": "mlp.down_proj"}
VISION = {"ln1": "layer_norm1", "ln2": "layer_norm2", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
          "v": "self_attn.v_proj", "o": "self_attn.out_proj", "up": "mlp.fc1", "down": "mlp.fc2"}


def weights(model, path):
    out = {}
    for name, tensor in model.decoder.state_dict().items():
        part = name.split(".")
        if part[0] == "layers":
            part = ["layers", part[1], TEXT.get(part[2], part[2]), part[3]]
        else:
            part[0] = {"embed": "embed_tokens"}.get(part[0], part[0])
        out["model.text_model." + ".".join(part)] = tensor
    stem = "model.vision_model."
    for name, tensor in model.eye.state_dict().items():
        part = name.split(".")
        if part[0] == "layers":
            out[stem + ".".join(["encoder.layers", part[1], VISION[part[2]], part[3]])] = tensor
        elif name == "patch.weight":
            out[stem + "embeddings.patch_embedding.weight"] = tensor.view(-1, 3, PATCH, PATCH)
        elif name == "patch.bias":
            out[stem + "embeddings.patch_embedding.bias"] = tensor
        elif name == "position":
            out[stem + "embeddings.position_embedding.weight"] = tensor
        elif part[0] == "post_ln":
            out[stem + "post_layernorm." + part[1]] = tensor
        else:
            out["model.connector.modality_projection.proj.weight"] = tensor
    np.savez(path, **{name: tensor.numpy().astype(np.float32) for name, tensor in out.items()})
