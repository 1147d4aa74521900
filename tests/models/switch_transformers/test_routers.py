"""What Switch Transformers tell of their routers, and the losses made of it, equal the reference's."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close

import bestiary

SIZES = {"vocab_size": 99, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4}
SIZES |= {"num_experts": 4, "decoder_start_token_id": 0}
ONE = {"num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1}
CASES: dict[str, dict[str, int]] = {
    "usual": ONE,
    "full": {**ONE, "expert_capacity": 2},
    "every_layer": {"num_sparse_encoder_layers": 2, "num_sparse_decoder_layers": 2},
}


@pytest.fixture(params=CASES)
def models(request: Any, tmp_path: Path) -> tuple[Any, Any]:
    """The reference's model and ours."""
    torch.manual_seed(0)
    weights = {"router_aux_loss_coef": 0.5, "router_z_loss_coef": 0.1}
    config = transformers.SwitchTransformersConfig(**SIZES, **CASES[request.param], **weights)
    reference = transformers.SwitchTransformersForConditionalGeneration(config).eval()
    reference.save_pretrained(tmp_path)
    return reference, bestiary.SwitchTransformersForConditionalGeneration.from_pretrained(tmp_path)


def test_losses(models: tuple[Any, Any]) -> None:
    torch.manual_seed(1)
    inputs = {"input_ids": torch.randint(5, 99, (3, 9)), "labels": torch.randint(5, 99, (3, 7))}
    expected, output = (model(**inputs, output_router_logits=True) for model in models)
    assert output.keys() == list(expected)
    for name in ("loss", "encoder_z_loss", "decoder_z_loss", "encoder_aux_loss", "decoder_aux_loss"):
        if isinstance(expected.get(name), torch.Tensor):
            close(output[name], expected[name], name, rtol=1e-5, atol=1e-4)
    for name in ("encoder_router_logits", "decoder_router_logits"):
        close(output[name], expected[name], name)
    for each in (expected, output):
        each.loss.backward()
    gradients = {name: parameter.grad for name, parameter in models[0].named_parameters()}
    for name, parameter in models[1].named_parameters():
        if parameter.grad is not None:
            close(parameter.grad, gradients[name], name)


@torch.no_grad()
def test_scores_of_an_encoder_that_ran_before(models: tuple[Any, Any]) -> None:
    model = models[1]
    ids = torch.randint(5, 99, (2, 6))
    encoded = model.get_encoder()(ids, output_router_logits=True)
    output = model(encoder_outputs=encoded, decoder_input_ids=ids[:, :3], output_router_logits=True)
    close(output.encoder_router_logits, encoded.router_logits, "scores")
    assert "encoder_router_logits" not in model(ids, decoder_input_ids=ids[:, :3])
