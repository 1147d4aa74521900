"""Adapters of peft on a packed GGUF file, which is argv: LoRA and DoRA, their gradients, a merge that is refused."""

import sys

import bestiary.compat

bestiary.compat.install()

import pytest  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402

from bestiary import AutoModelForCausalLM, GgufConfig  # noqa: E402
from bestiary.core.errors import InputError  # noqa: E402

IDS = torch.tensor([[1, 5, 2, 7, 3, 9, 8, 4]])


def opened():
    return AutoModelForCausalLM.from_pretrained(sys.argv[1], quantization_config=GgufConfig())


for options in (
    {"target_modules": ["q_proj", "down_proj"]},
    {"target_modules": "all-linear"},
    {"target_modules": ["v_proj"], "use_dora": True},
):
    torch.manual_seed(0)
    config = LoraConfig(r=4, init_lora_weights=False, **options)
    model, numbers = get_peft_model(opened(), config), get_peft_model(opened().dequantize(), config)
    numbers.load_state_dict({name: each for name, each in model.state_dict().items() if "lora_" in name}, strict=False)
    losses = [each.train()(input_ids=IDS, labels=IDS).loss for each in (model, numbers)]
    assert abs(losses[0].item() - losses[1].item()) < 1e-4
    assert abs(losses[0].item() - opened()(input_ids=IDS, labels=IDS).loss.item()) > 1e-5
    for loss in losses:
        loss.backward()
    expected = {name: each.grad for name, each in numbers.named_parameters() if each.requires_grad}
    found = {name: each.grad for name, each in model.named_parameters() if each.requires_grad}
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        assert "lora_" in name
        assert (gradient - expected[name]).abs().max() < 1e-4 * expected[name].abs().max() + 1e-7, name
    with pytest.raises(InputError, match="dequantize\\(\\) the model"):
        model.merge_and_unload()
sys.stdout.write("done\n")
