"""The classes of Reformer, over its `attention.py` and `layers.py`. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...cache.base import Cache
from ...core.errors import ConfigError, InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import Headed, classifier_dropout
from ...modeling.heads.language import LanguageHead
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import VectorClassifier
from ...modeling.recording import Stack
from ...nn.init import Starting, constant
from ...nn.inputs import check_companion, one_of
from ...nn.layer import in_chunks
from ...nn.masks import Mask, make_mask, positions
from ...nn.pooling import first_state
from . import ReformerConfig
from .attention import ChunkMask
from .cache import ReformerDynamicCache, cache_of
from .layers import ReformerEmbeddings, ReformerEncoder


@dataclass
class ReformerModelOutput(ModelOutput):
    """`last_hidden_state` (B, T, 2 * D), of both streams; `past_buckets_states`, which the next token goes on from;
    `hidden_states` L + 1 of the second stream, in whole chunks; `attentions` L, of chunks: (B, H, chunks, C, keys)."""

    last_hidden_state: Tensor | None = None
    past_buckets_states: ReformerDynamicCache | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None

    @property
    def past_key_values(self) -> Cache | None:
        """What holds the same, under the name that it has in other families."""
        return None if self.past_buckets_states is None else self.past_buckets_states.cache


@dataclass
class ReformerModelWithLMHeadOutput(ModelOutput):
    """`loss` of the labels; `logits` (B, T, V); the others as in `ReformerModelOutput`."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_buckets_states: ReformerDynamicCache | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    past_key_values = ReformerModelOutput.past_key_values


class ReformerPreTrainedModel(PreTrainedModel):
    """What all Reformer classes share."""

    config_class = ReformerConfig
    base_model_prefix = "reformer"
    stacks = {"": Stack("encoder.layers")}
    kernels = ("eager",)  # it needs the sums of the scores
    _no_split_modules = ["ReformerLayer"]
    one_text_a_row = "tokens are sorted into buckets over the whole row"
    config: ReformerConfig


class ReformerModel(ReformerPreTrainedModel):
    """The layers without a head, looking back only with `config.is_decoder`."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__(config)
        if not config.attn_layers:
            raise ConfigError("ReformerConfig: attn_layers is empty; expected 'local' or 'lsh' for each layer")
        self.embeddings, self.encoder = ReformerEmbeddings(config), ReformerEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        num_hashes: int | None = None,
        past_buckets_states: Any = None,
        use_cache: bool | None = None,
        past_key_values: Any = None,
    ) -> ReformerModelOutput:
        """Args:
            attention_mask: (B, past + T), 0 for padding. position_ids: (B or 1, T).
            num_hashes: rounds of hashing; None for what the config says.
            past_buckets_states: of an earlier output, which the text goes on from. past_key_values: what holds the same.

        Raises:
            InputError: an input does not fit the others.
        """
        one_of(input_ids, inputs_embeds)
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if num_hashes is not None and (not isinstance(num_hashes, int) or num_hashes < 1):
            raise InputError(f"num_hashes is {num_hashes!r:.60}; expected how many rounds of hashing, 1 or more")
        cache = self.start_cache(cache_of(past_buckets_states, past_key_values), use_cache)
        if attention_mask is not None and attention_mask.dim() == 4:
            raise InputError(
                "attention_mask has 4 dimensions, and what tokens see follows from chunks; expected (batch, tokens)"
            )
        length, seen = words.shape[1], 0 if cache is None else cache.get_seq_length()
        mask = make_mask(length, words.device, attention_mask, cache=cache, causal=self.config.is_decoder)
        if position_ids is None:
            position_ids = positions(attention_mask, length, seen, words.device)
        else:
            check_companion(position_ids, "position_ids", words.shape[:2])
        places = torch.atleast_2d(position_ids).expand(len(words), -1)
        if not seen:
            words, places, mask = self.in_whole_chunks(words, places, mask)
        x = self.encoder(self.embeddings(words, places), mask, cache, num_hashes=num_hashes)
        remembered = None if cache is None else ReformerDynamicCache(cache=cache)
        return ReformerModelOutput(last_hidden_state=x[:, :length], past_buckets_states=remembered)

    def in_whole_chunks(self, words: Tensor, places: Tensor, mask: Mask) -> tuple[Tensor, Tensor, Mask]:
        """A text (B, T, D) longer than the shortest chunk, its positions (B, T) and mask, with padding up to whole chunks."""
        sizes = {int(self.config.get(f"{kind}_attn_chunk_length")) for kind in set(self.config.attn_layers)}
        rows, length = words.shape[:2]
        count = -length % math.lcm(*sizes)
        if length <= min(sizes) or not count:
            return words, places, mask
        padding = torch.full((rows, count), self.config.pad_token_id or 0, device=words.device)
        words = torch.cat([words, self.embeddings.word_embeddings(padding)], dim=1)
        last = math.prod(self.config.axial_pos_shape) if self.config.axial_pos_embds else self.config.max_position_embeddings
        behind = torch.arange(length, length + count, device=words.device).clamp(max=last - 1).expand(rows, -1)
        real = words.new_ones(rows, length, dtype=torch.bool) if mask.padding is None else mask.padding.expand(rows, -1)
        whole = length + count
        return (
            words,
            torch.cat([places, behind], dim=1),
            ChunkMask(whole, whole, mask.device, mask.causal, padding=pad(real, (0, count)), length=length),
        )


class ReformerOnlyLMHead(Starting):
    """decoder(x) + bias, some positions at a time."""

    starts = {"bias": constant(0)}

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.seq_len_dim, self.chunk_size_lm_head = 1, config.chunk_size_lm_head
        self.decoder = nn.Linear(config.output_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, 2 * D) -> (B, T, V)."""
        return in_chunks(self.decoder, hidden_states, self.chunk_size_lm_head) + self.bias


