"""The file of weights that MiDaS publishes for DPT-Large, translated for the class of transformers.

MiDaS's code builds on timm, whose later versions broke much of it; the weights are the same numbers under other names, so
renaming them frees them from both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

# what MiDaS calls a tensor -> what transformers does; a number shifts as the lambda below says
_NAMES = (
    (r"pretrained\.model\.cls_token", "dpt.embeddings.cls_token"),
    (r"pretrained\.model\.pos_embed", "dpt.embeddings.position_embeddings"),
    (r"pretrained\.model\.patch_embed\.proj\.", "dpt.embeddings.patch_embeddings.projection."),
    (r"pretrained\.model\.norm\.", "dpt.layernorm."),
    (r"pretrained\.model\.blocks\.(\d+)\.norm1\.", "dpt.encoder.layer.{0}.layernorm_before."),
    (r"pretrained\.model\.blocks\.(\d+)\.norm2\.", "dpt.encoder.layer.{0}.layernorm_after."),
    (r"pretrained\.model\.blocks\.(\d+)\.attn\.proj\.", "dpt.encoder.layer.{0}.attention.output.dense."),
    (r"pretrained\.model\.blocks\.(\d+)\.mlp\.fc1\.", "dpt.encoder.layer.{0}.intermediate.dense."),
    (r"pretrained\.model\.blocks\.(\d+)\.mlp\.fc2\.", "dpt.encoder.layer.{0}.output.dense."),
    (r"pretrained\.act_postprocess(\d)\.0\.project\.0\.", "neck.reassemble_stage.readout_projects.{before}.0."),
    (r"pretrained\.act_postprocess(\d)\.3\.", "neck.reassemble_stage.layers.{before}.projection."),
    (r"pretrained\.act_postprocess(\d)\.4\.", "neck.reassemble_stage.layers.{before}.resize."),
    (r"scratch\.layer(\d)_rn\.", "neck.convs.{before}."),
    (r"scratch\.refinenet(\d)\.out_conv\.", "neck.fusion_stage.layers.{turned}.projection."),
    (
        r"scratch\.refinenet(\d)\.resConfUnit(\d)\.conv(\d)\.",
        "neck.fusion_stage.layers.{turned}.residual_layer{1}.convolution{2}.",
    ),
    (r"scratch\.output_conv\.(\d)\.", "head.head.{0}."),
)
_QKV = re.compile(r"pretrained\.model\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)")
_HEAD = "pretrained.model.head."  # the ImageNet classes
_HEAD_WIDTH = 64  # features of one attention head, in every vision transformer of this family


def as_transformers(tensors: Mapping[str, Tensor], file: Path) -> tuple[dict[str, Tensor], dict]:
    """MiDaS's tensors under transformers' names, and the sizes that `DPTConfig` needs.

    Args:
        tensors: of `dpt_large_384.pt` or `dpt_large-midas-2f21e586.pt`; a smaller network of the same build will do.
        file: named in errors.

    Raises:
        ValueError: if they belong to another network, saying to which where that is known.
    """
    _refuse_others(tensors, file)
    renamed: dict[str, Tensor] = {}
    for key, value in tensors.items():
        if key.startswith(_HEAD):
            continue
        match = _QKV.fullmatch(key)
        if match:
            for part, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[f"dpt.encoder.layer.{match[1]}.attention.attention.{part}.{match[2]}"] = piece.clone()
        else:
            renamed[_renamed(key, file)] = value
    return renamed, _sizes(renamed, file)


def _renamed(key: str, file: Path) -> str:
    for pattern, name in _NAMES:
        match = re.match(pattern, key)
        if match:
            number = int(match[1]) if match.groups() else 0
            # MiDaS counts from 1, and its first refinement is the finest; transformers' is the coarsest
            return name.format(*match.groups(), before=number - 1, turned=4 - number) + key[match.end() :]
    raise ValueError(f"{file} does not hold weights of DPT-Large: it has no place for {key}")


def _refuse_others(tensors: Mapping[str, Tensor], file: Path) -> None:
    others = {
        "pretrained.model.patch_embed.backbone.": "DPT-Hybrid: use the network dpt-hybrid",
        "pretrained.layer1.": "MiDaS v2.1: give the checkout that runs it instead",
        "pretrained.model.layers.": "a Swin network of MiDaS v3.1: give the checkout that runs it instead",
        "pretrained.model.blocks.0.attn.relative_position": "a BEiT network of MiDaS v3.1: give the checkout that runs it",
        "dpt.embeddings.": "DPT as transformers names it: give the folder with its config.json instead",
    }
    for start, said in others.items():
        if any(key.startswith(start) for key in tensors):
            raise ValueError(f"{file} does not hold weights of DPT-Large but of {said}")


def _sizes(renamed: Mapping[str, Tensor], file: Path) -> dict:
    """What `DPTConfig` must know, read off the shapes."""
    try:
        hidden = renamed["dpt.embeddings.cls_token"].shape[-1]
        patch = renamed["dpt.embeddings.patch_embeddings.projection.weight"].shape[-1]
        patches = renamed["dpt.embeddings.position_embeddings"].shape[1] - 1
        layers = 1 + max(int(key.split(".")[3]) for key in renamed if key.startswith("dpt.encoder.layer."))
        return {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": max(1, hidden // _HEAD_WIDTH),
            "intermediate_size": renamed["dpt.encoder.layer.0.intermediate.dense.weight"].shape[0],
            "patch_size": patch,
            "image_size": patch * round(patches**0.5),
            "backbone_out_indices": [(i + 1) * layers // 4 - 1 for i in range(4)],
            "neck_hidden_sizes": [renamed[f"neck.convs.{i}.weight"].shape[1] for i in range(4)],
            "fusion_hidden_size": renamed["neck.convs.0.weight"].shape[0],
            "layer_norm_eps": 1e-6,  # timm's
        }
    except (KeyError, ValueError) as error:
        raise ValueError(f"{file} does not hold weights of DPT-Large: it lacks {error}") from error
