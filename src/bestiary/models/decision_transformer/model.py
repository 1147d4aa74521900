"""The modules of Decision Transformer. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.inputs import check_mask, check_rows, shown
from ...nn.series import check_series
from ..gpt2.model import GPT2Model, GPT2PreTrainedModel
from . import DecisionTransformerConfig


@dataclass
class DecisionTransformerOutput(ModelOutput):
    """Predictions of each step: `state_preds` (B, T, state_dim), `action_preds` (B, T, act_dim), `return_preds` (B, T, 1).

    `last_hidden_state` (B, 3 T, D): those of return, state and action of each step, in turn.
    """

    state_preds: Tensor | None = None
    action_preds: Tensor | None = None
    return_preds: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    last_hidden_state: Tensor | None = None


class DecisionTransformerGPT2PreTrainedModel(GPT2PreTrainedModel):
    """What all classes of its GPT-2 share."""

    config_class = DecisionTransformerConfig  # type: ignore[assignment]  # it has all fields of GPT-2's


class DecisionTransformerGPT2Model(GPT2Model, DecisionTransformerGPT2PreTrainedModel):
    """GPT-2, whose tokens are vectors."""


class DecisionTransformerPreTrainedModel(PreTrainedModel):
    """What all other classes share."""

    config_class = DecisionTransformerConfig
    base_model_prefix = "decision_transformer"
    main_input_name = "states"
    stacks = {"": Stack("encoder.h", final="encoder.ln_f")}
    _no_split_modules = ["GPT2Block"]
    config: DecisionTransformerConfig


class DecisionTransformerModel(DecisionTransformerPreTrainedModel):
    """GPT-2 over returns, states and actions, each of which predicts something of what follows."""

    hidden_size = Alias("config.hidden_size")

    def __init__(self, config: DecisionTransformerConfig) -> None:
        super().__init__(config)
        size = config.hidden_size
        self.encoder = DecisionTransformerGPT2Model(config)
        self.embed_timestep = nn.Embedding(config.max_ep_len, size)
        self.embed_return = nn.Linear(1, size)
        self.embed_state = nn.Linear(config.state_dim, size)
        self.embed_action = nn.Linear(config.act_dim, size)
        self.embed_ln = nn.LayerNorm(size)
        self.predict_state = nn.Linear(size, config.state_dim)
        self.predict_action = nn.Sequential(nn.Linear(size, config.act_dim), *([nn.Tanh()] if config.action_tanh else []))
        self.predict_return = nn.Linear(size, 1)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_state

    def checked_times(self, timesteps: Any, shape: tuple[int, int]) -> Tensor:
        """The numbers (B, T) of the steps in their episodes.

        Raises:
            InputError: something else, or a step behind the last that has a time.
        """
        if not isinstance(timesteps, Tensor) or timesteps.dim() != 2 or timesteps.shape[1] != shape[1]:
            raise InputError(f"timesteps are {shown(timesteps)}; expected the number of each step, of shape {shape}")
        if timesteps.shape[0] not in (1, shape[0]):
            raise InputError(f"timesteps have {timesteps.shape[0]} rows and states {shape[0]}; expected one for each")
        check_rows(timesteps, "timesteps", self.config.max_ep_len)
        return timesteps

    def forward(
        self,
        states: Tensor | None = None,
        actions: Tensor | None = None,
        rewards: Tensor | None = None,
        returns_to_go: Tensor | None = None,
        timesteps: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> DecisionTransformerOutput:
        """Args:
        states: (B, T, state_dim). actions: (B, T, act_dim), any numbers where one is still to be predicted.
        returns_to_go: (B, T, 1), the sum of rewards that is wanted from each step on. timesteps: (B, T), their numbers.
        rewards: part of the published call; nothing is made of them, there and here, for the returns tell them.
        attention_mask: (B, T), 0 for steps that are padding.
        """
        config = self.config
        states = check_series(states, "states", (None, None, config.state_dim), self.dtype, ", the last being state_dim")
        shape = (states.shape[0], states.shape[1])
        if 0 in shape:
            raise InputError(f"states has shape {tuple(states.shape)} and holds nothing; expected at least one step")
        actions = check_series(actions, "actions", (*shape, config.act_dim), self.dtype, ", the last being act_dim")
        returns = check_series(returns_to_go, "returns_to_go", (*shape, 1), self.dtype)
        time = self.embed_timestep(self.checked_times(timesteps, shape))
        parts = self.embed_return(returns) + time, self.embed_state(states) + time, self.embed_action(actions) + time
        x = self.embed_ln(torch.stack(parts, dim=2).flatten(1, 2))
        if attention_mask is not None:
            check_mask(attention_mask, shape[0], beside="states")
            if attention_mask.shape[-1] != shape[1] or attention_mask.dim() != 2:
                raise InputError(f"attention_mask has shape {tuple(attention_mask.shape)}; expected {shape}, one for each step")
            attention_mask = attention_mask.repeat_interleave(3, dim=1)
        output = self.encoder(
            inputs_embeds=x,
            attention_mask=attention_mask,
            position_ids=torch.zeros(1, x.shape[1], dtype=torch.long, device=x.device),
            use_cache=False,
            return_dict=True,
        )
        _, of_state, of_action = output.last_hidden_state.unflatten(1, (-1, 3)).unbind(2)
        return DecisionTransformerOutput(
            self.predict_state(of_action),
            self.predict_action(of_state),
            self.predict_return(of_action),
            last_hidden_state=output.last_hidden_state,
        )
