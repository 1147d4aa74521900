"""The config of the floor `modeling/rotary_encoder.py`. Needs no torch."""

from .encoder_config import EncoderConfig
from .rotary_config import RotaryConfig


class RotaryEncoderConfig(RotaryConfig, EncoderConfig):
    """Hyperparameters of BERT, and how positions turn (`rope_parameters`)."""

    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        super().validate()
        self.read_rotary()
