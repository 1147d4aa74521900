"""`bestiary chat`: a conversation in the terminal."""

import sys
from typing import Annotated, Any

import typer

from ...core.errors import ConfigError
from .. import console, sampling


def run(
    model: Annotated[str | None, typer.Option(help="Folder or name on the hub of a model made for chats.")] = None,
    system: Annotated[str | None, typer.Option(help="What the model is told before the first message.")] = None,
    max_new_tokens: sampling.MaxNewTokens = None,
    temperature: sampling.Temperature = None,
    top_p: sampling.TopP = None,
    top_k: sampling.TopK = None,
    seed: sampling.Seed = None,
    do_sample: sampling.DoSample = None,
    stop: sampling.Stop = None,
    revision: console.Revision = None,
    device: console.Device = None,
    dtype: console.Dtype = None,
) -> None:
    """Talk with a model. Each line is a message; /reset starts anew, /exit or the end of input ends. Ctrl-C stops a reply."""
    settings = sampling.settings(max_new_tokens, temperature, top_p, top_k, seed, do_sample, stop)
    pipeline = console.open_pipeline("text-generation", model, revision, device, dtype)
    if not pipeline.tokenizer.chat_template:
        raise ConfigError(
            f"{model or 'the embedded model'} has no chat template, so it was not made for chats; "
            "use bestiary generate, or a model whose name says chat or instruct"
        )
    start = [{"role": "system", "content": system}] if system is not None else []
    messages = list(start)
    console.note("/reset starts anew, /exit ends")
    while (line := _read()) is not None and line != "/exit":
        if line == "/reset":
            messages = list(start)
        elif line:
            messages.append({"role": "user", "content": line})
            messages.append({"role": "assistant", "content": _reply(pipeline, messages, settings)})


def _read() -> str | None:
    """The next line without its edges, or None at the end of input."""
    if not console.on_terminal(sys.stdin):
        line = sys.stdin.readline()
        return line.strip() if line else None
    import readline  # noqa: F401 (gives the prompt a history and editing)

    try:
        return input("> ").strip()
    except EOFError:
        return None


def _reply(pipeline: Any, messages: list[dict[str, str]], settings: dict[str, Any]) -> str:
    """Print and return the reply; Ctrl-C keeps what has come until then."""
    if "max_new_tokens" not in settings:
        ids = pipeline.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        settings = {**settings, "max_new_tokens": sampling.fitting(pipeline.model, len(ids))}
    streamer = console.printer(pipeline.tokenizer)
    pieces: list[str] = []
    show = streamer.on_finalized_text

    def keep(text: str, stream_end: bool = False) -> None:
        pieces.append(text)
        show(text, stream_end)

    streamer.on_finalized_text = keep
    try:
        pipeline(messages, streamer=streamer, return_full_text=False, continue_final_message=False, **settings)
    except KeyboardInterrupt:
        console.note("(stopped)")
    console.write("\n")
    return "".join(pieces)
