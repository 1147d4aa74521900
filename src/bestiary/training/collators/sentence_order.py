"""`DataCollatorForSOP`: masked words, and whether two segments stand in their order (Lan et al. 2020, ALBERT)."""

from dataclasses import dataclass
from typing import Any

from ...core.errors import InputError
from .language_modeling import DataCollatorForLanguageModeling


@dataclass
class DataCollatorForSOP(DataCollatorForLanguageModeling):
    """`DataCollatorForLanguageModeling` for pairs of segments, whose examples say `sentence_order_label`, 0 or 1."""

    def collate(self, features: list[Any], kind: str) -> Any:
        """The padded batch with `labels` and `sentence_order_label` (B,).

        Raises:
            InputError: examples that say nothing of an order.
        """
        if "sentence_order_label" not in features[0]:
            raise InputError(f"examples hold {', '.join(features[0])}; expected sentence_order_label too, 1 where they swapped")
        return super().collate(features, kind)
