"""Any encoder before any decoder that can look at one (Rothe et al. 2020): BERT before BERT or before GPT-2.

Paper: https://arxiv.org/abs/1907.12461
"""

from typing import Any, ClassVar, Self

from ...core.errors import ConfigError
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.families import config_class


class EncoderDecoderConfig(PreTrainedConfig):
    """The configs of both parts, each of a family's own class; where one is not said, it is BERT's."""

    model_type: ClassVar[str] = "encoder-decoder"

    encoder: Any = None
    decoder: Any = None
    is_encoder_decoder: bool = True
    decoder_start_token_id: int | None = None
    pad_token_id: int | None = None

    def validate(self) -> None:
        looking = {"is_decoder": True, "add_cross_attention": True}
        for name, usual in (("encoder", {}), ("decoder", looking)):
            part = self.__dict__[name]
            self.__dict__[name] = config_of_part(name, {"model_type": "bert", **usual} if part is None else part)
        super().validate()

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """The decoder's config; with `encoder=True` alone, or `decoder=False`, the encoder's."""
        part: PreTrainedConfig = self.encoder if decoder is False or (encoder and not decoder) else self.decoder
        return part

    @classmethod
    def from_encoder_decoder_configs(
        cls, encoder_config: PreTrainedConfig, decoder_config: PreTrainedConfig, **kwargs: Any
    ) -> Self:
        """The config of a model of these parts, of which the second becomes a decoder that looks at an encoder."""
        decoder_config.is_decoder = True
        decoder_config.add_cross_attention = True
        return cls(encoder=encoder_config.to_dict(), decoder=decoder_config.to_dict(), **kwargs)


def config_of_part(name: str, part: Any, whole: str = "EncoderDecoderConfig") -> PreTrainedConfig:
    """The config of a part from what a file holds.

    Raises:
        ConfigError: it is none, or does not say its type. UnknownArchitecture: no family has this type.
    """
    if isinstance(part, PreTrainedConfig):
        return part
    if not isinstance(part, dict) or not isinstance(part.get("model_type"), str):
        raise ConfigError(f"{whole}: {name} is {part!r:.80}; expected a config, or its values with model_type")
    values = {key: value for key, value in part.items() if key != "model_type"}
    return config_class(part["model_type"]).from_dict(values)


TASKS = {"seq2seq-lm": "EncoderDecoderModel"}

__getattr__, __dir__ = lazy(__name__, {"model": ["EncoderDecoderModel"]})
