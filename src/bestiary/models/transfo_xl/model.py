"""The modules of Transformer-XL, top to bottom. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...core.errors import InputError
from ...core.logging import warn_once
from ...core.outputs import ModelOutput, Tensors
from ...generation.config import GenerationConfig
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import recorded
from ...modeling.heads.language import select_positions
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.resizing import new_size, resize_bias, resize_table
from ...modeling.segment_memory import (
    MemoryLogits,
    MemoryModelOutput,
    cached_memory,
    given_memory,
    keep_memory,
    remembered,
)
from ...modeling.stack import Stack
from ...nn.adaptive import AdaptiveEmbedding, ProjectedAdaptiveLogSoftmax
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.init import Start, normal, uniform
from ...nn.inputs import one_of
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.losses import IGNORE
from ...nn.masks import Mask
from ...nn.relative import distance_waves, relative_shift
from ...nn.values import is_true
from . import TransfoXLConfig


@dataclass
class TransfoXLLMHeadModelOutput(ModelOutput):
    """`losses` (B, T - 1) of each label but the first, 0 for -100; log probabilities `prediction_scores` (B, T, V), which are
    not computed where there are labels; what the next segment looks at; `loss`, the mean of the losses."""

    losses: Tensor | None = None
    prediction_scores: Any | None = None
    mems: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    loss: Tensor | None = None

    @property
    def logits(self) -> Any:
        """The same as `prediction_scores`."""
        return self.prediction_scores


class PositionwiseFF(nn.Module):
    """norm(x + mlp(x)), or x + mlp(norm(x))."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        self.pre_lnorm = config.pre_lnorm
        self.CoreNet = nn.Sequential(
            nn.Linear(config.d_model, config.d_inner),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.d_inner, config.d_model),
            nn.Dropout(config.dropout),
        )
        self.layer_norm = nn.LayerNorm(config.d_model, config.layer_norm_epsilon)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        output: Tensor = x + self.CoreNet(self.layer_norm(x) if self.pre_lnorm else x)
        return output if self.pre_lnorm else self.layer_norm(output)


class RelPartialLearnableMultiHeadAttn(HasHeads):
    """Attention to the text and to what is remembered, whose scores also know the distance (section 3.3)."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        size, inner, self.head_dim = config.d_model, config.n_head * config.d_head, config.d_head
        self.pre_lnorm = config.pre_lnorm
        self.qkv_net = nn.Linear(size, 3 * inner, bias=False)
        self.drop = nn.Dropout(config.dropout)
        self.o_net = nn.Linear(inner, size, bias=False)
        self.layer_norm = nn.LayerNorm(size, config.layer_norm_epsilon)
        self.r_r_bias, self.r_w_bias = (nn.Parameter(torch.zeros(config.n_head, config.d_head)) for _ in range(2))
        self.r_net = nn.Linear(size, inner, bias=False)
        self.attend = Attend(default_scaling(self.head_dim), config.dropatt)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.o_net.in_features, self.o_net.out_features

    def forward(self, x: Tensor, mask: Mask, *, places: Tensor, memory: Tensor | None = None) -> Tensor:
        """x (B, T, D) behind the memory (B, M, D); places (1, S + 1, D), the distances from S = M + T on -> (B, T, D)."""
        source = x if memory is None else torch.cat([memory, x], dim=1)
        heads = self.qkv_net(self.layer_norm(source) if self.pre_lnorm else source)
        query, key, value = (split_heads(part, self.head_dim) for part in heads.chunk(3, dim=-1))
        query = query[:, :, -x.shape[1] :]
        by_distance = (query + self.r_r_bias[:, None]) @ split_heads(self.r_net(places), self.head_dim).mT
        bias = relative_shift(by_distance, key.shape[2], 1) * self.attend.scoring.scaling
        mixed = self.attend(query + self.r_w_bias[:, None], key, value, mask, bias)
        output: Tensor = x + self.drop(self.o_net(merge_heads(mixed)))
        return output if self.pre_lnorm else self.layer_norm(output)


class RelPartialLearnableDecoderLayer(Layer):
    """Attention, then an MLP."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        self.dec_attn, self.pos_ff = RelPartialLearnableMultiHeadAttn(config), PositionwiseFF(config)

    def forward(self, x: Tensor, mask: Mask, *, places: Tensor, memory: Tensor | None = None) -> Tensor:
        output: Tensor = self.pos_ff(self.dec_attn(x, mask, places=places, memory=memory))
        return output


