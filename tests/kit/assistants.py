"""Tiny models of several kinds, smaller ones that are often right about what they write, and ways to help them."""

import functools
from typing import Any

import torch

from bestiary.models.gpt2 import GPT2Config, GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM
from bestiary.models.t5 import T5Config, T5ForConditionalGeneration
from bestiary.models.whisper import WhisperConfig, WhisperForConditionalGeneration

from . import filled

TEXT = {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LLAMA = {
    **TEXT, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96,
}  # fmt: skip
GPT2 = {**TEXT, "n_embd": 16, "n_layer": 3, "n_head": 4, "n_positions": 96}
T5 = {
    "vocab_size": 40, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4,
    "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "n_positions": 96,
}  # fmt: skip
WHISPER = {
    **TEXT, "num_mel_bins": 8, "d_model": 16, "encoder_layers": 1, "decoder_layers": 3, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_source_positions": 20,
    "max_target_positions": 48, "decoder_start_token_id": 3, "suppress_tokens": None, "begin_suppress_tokens": None,
}  # fmt: skip
KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM, LLAMA, "num_hidden_layers"),
    "gpt2": (GPT2Config, GPT2LMHeadModel, GPT2, "n_layer"),
    "t5": (T5Config, T5ForConditionalGeneration, T5, "num_decoder_layers"),
    "whisper": (WhisperConfig, WhisperForConditionalGeneration, WHISPER, "decoder_layers"),
}
LENGTH = {"max_new_tokens": 24, "eos_token_id": []}


def make(kind: str, layers: int = 3) -> Any:
    """A model whose later layers change little, so that the first one alone is often right."""
    config, head, values, name = KINDS[kind]
    model = filled.fill(head(config(**{**values, name: layers})))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(f".{layer}." in name for layer in (1, 2)) and "encoder" not in name and parameter.dim() > 1:
                parameter.mul_(0.3)
    return model


@functools.cache
def model(kind: str) -> Any:
    """The model of a kind; tests must not change it."""
    return make(kind)


@functools.cache
def draft(kind: str) -> Any:
    """A model of one layer, which shares the weights of the first layer of `model(kind)`."""
    made = make(kind, 1)
    made.load_state_dict({n: p for n, p in model(kind).state_dict().items() if n in made.state_dict()}, strict=False)
    return made


def inputs(kind: str, rows: int = 1) -> dict[str, torch.Tensor]:
    """Arguments of `generate` for `rows` rows; several are padded, on the side that the kind of model wants."""
    if kind == "whisper":
        return {"input_features": filled.values(rows * 8 * 40, 3.0).view(rows, 8, 40).float()}
    ids = (filled.values(7 * rows, 0.5).abs() * 36).long().view(rows, 7) + 3
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, slice(7 - row, None) if kind == "t5" else slice(0, row)] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


def counted(model: Any) -> tuple[list[int], Any]:
    """A list that grows with each pass of the decoder of `model`, and the handle that ends this."""
    passes: list[int] = []
    part = model.get_decoder() if model.config.is_encoder_decoder else model.base_model
    handle = part.register_forward_pre_hook(lambda module, args: passes.append(1))
    return passes, handle


HELP = ["draft", "self", "stranger", "early exit", "lookup"]


def help_of(how: str, kind: str) -> dict[str, Any]:
    """Arguments of `generate` that ask for the help `how`."""
    if how == "stranger":
        return {"assistant_model": filled.fill(make(kind, 1), 0.9)}
    if how == "lookup":
        return {"prompt_lookup_num_tokens": 4}
    if how == "early exit":
        return {"assistant_early_exit": 1}
    return {"assistant_model": draft(kind) if how == "draft" else model(kind)}
