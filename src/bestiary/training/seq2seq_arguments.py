"""`Seq2SeqTrainingArguments`: the choices of a training whose evaluations generate."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from ..core.argument_parser import HfArg
from ..core.logging import warn_once
from ..generation.config import GenerationConfig
from .arguments import TrainingArguments


@dataclass(repr=False)
class Seq2SeqTrainingArguments(TrainingArguments):
    """`TrainingArguments`, and how `Seq2SeqTrainer` generates when it evaluates and predicts."""

    _: KW_ONLY
    sortish_sampler: bool = HfArg(default=False, help="Without effect, as published; see train_sampling_strategy")
    predict_with_generate: bool = HfArg(default=False, help="Predictions are generated tokens, not logits")
    generation_max_length: int | None = HfArg(default=None, help="Longest row that is generated; by default as the model says")
    generation_num_beams: int | None = HfArg(default=None, help="Beams of the generation; by default as the model says")
    generation_config: str | Path | GenerationConfig | None = HfArg(
        default=None, help="Settings of generation that replace the model's: a file, a folder or a name on the hub"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sortish_sampler:
            warn_once(
                "no-choice",
                "sortish_sampler has no effect; train_sampling_strategy='group_by_length' puts rows of a length together",
                "sortish_sampler",
            )

    def to_dict(self) -> dict[str, Any]:
        """All fields; choices as their words, settings of generation as a dictionary or the path of one, secrets hidden."""
        values = super().to_dict()
        settings = self.generation_config
        if settings is not None:
            values["generation_config"] = settings.to_dict() if isinstance(settings, GenerationConfig) else str(settings)
        return values
