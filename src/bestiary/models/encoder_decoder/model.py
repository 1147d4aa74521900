"""The model of an encoder and a decoder of any families."""

import copy
import re
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...cache.base import Cache
from ...core.errors import ArgumentError, UnknownArchitecture
from ...core.outputs import Seq2SeqLMOutput
from ...hub.files import HubOptions
from ...loading.skeleton import skeleton
from ...modeling.base import PreTrainedModel
from ...modeling.building import without_initialisation
from ...modeling.config import PreTrainedConfig
from ...modeling.families import class_named, config_class, tasks_of
from ...modeling.heads.seq2seq import GeneratingSeq2Seq
from ...modeling.seq2seq import encoder_output
from ...nn.attention import Attend
from ...nn.inputs import one_of
from ...nn.losses import token_loss
from . import EncoderDecoderConfig


class EncoderDecoderModel(GeneratingSeq2Seq):
    """An encoder, and a decoder with a language-modelling head that looks at what the encoder gives.

    Where their widths differ, `enc_to_dec_proj` lies between them.

    Args:
        config: says both parts, which are built from it where they are not passed.
        encoder, decoder: models; their own configs become those of the whole.

    Raises:
        ArgumentError: neither a config nor both parts, an encoder with a language-modelling head, or a decoder that cannot look
            at an encoder.
    """

    config_class = EncoderDecoderConfig
    base_model_prefix = "encoder_decoder"
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"(^|\.)(attn|crossattention)\.(masked_)?bias$",  # causal masks of GPT-2, once saved
    ]

    def __init__(
        self,
        config: PreTrainedConfig | None = None,
        encoder: PreTrainedModel | None = None,
        decoder: PreTrainedModel | None = None,
    ) -> None:
        if config is None:
            if encoder is None or decoder is None:
                raise ArgumentError("EncoderDecoderModel is built from a config, or from an encoder and a decoder; pass both")
            config = EncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config)
        if not isinstance(config, EncoderDecoderConfig):
            raise ArgumentError(f"EncoderDecoderModel is built from an EncoderDecoderConfig, found a {type(config).__name__}")
        super().__init__(config)
        self.encoder = build_part(config.encoder, "base") if encoder is None else encoder
        self.decoder = build_part(config.decoder, "causal-lm") if decoder is None else decoder
        config.encoder, config.decoder = self.encoder.config, self.decoder.config
        self._check_parts()
        widths = config.encoder.get("hidden_size"), config.decoder.get("hidden_size")
        self.enc_to_dec_proj = None if widths[0] == widths[1] else nn.Linear(*widths)
        self.__dict__["stacks"] = {
            f"{name}_": replace(stack, layers=f"{path}.{stack.layers}", final=stack.final and f"{path}.{stack.final}")
            for name, part in (("encoder", self.encoder), ("decoder", self.decoder))
            for path in [name if part.base_model is part else f"{name}.{part.base_model_prefix}"]
            if (stack := part.stacks.get("")) is not None
        }

    def _check_parts(self) -> None:
        encoder, decoder = self.encoder, self.decoder
        if encoder.get_output_embeddings() is not None or encoder.config.is_encoder_decoder:
            raise ArgumentError(
                f"the encoder is a {type(encoder).__name__}; expected a model of an encoder alone, without a language-modelling"
                " head"
            )
        if not any(isinstance(module, Attend) and module.cross for module in decoder.modules()):
            raise ArgumentError(
                f"the decoder, a {type(decoder).__name__}, was built without cross-attention, by which it would look at the"
                " encoder; build it with add_cross_attention=True, where its family has that"
            )

    @classmethod
    def from_encoder_decoder_pretrained(
        cls,
        encoder_pretrained_model_name_or_path: Any = None,
        decoder_pretrained_model_name_or_path: Any = None,
        **kwargs: Any,
    ) -> Self:
        """The model of two checkpoints, or of models; what the second lacks to look at the first starts afresh, and is told.

        Keywords that begin with `encoder_` and `decoder_` are for opening the parts, or override their configs;
        `encoder_model` and `decoder_model` are the parts themselves. Others are of the whole config.

        Raises:
            ArgumentError: nothing says what a part is.
        """
        by_part: dict[str, dict[str, Any]] = {"encoder": {}, "decoder": {}, "": {}}
        for name, value in kwargs.items():
            part, _, option = name.partition("_")
            said = part in ("encoder", "decoder") and name != "decoder_start_token_id"
            by_part[part if said else ""][option if said else name] = value
        encoder, decoder = (by_part[part].pop("model", None) for part in ("encoder", "decoder"))
        if encoder is None:
            encoder = _open(encoder_pretrained_model_name_or_path, "base", "encoder", False, by_part["encoder"])
        if decoder is None:
            decoder = _open(decoder_pretrained_model_name_or_path, "causal-lm", "decoder", True, by_part["decoder"])
        config = EncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config, **by_part[""])
        return cls(config, encoder, decoder).eval()

    def ties(self) -> dict[str, str]:
        """What is tied within each part."""
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        return {f"{part}.{a}": f"{part}.{b}" for part, model in parts.items() for a, b in model.ties().items()}

    def text_config(self) -> PreTrainedConfig:
        return self.config.get_text_config(decoder=False)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module | None:
        return self.decoder.get_output_embeddings()

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """Give both parts a vocabulary of another size; returns the encoder's table.

        Raises:
            ArgumentError: they have vocabularies of different sizes.
        """
        sizes = self.config.encoder.get("vocab_size"), self.config.decoder.get("vocab_size")
        if sizes[0] != sizes[1]:
            raise ArgumentError(
                f"the encoder has {sizes[0]} tokens and the decoder {sizes[1]}; resize each by itself:"
                " model.encoder.resize_token_embeddings(...), model.decoder.resize_token_embeddings(...)"
            )
        self.decoder.resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        table = self.encoder.resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        self.vocab_size = self.encoder.vocab_size
        return table

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        decoder_token_type_ids: Tensor | None = None,
        decoder_position_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Seq2SeqLMOutput:
        """Args:
        input_ids, attention_mask, token_type_ids, position_ids: the encoder's, (B, S). encoder_outputs: its output of an
            earlier call instead.
        decoder_input_ids: (B, T). decoder_attention_mask: (B, past + T).
        labels: (B, T), -100 is ignored; the decoder's input is made from them where it is not given.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        if encoder_outputs is None:
            one_of(input_ids, inputs_embeds, instead=" (or the encoder's output of an earlier call as encoder_outputs)")
            further = {"token_type_ids": token_type_ids, "position_ids": position_ids}
            encoder_outputs = self.encoder(
                input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, return_dict=True, **_said(further)
            )
        encoded = encoder_output(encoder_outputs)
        memory = encoded.last_hidden_state
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
            if decoder_attention_mask is None:
                decoder_attention_mask = decoder_input_ids.ne(self.config.get("pad_token_id")).long()
        if decoder_attention_mask is None and decoder_input_ids is not None and _begins(decoder_input_ids, past_key_values):
            decoder_attention_mask = torch.ones_like(decoder_input_ids)  # padding behind a text, which nothing looks at
        further = {"token_type_ids": decoder_token_type_ids, "position_ids": decoder_position_ids}
        output = self.decoder(
            decoder_input_ids,
            attention_mask=decoder_attention_mask,
            encoder_hidden_states=memory if self.enc_to_dec_proj is None else self.enc_to_dec_proj(memory),
            encoder_attention_mask=attention_mask,
            inputs_embeds=decoder_inputs_embeds,
            past_key_values=past_key_values,
            use_cache=use_cache,
            return_dict=True,
            **_said(further),
        )
        loss = None if labels is None else token_loss(output.logits, labels, num_items_in_batch)
        of_encoder: dict[str, Any] = {f"encoder_{name}": value for name, value in encoded.items()}
        return Seq2SeqLMOutput(loss=loss, logits=output.logits, past_key_values=output.past_key_values, **of_encoder)


def _begins(ids: Tensor, cache: Any) -> bool:
    """Whether the tokens (B, T), of which there are several, are the first of their texts."""
    return ids.dim() == 2 and ids.shape[1] > 1 and not (isinstance(cache, Cache) and cache.get_seq_length())


def _said(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def class_for(config: PreTrainedConfig, task: str) -> Any:
    """The class of `config`'s family for a task.

    Raises:
        UnknownArchitecture: it has none.
    """
    tasks = tasks_of(config.model_type)
    if task not in tasks:
        raise UnknownArchitecture(f"{config.model_type} has no model for {task}; it has {', '.join(tasks)}")
    return class_named(tasks[task])


def build_part(config: PreTrainedConfig, task: str) -> PreTrainedModel:
    model: PreTrainedModel = class_for(config, task)(config)
    return model


def _open(name_or_path: Any, task: str, part: str, decodes: bool, options: dict[str, Any]) -> PreTrainedModel:
    """The model for a task in the checkpoint of one part; `options` as of `from_pretrained`."""
    if name_or_path is None:
        raise ArgumentError(f"nothing says what the {part} is: pass {part}_pretrained_model_name_or_path or {part}_model")
    config = copy.deepcopy(options.pop("config", None))
    if config is None:
        hub, _ = HubOptions.split(options)
        model_type = PreTrainedConfig.get_dict(name_or_path, hub).get("model_type")
        config = config_class(str(model_type)).from_pretrained(name_or_path, **vars(hub))
    config.update({"is_decoder": decodes, "add_cross_attention": decodes})
    kind = class_for(config, task)
    fresh = _only_with_cross_attention(kind, config) if decodes else []
    model: PreTrainedModel = kind.from_pretrained(
        name_or_path, config=config, **{**options, "allow_missing": [*options.get("allow_missing", ()), *fresh]}
    )
    return model


def _only_with_cross_attention(kind: type[PreTrainedModel], config: PreTrainedConfig) -> list[str]:
    """Patterns of the weights by which a decoder looks at an encoder."""
    without = copy.deepcopy(config)
    without.add_cross_attention = False
    with without_initialisation(), skeleton():
        names = kind(config).state_dict().keys() - kind(without).state_dict().keys()
    return [f"^{re.escape(name)}$" for name in sorted(names)]
