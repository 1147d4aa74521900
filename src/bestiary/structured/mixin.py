"""What a model that generates does with `constraint`."""

from typing import Any

from ..generation.processor import Context, LogitsProcessor
from .processor import constrain


class StructuredMixin:
    """Makes the processor of a `constraint` that `generate` or a request of a batch brought."""

    def constraint_processor(
        self, constraint: Any, tokenizer: Any, context: Context, prompts: int, copies: int, moving: bool
    ) -> LogitsProcessor:
        """The processor that leaves each row only tokens by which its text can still meet the constraint: see `constrain`."""
        return constrain(constraint, tokenizer, context, prompts, copies, moving)
