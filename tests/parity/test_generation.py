"""What every class that generates gets for its case: the reference's tokens, padding that changes none, batching, compiled
and exported steps."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from kit.exported_steps import run_steps
from kit.families import Pair, close, each, generating_heads, one_each
from kit.prompts import COUNT, PADDING, greedy, prompt
from kit.shallow import shallow
from kit.shared_code import is_data_alone

from bestiary.cache.layer_types import layer_types
from bestiary.core.errors import ArgumentError
from bestiary.export.decoding_step import export_step
from bestiary.generation.compiled import CompileConfig
from bestiary.nn.attention import Attend

GENERATE = generating_heads()
KINDS: dict[str, dict[str, Any]] = {
    "dynamic": {},
    "dynamic_full": {},
    "hybrid": {},
    "offloaded": {},
    "offloaded_hybrid": {},
    "offloaded_static": {},
    "quantized": {"residual_length": 64},
    "sink": {"window_length": 64},
    "static": {},
}
"""Kinds of cache that stand for any model, and the options that make their tokens exact here."""


def generated(models: Pair, model: Any, inputs: dict[str, Any], **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The new tokens (B, N) of one of the pair, and the scores (B, N, V) they were chosen by.

    The reference goes without its cache, which its decoders that look at an encoder cannot fill by themselves, and is told
    positions that do not begin with 0: its `generate`, unlike its models, counts from 0.
    """
    if model is models.reference:
        inputs = {**inputs, "use_cache": False}
        if models.case.first_position:
            inputs["position_ids"] = inputs["attention_mask"].cumsum(1) - 1 + models.case.first_position
    output = model.generate(**inputs, **greedy(models), **settings, return_dict_in_generate=True, output_scores=True)
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


@each(GENERATE)
def test_a_padded_batch_is_continued_like_its_rows_alone(models: Pair) -> None:
    """Whoever counts positions past the padding, or begins to count elsewhere than in the prompt, gives other scores.

    The reference is given rows without padding: some of its own models do not see that a row is padded. Every kind of cache
    then goes on alike; the prompt goes into it in parts of four tokens, and into the two basic kinds also at once.
    """
    inputs = prompt(models)
    tokens, scores = generated(models, models.ours, inputs)
    for row in range(len(PADDING)):
        expected, expected_scores = generated(models, models.reference, one_row(inputs, row))
        assert torch.equal(tokens[row], expected[0]), row
        close(scores[row], expected_scores[0], f"scores of row {row}")
    for kind, chunk in [*((kind, 4) for kind in KINDS), ("static", None)]:
        options = {"cache_implementation": kind, "cache_config": KINDS[kind], "prefill_chunk_size": chunk}
        same_tokens, same_scores = generated(models, models.ours, inputs, **options)
        assert torch.equal(same_tokens, tokens), f"a {kind} cache, {chunk or 'all'} tokens at a time"
        close(same_scores, scores, f"scores with a {kind} cache, {chunk or 'all'} tokens at a time")


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
    prompts = [beginning * (index % 2) + [draw.randrange(3, 64) for _ in range(1 + 2 * index)] for index in range(5)]
    prompts = [ids[: min(model.context_length() or 40, 40) - COUNT] for ids in prompts]
    room = {"page_size": 4, "num_blocks": 12, "max_batch_tokens": 17, "max_requests_per_batch": 3}
    results = model.generate_batch(prompts, continuous_batching_config=room, max_new_tokens=COUNT)
    for ids, result in zip(prompts, results.values(), strict=True):
        expected = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)).long(), max_new_tokens=COUNT)
        assert result.generated_tokens == expected[0, len(ids) :].tolist()


@pytest.mark.usefixtures("forgetful_compiler")
@each(one_each(GENERATE))
def test_one_graph_for_steps_calls_and_lengths(models: Pair) -> None:
    if is_data_alone(models):
        pytest.skip("its relative is compiled")
    graphs = []

    def backend(graph: Any, example: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    compiled: dict[str, Any] = {
        "cache_implementation": "static",
        "compile_config": CompileConfig(backend=backend, mode=None, fullgraph=True),
    }
    if refuses(models, lambda: models.ours.generate(**prompt(models), **compiled)):
        return
    model = shallow(models.ours)
    for length, count in ((5, 3), (7, 4)):
        # The encoder's states have a length of their own, for which torch would compile once more.
        call = {**prompt(models, 7 if model.config.is_encoder_decoder else length), **greedy(models, count)}
        assert torch.equal(model.generate(**call, **compiled), model.generate(**call))
    assert len(graphs) == 1


@pytest.mark.usefixtures("uncached_fakes", "nodes_without_lines")
@each(one_each(GENERATE))
def test_exported_steps(models: Pair) -> None:
    if is_data_alone(models):
        pytest.skip("its relative is exported")
    if refuses(models, lambda: export_step(models.ours)):
        return
    run_steps(shallow(models.ours), padded=True, count=3, batches=((4, 5),))
