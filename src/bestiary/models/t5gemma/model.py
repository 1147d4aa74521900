"""The modules of T5Gemma. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput, BaseModelOutputWithPast, Seq2SeqLMOutput, TokenClassifierOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.decoder import RotaryDecoder
from ...modeling.heads.headed import Headed, TextHead
from ...modeling.heads.language import select_positions
from ...modeling.heads.seq2seq import Seq2SeqLM
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.recording import Stack
from ...modeling.resizing import resize_halves
from ...modeling.seq2seq import OF_WHOLE_MODEL, Seq2SeqHeaded, Seq2SeqModel, Seq2SeqPreTrainedModel
from ...nn.attention import Attend, cached, merge_heads, split_heads
from ...nn.init import Starting, normal
from ...nn.inputs import one_of
from ...nn.kernels import default_scaling
from ...nn.masks import Mask, make_mask
from ...nn.norm import ShiftedRMSNorm
from ...nn.part_order import put_last
from ..llama.model import LlamaAttention, LlamaDecoderLayer, LlamaMLP
from . import T5GemmaConfig


class T5GemmaCrossAttention(LlamaAttention):
    """Attention of states to the encoder's output, in grouped heads, without positions."""

    is_causal = False

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        size, bias = config.num_key_value_heads * self.head_dim, config.attention_bias
        self.k_proj, self.v_proj = (nn.Linear(config.cross_attention_hidden_size, size, bias=bias) for _ in range(2))
        scaling = default_scaling(config.query_pre_attn_scalar)
        self.attend = Attend(scaling, config.attention_dropout, config.attn_logit_softcapping, cross=True)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, K) of states (B, S, D)."""
        return split_heads(self.k_proj(x), self.head_dim), split_heads(self.v_proj(x), self.head_dim)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, memory: Tensor) -> Tensor:  # type: ignore[override]
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        query = split_heads(self.q_proj(x), self.head_dim)
        output: Tensor = self.get_submodule(self.output_name)(merge_heads(self.attend(query, key, value, mask)))
        return output


class T5GemmaMLP(LlamaMLP):
    """down(dropout(act(gate(x)) * up(x)))."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.dropout_rate)

    def _inner(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(super()._inner(x))
        return output


class T5GemmaEncoderLayer(LlamaDecoderLayer):
    """x + norm(attention(norm(x))), then x + norm(mlp(norm(x)))."""

    is_causal = False
    mlp_class, norm_class = T5GemmaMLP, ShiftedRMSNorm
    norm_names = (
        "pre_self_attn_layernorm",
        "post_self_attn_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    )
    dropout_names = ("dropout", "dropout")
    last_parts = ("mlp", "pre_feedforward_layernorm", "post_feedforward_layernorm")


class T5GemmaDecoderLayer(T5GemmaEncoderLayer):
    """The same with attention to the encoder's output in between."""

    is_causal = True

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.cross_attn = T5GemmaCrossAttention(config, layer_idx)
        self.pre_cross_attn_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)
        self.post_cross_attn_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)

    def forward(  # type: ignore[override]
        self, x: Tensor, mask: Mask, cache: Any, *, memory: Tensor, memory_mask: Mask, **positions: Any
    ) -> Tensor:
        before, behind, before_mlp, behind_mlp = self.norm_names
        x = x + self._share(self._norm(behind, self.mix(self._norm(before, x), mask, cache, **positions)))
        seen = self.cross_attn(self.pre_cross_attn_layernorm(x), memory_mask, cache, memory=memory)
        x = x + self._share(self.post_cross_attn_layernorm(seen))
        return x + self._share(self._norm(behind_mlp, self.feed(self._norm(before_mlp, x))), 1)


class T5GemmaPreTrainedModel(Seq2SeqPreTrainedModel):
    """What all T5Gemma classes share."""

    config_class = T5GemmaConfig
    base_model_prefix = "model"
    stacks = {
        "encoder_": Stack("encoder.layers", "encoder.norm"),
        "decoder_": Stack("decoder.layers", "decoder.norm"),
    }
    kernels: ClassVar[tuple[str, ...]] = ("eager", "flex_attention", "flash_attention_2")  # sdpa cannot bound scores
    _no_split_modules = ["T5GemmaEncoderLayer", "T5GemmaDecoderLayer"]
    config: Any

    def ties(self) -> dict[str, str]:
        return dict(self._tied_weights_keys) if self.config.tie_word_embeddings else {}

    def decoder_start(self) -> int | None:
        start: int | None = self.config.decoder.bos_token_id
        return start

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """Give both vocabularies as many words; returns the table of the encoder's."""
        table = resize_halves(self, self.get_output_embeddings(), new_num_tokens, pad_to_multiple_of, mean_resizing)
        self.config.vocab_size = self.config.decoder.vocab_size = table.num_embeddings
        return table


