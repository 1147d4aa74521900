"""SQuAD as rows for a `Trainer`."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from .glue import Split
from .squad_examples import SquadV1Processor, SquadV2Processor
from .squad_features import SquadFeatures, squad_convert_examples_to_features

_WITHOUT_TYPES = ("xlm", "roberta", "distilbert", "camembert")
_RANKING = ("xlnet", "xlm")


@dataclass
class SquadDataTrainingArguments:
    """What is read of SQuAD. Nothing is kept on disk, so that `overwrite_cache` has nothing to write over."""

    model_type: str | None = HfArg(default=None, help="Of the model, which decides what rows hold")
    data_dir: str | None = HfArg(default=None, help="Folder of the JSON files")
    max_seq_length: int = HfArg(default=128, help="Tokens of a window")
    doc_stride: int = HfArg(default=128, help="Tokens from one window to the next")
    max_query_length: int = HfArg(default=64, help="Tokens of a question; more are cut")
    max_answer_length: int = HfArg(default=30, help="The longest answer in tokens")
    overwrite_cache: bool = HfArg(default=False, help="Of older scripts: rows are tokenized anew each time")
    version_2_with_negative: bool = HfArg(default=False, help="Some questions have no answer")
    null_score_diff_threshold: float = HfArg(default=0.0, help="How much better no answer has to score")
    n_best_size: int = HfArg(default=20, help="Answers to consider")
    lang_id: int = HfArg(default=0, help="The language of the texts, of models that take one (XLM)")
    threads: int = HfArg(default=1, help="Of older scripts: tokenizers have their own threads")


class SquadDataset(Dataset[dict[str, Any]]):
    """The windows of a part of the data set.

    Args:
        args: folder, version and lengths. limit_length: only windows of so many questions. mode: train or dev.
        is_language_sensitive: rows get `langs`. cache_dir: of older scripts. dataset_format: "pt".

    Raises:
        ArgumentError: no such part or format. FileMissing: the file is not there.
    """

    def __init__(
        self,
        args: SquadDataTrainingArguments,
        tokenizer: Any,
        limit_length: int | None = None,
        mode: str | Split = Split.train,
        is_language_sensitive: bool | None = False,
        cache_dir: str | None = None,
        dataset_format: str | None = "pt",
    ) -> None:
        name = mode.value if isinstance(mode, Split) else mode
        if name not in ("train", "dev") or dataset_format != "pt":
            raise ArgumentError(f"mode is {mode!r:.40}, dataset_format {dataset_format!r:.40}; expected train or dev, and 'pt'")
        self.args, self.mode, self.is_language_sensitive = args, Split(name), is_language_sensitive
        self.processor = SquadV2Processor() if args.version_2_with_negative else SquadV1Processor()
        read = self.processor.get_train_examples if name == "train" else self.processor.get_dev_examples
        self.examples = read(args.data_dir)[:limit_length]
        self.features: list[SquadFeatures] = squad_convert_examples_to_features(
            self.examples, tokenizer, args.max_seq_length, args.doc_stride, args.max_query_length, name == "train"
        )

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, i: int) -> dict[str, Any]:
        feature, kind = self.features[i], self.args.model_type
        names = ["input_ids", "attention_mask"] + ([] if kind in _WITHOUT_TYPES else ["token_type_ids"])
        row = {name: torch.tensor(vars(feature)[name]) for name in names}
        if kind in _RANKING:
            row |= {"cls_index": torch.tensor(feature.cls_index), "p_mask": torch.tensor(feature.p_mask, dtype=torch.float)}
            if self.args.version_2_with_negative:
                row["is_impossible"] = torch.tensor(feature.is_impossible, dtype=torch.float)
            if self.is_language_sensitive:
                row["langs"] = torch.full_like(row["input_ids"], self.args.lang_id)
        if self.mode is Split.train:
            row |= {
                "start_positions": torch.tensor(feature.start_position),
                "end_positions": torch.tensor(feature.end_position),
            }
        return row