class ReformerLanguageHead(LanguageHead, ReformerPreTrainedModel):
    """The vocabulary head under its published name, `lm_head`."""

    backbone_class = ReformerModel
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"lm_head\.decoder\.bias",  # a copy of lm_head.bias in older files
    ]

    def add_head(self, config: Any) -> None:
        self.lm_head = ReformerOnlyLMHead(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.lm_head(hidden)
        return logits

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head.decoder

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.lm_head, "bias")]


class ReformerModelWithLMHead(CausalLM, ReformerLanguageHead):
    """Reformer that continues a text."""

    output_class = ReformerModelWithLMHeadOutput

    def __init__(self, config: ReformerConfig) -> None:
        if not config.is_decoder:
            raise ConfigError("ReformerModelWithLMHead looks back only: pass is_decoder=True to its config")
        for kind in set(config.attn_layers):
            if config.get(f"{kind}_num_chunks_after"):
                raise ConfigError(f"{kind}_num_chunks_after is {config.get(f'{kind}_num_chunks_after')}; a decoder's is 0")
        super().__init__(config)

    def has_last_position(self) -> bool:
        return True

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """`CausalLM.generate`, which also goes on from the `past_buckets_states` of an output."""
        kwargs["past_key_values"] = cache_of(kwargs.pop("past_buckets_states", None), kwargs.get("past_key_values"))
        return super().generate(*args, **kwargs)


class Forgetful(Headed):
    """A head that needs no cache, so that none is filled unless one is asked for."""

    backbone_class = ReformerModel

    def run_backbone(self, *args: Any, **inputs: Any) -> Any:
        return super().run_backbone(*args, **{"use_cache": False, **inputs})


class ReformerForMaskedLM(MaskedLM, Forgetful, ReformerLanguageHead):
    """Reformer that fills in masked tokens."""

    def __init__(self, config: ReformerConfig) -> None:
        if config.is_decoder:
            raise ConfigError("ReformerForMaskedLM looks both ways: pass is_decoder=False to its config")
        super().__init__(config)


class ReformerClassificationHead(nn.Module):
    """out_proj(tanh(dense(x))), with dropout before both."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.output_size, config.hidden_size)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 * D) -> (B, N)."""
        output: Tensor = self.out_proj(self.dropout(torch.tanh(self.dense(self.dropout(x)))))
        return output


class ReformerForSequenceClassification(VectorClassifier, Forgetful, ReformerPreTrainedModel):
    """Reformer that classifies a text by its first token."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__(config)
        self.classifier = ReformerClassificationHead(config)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        logits: Tensor = self.classifier(first_state(output.last_hidden_state, real))
        return logits


class ReformerForQuestionAnswering(QuestionAnswering, Forgetful, ReformerPreTrainedModel):
    """Reformer that marks the answer to a question in a text."""
