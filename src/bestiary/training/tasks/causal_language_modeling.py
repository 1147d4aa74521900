"""Language models that foretell the next token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..collators.default import default_data_collator
from ..data_files import Rows
from ..language_task import best_tokens, block_size_of, grouped, texts_of, token_accuracy
from ..task import Features, Metrics, Task

TASK = "CausalLanguageModeling"


@dataclass
class CausalLanguageModeling(Task):
    """Texts, which are put one after the other and cut, so that nothing is filled up."""

    model_class: ClassVar[str] = "AutoModelForCausalLM"

    text_column_name: str | None = HfArg(default=None, help="The column of texts; by default text, or the first")
    block_size: int | None = HfArg(default=None, help="Tokens of a row; by default what the model takes, up to 1024")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Rows of `block_size` tokens, which are their own labels: the model shifts them.

        Raises:
            ArgumentError: the texts are shorter than one row.
        """
        size = block_size_of(self.block_size, preprocessor, config)
        ids = preprocessor(texts_of(rows, self.text_column_name), verbose=False)["input_ids"]
        blocks = [{"input_ids": block, "attention_mask": [1] * size, "labels": list(block)} for block in grouped(ids, size)]
        if not blocks:
            raise ArgumentError(
                f"the texts have {sum(map(len, ids))} tokens, which is less than a row of {size}; pass block_size"
            )
        return blocks

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """All rows are of one length."""
        return default_data_collator

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """The share of tokens that were foretold."""
        return lambda prediction: token_accuracy(prediction, shift=1)

    def preprocess_logits(self) -> Callable[[Any, Any], Any]:
        """Only the likeliest tokens."""
        return best_tokens
