"""The modules of Funnel above its attention, top to bottom. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput
from ...modeling.base import PreTrainedModel
from ...modeling.encoder import look_both_ways
from ...modeling.heads.headed import Headed
from ...modeling.heads.language import LanguageHead
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.replaced_tokens import ReplacedTokens, ReplacedTokensOutput
from ...modeling.heads.sequence_classification import VectorClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.stack import Stack
from ...nn.activations import activation
from ...nn.init import Starting, start_usually
from ...nn.layer import Layer
from ...nn.masks import Mask
from . import FunnelConfig
from .attention import Frame, FunnelRelMultiheadAttention, Places


class FunnelEmbeddings(Starting):
    """norm(word)."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.d_model, config.padding_row)
        self.layer_norm = nn.LayerNorm(config.d_model, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None) -> Tensor:
        """Tokens (B, T), or their embeddings (B, T, D), which count where there are both -> (B, T, D)."""
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        output: Tensor = self.dropout(self.layer_norm(words))
        return output


class Pooling:
    """How states and their places become half as many. The first state stays by itself where `separate_cls` says so."""

    def __init__(self, config: FunnelConfig) -> None:
        self.separate, self.cut, self.maximum = config.separate_cls, config.truncate_seq, config.pooling_type == "max"

    def pairs(self, x: Tensor) -> Tensor:
        """(..., T) with the first one twice, so that it is a pair of its own; with `truncate_seq` the last one is left out."""
        end = x.shape[-1] - self.cut
        return torch.cat([x[..., :1], x[..., :end]], dim=-1) if self.separate else x

    def states(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T', D): the mean, or the maximum, of each pair."""
        pool = F.max_pool1d if self.maximum else F.avg_pool1d
        return pool(self.pairs(x.transpose(1, 2)), 2, 2, ceil_mode=True).transpose(1, 2)

    def places(self, before: Places) -> Places:
        """The places of the pooled states: a pair is real where both of it are."""
        padding = before.padding
        if padding is not None:
            hidden = F.max_pool1d(self.pairs((~padding).float()), 2, 2, ceil_mode=True)
            padding = hidden == 0
        return Places(self.pairs(before.rows)[::2], before.counts, before.step, padding)

    def counts(self, before: list[int], block: int) -> list[int]:
        """The positions by which a block of this number tells distances: the first is as far from the others as they are."""
        if not self.separate:
            return before[::2]
        return [1 - 2**block, *before[1 : len(before) - self.cut : 2]]


class FunnelPositionwiseFFN(nn.Module):
    """norm(x + mlp(x))."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(config.d_model, config.d_inner)
        self.activation_function = activation(config.hidden_act)
        self.activation_dropout = nn.Dropout(config.activation_dropout)
        self.linear_2 = nn.Linear(config.d_inner, config.d_model)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layer_norm = nn.LayerNorm(config.d_model, config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        inner = self.activation_dropout(self.activation_function(self.linear_1(hidden)))
        output: Tensor = self.layer_norm(hidden + self.dropout(self.linear_2(inner)))
        return output


class FunnelLayer(Layer):
    """Attention, then an MLP, a norm behind each."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        self.attention = FunnelRelMultiheadAttention(config)
        self.ffn = FunnelPositionwiseFFN(config)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, frame: Frame, memory: Tensor | None = None) -> Tensor:
        output: Tensor = self.ffn(self.attention(x, mask, cache, frame=frame, memory=memory))
        return output


def run(layer: nn.Module, x: Tensor, frame: Frame, memory: Tensor | None = None) -> Tensor:
    """A layer over x (B, T, D), which looks at what is real."""
    keys = frame.keys
    mask = Mask(len(frame.queries.rows), len(keys.rows), x.device, padding=keys.padding)
    output: Tensor = layer(x, mask, None, frame=frame, memory=memory)
    return output


