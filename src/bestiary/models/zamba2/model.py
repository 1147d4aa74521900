"""The modules of Zamba2. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...modeling.base import PreTrainedModel
from ...modeling.decoder import Decoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.recording import Stack
from ...modeling.state_space import StateSpaceMixer
from ...nn.attention import Attend, LayerCache
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.norm import RMSNorm
from ..llama.model import LlamaAttention, LlamaMLP
from . import Zamba2Config


def adapters(config: Zamba2Config, use: int, size: int, outer: int) -> nn.ModuleList:
    """Low-rank additions (Hu et al. 2021) to a projection (.., `size`) -> (.., `outer`) of the block of hybrid layer `use`.

    They are numbered by hybrid layers, from 0 on; where one of these uses another block, nothing is computed.
    """
    rank = config.adapter_rank
    count, blocks = config.layer_kinds().count("hybrid"), config.num_mem_blocks
    uses = (other % blocks == use % blocks for other in range(count))
    return nn.ModuleList(
        nn.Sequential(nn.Linear(size, rank, bias=False), nn.Linear(rank, outer, bias=False)) if ours else nn.Identity()
        for ours in uses
    )


class Zamba2Attention(LlamaAttention):
    """Attention over states beside embeddings (B, T, 2 D), which gives states (B, T, D)."""

    bias = False

    def __init__(self, config: Zamba2Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.attention_hidden_size, self.use = 2 * config.hidden_size, config.layer_kinds()[:layer_idx].count("hybrid")
        self.attend = Attend(default_scaling(self.head_dim // 2), config.attention_dropout)
        self.adapted = config.use_shared_attention_adapter
        for letter, projection in zip("qkv", (self.q_proj, self.k_proj, self.v_proj) if self.adapted else (), strict=False):
            sizes = projection.in_features, projection.out_features
            self.add_module(f"linear_{letter}_adapter_list", adapters(config, self.use, *sizes))

    def add_projections(self, size: int, heads: int, groups: int, bias: bool) -> None:
        super().add_projections(2 * size, heads, groups, bias)

    def projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = super().projections(x)
        if self.adapted:
            more = (self.get_submodule(f"linear_{letter}_adapter_list.{self.use}")(x) for letter in "qkv")
            query, key, value = (states + added for states, added in zip((query, key, value), more, strict=True))
        return query, key, value


class Zamba2MLP(LlamaMLP):
    """down(act(gate(x)) * up(x)), the first two with an addition of this use."""

    gate_name, up_name = "gate_up_proj", None

    def __init__(self, config: Zamba2Config, layer_idx: int) -> None:
        super().__init__(config)
        self.use = config.layer_kinds()[:layer_idx].count("hybrid")
        self.gate_up_proj_adapter_list = adapters(config, self.use, config.hidden_size, 2 * int(config.intermediate_size or 0))

    def opening(self, x: Tensor) -> Tensor:
        opening: Tensor = super().opening(x) + self.gate_up_proj_adapter_list[self.use](x)
        return opening


class Zamba2AttentionDecoderLayer(nn.Module):
    """mlp(norm(attention(norm(states beside embeddings)))), whose weights several layers share."""

    def __init__(self, config: Zamba2Config, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = Zamba2Attention(config, layer_idx)
        self.feed_forward = Zamba2MLP(config, layer_idx)
        self.input_layernorm = RMSNorm(2 * config.hidden_size, config.rms_norm_eps)
        self.pre_ff_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, embedded: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        """States and embeddings (B, T, D) -> (B, T, D)."""
        states = self.input_layernorm(torch.cat([x, embedded], dim=-1))
        output: Tensor = self.feed_forward(self.pre_ff_layernorm(self.self_attn(states, mask, cache, **positions)))
        return output


class Zamba2MambaDecoderLayer(Layer):
    """x + mixer(norm(x + more))."""

    def __init__(self, config: Zamba2Config, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.mamba = StateSpaceMixer(config, layer_idx)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, more: Tensor | None = None) -> Tensor:
        output: Tensor = x + self.mamba(self.input_layernorm(x if more is None else x + more), mask, cache)
        return output


class Zamba2HybridLayer(Layer):
    """The same, where `more` comes from a shared transformer block that reads the embeddings too."""

    def __init__(self, config: Zamba2Config, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.linear = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.mamba_decoder = Zamba2MambaDecoderLayer(config, layer_idx)
        self.shared_transformer = Zamba2AttentionDecoderLayer(config, layer_idx)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, embedded: Tensor, **positions: Any) -> Tensor:
        if cache is not None:  # a cache that knows no config learns that this layer keeps both
            recurrent_layer(cache, self.layer_idx, x.device, beside_keys=True)
        more = self.linear(self.shared_transformer(x, embedded, mask, cache, **positions))
        output: Tensor = self.mamba_decoder(x, mask, cache, more=more)
        return output


class Zamba2PreTrainedModel(PreTrainedModel):
    """What all Zamba2 classes share."""

    config_class = Zamba2Config
    base_model_prefix = "model"
    stacks = {"": Stack("layers", final="final_layernorm")}
    _no_split_modules = ["Zamba2HybridLayer", "Zamba2MambaDecoderLayer"]

    def ties(self) -> dict[str, str]:
        """Also the weights of transformer blocks; as published they are shared where those of words are."""
        tied, backbone = super().ties(), self.base_model
        first = "layers" if backbone is self else f"{self.base_model_prefix}.layers"
        uses = self.config.hybrid_layer_ids if self.config.tie_word_embeddings else []
        blocks = [f"{first}.{index}.shared_transformer" for index in uses]
        for use, block in enumerate(blocks[self.config.num_mem_blocks :]):
            shared = blocks[use % self.config.num_mem_blocks]
            tied |= {f"{block}.{name}": f"{shared}.{name}" for name, _ in self.get_submodule(block).named_parameters()}
        return tied


class Zamba2Model(Decoder, Zamba2PreTrainedModel):
    """Zamba2 without a head."""

    def make_layer(self, config: Any, layer_idx: int) -> Layer:
        kind = Zamba2HybridLayer if config.layer_kinds()[layer_idx] == "hybrid" else Zamba2MambaDecoderLayer
        return kind(config, layer_idx)

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, dict[str, Any]]:
        return {"hybrid": {"embedded": x, **super().shared(x, position_ids).get("hybrid", {})}}


class Zamba2ForCausalLM(CausalLM, Zamba2PreTrainedModel):
    """Zamba2 with a language-modelling head."""

    backbone_class = Zamba2Model
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}


class Zamba2ForSequenceClassification(LastTokenClassifier, Zamba2PreTrainedModel):
    """Zamba2 that classifies a text by its last token."""

    backbone_class = Zamba2Model

    def loss_of(self, logits: Tensor, labels: Tensor | None, all_logits: Tensor | None = None) -> Any:
        return super().loss_of(logits, labels)  # a loss of one's own is published to see those of the last token