def start_of(config: TransfoXLConfig) -> Start:
    """What all weights start with but those of norms and projections of words."""
    return uniform(config.init_range) if config.init == "uniform" else normal(config.init_std)


def start_dense(dense: nn.Linear | nn.Embedding, config: TransfoXLConfig) -> None:
    """Starting values of a linear layer or a table."""
    start_of(config)(dense.weight)
    if isinstance(dense, nn.Linear) and dense.bias is not None:
        dense.bias.zero_()


def start_norm(norm: nn.LayerNorm, config: TransfoXLConfig) -> None:
    """Starting values of a norm: weights are around 1."""
    norm.weight.normal_(1.0, config.init_std)
    norm.bias.zero_()


class TransfoXLPreTrainedModel(PreTrainedModel):
    """What all Transformer-XL classes share."""

    config_class = TransfoXLConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("layers", states=("states",))}
    one_text_a_row = "it remembers the rows before"
    kind_starts = {nn.Embedding: start_dense, nn.Linear: start_dense, nn.LayerNorm: start_norm}
    _no_split_modules = ["RelPartialLearnableDecoderLayer"]
    _keys_to_ignore_on_load_unexpected = [r"pos_emb\.inv_freq$"]
    config: TransfoXLConfig

    def check_padding(self, ids: Tensor) -> None:
        """Padding is looked at, with a mask too."""

    def ties(self) -> dict[str, str]:
        path = "" if self.base_model is self else f"{self.base_model_prefix}."
        names = ("r_w_bias", "r_r_bias") if not self.config.untie_r else ()
        return {
            f"{path}layers.{index}.dec_attn.{name}": f"{path}{name}" for index in range(self.config.n_layer) for name in names
        }

    def resize_token_embeddings(
        self,
        new_num_tokens: int | None = None,
        pad_to_multiple_of: int | None = None,
        mean_resizing: bool = True,
        layer: int = -1,
    ) -> Any:
        """As in every model; `layer` is the number of the table whose words become more or fewer, by default the last.

        Raises:
            InputError: no such size is possible.
        """
        words: Any = self.get_input_embeddings()
        softmax = self.softmax()
        layer %= len(words.emb_layers)
        table, head = words.emb_layers[layer], None if softmax is None else softmax.out_layers[layer]
        change = new_size(words.n_token, new_num_tokens, pad_to_multiple_of) - words.n_token
        for clusters in (words, softmax) if softmax is not None else (words,):
            clusters.grow(layer, change)
        rows = table.num_embeddings + change
        resize_table(self, table, head, rows, mean_resizing)
        if head is not None:
            resize_bias(head, "bias", rows)
        self.config.vocab_size, self.config.cutoffs = words.n_token, words.cutoffs[:-1]
        self.tie_weights()
        return words

    def softmax(self) -> ProjectedAdaptiveLogSoftmax | None:
        """What gives the probabilities of words, where there is such a head."""
        return None


