"""The modules of DBRX. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.heads.mixture_causal_lm import MixtureCausalLM
from ...modeling.mixture import MixtureDecoder
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import LayerCache
from ...nn.grouped import product
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.moe import ExpertLoop, Router
from ...nn.part_order import put_last
from ..phi3.model import Phi3Attention
from . import DbrxConfig, DbrxFFNConfig


class DbrxAttention(Phi3Attention):
    """Causal self-attention with rotary positions, by one projection whose numbers are bounded."""

    fused_name, output_name = "Wqkv", "out_proj"

    def __init__(self, config: DbrxConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)  # type: ignore[arg-type] # it has what is read of a DecoderConfig
        self.bound = config.attention.clip_qkv
        put_last(self, self.output_name)


class DbrxRouter(Router):
    """Scores the experts; the shares of the chosen are out of all, then divided by their norm of a power, or not."""

    hidden_size = Alias("in_features")

    def __init__(self, config: DbrxFFNConfig) -> None:
        super().__init__(config.hidden_size, config.moe_num_experts, config.moe_top_k, config.moe_jitter_eps or 0.0)
        self.power = config.moe_normalize_expert_weights

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k)."""
        scores = self.scores(x)
        shares, experts = scores.softmax(dim=-1).topk(self.top_k, dim=-1)
        if self.power is not None:
            shares = shares / shares.norm(p=self.power, dim=-1, keepdim=True)
        return scores, shares, experts


class DbrxExpertGLU(ExpertLoop):
    """E gated MLPs, the weights of one under another's: gates `w1`, what they open `v1`, the way back `w2`, all (E I, D)."""

    def __init__(self, config: DbrxFFNConfig) -> None:
        super().__init__()
        self.hidden_size, self.inner, self.count = config.hidden_size, config.ffn_hidden_size, config.moe_num_experts
        rows = config.moe_num_experts * config.ffn_hidden_size
        self.w1, self.v1, self.w2 = (nn.Parameter(torch.empty(rows, config.hidden_size)) for _ in range(3))
        self.activation_fn = activation((config.ffn_act_fn or {}).get("name", "silu"))

    @property
    def num_experts(self) -> int:
        return self.count

    def stacks(self) -> dict[str, bool]:
        return {"w1": False, "v1": False, "w2": True}

    def _one(self, expert: int, x: Tensor) -> Tensor:
        gates, opened, back = (self._by_expert(each) for each in (self.w1, self.v1, self.w2))
        states = self.activation_fn(product(x, gates, expert)) * product(x, opened, expert)
        return product(states, back.mT, expert)

    def _by_expert(self, weights: Any) -> Any:
        """(E, I, D) of (E I, D); a `QuantizedStack` is that by itself."""
        return weights.unflatten(0, (self.count, self.inner)) if isinstance(weights, Tensor) else weights


class DbrxExperts(nn.Module):
    """The experts, under the name that published files have for them."""

    hidden_size, num_experts = Alias("mlp.hidden_size"), Alias("mlp.num_experts")

    def __init__(self, config: DbrxFFNConfig) -> None:
        super().__init__()
        self.mlp = DbrxExpertGLU(config)

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """As `Experts.forward`."""
        output: Tensor = self.mlp(hidden_states, top_k_index, top_k_weights)
        return output


class DbrxFFN(nn.Module):
    """The sum of what the chosen experts give, by their shares."""

    top_k = Alias("router.top_k")

    def __init__(self, config: DbrxFFNConfig) -> None:
        super().__init__()
        self.router, self.experts = DbrxRouter(config), DbrxExperts(config)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        states = hidden_states.flatten(0, 1)
        _, shares, experts = self.router(states)
        output: Tensor = self.experts(states, experts, shares).view_as(hidden_states)
        return output


class DbrxNormAttentionNorm(nn.Module):
    """x + attention(norm(x)), and the norm of this, which the experts read."""

    layer_idx, resid_pdrop = Alias("attn.layer_idx"), Alias("config.resid_pdrop")

    def __init__(self, config: DbrxConfig, layer_idx: int) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(config.d_model, bias=False)
        self.attn = DbrxAttention(config, layer_idx)
        self.norm_2 = nn.LayerNorm(config.d_model, bias=False)
        self.dropout = config.resid_pdrop

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> tuple[Tensor, Tensor]:
        x = x + dropout(self.attn(self.norm_1(x), mask, cache, **positions), self.dropout, self.training)
        return x, self.norm_2(x)


class DbrxBlock(Layer):
    """Attention, then the experts, each added to what it reads."""

    layer_idx, resid_pdrop = Alias("norm_attn_norm.attn.layer_idx"), Alias("config.resid_pdrop")

    def __init__(self, config: DbrxConfig, layer_idx: int) -> None:
        super().__init__()
        self.norm_attn_norm = DbrxNormAttentionNorm(config, layer_idx)
        self.ffn = DbrxFFN(config.experts)
        self.dropout = config.resid_pdrop

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        x, normed = self.norm_attn_norm(x, mask, cache, **positions)
        return x + dropout(self.ffn(normed), self.dropout, self.training)


class DbrxPreTrainedModel(PreTrainedModel):
    """What all DBRX classes share."""

    config_class = DbrxConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("blocks", final="norm_f")}
    _no_split_modules = ["DbrxBlock"]
    _weight_rules = (rename("ffn.router.layer.weight", "ffn.router.weight"),)


class DbrxModel(MixtureDecoder, DbrxPreTrainedModel):
    """DBRX without a head."""

    layer_class = DbrxBlock
    counted_by_config = False
    embedding_name = "wte"

    def make_norm(self, config: DbrxConfig) -> nn.Module:  # type: ignore[override]
        return nn.LayerNorm(config.d_model, bias=False)


class DbrxForCausalLM(MixtureCausalLM, DbrxPreTrainedModel):
    """DBRX with a language-modelling head."""

    backbone_class = DbrxModel
    num_experts, num_experts_per_tok = Alias("config.ffn_config.moe_num_experts"), Alias("config.ffn_config.moe_top_k")
    router_aux_loss_coef = Alias("config.ffn_config.moe_loss_weight")
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}