class FunnelEncoder(nn.Module):
    """The blocks, each half as long as the one before it. What passes `states` are the hidden states."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        self.pooling, self.repeats = Pooling(config), config.block_repeats or ()
        self.pool_q_only, self.first_size = config.pool_q_only, config.block_sizes[0]
        self.blocks = nn.ModuleList(nn.ModuleList(FunnelLayer(config) for _ in range(size)) for size in config.block_sizes)
        self.states = nn.Identity()

    def forward(self, x: Tensor, places: Places, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, T, D) -> the states of the last block (B, T', D), and those of the first (B, T, D)."""
        x = first = self.states(x)
        counts, runs = places.counts, 0
        for number, layers in enumerate(self.blocks.children()):
            before, memory = places, None
            if number:
                counts = self.pooling.counts(counts, number)
                pools = x.shape[1] > (2 if self.pooling.separate else 1)
                if pools:
                    memory, x, places = (x if self.pool_q_only else None), self.pooling.states(x), self.pooling.places(places)
                if len(counts) == x.shape[1]:  # else the text is too short for another half
                    places = Places(places.rows, counts, 2**number, places.padding)
            for layer in layers.children():
                for _ in range(self.repeats[number]):
                    frame = Frame(places, places if memory is None else before, segments)
                    x, memory, runs = self.states(run(layer, x, frame, memory)), None, runs + 1
                    if runs == self.first_size:  # as published, where layers of the first block run more than once too
                        first = x
        return x, first


