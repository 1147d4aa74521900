"""Halves of Whisper with heads of their own: the decoder as a language model, the encoder as a classifier of sound."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import CausalLMOutput, SequenceClassifierOutput
from ...modeling.heads.seq2seq import DecoderLM
from ...modeling.recording import Stack
from ...modeling.seq2seq import DecoderWrapper, encoder_output
from ...nn.init import constant
from ...nn.losses import token_loss
from . import WhisperConfig
from .model import WhisperDecoder, WhisperEncoder, WhisperPreTrainedModel


class WhisperDecoderWrapper(DecoderWrapper, WhisperPreTrainedModel):
    """Gives the decoder the place in the tree that it has in the full model."""

    decoder_class = WhisperDecoder
    main_input_name = "input_ids"


class WhisperForCausalLM(DecoderLM, WhisperPreTrainedModel):
    """The decoder alone with its head, for speculative decoding with an encoder's output from elsewhere."""

    backbone_class = WhisperDecoderWrapper
    stacks = {"": Stack("decoder.layers", "decoder.layer_norm")}
    head_name = "proj_out"
    _tied_weights_keys = {"proj_out.weight": "model.decoder.embed_tokens.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^model\.encoder\."]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        **inputs: Any,
    ) -> CausalLMOutput:
        """Args:
        encoder_outputs: what the decoder looks at, (B, S, D), alone, in a tuple, or as the encoder's output object.
        labels: (B, T), each the target at its own position; -100 is ignored.
        """
        if encoder_outputs is not None:
            inputs["encoder_hidden_states"] = encoder_output(encoder_outputs).last_hidden_state
        output: CausalLMOutput = super().forward(input_ids, attention_mask, **inputs)
        return output


class WhisperForAudioClassification(WhisperPreTrainedModel):
    """The encoder with a class for the whole recording, from the mean over its states."""

    stacks = {"": Stack("encoder.layers", "encoder.layer_norm")}
    _keys_to_ignore_on_load_unexpected = [r"^(model\.)?decoder\.", r"^proj_out\."]
    _new_with_head = [r"^projector\.", r"^classifier\.", r"^layer_weights$"]

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.encoder = WhisperEncoder(config)
        if config.use_weighted_layer_sum:
            self.layer_weights = nn.Parameter(torch.empty(config.encoder_layers + 1))
            self.starts = {"layer_weights": constant(1.0 / (config.encoder_layers + 1))}
        self.projector = nn.Linear(config.d_model, config.classifier_proj_size)
        self.classifier = nn.Linear(config.classifier_proj_size, config.num_labels)

    def forward(
        self, input_features: Tensor | None = None, *, encoder_outputs: Any = None, labels: Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Args:
        input_features: (B, M, 2 * max_source_positions). encoder_outputs: the encoder's output of an earlier call instead,
            with its hidden states where the config has `use_weighted_layer_sum`.
        labels: (B,) classes.
        """
        weighted = self.config.use_weighted_layer_sum
        if encoder_outputs is None:
            if input_features is None:
                raise InputError("pass input_features, or encoder_outputs")
            encoder_outputs = self.encoder(input_features, output_hidden_states=weighted, return_dict=True)
        encoded = encoder_output(encoder_outputs)
        states = encoded.last_hidden_state
        if weighted:
            if encoded.hidden_states is None:
                raise InputError("the weighted sum of layers needs encoder_outputs with hidden_states")
            share = self.layer_weights.softmax(-1).view(-1, 1, 1, 1)
            states = (torch.stack(encoded.hidden_states) * share).sum(0)
        logits = self.classifier(self.projector(states).mean(1))
        loss = None if labels is None else token_loss(logits, labels)
        return SequenceClassifierOutput(loss, logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions)
