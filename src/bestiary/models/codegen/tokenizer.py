"""CodeGen's tokenizer: GPT-2's, whose `decode` may cut a program where it ends."""

import re
from collections.abc import Sequence
from typing import Any

from ..gpt2.tokenizer import GPT2Tokenizer


class CodeGenTokenizer(GPT2Tokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `add_bos_token`, `add_eos_token`.
    """

    def decode(self, token_ids: Any, *args: Any, truncate_before_pattern: Sequence[str] | None = None, **options: Any) -> Any:
        """As of every tokenizer.

        Args:
            truncate_before_pattern: regular expressions by which `truncate` cuts the text.
        """
        text = super().decode(token_ids, *args, **options)
        if not truncate_before_pattern:
            return text
        if isinstance(text, list):
            return [self.truncate(each, truncate_before_pattern) for each in text]
        return self.truncate(text, truncate_before_pattern)

    def truncate(self, completion: str, truncate_before_pattern: Sequence[str]) -> str:
        """A program up to the second line that prints, to the second definition, and to the first match of a pattern."""
        for statement in ("^print", "^def"):
            starts = [match.start() for match in re.finditer(statement, completion, re.MULTILINE)]
            completion = completion[: starts[1]] if len(starts) > 1 else completion
        matches = (re.search(pattern, completion, re.MULTILINE) for pattern in truncate_before_pattern)
        return completion[: min((match.start() for match in matches if match), default=len(completion))]


CodeGenTokenizerFast = CodeGenTokenizer
