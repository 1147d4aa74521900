"""The floor of encoder-decoders: the two halves, the model around them, the same under a head, and the decoder alone."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ..cache.encoder_decoder import EncoderDecoderCache
from ..core.errors import InputError
from ..core.outputs import BaseModelOutput, BaseModelOutputWithPast, ModelOutput, Seq2SeqModelOutput
from ..nn.inputs import arguments_of, check_text, one_of, shown, warn_of_hidden_rows
from ..nn.layer import skipped
from ..nn.losses import IGNORE
from ..nn.masks import Mask, decoder_frame, positions, text_numbers
from ..nn.packed import rows_are_packed
from ..nn.pooling import first_real, last_real
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .cross_attention import memory_mask
from .heads.headed import Headed
from .stack import Stack

# Input of a decoder -> what it is called by callers of the whole model.
OF_WHOLE_MODEL = {
    **{name: f"decoder_{name}" for name in ("input_ids", "attention_mask", "inputs_embeds", "position_ids")},
    "encoder_attention_mask": "attention_mask",
    "encoder_hidden_states": "encoder_outputs",
}


def shift_right(ids: Tensor, start: int | None, pad: int | None, mask: Tensor | None = None) -> Tensor:
    """The decoder's input (B, T) for the targets `ids` (B, T): each row one place later, the token `start` in front.

    Ignored labels (-100) become `pad`. With the padding `mask` (B, T) of `ids`, the start token of a left-padded row stands
    just before its first real token, so that the same mask serves for the shifted row.

    Raises:
        InputError: the config has no start token, or no padding token to stand for ignored labels.
    """
    if start is None:
        raise InputError("config.decoder_start_token_id is None; set it, or pass decoder_input_ids")
    if pad is None:
        raise InputError("config.pad_token_id is None; set it, or pass decoder_input_ids")
    shifted = torch.cat([torch.full_like(ids[:, :1], start), ids[:, :-1]], dim=1)
    shifted = shifted.masked_fill(shifted == IGNORE, pad)
    return shifted if mask is None else shifted.scatter(1, (mask != 0).int().argmax(1, keepdim=True), start)


def shift_around(ids: Tensor, pad: int | None, mask: Tensor | None = None) -> Tensor:
    """The decoder's input (B, T) for the targets `ids` (B, T): each row one place later, its last real token in front.

    Ignored labels (-100) become `pad`; without the padding `mask` (B, T), tokens `pad` are no real ones.

    Raises:
        InputError: the config has no padding token, by which the last real one is told.
    """
    if pad is None:
        raise InputError("config.pad_token_id is None; set it, or pass decoder_input_ids")
    ids = ids.masked_fill(ids == IGNORE, pad)
    real = ids != pad if mask is None else mask != 0
    last = ids.gather(1, last_real(real).unsqueeze(1))
    return torch.cat([ids[:, :1], ids[:, :-1]], dim=1).scatter(1, first_real(real).unsqueeze(1), last)


def encoder_output(source: Any) -> BaseModelOutput:
    """What a caller passes as `encoder_outputs`: an output object, the states (B, S, D), or a tuple that starts with them.

    Raises:
        InputError: something else.
    """
    if isinstance(source, Mapping | ModelOutput) and "last_hidden_state" in source:
        return BaseModelOutput(source["last_hidden_state"], source.get("hidden_states"), source.get("attentions"))
    values = (source,) if isinstance(source, Tensor) else source
    fits = isinstance(values, list | tuple) and 1 <= len(values) <= 3 and isinstance(values[0], Tensor) and values[0].dim() > 0
    if not fits:
        raise InputError(f"encoder_outputs is {shown(source)}; expected the encoder's output, or states (batch, length, width)")
    return BaseModelOutput(*values)


class Seq2SeqPreTrainedModel(PreTrainedModel):
    """What all classes of an encoder-decoder family share.

    Class attributes:
        decoder_repeats_text: whether a decoder that is given no input reads the encoder's text, one place later.
        starts_with_last: whether the decoder's input starts with the last token of its text, not with one that is always
            the same.
    """

    decoder_repeats_text: ClassVar[bool] = False
    starts_with_last: ClassVar[bool] = False

    def decoder_start(self) -> int | None:
        """The token every decoder input starts with."""
        start: int | None = self.config.get("decoder_start_token_id")
        return start

    def shifted(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """The decoder's input for the targets `ids` (B, T): see `shift_right` and `shift_around`.

        Raises:
            InputError: the vocabulary does not have the start token that the config names.
        """
        if self.starts_with_last:
            return shift_around(ids, self.config.pad_token_id, mask)
        start, size = self.decoder_start(), self.config.get_text_config(decoder=True).get("vocab_size")
        if start is not None and not 0 <= start < size:
            raise InputError(
                f"config.decoder_start_token_id is {start}, outside of the vocabulary of {size} (0 to {size - 1}); set it, or"
                " pass decoder_input_ids"
            )
        return shift_right(ids, start, self.config.pad_token_id, mask)

    def word_table(self, config: PreTrainedConfig) -> nn.Embedding:
        """A table of the words' vectors (V, D): the one that is shared, and those of the halves."""
        return nn.Embedding(config.get("vocab_size"), config.get("hidden_size"), config.padding_row)


