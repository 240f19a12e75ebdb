#!/usr/bin/env python3
"""Trained weights (Hugging Face Idefics3 names, .npz) and tokenizer.json to the GGUF pair that Shrike loads.

    models/perch/convert.py WEIGHTS_DIR --type f16 --out models/perch
    models/perch/convert.py WEIGHTS_DIR --type f32 --out /tmp/perch

WEIGHTS_DIR holds weights.npz, tokenizer.json and config.json. Needs python3 and numpy.
"""
import argparse
import json
import pathlib
import sys

import numpy as np

import gguf

# What weights.npz came with before there was a config.json.
PROTOTYPE = dict(heads=4, kv_heads=2, head_dim=64, rope_base=10000.0, context=1024, vision_heads=4, patch=8, image=64,
                 shuffle=2, intro="User: Watch the camera.", fps=0.5)


def neighbours(weight, heads):
    """Rows of a q or k matrix from the rotate-half layout to pairs of neighbours, which architecture `llama` means."""
    rows, cols = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def text_file(w, tokenizer, config, kind, name):
    vocab, specials = tokenizer["vocab"], tokenizer["specials"]
    layers = 1 + max(int(k.split(".")[3]) for k in w if k.startswith("model.text_model.layers."))
    embed = w["model.text_model.embed_tokens.weight"]
    keys = {
        "general.architecture": "llama", "general.type": "model", "general.name": name,
        "general.license": "MIT", "general.file_type": {gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7}[kind],
        "general.quantization_version": 2,
        "llama.block_count": layers, "llama.context_length": config["context"],
        "llama.embedding_length": embed.shape[1],
        "llama.feed_forward_length": w["model.text_model.layers.0.mlp.gate_proj.weight"].shape[0],
        "llama.attention.head_count": config["heads"], "llama.attention.head_count_kv": config["kv_heads"],
        "llama.attention.key_length": config["head_dim"], "llama.attention.value_length": config["head_dim"],
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": config["head_dim"],
        "llama.rope.freq_base": config["rope_base"], "llama.vocab_size": len(vocab),
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": vocab,
        "tokenizer.ggml.token_type": [3 if i < len(specials) else 1 for i in range(len(vocab))],
        "tokenizer.ggml.merges": [m if isinstance(m, str) else " ".join(m) for m in tokenizer["merges"]],
        "tokenizer.ggml.bos_token_id": vocab.index("<|im_start|>"),
        "tokenizer.ggml.eos_token_id": vocab.index("<end_of_utterance>"),
        "tokenizer.ggml.padding_token_id": vocab.index("<|im_end|>"),
        "tokenizer.ggml.add_bos_token": False,
        "shrike.prompt.intro": config["intro"], "shrike.video.fps": config["fps"],
    }
    if "frame" in config:
        keys["shrike.prompt.frame"] = config["frame"]
    tensors = [("token_embd.weight", embed, kind), ("output_norm.weight", w["model.text_model.norm.weight"], gguf.F32)]
    for n in range(layers):
        hf = lambda part: w[f"model.text_model.layers.{n}.{part}.weight"]
        tensors += [
            (f"blk.{n}.attn_norm.weight", hf("input_layernorm"), gguf.F32),
            (f"blk.{n}.attn_q.weight", neighbours(hf("self_attn.q_proj"), config["heads"]), kind),
            (f"blk.{n}.attn_k.weight", neighbours(hf("self_attn.k_proj"), config["kv_heads"]), kind),
            (f"blk.{n}.attn_v.weight", hf("self_attn.v_proj"), kind),
            (f"blk.{n}.attn_output.weight", hf("self_attn.o_proj"), kind),
            (f"blk.{n}.ffn_norm.weight", hf("post_attention_layernorm"), gguf.F32),
            (f"blk.{n}.ffn_gate.weight", hf("mlp.gate_proj"), kind),
            (f"blk.{n}.ffn_up.weight", hf("mlp.up_proj"), kind),
            (f"blk.{n}.ffn_down.weight", hf("mlp.down_proj"), kind),
        ]
    if "lm_head.weight" in w:
        tensors.append(("output.weight", w["lm_head.weight"], kind))
    return keys, tensors


def vision_file(w, config, kind, name):
    stem = "model.vision_model."
    layers = 1 + max(int(k.split(".")[4]) for k in w if k.startswith(stem + "encoder.layers."))
    patch = w[stem + "embeddings.patch_embedding.weight"]
    projector = w["model.connector.modality_projection.proj.weight"]
    keys = {
        "general.architecture": "clip", "general.type": "mmproj", "general.name": "mmproj-" + name,
        "general.license": "MIT", "general.file_type": {gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7}[kind],
        "clip.has_vision_encoder": True, "clip.projector_type": "idefics3", "clip.use_gelu": True,
        "clip.vision.image_size": config["image"], "clip.vision.patch_size": config["patch"],
        "clip.vision.embedding_length": patch.shape[0],
        "clip.vision.feed_forward_length": w[stem + "encoder.layers.0.mlp.fc1.weight"].shape[0],
        "clip.vision.block_count": layers, "clip.vision.attention.head_count": config["vision_heads"],
        "clip.vision.attention.layer_norm_epsilon": 1e-6, "clip.vision.projection_dim": projector.shape[0],
        "clip.vision.projector.scale_factor": config["shuffle"], "clip.vision.preproc_image_size": config["image"],
        "clip.vision.image_mean": [0.5, 0.5, 0.5], "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors = [
        ("v.patch_embd.weight", patch, gguf.F16 if kind == gguf.F16 else gguf.F32),
        ("v.patch_embd.bias", w[stem + "embeddings.patch_embedding.bias"], gguf.F32),
        ("v.position_embd.weight", w[stem + "embeddings.position_embedding.weight"], gguf.F32),
        ("v.post_ln.weight", w[stem + "post_layernorm.weight"], gguf.F32),
        ("v.post_ln.bias", w[stem + "post_layernorm.bias"], gguf.F32),
        ("mm.model.fc.weight", projector, kind),
    ]
    parts = {"ln1": "layer_norm1", "ln2": "layer_norm2", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_out": "self_attn.out_proj", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2"}
    for n in range(layers):
        for ours, theirs in parts.items():
            source = f"{stem}encoder.layers.{n}.{theirs}"
            weight_kind = gguf.F32 if ours.startswith("ln") else kind
            tensors.append((f"v.blk.{n}.{ours}.weight", w[source + ".weight"], weight_kind))
            tensors.append((f"v.blk.{n}.{ours}.bias", w[source + ".bias"], gguf.F32))
    return keys, tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights_dir", type=pathlib.Path)
    parser.add_argument("--type", choices=["f32", "f16", "q8_0"], default="f16", help="of the matrices (default: f16)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."), help="folder for the pair (default: .)")
    args = parser.parse_args()
    try:
        weights = np.load(args.weights_dir / "weights.npz")
        tokenizer = json.loads((args.weights_dir / "tokenizer.json").read_text())
        beside = args.weights_dir / "config.json"
        config = json.loads(beside.read_text()) if beside.exists() else PROTOTYPE
        args.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        sys.exit(f"convert.py: {error}")
    w = {name: weights[name] for name in weights.files}
    kind = {"f32": gguf.F32, "f16": gguf.F16, "q8_0": gguf.Q8_0}[args.type]
    files = {"": text_file(w, tokenizer, config, kind, "perch"), "mmproj-": vision_file(w, config, kind, "perch")}
    for prefix, (keys, tensors) in files.items():
        path = args.out / f"{prefix}perch-{args.type}.gguf"
        gguf.write(path, keys, tensors)
        print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
