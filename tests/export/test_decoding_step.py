"""What may be exported as a decoding step, and what it leaves as it was; `tests/parity` runs the steps of every family."""

import pytest
from kit.exported_steps import run_steps
from kit.windowed import WindowedForCausalLM, config_of, filled

from bestiary.core.errors import ArgumentError
from bestiary.export.decoding_step import export_step
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", ["llama", "t5"])
def test_twenty_steps_of_a_stored_program(name, padded, request):
    model, _ = request.getfixturevalue(name)
    run_steps(model, padded, count=20, batches=((1, 2), (4, 5)), stored=True)


def test_layers_with_a_window():
    """Families that have windows by their data alone are not exported in `tests/parity`."""
    model = filled(WindowedForCausalLM, config_of(sliding_window=4, layer_types=["sliding_attention", "full_attention"]))
    run_steps(model, padded=True, count=6, batches=((4, 5),))


def test_the_model_stays_in_its_mode(llama):
    model, _ = llama
    model.train()
    try:
        export_step(model)
        assert model.training
    finally:
        model.eval()


def test_positions_that_depend_on_the_length_are_refused():
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
    config = LlamaConfig(vocab_size=16, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=4,
                         rope_parameters=rope)  # fmt: skip
    with pytest.raises(ArgumentError, match="dynamic"):
        export_step(LlamaForCausalLM(config))
