"""What opening takes, from headers alone, equals what is measured when the checkpoint is opened."""

import tracemalloc

import torch
from kit import checkpoints

import bestiary
from bestiary.loading.headers import by_dtype, load_need, read_headers


def test_weights_in_another_dtype_and_tied_ones():
    folder = checkpoints.llama(tie_word_embeddings=True)
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    headers = dict(read_headers(folder))
    ties = {"lm_head.weight": "model.embed_tokens.weight"}
    assert load_need(headers, dtype=torch.bfloat16).weights == model.get_memory_footprint()
    headers["lm_head.weight"] = headers["model.embed_tokens.weight"]  # files that hold both
    found = load_need(headers, dtype=torch.bfloat16, tied=ties)
    assert found.weights == model.get_memory_footprint()
    assert found.parameters == model.num_parameters()
    largest = max(info.nbytes for info in headers.values())
    assert found.peak == found.weights + largest
    assert by_dtype(headers) == [
        ("float32", sum(i.nbytes for i in headers.values()) // 4, sum(i.nbytes for i in headers.values()))
    ]


def test_large_checkpoints_cost_nothing_to_look_at(tmp_path):
    """A sparse file of 8 GB: its header alone is read, and next to nothing is allocated."""
    path = tmp_path / "model.safetensors"
    header = b'{"w":{"dtype":"F16","shape":[4000,1000000],"data_offsets":[0,8000000000]}}'
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 8_000_000_000)
    tracemalloc.start()
    found = load_need(read_headers(tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.weights == found.peak == 8_000_000_000
    assert peak < 50_000_000
