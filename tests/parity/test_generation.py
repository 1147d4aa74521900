"""What every class that generates gets for its case: the reference's tokens, padding that changes none, batching, compiled
and exported steps."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from kit.exported_steps import run_steps
from kit.families import Pair, close, each, generating_heads, one_each

from bestiary.cache.layer_types import layer_types
from bestiary.core.errors import ArgumentError
from bestiary.export.decoding_step import export_step
from bestiary.generation.compiled import CompileConfig
from bestiary.nn.attention import Attend

GENERATE = generating_heads()
PADDING = (0, 2, 4)
"""Tokens of padding of each of the three prompts."""
COUNT = 6
"""Tokens that are generated for each."""


def prompt(models: Pair, length: int = 7, padded: bool = True) -> dict[str, Any]:
    """Three prompts of up to `length` tokens, padded on the left, or on the right where an encoder reads them; or sounds."""
    fixed = {name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}
    if "input_ids" not in fixed:
        return fixed
    for name in ("input_ids", "attention_mask", "token_type_ids", "position_ids"):
        fixed.pop(name, None)
    config = models.ours.config
    ids = torch.randint(5, 90, (3, length), generator=torch.Generator().manual_seed(length))
    mask = torch.ones_like(ids)
    if padded:
        for row, count in enumerate(PADDING):
            mask[row, length - count :] = 0
        mask = mask if config.is_encoder_decoder else mask.flip(1)
    pad = config.get_text_config().pad_token_id or 0
    return {"input_ids": ids.masked_fill(mask == 0, pad), "attention_mask": mask, **fixed}


def greedy(models: Pair) -> dict[str, Any]:
    """Settings that give every row `COUNT` tokens."""
    ends = models.ours.generation_config.eos_token_id is not None
    return {"max_new_tokens": COUNT, "do_sample": False, **({"min_new_tokens": COUNT} if ends else {})}


def generated(models: Pair, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The new tokens (B, N) of one of the pair, and the scores (B, N, V) they were chosen by.

    The reference goes without its cache, which its decoders that look at an encoder cannot fill by themselves, and is told
    positions that do not begin with 0: its `generate`, unlike its models, counts from 0.
    """
    if model is models.reference:
        inputs = {**inputs, "use_cache": False}
        if models.case.first_position:
            inputs["position_ids"] = inputs["attention_mask"].cumsum(1) - 1 + models.case.first_position
    output = model.generate(**inputs, **greedy(models), return_dict_in_generate=True, output_scores=True)
    assert len(output.scores) == COUNT
    return output.sequences[:, -COUNT:], torch.stack(output.scores, dim=1)


def one_row(inputs: dict[str, Any], row: int) -> dict[str, Any]:
    """The inputs of one row, without its padding."""
    keep = slice(row, row + 1)
    alone = {name: tuple(x[keep] for x in value) if isinstance(value, tuple) else value[keep] for name, value in inputs.items()}
    if "input_ids" in alone:
        real = alone["attention_mask"].bool()
        alone |= {name: alone[name][real][None] for name in ("input_ids", "attention_mask")}
    return alone


@each(GENERATE)
def test_greedy_tokens_and_scores_are_the_references(models: Pair) -> None:
    inputs = prompt(models, padded=False)
    expected, expected_scores = generated(models, models.reference, inputs)
    tokens, scores = generated(models, models.ours, inputs)
    assert torch.equal(tokens, expected)
    close(scores, expected_scores, "scores")


@pytest.mark.parametrize("library", ["reference", "ours"])
@each(GENERATE)
def test_a_padded_batch_is_continued_like_its_rows_alone(models: Pair, library: str) -> None:
    """Whoever counts positions past the padding, or begins to count elsewhere than in the prompt, gives other scores.

    The reference is given rows without padding: some of its own models do not see that a row is padded.
    """
    inputs = prompt(models)
    tokens, scores = generated(models, models.ours, inputs)
    for row in range(len(PADDING)):
        model = models.reference if library == "reference" else models.ours
        expected, expected_scores = generated(models, model, one_row(inputs, row))
        assert torch.equal(tokens[row], expected[0]), row
        close(scores[row], expected_scores[0], f"scores of row {row}")


def refuses(models: Pair, call: Callable[[], object]) -> bool:
    """Whether the model's layers keep states instead of keys, for which `call` must be refused in words."""
    if not layer_types(models.ours.config).keeps_states:
        return False
    with pytest.raises(ArgumentError, match=f"{models.name}.* state"):
        call()
    return True


@each(GENERATE)
def test_requests_of_a_crowd_get_what_they_get_alone(models: Pair) -> None:
    """More requests than the cache has room for at once; half of them begin alike."""
    model = models.ours
    if any(isinstance(part, Attend) and part.cross for part in model.modules()):
        with pytest.raises(ArgumentError, match=models.name):
            model.generate_batch([[5]])
        return
    if refuses(models, lambda: model.generate_batch([[5]])):
        return
    draw = random.Random(models.name)
    beginning = [draw.randrange(3, 64) for _ in range(9)]
    prompts = [beginning * (index % 2) + [draw.randrange(3, 64) for _ in range(1 + 2 * index)] for index in range(6)]
    prompts = [ids[: min(model.context_length() or 40, 40) - 6] for ids in prompts]
    room = {"page_size": 4, "num_blocks": 14, "max_batch_tokens": 19, "max_requests_per_batch": 4}
    results = model.generate_batch(prompts, continuous_batching_config=room, max_new_tokens=6)
    for ids, result in zip(prompts, results.values(), strict=True):
        expected = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)).long(), max_new_tokens=6)
        assert result.generated_tokens == expected[0, len(ids) :].tolist()


@pytest.mark.usefixtures("forgetful_compiler")
@each(one_each(GENERATE))
def test_one_graph_for_steps_calls_and_lengths(models: Pair) -> None:
    graphs = []

    def backend(graph: Any, example: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    config = CompileConfig(backend=backend, mode=None, fullgraph=True)
    if refuses(models, lambda: models.ours.generate(**prompt(models), cache_implementation="static", compile_config=config)):
        return
    for length in (5, 7):
        inputs = prompt(models, length)
        expected = models.ours.generate(**inputs, **greedy(models))
        tokens = models.ours.generate(**inputs, **greedy(models), cache_implementation="static", compile_config=config)
        assert torch.equal(tokens, expected)
    # The encoder's states have a length of their own, for which torch compiles once more when it changes.
    assert 1 <= len(graphs) <= (2 if models.ours.config.is_encoder_decoder else 1)


@each(one_each(GENERATE))
def test_exported_steps(models: Pair) -> None:
    if refuses(models, lambda: export_step(models.ours)):
        return
    run_steps(models.ours, padded=True, count=3, batches=((4, 5),))
