"""What of Gemma 4's text half is not Llama. Parameter names are the published ones."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, InputError
from ...core.outputs import BaseModelOutputWithPast, MoeModelOutputWithPast
from ...modeling.mixture import routers_recorded
from ...modeling.normed_attention import NormedAttention
from ...modeling.resizing import resize_table
from ...modeling.told_layer import IsTold, project_to_layers
from ...nn.alias import Alias
from ...nn.attention import KeysOfKinds, LayerCache
from ...nn.embeddings import ScaledEmbedding
from ...nn.init import Starting, constant
from ...nn.inputs import check_flag, one_of
from ...nn.masks import Mask
from ...nn.moe import Experts, ScoresExperts
from ...nn.norm import FullPrecisionRMSNorm, WeightlessRMSNorm
from ..llama.model import LlamaDecoderLayer, LlamaModel, LlamaPreTrainedModel
from . import Gemma4TextConfig


class Gemma4TextAttention(NormedAttention):
    """Gemma 4's: the last layers look at keys that others keep."""

    order = "hidden_states position_embeddings attention_mask shared_kv_states past_key_values"


class Gemma4TextRouter(ScoresExperts, Starting):
    """Scores experts by normed and scaled states, and multiplies the shares of those it chooses by a number of each."""

    starts = {"scale": constant(1.0), "per_expert_scale": constant(1.0)}
    hidden_size, eps = Alias("proj.in_features"), Alias("norm.eps")

    def __init__(self, config: Gemma4TextConfig) -> None:
        super().__init__()
        count = config.declared("num_experts")
        self.top_k, self.scalar_root_size = config.declared("top_k_experts"), config.hidden_size**-0.5
        self.norm = WeightlessRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.proj = nn.Linear(config.hidden_size, count, bias=False)
        self.scale = nn.Parameter(torch.ones(config.hidden_size))
        self.per_expert_scale = nn.Parameter(torch.ones(count))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States (N, D) -> the share of each of E experts (N, E), and of the k chosen the shares and the numbers (N, k)."""
        scores = self.proj(self.norm(x) * self.scale * self.scalar_root_size)
        probabilities = scores.softmax(dim=-1, dtype=torch.float32)
        shares, experts = probabilities.topk(self.top_k, dim=-1)
        shares = shares / shares.sum(dim=-1, keepdim=True) * self.per_expert_scale[experts]
        return probabilities, shares.to(x.dtype), experts


class Gemma4TextDecoderLayer(IsTold, LlamaDecoderLayer, Starting):
    """Gemma 3's block; then what the layer's own embedding of each token says; then all of it times `layer_scalar`.

    With experts, the second half is the sum of what the MLP and what the experts give, each normed.
    """

    starts = {"layer_scalar": constant(1)}
    order = "hidden_states per_layer_input shared_kv_states position_embeddings attention_mask position_ids past_key_values"
    attention_class = Gemma4TextAttention
    norm_class = FullPrecisionRMSNorm
    norm_names = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")

    def __init__(self, config: Gemma4TextConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        size, width = config.hidden_size, config.hidden_size_per_layer_input
        if config.use_double_wide_mlp and config.kv_sharing_modes[layer_idx] == "reuse":
            self.mlp = self.mlp_class(config, 2 * config.intermediate_size)
        self.register_buffer("layer_scalar", torch.ones(1))
        self.hidden_size_per_layer_input, self.enable_moe_block = width, config.enable_moe_block
        norm = partial(self.norm_class, size, config.rms_norm_eps)
        if width:
            self.add_told(size, width, config)
        if self.enable_moe_block:
            self.router = Gemma4TextRouter(config)
            inner = config.declared("moe_intermediate_size")
            self.experts = Experts(config.declared("num_experts"), size, inner, config.hidden_activation)
            self.post_feedforward_layernorm_1, self.post_feedforward_layernorm_2 = norm(), norm()
            self.pre_feedforward_layernorm_2 = norm()

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, per_layer_input: Tensor | None = None, **positions: Any
    ) -> Tensor:
        """per_layer_input (B, T, P): what the layer is told of each token."""
        before, behind, before_mlp, behind_mlp = self.norm_names
        x = x + self._norm(behind, self.mix(self._norm(before, x), mask, cache, **positions))
        x = x + self._norm(behind_mlp, self._fed(x, self._norm(before_mlp, x)))
        if self.hidden_size_per_layer_input:
            if per_layer_input is None:
                raise ArgumentError("this layer is told of each token; pass per_layer_input, its part of get_per_layer_inputs")
            x = self.told(x, per_layer_input)
        return x * self.get_buffer("layer_scalar")

    def _fed(self, x: Tensor, normed: Tensor) -> Tensor:
        """The second half, between the block's norms: states (B, T, D), as they are and normed -> (B, T, D)."""
        fed = self.feed(normed)
        if not self.enable_moe_block:
            return fed
        states = x.flatten(0, 1)
        _, shares, experts = self.router(states)
        mixed = self.experts(self.pre_feedforward_layernorm_2(states), experts, shares).view_as(x)
        both: Tensor = self.post_feedforward_layernorm_1(fed) + self.post_feedforward_layernorm_2(mixed)
        return both


