"""Mixtral beside the reference: losses with routers, files with fused experts, configs that cannot be."""

import pytest
import torch
from kit.families import close, pair
from safetensors.torch import load_file, save_file

from bestiary.core.errors import ConfigError
from bestiary.models.mixtral import MixtralConfig, MixtralForCausalLM, MixtralForSequenceClassification, MixtralModel


def test_routers_are_told_on_demand_and_the_loss_counts_them():
    models = pair("mixtral", "MixtralForCausalLM")
    plain = models.ours(**models.inputs, **models.labels)
    assert plain.router_logits is None
    output = models.ours(**models.inputs, **models.labels, output_router_logits=True)
    expected = models.reference(**models.reference_inputs(), **models.labels, output_router_logits=True)
    assert len(output.router_logits) == 2
    close(output.aux_loss, expected.aux_loss)
    close(output.loss, expected.loss)
    close(output.loss, plain.loss + models.ours.config.router_aux_loss_coef * output.aux_loss)
    output.aux_loss.backward()
    assert models.ours.get_parameter("model.layers.0.mlp.gate.weight").grad.abs().max() > 0
    models.ours.zero_grad(set_to_none=True)


@torch.no_grad()
def test_routers_are_told_after_a_cache_and_by_the_backbone():
    models = pair("mixtral", "MixtralForCausalLM")
    ids, mask = models.inputs["input_ids"], models.inputs["attention_mask"]
    whole = models.ours(**models.inputs, output_router_logits=True)
    cache = models.ours(ids[:, :5], mask[:, :5], use_cache=True).past_key_values
    rest = models.ours(ids[:, 5:], mask, past_key_values=cache, output_router_logits=True)
    close(rest.router_logits[1].view(3, 4, 4), whole.router_logits[1].view(3, 9, 4)[:, 5:])
    backbone = models.ours.base_model(**models.inputs, output_router_logits=True)
    close(backbone.router_logits, whole.router_logits)
    assert backbone.past_key_values is not None


def test_heads_without_a_place_for_routers_leave_them_out():
    config = pair("mixtral", "MixtralForSequenceClassification").ours.config.to_dict()
    model = MixtralForSequenceClassification(MixtralConfig.from_dict(config, output_router_logits=True)).eval()
    assert model(torch.tensor([[5, 6, 7]])).logits.shape == (1, 3)


def test_files_with_fused_experts_open_and_are_saved_in_the_published_form(tmp_path):
    models = pair("mixtral", "MixtralModel")
    models.ours.config.save_pretrained(tmp_path)
    save_file(models.ours.state_dict(), tmp_path / "model.safetensors")
    assert "layers.0.mlp.experts.gate_up_proj" in load_file(tmp_path / "model.safetensors")
    again = MixtralModel.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), models.ours.parameters(), strict=True))
    again.save_pretrained(tmp_path)
    published = load_file(models.folder / "model.safetensors")
    written = load_file(tmp_path / "model.safetensors")
    assert written.keys() == published.keys()
    assert all(torch.equal(written[name], published[name]) for name in published)
    assert {name.rpartition("layers.0.block_sparse_moe.")[2] for name in written} >= {"gate.weight", "experts.3.w2.weight"}


def test_more_experts_than_there_are_cannot_serve_a_token():
    with pytest.raises(ConfigError, match="num_experts_per_tok is 3, and num_local_experts only 2"):
        MixtralConfig(num_experts_per_tok=3, num_local_experts=2)
    with pytest.raises(ConfigError, match="num_local_experts is 1048576; expected a whole number from 1 to 1024"):
        MixtralConfig(num_local_experts=2**20)
    assert MixtralForCausalLM.config_class is MixtralConfig