class TransfoXLModel(TransfoXLPreTrainedModel):
    """The layers without a head."""

    n_token, d_embed, d_model = Alias("config.vocab_size"), Alias("config.d_embed"), Alias("config.d_model")
    n_layer, n_head, d_head = Alias("config.n_layer"), Alias("config.n_head"), Alias("config.d_head")
    same_length, clamp_len = Alias("config.same_length"), Alias("config.clamp_len")

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__(config)
        self.word_emb = AdaptiveEmbedding(config.vocab_size, config.d_embed, config.d_model, config.cutoffs, config.div_val)
        self.drop, self.states, self.mem_len = nn.Dropout(config.dropout), nn.Identity(), config.mem_len
        if not config.untie_r:
            self.r_w_bias, self.r_r_bias = (nn.Parameter(torch.zeros(config.n_head, config.d_head)) for _ in range(2))
        self.layers = nn.ModuleList(RelPartialLearnableDecoderLayer(config) for _ in range(config.n_layer))
        biases = [name for name, _ in self.named_parameters() if name.endswith(("r_w_bias", "r_r_bias"))]
        projections = [f"word_emb.emb_projs.{index}" for index in range(len(self.word_emb.emb_projs))]
        self.starts = {**dict.fromkeys(biases, start_of(config)), **dict.fromkeys(projections, normal(config.proj_init_std))}

    def get_input_embeddings(self) -> nn.Module:
        return self.word_emb

    def reset_memory_length(self, mem_len: int) -> None:
        """Remember the newest `mem_len` states from now on."""
        self.mem_len = mem_len

    def init_mems(self, bsz: int) -> list[Tensor] | None:
        """The memory (M, B, D) of each layer before a text of `bsz` rows, zeros; None where nothing is remembered."""
        memory = self.memory_before(torch.zeros(bsz, 1, self.config.d_model, dtype=self.dtype, device=self.device))
        return None if memory is None else [states.transpose(0, 1) for states in memory]

    def memory_before(self, words: Tensor) -> list[Tensor] | None:
        """The same as (B, M, D), beside embedded words (B, T, D)."""
        zeros = words.new_zeros(words.shape[0], self.mem_len, words.shape[2])
        return [zeros] * len(self.layers) if self.mem_len else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        mems: Any = None,
        *,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
    ) -> MemoryModelOutput:
        """Args:
            input_ids: (B, T), or inputs_embeds (B, T, D). mems: (M, B, D) for each layer, what is remembered; zeros if None.
            attention_mask: (B, T), which hides nothing, as published; padding before a text is warned of.
            past_key_values: the cache of a generation, in place of `mems`.

        Raises:
            InputError: an input does not fit the tokens.
        """
        one_of(input_ids, inputs_embeds)
        if attention_mask is not None and is_true((attention_mask[:, :-1] < attention_mask[:, 1:]).any()):
            warn_once(
                "memory-padding",
                "attention_mask hides tokens before a text, which this family looks at all the same, as published; rows of one"
                " length, or padding behind them, give the numbers of each row alone",
            )
        words: Any = self.word_emb(input_ids) if inputs_embeds is None else inputs_embeds
        layers, length, cache = len(self.layers), words.shape[1], past_key_values
        memory = given_memory(mems, layers, words) if cache is None else cached_memory(cache, layers, words)
        memory = self.memory_before(words) if memory is None else memory
        seen = 0 if memory is None else memory[0].shape[1]
        mask = self.mask(words, seen)
        places = distance_waves(seen + length, -1, self.config.d_model, self.config.clamp_len, words.device)
        places = self.drop(places.to(words.dtype))[None]
        x, new = self.states(self.drop(words)), []
        for index, layer in enumerate(self.layers):
            past = None if memory is None else memory[index]
            new.append(remembered(x, past, self.mem_len))
            x = layer(x, mask, places=places, memory=past)
            x = self.states(self.drop(x) if index == layers - 1 else x)
        if cache is not None:
            keep_memory(cache, new)
            for index in range(layers):
                recurrent_layer(cache, index).count(length)
        return MemoryModelOutput(x, None if memory is None else [states.transpose(0, 1) for states in new])

    def mask(self, words: Tensor, seen: int) -> Mask:
        """What tokens (B, T, D) behind so many remembered ones look at: at those before, with `same_length` equally many.

        Raises:
            InputError: that would be none.
        """
        if self.config.same_length and not self.mem_len:
            raise InputError("mem_len is 0 and same_length True, so that no token sees any; set same_length=False")
        window = self.mem_len if self.config.same_length else None
        length = words.shape[1]
        return Mask(length, seen + length, words.device, causal=True, first_query=seen, window=window)


