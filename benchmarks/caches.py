"""What kinds of caches cost beside the default one, in time and memory, and what a store of prefixes saves in a dialogue."""

import time
from typing import Any

from measuring import Options, Row, columns, compare, in_turn

SHAPE: dict[str, Any] = {
    "vocab_size": 2000,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 16384,
}
KINDS: dict[str, dict[str, Any]] = {
    "static": {},
    "offloaded": {},
    "quantized": {"nbits": 4},
    "sink": {"window_length": 512, "num_sink_tokens": 4},
}


def model_of(layers: int, hidden: int) -> Any:
    """A random Llama."""
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**SHAPE, "hidden_size": hidden, "intermediate_size": 4 * hidden, "num_hidden_layers": layers}
    return LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=1, eos_token_id=None, pad_token_id=0)).eval()


def dialogue(layers: int, hidden: int, system: int, turns: int, stored: bool) -> dict[str, float]:
    """Seconds of a dialogue of `turns` turns after a text of `system` tokens, and the tokens of prompts that were computed."""
    import torch

    from bestiary.cache import PrefixStore

    model = model_of(layers, hidden)
    options = {"prefix_store": PrefixStore(1 << 30)} if stored else {}
    draw = torch.Generator().manual_seed(1)
    talk = torch.randint(5, 2000, (1, system), generator=draw)
    computed = new = 0
    start = time.perf_counter()
    for _ in range(turns):
        words = torch.randint(5, 2000, (1, 30), generator=draw)
        talk = torch.cat([talk, words], dim=1)
        out = model.generate(talk, max_new_tokens=20, return_dict_in_generate=True, **options)
        computed += talk.shape[1] - (out.prefix_reused[0] if stored else 0)
        new += words.shape[1]
        talk = out.sequences
    return {"seconds": time.perf_counter() - start, "computed": computed / (new + system), "last": float(talk.sum())}


def one_kind(layers: int, hidden: int, prompt: int, tokens: int, kind: str, options: dict[str, Any]) -> dict[str, float]:
    """Tokens per second behind a prompt of `prompt` tokens, and the bytes that the cache holds at the end."""
    import torch

    model = model_of(layers, hidden)
    ids = torch.randint(5, 2000, (1, prompt), generator=torch.Generator().manual_seed(1))
    call = {"cache_implementation": kind, "cache_config": options, "prefill_chunk_size": 256, "return_dict_in_generate": True}
    model.generate(ids[:, :40], max_new_tokens=3, **call)
    moments, out = [], None
    for count in (1, 1 + tokens):
        start = time.perf_counter()
        out = model.generate(ids, max_new_tokens=count, **call)
        moments.append(time.perf_counter() - start)
    assert out is not None
    return {"rate": tokens / (moments[1] - moments[0]), "bytes": out.past_key_values.nbytes()}


def look(layers: int, hidden: int) -> dict[str, float]:
    """Seconds to know a model by its weights, and of one step of decoding."""
    import torch

    from bestiary.cache import DynamicCache, fingerprint

    model, cache = model_of(layers, hidden), DynamicCache()
    ids = torch.tensor([[5]])
    with torch.no_grad():
        taken: dict[str, float] = {}
        for name, call in (("look", lambda: fingerprint(model)), ("step", lambda: model(ids, past_key_values=cache))):
            call()
            start = time.perf_counter()
            for _ in range(5):
                call()
            taken[name] = (time.perf_counter() - start) / 5
    return taken


def measure(options: Options) -> list[Row]:
    """The rows of this benchmark."""
    layers, hidden, prompt, tokens = (2, 64, 300, 20) if options.quick else (12, 512, 2000, 60)
    shape = {"layers": layers, "hidden": hidden}
    size = f"{layers} layers of width {hidden}"
    talk = {**shape, "system": prompt, "turns": 3 if options.quick else 10}
    warm, cold = in_turn(options.turns, (dialogue, {**talk, "stored": True}), (dialogue, {**talk, "stored": False}))
    if any(result["last"] != warm[0]["last"] for result in warm + cold):
        raise RuntimeError("the store changed the tokens")
    what = f"dialogue of {talk['turns']} turns after {prompt} tokens, {size}"
    rows = [
        compare(f"{what}: time with a PrefixStore", columns(warm, "seconds"), columns(cold, "seconds"), "s", beside="cold"),
        compare(
            f"{what}: tokens of prompts computed, over those that are new",
            columns(warm, "computed"),
            columns(cold, "computed"),
            "x",
            beside="cold",
        ),
    ]
    (looks,) = in_turn(options.turns, (look, shape))
    what = f"to know a model by its weights, {size}"
    rows.append(compare(what, columns(looks, "look"), columns(looks, "step"), "s", beside="a step of decoding", at_most=2))
    run = {**shape, "prompt": prompt, "tokens": tokens}
    for kind, chosen in KINDS.items():
        calls = [(one_kind, {**run, "kind": name, "options": given}) for name, given in ((kind, chosen), ("dynamic", {}))]
        ours, plain = in_turn(options.turns, *calls)
        what = f"{kind} cache behind {prompt} tokens, {size}"
        rows.append(compare(what, columns(ours, "rate"), columns(plain, "rate"), "tokens/s", beside="dynamic"))
        rows.append(compare(f"{what}: memory", columns(ours, "bytes"), columns(plain, "bytes"), "B", beside="dynamic"))
    return rows
