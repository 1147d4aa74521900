"""Texts behind each other in one row, whose positions begin anew, see each other only where they do in the reference."""

import inspect

import pytest
import torch
from kit.families import Pair, close, each, generating_heads, kernel_of, one_each, pair

CHUNKS = ("llama4_text", "Llama4ForCausalLM", "")
BOTH_WAYS = [("gemma3_text", "Gemma3ForCausalLM", "both_ways"), ("gemma4_text", "Gemma4ForCausalLM", "both_ways")]
KERNELS = ("sdpa", "eager", "flex_attention")


@each([*one_each(generating_heads()), *BOTH_WAYS])
@torch.no_grad()
def test_packed_texts_see_what_they_see_in_the_reference(models: Pair) -> None:
    prefix = "decoder_" if "decoder_input_ids" in models.inputs else ""
    ids_name, mask_name, positions_name = f"{prefix}input_ids", f"{prefix}attention_mask", f"{prefix}position_ids"
    if positions_name not in inspect.signature(models.reference.forward).parameters:
        pytest.skip("this family takes no positions")
    torch.manual_seed(0)
    ids = torch.randint(5, 90, models.inputs[ids_name].shape)
    rows, length = ids.shape
    positions = torch.arange(length).repeat(rows, 1)
    positions[0, 3:] -= 3
    positions[1, -2:] = torch.arange(2)
    positions += models.case.first_position
    packed = {**models.inputs, ids_name: ids, positions_name: positions, "use_cache": False}
    packed.pop(mask_name, None)
    expected = models.reference(**packed).logits
    for kernel in [name for name in KERNELS if name in models.ours.kernels]:
        with kernel_of(models.ours, kernel):
            close(models.ours(**packed).logits, expected, kernel)
    for others in ({mask_name: torch.ones_like(ids)}, {"use_cache": True}):  # either says that a row is one text
        inputs = {**packed, **others}
        close(models.ours(**inputs).logits, models.reference(**inputs).logits, str(list(others)))


@each([("llama", "LlamaForCausalLM", ""), ("mistral", "MistralForCausalLM", ""), CHUNKS])
@torch.no_grad()
def test_a_packed_text_equals_the_text_alone_also_where_no_value_is_known(models: Pair) -> None:
    torch.manual_seed(0)
    ids, positions = torch.randint(5, 90, (1, 12)), torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8]])
    alone = models.ours(ids[:, 3:], use_cache=False).logits
    compiled = torch.compile(models.ours, backend="eager", fullgraph=True)
    for model in (models.ours, compiled):
        close(model(ids, position_ids=positions, use_cache=False).logits[:, 3:], alone)
    one = torch.arange(12)[None]
    close(compiled(ids, position_ids=one, use_cache=False).logits, models.ours(ids, use_cache=False).logits)


def test_gradients_stay_within_a_text() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    embeds = torch.randn(1, 6, model.config.hidden_size, requires_grad=True)
    model.train()
    try:
        output = model(inputs_embeds=embeds, position_ids=torch.tensor([[0, 1, 2, 0, 1, 2]]), use_cache=False)
        (gradient,) = torch.autograd.grad(output.logits[0, 3:].sum(), embeds)
    finally:
        model.eval()
    assert gradient[0, :3].abs().max() == 0 < gradient[0, 3:].abs().min()
