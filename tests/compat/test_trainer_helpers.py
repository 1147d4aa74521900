"""Helpers of the trainer's modules, attention in flash-attn's layout and lazy packages: beside the published ones."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import modeling_flash_attention_utils as flash
from transformers import modeling_outputs, modeling_utils, trainer_pt_utils, trainer_utils
from transformers.utils import import_utils

from bestiary.compat import flash_attention, lazy_modules, trainer_helpers
from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.outputs import CausalLMOutput

NEST = {"a": [torch.ones(2, 3), torch.zeros(2)], "b": (torch.full((2, 1, 4), 3.0, dtype=torch.bfloat16),)}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in theirs)
    if isinstance(theirs, list | tuple):
        return type(ours) is type(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, np.ndarray):
        return isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return isinstance(ours, torch.Tensor) and ours.dtype == theirs.dtype and torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["nested_detach", "nested_numpify"])
def test_nests(name: str) -> None:
    assert same(getattr(trainer_helpers, name)(NEST), getattr(trainer_pt_utils, name)(NEST))
    grown = [torch.ones(2, requires_grad=True)]
    assert not trainer_helpers.nested_detach(grown)[0].requires_grad


def test_cut_nests() -> None:
    arrays = trainer_pt_utils.nested_numpify(NEST["a"])
    assert same(trainer_helpers.nested_truncate(arrays, 1), trainer_pt_utils.nested_truncate(arrays, 1))


WIDTHS = [((2, 3), (1, 5)), ((2, 5), (3, 2)), ((2,), (3,)), ((), (2,)), ((2, 3, 4), (1, 2, 4))]


@pytest.mark.parametrize(("one", "other"), WIDTHS)
@pytest.mark.parametrize("make", [torch.ones, np.ones])
def test_joined_arrays(one: Any, other: Any, make: Any) -> None:
    parts = [make(one), make(other)]
    for nest in (lambda each: each, lambda each: [each, (each,)], lambda each: {"x": each}):
        values = [nest(part) for part in parts]
        assert same(trainer_helpers.nested_concat(*values), trainer_pt_utils.nested_concat(*values))


def test_what_cannot_be_joined() -> None:
    with pytest.raises(InputError, match="nests of one kind; found list, tuple"):
        trainer_helpers.nested_concat([torch.ones(1)], (torch.ones(1),))
    with pytest.raises(InputError, match="found a str"):
        trainer_helpers.nested_concat("a", "b")


def test_sizes() -> None:
    for nest in (NEST, [torch.ones(3)], {"a": "text", "b": np.ones((4, 1))}, [], "text"):
        assert trainer_helpers.find_batch_size(nest) == trainer_pt_utils.find_batch_size(nest)
    array = np.arange(6).reshape(2, 3)
    assert np.array_equal(trainer_helpers.expand_like(array, 5), trainer_pt_utils.expand_like(array, 5))
    for data in ([1], iter([1]), torch.utils.data.DataLoader([1, 2])):
        assert trainer_helpers.has_length(data) == trainer_utils.has_length(data)


@pytest.mark.parametrize("shift", [False, True])
def test_a_smoothed_loss(shift: bool) -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 5, 7), torch.randint(0, 7, (2, 5))
    labels[0, :2] = -100
    losses = []
    for library, output in ((trainer_helpers, CausalLMOutput), (trainer_pt_utils, modeling_outputs.CausalLMOutput)):
        smoother = library.LabelSmoother(epsilon=0.2)
        losses.append(
            [smoother(given, labels.clone(), shift) for given in (output(logits=logits), {"logits": logits}, (logits,))]
        )
    torch.testing.assert_close(losses[0], losses[1])


def test_dtype_of_new_tensors() -> None:
    for library in (trainer_helpers, modeling_utils):
        with library.local_torch_dtype(torch.bfloat16, "Model"):
            assert torch.ones(1).dtype == torch.bfloat16
        assert torch.ones(1).dtype == torch.float32
        with pytest.raises(ValueError, match="Model"), library.local_torch_dtype(torch.int8, "Model"):
            pass


MASK = torch.tensor([[0, 1, 1, 1], [1, 1, 0, 0]])


def test_padding_taken_out_and_put_back() -> None:
    states = torch.randn(2, 4, 2, 3)
    for name, values in (
        ("_get_unpad_data", (MASK,)),
        ("_unpad_input", (states, MASK)),
        ("_unpad_input", (states, MASK, 1 - MASK)),
    ):
        ours, theirs = (getattr(library, name)(*values) for library in (flash_attention, flash))
        for mine, other in zip(ours, theirs, strict=True):
            assert same(mine, other) if isinstance(other, torch.Tensor) else mine == other
    packed, places, *_ = flash._unpad_input(states, MASK)
    assert torch.equal(flash_attention._pad_input(packed, places, 2, 4), flash._pad_input(packed, places, 2, 4))
    assert torch.equal(flash_attention._index_first_axis(states, places), flash._index_first_axis(states, places))


def by_hand(q: Any, k: Any, v: Any, allowed: Any, scale: float, softcap: float | None = None) -> torch.Tensor:
    """Each query alone, over the keys it may see."""
    result = torch.zeros_like(q)
    for row, place, head in np.ndindex(*q.shape[:3]):
        keys = [key for key in range(k.shape[1]) if allowed(row, place, key)]
        group = head // (q.shape[2] // k.shape[2])
        if keys:
            scores = k[row, keys, group] @ q[row, place, head] * scale
            scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
            result[row, place, head] = scores.softmax(0) @ v[row, keys, group]
    return result


FLASH = {
    "causal": ({"is_causal": True}, 4, lambda row, query, key: key <= query),
    "both ways": ({"is_causal": False}, 4, lambda row, query, key: True),
    "window": ({"is_causal": True, "sliding_window": 2}, 4, lambda row, query, key: query - 1 <= key <= query),
    "softcap": ({"is_causal": True, "softcap": 2.0, "softmax_scale": 0.7}, 4, lambda row, query, key: key <= query),
    "padded": (
        {"is_causal": True, "attention_mask": MASK},
        4,
        lambda row, query, key: key <= query and bool(MASK[row, key]) and bool(MASK[row, query]),
    ),
    "a step": ({"is_causal": True}, 1, lambda row, query, key: True),
    "two more": ({"is_causal": True}, 2, lambda row, query, key: key <= query + 2),
}


@pytest.mark.parametrize("case", FLASH)
def test_attention_in_the_other_layout(case: str) -> None:
    torch.manual_seed(0)
    options, length, allowed = FLASH[case]
    q, k, v = torch.randn(2, length, 4, 8), torch.randn(2, 4, 2, 8), torch.randn(2, 4, 2, 8)
    given = {"attention_mask": None, **options}
    result = flash_attention._flash_attention_forward(q, k, v, query_length=length, **given)
    expected = by_hand(q, k, v, allowed, options.get("softmax_scale", 8**-0.5), options.get("softcap"))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_texts_side_by_side() -> None:
    q, k, v = (torch.randn(1, 5, 2, 8) for _ in range(3))
    places = torch.tensor([[0, 1, 0, 1, 2]])
    result = flash_attention._flash_attention_forward(q, k, v, None, 5, True, position_ids=places)
    apart = [
        flash_attention._flash_attention_forward(*(x[:, part] for x in (q, k, v)), None, 2, True)
        for part in (slice(2), slice(2, 5))
    ]
    torch.testing.assert_close(result, torch.cat(apart, dim=1))
    with pytest.raises(ArgumentError, match="was given cu_seq_lens_q"):
        flash_attention._flash_attention_forward(q, k, v, None, 5, True, cu_seq_lens_q=places)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    home = tmp_path / "lazy_package_of_a_test"
    (home / "sub").mkdir(parents=True)
    (home / "__init__.py").write_text("")
    (home / "sub" / "__init__.py").write_text("")
    (home / "modeling_x.py").write_text('__all__ = ["XModel"]\nclass XModel: pass\nclass Hidden: pass\n')
    (home / "sub" / "tokenization_x.py").write_text('__all__ = ["XTokenizer"]\nclass XTokenizer: pass\n')
    for name in ("tokenization_x_fast", "image_processing_x", "video_processing_x", "processing_x"):
        (home / f"{name}.py").write_text(f'__all__ = ["{name.title()}"]\n')
    (home / "plain.py").write_text("def nothing(): pass\n")
    return home


def test_a_lazy_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, name = str(package / "__init__.py"), package.name
    structures = [library.define_import_structure(file) for library in (lazy_modules, import_utils)]
    assert structures[0] == structures[1]
    assert lazy_modules.define_import_structure(file, "models") == import_utils.define_import_structure(file, "models")
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(package)])
    for structure in (structures[0], {"modeling_x": ["XModel"], "sub.tokenization_x": ["XTokenizer"]}):
        told = []
        for library in (lazy_modules, import_utils):
            module = library._LazyModule(name, file, structure, module_spec=spec, extra_objects={"VERSION": 1})
            monkeypatch.setitem(sys.modules, name, module)
            assert (module.XModel.__name__, module.XTokenizer.__module__) == ("XModel", f"{name}.sub.tokenization_x")
            assert module.VERSION == 1
            assert {"XModel", "XTokenizer"} <= set(dir(module))
            assert module.modeling_x.Hidden
            with pytest.raises(AttributeError, match="has no attribute Nothing"):
                module.Nothing  # noqa: B018
            told.append((module.__file__, list(module.__path__), module.__spec__))
        assert told[0] == told[1]
    lazy = lazy_modules._LazyModule(name, file, structures[0])
    kind, values = lazy.__reduce__()
    assert kind(*values).__all__ == lazy.__all__
    assert not issubclass(lazy_modules.OptionalDependencyNotAvailable, Exception)


def test_where_scripts_look() -> None:
    code = """
    import bestiary.compat; bestiary.compat.install()
    from transformers import ROPE_INIT_FUNCTIONS, SPIECE_UNDERLINE, BackboneConfigMixin, BackboneMixin, _LazyModule
    from transformers import OptionalDependencyNotAvailable, dynamic_rope_update
    from transformers.data.data_collator import torch_default_data_collator
    from transformers.generation import validate_stopping_criteria
    from transformers.modeling_flash_attention_utils import _flash_attention_forward, _get_unpad_data, _pad_input, _unpad_input
    from transformers.modeling_utils import local_torch_dtype
    from transformers.pipelines.base import ArgumentHandler, no_collate_fn
    from transformers.trainer_pt_utils import LabelSmoother, nested_concat, nested_detach, nested_numpify, nested_truncate
    from transformers.trainer_utils import has_length
    from transformers.utils import IMAGENET_DEFAULT_MEAN, OptionalDependencyNotAvailable, _LazyModule, define_import_structure
    from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_STANDARD_STD, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
    from transformers.utils.import_utils import _LazyModule, define_import_structure
    print(SPIECE_UNDERLINE == chr(9601), no_collate_fn([3]), OPENAI_CLIP_MEAN[0])
    """
    lines = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "3", "0.48145466"], done.stderr
