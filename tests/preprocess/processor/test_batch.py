"""The dictionary that preprocessors return: conversion, moving, and what cannot become a tensor."""

import copy
import pickle

import numpy as np
import pytest
import torch
import transformers

from bestiary.core.errors import ArgumentError, InputError
from bestiary.preprocess.batch import BatchFeature, TensorType, as_tensor


def test_conversion_and_dtypes():
    data = {"ids": [[1, 2], [3, 4]], "mask": [[True, False]], "scores": [0.5, 1.5], "half": [np.zeros(3, np.float16)] * 2}
    batch = BatchFeature(data, "pt")
    assert [batch[name].dtype for name in data] == [torch.int64, torch.bool, torch.float32, torch.float16]
    assert batch.ids.tolist() == data["ids"]
    arrays = BatchFeature(data, TensorType.NUMPY, skip_tensor_conversion=["ids"])
    assert arrays.ids is data["ids"]
    assert arrays.half.shape == (2, 3)
    tensors = BatchFeature({"x": [torch.ones(2), torch.zeros(2)]})
    assert copy.copy(tensors).convert_to_tensors("np").x.tolist() == [[1, 1], [0, 0]]


def test_scalars_and_read_only_arrays():
    frozen = np.arange(3)
    frozen.flags.writeable = False
    assert as_tensor(3, "pt").tolist() == 3
    assert as_tensor(np.float32(0.5), "pt").shape == ()
    assert as_tensor(frozen, "pt").tolist() == [0, 1, 2]


def test_moving_casts_floats_only():
    batch = BatchFeature({"ids": [[1]], "pixels": [[0.5]], "list": [torch.ones(2)], "names": ["a"]}, "pt", ["list", "names"])
    assert batch.to("cpu", torch.float16) is batch
    assert [batch.ids.dtype, batch.pixels.dtype, batch.list[0].dtype] == [torch.int64, torch.float16, torch.float16]
    assert batch.names == ["a"]
    assert batch.to(torch.float64).pixels.dtype == torch.float64
    assert batch.to(dtype=torch.bfloat16, device="cpu", non_blocking=True).pixels.dtype == torch.bfloat16
    assert batch.to("meta").ids.device.type == "meta"
    with pytest.raises(ArgumentError, match=r"torch\.float16"):
        batch.to(dtype="float16")


def test_it_is_a_dictionary():
    batch = BatchFeature({"a": 1})
    batch["b"] = 2
    assert {**batch} == batch.data == {"a": 1, "b": 2}
    assert pickle.loads(pickle.dumps(batch)) == batch  # noqa: S301  # our own bytes
    assert type(copy.deepcopy(batch)) is BatchFeature
    with pytest.raises(AttributeError, match="'c'"):
        _ = batch.c


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], [1, 2]], "'x'.*lengths 1, 2"),
        ([np.zeros(3), np.zeros(4)], r"\(3,\), \(4,\)"),
        ([torch.zeros(3), torch.zeros(4)], r"\(3,\), \(4,\)"),
        ([1, "a"], "str 'a'"),
        ([1, None], "None"),
    ],
)
@pytest.mark.parametrize("kind", ["pt", "np"])
def test_what_cannot_become_a_tensor(value, message, kind):
    with pytest.raises(InputError, match=message):
        BatchFeature({"x": value}, kind)


@pytest.mark.parametrize("kind", ["pt", "np"])
@pytest.mark.parametrize(
    "value", ["a", ["a"], [["a"], ["b"]], None, [None, 1], {"a": 1}, [{"a": 1}], {1}, object(), [object()]]
)
def test_what_is_no_number_stays(value, kind):
    for batch in (
        BatchFeature({"x": value, "y": [1]}, kind),
        transformers.BatchFeature({"x": value, "y": [1]}, tensor_type=kind),
    ):
        assert batch["x"] is value
        assert batch["y"].shape == (1,)


def test_other_frameworks_are_refused():
    with pytest.raises(ArgumentError, match="'tf'"):
        BatchFeature({"x": [1]}, "tf")
