"""The modules of GPT-BigCode that GPT-2 lacks. Parameter names are the published ones."""

import math

from torch import nn

from ...modeling.decoder_layers import FusedSelfAttention, PlainMLP
from ...nn.alias import Alias
from ...nn.init import start_usually
from ..gpt2.model import GPT2LMHeadModel
from . import GPTBigCodeConfig


class BranchEnd(nn.Linear):
    """The projection that ends a residual branch; it starts smaller, so that the sum over the depth does not grow."""


STARTS = {BranchEnd: lambda end, config: start_usually(end, config.initializer_range / math.sqrt(2 * config.n_layer))}


class GPTBigCodeAttention(FusedSelfAttention):
    """Causal self-attention whose heads share one key and one value, or have one each."""

    drops = True
    fused_name, output_name, is_cross_attention = "c_attn", "c_proj", False
    split_size, scale_attn_weights = Alias("embed_dim"), Alias("config.scale_attn_weights")

    def groups(self, config: GPTBigCodeConfig) -> int:
        return config.num_key_value_heads

    def output(self, size: int, bias: bool) -> nn.Linear:
        return BranchEnd(size, size, bias=bias)

    def score_scaling(self, config: GPTBigCodeConfig) -> float:
        return super().score_scaling(config) if config.scale_attn_weights else 1.0


class GPTBigCodeMLP(PlainMLP):
    """c_proj(act(c_fc(x)))."""

    def dense(self, config: GPTBigCodeConfig, name: str, inputs: int, outputs: int) -> nn.Module:
        return (BranchEnd if name == "c_proj" else nn.Linear)(inputs, outputs)


class GPTBigCodeForCausalLM(GPT2LMHeadModel):
    """GPT-BigCode with a language-modelling head."""
