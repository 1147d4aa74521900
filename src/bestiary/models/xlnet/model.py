"""The modules of XLNet above its attention, top to bottom. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.heads.beam_question_answering import BeamQuestionAnswering
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.multiple_choice import SummaryMultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import SummaryClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.segment_memory import MemoryLogits, MemoryModelOutput, cached_memory, given_memory, keep_memory, remembered
from ...modeling.stack import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.init import normal
from ...nn.inputs import one_of, shown
from ...nn.layer import Layer, in_chunks
from ...nn.masks import Mask
from ...nn.relative import distance_waves
from . import XLNetConfig
from .attention import Frame, XLNetRelativeAttention

SEEN_AGAIN = 2  # states that a step of generation computes anew: of the token before the newest one, and of the dummy


@dataclass
class XLNetQuestionAnsweringSimpleOutput(ModelOutput):
    """Logits of the first and last token of an answer (B, T), and what the next segment looks at."""

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    mems: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class XLNetQuestionAnsweringOutput(ModelOutput):
    """`BeamQuestionAnsweringOutput`, and what the next segment looks at."""

    loss: Tensor | None = None
    start_top_log_probs: Tensor | None = None
    start_top_index: Tensor | None = None
    end_top_log_probs: Tensor | None = None
    end_top_index: Tensor | None = None
    cls_logits: Tensor | None = None
    mems: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class XLNetFeedForward(nn.Module):
    """norm(x + mlp(x))."""

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.d_model, config.layer_norm_eps)
        self.layer_1, self.layer_2 = nn.Linear(config.d_model, config.d_inner), nn.Linear(config.d_inner, config.d_model)
        self.dropout, self.activation_function = nn.Dropout(config.dropout), activation(config.ff_activation)

    def forward(self, inp: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        inner = self.dropout(self.activation_function(self.layer_1(inp)))
        output: Tensor = self.layer_norm(inp + self.dropout(self.layer_2(inner)))
        return output


class XLNetLayer(Layer):
    """Attention of both streams, then an MLP, a norm behind each."""

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        self.chunk_size_feed_forward = config.chunk_size_feed_forward
        self.rel_attn, self.ff = XLNetRelativeAttention(config), XLNetFeedForward(config)
        self.dropout, self.seq_len_dim = nn.Dropout(config.dropout), 1

    def forward(
        self, x: Tensor, mask: Mask | None, *, frame: Frame, memory: Tensor | None = None, queries: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        x, queries = self.rel_attn(x, mask, frame=frame, memory=memory, queries=queries)
        if queries is not None:
            queries = in_chunks(self.ff, queries, self.chunk_size_feed_forward)
        return in_chunks(self.ff, x, self.chunk_size_feed_forward), queries


class XLNetPreTrainedModel(PreTrainedModel):
    """What all XLNet classes share."""

    config_class = XLNetConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("layer", states=("states",), streams=True)}
    _no_split_modules = ["XLNetLayer"]
    one_text_a_row = "its places are counted from the end of the row, and it remembers rows"
    config: XLNetConfig


class XLNetModel(XLNetPreTrainedModel):
    """The layers without a head."""

    d_model = Alias("config.d_model")

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.word_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.mask_emb = nn.Parameter(torch.zeros(1, 1, config.d_model))
        self.layer = nn.ModuleList(XLNetLayer(config) for _ in range(config.n_layer))
        self.dropout, self.states = nn.Dropout(config.dropout), nn.Identity()
        self.starts = {"mask_emb": normal(config.initializer_range)}

    def get_input_embeddings(self) -> nn.Module:
        return self.word_embedding

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        mems: Any = None,
        perm_mask: Tensor | None = None,
        target_mapping: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        input_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_mems: bool | None = None,
        past_key_values: Any = None,
    ) -> MemoryModelOutput:
        """Args:
            attention_mask: (B, T), or (B, M + T) over what is remembered too, 0 for padding. input_mask: 1 for padding.
            mems: (M, B, D) for each layer, what is remembered. use_mems: whether to give them; None does what the config says.
            perm_mask: (B, T, T), 1 where the first token does not look at the second.
            target_mapping: (B, P, T), 1 where a prediction is of a token, which it then does not see: the states are these P.
            token_type_ids: (B, T), the segments; what is remembered is of segment 0.
            past_key_values: the cache of a generation, in place of `mems`; the newest two of its states are computed anew.

        Raises:
            InputError: an input does not fit the tokens.
        """
        one_of(input_ids, inputs_embeds)
        words: Any = self.word_embedding(input_ids) if inputs_embeds is None else inputs_embeds
        if past_key_values is None:
            memory = given_memory(mems, len(self.layer), words)
        else:
            kept = cached_memory(past_key_values, len(self.layer), words)
            memory = None if kept is None else [states[:, :-SEEN_AGAIN] for states in kept]
        seen = 0 if memory is None else memory[0].shape[1]
        rows, length = words.shape[:2]
        if past_key_values is not None and attention_mask is not None:
            attention_mask = attention_mask[..., -(seen + length) :]  # `mem_len` dropped what was before
        mask, query_mask = self.masks(words, seen, self.real(words, seen, attention_mask, input_mask), perm_mask)
        targets = None if target_mapping is None else _pairs(target_mapping, "target_mapping", rows, length).to(words.dtype)
        places = self.dropout(self.places(length, seen, rows, words.device))
        frame = Frame(places, _same_segment(token_type_ids, seen, rows), mask, query_mask, targets)
        x, queries = self.states(self.dropout(words)), None
        if targets is not None:
            queries = self.states(self.dropout(self.mask_emb.expand(rows, targets.shape[1], -1)))
        keeps, new = self.keeps_memory(use_mems), []
        for index, layer in enumerate(self.layer):
            past = None if memory is None else memory[index]
            if keeps:
                newest = x[:, : self.config.reuse_len] if self.config.reuse_len else x
                new.append(remembered(newest, past, self.config.mem_len or None))
            x, queries = layer(x, mask, frame=frame, memory=past, queries=queries)
            x, queries = self.states(x), None if queries is None else self.states(queries)
        if past_key_values is not None and keeps:
            keep_memory(past_key_values, new)
        output = self.dropout(x if queries is None else queries)
        return MemoryModelOutput(output, tuple(states.transpose(0, 1) for states in new) if keeps else None)

    def keeps_memory(self, use_mems: bool | None) -> bool:
        """Whether a forward gives what the next one looks at; None for what the config says."""
        usual = self.config.use_mems_train if self.training else self.config.use_mems_eval
        return usual if use_mems is None else use_mems

    def real(self, words: Tensor, seen: int, mask: Tensor | None, padding: Tensor | None) -> Tensor | None:
        """(B, seen + T), True where tokens are real, from the mask or its opposite; what is remembered is, unless it says."""
        if mask is not None and padding is not None:
            raise InputError("attention_mask (0 for padding) and input_mask (1 for padding) say the same; pass one of them")
        if mask is None and padding is None:
            return None
        name, value = ("attention_mask", mask) if mask is not None else ("input_mask", padding)
        rows, length = words.shape[:2]
        if not isinstance(value, Tensor) or value.is_complex() or value.shape not in ((rows, length), (rows, seen + length)):
            raise InputError(f"{name} is {shown(value)}; expected a number for each token, of shape {(rows, length)}")
        real = value != 0 if mask is not None else value == 0
        return nn.functional.pad(real, (seen + length - real.shape[1], 0), value=True)

    def masks(self, words: Tensor, seen: int, real: Tensor | None, hidden: Any) -> tuple[Mask | None, Mask | None]:
        """What the stream of contents sees, always itself too, and what that of queries sees."""
        (rows, length), config = words.shape[:2], self.config
        frame = Mask(length, seen + length, words.device, padding=real)
        if config.attn_type == "uni":
            frame.causal, frame.first_query, frame.window = True, seen, seen + 1 if config.same_length else None
        if hidden is not None:
            order = _pairs(hidden, "perm_mask", rows, length) > 0
            frame.dense = nn.functional.pad(~order, (seen, 0), value=True)[:, None]
        allowed = frame.allowed()
        if allowed is None:
            return None, None
        itself = torch.eye(length, dtype=torch.bool, device=words.device)
        allowed = allowed | nn.functional.pad(itself, (seen, 0), value=False)
        return Mask(length, seen + length, words.device, dense=allowed), frame

    def places(self, length: int, seen: int, rows: int, device: torch.device) -> Tensor:
        """(1 or B, count, D), the distances of a pass as waves, from the greatest on."""
        last = -length if self.config.attn_type == "bi" else -1
        forward = distance_waves(seen + length, last, self.config.d_model, self.config.clamp_len, device)
        if not self.config.bi_data:
            return forward[None]
        if rows % 2:
            raise InputError(
                f"a batch has {rows} rows; with bi_data half of them is read backwards, so expected an even number"
            )
        sines, cosines = forward.chunk(2, dim=-1)
        backward = torch.cat([-sines, cosines], dim=-1)
        return torch.stack([forward, backward]).repeat_interleave(rows // 2, dim=0)


def _pairs(value: Any, name: str, rows: int, length: int) -> Tensor:
    """`value`, if it is numbers for pairs of tokens."""
    if not isinstance(value, Tensor) or value.is_complex() or value.dim() != 3:
        raise InputError(f"{name} is {shown(value)}; expected numbers of shape ({rows}, tokens, {length})")
    if value.shape[0] != rows or value.shape[2] != length or (name == "perm_mask" and value.shape[1] != length):
        raise InputError(f"{name} has shape {tuple(value.shape)}; expected ({rows}, tokens, {length})")
    return value


def _same_segment(segments: Tensor | None, seen: int, rows: int) -> Tensor | None:
    if segments is None:
        return None
    segments = segments.expand(rows, -1)
    return (segments[:, :, None] == nn.functional.pad(segments, (seen, 0))[:, None, :])[:, None]


class XLNetLMHeadModel(CausalLM, XLNetPreTrainedModel):
    """XLNet that predicts the tokens of `target_mapping`, of which the labels are (they are not shifted), or writes a text."""

    backbone_class = XLNetModel
    output_class = MemoryLogits
    head_name, lm_head_bias, loss_type = "lm_loss", True, "ForMaskedLM"
    labels_are_shifted = False
    _tied_weights_keys = {"lm_loss.weight": "transformer.word_embedding.weight"}

    def context_length(self) -> None:
        return None

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor | None,
        is_first_iteration: bool = False,
        next_sequence_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """A dummy stands at the end, which no token sees and the stream of queries predicts.

        With memory the token before the new ones runs again, as published. Without it (`use_cache=False`, or `use_mems=False`)
        all of them do, and see what came later: the numbers of a forward over the whole text. The published `generate` keeps
        its memory whatever `use_cache` says, and goes without it by `use_mems=False` alone.
        """
        inputs = super().prepare_inputs_for_generation(input_ids, is_first_iteration, next_sequence_length, **kwargs)
        backbone: Any = self.base_model
        table, cache, ids = self.get_input_embeddings(), inputs.get("past_key_values"), inputs.pop("input_ids", None)
        words = table(ids) if ids is not None else inputs["inputs_embeds"]
        if inputs.pop("use_cache", None) is False:
            inputs["use_mems"] = False
        if cache is not None:
            again = cache.get_seq_length()
            again = min(again, 1) if backbone.keeps_memory(inputs.get("use_mems")) else again
            first, *others = (recurrent_layer(cache, index, words.device) for index in range(len(backbone.layer)))
            for layer in others:
                layer.count(words.shape[1])
            words = first.update_conv_state(words.mT, again + words.shape[1]).mT
        rows, length = words.shape[0], words.shape[1] + 1
        inputs["inputs_embeds"] = torch.cat([words, table(words.new_zeros(rows, 1, dtype=torch.long))], dim=1)
        inputs["perm_mask"] = words.new_zeros(rows, length, length)
        inputs["target_mapping"] = words.new_zeros(rows, 1, length)
        inputs["perm_mask"][:, :, -1] = inputs["target_mapping"][:, :, -1] = 1
        if (mask := inputs.get("attention_mask")) is not None:
            inputs["attention_mask"] = nn.functional.pad(mask, (0, 1), value=1)
        if (segments := inputs.get("token_type_ids")) is not None:
            before, after = segments[:, :1].expand(-1, length - 1 - segments.shape[1]), segments[:, -1:]
            inputs["token_type_ids"] = torch.cat([before, segments, after], dim=1)
        return inputs


class XLNetForSequenceClassification(SummaryClassifier, XLNetPreTrainedModel):
    """XLNet that classifies a text or a pair of texts."""

    backbone_class, head_name = XLNetModel, "logits_proj"
    output_class: ClassVar[Any] = MemoryLogits


class XLNetForTokenClassification(TokenClassifier, XLNetPreTrainedModel):
    """XLNet that labels each token."""

    backbone_class, default_dropout = XLNetModel, 0.0
    output_class: ClassVar[Any] = MemoryLogits


class XLNetForMultipleChoice(SummaryMultipleChoice, XLNetPreTrainedModel):
    """XLNet that chooses among several continuations."""

    backbone_class, head_name = XLNetModel, "logits_proj"
    output_class: ClassVar[Any] = MemoryLogits


class XLNetForQuestionAnsweringSimple(QuestionAnswering, XLNetPreTrainedModel):
    """XLNet that marks the answer to a question in a text."""

    backbone_class = XLNetModel
    output_class: ClassVar[Any] = XLNetQuestionAnsweringSimpleOutput


class XLNetForQuestionAnswering(BeamQuestionAnswering, XLNetPreTrainedModel):
    """XLNet that searches for the answer, and tells whether there is one."""

    backbone_class = XLNetModel
    output_class: ClassVar[Any] = XLNetQuestionAnsweringOutput
