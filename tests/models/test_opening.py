"""Keywords of `from_pretrained` that ask for what this library does not do."""

import pytest
import torch
from kit.families import pair

from bestiary.core.errors import MissingDependency


@pytest.mark.parametrize(("flag", "framework"), [("from_tf", "TensorFlow"), ("from_flax", "Flax")])
def test_weights_of_other_frameworks(flag: str, framework: str) -> None:
    models = pair("llama", "LlamaForCausalLM")
    with pytest.raises(MissingDependency, match=f"{flag}=True: {framework} weights are not read here.*writes safetensors"):
        type(models.ours).from_pretrained(models.folder, **{flag: True})
    type(models.ours).from_pretrained(models.folder, **{flag: False})


@pytest.mark.parametrize("trust", [True, False, None])
def test_a_class_of_ours_needs_no_trust(trust: bool | None) -> None:
    models = pair("llama", "LlamaForCausalLM")
    again = type(models.ours).from_pretrained(models.folder, trust_remote_code=trust)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), models.ours.parameters(), strict=True))
