"""DoLa gives the tokens and scores of release 4.46.3 of the reference."""

import pytest
import torch
from kit import cases_contrastive_dola as golden

from bestiary.core.errors import ArgumentError, ConfigError

DOLA = [index for index, (_, _, options) in enumerate(golden.CASES) if "dola_layers" in options]


@pytest.mark.parametrize("index", DOLA, ids=lambda index: str(golden.CASES[index]))
def test_golden(index):
    name, rows, options = golden.CASES[index]
    result = golden.ours(name).generate(
        **golden.inputs(name, rows), **options, return_dict_in_generate=True, output_scores=True, output_logits=True
    )
    golden.same(index, result)


def test_one_row_alone_and_draws():
    model, given = golden.ours("llama"), golden.inputs("llama", 1)
    drawn = [
        model.generate(**given, dola_layers="low", do_sample=True, seed=5, max_new_tokens=12, eos_token_id=None, **more)
        for more in ({}, {}, {"use_cache": False}, {"cache_implementation": "static"})
    ]
    assert all(torch.equal(drawn[0], other) for other in drawn[1:])
    greedy = model.generate(**given, dola_layers="low", max_new_tokens=12, eos_token_id=None)
    assert not torch.equal(drawn[0], greedy)


def test_hidden_states_are_still_the_callers():
    model, given = golden.ours("llama"), golden.inputs("llama", 3)
    asked = {"return_dict_in_generate": True, "max_new_tokens": 3, "dola_layers": "low"}
    with_states = model.generate(**given, **asked, output_hidden_states=True)
    assert [states[-1].shape[1] for states in with_states.hidden_states] == [7, 1, 1]
    assert model.generate(**given, **asked).hidden_states is None


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("t5", {"dola_layers": "low"}, "for decoders alone"),
        ("llama", {"dola_layers": "middle"}, "'middle'.*'low', 'high', or a list of layers from 0 to 5"),
        ("llama", {"dola_layers": [6]}, r"\[6\].*0 to 5"),
        ("llama", {"dola_layers": "low", "num_beams": 2}, "num_beams=2 .*dola_layers=low .*exclude each other"),
        ("llama", {"dola_layers": "low", "penalty_alpha": 0.5}, "penalty_alpha=0.5 .*dola_layers=low .*exclude each other"),
    ],
)
def test_refused(name, options, message):
    with pytest.raises((ArgumentError, ConfigError), match=message):
        golden.ours(name).generate(**golden.inputs(name, 1), **options)
