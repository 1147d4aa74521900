"""The floor that Llama and its relatives stand on: token embeddings, a stack of layers of one or several kinds, a norm."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ..cache.layer_types import layer_types
from ..core.outputs import BaseModelOutputWithPast
from ..nn.alias import Alias
from ..nn.embeddings import ScaledEmbedding
from ..nn.inputs import one_of
from ..nn.layer import Layer
from ..nn.masks import Mask, decoder_positions, make_mask
from ..nn.norm import RMSNorm
from ..nn.rope import Rotary
from .base import PreTrainedModel
from .decoder_config import DecoderConfig


class Decoder(PreTrainedModel):
    """The model without a head.

    A family says which layer it stacks, `class LlamaModel(Decoder, LlamaPreTrainedModel): layer_class = LlamaDecoderLayer`,
    and its config says of what kind each layer is (`layer_kinds`). Layers of one kind share a mask and a rotary table.

    Class attributes:
        layer_class: the block, built as `layer_class(config, layer_idx)` and called as `nn/layer.py` says, with `rotary`.
        norm_class: the norm behind the last layer, built as `norm_class(hidden_size, rms_norm_eps)`.
        embedding_name: what checkpoints call the token embeddings; `stacks` of the family says it of the layers and the norm.
    """

    layer_class: ClassVar[type[Layer]]
    norm_class: ClassVar[type[nn.Module]] = RMSNorm
    embedding_name: ClassVar[str] = "embed_tokens"
    vocab_size, padding_idx = Alias("config.vocab_size"), Alias("config.padding_row")
    config: DecoderConfig

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.layer_types = layer_types(config)
        self.add_module(self.embedding_name, self.make_embedding(config))
        stack = self.stacks[""]
        layers = nn.ModuleList(self.layer_class(config, index) for index in range(config.num_hidden_layers))
        self.add_module(stack.layers, layers)
        if stack.final is not None:
            self.add_module(stack.final, self.norm_class(config.hidden_size, config.rms_norm_eps))
        self.rotary_emb = self.make_rotary(config)

    def embedding_scale(self, config: DecoderConfig) -> float:
        """What the embeddings of tokens are multiplied by."""
        return 1.0

    def make_embedding(self, config: DecoderConfig) -> nn.Embedding:
        """The token embeddings."""
        scale, sizes = self.embedding_scale(config), (config.vocab_size, config.hidden_size, config.padding_row)
        return nn.Embedding(*sizes) if scale == 1.0 else ScaledEmbedding(*sizes, scale=scale)

    def make_rotary(self, config: DecoderConfig) -> nn.ModuleDict:
        """Kind of layer -> what gives its keys and queries their positions; kinds with equal tables share one."""
        tables = config.rotary_tables
        modules = [Rotary(table, config.head_size, config.max_position_embeddings) for table in tables.values()]
        first = {kind: next(i for i, other in enumerate(tables.values()) if other == table) for kind, table in tables.items()}
        return nn.ModuleDict({kind: modules[index] for kind, index in first.items()})

    def get_input_embeddings(self) -> nn.Module:
        return self.get_submodule(self.embedding_name)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T)."""
        one_of(input_ids, inputs_embeds)
        x = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(past_key_values, use_cache)
        kinds = self.layer_types.kinds
        masks = {kind: self.layer_mask(kinds.index(kind), x, attention_mask, cache) for kind in dict.fromkeys(kinds)}
        position_ids = decoder_positions(x, attention_mask, position_ids, cache, self.reach)
        rotary = self._rotary(position_ids, x)
        stack = self.stacks[""]
        # A draft by early exit has the first layers only.
        for layer, kind in zip(self.get_submodule(stack.layers).children(), kinds, strict=False):
            x = layer(x, masks[kind], cache, rotary=rotary[kind])
        x = x if stack.final is None else self.get_submodule(stack.final)(x)
        return BaseModelOutputWithPast(last_hidden_state=x, past_key_values=cache)

    @property
    def reach(self) -> int | None:
        """The length up to which positions are good; None where there is no end."""
        ends = [table.reach for table in self.rotary_emb.children() if isinstance(table, Rotary) and table.reach is not None]
        return min(ends, default=None)

    def _rotary(self, position_ids: Tensor, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Kind of layer -> cosines and sines (B or 1, T, K) of the positions."""
        by_kind = dict(self.rotary_emb.items())  # looked up once: while a model is exported, each look gives other objects
        tables = {table: table(position_ids, x.dtype) for table in dict.fromkeys(by_kind.values())}
        return {kind: tables[table] for kind, table in by_kind.items()}

    def layer_mask(self, layer_idx: int, x: Tensor, attention_mask: Tensor | None, cache: Any) -> Mask:
        """What layer `layer_idx`, and all of its kind, may look at: `x` (B, T, D), attention_mask (B, past + T) or None.

        A layer that keeps a state instead of keys gets the padding among the T new tokens and nothing else.
        """
        types, queries = self.layer_types, x.shape[1]
        if types.is_recurrent(layer_idx):
            new = None if attention_mask is None or attention_mask.dim() != 2 else attention_mask[:, -queries:]
            return make_mask(queries, x.device, new, causal=False)
        window, chunk = types.window_of(layer_idx), types.chunk_of(layer_idx)
        mask = make_mask(queries, x.device, attention_mask, cache=cache, window=window, layer_idx=layer_idx)
        return mask if chunk is None else mask.chunked(chunk)