class T5GemmaHalf(RotaryDecoder, T5GemmaPreTrainedModel):
    """What encoder and decoder share: scaled embeddings, Gemma 2's layers, a norm."""

    norm_class = ShiftedRMSNorm
    stacks = {"": Stack("layers", "norm")}
    packs = False
    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        put_last(self, "layers")
        self.dropout = nn.Dropout(config.dropout_rate)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.dropout(x * torch.tensor(self.config.hidden_size**0.5, dtype=x.dtype, device=x.device))
        return output

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(super().finish(x))
        return output

    def without_padding(self, ids: Tensor | None, position_ids: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """A mask that hides the padding token of `ids` (B, T), and positions that count it, where a caller has no mask."""
        pad = self.config.pad_token_id
        if ids is None or pad is None:
            return None, position_ids
        counted = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        return ids != pad, counted if position_ids is None else position_ids

    def check_padding(self, ids: Tensor) -> None:
        """Nothing: padding is hidden."""


class T5GemmaEncoder(T5GemmaHalf):
    """The encoder; windows reach `sliding_window` tokens to either side."""

    layer_class = T5GemmaEncoderLayer

    def layer_mask(self, layer_idx: int, x: Tensor, attention_mask: Tensor | None, cache: Any) -> Mask:
        window = self.layer_types.window_of(layer_idx)
        return make_mask(x.shape[1], x.device, attention_mask, causal=False, window=None if window is None else window + 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T)."""
        if attention_mask is None:
            attention_mask, position_ids = self.without_padding(input_ids, position_ids)
        output = self.decode(input_ids, attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, use_cache=False)
        return BaseModelOutput(output.last_hidden_state)


class T5GemmaDecoder(T5GemmaHalf):
    """The decoder."""

    layer_class = T5GemmaDecoderLayer

    def outer_name(self, name: str) -> str:
        """In a whole model the plain names are the encoder's."""
        return OF_WHOLE_MODEL.get(name, name)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T); the encoder's output
        (B, S, D) and its mask (B, S)."""
        one_of(input_ids, inputs_embeds, "decoder_")
        if encoder_hidden_states is None:
            raise InputError("encoder_hidden_states are missing: each layer of this decoder looks at an encoder's output")
        begins_none = self.training and past_key_values is None  # as published
        cache = None if begins_none else self.start_cache(past_key_values, use_cache)
        if attention_mask is None and cache is None:
            attention_mask, position_ids = self.without_padding(input_ids, position_ids)
        return self.decode(
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            use_cache=cache is not None,
        )


class T5GemmaModel(Seq2SeqModel, T5GemmaPreTrainedModel):
    """Encoder and decoder without a head."""

    encoder_class, decoder_class = T5GemmaEncoder, T5GemmaDecoder

    def config_of(self, config: PreTrainedConfig, writes: bool) -> PreTrainedConfig:
        return config.get_text_config(decoder=writes)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        decoder_position_ids: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> Any:
        """As `TextSeq2SeqModel.forward`; position_ids (B, S) and decoder_position_ids (B, T) count otherwise than from 0."""
        if encoder_outputs is None:
            one_of(input_ids, inputs_embeds, instead=" (or the encoder's output of an earlier call as encoder_outputs)")
            encoder_outputs = self.encoder(
                input_ids, attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, return_dict=True
            )
        output = self.decoded(
            encoder_outputs,
            decoder_input_ids,
            decoder_attention_mask,
            position_ids=decoder_position_ids,
            encoder_attention_mask=attention_mask,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            use_cache=use_cache,
        )
        output.decoder_hidden_states = (output.last_hidden_state,)  # as published, unless all are asked for
        return output


class T5GemmaEncoderModel(T5GemmaPreTrainedModel):
    """The encoder alone."""

    stacks = {"": Stack("encoder.layers", "encoder.norm")}
    _keys_to_ignore_on_load_unexpected = [r"^(model\.)?decoder\.", r"^lm_head\."]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = T5GemmaEncoder(config.encoder)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T)."""
        encoded: BaseModelOutput = self.encoder(
            input_ids, attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, return_dict=True
        )
        return encoded


