"""What a model that generates does with `constraint`."""

from typing import Any

from ..core.errors import ArgumentError, ConfigError
from ..generation.model import GeneratingModel
from ..generation.processor import LogitsProcessor
from .engine import vocabulary
from .forms import as_constraint
from .processor import ConstraintLogitsProcessor


class StructuredMixin:
    """Makes the processor of a `constraint` that `generate` or a request of a batch brought."""

    def constraint_processor(
        self: GeneratingModel,
        constraint: Any,
        tokenizer: Any,
        eos: list[int],
        prompt_length: int,
        prompts: int,
        copies: int,
        moving: bool,
    ) -> LogitsProcessor:
        """The processor that leaves each row only tokens by which its text can still meet the constraint.

        Args:
            eos: ids of the end token. prompt_length: tokens before the first new one.
            constraint: one for all `prompts`, or a list with one for each (None: free), each of which has `copies` rows.
            moving: whether rows of one prompt take over each other's tokens.

        Raises:
            ArgumentError: the tokenizer is missing, or there are not as many constraints as prompts.
            ConfigError: a constraint cannot be kept or met, or there is no end token.
        """
        if tokenizer is None:
            raise ArgumentError("constraint needs the tokenizer: pass tokenizer=")
        if not eos:
            raise ConfigError("constraint needs an end token, by which a whole answer ends, and eos_token_id is None")
        constraints = list(constraint) if isinstance(constraint, list | tuple) else [constraint] * prompts
        if len(constraints) != prompts:
            raise ArgumentError(f"constraint holds {len(constraints)} constraints for {prompts} prompts; expected one for each")
        compiler = vocabulary(tokenizer, self.config.get_text_config(decoder=True).vocab_size, tuple(eos))
        different = {id(one): one for one in constraints if one is not None}
        compiled = {key: compiler.compile(as_constraint(one).grammar()) for key, one in different.items()}
        matchers = [compiled.get(id(one)) for one in constraints for _ in range(copies)]
        return ConstraintLogitsProcessor(matchers, prompt_length, copies if moving else 1, eos)