class Gemma4TextPreTrainedModel(LlamaPreTrainedModel):
    """What all classes share. Files hold keys and values of layers that have none."""

    def __init__(self, config: Gemma4TextConfig) -> None:
        super().__init__(config)
        readers = "|".join(map(str, range(config.first_reader, config.num_hidden_layers)))
        unread = [rf"(^|\.)layers\.({readers})\.self_attn\.[kv]_(proj|norm)\."] if readers else []
        self.__dict__["_keys_to_ignore_on_load_unexpected"] = unread  # of a class it would hold for all depths

    def get_per_layer_input_embeddings(self) -> nn.Embedding:
        """The table of what each layer is told of each token (V, L * P)."""
        return self.base_model.get_submodule("embed_tokens_per_layer")  # type: ignore[return-value]

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """As of any model; the layers' own table gets as many rows."""
        table = super().resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        self.config.vocab_size_per_layer_input = self.config.vocab_size
        if self.config.hidden_size_per_layer_input:
            resize_table(self, self.get_per_layer_input_embeddings(), None, self.config.vocab_size, mean_resizing)
        return table


class Gemma4TextModel(LlamaModel):
    """Gemma 4's text half without a head."""

    norm_class = FullPrecisionRMSNorm
    config: Gemma4TextConfig

    def embedding_scale(self, config: Gemma4TextConfig) -> float:
        return float(config.hidden_size**0.5)

    def within_texts(self, layer_idx: int, mask: Mask, position_ids: Tensor) -> Mask:
        return mask if self.sees_all else super().within_texts(layer_idx, mask, position_ids)

    def add_final(self, config: Gemma4TextConfig) -> None:
        super().add_final(config)
        width, count = config.hidden_size_per_layer_input, config.num_hidden_layers
        if width:
            sizes = config.vocab_size_per_layer_input, count * width, config.padding_row
            self.embed_tokens_per_layer = ScaledEmbedding(*sizes, scale=width**0.5)
            self.per_layer_model_projection = nn.Linear(config.hidden_size, count * width, bias=False)
            self.per_layer_projection_norm = FullPrecisionRMSNorm(width, config.rms_norm_eps)

    @property
    def sees_all(self) -> bool:
        return self.config.use_bidirectional_attention == "all"

    def to_either_side(self, window: int) -> int:
        return window // 2 + 2

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, dict[str, Any]]:
        kept = {"shared_kv_states": KeysOfKinds()} if self.config.num_kv_shared_layers else {}
        return {kind: {**each, **kept} for kind, each in super().shared(x, position_ids).items()}

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        per_layer_inputs: Tensor | None = None,
        use_cache: bool | None = None,
        output_router_logits: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T).

        Args:
            per_layer_inputs: beside inputs_embeds, what each layer is told of each token, (B, T, L, P), as
                `get_per_layer_inputs` gives it of ids; without it the tokens are found again in the table of embeddings.
            output_router_logits: also give the scores of each router, (B * T, experts) a layer.
        """
        one_of(input_ids, inputs_embeds)
        if input_ids is not None and per_layer_inputs is not None:
            raise InputError("per_layer_inputs go with inputs_embeds; of input_ids they are looked up: leave them out")
        embeds: Any = self.embed(input_ids) if inputs_embeds is None and input_ids is not None else inputs_embeds
        by_layer: list[dict[str, Any]] = []
        if self.config.hidden_size_per_layer_input:
            told = self.get_per_layer_inputs(input_ids, embeds) if per_layer_inputs is None else per_layer_inputs
            each = self.project_per_layer_inputs(embeds, told)
            by_layer = [{"per_layer_input": states} for states in each.unbind(2)]
        run = partial(
            self.decode,
            None,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=embeds,
            use_cache=use_cache,
            by_layer=by_layer,
        )
        check_flag(output_router_logits, "output_router_logits")
        if not output_router_logits:
            return run()
        with routers_recorded(self) as scores:
            output = run()
        return MoeModelOutputWithPast(**dict(output.items()), router_logits=tuple(scores))

    def get_per_layer_inputs(self, input_ids: Tensor | None, inputs_embeds: Tensor | None = None) -> Tensor:
        """What each layer is told of tokens (B, T), or of those whose embeddings (B, T, D) these are: (B, T, L, P)."""
        ids = self._ids_of(inputs_embeds) if input_ids is None and inputs_embeds is not None else input_ids
        layers = self.embed_tokens_per_layer.embedding_dim // (self.config.hidden_size_per_layer_input or 1)
        if layers != self.config.num_hidden_layers:
            raise InputError(
                f"config.num_hidden_layers is {self.config.num_hidden_layers!r:.80}, and embed_tokens_per_layer holds what"
                f" {layers} layers are told of a token; for more layers make a model of that config"
            )
        told: Tensor = self.embed_tokens_per_layer(ids).unflatten(-1, (self.config.num_hidden_layers, -1))
        return told

    @torch.no_grad()
    def _ids_of(self, embeds: Tensor) -> Tensor:
        """The tokens (B, T) whose embeddings (B, T, D) these are.

        Raises:
            InputError: some are of no token.
        """
        table, rows = self.get_input_embeddings(), embeds.flatten(0, 1)
        rounded = table(torch.arange(self.vocab_size, device=rows.device))
        place, ids = (rows[:, None, 0] == rounded[None, :, 0]).nonzero().unbind(1)
        same = (rows[place] == rounded[ids]).all(-1)
        place, ids = place[same].flip(0), ids[same].flip(0)
        found = torch.full((len(rows),), -1, device=rows.device).index_put((place,), ids)
        if (found < 0).any():
            raise InputError(
                f"{int((found < 0).sum())} of the inputs_embeds are the embedding of no token, and each layer looks up its own"
                " embedding of the token: pass per_layer_inputs beside them (get_per_layer_inputs gives them of ids)"
            )
        return found.view(embeds.shape[:2])

    def project_per_layer_inputs(self, inputs_embeds: Tensor, per_layer_inputs: Tensor | None = None) -> Tensor:
        """What each layer is told, (B, T, L, P): of embeddings (B, T, D), and of tokens (B, T, L, P) where these are known."""
        project, norm = self.per_layer_model_projection, self.per_layer_projection_norm
        output = project_to_layers(project, norm, inputs_embeds, self.config.num_hidden_layers)
        return output if per_layer_inputs is None else (output + per_layer_inputs) * 2.0**-0.5