class Half(Seq2SeqPreTrainedModel):
    """One half of an encoder-decoder, its encoder or its decoder: word embeddings, then the layers that `stacks` names.

    Class attributes:
        counts_ids: whether positions count the tokens that are not the padding token where there is no mask.
        packs: whether positions that begin anew, with neither mask nor cache, keep the texts of a decoder's row apart.
    """

    layerdrop: float = 0.0
    counts_ids: ClassVar[bool] = False
    packs: ClassVar[bool] = False

    def embed(self, words: Tensor, position_ids: Tensor) -> Tensor:
        """The first layer's input from embedded words (B, T, D) and positions (B or 1, T)."""
        return words

    def told_positions(self, ids: Tensor | None, attention_mask: Tensor | None, cache: Any) -> Tensor | None:
        """Positions (B, T) that the tokens (B, T) themselves tell; None where they are counted by the mask."""
        begins = cache is None or (isinstance(seen := cache.position(), int) and seen == 0)
        masked = attention_mask is not None and attention_mask.dim() == 2
        pad = self.config.pad_token_id
        if rows_are_packed() or not self.counts_ids or ids is None or pad is None or not begins or masked:
            return None
        return positions(ids != pad, ids.shape[1], 0, ids.device, first=1) - 1

    def bias(self, mask: Mask) -> Tensor | None:
        """What all layers add to the scores of self-attention, (1, H, T, S)."""
        return None

    def finish(self, x: Tensor) -> Tensor:
        """The output from the last layer's states (B, T, D)."""
        return x

    def through_layers(self, x: Tensor, mask: Mask, cache: Any = None, **others: Any) -> Tensor:
        """States (B, T, D) behind all layers, for `finish`.

        In training each layer is left out at the rate `layerdrop` (Fan et al. 2019).
        """
        for layer in cast(nn.ModuleList, self.get_submodule(self.stacks[""].layers)):  # one may stand there twice
            if not skipped(self.layerdrop, self.training):
                x = layer(x, mask, cache, **others)
        return x


