"""What models return: a dataclass that can be read by attribute, by key and by position.

Shapes use the letters of `core/shapes.py`. A field that is None was not asked for or does not exist for this call; it is
absent from `keys()`, `to_tuple()` and positions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch.utils import _pytree as pytree

from .errors import InputError

Tensor = torch.Tensor
Tensors = tuple[torch.Tensor, ...]

# The default of what every call fills, which is typed without None for that: fields before it may be absent.
ALWAYS: Any = None


@dataclass
class ModelOutput:
    """Base of every output. Registered as a pytree, so that `torch.export` and data parallelism can take it apart."""

    def __init_subclass__(cls) -> None:
        def flatten(output: "ModelOutput") -> tuple[list[Any], list[str]]:
            return [output[name] for name in output.keys()], list(output.keys())

        def unflatten(values: Any, names: Any) -> "ModelOutput":
            return cls(**dict(zip(names, values, strict=True)))

        pytree.register_pytree_node(cls, flatten, unflatten, serialized_type_name=f"{cls.__module__}.{cls.__qualname__}")

    def __post_init__(self) -> None:
        """Spread a dictionary, or pairs of names and values, that is passed in place of the fields.

        Raises:
            InputError: a name that is no field, or something among the pairs that is none.
        """
        if torch.compiler.is_compiling():
            return
        names = list(self.__dataclass_fields__)
        first = getattr(self, names[0]) if names else None
        if first is None or isinstance(first, Tensor) or any(getattr(self, name) is not None for name in names[1:]):
            return
        if isinstance(first, dict):
            pairs: Any = list(first.items())
        elif isinstance(first, list | tuple | Iterator):
            pairs = list(first)
        else:
            return
        if not isinstance(first, dict) and pairs and not _is_pair(pairs[0]):
            if isinstance(first, Iterator):
                setattr(self, names[0], pairs)
            return
        setattr(self, names[0], None)
        for pair in pairs:
            if not _is_pair(pair) or pair[0] not in names:
                raise InputError(f"{type(self).__name__} is made of pairs of {names} and values; found {pair!r:.80}")
            setattr(self, pair[0], pair[1])

    def keys(self) -> list[str]:
        """Names of the fields that hold something, in order."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]

    def values(self) -> list[Any]:
        """The fields that hold something, in order."""
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of name and value of the fields that hold something, in order."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that hold something, as a plain tuple."""
        return tuple(self.values())

    def get(self, name: str, default: Any = None) -> Any:
        """The field `name`, or `default` when it is absent."""
        return self[name] if name in self else default

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key not in self:
            raise KeyError(f"{type(self).__name__} holds {self.keys()}, not {key!r}")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, key, value)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)


def map_rows(value: Any, change: Callable[[Tensor], Tensor], rows: int) -> Any:
    """`value`, a tensor, or an output or a tuple of such, with `change` made to every tensor in it that has `rows` rows."""
    if isinstance(value, Tensor):
        return change(value) if value.dim() and value.shape[0] == rows else value
    if isinstance(value, ModelOutput):
        return type(value)(**{name: map_rows(item, change, rows) for name, item in value.items()})
    if isinstance(value, tuple):
        return tuple(map_rows(item, change, rows) for item in value)
    return value


def repeat_rows(value: Any, times: int, rows: int) -> Any:
    """`value` with each of its `rows` rows `times` times, side by side; what has other rows stays as it is."""
    return map_rows(value, lambda tensor: tensor.repeat_interleave(times, dim=0), rows)


