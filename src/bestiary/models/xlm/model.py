"""The modules of XLM, top to bottom. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput, MaskedLMOutput
from ...generation.config import GenerationConfig
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.encoder import text_positions
from ...modeling.heads.beam_question_answering import BeamQuestionAnswering
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.multiple_choice import SummaryMultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import SummaryClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.stack import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.embeddings import LearnedPositions, alternating_sinusoids
from ...nn.init import start_usually
from ...nn.inputs import check_places, check_rows, one_of, shown
from ...nn.kernels import default_scaling
from ...nn.layer import in_chunks
from ...nn.masks import Mask, make_mask, real_tokens
from ...nn.packed import rows_are_packed
from ...nn.place_buffers import KeepsPlaces, PlaceBuffer
from . import XLMConfig


class MultiHeadAttention(HasHeads):
    """Attention of a text to itself."""

    query_name = "q_lin"

    def __init__(self, config: XLMConfig) -> None:
        super().__init__()
        size = config.emb_dim
        self.head_dim = size // config.n_heads
        self.q_lin, self.k_lin, self.v_lin, self.out_lin = (nn.Linear(size, size) for _ in range(4))
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any = None) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_lin, self.k_lin, self.v_lin))
        output: Tensor = self.out_lin(merge_heads(self.attend(query, key, value, mask)))
        return output


class TransformerFFN(nn.Module):
    """lin2(act(lin1(x)))."""

    def __init__(self, config: XLMConfig) -> None:
        super().__init__()
        self.dropout, self.seq_len_dim = config.dropout, 1
        self.chunk_size_feed_forward = config.chunk_size_feed_forward
        self.lin1, self.lin2 = nn.Linear(config.emb_dim, 4 * config.emb_dim), nn.Linear(4 * config.emb_dim, config.emb_dim)
        self.act = activation("gelu" if config.gelu_activation else "relu")

    def forward(self, input: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        output = in_chunks(lambda part: self.lin2(self.act(self.lin1(part))), input, self.chunk_size_feed_forward)
        return dropout(output, self.dropout, self.training)


class XLMPreTrainedModel(PreTrainedModel):
    """What all XLM classes share."""

    config_class = XLMConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("", states=("states",))}
    kind_starts = {
        nn.Embedding: lambda table, config: start_usually(table, config.embed_init_std),
        nn.Linear: lambda dense, config: start_usually(dense, config.init_std),
    }
    supports_gradient_checkpointing = False
    _no_split_modules = ["MultiHeadAttention", "TransformerFFN"]
    config: XLMConfig

    def check_padding(self, ids: Tensor) -> None:
        """Padding is hidden without a mask too."""


class XLMModel(KeepsPlaces, XLMPreTrainedModel):
    """The encoder without a head."""

    position_ids = PlaceBuffer()

    hidden_dim = Alias("ffns.0.lin1.out_features")
    n_heads, dropout, attention_dropout = Alias("config.n_heads"), Alias("config.dropout"), Alias("config.attention_dropout")

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        size, layers = config.emb_dim, range(config.n_layers)
        self.position_embeddings = LearnedPositions(config.max_position_embeddings, size)
        self.speaks = config.n_langs > 1 and config.use_lang_emb
        if self.speaks:
            self.lang_embeddings = nn.Embedding(config.n_langs, size)
        self.embeddings = nn.Embedding(config.vocab_size, size, config.padding_row)
        self.layer_norm_emb = nn.LayerNorm(size, config.layer_norm_eps)
        self.attentions = nn.ModuleList(MultiHeadAttention(config) for _ in layers)
        self.layer_norm1 = nn.ModuleList(nn.LayerNorm(size, config.layer_norm_eps) for _ in layers)
        self.ffns = nn.ModuleList(TransformerFFN(config) for _ in layers)
        self.layer_norm2 = nn.ModuleList(nn.LayerNorm(size, config.layer_norm_eps) for _ in layers)
        self.states = nn.Identity()
        if config.sinusoidal_embeddings:
            rows = alternating_sinusoids(config.max_position_embeddings, size)
            self.starts = {"position_embeddings.weight": lambda weight: weight.copy_(rows)}

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        langs: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        lengths: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding.

        Args:
            langs: (B, T), the language of each token. token_type_ids: (B, T), tokens whose embeddings are added.
            lengths: (B,), how many tokens of each row are real, where there is no mask; None counts those that are no padding.
        """
        one_of(input_ids, inputs_embeds)
        words: Any = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        real = self.real(words, input_ids, attention_mask, lengths)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = words + self.position_embeddings(position_ids)
        if langs is not None and self.speaks:
            x = x + self.lang_embeddings(self.of_tokens(langs, "langs", words, self.config.n_langs))
        if token_type_ids is not None:
            x = x + self.embeddings(self.of_tokens(token_type_ids, "token_type_ids", words, self.config.vocab_size))
        mask = make_mask(x.shape[1], x.device, real, causal=self.config.causal)
        rate = self.config.dropout
        x = self.shown(dropout(self.layer_norm_emb(x), rate, self.training), real)
        for attention, norm, ffn, last in zip(self.attentions, self.layer_norm1, self.ffns, self.layer_norm2, strict=True):
            x = norm(x + dropout(attention(x, mask), rate, self.training))
            x = self.shown(last(x + ffn(x)), real)
        return BaseModelOutput(last_hidden_state=x)

    def real(self, words: Tensor, ids: Tensor | None, mask: Any, lengths: Any) -> Tensor | None:
        """(B, T), True where tokens are no padding; None where all are."""
        (rows, length), pad = words.shape[:2], self.config.pad_token_id
        if mask is not None:
            if mask.shape != (rows, length):
                raise InputError(f"attention_mask is {shown(mask)}; expected a number for each token, {(rows, length)}")
            return real_tokens(mask)
        if lengths is None:
            if ids is None or pad is None or rows_are_packed():
                return None
            lengths = ids.ne(pad).sum(dim=1)
        counted = check_places(lengths, "lengths", (rows,), length + 1)
        return real_tokens(torch.arange(length, device=words.device) < counted[:, None])

    def of_tokens(self, numbers: Any, name: str, words: Tensor, count: int) -> Tensor:
        """`numbers` (B, T), rows of a table of so many.

        Raises:
            InputError: another shape, or no rows.
        """
        if not isinstance(numbers, Tensor) or numbers.shape not in (words.shape[:2], words.shape[1:2], (1, words.shape[1])):
            raise InputError(f"{name} is {shown(numbers)}; expected a number for each token, {tuple(words.shape[:2])}")
        check_rows(numbers, name, count)
        return numbers

    def shown(self, x: Tensor, real: Tensor | None) -> Tensor:
        """States (B, T, D), those of padding zero."""
        state: Tensor = self.states(x if real is None else x * real.unsqueeze(-1))
        return state


