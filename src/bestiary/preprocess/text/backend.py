"""The Rust tokenizer, used without ever changing its settings: safe from any number of threads and after a fork."""

import os

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

_VARIABLE = "TOKENIZERS_PARALLELISM"


class Backend:
    """One Rust tokenizer and the read-only twins that encode differently.

    Padding, truncation and `encode_special_tokens` are settings of a Rust tokenizer, shared by all who use it. So they
    stay off here, and what a call asks for is done on its own results; where that cannot be, a twin is made once.
    """

    def __init__(self, main: Tokenizer) -> None:
        main.no_padding()
        main.no_truncation()
        main.encode_special_tokens = False
        self.main = main
        self._twins: dict[tuple[bool, int | None], Tokenizer] = {}

    def forget_twins(self) -> None:
        """To be called after any change of `main`."""
        self._twins = {}

    def full(self, split_special: bool) -> Tokenizer:
        """The whole tokenizer, or a twin that splits special tokens like other text."""
        return self._twin(split_special, None) if split_special else self.main

    def bare(self, split_special: bool, second: bool) -> Tokenizer:
        """A twin that adds nothing, for the first or the `second` text of a pair, whose tokens have type 1."""
        return self._twin(split_special, int(second))

    def _twin(self, split_special: bool, kind: int | None) -> Tokenizer:
        twin = self._twins.get((split_special, kind))
        if twin is None:
            twin = _twin(self.main)
            if kind is None and self.main.post_processor is not None:
                twin.post_processor = self.main.post_processor
            elif kind is not None:
                twin.post_processor = TemplateProcessing(single=f"$A:{kind}", pair="$A $B", special_tokens=[])
            twin.encode_special_tokens = split_special
            self._twins[split_special, kind] = twin
        return twin

    def __getstate__(self) -> Tokenizer:
        return self.main

    def __setstate__(self, main: Tokenizer) -> None:
        self.__init__(main)  # type: ignore[misc]


def _twin(source: Tokenizer) -> Tokenizer:
    """A tokenizer without post-processor that shares the vocabulary of `source`, so that it costs little memory."""
    twin = Tokenizer(source.model)
    if source.normalizer is not None:
        twin.normalizer = source.normalizer
    if source.pre_tokenizer is not None:
        twin.pre_tokenizer = source.pre_tokenizer
    added = source.get_added_tokens_decoder()
    twin.add_tokens([added[index] for index in sorted(added)])
    if set(twin.get_added_tokens_decoder()) == set(added):
        return twin
    # Added ids with holes between them are not reproduced by adding again; the stored form keeps them.
    whole = Tokenizer.from_str(source.to_str())
    whole.post_processor = None
    return whole


_was: list[str | None] = []


def _before_fork() -> None:
    _was.append(os.environ.get(_VARIABLE))
    os.environ.setdefault(_VARIABLE, "false")


def _after_fork_in_parent() -> None:
    if _was.pop() is None:
        os.environ.pop(_VARIABLE, None)


# A forked child has no Rust threads left and must not wait for them; the package reads this variable, and warns without it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_was.clear)