class FunnelDecoder(nn.Module):
    """A state for each token again: those of the last block, repeated, and of the first, through a few more layers."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        self.stride, self.separate = 2 ** (config.num_blocks - 1), config.separate_cls
        self.cut = config.truncate_seq
        self.layers = nn.ModuleList(FunnelLayer(config) for _ in range(config.num_decoder_layers))
        self.states = nn.Identity()

    def forward(self, last: Tensor, first: Tensor, places: Places, segments: Tensor) -> Tensor:
        """last (B, T', D), first (B, T, D) -> (B, T, D)."""
        x = self.states(self.repeated(last, first.shape[1]) + first)
        for layer in self.layers:
            x = self.states(run(layer, x, Frame(places, places, segments)))
        output: Tensor = x
        return output

    def repeated(self, x: Tensor, length: int) -> Tensor:
        """(B, T', D) -> (B, length, D); the first state is not repeated where it was kept apart."""
        if self.stride == 1:
            return x
        if not self.separate:
            return x.repeat_interleave(self.stride, dim=1)[:, :length]
        others = x[:, 1:].repeat_interleave(self.stride, dim=1)
        if self.cut:
            others = F.pad(others, (0, 0, 0, self.stride - 1))
        return torch.cat([x[:, :1], others[:, : length - 1]], dim=1)


def start_dense(dense: nn.Linear, config: FunnelConfig) -> None:
    """A deviation by both widths, where the config has none."""
    usual = math.sqrt(1.0 / (dense.in_features + dense.out_features))
    start_usually(dense, usual if config.initializer_std is None else config.initializer_std)


ENCODER = {"": Stack("encoder.blocks", states=("encoder.states",))}


class FunnelPreTrainedModel(PreTrainedModel):
    """What all Funnel classes share."""

    config_class = FunnelConfig
    base_model_prefix = "funnel"
    stacks = {"": Stack("", states=("encoder.states", "decoder.states"))}
    one_text_a_row = "neighbouring tokens are pooled"
    kind_starts = {
        nn.Linear: start_dense,
        nn.Embedding: lambda table, config: start_usually(
            table, 1.0 if config.initializer_std is None else config.initializer_std
        ),
    }
    _no_split_modules = ["FunnelEmbeddings", "FunnelLayer"]
    config: FunnelConfig


class FunnelBaseModel(FunnelPreTrainedModel):
    """The encoder without a head; its states are as many as those of the last block."""

    stacks = ENCODER
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^decoder\."]

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__(config)
        self.embeddings = FunnelEmbeddings(config)
        self.encoder = FunnelEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, token_type_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding.

        position_ids are taken, as published, and have no effect: distances are counted.
        """
        x, places, segments = self.begin(input_ids, attention_mask, token_type_ids, inputs_embeds)
        return BaseModelOutput(last_hidden_state=self.encoder(x, places, segments)[0])

    def begin(
        self, ids: Tensor | None, attention_mask: Tensor | None, segments: Tensor | None, words: Tensor | None
    ) -> tuple[Tensor, Places, Tensor]:
        """The embeddings (B, T, D), where they stand, and their segments (B, T)."""
        if attention_mask is not None and attention_mask.dim() != 2:
            raise InputError(
                f"attention_mask has shape {tuple(attention_mask.shape)}; expected (batch, tokens): pairs are pooled"
            )
        words, mask = look_both_ways(self.embeddings.word_embeddings, ids, attention_mask, words)
        length = words.shape[1]
        if segments is None:
            segments = torch.zeros(words.shape[:2], dtype=torch.long, device=words.device)
        places = Places(torch.arange(length, device=words.device), list(range(length)), 1, mask.padding)
        return self.embeddings(ids, words), places, segments.expand(len(words), -1)


class FunnelModel(FunnelBaseModel):
    """The same with a state for each token."""

    stacks = FunnelPreTrainedModel.stacks
    _alternatives = (FunnelBaseModel,)
    _keys_to_ignore_on_load_unexpected = PreTrainedModel._keys_to_ignore_on_load_unexpected

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__(config)
        self.decoder = FunnelDecoder(config)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, token_type_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        x, places, segments = self.begin(input_ids, attention_mask, token_type_ids, inputs_embeds)
        last, first = self.encoder(x, places, segments)
        return BaseModelOutput(last_hidden_state=self.decoder(last, first, places, segments))


class FunnelClassificationHead(nn.Module):
    """linear_out(dropout(tanh(linear_hidden(x))))."""

    def __init__(self, config: FunnelConfig, labels: int) -> None:
        super().__init__()
        self.linear_hidden = nn.Linear(config.d_model, config.d_model)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.linear_out = nn.Linear(config.d_model, labels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        output: Tensor = self.linear_out(self.dropout(torch.tanh(self.linear_hidden(x))))
        return output


@dataclass
class FunnelForPreTrainingOutput(ReplacedTokensOutput):
    """The published name of `ReplacedTokensOutput`."""


class FunnelForPreTraining(ReplacedTokens, FunnelPreTrainedModel):
    """Funnel that tells which tokens were replaced."""

    backbone_class = FunnelModel
    output_class = FunnelForPreTrainingOutput


class FunnelForMaskedLM(MaskedLM, LanguageHead, FunnelPreTrainedModel):
    """Funnel that fills in masked tokens."""

    backbone_class = FunnelModel
    lm_head_bias = True
    _tied_weights_keys = {"lm_head.weight": "funnel.embeddings.word_embeddings.weight"}


class FromEncoder(Headed):
    """A head on the encoder alone; files of the whole model hold a decoder too."""

    backbone_class = FunnelBaseModel
    stacks = ENCODER
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^funnel\.decoder\."]


class FunnelForSequenceClassification(FromEncoder, VectorClassifier, FunnelPreTrainedModel):
    """Funnel that classifies a text or a pair of texts."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__(config)
        self.classifier = FunnelClassificationHead(config, config.num_labels)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(output.last_hidden_state[:, 0])
        return result


class FunnelForMultipleChoice(FromEncoder, MultipleChoice, FunnelPreTrainedModel):
    """Funnel that chooses among several continuations."""

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__(config)
        del self.dropout
        self.classifier = FunnelClassificationHead(config, 1)

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        state: Tensor = output.last_hidden_state[:, 0]
        return state


class FunnelForTokenClassification(TokenClassifier, FunnelPreTrainedModel):
    """Funnel that labels each token."""

    backbone_class = FunnelModel


class FunnelForQuestionAnswering(QuestionAnswering, FunnelPreTrainedModel):
    """Funnel that marks the answer to a question in a text."""

    backbone_class = FunnelModel
