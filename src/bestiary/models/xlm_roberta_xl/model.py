"""The block of XLM-RoBERTa-XL, with norms before its halves. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import TokenClassifierOutput
from ...modeling.encoder import ENCODER_ORDER, EncoderLayer, EncoderSelfAttention, EncoderStack
from ...nn.alias import Alias
from ...nn.block import Block
from ...nn.layer import Layer
from ...nn.losses import IGNORE
from ...nn.masks import Mask
from ..roberta.model import RobertaForTokenClassification


class XLMRobertaXLOutput(nn.Module):
    """residual + dense(x), the end of each half of a block."""

    def __init__(self, config: Any, size: int, dropout: float | None = None) -> None:
        super().__init__()
        self.dense, self.dropout = (
            nn.Linear(size, config.hidden_size),
            nn.Identity() if dropout is None else nn.Dropout(dropout),
        )

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.dense(hidden_states)) + input_tensor
        return output


class XLMRobertaXLAttention(Block):
    """The first half of a block: x + dense(attention(norm(x)))."""

    order, gives = ENCODER_ORDER, "attentions"
    is_causal = Alias("self.is_causal")

    def __init__(self, config: Any, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        self.is_cross_attention, self.self = cross, EncoderSelfAttention(config, layer_idx, cross)
        self.output = XLMRobertaXLOutput(config, config.hidden_size, config.hidden_dropout_prob)
        self.self_attn_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        output: Tensor = self.output(self.self(self.self_attn_layer_norm(x), mask, cache, memory=memory), x)
        return output


class XLMRobertaXLLayer(EncoderLayer):
    """x + attention(norm(x)), perhaps x + attention(norm(x), memory), then x + mlp(norm(x))."""

    attention_class, output_class = XLMRobertaXLAttention, XLMRobertaXLOutput

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def feed_forward_chunk(self, x: Tensor) -> Tensor:
        output: Tensor = self.output(self.intermediate(self.LayerNorm(x)), x)
        return output


class XLMRobertaXLEncoder(EncoderStack):
    """The blocks, one after another, and a norm."""

    def __init__(self, config: Any, layer_class: type[Layer]) -> None:
        super().__init__(config, layer_class)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        output: Tensor = self.LayerNorm(super().forward(x, mask, cache, **context))
        return output


class XLMRobertaXLForTokenClassification(RobertaForTokenClassification):
    """XLM-RoBERTa-XL that labels each token; labels of padding are ignored."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> TokenClassifierOutput:
        """labels: (B, T)."""
        if labels is not None and attention_mask is not None and labels.shape == attention_mask.shape:
            labels = labels.masked_fill(attention_mask == 0, IGNORE)
        return super().forward(input_ids, attention_mask=attention_mask, labels=labels, **inputs)
