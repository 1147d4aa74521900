"""The options of generating commands, as the keywords of `generate`."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..core.errors import CapacityError

DEFAULT_NEW_TOKENS = 256


@dataclass(kw_only=True)
class Sampling:
    """How much is written, and how tokens are chosen."""

    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max-new-tokens", "-n", min=1, help="Most tokens to add. By default 256, or as many as fit."),
    ] = None
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="Sample; higher is more varied, 0 takes the likeliest.")
    ] = None
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Sample among the likeliest with this much probability.")
    ] = None
    top_k: Annotated[int | None, typer.Option(min=0, help="Sample among this many of the likeliest.")] = None
    seed: Annotated[int | None, typer.Option(help="Makes the draws repeatable.")] = None
    do_sample: Annotated[
        bool | None,
        typer.Option("--do-sample/--greedy", help="Draw tokens, or take the likeliest. By default the checkpoint's."),
    ] = None
    stop: Annotated[list[str] | None, typer.Option(help="End when the text holds this; may be repeated.")] = None

    def keywords(self) -> dict[str, Any]:
        """The options that were set; one that only sampling reads (temperature, top_p, top_k) also sets `do_sample`.

        Raises:
            typer.BadParameter: an option of sampling together with --greedy.
        """
        temperature, do_sample = (None, False) if self.temperature == 0 else (self.temperature, self.do_sample)
        draws = {"temperature": temperature, "top_p": self.top_p, "top_k": self.top_k}
        named = [name for name, value in draws.items() if value is not None]
        if named and do_sample is False:
            raise typer.BadParameter(f"--greedy draws nothing, so --{named[0].replace('_', '-')} has no effect; leave one out")
        options = {
            **draws,
            "max_new_tokens": self.max_new_tokens,
            "seed": self.seed,
            "do_sample": True if named else do_sample,
            "stop_strings": self.stop or None,
        }
        return {name: value for name, value in options.items() if value is not None}


def fitting(model: Any, prompt: int) -> int:
    """How many tokens to add to `prompt` tokens when the caller sets no number: the default, or what the context leaves.

    Raises:
        CapacityError: nothing is left.
    """
    limit = context(model)
    if limit is None:
        return DEFAULT_NEW_TOKENS
    if prompt >= limit:
        raise CapacityError(f"{prompt} tokens leave no room for new ones: the model has a context of {limit}; shorten the text")
    return min(DEFAULT_NEW_TOKENS, limit - prompt)


def context(model: Any) -> int | None:
    """Tokens that prompt and answer may have together; None where they do not share a context, or it has no end."""
    length: int | None = None if model.config.is_encoder_decoder else model.context_length()
    return length