class XLMPredLayer(nn.Module):
    """Logits over the vocabulary."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(config.get("emb_dim"), config.get("vocab_size"))


class XLMWithLMHeadModel(CausalLM, XLMPreTrainedModel):
    """XLM that fills in masked tokens (labels are not shifted), and writes by filling in one behind the text."""

    backbone_class = XLMModel
    output_class: ClassVar[Any] = MaskedLMOutput
    loss_type, labels_are_shifted = "ForMaskedLM", False
    _tied_weights_keys = {"pred_layer.proj.weight": "transformer.embeddings.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        self.pred_layer = XLMPredLayer(config)

    def get_output_embeddings(self) -> nn.Module:
        return self.pred_layer.proj

    def generation_settings(self, *args: Any, **kwargs: Any) -> GenerationConfig:
        """As in every model, without a cache: the mask token changes all states."""
        settings = super().generation_settings(*args, **kwargs)
        settings.use_cache = False
        return settings

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor | None,
        is_first_iteration: bool = False,
        next_sequence_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The tokens with the mask token behind them, all in the language of the config."""
        kwargs = {name: value for name, value in kwargs.items() if name not in ("use_cache", "past_key_values", "position_ids")}
        kwargs.pop("token_type_ids", None)
        inputs = super().prepare_inputs_for_generation(input_ids, is_first_iteration, **kwargs)
        config, ids = self.config, inputs.get("input_ids")
        if ids is None or config.mask_token_id is None:
            raise InputError(
                "XLM writes behind input_ids, in the place of config.mask_token_id; pass the one and set the other"
            )
        inputs["input_ids"] = ids = nn.functional.pad(ids, (0, 1), value=config.mask_token_id)
        if (mask := inputs.get("attention_mask")) is not None:
            inputs["attention_mask"] = nn.functional.pad(mask, (0, 1), value=1)
        inputs["langs"] = torch.full_like(ids, config.lang_id)
        return inputs


class XLMForSequenceClassification(SummaryClassifier, XLMPreTrainedModel):
    """XLM that classifies a text or a pair of texts."""

    backbone_class = XLMModel


class XLMForTokenClassification(TokenClassifier, XLMPreTrainedModel):
    """XLM that labels each token."""

    backbone_class = XLMModel

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.dropout)


class XLMForMultipleChoice(SummaryMultipleChoice, XLMPreTrainedModel):
    """XLM that chooses among several continuations."""

    backbone_class, head_name = XLMModel, "logits_proj"


class XLMForQuestionAnsweringSimple(QuestionAnswering, XLMPreTrainedModel):
    """XLM that marks the answer to a question in a text."""

    backbone_class = XLMModel


class XLMForQuestionAnswering(BeamQuestionAnswering, XLMPreTrainedModel):
    """XLM that searches for the answer, and tells whether there is one."""

    backbone_class, head_name = XLMModel, "qa_outputs"
