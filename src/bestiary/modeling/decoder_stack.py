"""The floor of all decoders of text: token embeddings, what joins them, layers of one or several kinds, a norm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from ..cache.layer_types import layer_types
from ..core.errors import InputError
from ..core.outputs import BaseModelOutputWithPast
from ..nn.alias import Alias
from ..nn.embeddings import LearnedPositions, ScaledEmbedding
from ..nn.inputs import one_of
from ..nn.layer import Layer, skipped
from ..nn.masks import Mask, decoder_positions, make_mask, text_numbers
from ..nn.packed import packed_texts
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .cross_attention import look_at


class DecoderStack(PreTrainedModel):
    """A decoder without a head.

    A family says which layer it stacks and writes a `forward` with the published order of inputs, which `decode` takes; its
    config says of what kind each layer is (`layer_kinds`). Layers of one kind share a mask.

    Class attributes:
        layer_class: the block, built as `layer_class(config, layer_idx)` and called as `nn/layer.py` says.
        embedding_name: what checkpoints call the token embeddings; `stacks` of the family says it of the layers and the norm.
        zero_padding: whether the embedding of the padding token stays zero.
        packs: whether positions that begin anew, where there are neither mask nor cache, keep the texts of a row apart, as
            published; `seq_idx` always does.
        padding_apart: whether padding has the position -1, as where positions were published to follow the mask.
        both_ways: whether tokens look at those behind them too, in an encoder; else `use_bidirectional_attention` says it.
        counted_by_config: whether a forward goes through the first `num_hidden_layers` layers, as published, and not all.
    """

    counted_by_config: ClassVar[bool] = False
    zero_padding: ClassVar[bool] = False
    packs: ClassVar[bool] = True
    padding_apart: ClassVar[bool] = False
    both_ways: ClassVar[bool] = False
    layer_class: ClassVar[type[Layer]]
    embedding_name: ClassVar[str] = "wte"
    vocab_size, padding_idx = Alias("config.vocab_size"), Alias("config.padding_row")
    layerdrop: float = 0.0

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.layer_types = layer_types(config)
        self.add_module(self.embedding_name, self.make_embedding(config))
        self.add_entry(config)
        stack, layers = self.stacks[""], range(config.get("num_hidden_layers"))
        self.add_module(stack.layers, nn.ModuleList(self.make_layer(config, index) for index in layers))
        self.add_final(config)

    def embedding_scale(self, config: Any) -> float:
        """What the embeddings of tokens are multiplied by."""
        return 1.0

    def make_embedding(self, config: Any) -> nn.Embedding:
        """The token embeddings."""
        scale, row = self.embedding_scale(config), config.padding_row if self.zero_padding else None
        sizes = config.vocab_size, config.hidden_size, row
        return nn.Embedding(*sizes) if scale == 1.0 else ScaledEmbedding(*sizes, scale=scale)

    def make_layer(self, config: Any, layer_idx: int) -> Layer:
        """Block `layer_idx`; a family whose blocks are of several classes chooses one here."""
        return self.layer_class(config, layer_idx)

    def add_entry(self, config: Any) -> None:
        """Build what stands between the token embeddings and the first layer, for `enter`; here nothing."""

    def add_final(self, config: Any) -> None:
        """Build what stands behind the last layer, for `finish`: a norm, where `stacks` names one."""
        final = self.stacks[""].final
        if final is not None:
            self.add_module(final, self.make_norm(config))

    def make_norm(self, config: Any) -> nn.Module:
        """The norm behind the last layer."""
        return nn.LayerNorm(config.hidden_size, norm_eps(config))

    def get_input_embeddings(self) -> nn.Module:
        return self.get_submodule(self.embedding_name)

    def embed(self, input_ids: Tensor) -> Tensor:
        """The embeddings (B, T, D) of tokens (B, T); embeddings that a caller gives in their place do not come here."""
        embedded: Tensor = self.get_input_embeddings()(input_ids)
        return embedded

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """The first layer's input from embedded tokens (B, T, D) and positions (B or 1, T)."""
        return x

    def finish(self, x: Tensor) -> Tensor:
        """The output from the last layer's states (B, T, D)."""
        final = self.stacks[""].final
        return x if final is None else self.get_submodule(final)(x)

    def shared(self, x: Tensor, position_ids: Tensor) -> Mapping[str, Mapping[str, Any]]:
        """Kind of layer -> what all layers of the kind are called with besides states, mask and cache."""
        return {}

    @property
    def reach(self) -> int | None:
        """The length up to which positions without a table are good; None where there is no end."""
        return None

    @property
    def sees_all(self) -> bool:
        """Whether tokens look at those behind them too."""
        return bool(self.config.declared("use_bidirectional_attention", self.both_ways))

    def to_either_side(self, window: int) -> int:
        """How many tokens, itself counted, one looks to either side of a window where all look both ways."""
        return window // 2 + 1

    def layers_now(self) -> tuple[list[nn.Module], tuple[str, ...]]:
        """The layers that a forward goes through and the kind of each, also where layers or the config were changed.

        Raises:
            InputError: there are more layers than the config says kinds of, or it says no number of layers.
        """
        layers = list(cast(nn.ModuleList, self.get_submodule(self.stacks[""].layers)))  # one may stand there twice
        if self.counted_by_config:
            count = self.config.get("num_hidden_layers")
            if not isinstance(count, int):
                raise InputError(
                    f"config.num_hidden_layers is {count!r:.80}; expected a number of layers, such as {len(layers)}"
                )
            layers = layers[:count]
        if len(layers) > len(self.layer_types.kinds) or self.config.declared("sliding_window") != self.layer_types.window:
            self.follow_config()
        kinds = self.layer_types.kinds
        if len(layers) > len(kinds):
            if len(set(kinds)) != 1:
                raise InputError(
                    f"there are {len(layers)} layers, and the config says the kinds of {len(kinds)}: {', '.join(kinds)}; set"
                    " config.num_hidden_layers, and config.layer_types if it has some"
                )
            kinds = kinds[:1] * len(layers)
        return layers, kinds[: len(layers)]

    def follow_config(self) -> None:
        """Take from the config anew what it says of each layer."""
        self.layer_types = layer_types(self.config)

    def decode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
        by_layer: Sequence[Mapping[str, Any]] = (),
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T).

        token_type_ids (B, T) are tokens whose embeddings are added. encoder_hidden_states (B, S, D) and
        encoder_attention_mask (B, S): what a model with cross-attention looks at. by_layer: what each layer alone is called
        with besides, where there is such a thing.
        """
        one_of(input_ids, inputs_embeds)
        x = cast(Tensor, inputs_embeds) if input_ids is None else self.embed(input_ids)
        cache, across = self.start_cache(past_key_values, use_cache), {}
        if encoder_hidden_states is not None:
            over_memory, cache = look_at(self, encoder_hidden_states, encoder_attention_mask, x, cache)
            across = {"memory": encoder_hidden_states, "memory_mask": over_memory}
        layers, kinds = self.layers_now()
        masks = {kind: self.layer_mask(kinds.index(kind), x, attention_mask, cache) for kind in dict.fromkeys(kinds)}
        packed = packed_texts(x.shape[1]) if cache is None else None
        if packed is not None:
            masks = {kind: self.within_texts(kinds.index(kind), mask, packed.places) for kind, mask in masks.items()}
        elif self.packs and position_ids is not None and attention_mask is None and cache is None:
            masks = {kind: self.within_texts(kinds.index(kind), mask, position_ids) for kind, mask in masks.items()}
        position_ids = decoder_positions(x, attention_mask, position_ids, cache, self.reach, self.padding_apart)
        x = self.enter(x if token_type_ids is None else x + self.embed(token_type_ids), position_ids)
        shared = self.shared(x, position_ids)
        for index, (layer, kind) in enumerate(zip(layers, kinds, strict=True)):
            if not skipped(self.layerdrop, self.training):
                x = layer(x, masks[kind], cache, **shared.get(kind, {}), **across, **(by_layer[index] if by_layer else {}))
        return BaseModelOutputWithPast(last_hidden_state=self.finish(x), past_key_values=cache)

    def layer_mask(self, layer_idx: int, x: Tensor, attention_mask: Tensor | None, cache: Any) -> Mask:
        """What layer `layer_idx`, and all of its kind, may look at: `x` (B, T, D), attention_mask (B, past + T) or None.

        A layer that keeps a state instead of keys gets the padding among the T new tokens and nothing else.
        """
        types, queries = self.layer_types, x.shape[1]
        if types.is_recurrent(layer_idx):
            new = None if attention_mask is None or attention_mask.dim() != 2 else attention_mask[:, -queries:]
            return make_mask(queries, x.device, new, causal=False)
        window, chunk = types.window_of(layer_idx), types.chunk_of(layer_idx)
        causal = not self.sees_all
        if window is not None and not causal:
            window = self.to_either_side(window)
        mask = make_mask(queries, x.device, attention_mask, cache=cache, causal=causal, window=window, layer_idx=layer_idx)
        return mask if chunk is None else mask.chunked(chunk)

    def within_texts(self, layer_idx: int, mask: Mask, position_ids: Tensor) -> Mask:
        """`mask` of layer `layer_idx`, whose queries see their own text only: positions (B or 1, T) tell packed texts apart.

        A layer that keeps a state goes on through all texts, as published, unless the call says where they begin (`seq_idx`).
        """
        types = self.layer_types
        texts = None if types.is_recurrent(layer_idx) else text_numbers(position_ids, types.chunk_of(layer_idx))
        # What is hidden of chunks was counted from the row's start.
        return mask if texts is None else replace(mask, texts=texts, dense=None, _lengths=None)


class PositionedDecoder(DecoderStack):
    """A decoder whose tokens have learned positions, `wpe` (Radford et al. 2019)."""

    def add_entry(self, config: Any) -> None:
        self.wpe = LearnedPositions(config.max_position_embeddings, config.hidden_size)
        self.drop = nn.Dropout(config.declared("embd_pdrop", config.declared("embed_dropout", 0.0)))

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.drop(x + self.wpe(position_ids))
        return output


class CacheBeforeMask(DecoderStack):
    """A decoder whose `forward` takes the cache before the mask."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T)."""
        return self.decode(
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )


class TokenTypeDecoder(CacheBeforeMask):
    """The same, with types of tokens, which are tokens too."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """As `CacheBeforeMask.forward`; token_type_ids (B, T) are tokens whose embeddings are added."""
        return self.decode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )


def norm_eps(config: PreTrainedConfig) -> float:
    """The epsilon of a config's layer norms, under either of its names; torch's where it has none."""
    return float(config.declared("layer_norm_epsilon", config.declared("layer_norm_eps", 1e-5)))
