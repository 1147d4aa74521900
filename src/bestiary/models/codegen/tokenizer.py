"""CodeGen's tokenizer: GPT-2's, whose `decode` may cut a program where it ends."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from ..gpt2.tokenizer import GPT2Tokenizer


class CodeGenTokenizer(GPT2Tokenizer):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `add_bos_token`, `add_eos_token`;
    `return_token_type_ids` (give them unless a call says otherwise).
    """

    defaults: ClassVar[dict[str, Any]] = {**GPT2Tokenizer.defaults, "pad_token": None, "return_token_type_ids": False}

    def _set_options(self, settings: dict[str, Any]) -> None:
        super()._set_options(settings)
        if settings["return_token_type_ids"] and "token_type_ids" not in self.model_input_names:
            self.model_input_names = [*self.model_input_names, "token_type_ids"]

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool = False,
        *,
        truncate_before_pattern: Sequence[str] | None = None,
    ) -> Any:
        """As of every tokenizer.

        Args:
            truncate_before_pattern: regular expressions by which `truncate` cuts the text.
        """
        text = super().decode(token_ids, skip_special_tokens, clean_up_tokenization_spaces, spaces_between_special_tokens)
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