class T5GemmaLMHead(Starting):
    """Logits (B, T, N) of states (B, T, D) by a linear layer, with `dropout` before it."""

    def __init__(self, config: Any, size: int, count: int, bias: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout, self.out_proj = nn.Dropout(dropout), nn.Linear(size, count, bias=bias)
        self.starts = {"out_proj.weight": normal(config.initializer_range * count**-0.5)}

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, N)."""
        output: Tensor = self.out_proj(self.dropout(hidden_states))
        return output


class T5GemmaForConditionalGeneration(Seq2SeqLM, Seq2SeqHeaded, T5GemmaPreTrainedModel):
    """T5Gemma with a language-modelling head."""

    backbone_class, loss_type = T5GemmaModel, "ForMaskedLM"
    head_name = "lm_head.out_proj"
    _tied_weights_keys = {"lm_head.out_proj.weight": "model.decoder.embed_tokens.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        text: Any = config.get_text_config(decoder=True)
        self.lm_head = T5GemmaLMHead(config, text.hidden_size, text.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        logits_to_keep: int | Tensor = 0,
        **inputs: Any,
    ) -> Seq2SeqLMOutput:
        """As `Seq2SeqLM.forward`; logits_to_keep: how many of the last positions get logits (0: all), or places of them."""
        output = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        output.logits = select_positions(output.logits, logits_to_keep)
        return output

    def loss(self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None) -> Any:
        further = {} if num_items is None else {"num_items_in_batch": num_items}
        return self.loss_function(logits, labels, logits.shape[-1], **further)


class ReadsText(Headed, T5GemmaPreTrainedModel):
    """A classifier of a text, which the decoder reads behind the encoder unless `is_encoder_decoder` is False.

    Args:
        is_encoder_decoder: whether there is a decoder; None: as the config says.
    """

    def __init__(self, config: Any, is_encoder_decoder: bool | None = None) -> None:
        if is_encoder_decoder is not None:
            config.is_encoder_decoder = is_encoder_decoder
        super().__init__(config)
        half = "decoder" if config.is_encoder_decoder else "encoder"
        self.__dict__["stacks"] = {"": Stack(f"{half}.layers", f"{half}.norm")}
        size = config.get(half).hidden_size
        self.add_module("score", T5GemmaLMHead(config, size, config.num_labels, True, config.classifier_dropout_rate))

    def build_backbone(self, config: PreTrainedConfig) -> Any:
        return T5GemmaModel(config) if config.is_encoder_decoder else T5GemmaEncoderModel(config)

    def run_backbone(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **inputs: Any) -> Any:
        if self.config.is_encoder_decoder:
            inputs["use_cache"] = False
            if inputs.get("decoder_input_ids") is None and inputs.get("decoder_inputs_embeds") is None:
                if input_ids is None:
                    raise InputError(
                        "the decoder reads the encoder's text, which inputs_embeds and encoder_outputs do not say; pass"
                        " decoder_input_ids or decoder_inputs_embeds"
                    )
                inputs["decoder_input_ids"] = self.shifted(input_ids)
        output = super().run_backbone(input_ids, attention_mask, **inputs)
        return BaseModelOutput(output.last_hidden_state, output.get("decoder_hidden_states"))


class T5GemmaForSequenceClassification(ReadsText, LastTokenClassifier):
    """T5Gemma that classifies a text by its last token."""

    def _last(self, ids: Tensor | None, mask: Tensor | None, logits: Tensor) -> Tensor:
        last = super()._last(ids, mask, logits)
        return (last + 1).clamp(max=logits.shape[1] - 1) if self.config.is_encoder_decoder else last


class T5GemmaForTokenClassification(ReadsText, TextHead[TokenClassifierOutput]):
    """T5Gemma that labels each token. labels: (B, T)."""

    output_class, loss_type = TokenClassifierOutput, "ForTokenClassification"

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        labelled: Tensor = self.get_submodule("score")(output.last_hidden_state)
        return labelled

    def loss(self, logits: Tensor, labels: Tensor | None) -> Any:
        return None if labels is None else self.loss_function(logits, labels, self.config)
