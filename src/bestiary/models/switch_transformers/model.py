"""What of Switch Transformers is not T5. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...modeling.heads.mixture_seq2seq import MixtureSeq2SeqLM
from ...modeling.seq2seq_mixture import MixtureSeq2SeqModel, NamedExperts, TellsScores
from ...nn.init import Starting, normal
from ...nn.losses import router_z_loss, row_balancing_loss
from ...nn.moe import ScoresExperts, ScoringLinear
from ..t5.mlp import T5DenseActDense
from ..t5.model import (
    T5Block,
    T5Branch,
    T5Decoder,
    T5Encoder,
    T5EncoderModel,
    T5ForConditionalGeneration,
    T5Model,
)
from . import SwitchTransformersConfig


class SwitchTransformersTop1Router(ScoresExperts):
    """Chooses the likeliest expert for each token; one that is full takes no more tokens of the same text."""

    scores_at: ClassVar[int] = 2

    def __init__(self, config: SwitchTransformersConfig) -> None:
        super().__init__()
        self.num_experts, self.expert_capacity = config.num_experts, config.expert_capacity
        self.jitter_noise = config.router_jitter_noise
        dtype: torch.dtype = getattr(torch, config.router_dtype)
        self.classifier = ScoringLinear(config.d_model, config.num_experts, config.router_bias, dtype=dtype)

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, D) -> 1 where an expert takes a token (B, T, E), the token's share (B, T, 1), and scores (B, T, E)."""
        noisy = hidden_states
        if self.training and self.jitter_noise > 0:
            noisy = noisy * torch.empty_like(noisy).uniform_(1.0 - self.jitter_noise, 1.0 + self.jitter_noise)
        scores = self.classifier(noisy)
        shares, experts = scores.softmax(dim=-1).to(hidden_states.dtype).max(dim=-1)
        chosen = one_hot(experts, self.num_experts)
        return chosen * (chosen.cumsum(dim=1) <= self.expert_capacity), shares.unsqueeze(-1), scores


class SwitchTransformersSparseMLP(Starting):
    """The router and its experts; a token that its expert has no place for gets zeros."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.router = SwitchTransformersTop1Router(config)
        self.experts = NamedExperts.of([T5DenseActDense(config) for _ in range(config.num_experts)])
        out = normal(config.initializer_factor * config.d_model**-0.5)
        self.starts = {f"experts.{name}.wo.weight": out for name in self.experts}
        self.starts["router.classifier.weight"] = normal(config.initializer_factor)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        taken, shares, _ = self.router(hidden_states)
        shares = shares * taken.sum(dim=-1, keepdim=True)
        experts = taken.argmax(dim=-1, keepdim=True)
        states, shares, experts = (each.flatten(0, 1) for each in (hidden_states, shares, experts))
        output: Tensor = self.experts(states, experts, shares).view_as(hidden_states)
        return output


class SwitchTransformersLayerFF(T5Branch):
    """The MLP, or a mixture in its place."""

    def __init__(self, config: Any, sparse: bool) -> None:
        super().__init__(config, "mlp", SwitchTransformersSparseMLP(config) if sparse else T5DenseActDense(config))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return self.add(self.get_submodule("mlp"), hidden_states)


class SwitchTransformersBlock(T5Block):
    """T5's, with a mixture where the config has one."""

    def mlp(self, config: Any, layer_idx: int, is_decoder: bool) -> nn.Module:
        return SwitchTransformersLayerFF(config, config.is_sparse(layer_idx, is_decoder))


class SwitchTransformersEncoder(TellsScores, T5Encoder):
    """The encoder."""


class SwitchTransformersDecoder(TellsScores, T5Decoder):
    """The decoder."""


class SwitchTransformersModel(MixtureSeq2SeqModel, T5Model):
    """Encoder and decoder without a head."""


class SwitchTransformersEncoderModel(TellsScores, T5EncoderModel):
    """The encoder alone."""


class SwitchTransformersForConditionalGeneration(MixtureSeq2SeqLM, T5ForConditionalGeneration):
    """Switch Transformers with a language-modelling head, whose loss has parts for the routers where they tell their scores.

    Where every layer has a mixture, these are 0, as published.
    """

    def router_losses(self, half: str, scores: tuple[Tensor, ...], mask: Tensor | None) -> dict[str, Tensor]:
        if self.config.get(f"{half}_sparse_step") > 1:
            return {"z_loss": router_z_loss(scores), "aux_loss": row_balancing_loss(scores)}
        return {name: scores[0].new_zeros(()) for name in ("z_loss", "aux_loss")}
