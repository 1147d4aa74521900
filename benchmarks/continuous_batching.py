"""64 requests of mixed length: `generate_batch` beside the reference's padded batches of 8 and its own continuous batching."""

import random
import tempfile
import time
from typing import Any

from measuring import LLAMA_135M, Options, Row, columns, compare, in_turn, new_process

TINY = {**LLAMA_135M, "vocab_size": 512, "hidden_size": 72, "intermediate_size": 96, "num_hidden_layers": 2}


def save(folder: str, quick: bool) -> None:
    """Write a random Llama of 135 M parameters that both libraries open; it has no end token."""
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        **(TINY if quick else LLAMA_135M), bos_token_id=1, eos_token_id=None, pad_token_id=0, initializer_range=0.1
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def requests(quick: bool) -> tuple[list[list[int]], list[int]]:
    """The prompts, and how many tokens each is to get."""
    draw = random.Random(0)
    count, longest = (8, 12) if quick else (64, 128)
    prompts = [[draw.randrange(3, 500) for _ in range(draw.randrange(8, longest))] for _ in range(count)]
    return prompts, [draw.randrange(8, 2 * longest) for _ in prompts]


def ours(folder: str, quick: bool, kind: str = "fp32") -> dict[str, Any]:
    """Seconds and answers of `generate_batch`. kind: "fp32", "int8" or "int4"."""
    from bestiary import AutoModelForCausalLM, BitsAndBytesConfig

    few: dict[str, Any] = {"load_in_8bit": True, "llm_int8_threshold": 0.0} if kind == "int8" else {"load_in_4bit": True}
    few |= {"llm_int8_skip_modules": []} if kind == "int8" else {"bnb_4bit_quant_type": "int4", "llm_int8_skip_modules": []}
    settings = {} if kind == "fp32" else {"quantization_config": BitsAndBytesConfig(**few)}
    model = AutoModelForCausalLM.from_pretrained(folder, **settings)
    prompts, lengths = requests(quick)
    asked = [{"input_ids": prompt, "max_new_tokens": length} for prompt, length in zip(prompts, lengths, strict=True)]
    model.generate_batch([prompts[0]], max_new_tokens=2)
    start = time.perf_counter()
    results = model.generate_batch(asked)
    return {"seconds": time.perf_counter() - start, "answers": [result.generated_tokens for result in results.values()]}


def padded_batches(folder: str, quick: bool) -> dict[str, Any]:
    """Seconds and answers of the reference's `generate`, 8 prompts at a time, padded on the left; each runs to its longest."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    prompts, lengths = requests(quick)
    model.generate(torch.tensor([prompts[0]]), max_new_tokens=2, do_sample=False)
    answers: list[list[int]] = []
    start = time.perf_counter()
    for at in range(0, len(prompts), 8):
        batch, wanted = prompts[at : at + 8], lengths[at : at + 8]
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in batch])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch])
        made = model.generate(ids, attention_mask=mask, max_new_tokens=max(wanted), do_sample=False)[:, width:]
        answers += [row[:length] for row, length in zip(made.tolist(), wanted, strict=True)]
    return {"seconds": time.perf_counter() - start, "answers": answers}


def its_batching(folder: str, quick: bool) -> dict[str, Any]:
    """Seconds and answers of the reference's continuous batching, with blocks for all requests at once."""
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.generation import ContinuousBatchingConfig

    model = AutoModelForCausalLM.from_pretrained(folder)
    prompts, lengths = requests(quick)
    settings = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0)
    config = ContinuousBatchingConfig(page_size=64, num_blocks=64 * 8, max_batch_tokens=512)
    manager = model.init_continuous_batching(generation_config=settings, continuous_batching_config=config)
    manager.start()
    start = time.perf_counter()
    names = [manager.add_request(prompt, max_new_tokens=length) for prompt, length in zip(prompts, lengths, strict=True)]
    found = {result.request_id: result.generated_tokens for result in (manager.get_result() for _ in names)}
    taken = time.perf_counter() - start
    manager.stop(block=True)
    return {"seconds": taken, "answers": [found[name] for name in names]}


def measure(options: Options = Options()) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(save, folder=folder, quick=options.quick)
        shared = {"folder": folder, "quick": options.quick}
        few = ((ours, {**shared, "kind": kind}) for kind in ("int8", "int4"))
        calls = ((ours, shared), (padded_batches, shared), (its_batching, shared), *few)
        mine, padded, batched, int8, int4 = in_turn(min(options.turns, 3), *calls)
    answers = mine[0]["answers"]
    sides = (mine, padded, batched, int8, int4)
    rates = [[sum(map(len, answers)) / seconds for seconds in columns(side, "seconds")] for side in sides]
    size = "tiny" if options.quick else "135 M"
    what = f"{len(answers)} requests of mixed length, Llama of {size} in {{}}, greedy"
    fp32, padding = what.format("fp32"), "reference fp32, padded batches of 8"
    rows = [
        compare(fp32, rates[0], rates[1], "tokens/s", beside=padding, at_least=4),
        compare(fp32, rates[0], rates[2], "tokens/s", beside="reference, its continuous batching", at_least=1),
        compare(what.format("int8"), rates[3], rates[1], "tokens/s", beside=padding, at_least=6),
        compare(what.format("int4"), rates[4], rates[1], "tokens/s", beside=padding),
    ]
    for side in (padded, batched):
        # Sums in another order may tip a near tie; more than a few such answers are a mistake.
        same = sum(a == b for a, b in zip(answers, side[0]["answers"], strict=True))
        if same < 0.9 * len(answers):
            raise RuntimeError(f"only {same} of {len(answers)} answers are equal")
    return rows
