"""How much is guessed."""

import copy

import pytest
import torch
from kit import assistants, filled

from bestiary.generation import GenerationConfig
from bestiary.generation.speculation.drafting import Confidence
from bestiary.generation.speculation.verification import Worth


def lengths_of_rounds(model, **options):
    """How many tokens each pass of the model looked at."""
    seen = []

    def note(module, args, kwargs):
        seen.append((kwargs.get("input_ids") if not args else args[0]).shape[1])

    handle = model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        model.generate(**assistants.inputs("llama"), eos_token_id=[], assistant_confidence_threshold=0.0, **options)
    finally:
        handle.remove()
    return [count - 1 for count in seen[1:]]


def test_schedules():
    model, twin = assistants.model("llama"), copy.deepcopy(assistants.model("llama"))
    options = {"max_new_tokens": 40, "num_assistant_tokens": 5, "assistant_model": twin}
    assert lengths_of_rounds(model, **options) == [5, 5, 5, 5, 5, 5, 2]
    growing = {**options, "num_assistant_tokens_schedule": "heuristic_transient"}
    assert lengths_of_rounds(model, **growing) == [5, 7, 9, 11, 2]
    bad = filled.fill(assistants.make("llama", 1), 0.9)
    with torch.no_grad():
        bad.lm_head.weight.copy_(-model.lm_head.weight)
    falling = lengths_of_rounds(model, **{**growing, "assistant_model": bad})
    assert falling[:4] == [5, 4, 3, 2]


def test_heuristic_remembers_its_number_outside_of_the_assistant():
    model, twin = assistants.model("llama"), copy.deepcopy(assistants.model("llama"))
    twin.generation_config = GenerationConfig(num_assistant_tokens=3, num_assistant_tokens_schedule="heuristic")
    before = twin.generation_config.to_dict()
    options = {"max_new_tokens": 11, "assistant_model": twin}
    assert lengths_of_rounds(model, **options) == [3, 5]
    assert lengths_of_rounds(model, **options) == [7, 1]
    assert lengths_of_rounds(model, **options, num_assistant_tokens=2) == [2, 4, 1]
    assert lengths_of_rounds(model, **options, num_assistant_tokens_schedule="constant") == [3, 3, 1]
    assert twin.generation_config.to_dict() == before


def test_confidence_ends_a_draft():
    model, given = assistants.model("llama"), assistants.inputs("llama")
    counts = {}
    for threshold in (0.0, 1.0):
        passes, handle = assistants.counted(assistants.draft("llama"))
        model.generate(
            **given, **assistants.LENGTH, assistant_model=assistants.draft("llama"), assistant_confidence_threshold=threshold
        )
        handle.remove()
        counts[threshold] = len(passes)
    assert counts[1.0] < counts[0.0]


def test_the_threshold_follows_what_guesses_were_worth():
    settings = GenerationConfig(assistant_confidence_threshold=0.4)
    confidence = Confidence(settings, GenerationConfig())
    confidence.learn([0.9, 0.8], 2)
    assert confidence.threshold == 0.4  # nothing was wrong yet
    confidence.learn([0.7, 0.6, 0.5], 1)  # what follows a wrong guess is not judged
    assert confidence.threshold == pytest.approx(0.7)
    confidence.learn([0.3], 1)
    assert confidence.threshold == pytest.approx(0.7)
    confidence.learn([0.3], 1)  # right guesses that would not have been made weigh more than wrong ones
    assert confidence.threshold == pytest.approx(0.3)


def test_guessing_rests_where_it_does_not_pay():
    worth = Worth(0.1)
    for _ in range(4):
        assert not worth.rests()
        worth.learn(0, 5)
    assert [worth.rests() for _ in range(17)] == [True] * 16 + [False]
    for _ in range(4):
        worth.learn(0, 5)
    assert sum(worth.rests() for _ in range(99)) == 32
    for _ in range(50):
        worth.learn(3, 5)
        assert not worth.rests()


def test_a_useless_assistant_costs_little():
    model, bad = assistants.model("llama"), assistants.make("llama", 1)
    with torch.no_grad():
        bad.lm_head.weight.copy_(-model.lm_head.weight)
    passes, handle = assistants.counted(bad)
    options = {"max_new_tokens": 80, "eos_token_id": [], "assistant_confidence_threshold": 0.0, "num_assistant_tokens": 4}
    assert torch.equal(
        model.generate(**assistants.inputs("llama"), **options, assistant_model=bad),
        model.generate(**assistants.inputs("llama"), max_new_tokens=80, eos_token_id=[]),
    )
    handle.remove()
    assert len(passes) < 60  # 79 rounds of 4 without a rest