class TransfoXLLMHeadModel(CausalLM, TransfoXLPreTrainedModel):
    """Transformer-XL that writes a text."""

    backbone_class = TransfoXLModel
    output_class = TransfoXLLMHeadModelOutput
    transformer: TransfoXLModel

    def add_head(self, config: PreTrainedConfig) -> None:
        own = self.config
        self.crit = ProjectedAdaptiveLogSoftmax(own.vocab_size, own.d_embed, own.d_model, own.cutoffs, own.div_val)
        self.starts = {f"crit.out_projs.{index}": normal(own.proj_init_std) for index in range(len(self.crit.out_projs))}
        if self.crit.n_clusters:
            self.starts["crit.cluster_weight"] = start_of(own)

    def ties(self) -> dict[str, str]:
        config, ties = self.config, super().ties()
        words: Any = self.get_input_embeddings()
        if config.tie_word_embeddings:
            for index in range(len(words.emb_layers)):
                ties[f"crit.out_layers.{index}.weight"] = f"transformer.word_emb.emb_layers.{index}.weight"
        for index, tied in enumerate(config.tie_projs or ()):
            if tied and len(words.emb_projs):
                source = index if config.div_val != 1 else 0
                ties[f"crit.out_projs.{index}"] = f"transformer.word_emb.emb_projs.{source}"
        return ties

    def softmax(self) -> ProjectedAdaptiveLogSoftmax:
        return self.crit

    def context_length(self) -> None:
        return None

    def get_output_embeddings(self) -> nn.Module:
        return self.crit.out_layers[-1]

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V), log probabilities."""
        output: Tensor = self.crit(hidden)
        return output

    def reset_memory_length(self, mem_len: int) -> None:
        """Remember the newest `mem_len` states from now on."""
        self.transformer.reset_memory_length(mem_len)

    def init_mems(self, bsz: int) -> list[Tensor] | None:
        """The memory (M, B, D) of each layer before a text of `bsz` rows."""
        return self.transformer.init_mems(bsz)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        mems: Any = None,
        *,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **inputs: Any,
    ) -> TransfoXLLMHeadModelOutput:
        """labels: (B, T), shifted by the model; -100 is ignored. Where all of the first row are, the end token stands in for
        one of them, as published, so that there is a loss. logits_to_keep: number of last positions (0: all), or their indices.
        """
        output = self.run_backbone(input_ids, mems=mems, **inputs)
        if labels is None:
            scores = self.vocabulary_logits(select_positions(output.last_hidden_state, logits_to_keep))
            return TransfoXLLMHeadModelOutput(prediction_scores=scores, **recorded(output))
        if is_true((labels[0, 1:] == IGNORE).all()):
            warn_once("first-row-ignored", "all labels of the first row are -100: the end token is its second label")
            labels = labels.clone()
            labels[0, 1] = torch.tensor(self.config.eos_token_id).flatten()[0]
        losses = self.crit(output.last_hidden_state, labels)
        loss = losses[losses != 0].mean()
        return TransfoXLLMHeadModelOutput(losses, (), loss=loss, **recorded(output))

    def generation_settings(self, *args: Any, **kwargs: Any) -> GenerationConfig:
        """As in every model, without a cache where nothing is remembered."""
        settings = super().generation_settings(*args, **kwargs)
        if not self.transformer.mem_len:
            settings.use_cache = False
        return settings

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As in every model, without positions."""
        inputs = super().prepare_inputs_for_generation(*args, **kwargs)
        return {name: value for name, value in inputs.items() if name not in ("position_ids", "use_cache")}


class TransfoXLForSequenceClassification(LastTokenClassifier, TransfoXLPreTrainedModel):
    """Transformer-XL that classifies a text by the state of its last token."""

    backbone_class = TransfoXLModel
    output_class: ClassVar[Any] = MemoryLogits

    def forward(self, input_ids: Tensor | None = None, mems: Any = None, **inputs: Any) -> Any:  # type: ignore[override]
        """labels: as every classifier's; `mems` and the others as `TransfoXLModel`'s."""
        return super().forward(input_ids, mems=mems, **inputs)
