"""The modules of Trajectory Transformer. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, pad

from ...cache.base import Cache
from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import DecoderBlock, SelfAttention
from ...modeling.recording import Stack
from ...nn.attention import split_heads
from ...nn.init import Starting, constant
from ...nn.inputs import check_ids, check_mask, check_rows, shown
from ...nn.losses import check_classes
from ...nn.masks import make_mask
from . import TrajectoryTransformerConfig


@dataclass
class TrajectoryTransformerOutput(ModelOutput):
    """`logits` (B, T, vocab_size + 1) of the token behind each, the last class being the end; the `loss` of targets."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class CausalSelfAttention(SelfAttention):
    """Causal self-attention; the mask hides values of earlier steps."""

    query_name = "query"
    output_name = "proj"

    def add_projections(self, config: Any, size: int) -> None:
        self.key, self.query, self.value = (nn.Linear(size, size) for _ in range(3))
        self.proj = nn.Linear(size, size)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (split_heads(part(x), self.head_dim) for part in (self.query, self.key, self.value))
        return query, key, value


class Block(DecoderBlock):
    """x + attention(norm(x)), then x + l2(gelu(l1(norm(x))))."""

    attention_class = CausalSelfAttention
    norm_names = ("ln1", "ln2")

    def make_norm(self, config: Any) -> nn.Module:
        return nn.LayerNorm(config.n_embd)  # as published, whatever layer_norm_eps says

    def add_mlp(self, config: Any) -> None:
        self.l1 = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.l2 = nn.Linear(4 * config.n_embd, config.n_embd)

    def transform(self, x: Tensor) -> Tensor:
        return self.dropped(self.l2(nn.functional.gelu(self.l1(x))))


class EinLinear(Starting):
    """A linear layer without bias for each token of a step: (S, N, D) -> (S, N, classes) of N tokens."""

    def __init__(self, n_models: int, in_features: int, out_features: int, negative_slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_models, out_features, in_features))
        bound = math.sqrt(6 / ((1 + negative_slope**2) * in_features))  # He et al. 2015, for leaky ReLUs
        self.starts = {"weight": lambda weight: weight.uniform_(-bound, bound)}

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("noi,sni->sno", self.weight, x)


class TrajectoryTransformerPreTrainedModel(PreTrainedModel):
    """What all classes share."""

    config_class = TrajectoryTransformerConfig
    base_model_prefix = "trajectory_transformer"
    main_input_name = "trajectories"
    stacks = {"": Stack("blocks")}
    _no_split_modules = ["Block"]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"(^|\.)attn\.mask$",  # causal masks, once saved
    ]
    config: TrajectoryTransformerConfig


class TrajectoryTransformerModel(TrajectoryTransformerPreTrainedModel):
    """A decoder of steps that are cut into tokens, with a head for each token of a step."""

    starts = {"pos_emb": constant(0.0)}

    def __init__(self, config: TrajectoryTransformerConfig) -> None:
        super().__init__(config)
        self.tok_emb = nn.Embedding(config.vocab_size * config.transition_dim + 1, config.n_embd)
        self.pos_emb = nn.Parameter(torch.empty(1, config.block_size, config.n_embd))
        self.blocks = nn.ModuleList(Block(config, index) for index in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        slope = math.sqrt(5) / config.kaiming_initializer_range
        self.head = EinLinear(config.transition_dim, config.n_embd, config.vocab_size + 1, slope)

    def get_input_embeddings(self) -> nn.Module:
        return self.tok_emb

    def offset_tokens(self, trajectories: Tensor, first: int = 0) -> Tensor:
        """The rows of the token embeddings (B, T): each token of a step has classes of its own, all share the end's.

        Args:
            first: the position of the first token.
        """
        classes, count = self.config.vocab_size, self.config.transition_dim
        places = (torch.arange(trajectories.shape[1], device=trajectories.device) + first) % count
        return torch.where(trajectories == classes, classes * count, trajectories + places * classes)

    def logits(self, x: Tensor, first: int) -> Tensor:
        """Logits (B, T, classes) of states (B, T, D), the first of which has the position `first`."""
        count, length = self.config.transition_dim, x.shape[1]
        before = first % count
        whole = pad(x, (0, 0, before, -(before + length) % count))
        steps: Tensor = self.head(whole.flatten(0, 1).unflatten(0, (-1, count)))
        return steps.reshape(len(x), whole.shape[1], -1)[:, before : before + length]

    def forward(
        self,
        trajectories: Tensor | None = None,
        past_key_values: Any = None,
        targets: Tensor | None = None,
        attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> TrajectoryTransformerOutput:
        """Args:
        trajectories: (B, T), the classes of the tokens of steps, one after the other; `vocab_size` is the end.
        past_key_values: the cache of the tokens before these. use_cache: fill one; None, as False, does not.
        targets: (B, T), the classes of the tokens behind each. attention_mask: (B, T), 0 where a target does not count; as
            published, attention does not look at it.

        Raises:
            InputError: tokens that are no classes, more of them than have a position, or targets of another shape.
        """
        config = self.config
        check_ids(trajectories, "trajectories")
        tokens: Any = trajectories
        check_rows(tokens, "trajectories", config.vocab_size + 1)
        cache = self.start_cache(past_key_values, bool(use_cache))
        first, (rows, length) = 0 if cache is None else int(cache.position()), tokens.shape
        if first + length > config.block_size:
            raise InputError(f"there are {first + length} tokens; this model has {config.block_size} positions (block_size)")
        x = self.tok_emb(self.offset_tokens(tokens, first)) + self.pos_emb[:, first : first + length]
        x = dropout(x, config.embd_pdrop, self.training)
        mask = make_mask(length, x.device, self.visible(first + length, x.device).expand(rows, -1), cache=cache)
        for block in self.blocks:
            x = block(x, mask, cache)
        logits, loss = self.logits(self.ln_f(x), first), None
        if targets is not None:
            loss = self.loss(logits, targets, attention_mask, first)
        return TrajectoryTransformerOutput(loss, logits, past_key_values=cache)

    def visible(self, length: int, device: torch.device) -> Tensor:
        """(1, length), False for the tokens that nothing looks at: the values, which are the last tokens of steps."""
        step = self.config.observation_dim + self.config.action_dim + 2
        return (torch.arange(length, device=device)[None] + 1) % step != 0

    def loss(self, logits: Tensor, targets: Any, real: Any, first: int) -> Tensor:
        """The mean, over all targets (B, T), of the cross entropy of each times the weight of its kind, 0 where not `real`.

        Raises:
            InputError: targets or `real` of another shape, or no classes.
        """
        config, shape = self.config, logits.shape[:2]
        if not isinstance(targets, Tensor) or targets.shape != shape:
            raise InputError(f"targets are {shown(targets)}; expected the class behind each token, of shape {tuple(shape)}")
        losses = cross_entropy(logits.transpose(1, 2), check_classes(targets, logits.shape[-1], "targets"), reduction="none")
        weights = [1.0] * config.observation_dim + [config.action_weight] * config.action_dim
        of_step = logits.new_tensor([*weights, config.reward_weight, config.value_weight])
        behind = torch.arange(shape[1], device=logits.device) + first + 1
        losses = losses * of_step[behind % len(of_step)]
        if real is not None:
            check_mask(real, shape[0], beside="trajectories")
            if real.shape != shape:
                raise InputError(f"attention_mask has shape {tuple(real.shape)}; expected {tuple(shape)}: one for each")
            losses = losses * real
        return losses.mean()
