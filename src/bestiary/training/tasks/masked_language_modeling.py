"""Language models that find tokens which were hidden."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..collators.language_modeling import DataCollatorForLanguageModeling
from ..data_files import Rows
from ..language_task import best_tokens, block_size_of, grouped, texts_of, token_accuracy
from ..task import Features, Metrics, Task

TASK = "MaskedLanguageModeling"


@dataclass
class MaskedLanguageModeling(Task):
    """Texts, of which some tokens are hidden anew in every epoch."""

    model_class: ClassVar[str] = "AutoModelForMaskedLM"

    text_column_name: str | None = HfArg(default=None, help="The column of texts; by default text, or the first")
    max_seq_length: int | None = HfArg(default=None, help="Tokens of a row; by default what the model takes, up to 1024")
    line_by_line: bool = HfArg(default=False, help="Each text is a row of its own; else they are put together and cut")
    mlm_probability: float = HfArg(default=0.15, help="The part of the tokens that is hidden")
    whole_word_mask: bool = HfArg(default=False, help="Hide all tokens of a word, or none")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens, and which of them are special.

        Raises:
            ArgumentError: the texts are shorter than one row.
        """
        size = block_size_of(self.max_seq_length, preprocessor, config)
        texts = [text for text in texts_of(rows, self.text_column_name) if text.strip()]
        cut: dict[str, Any] = {"truncation": True, "max_length": size} if self.line_by_line else {"verbose": False}
        if self.line_by_line and self.whole_word_mask:
            cut["padding"] = "max_length"  # places of words in the text are no tokens, which a collator could fill up
        wanted = {"return_special_tokens_mask": True, "return_token_type_ids": False}
        encoded = preprocessor(texts, return_offsets_mapping=self.whole_word_mask, **wanted, **cut)
        if self.line_by_line:
            return [{name: column[place] for name, column in encoded.items()} for place in range(len(texts))]
        columns = {name: list(grouped(column, size)) for name, column in encoded.items()}
        blocks = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        if not blocks:
            raise ArgumentError(f"the texts are shorter than a row of {size} tokens; pass max_seq_length, or line_by_line")
        return blocks

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads, and hides tokens."""
        whole = self.whole_word_mask  # whose tokens all become mask tokens
        return DataCollatorForLanguageModeling(
            preprocessor,
            mlm_probability=self.mlm_probability,
            whole_word_mask=whole,
            mask_replace_prob=1.0 if whole else 0.8,
            random_replace_prob=0.0 if whole else 0.1,
        )

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """The share of hidden tokens that were found."""
        return lambda prediction: token_accuracy(prediction, shift=0)

    def preprocess_logits(self) -> Callable[[Any, Any], Any]:
        """Only the likeliest tokens."""
        return best_tokens
