"""Small tools that models of others import, beside the published ones."""

import inspect
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers.utils import doc
from transformers.utils import generic as theirs

import bestiary
from bestiary.compat import generic as ours
from bestiary.compat import output_capturing
from bestiary.core.logging import BestiaryWarning
from bestiary.core.outputs import BaseModelOutput


def answer(call: Callable[[], Any]) -> Any:
    """The value, or the kind of the error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 (compared)
        return next(kind for kind in (OSError, ValueError, KeyError, Exception) if isinstance(error, kind))


X = torch.arange(6.0).reshape(1, 2, 3)
ANYTHING = (X, X.numpy(), torch.float16, "float16", "nope", 3)
SHAPING = (("transpose", (1, 0, 2)), ("reshape", (3, 2)), ("squeeze", None), ("squeeze", 0), ("expand_dims", 1))
KERNELS = ("flash_attention_2", "flash_attention_3", "sdpa", None)
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    *(("strtobool", (word,)) for word in ("y", "YES", "on", "1", "n", "Off", "0", "maybe", "")),
    ("flatten_dict", ({"a": 1, "b": {"c": 2, "d": {"e": [3]}}, "f": {}},)),
    ("flatten_dict", ({"a": {"b": 1}}, "p", "/")),
    *((name, (value,)) for name in ("is_torch_tensor", "is_numpy_array", "is_torch_dtype") for value in ANYTHING),
    *(("to_numpy", (value,)) for value in (X, [1, 2], {"a": X, "b": (1.5,)}, 3)),
    *((name, (array, argument)) for name, argument in SHAPING for array in (X, X.numpy())),
    ("transpose", (X.numpy(),)),
    *(("tensor_size", (array,)) for array in (X, X.numpy())),
    *((name, (value,)) for name in ("torch_int", "torch_float") for value in (2.7, 3)),
    *(("is_flash_attention_requested", (None, name, version)) for name in KERNELS for version in (None, 2, [3])),
    *(("can_return_loss", (kind,)) for kind in (transformers.CLIPModel, transformers.BertModel)),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=lambda value: str(value)[:30])
def test_functions(name: str, arguments: tuple[Any, ...]) -> None:
    one, other = (answer(lambda module=module: getattr(module, name)(*arguments)) for module in (ours, theirs))
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor | np.ndarray):
        assert np.array_equal(np.asarray(one), np.asarray(other))
    else:
        assert repr(one) == repr(other)


@pytest.mark.parametrize(
    "name", ["BertForSequenceClassification", "BertForQuestionAnswering", "BertForPreTraining", "BertModel"]
)
def test_labels(name: str) -> None:
    for kind in (getattr(transformers, name), getattr(bestiary, name)):
        assert ours.find_labels(kind) == theirs.find_labels(getattr(transformers, name))


def test_enumerations_name_their_values() -> None:
    for module in (ours, theirs):
        kind = module.ExplicitEnum("Kind", {"A": "a", "B": "b"})
        assert kind("a") is kind.A
        assert kind.A == "a"
        with pytest.raises(ValueError, match=r"not a valid Kind, please select one of \['a', 'b'\]"):
            kind("c")
    assert {each.value for each in ours.TensorType} <= {each.value for each in theirs.TensorType}


def test_several_contexts() -> None:
    for module in (ours, theirs):
        said: list[str] = []

        @contextmanager
        def told(name: str, said: list[str] = said) -> Any:
            said.append(f"in {name}")
            try:
                yield
            finally:
                said.append(f"out {name}")

        with pytest.raises(ZeroDivisionError), module.ContextManagers([told("a"), told("b")]):
            said.append(str(1 // 0))
        assert said == ["in a", "in b", "out b", "out a"]


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("passed", [None, True, False, "nothing"])
def test_outputs_as_tuples(configured: bool, passed: Any) -> None:
    states = torch.ones(1, 1, 2)
    answers = []
    for module, kind in ((ours, BaseModelOutput), (theirs, transformers.modeling_outputs.BaseModelOutput)):

        class Model:
            config = SimpleNamespace(return_dict=configured)

            @module.can_return_tuple  # type: ignore[untyped-decorator]
            def forward(self, x: torch.Tensor, kind: Any = kind) -> Any:
                """Says what it does."""
                return kind(last_hidden_state=x)

        keywords = {} if passed == "nothing" else {"return_dict": passed}
        output: Any = Model().forward(states, **keywords)
        assert Model.forward.__doc__ == "Says what it does."
        assert output[0] is states
        answers.append(isinstance(output, tuple))
    assert answers[0] == answers[1]


def test_keywords_outside_of_a_signature() -> None:
    for module in (ours, theirs):
        seen: dict[str, Any] = {}

        @module.filter_out_non_signature_kwargs(extra=["c"])  # type: ignore[untyped-decorator]
        def function(a: int, seen: dict[str, Any] = seen, **kwargs: Any) -> None:
            seen.update(kwargs, a=a)

        with pytest.warns(UserWarning, match="d"):
            function(1, c=2, d=3)
        assert seen == {"a": 1, "c": 2}
    assert issubclass(BestiaryWarning, UserWarning)


def test_copies_of_functions() -> None:
    def function(a: int, *, b: int = 2) -> int:
        """One text."""
        return a + b

    for module in (ours, doc):
        copy = module.copy_func(function)
        copy.__doc__ = "Another text."
        assert copy(1) == copy(1, b=2) == 3
        assert function.__doc__ == "One text."
        assert inspect.signature(copy) == inspect.signature(function)


def test_docstrings_stay() -> None:
    def function() -> None:
        """Says what it does."""

    assert ours.auto_docstring(function) is function
    assert ours.auto_docstring(custom_intro="More.")(function) is function
    assert ours.no_inherit_decorator(function) is function


def test_attributes_of_all_parts() -> None:
    for module in (ours, theirs):
        model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())
        module.set_attribute_for_modules(model, "mark", 3)
        assert [part.mark for part in model.modules()] == [3, 3, 3]
        module.del_attribute_from_modules(model, "mark")
        assert not any("mark" in vars(part) for part in model.modules())


def test_json(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"a": 1}')
    bad.write_text("{")
    for module in (ours, theirs):
        assert module.safe_load_json_file(good) == {"a": 1}
        with pytest.raises(OSError, match="bad.json"):
            module.safe_load_json_file(bad)


def test_autocast() -> None:
    x = torch.ones(2, 2)
    for module in (ours, theirs):
        with module.maybe_autocast("cpu", torch.bfloat16, enabled=True):
            assert (x @ x).dtype == torch.bfloat16
            with module.maybe_autocast("cpu", enabled=False):
                assert (x @ x).dtype == torch.float32
        with module.maybe_autocast("cpu", torch.bfloat16, enabled=False):
            assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(("name", "here"), [("merge_with_config_defaults", ours), ("check_model_inputs", output_capturing)])
def test_arguments_that_a_config_says(name: str, here: Any) -> None:
    answers = []
    for module in (here, theirs):

        class Own(torch.nn.Module):
            config = SimpleNamespace(use_cache=True, vision_feature_select_strategy="full")
            gradient_checkpointing = is_gradient_checkpointing = False

            @getattr(module, name)
            def forward(self, x: Any, use_cache: Any = None, **kwargs: Any) -> Any:
                return x, use_cache, kwargs

        model = Own()
        calls = [model(1), model(1, False), model(1, None), model(1, use_cache=False, vision_feature_layer=2)]
        model.gradient_checkpointing = model.is_gradient_checkpointing = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calls += [model(1), model.eval()(1)]
        answers.append(calls)
        with pytest.raises(ValueError, match="strategy"):
            model(1, vision_feature_select_strategy="none")
    assert answers[0] == answers[1]
