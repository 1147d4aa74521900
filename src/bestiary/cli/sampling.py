"""The options of generating commands, as the keywords of `generate`."""

from typing import Annotated, Any

import typer

from ..core.errors import CapacityError

MaxNewTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens to add. By default 256, or as many as fit.")]
Temperature = Annotated[float | None, typer.Option(min=0.0, help="Sample; higher is more varied, 0 takes the likeliest.")]
TopP = Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Sample among the likeliest with this much probability.")]
TopK = Annotated[int | None, typer.Option(min=0, help="Sample among this many of the likeliest.")]
Seed = Annotated[int | None, typer.Option(help="Makes the draws repeatable.")]
DoSample = Annotated[
    bool | None, typer.Option("--do-sample/--greedy", help="Draw tokens, or take the likeliest. By default the checkpoint's.")
]
Stop = Annotated[list[str] | None, typer.Option(help="End when the text holds this; may be repeated.")]


DEFAULT_NEW_TOKENS = 256


def fitting(model: Any, prompt: int) -> int:
    """How many tokens to add to `prompt` tokens when the caller sets no number: the default, or what the context leaves.

    Raises:
        CapacityError: nothing is left.
    """
    limit = None if model.config.is_encoder_decoder else model.context_length()
    if limit is None:
        return DEFAULT_NEW_TOKENS
    if prompt >= limit:
        raise CapacityError(f"{prompt} tokens leave no room for new ones: the model has a context of {limit}; shorten the text")
    new_tokens: int = min(DEFAULT_NEW_TOKENS, limit - prompt)
    return new_tokens


def settings(
    max_new_tokens: int | None,
    temperature: float | None,
    top_p: float | None,
    top_k: int | None,
    seed: int | None,
    do_sample: bool | None,
    stop: list[str] | None,
) -> dict[str, Any]:
    """The options that were set; one that only sampling reads (temperature, top_p, top_k) also sets `do_sample`.

    Raises:
        typer.BadParameter: an option of sampling together with --greedy.
    """
    if temperature == 0:
        temperature, do_sample = None, False
    draws = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    named = [name for name, value in draws.items() if value is not None]
    if named and do_sample is False:
        raise typer.BadParameter(f"--greedy draws nothing, so --{named[0].replace('_', '-')} has no effect; leave one out")
    options = {
        **draws,
        "max_new_tokens": max_new_tokens,
        "seed": seed,
        "do_sample": True if named else do_sample,
        "stop_strings": stop or None,
    }
    return {name: value for name, value in options.items() if value is not None}
