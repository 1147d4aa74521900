"""What every model must survive: casts, export, another vocabulary, models of other dtypes."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import Pair, close, each, encoder_inputs, every_head, every_row, generating_heads, matched_in_torch, one_each
from kit.shallow import shallow
from kit.shared_code import is_data_alone
from torch._subclasses import FakeTensorMode
from torch.utils import _pytree as pytree

from bestiary.cache.layer_types import layer_types
from bestiary.generation.prompt import forward_parameters

HEADS = [row for row in every_row() if row[2] in ("", "tied")]
FIRST = one_each(every_head())
GENERATING = {row[0] for row in generating_heads()}
# Families whose points, and so the shapes of what they give, follow from the numbers they see.
COUNTING = {"lightglue", "superpoint"}


def generates(models: Pair) -> bool:
    """Whether any head of the family does."""
    return any(head.generates for head in models.case.heads.values())


def first_tensor(output: object) -> torch.Tensor:
    return next(value for value in pytree.tree_leaves(output) if isinstance(value, torch.Tensor))


@each(FIRST)
@torch.no_grad()
def test_a_cast_and_back_loses_only_weights(models: Pair) -> None:
    twin = copy.deepcopy(models.ours).to(torch.bfloat16).float()
    twin.load_state_dict(models.ours.state_dict())
    close(first_tensor(twin(**models.inputs)), first_tensor(models.plain), rtol=0, atol=0)


@pytest.mark.usefixtures("nodes_without_lines")
@each([row for row in FIRST if row[0] not in GENERATING])
@torch.no_grad()
def test_export_of_one_forward(models: Pair) -> None:
    """A family that generates exports its decoding step instead, in test_generation.py."""
    if is_data_alone(models):
        pytest.skip("its relative is exported")
    if models.model_type in COUNTING - {"superpoint"}:
        pytest.skip("how many points and layers there are follows from the numbers")
    inputs = dict(models.inputs)
    if "use_cache" in forward_parameters(models.ours):
        inputs["use_cache"] = False
    model = shallow(models.ours)
    program = torch.export.export(model, (), inputs, strict=False)
    close(first_tensor(program.module()(**inputs)), first_tensor(model(**inputs)))


@pytest.mark.usefixtures("forgetful_compiler")
@each(FIRST)
@torch.no_grad()
def test_one_graph_when_compiled(models: Pair) -> None:
    """The whole model, its loss included, compiles without a break.

    Of what generates with keys and values, test_generation.py compiles the decoding step, and test_shared_heads.py the loss
    where the head is one that families share; what is left is an encoder.
    """
    if is_data_alone(models):
        pytest.skip("its relative is compiled")
    if models.model_type in COUNTING:
        pytest.skip("how many points there are follows from the numbers")
    model: Any = shallow(models.ours)
    inputs = {**models.inputs, **matched_in_torch(models.labels)}
    steps = generates(models) and not layer_types(model.config).keeps_states
    if steps and type(model).forward.__module__.startswith("bestiary.modeling."):
        if not model.config.is_encoder_decoder:
            pytest.skip("there is nothing in this model that others do not compile")
        model, inputs = model.get_encoder(), encoder_inputs(models)
    elif "use_cache" in forward_parameters(model):
        inputs["use_cache"] = False
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    close(first_tensor(compiled(**inputs)), first_tensor(model(**inputs)))


@each(FIRST)
@torch.no_grad()
def test_no_value_decides_what_data_alone_computes(models: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative's code is not traced again; which branches of it the data choose is seen with tensors that have no values."""
    if not is_data_alone(models):
        pytest.skip("it is compiled and exported")
    model, inputs = shallow(models.ours), dict(models.inputs)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model(**inputs, **matched_in_torch(models.labels))
        if models.head.generates:
            prefix = "decoder_" if "decoder_input_ids" in inputs else ""
            cache = model(**inputs, use_cache=True).past_key_values
            mask = inputs.pop(f"{prefix}attention_mask", None)
            if mask is not None:
                inputs[f"{prefix}attention_mask"] = torch.cat([mask, mask[:, :1]], dim=1)
            inputs[f"{prefix}input_ids"] = inputs[f"{prefix}input_ids"][:, :1]
            model(**inputs, past_key_values=cache)


@each(HEADS)
@torch.no_grad()
def test_a_larger_vocabulary_keeps_old_logits(models: Pair, tmp_path: Path) -> None:
    resize_keeps_old_logits(models, 120, tmp_path)


@each(FIRST)
@torch.no_grad()
def test_a_smaller_vocabulary_keeps_old_logits(models: Pair, tmp_path: Path) -> None:
    resize_keeps_old_logits(models, 95, tmp_path)


def resize_keeps_old_logits(models: Pair, size: int, tmp_path: Path) -> None:
    if "input_ids" not in models.inputs or models.ours.main_input_name != "input_ids":
        pytest.skip("no text goes into this model")
    end = models.ours.config.get_text_config().eos_token_id
    if isinstance(end, int) and end >= size:
        pytest.skip("the model cannot do without its end token")
    inputs = {
        name: value if size > 99 else value.clamp(max=94) if "input_ids" in name else value
        for name, value in models.inputs.items()
    }
    before = models.plain if size > 99 else models.ours(**inputs)
    twin = copy.deepcopy(models.ours)
    embedding = twin.resize_token_embeddings(size)
    assert embedding.num_embeddings == size
    assert twin.config.get_text_config().vocab_size == twin.vocab_size == size
    after = twin(**inputs)
    old, new = first_tensor(before), first_tensor(after)
    keep = min(old.shape[-1], new.shape[-1]) if old.shape[-1] == models.ours.config.get_text_config().vocab_size else None
    close(new[..., :keep], old[..., :keep], rtol=0, atol=1e-6)
    head = twin.get_output_embeddings()
    if head is not None:
        twin.save_pretrained(tmp_path)
        again = type(twin).from_pretrained(tmp_path)
        assert all(torch.equal(a, b) for a, b in zip(twin.state_dict().values(), again.state_dict().values(), strict=True))
        assert head.weight.shape[0] == size
        assert (head.weight is embedding.weight) == (
            models.ours.get_output_embeddings().weight is models.ours.get_input_embeddings().weight
        )


@each(FIRST)
def test_every_dtype_rule(models: Pair, tmp_path: Path) -> None:
    twin = copy.deepcopy(models.ours).to(torch.bfloat16)
    twin.save_pretrained(tmp_path)
    assert type(twin).from_pretrained(tmp_path).dtype == torch.bfloat16
    assert type(twin).from_pretrained(tmp_path, dtype="float32").dtype == torch.float32
    assert type(twin).from_pretrained(tmp_path, torch_dtype=torch.float16).dtype == torch.float16
    with pytest.raises(ValueError, match="int8"):
        type(twin).from_pretrained(tmp_path, dtype=torch.int8)


@each(HEADS)
def test_fresh_models_are_initialised(models: Pair) -> None:
    torch.manual_seed(0)
    fresh = type(models.ours).from_config(models.ours.config)
    assert fresh.dtype == torch.float32
    for name, parameter in fresh.named_parameters():
        assert torch.isfinite(parameter).all(), name
        assert parameter.numel() == 1 or parameter.abs().max() < 10, name
