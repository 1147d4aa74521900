"""How the batching engine shares its memory and its time between requests."""

from dataclasses import fields
from typing import Annotated, Any

from ..core.config import PlacedRecord
from ..core.errors import ArgumentError, did_you_mean
from ..core.kinds import SMALLEST, Natural, Range, Whole
from ..nn.row_draws import as_seed


class ContinuousBatchingConfig(PlacedRecord):
    """Settings of `generate_batch` and of the batching manager, under their published names.

    Attributes:
        page_size: tokens of a block of the cache. A request wastes less than one block.
        num_blocks: blocks of the cache; None: as many as the requests can use, if memory allows.
        max_memory_percent: share of the memory that is free now which the cache may take.
        max_batch_tokens: tokens of one pass through the model. Prompts longer than what is left of it are cut in pieces, so
            that nobody who is being answered waits for a whole prompt.
        max_requests_per_batch: requests that are worked on at the same time.
        allow_block_sharing: requests that begin with the same tokens share the blocks that hold them.
        return_logprobs: results say how likely the model found each token.
        seed: for requests that are to be sampled and name none; None draws one from torch's global generator.
        max_queue_size: requests that may wait; one more is refused as busy. 0: no limit.

    Raises:
        ConfigError: a number is out of its range, or no number. ArgumentError: the seed is no whole number.
    """

    page_size: Natural = 64
    num_blocks: Natural | None = None
    max_batch_tokens: Natural = 512
    max_memory_percent: Annotated[float, Range(SMALLEST, 1)] = 0.5
    max_requests_per_batch: Natural = 256
    allow_block_sharing: bool = True
    return_logprobs: bool = False
    seed: "int | None" = None  # quoted: of any size
    max_queue_size: Whole = 1024

    def _may_set(self, name: str, value: Any) -> bool:
        """Nothing but settings."""
        known = [field.name for field in fields(self)]
        raise ArgumentError(f"continuous batching has no setting {name!r:.80}.{did_you_mean(name, known)} Known: {known}")

    def validate(self) -> None:
        """Check each value."""
        if self.seed is not None:
            self.seed = as_seed(self.seed)
        super().validate()

    @classmethod
    def of(cls, config: Any) -> "ContinuousBatchingConfig":
        """`config`, or one made of the dictionary `config`, or the defaults for None.

        Raises:
            ArgumentError: `config` is something else, or has a key that is no setting.
        """
        if config is None or isinstance(config, cls):
            return config or cls()
        if not isinstance(config, dict):
            raise ArgumentError(f"continuous_batching_config is a {type(config).__name__}; expected a {cls.__name__}")
        return cls.from_dict(config)
