"""What is asked of models of either library about methods that the current release of the reference no longer has.

Answers are plain lists; the weights follow from the names of the parameters, so that nothing but answers has to be stored.
"""

import zlib
from typing import Any

import torch

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
IDS, MASK = [[5, 6, 7, 8, 9], [9, 8, 7, 0, 0]], [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]

# class -> name of its config, its values, and the field of the output to compare
PRUNED: dict[str, tuple[str, dict[str, Any], str]] = {
    "BertModel": ("BertConfig", {**TINY, "vocab_size": 30}, "last_hidden_state"),
    "BertForMaskedLM": ("BertConfig", {**TINY, "vocab_size": 30}, "logits"),
    "GPT2LMHeadModel": ("GPT2Config", {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 30}, "logits"),
    "T5EncoderModel": (
        "T5Config",
        {"d_model": 16, "d_kv": 5, "d_ff": 24, "num_layers": 2, "num_heads": 4, "vocab_size": 30},
        "last_hidden_state",
    ),
    "ViTModel": ("ViTConfig", {**TINY, "image_size": 8, "patch_size": 4}, "last_hidden_state"),
}
STEPS: list[dict[int, list[int]]] = [{1: [0, 2]}, {1: [3], 0: [1]}]


class Ours:
    """Our library as the functions below ask for one: every class of every family under one roof."""

    def __getattr__(self, name: str) -> Any:
        from bestiary.modeling.families import class_named

        return class_named(name)


@torch.no_grad()
def fill_by_name(model: torch.nn.Module, scale: float = 0.3) -> None:
    """Give every parameter numbers that depend on its name, its shape and nothing else."""
    for name, parameter in model.named_parameters():
        steps = torch.arange(parameter.numel(), dtype=torch.float64) * (0.3 + zlib.crc32(name.encode()) % 1000 / 1000)
        around = 1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0
        parameter.copy_((steps.sin() * scale + around).reshape(parameter.shape))


def build(library: Any, name: str) -> Any:
    """The model of class `name` of PRUNED, with weights that follow from their names."""
    config, values, _ = PRUNED[name]
    model = getattr(library, name)(getattr(library, config)(**values, attn_implementation="eager")).eval()
    fill_by_name(model)
    return model


def inputs(name: str) -> dict[str, torch.Tensor]:
    """What goes into that model."""
    if name == "ViTModel":
        return {"pixel_values": (torch.arange(192.0) * 0.7).sin().reshape(1, 3, 8, 8)}
    return {"input_ids": torch.tensor(IDS), "attention_mask": torch.tensor(MASK)}


def masks() -> dict[str, torch.Tensor]:
    """Attention masks of every shape that the older methods take, for 3 queries."""
    flat = torch.tensor([[1, 1, 0], [1, 1, 1]])
    return {
        "flat": flat,
        "float": flat.float(),
        "bool": flat.bool(),
        "longer": torch.cat([torch.ones(2, 2, dtype=torch.long), flat], dim=1),
        "square": torch.ones(2, 3, 3).tril(),
    }


def helpers(library: Any) -> dict[str, Any]:
    """Every answer of `ModuleUtilsMixin`, as lists."""
    found: dict[str, Any] = {}
    for role, decoder in (("encoder", False), ("decoder", True)):
        model = library.BertModel(library.BertConfig(**TINY, vocab_size=30, is_decoder=decoder))
        for name, mask in masks().items():
            found[f"extended {role} {name}"] = model.get_extended_attention_mask(mask, (2, 3)).tolist()
            if mask.dtype != torch.bool:
                found[f"inverted {role} {name}"] = model.invert_attention_mask(mask).tolist()
            if mask.dim() == 2:
                found[f"causal {name}"] = model.create_extended_attention_mask_for_decoder((2, 3), mask).int().tolist()
    for shape in ((4,), (2, 4)):
        mask = torch.arange(float(4 * (len(shape)))).reshape(shape)
        found[f"heads {shape}"] = model.get_head_mask(mask, 2).tolist()
        found[f"heads chunked {shape}"] = model.get_head_mask(mask, 2, True).tolist()
    found["half"] = model.get_extended_attention_mask(masks()["flat"], (2, 3), dtype=torch.float16).tolist()
    found["heads none"] = model.get_head_mask(None, 2)
    for name in PRUNED:
        model, given = build(library, name), inputs(name)
        found[f"size {name}"] = [
            model.num_parameters(),
            model.num_parameters(exclude_embeddings=True),
            model.estimate_tokens(given),
            model.floating_point_ops(given),
            model.floating_point_ops(given, exclude_embeddings=False),
        ]
    return found


def pruned(library: Any, name: str) -> dict[str, Any]:
    """The model after each step of pruning: its output, its size and what its config says."""
    model, rows = build(library, name), []
    for step in STEPS:
        model.prune_heads(step)
        with torch.no_grad():
            output = model(**inputs(name))[PRUNED[name][2]]
        said = {str(layer): sorted(heads) for layer, heads in model.config.pruned_heads.items()}
        rows.append(
            {
                "output": [round(number, 7) for number in output.flatten().tolist()],
                "size": model.num_parameters(),
                "pruned_heads": said,
            }
        )
    return {"steps": rows, "shapes": {key: list(value.shape) for key, value in sorted(model.state_dict().items())}}
