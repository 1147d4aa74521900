"""What beams cost: beside as many sampled rows, and beside the beam search of the reference."""

import statistics
import tempfile
import time
from importlib import import_module
from typing import Any

from measuring import LLAMA_135M, Options, Row, columns, compare, in_turn, new_process

# The shape of a model of 135 million parameters, whose steps are what a user of beams waits for.
TINY: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip
PROMPT = [5, 17, 300, 41, 7, 600, 23, 9]
KINDS: dict[str, dict[str, Any]] = {
    "beam search": {},
    "beam sampling": {"do_sample": True},
    "diverse beams": {"num_beam_groups": 2, "diversity_penalty": 1.0},
    "constrained beams": {"force_words_ids": [[40, 41, 42], [[50], [51, 52]]]},
}


def random_llama(shape: dict[str, Any]) -> Any:
    """A random Llama, with an end token that it never writes."""
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=1, eos_token_id=2, pad_token_id=0)).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight *= 10
        model.lm_head.weight[2] = 0
    return model


def prompts(batch: int, length: int) -> dict[str, Any]:
    """Rows of `length` tokens, each another."""
    import torch

    ids = torch.tensor([[(token * (row + 1)) % 997 + 3 for token in PROMPT] for row in range(batch)])
    ids = ids.repeat(1, -(-length // len(PROMPT)))[:, :length]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def beside_samples(shape: dict[str, Any], batch: int, beams: int, tokens: int, times: int) -> dict[str, float]:
    """Seconds of a step of each kind of beams, and of as many sampled rows, by turns."""
    model, given = random_llama(shape), prompts(batch, 16)
    kinds = {"samples": {"do_sample": True, "num_return_sequences": beams}}
    kinds |= {name: {"num_beams": beams, **options} for name, options in KINDS.items()}
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(times + 1):
        for name, options in kinds.items():
            start = time.perf_counter()
            written = model.generate(**given, **options, max_new_tokens=tokens)
            taken[name].append((time.perf_counter() - start) / tokens)
            if written.shape[1] != 16 + tokens:
                raise RuntimeError(f"{name} ended early")
    return {name: statistics.median(series[1:]) for name, series in taken.items()}


def search(library: str, folder: str, batch: int, beams: int, length: int, tokens: int) -> dict[str, Any]:
    """Seconds of a beam search, and the tokens."""
    model = import_module(library).AutoModelForCausalLM.from_pretrained(folder)
    given = prompts(batch, length)
    model.generate(**given, num_beams=beams, max_new_tokens=2, do_sample=False)
    start = time.perf_counter()
    written = model.generate(**given, num_beams=beams, max_new_tokens=tokens, do_sample=False)
    return {"seconds": time.perf_counter() - start, "written": written.tolist()}


def save(folder: str, shape: dict[str, Any]) -> None:
    """Write the model that both libraries open."""
    random_llama(shape).save_pretrained(folder)


def measure(options: Options = Options()) -> list[Row]:
    shape, tokens, times = (TINY, 8, 1) if options.quick else (LLAMA_135M, 32, 3)
    rows = []
    for batch, beams in ((1, 4), (4, 4)):
        asked = {"shape": shape, "batch": batch, "beams": beams, "tokens": tokens, "times": times}
        (found,) = in_turn(options.turns, (beside_samples, asked))
        for name in KINDS:
            what = f"a step of {name}, {batch} prompts x {beams}"
            rows.append(compare(what, columns(found, name), columns(found, "samples"), "s", beside="samples", at_most=1.1))
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(save, folder=folder, shape=shape)
        for length in (16, 256):
            shared = {"folder": folder, "batch": 1, "beams": 4, "length": length, "tokens": tokens}
            turns = [(search, {"library": library, **shared}) for library in ("bestiary", "transformers")]
            ours, peer = in_turn(options.turns, *turns)
            if any(result["written"] != ours[0]["written"] for result in ours + peer):
                raise RuntimeError("the two libraries wrote different tokens")
            what = f"4 beams, a prompt of {length}, {tokens} tokens (equal)"
            rows.append(compare(what, columns(ours, "seconds"), columns(peer, "seconds"), "s", at_most=1))
    return rows
