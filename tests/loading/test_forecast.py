"""The forecast from config and headers equals what is measured when the checkpoint is opened and run."""

import tracemalloc
import weakref
from typing import Any

import pytest
import torch
import torch.utils._pytree as pytree
from kit import checkpoints
from torch.utils._python_dispatch import TorchDispatchMode

import bestiary
from bestiary.core.errors import CapacityError
from bestiary.loading.forecast import Forecast, Workload, by_dtype, forecast, read_headers

MODELS = {
    "llama": (lambda: checkpoints.llama(hidden_size=64, intermediate_size=200), "AutoModelForCausalLM"),
    "gpt2": (lambda: checkpoints.gpt2(), "AutoModelForCausalLM"),
    "t5": (lambda: checkpoints.t5(), "AutoModelForSeq2SeqLM"),
}
CALLS = [Workload(1, 40, 3), Workload(3, 100, 20), Workload(2, 150, 106)]


class Live(TorchDispatchMode):
    """The most bytes of tensors made inside that were alive at one time; what is in `known` does not count."""

    def __init__(self, known: Any) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(output):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.seen:
                storage = tensor.untyped_storage()
                self.seen.add(storage._cdata)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self.free, storage._cdata, storage.nbytes())
        return output

    def free(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def allocated(cache: Any) -> int:
    halves = (cache.self_attention_cache, cache.cross_attention_cache) if hasattr(cache, "cross_attention_cache") else (cache,)
    buffers = [buffer for half in halves for layer in half.layers for buffer in (layer.keys, layer.values)]
    return sum(buffer.untyped_storage().nbytes() for buffer in buffers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_forecast_is_what_is_measured(name, dtype):
    make, opener = MODELS[name]
    folder = make()
    model = getattr(bestiary, opener).from_pretrained(folder, dtype=dtype)
    headers = read_headers(folder)
    for call in CALLS:
        found = forecast(model.config, headers, call, dtype=dtype, tied=model.tied_weights(), generates=True)
        ids = torch.randint(3, 140, (call.batch, call.prompt))
        settings = {"max_new_tokens": call.new_tokens, "eos_token_id": None, "do_sample": False}
        with Live(model.parameters()) as live:
            output = model.generate(ids, attention_mask=torch.ones_like(ids), return_dict_in_generate=True, **settings)
        assert output.sequences.shape[1] == call.new_tokens + (1 if name == "t5" else call.prompt)
        assert found.weights == model.get_memory_footprint()
        assert found.parameters == model.num_parameters()
        assert found.cache == allocated(output.past_key_values)
        assert found.cache + found.activations == pytest.approx(live.peak, rel=0.1 if name != "t5" else 0.35)


def test_weights_in_another_dtype_and_tied_ones():
    folder = checkpoints.llama(tie_word_embeddings=True)
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    headers = dict(read_headers(folder))
    ties = {"lm_head.weight": "model.embed_tokens.weight"}
    assert forecast(None, headers, dtype=torch.bfloat16).weights == model.get_memory_footprint()
    headers["lm_head.weight"] = headers["model.embed_tokens.weight"]  # files that hold both
    found = forecast(model.config, headers, dtype=torch.bfloat16, tied=ties)
    assert (found.weights, found.cache) == (model.get_memory_footprint(), 0)
    largest = max(info.nbytes for info in headers.values())
    assert found.load_peak == found.weights + largest
    assert by_dtype(headers) == [
        ("float32", sum(i.nbytes for i in headers.values()) // 4, sum(i.nbytes for i in headers.values()))
    ]


def test_an_encoder_has_no_cache_and_an_image_has_the_length_of_its_patches():
    folder = checkpoints.bert("BertModel")
    config = bestiary.AutoConfig.from_pretrained(folder)
    short, long = (forecast(config, read_headers(folder), Workload(2, length, 1)) for length in (10, 20))
    assert short.cache == 0
    assert long.activations == 2 * short.activations
    image = bestiary.ViTConfig(image_size=32, patch_size=8)
    one, two = (forecast(image, {}, Workload(batch, 999, 1)).activations for batch in (1, 2))
    assert two == 2 * one == 2 * 17 * (3 * 768 + 2 * 3072) * 4


def test_large_checkpoints_cost_nothing_to_look_at(tmp_path):
    """A sparse file of 8 GB: its header alone is read, and next to nothing is allocated."""
    path = tmp_path / "model.safetensors"
    header = b'{"w":{"dtype":"F16","shape":[4000,1000000],"data_offsets":[0,8000000000]}}'
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 8_000_000_000)
    tracemalloc.start()
    found = forecast(None, read_headers(tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.weights == found.load_peak == 8_000_000_000
    assert peak < 50_000_000


def test_what_does_not_fit_is_refused_with_the_numbers():
    found = Forecast(parameters=1, weights=3_000_000, load_peak=3_000_000, cache_per_token=0, cache=1_000_000, activations=0)
    found.check(4_000_000)
    with pytest.raises(CapacityError, match=r"needs 4.00 MB and 3.90 MB are allowed"):
        found.check(3_900_000)
