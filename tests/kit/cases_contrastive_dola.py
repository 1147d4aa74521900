"""Models, inputs and options of the contrastive search and DoLa that both the golden script and the tests run."""

import functools
import importlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from . import filled

TEXT: dict[str, Any] = {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LLAMA = {
    **TEXT, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 6, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
# name -> config of the published name, head, values
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("Llama", "LlamaForCausalLM", LLAMA),
    "tied": ("Llama", "LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True}),
    "gpt2": ("GPT2", "GPT2LMHeadModel", {**TEXT, "n_embd": 16, "n_layer": 5, "n_head": 4, "n_positions": 64}),
    "whisper": (
        "Whisper", "WhisperForConditionalGeneration",
        {**TEXT, "num_mel_bins": 8, "d_model": 16, "encoder_layers": 1, "decoder_layers": 3, "encoder_attention_heads": 2,
         "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_source_positions": 20,
         "max_target_positions": 48, "decoder_start_token_id": 3, "suppress_tokens": None, "begin_suppress_tokens": None},
    ),
    "t5": (
        "T5", "T5ForConditionalGeneration",
        {"vocab_size": 40, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
         "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1},
    ),
}  # fmt: skip

_LONG = {"max_new_tokens": 10, "eos_token_id": None}
CASES: list[tuple[str, int, dict[str, Any]]] = [
    *[
        ("llama", rows, {**_LONG, "dola_layers": layers})
        for rows in (1, 3)
        for layers in ("low", "high", [0, 2, 4], [3], [5, 1])
    ],
    ("llama", 1, {**_LONG, "dola_layers": "low", "repetition_penalty": 1.4}),
    ("llama", 3, {"max_new_tokens": 10, "eos_token_id": [26, 24], "dola_layers": "high"}),
    ("tied", 3, {**_LONG, "dola_layers": "low"}),
    ("tied", 3, {**_LONG, "dola_layers": "high"}),
    ("gpt2", 3, {**_LONG, "dola_layers": "low"}),
    ("gpt2", 3, {**_LONG, "dola_layers": "high"}),
    *[(name, rows, {**_LONG, "penalty_alpha": 0.6, "top_k": 4}) for name in ("llama", "gpt2", "t5") for rows in (1, 3)],
    *[(name, 1, {**_LONG, "penalty_alpha": 0.6, "top_k": 4, "low_memory": True}) for name in ("llama", "gpt2", "t5")],
    ("llama", 1, {**_LONG, "penalty_alpha": 0.3, "top_k": 7, "repetition_penalty": 1.4}),
    ("llama", 3, {**_LONG, "penalty_alpha": 0.9, "top_k": 2}),
    ("llama", 3, {"max_new_tokens": 10, "eos_token_id": [3, 25, 30], "penalty_alpha": 0.6, "top_k": 4}),
    ("t5", 3, {"max_new_tokens": 10, "eos_token_id": [5, 9, 13, 20], "penalty_alpha": 0.6, "top_k": 4}),
    *[("whisper", rows, {"max_new_tokens": 10, "penalty_alpha": 0.6, "top_k": 4}) for rows in (1, 3)],
]


def inputs(name: str, rows: int) -> dict[str, torch.Tensor]:
    """Ids and mask for `rows` rows of the model `name`; several are padded, on the side that the kind of model wants."""
    if name == "whisper":
        return {"input_features": filled.values(rows * 8 * 40, 3.0).view(rows, 8, 40).float()}
    ids = (filled.values(7 * rows, 0.5).abs() * 36).long().view(rows, 7) + 3
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, slice(7 - row, None) if name == "t5" else slice(0, row)] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


@functools.cache
def ours(name: str) -> Any:
    """The model `name` of this library."""
    model_type, head, values = MODELS[name]
    family = importlib.import_module(f"bestiary.models.{model_type.lower()}")
    return filled.fill(getattr(family, head)(getattr(family, f"{model_type}Config")(**values)))


@functools.cache
def stored() -> dict[str, torch.Tensor]:
    """What the reference gave."""
    return load_file(Path(__file__).parent.parent / "golden" / "contrastive_dola.safetensors")


def same(index: int, result: Any) -> None:
    """Assert that `result` is what the reference gave for the case `index`; what it did not give holds NaN."""
    want = stored()[f"{index}.new"]
    assert torch.equal(result.sequences[:, -want.shape[1] :], want)
    for name in ("scores", "logits"):
        wanted, got = stored()[f"{index}.{name}"], torch.stack(result[name], 1)
        torch.testing.assert_close(torch.where(wanted.isnan(), wanted, got), wanted, rtol=1e-4, atol=1e-4, equal_nan=True)
