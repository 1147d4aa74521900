"""What it costs that an answer keeps a form, that rows draw by seeds of their own, and that logits are reproducible."""

import random
import statistics
import time
from typing import Any

from measuring import Options, Row, columns, compare, in_turn

# Sizes of a 135 M Llama, and of one for trying things out.
MIDDLE: dict[str, Any] = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
}  # fmt: skip
SMALL: dict[str, Any] = {**MIDDLE, "num_hidden_layers": 2}
VOCABULARY = 49152
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
        "size": {"type": "object", "properties": {"width": {"type": "number"}, "height": {"type": "number"}}},
        "kind": {"enum": ["circle", "square", "triangle"]},
    },
    "required": ["name", "tags", "size", "kind"],
    "additionalProperties": False,
}


def tokenizer() -> Any:
    """A byte-level vocabulary of 49,152 tokens, made of random merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

    draw = random.Random(0)
    tokens = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary, merges = {token: index for index, token in enumerate(tokens)}, []
    usual = [token for token in tokens if token.isascii()] + ["Ġ"] * 8
    while len(vocabulary) < VOCABULARY - 2:
        left, right = draw.choice(usual), draw.choice(usual)
        if left + right not in vocabulary and len(left + right) <= 12:
            vocabulary[left + right] = len(vocabulary)
            merges.append((left, right))
            usual.append(left + right)
    made = Tokenizer(models.BPE(vocabulary, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<s>", "</s>"])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>")


def model(shape: dict[str, Any]) -> Any:
    """A random Llama."""
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**shape, vocab_size=VOCABULARY, max_position_embeddings=2048, eos_token_id=VOCABULARY - 1)
    return LlamaForCausalLM(config).eval()


def masks(shape: dict[str, Any], batch: int, tokens: int) -> dict[str, float]:
    """Seconds of a step, and of the part of it that the constraint takes; the first steps only warm up."""
    import torch

    from bestiary.structured import JsonSchema
    from bestiary.structured.processor import ConstraintLogitsProcessor

    taken: list[float] = []
    call = ConstraintLogitsProcessor.__call__

    def timed(self: Any, ids: Any, scores: Any) -> Any:
        start = time.perf_counter()
        result = call(self, ids, scores)
        taken.append(time.perf_counter() - start)
        return result

    ConstraintLogitsProcessor.__call__ = timed  # type: ignore[method-assign]
    prompts = torch.randint(0, VOCABULARY - 2, (batch, 8), generator=torch.Generator().manual_seed(0))
    made, names = model(shape), tokenizer()
    options = {"constraint": JsonSchema(SCHEMA), "tokenizer": names, "do_sample": True, "seed": list(range(batch))}
    made.generate(prompts, max_new_tokens=2, **options)
    taken.clear()
    start = time.perf_counter()
    made.generate(prompts, max_new_tokens=tokens, **options)
    whole = time.perf_counter() - start
    return {"mask": statistics.mean(taken), "step": whole / len(taken)}


def draws(shape: dict[str, Any], batch: int, tokens: int, times: int) -> dict[str, float]:
    """Seconds of a step with one generator, with seeds by row, and greedy in reproducible mode and without, by turns."""
    import torch

    prompts = torch.randint(0, VOCABULARY - 2, (batch, 8), generator=torch.Generator().manual_seed(0))
    made = model(shape)
    ways: dict[str, dict[str, Any]] = {
        "generator": {"do_sample": True, "generator": torch.Generator().manual_seed(0)},
        "seeds": {"do_sample": True, "seed": list(range(batch))},
        "greedy": {},
        "reproducible": {"reproducible": True},
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times + 1):
        for name, options in ways.items():
            start = time.perf_counter()
            made.generate(prompts, max_new_tokens=tokens, min_new_tokens=tokens, **options)
            taken[name].append((time.perf_counter() - start) / tokens)
    return {name: statistics.median(series[1:]) for name, series in taken.items()}


def measure(options: Options = Options()) -> list[Row]:
    shape, tokens, times = (SMALL, 8, 1) if options.quick else (MIDDLE, 40, 3)
    what = f"{shape['num_hidden_layers']} layers of width 576, {VOCABULARY:,} tokens"
    rows = []
    for batch in (1, 8) if options.quick else (1, 8, 32):
        (found,) = in_turn(options.turns, (masks, {"shape": shape, "batch": batch, "tokens": tokens}))
        pair = columns(found, "mask"), columns(found, "step")
        rows.append(compare(f"mask of a JSON schema, batch {batch}, {what}", *pair, "s", beside="whole step", at_most=0.1))
    for batch in (1, 8):
        (found,) = in_turn(options.turns, (draws, {"shape": shape, "batch": batch, "tokens": tokens, "times": times}))
        pair = columns(found, "seeds"), columns(found, "generator")
        rows.append(
            compare(f"a drawn token, a seed for each row, batch {batch}", *pair, "s", beside="one generator", at_most=1.05)
        )
        pair = columns(found, "reproducible"), columns(found, "greedy")
        rows.append(compare(f"a token in reproducible mode, batch {batch}", *pair, "s", beside="greedy"))
    return rows
