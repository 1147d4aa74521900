"""What of NLLB-MoE is not BART or M2M-100. Parameter names are the published ones."""

import math
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...modeling.heads.mixture_seq2seq import MixtureSeq2SeqLM
from ...modeling.seq2seq_layers import Seq2SeqAttention
from ...modeling.seq2seq_mixture import MixtureSeq2SeqModel, NamedExperts, TellsScores
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.init import Start
from ...nn.layer import Layer, within_half
from ...nn.masks import Mask
from ...nn.moe import ScoresExperts, ScoringLinear
from ..bart.model import BartDecoder, BartEncoder, BartForConditionalGeneration, BartModel
from . import NllbMoeConfig


class NllbMoeTop2Router(ScoresExperts):
    """Chooses the two likeliest experts for each token; one that is full takes no more."""

    scores_at: ClassVar[int] = 2

    def __init__(self, config: NllbMoeConfig) -> None:
        super().__init__()
        self.config, self.num_experts = config, config.num_experts
        dtype: torch.dtype = getattr(torch, config.router_dtype)
        self.classifier = ScoringLinear(config.d_model, config.num_experts, config.router_bias, dtype=dtype)

    def forward(self, hidden_states: Tensor, padding_mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """States (N, D), and True for padding (N,) -> 1 at the first expert of a token, shares, and scores, (N, E) each."""
        scores = self.classifier(hidden_states)
        probabilities = scores.softmax(dim=-1).to(hidden_states.dtype)
        first, second = self._choose(scores, probabilities)
        shares = _shares(probabilities, first, second)
        if padding_mask is not None and not self.config.router_ignore_padding_tokens:
            first, second = (chosen * ~padding_mask.bool().unsqueeze(-1) for chosen in (first, second))
        first, second = self._within_capacity(first, second, probabilities)
        if not self.config.normalize_router_prob_before_dropping:
            shares = _shares(probabilities, first, second)
        return first, shares[0] * first + shares[1] * second, scores

    def _choose(self, scores: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """1 at the first and at the second expert of each token, (N, E) each."""
        first = one_hot(probabilities.argmax(dim=-1), self.num_experts)
        policy = self.config.second_expert_policy
        ranked = scores - torch.empty_like(scores).exponential_().log() if policy == "sampling" else scores
        second = one_hot(ranked.masked_fill(first.bool(), -torch.inf).argmax(dim=-1), self.num_experts)
        if policy == "random":
            share = (probabilities * second).sum(dim=-1, keepdim=True)
            second = second * (2 * share > torch.rand_like(share.float()))
        return first, second

    def _within_capacity(self, first: Tensor, second: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """The same without the tokens that find their expert full; second choices come behind all first ones."""
        tokens, fraction = len(first), self.config.moe_eval_capacity_token_fraction
        capacity = self.config.expert_capacity or 2 * math.ceil(tokens / self.num_experts)
        if not self.training and fraction > 0:
            capacity = math.ceil(fraction * tokens)
        places = [chosen.cumsum(dim=0) for chosen in (first, second)]
        if self.config.batch_prioritized_routing:
            order = probabilities.max(dim=-1).values.neg().argsort()
            places = [chosen[order].cumsum(dim=0)[order.argsort()] for chosen in (first, second)]
        return first * (places[0] <= capacity), second * (places[1] + first.sum(dim=0) <= capacity)


class NllbMoeDenseActDense(nn.Module):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: Any, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(config.d_model, width), nn.Linear(width, config.d_model)
        self.dropout, self.act = nn.Dropout(config.activation_dropout), activation(config.activation_function)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        output: Tensor = self.fc2(self.dropout(self.act(self.fc1(hidden_states))))
        return output


class NllbMoeExperts(NamedExperts):
    """Experts whose outputs are dropped in training at the rate `moe_token_dropout`, and else scaled by the rest."""

    token_dropout: nn.Dropout
    moe_token_dropout: float

    @property
    def num_experts(self) -> int:
        return len(self) - 1  # the dropout stands among them

    def _share(self, expert: int, x: Tensor, shares: Tensor) -> Tensor:
        output = super()._share(expert, x, shares)
        return self.token_dropout(output) if self.training else output * (1 - self.moe_token_dropout)


class NllbMoeSparseMLP(nn.Module):
    """The router and its experts."""

    def __init__(self, config: Any, ffn_dim: int) -> None:
        super().__init__()
        self.router, self.num_experts = NllbMoeTop2Router(config), config.num_experts
        self.experts = NllbMoeExperts.of([NllbMoeDenseActDense(config, ffn_dim) for _ in range(config.num_experts)])
        self.experts.token_dropout = nn.Dropout(config.moe_token_dropout)
        self.experts.moe_token_dropout = config.moe_token_dropout

    def forward(self, hidden_states: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """(B, T, D), and True for padding (B, T) -> (B, T, D)."""
        states, padding = hidden_states.flatten(0, 1), None if padding_mask is None else padding_mask.flatten()
        shares, experts = self.router(states, padding)[1].topk(min(2, self.num_experts), dim=-1)
        output: Tensor = self.experts(states, experts, shares).view_as(hidden_states)
        return output


class NllbMoeLayer(Layer):
    """x + attention(norm(x)), in a decoder x + attention(norm(x), memory), then x + mlp(norm(x)) or a mixture."""

    is_decoder: ClassVar[bool] = False
    dropout = Alias("attn_dropout.p")

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        half, size = "decoder" if self.is_decoder else "encoder", config.d_model
        heads, rate = config.get(f"{half}_attention_heads"), config.attention_dropout
        attention = partial(Seq2SeqAttention, size, heads, rate, self.is_decoder, layer_idx=layer_idx)
        self.attn_dropout, self.ff_dropout = nn.Dropout(config.dropout), nn.Dropout(config.activation_dropout)
        self.self_attn, self.self_attn_layer_norm = attention(), nn.LayerNorm(size)
        if self.is_decoder:
            self.cross_attention, self.cross_attention_layer_norm = attention(cross=True), nn.LayerNorm(size)
        self.is_sparse = config.is_sparse(layer_idx, self.is_decoder)
        mlp_class = NllbMoeSparseMLP if self.is_sparse else NllbMoeDenseActDense
        self.ffn, self.ff_layer_norm = mlp_class(config, config.get(f"{half}_ffn_dim")), nn.LayerNorm(size)

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any = None,
        *,
        bias: Tensor | None = None,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
    ) -> Tensor:
        change = self.self_attn(self.self_attn_layer_norm(x), mask, cache, bias=bias)
        x = x + self.attn_dropout(change)
        if memory is not None:
            change = self.cross_attention(self.cross_attention_layer_norm(x), memory_mask, cache, memory=memory)
            x = x + self.attn_dropout(change)
        change = self.ff_layer_norm(x)
        change = self.ffn(change, _padding(mask)) if self.is_sparse else self.ffn(change)
        return within_half(x + self.ff_dropout(change))


class NllbMoeEncoderLayer(NllbMoeLayer):
    """A layer of the encoder."""


class NllbMoeDecoderLayer(NllbMoeLayer):
    """A layer of the decoder."""

    is_decoder = True


class NllbMoeEncoder(TellsScores, BartEncoder):
    """The encoder."""


class NllbMoeDecoder(TellsScores, BartDecoder):
    """The decoder."""


class NllbMoeModel(MixtureSeq2SeqModel, BartModel):
    """Encoder and decoder without a head."""

    decoder_repeats_text = False


class NllbMoeForConditionalGeneration(MixtureSeq2SeqLM, BartForConditionalGeneration):
    """NLLB-MoE with a language-modelling head, whose loss has a part for the routers where they tell their scores."""

    biases_logits = False
    starts: dict[str, Start] = {}  # as in the base


def _shares(probabilities: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The shares (N, 1) of the experts chosen first and second, which add up to 1 where there are both."""
    one, two = ((probabilities * chosen).sum(dim=-1, keepdim=True) for chosen in (first, second))
    total = (one + two).clamp(min=torch.finfo(probabilities.dtype).eps)
    return one / total, two / total


def _padding(mask: Mask | None) -> Tensor | None:
    """Which of the queries (B, T) are padding; None where none is known to be."""
    if mask is None or mask.padding is None:
        return None
    slots = torch.arange(mask.queries, device=mask.device) + mask.first_query
    return ~mask.padding.index_select(1, slots)