@dataclass
class BaseModelOutput(ModelOutput):
    """`last_hidden_state` (B, T, D); `hidden_states` L+1 of (B, T, D); `attentions` L of (B, H, T, S)."""

    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPooling(ModelOutput):
    """`BaseModelOutput` with `pooler_output` (B, D): one vector for the whole input."""

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPast(ModelOutput):
    """`BaseModelOutput` with the cache, and for a decoder that looks at an encoder its `cross_attentions`."""

    last_hidden_state: Tensor = ALWAYS
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPoolingAndCrossAttentions(ModelOutput):
    """The output of an encoder that may also act as a decoder (BERT)."""

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class CausalLMOutput(ModelOutput):
    """`logits` (B, T or the kept positions, V); `loss` is a scalar when labels were given."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class MoeModelOutputWithPast(BaseModelOutputWithPast):
    """`BaseModelOutputWithPast` with `router_logits`, the scores of the experts, L of (B * T, experts)."""

    router_logits: Tensors | None = None


@dataclass
class MoeCausalLMOutputWithPast(ModelOutput):
    """`CausalLMOutput` with `router_logits` and `aux_loss`, least where the experts get the same work; `loss` includes it."""

    loss: Tensor | None = None
    aux_loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    router_logits: Tensors | None = None


@dataclass
class Seq2SeqModelOutput(ModelOutput):
    """What an encoder-decoder returns: the decoder's states first, then the encoder's."""

    last_hidden_state: Tensor = ALWAYS
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


@dataclass
class Seq2SeqLMOutput(ModelOutput):
    """`Seq2SeqModelOutput` with `logits` (B, T, V) and `loss`."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


@dataclass
class MaskedLMOutput(ModelOutput):
    """`logits` (B, T, V)."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class SequenceClassifierOutput(ModelOutput):
    """`logits` (B, N)."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class TokenClassifierOutput(ModelOutput):
    """`logits` (B, T, N)."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class MultipleChoiceModelOutput(ModelOutput):
    """`logits` (B, choices)."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class NextSentencePredictorOutput(ModelOutput):
    """`logits` (B, 2): index 0 says that the second sentence follows the first."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class QuestionAnsweringModelOutput(ModelOutput):
    """`start_logits` and `end_logits` (B, T) of the answer span."""

    loss: Tensor | None = None
    start_logits: Tensor = ALWAYS
    end_logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class Seq2SeqSequenceClassifierOutput(ModelOutput):
    """`logits` (B, N), with the states of both halves."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


@dataclass
class Seq2SeqQuestionAnsweringModelOutput(ModelOutput):
    """`start_logits` and `end_logits` (B, T), with the states of both halves."""

    loss: Tensor | None = None
    start_logits: Tensor = ALWAYS
    end_logits: Tensor = ALWAYS
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


@dataclass
class ImageClassifierOutput(ModelOutput):
    """`logits` (B, N)."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class SemanticSegmenterOutput(ModelOutput):
    """`logits` (B, N, y, x) of the places of a grid, mostly coarser than the image."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class DepthEstimatorOutput(ModelOutput):
    """`predicted_depth` (B, Y, X), in the units of the model."""

    loss: Tensor | None = None
    predicted_depth: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class BackboneOutput(ModelOutput):
    """`feature_maps`, one (B, C, Y, X) of each chosen stage; `hidden_states` are those of all stages."""

    feature_maps: Tensors | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class MaskedImageModelingOutput(ModelOutput):
    """`reconstruction` (B, C, Y, X)."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class ImageSuperResolutionOutput(ModelOutput):
    """`reconstruction` (B, C, Y, X), the larger image."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class TextEmbedsOutput(ModelOutput):
    """`text_embeds` (B, projection), a text in the space it shares with images, not normalised."""

    text_embeds: Tensor | None = None
    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class ImageEmbedsOutput(ModelOutput):
    """`image_embeds` (B, projection), an image in the space it shares with texts, not normalised."""

    image_embeds: Tensor | None = None
    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class ContrastiveOutput(ModelOutput):
    """Similarities of images and texts, their normalised vectors, and what the two encoders gave.

    `logits_per_image` (images, texts) and its transpose `logits_per_text`; `text_embeds` and `image_embeds` (B, projection).
    The `pooler_output` of the encoders' outputs is projected, not normalised.
    """

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None
    text_model_output: BaseModelOutputWithPooling | None = None
    vision_model_output: BaseModelOutputWithPooling | None = None

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that hold something, as a plain tuple, the encoders' outputs too."""
        return tuple(value.to_tuple() if isinstance(value, ModelOutput) else value for value in self.values())
