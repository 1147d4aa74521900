"""What `generate` costs beside the model: against a loop written by hand, over the length, and against the reference."""

import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

from measuring import Options, Row, columns, compare, in_turn, new_process

SMALL: dict[str, Any] = {"vocab_size": 1000, "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2}
SETTINGS: dict[str, Any] = {"repetition_penalty": 1.1, "temperature": 0.8, "top_k": 50, "top_p": 0.95}
PROMPT = [[5, 17, 300, 41, 7, 600, 23, 9]]


def tiny(layers: int, hidden: int) -> Any:
    """A random Llama, with an end token that it never writes."""
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**SMALL, "hidden_size": hidden, "num_hidden_layers": layers, "max_position_embeddings": 2048}
    model = LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=1, eos_token_id=2, pad_token_id=0)).eval()
    with torch.no_grad():
        model.lm_head.weight *= 50
        model.lm_head.weight[2] = 0
    return model


def by_hand(model: Any, tokens: int, processors: list[Any]) -> list[float]:
    """The moments of the start and of each token of the loop that one writes without a library for it."""
    import torch

    from bestiary.cache.kinds.dynamic import DynamicCache

    cache, ids = DynamicCache(), torch.tensor(PROMPT)
    fed, moments = ids, [time.perf_counter()]
    for _ in range(tokens):
        scores = model(input_ids=fed, past_key_values=cache, use_cache=True).logits[:, -1].float()
        for processor in processors:
            scores = processor(ids, scores)
        fed = torch.multinomial(scores.softmax(-1), 1) if processors else scores.argmax(-1, keepdim=True)
        ids = torch.cat([ids, fed], dim=1)
        moments.append(time.perf_counter())
        if fed.item() == 2:
            break
    return moments


class Clock:
    """A streamer that notes when each token comes."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def put(self, tokens: Any) -> None:
        self.moments.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is held back."""


def with_generate(model: Any, tokens: int, settings: dict[str, Any]) -> list[float]:
    """The moments of the start and of each token of `generate`."""
    import torch

    clock = Clock()
    ids = torch.tensor(PROMPT)
    model.generate(ids, max_new_tokens=tokens, do_sample=bool(settings), streamer=clock, **settings)
    return clock.moments


def processors(tokens: int) -> list[Any]:
    """Those that `SETTINGS` and a least number of new tokens ask for, in the order in which `generate` applies them."""
    import bestiary

    return [
        bestiary.RepetitionPenaltyLogitsProcessor(1.1),
        bestiary.MinNewTokensLengthLogitsProcessor(len(PROMPT[0]), tokens, [2]),
        bestiary.TemperatureLogitsWarper(0.8),
        bestiary.TopKLogitsWarper(50),
        bestiary.TopPLogitsWarper(0.95),
    ]


def against_a_loop(layers: int, hidden: int, tokens: int, times: int) -> dict[str, float]:
    """Seconds of a token, and how much longer the last fifth takes than the second, of both loops, by turns."""
    import torch

    model = tiny(layers, hidden)
    kinds: dict[str, Callable[[], list[float]]] = {
        "generate": lambda: with_generate(model, tokens, {}),
        "loop": lambda: by_hand(model, tokens, []),
        "generate, 5 processors": lambda: with_generate(model, tokens, {**SETTINGS, "min_new_tokens": tokens}),
        "loop, 5 processors": lambda: by_hand(model, tokens, processors(tokens)),
    }
    taken: dict[str, list[list[float]]] = {name: [] for name in kinds}
    with torch.no_grad():
        for _ in range(times + 1):
            for name, write in kinds.items():
                taken[name].append([later - before for before, later in pairwise(write())])
    found = {}
    fifth = tokens // 5  # and the first time of each kind only warms up
    for name, (_, *series) in taken.items():
        if any(len(one) != tokens for one in series):
            raise RuntimeError(f"{name} ended early")
        found[name] = statistics.median(sum(one) / tokens for one in series)
        early, late = (
            [step for one in series for step in one[part]] for part in (slice(fifth, 2 * fifth), slice(-fifth, None))
        )
        found[f"{name}, slope"] = statistics.median(late) / statistics.median(early)
    return found


def speed(library: str, folder: str, tokens: int, times: int) -> dict[str, Any]:
    """Tokens per second of greedy decoding, and the tokens."""
    import torch

    auto = import_module(library).AutoModelForCausalLM
    model = auto.from_pretrained(folder)
    ids = torch.tensor(PROMPT)
    options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": tokens, "do_sample": False}
    written = model.generate(ids, **options)
    rates = []
    for _ in range(times):
        start = time.perf_counter()
        model.generate(ids, **options)
        rates.append(tokens / (time.perf_counter() - start))
    return {"rate": statistics.median(rates), "written": written.tolist()}


def save(folder: str) -> None:
    """Write the model that both libraries open."""
    tiny(layers=2, hidden=64).save_pretrained(folder)


def measure(options: Options = Options()) -> list[Row]:
    tokens, times = (50, 1) if options.quick else (500, 3)
    (found,) = in_turn(options.turns, (against_a_loop, {"layers": 1, "hidden": 16, "tokens": tokens, "times": times}))
    rows = []
    for also in ("", ", 5 processors"):
        pair = (columns(found, f"generate{also}"), columns(found, f"loop{also}"))
        what = f"a token, 1 layer of width 16, {tokens} tokens{also}"
        rows.append(compare(what, *pair, "s", beside="loop by hand", at_most=1.2))
    for also in ("", ", 5 processors"):
        pair = (columns(found, f"generate{also}, slope"), columns(found, f"loop{also}, slope"))
        what = f"time of the last fifth of {tokens} tokens over the second{also}"
        rows.append(compare(what, *pair, "x", beside="loop by hand", at_most=1.1))
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(save, folder=folder)
        shared = {"folder": folder, "tokens": 200, "times": times}
        turns = in_turn(
            options.turns, (speed, {"library": "bestiary", **shared}), (speed, {"library": "transformers", **shared})
        )
    ours, peer = turns
    if any(result["written"] != ours[0]["written"] for result in ours + peer):
        raise RuntimeError("the two libraries wrote different tokens")
    what = "greedy, 2 layers of width 64, 200 tokens (equal)"
    rows.append(compare(what, columns(ours, "rate"), columns(peer, "rate"), "tokens/s", at_least=1.5))
    return rows
