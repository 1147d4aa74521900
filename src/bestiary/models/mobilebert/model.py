"""The modules of MobileBERT, top to bottom; its heads are BERT's. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...modeling.encoder import EncoderStack
from ...modeling.heads.transformed_language import LMPredictionHead, PredictionHeadTransform
from ...modeling.word_encoder import WordEncoder
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.embeddings import LearnedPositions, TextEmbeddings
from ...nn.init import Starting, constant, normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.part_order import put_last
from ...nn.pooling import first_state
from ..bert.model import BertLanguageHead, BertPreTrainedModel
from . import MobileBertConfig


class NoNorm(Starting):
    """x * weight + bias, which stands where other models have norms, and is faster (section 3.2)."""

    starts = {"weight": constant(1.0), "bias": constant(0.0)}

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias, self.weight = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.ones(size))

    def forward(self, input_tensor: Tensor) -> Tensor:
        return input_tensor * self.weight + self.bias


def norm(config: MobileBertConfig, size: int, eps: float = 1e-5) -> nn.Module:
    """What stands where other models have norms. Embeddings and blocks end with torch's own epsilon, as published."""
    return NoNorm(size) if config.normalization_type == "no_norm" else nn.LayerNorm(size, eps)


class MobileBertEmbeddings(TextEmbeddings):
    """norm(words + position + segment), where the narrow words stand beside their neighbours and are made wide."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        words, size = config.embedding_size, config.hidden_size
        self.trigram_input, self.embedding_size, self.hidden_size = config.trigram_input, words, size
        self.word_embeddings = nn.Embedding(config.vocab_size, words, config.padding_row)
        self.position_embeddings = LearnedPositions(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.embedding_transformation = nn.Linear(words * (3 if self.trigram_input else 1), size)
        self.LayerNorm = norm(config, size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def joined(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        if self.trigram_input:
            following, before = F.pad(words[:, 1:], (0, 0, 0, 1)), F.pad(words[:, :-1], (0, 0, 1, 0))
            words = torch.cat([following, words, before], dim=-1)
        if self.trigram_input or self.embedding_size != self.hidden_size:
            words = self.embedding_transformation(words)
        types = words.new_zeros(1, dtype=torch.long) if token_type_ids is None else token_type_ids
        x = words + self.position_embeddings(position_ids) + self.token_type_embeddings(types)
        output: Tensor = self.dropout(self.LayerNorm(x))
        return output


class BottleneckLayer(nn.Module):
    """norm(dense(x)), narrow."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intra_bottleneck_size)
        self.LayerNorm = norm(config, config.intra_bottleneck_size, config.layer_norm_eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dense(hidden_states))
        return output


class Bottleneck(nn.Module):
    """What a block makes of the wide states."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        self.use_bottleneck_attention = config.use_bottleneck_attention
        self.input = BottleneckLayer(config)
        self.attention = BottleneckLayer(config) if config.key_query_shared_bottleneck else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, D) -> what queries and keys are made of, what values are, and the narrow states that the block adds to."""
        narrow = self.input(x)
        if self.use_bottleneck_attention:
            return narrow, narrow, narrow
        return x if self.attention is None else self.attention(x), x, narrow


class MobileBertSelfAttention(HasHeads):
    """Attention of a text to itself."""

    dropout_name = "dropout"
    query_name = "query"

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        size = config.true_hidden_size
        self.head_dim = size // config.num_attention_heads
        self.query, self.key = nn.Linear(size, size), nn.Linear(size, size)
        self.value = nn.Linear(size if config.use_bottleneck_attention else config.hidden_size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, values: Tensor) -> Tensor:
        """Queries and keys are made of x (B, T, D), values of `values` (B, T, D or wider)."""
        heads = (split_heads(states, self.head_dim) for states in (self.query(x), self.key(x), self.value(values)))
        return merge_heads(self.attend(*heads, mask))


class MobileBertAdd(nn.Module):
    """norm(dropout(dense(x)) + residual); without a rate, nothing drops."""

    def __init__(self, config: MobileBertConfig, size: int, output_size: int, dropout: float | None, eps: float) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(size, output_size), nn.Identity() if dropout is None else nn.Dropout(dropout)
        self.LayerNorm = norm(config, output_size, eps)

    def forward(self, hidden_states: Tensor, residual_tensor: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dropout(self.dense(hidden_states)) + residual_tensor)
        return output


class MobileBertAttention(nn.Module):
    """norm(narrow + dense(attention(x)))."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        size, dropout = config.true_hidden_size, None if config.use_bottleneck else config.hidden_dropout_prob
        self.self = MobileBertSelfAttention(config)
        self.output = MobileBertAdd(config, size, size, dropout, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, values: Tensor, narrow: Tensor) -> Tensor:
        output: Tensor = self.output(self.self(x, mask, cache, values=values), narrow)
        return output


class MobileBertIntermediate(nn.Module):
    """act(dense(x)), the inner layer of an MLP."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.true_hidden_size, config.intermediate_size)
        self.intermediate_act_fn = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.intermediate_act_fn(self.dense(hidden_states))