class TextEncoder(Half):
    """The encoder of a text."""

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, inputs_embeds: Tensor | None = None
    ) -> BaseModelOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T)."""
        one_of(input_ids, inputs_embeds)
        warn_of_hidden_rows(attention_mask)
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        told = self.told_positions(input_ids, attention_mask, None)
        mask, position_ids = decoder_frame(words, attention_mask, told, None, causal=False)
        x = self.through_layers(self.embed(words, position_ids), mask, bias=self.bias(mask))
        return BaseModelOutput(self.finish(x))


class TextDecoder(Half):
    """The decoder that writes a text and looks at what an encoder gives, where there is one."""

    def text_config(self) -> PreTrainedConfig:
        return self.config.get_text_config(decoder=True)

    def outer_name(self, name: str) -> str:
        """In a whole model the plain names are the encoder's."""
        return OF_WHOLE_MODEL.get(name, name) if self.config.is_encoder_decoder else name

    def check_padding(self, ids: Tensor) -> None:
        """Only where the decoder is a model alone: labels that are ignored become padding, which nothing that counts sees."""
        if not self.config.is_encoder_decoder:
            super().check_padding(ids)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T); the encoder's output
        (B, S, D) and its mask (B, S)."""
        one_of(input_ids, inputs_embeds, "decoder_" if self.config.is_encoder_decoder else "")
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        cache = EncoderDecoderCache.around(self.start_cache(past_key_values, use_cache))
        name = self.outer_name("attention_mask")
        packed = None
        if position_ids is None:
            position_ids = self.told_positions(input_ids, attention_mask, cache)
        elif self.packs and attention_mask is None and cache is None:
            packed = text_numbers(position_ids)
        mask, position_ids = decoder_frame(words, attention_mask, position_ids, cache, name=name)
        mask.texts = mask.texts if packed is None else packed
        memory, over_memory = encoder_hidden_states, None
        if memory is not None:
            over_memory = memory_mask(self, memory, encoder_attention_mask, words)
        x = self.embed(words, position_ids)
        x = self.through_layers(x, mask, cache, bias=self.bias(mask), memory=memory, memory_mask=over_memory)
        return BaseModelOutputWithPast(self.finish(x), past_key_values=cache)


class Seq2SeqModel(Seq2SeqPreTrainedModel):
    """An encoder and a decoder without a head.

    Class attributes:
        encoder_class, decoder_class: the halves, built from what `config_of` gives.
        states_class: the output; a family whose encoder gives more has another, with fields for it.
    """

    states_class: ClassVar[type[Seq2SeqModelOutput]] = Seq2SeqModelOutput
    encoder_class: ClassVar[type[PreTrainedModel]]
    decoder_class: ClassVar[type[PreTrainedModel]]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_shared(config)
        self.encoder = self.encoder_class(self.config_of(config, writes=False))
        self.decoder = self.decoder_class(self.config_of(config, writes=True))

    def config_of(self, config: PreTrainedConfig, writes: bool) -> PreTrainedConfig:
        """The config of the half that `writes`, the decoder, or of the other: the model's."""
        return config

    def add_shared(self, config: PreTrainedConfig) -> None:
        """Build what the halves share, which comes first in a checkpoint; here nothing."""

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.get_input_embeddings()

    def decoded(self, encoder_outputs: Any, ids: Tensor | None, mask: Tensor | None, **inputs: Any) -> Seq2SeqModelOutput:
        """The decoder's output for `ids` (B, T) and the encoder's output; `inputs` are its other arguments."""
        encoded = encoder_output(encoder_outputs)
        output = self.decoder(ids, mask, encoder_hidden_states=encoded.last_hidden_state, return_dict=True, **inputs)
        of_encoder: dict[str, Any] = {f"encoder_{name}": value for name, value in encoded.items()}
        return self.states_class(output.last_hidden_state, output.past_key_values, **of_encoder)


class TextSeq2SeqModel(Seq2SeqModel):
    """An encoder-decoder that reads text; both halves look their words up in the table `shared`."""

    _tied_weights_keys = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }

    def add_shared(self, config: PreTrainedConfig) -> None:
        self.shared = self.word_table(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.shared

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> Any:
        """Args:
        input_ids, attention_mask: the encoder's, (B, S). encoder_outputs: its output of an earlier call instead.
        decoder_input_ids: (B, T). decoder_attention_mask: (B, past + T).

        Returns:
            A `Seq2SeqModelOutput`; a head in front of this model has an output of its own.
        """
        if encoder_outputs is None:
            one_of(input_ids, inputs_embeds, instead=" (or the encoder's output of an earlier call as encoder_outputs)")
        if self.decoder_repeats_text and decoder_input_ids is None and decoder_inputs_embeds is None:
            if input_ids is None:
                raise InputError(
                    "the decoder reads the encoder's text, which inputs_embeds and encoder_outputs do not say; pass"
                    " decoder_input_ids or decoder_inputs_embeds"
                )
            check_text(input_ids, attention_mask)
            mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
            decoder_input_ids = self.shifted(input_ids, mask)
            if decoder_attention_mask is None and mask is not None:
                decoder_attention_mask = mask.cumsum(1) > 0  # padding before a text is hidden, after it need not
        if encoder_outputs is None:
            encoder_outputs = self.encoder(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True)
        return self.decoded(
            encoder_outputs,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_attention_mask=attention_mask,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            use_cache=use_cache,
        )


class Seq2SeqHeaded(Headed, Seq2SeqPreTrainedModel):
    """An encoder-decoder under its published name, for heads that stand before it in the order of bases."""

    def forward(self, *args: Any, **inputs: Any) -> Any:
        """What the model without a head gives; the arguments are its own."""
        return self.run_backbone(*args, **inputs)


class DecoderWrapper(Seq2SeqPreTrainedModel):
    """The decoder alone, at the place in the tree that it has in the whole model.

    Class attributes:
        decoder_class: the decoder; it is built from the config.
    """

    decoder_class: ClassVar[type[PreTrainedModel]]
    stacks = {"": Stack("decoder.layers")}

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.decoder = self.decoder_class(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.get_input_embeddings()

    @arguments_of(TextDecoder.forward)
    def forward(self, *args: Any, **inputs: Any) -> BaseModelOutputWithPast:
        return cast(BaseModelOutputWithPast, self.decoder(*args, return_dict=True, **inputs))
