"""A head that is switched off contributes nothing: the same as zeroing its columns of the output projection."""

import copy

import pytest
import torch
from kit.families import close, pair

from bestiary.core.errors import ArgumentError, InputError

# Family, class, mask name, and the output projection of one layer's attention, (in the model, heads x size second).
CASES = [
    ("bert", "BertModel", "head_mask", "encoder.layer.1.attention.output.dense"),
    ("bart", "BartModel", "decoder_head_mask", "decoder.layers.1.self_attn.out_proj"),
    ("llama", "LlamaModel", "head_mask", "layers.1.self_attn.o_proj"),
    ("t5", "T5Model", "head_mask", "encoder.block.1.layer.0.SelfAttention.o"),
    ("t5", "T5Model", "decoder_head_mask", "decoder.block.1.layer.0.SelfAttention.o"),
    ("t5", "T5Model", "cross_attn_head_mask", "decoder.block.1.layer.1.EncDecAttention.o"),
    ("whisper", "WhisperModel", "head_mask", "encoder.layers.1.self_attn.out_proj"),
]


@pytest.mark.parametrize(("model_type", "name", "mask_name", "projection"), CASES)
@torch.no_grad()
def test_a_masked_head_contributes_nothing(model_type: str, name: str, mask_name: str, projection: str) -> None:
    models = pair(model_type, name)
    twin = copy.deepcopy(models.ours)
    linear = twin.get_submodule(projection)
    heads = 4
    size = linear.in_features // heads
    linear.weight[:, 2 * size : 3 * size] = 0
    mask = torch.ones(2, heads)
    mask[1, 2] = 0
    masked = models.ours(**models.inputs, **{mask_name: mask})
    close(masked.last_hidden_state, twin(**models.inputs).last_hidden_state)
    plain = models.ours(**models.inputs).last_hidden_state
    assert not torch.allclose(masked.last_hidden_state, plain, atol=1e-4)
    everywhere = models.ours(**models.inputs, **{mask_name: torch.ones(heads)})
    close(everywhere.last_hidden_state, plain)


@torch.no_grad()
def test_recorded_weights_are_masked_too() -> None:
    models = pair("bert", "BertModel")
    mask = torch.tensor([1.0, 0.0, 1.0, 1.0])
    output = models.ours(**models.inputs, head_mask=mask, output_attentions=True)
    assert all(weights[:, 1].abs().max() == 0 for weights in output.attentions)
    assert all(weights[:, 0].abs().max() > 0 for weights in output.attentions)


def test_masks_that_do_not_fit_are_refused() -> None:
    models = pair("bert", "BertModel")
    with pytest.raises(InputError, match="expected"):
        models.ours(**models.inputs, head_mask=torch.ones(3, 4))
    with pytest.raises(InputError, match="5 heads, the model has 4"):
        models.ours(**models.inputs, head_mask=torch.ones(5))
    with pytest.raises(ArgumentError, match="cross_attn_head_mask"):
        models.ours(**models.inputs, cross_attn_head_mask=torch.ones(4))


def test_a_mask_may_be_a_list_of_numbers() -> None:
    models = pair("bert", "BertModel")
    for mask in ([1.0, 0.0, 1.0, 1.0], [[1, 0, 1, 1], [0, 1, 1, 1]]):
        with torch.no_grad():
            listed = models.ours(**models.inputs, head_mask=mask).last_hidden_state
            close(listed, models.ours(**models.inputs, head_mask=torch.tensor(mask)).last_hidden_state)
    for mask, said in (("no", "is a str; expected a tensor"), ([[1], [1, 2]], "is no table of numbers"), (3, "is a int")):
        with pytest.raises(InputError, match=f"head_mask {said}"):
            models.ours(**models.inputs, head_mask=mask)