class FFNLayer(nn.Module):
    """norm(x + mlp(x)), narrow."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        self.intermediate = MobileBertIntermediate(config)
        self.output = MobileBertAdd(
            config, config.intermediate_size, config.true_hidden_size, dropout=None, eps=config.layer_norm_eps
        )

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.output(self.intermediate(hidden_states), hidden_states)
        return output


class MobileBertOutput(MobileBertAdd):
    """The end of the last MLP, and behind it what makes the states wide again and adds those that came in."""

    def __init__(self, config: MobileBertConfig) -> None:
        inner, rate = config.true_hidden_size, config.hidden_dropout_prob
        super().__init__(config, config.intermediate_size, inner, None if config.use_bottleneck else rate, eps=1e-5)
        wide = config.hidden_size
        self.bottleneck = MobileBertAdd(config, inner, wide, rate, config.layer_norm_eps) if config.use_bottleneck else None

    def forward(
        self, intermediate_states: Tensor, residual_tensor_1: Tensor, residual_tensor_2: Tensor | None = None
    ) -> Tensor:
        """The states of the last MLP, those before it, both narrow, and the wide ones that came in -> the next wide ones."""
        output = super().forward(intermediate_states, residual_tensor_1)
        return output if self.bottleneck is None else self.bottleneck(output, residual_tensor_2)


class MobileBertLayer(Layer):
    """Wide states become narrow, attend, go through the MLPs one after another, and become wide again."""

    def __init__(self, config: MobileBertConfig, layer_idx: int = 0) -> None:
        super().__init__()
        self.attention = MobileBertAttention(config)
        self.intermediate = MobileBertIntermediate(config)
        self.output = MobileBertOutput(config)
        self.bottleneck = Bottleneck(config) if config.use_bottleneck else None
        self.ffn = nn.ModuleList(FFNLayer(config) for _ in range(config.num_feedforward_networks - 1))

    def forward(self, x: Tensor, mask: Mask | None = None, cache: Any = None) -> Tensor:
        asking, values, narrow = (x, x, x) if self.bottleneck is None else self.bottleneck(x)
        narrow = self.attention(asking, mask, cache, values=values, narrow=narrow)
        for mlp in self.ffn:
            narrow = mlp(narrow)
        output: Tensor = self.output(self.intermediate(narrow), narrow, x)
        return output


class MobileBertPooler(nn.Module):
    """The state of the first token, with `classifier_activation` through tanh(dense(x))."""

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size) if config.classifier_activation else None

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, D). With `padding` (B, T), True where real, of the first real token of each row."""
        first = first_state(x, padding)
        return first if self.dense is None else torch.tanh(self.dense(first))


class MobileBertModel(BertPreTrainedModel, WordEncoder):
    """The encoder without a head; with `add_pooling_layer` it also gives `pooler_output`."""

    one_text_a_row = "the embedding of a token holds those of its neighbours"
    config: MobileBertConfig

    def __init__(self, config: MobileBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = MobileBertEmbeddings(config)
        self.encoder = EncoderStack(config, MobileBertLayer)
        self.pooler = MobileBertPooler(config) if add_pooling_layer else None


class MobileBertPredictionHeadTransform(PredictionHeadTransform):
    """norm(act(dense(x))), as wide as the states."""

    narrows = False


class FurtherColumns(Starting):
    """x @ weight: columns of a table of words, stored the other way round."""

    def __init__(self, size: int, vocab_size: int, deviation: float) -> None:
        super().__init__()
        self.weight, self.starts = nn.Parameter(torch.empty(size, vocab_size)), {"weight": normal(deviation)}

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) -> (..., V)."""
        return x @ self.weight


class MobileBertLMPredictionHead(LMPredictionHead):
    """Logits of a table of words whose first columns (`decoder`) are the embeddings, and the others those of `dense`."""

    transform_class = MobileBertPredictionHeadTransform

    def __init__(self, config: MobileBertConfig) -> None:
        super().__init__(config)
        self.sizes = (config.embedding_size, config.hidden_size - config.embedding_size)
        self.dense = FurtherColumns(self.sizes[1], config.vocab_size, config.initializer_range)
        put_last(self, "decoder")

    def forward(self, hidden_states: Tensor) -> Tensor:
        words, others = self.transform(hidden_states).split(self.sizes, dim=-1)
        output: Tensor = self.decoder(words) + self.dense(others)
        return output


class MobileBertLanguageHead(BertLanguageHead):
    """The vocabulary head, in part tied to the words."""

    predictions_class = MobileBertLMPredictionHead
    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "mobilebert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        # Further columns grow as a bias does, by zeros for new words.
        return [*super().vocabulary_biases(), (self.get_submodule("cls.predictions.dense"), "weight")]
