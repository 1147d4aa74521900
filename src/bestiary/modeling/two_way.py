"""A transformer in which tokens of prompts and places of an image look at each other (Kirillov et al. 2023, appendix A)."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.part_order import put_last
from .global_windows import DenseBlock

# How many times narrower than the states cross-attention in blocks is, whatever the config says of it, as published.
CROSS_RATE = 2


class TwoWayAttention(HasHeads):
    """Attention of one set of states to another, `downsample_rate` times narrower than they.

    Class attribute `output_name`: the name of the last projection.
    """

    output_name: ClassVar[str] = "out_proj"

    def __init__(self, config: Any, downsample_rate: int | None = None) -> None:
        super().__init__()
        size, self.config = config.hidden_size, config
        rate = config.attention_downsample_rate if downsample_rate is None else downsample_rate
        inner = size // rate
        self.head_dim = inner // config.num_attention_heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(size, inner) for _ in range(3))
        setattr(self, self.output_name, nn.Linear(inner, size))
        self.attend = Attend(default_scaling(self.head_dim))

    def forward(self, query: Tensor, key: Tensor, value: Tensor, attention_similarity: Tensor | None = None) -> Tensor:
        """Queries (B, T, D), keys and values (B, S, D), what is added to scores (B, H, T, S) or fewer -> (B, T, D)."""
        projected = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        heads = tuple(split_heads(x, self.head_dim) for x in projected)
        if attention_similarity is not None:
            shape = *heads[0].shape[:3], key.shape[1]
            attention_similarity = attention_similarity.expand(shape)
        mixed = merge_heads(self.attend(*heads, None, attention_similarity))
        output: Tensor = self.get_submodule(self.output_name)(mixed)
        return output


class TwoWayLayer(Layer):
    """Tokens look at tokens, then at the image, go through an MLP, and the image looks at them; a norm behind each.

    Class attributes: `attention_class`, `mlp_class`. `eps`: of the norms; None is what the config says.

    Args:
        first: whether it is the first, in which tokens look at themselves without positions, and forget what they were.
    """

    attention_class: ClassVar[type[TwoWayAttention]] = TwoWayAttention
    mlp_class: ClassVar[type[nn.Module]] = DenseBlock
    eps: ClassVar[float | None] = None

    def __init__(self, config: Any, first: bool) -> None:
        super().__init__()
        self.config = config
        size, eps = config.hidden_size, config.layer_norm_eps if self.eps is None else self.eps
        self.self_attn = self.attention_class(config, downsample_rate=1)
        self.layer_norm1 = nn.LayerNorm(size, eps)
        self.cross_attn_token_to_image = self.attention_class(config, downsample_rate=CROSS_RATE)
        self.layer_norm2 = nn.LayerNorm(size, eps)
        self.mlp = self.mlp_class(config)
        self.layer_norm3, self.layer_norm4 = nn.LayerNorm(size, eps), nn.LayerNorm(size, eps)
        self.cross_attn_image_to_token = self.attention_class(config, downsample_rate=CROSS_RATE)
        self.skip_first_layer_pe = first

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        query_point_embedding: Tensor,
        key_point_embedding: Tensor,
        attention_similarity: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D) and places (B, S, D), each with their positions -> the next of both."""
        if self.skip_first_layer_pe:
            queries = self.self_attn(queries, queries, queries)
        else:
            placed = queries + query_point_embedding
            queries = queries + self.self_attn(placed, placed, queries)
        queries = self.layer_norm1(queries)
        look = self.cross_attn_token_to_image
        placed, places = queries + query_point_embedding, keys + key_point_embedding
        queries = self.layer_norm2(queries + look(placed, places, keys, attention_similarity))
        queries = self.layer_norm3(queries + self.mlp(queries))
        keys = self.layer_norm4(keys + self.cross_attn_image_to_token(places, queries + query_point_embedding, queries))
        return queries, keys


class TwoWayTransformer(nn.Module):
    """The stack of blocks, and a last look of the tokens at the image. Class attribute `layer_class`: the block."""

    layer_class: ClassVar[type[TwoWayLayer]] = TwoWayLayer

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(self.layer_class(config, first=not number) for number in range(config.num_hidden_layers))
        self.final_attn_token_to_image = self.layer_class.attention_class(config)
        self.layer_norm_final_attn = nn.LayerNorm(config.hidden_size)
        put_last(self, "layer_norm_final_attn")

    def forward(
        self,
        point_embeddings: Tensor,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D), places (B, S, D) and their positions (1, S, D) -> the last states of both.

        What is added to the scores of tokens and places (B, H, T, S), and to tokens before each block (B, T, D), steers it
        towards a target (Zhang et al. 2023, "Personalize segment anything model with one shot").
        """
        if target_embedding is not None:  # to what tokens start with and to their positions alike, as published
            point_embeddings = point_embeddings + target_embedding
        queries, keys = point_embeddings, image_embeddings
        for number, layer in enumerate(self.layers):
            if number and target_embedding is not None:
                queries = queries + target_embedding
            queries, keys = layer(queries, keys, point_embeddings, image_positional_embeddings, attention_similarity)
        placed, places = queries + point_embeddings, keys + image_positional_embeddings
        queries = self.layer_norm_final_attn(queries + self.final_attn_token_to_image(placed, places, keys))
        return queries, keys
