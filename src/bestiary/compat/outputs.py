"""Outputs of models that are not here, for models of users: those of `transformers.modeling_outputs`, with their fields."""

from dataclasses import make_dataclass
from typing import Any

from ..core.outputs import ModelOutput

_STATES = "hidden_states attentions"
_ENCODER = "encoder_last_hidden_state encoder_hidden_states encoder_attentions"
_DECODER = "past_key_values decoder_hidden_states decoder_attentions"

_FIELDS = {
    "BaseModelOutputWithPoolingAndProjection": f"last_hidden_state pooler_output {_STATES} projection_state",
    "MoECausalLMOutputWithPast": f"loss aux_loss logits past_key_values {_STATES} router_logits",
    "MoEModelOutput": f"last_hidden_state {_STATES} router_probs router_logits",
    "MoEModelOutputWithPastAndCrossAttentions": (
        f"last_hidden_state past_key_values {_STATES} cross_attentions router_probs router_logits"
    ),
    "Seq2SeqSpectrogramOutput": f"loss spectrogram {_DECODER} cross_attentions {_ENCODER}",
    "Wav2Vec2BaseModelOutput": f"last_hidden_state extract_features {_STATES}",
    "XVectorOutput": f"loss logits embeddings {_STATES}",
}


def _output_class(name: str, names: str) -> type[ModelOutput]:
    """An output with these fields, each None by default."""
    kind = make_dataclass(name, [(each, Any, None) for each in names.split()], bases=(ModelOutput,))
    kind.__module__, kind.__doc__ = __name__, f"`{name}` of a user's model: {', '.join(names.split())}."
    return kind


globals().update({name: _output_class(name, names) for name, names in _FIELDS.items()})
