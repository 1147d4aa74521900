"""A sentence encoder of MiniLM's shape in 8 bits, 256 texts of 4 to 128 tokens, beside ONNX Runtime and the reference.

All sides get the same rows of ids. Ours is the plain pipeline, which puts texts of like lengths together. The others get them
sorted by length, in batches of the size that is best for them. ONNX Runtime runs the graph as its own tool optimizes and
quantizes it (dynamically, int8). Without onnx and onnxruntime it is left out.
"""

import random
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import Options, Row, compare, in_turn, new_process, seconds

SHAPE: dict[str, Any] = {
    "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
}  # fmt: skip
SHORTEST, LONGEST = 4, 128
BATCHES = (8, 32, 64)
ALIKE = 0.98  # cosine of the features in 8 bits and in fp32, at least


def texts(count: int) -> list[str]:
    """So many texts, each of words that are one token; with the two tokens around them 4 to 128 long."""
    draw = random.Random(0)
    lengths = [draw.randint(SHORTEST, LONGEST) for _ in range(count)]
    return [" ".join(f"w{draw.randrange(1000, 30000)}" for _ in range(length - 2)) for length in lengths]


def save(folder: str) -> None:
    """Write an encoder of random weights with a tokenizer of whole words, and the graph for ONNX Runtime."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    import bestiary

    torch.manual_seed(0)
    model = bestiary.BertModel(bestiary.BertConfig(**SHAPE), add_pooling_layer=False).eval()
    model.save_pretrained(folder)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *(f"w{index}" for index in range(len(special), SHAPE["vocab_size"]))]
    rust = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    rust.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    bestiary.PreTrainedTokenizerFast(tokenizer_object=rust, model_max_length=512, **roles).save_pretrained(folder)
    if find_spec("onnx") is not None and find_spec("onnxruntime") is not None:
        for_onnxruntime(model, folder)


def for_onnxruntime(model: Any, folder: str) -> None:
    """Write `model` as ONNX, optimized and in int8 by ONNX Runtime's tools."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    example = (torch.randint(0, 1000, (2, 7)), torch.ones(2, 7, dtype=torch.int64))
    names, axes = ["input_ids", "attention_mask"], {0: "rows", 1: "tokens"}
    torch.onnx.export(
        encoder_of(model).eval(), example, f"{folder}/plain.onnx", input_names=names, output_names=["features"],
        dynamic_axes=dict.fromkeys([*names, "features"], axes), opset_version=17, dynamo=False,
    )  # fmt: skip
    heads, width = SHAPE["num_attention_heads"], SHAPE["hidden_size"]
    optimized = optimizer.optimize_model(f"{folder}/plain.onnx", model_type="bert", num_heads=heads, hidden_size=width)
    optimized.save_model_to_file(f"{folder}/optimized.onnx")
    for name in ("plain", "optimized"):
        quantize_dynamic(
            f"{folder}/{name}.onnx", f"{folder}/{name}-int8.onnx", weight_type=QuantType.QInt8, per_channel=True,
            extra_options={"DefaultTensorType": 1},
        )  # fmt: skip


def encoder_of(model: Any) -> Any:
    """The encoder in plain torch operations, (ids, mask) -> features, as tools that look for attention expect it."""
    import math

    import torch
    from torch import Tensor, nn

    heads = SHAPE["num_attention_heads"]

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            embeddings = self.model.embeddings
            places = torch.arange(input_ids.shape[1])[None]
            x = embeddings.word_embeddings(input_ids) + embeddings.token_type_embeddings(torch.zeros_like(input_ids))
            x = embeddings.LayerNorm(x + embeddings.position_embeddings(places))
            hidden = (1.0 - attention_mask[:, None, None].to(torch.float32)) * -10000.0

            def apart(part: Tensor) -> Tensor:
                return part.view(part.shape[0], part.shape[1], heads, -1).permute(0, 2, 1, 3)

            for layer in self.model.encoder.layer:
                attention, own = layer.attention, layer.attention.self
                query, key, value = apart(own.query(x)), apart(own.key(x)), apart(own.value(x))
                scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1]) + hidden
                mixed = torch.matmul(nn.functional.softmax(scores, dim=-1), value).permute(0, 2, 1, 3).contiguous()
                mixed = mixed.view(x.shape[0], x.shape[1], SHAPE["hidden_size"])
                x = attention.output.LayerNorm(attention.output.dense(mixed) + x)
                wide = nn.functional.gelu(layer.intermediate.dense(x))
                x = layer.output.LayerNorm(layer.output.dense(wide) + x)
            return x

    return Encoder()


def ours(folder: str, count: int, bits: int) -> dict[str, Any]:
    """Seconds of the pipeline for `count` texts, and a part of the features. bits: 8 or 32."""
    import torch

    import bestiary

    few = {"load_in_8bit": True, "llm_int8_threshold": 0.0} if bits == 8 else {}
    settings = {"quantization_config": bestiary.BitsAndBytesConfig(**few)} if few else {}
    model = bestiary.BertModel.from_pretrained(folder, add_pooling_layer=False, **settings)
    features = bestiary.pipeline("feature-extraction", model=model, tokenizer=bestiary.AutoTokenizer.from_pretrained(folder))
    features(texts(count)[:16], return_tensors=True)
    found: list[Any] = []
    taken = seconds(lambda: found.append(features(texts(count), return_tensors=True)), 3)
    return {"seconds": taken, "features": [torch.flatten(each)[:384].tolist() for each in found[0][:8]]}


def batches(rows: list[list[int]], size: int) -> list[tuple[list[int], list[list[int]], list[list[int]]]]:
    """Which texts, their ids padded on the right, and their masks: sorted by length."""
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    padded = []
    for part in parts:
        width = len(rows[part[0]])
        ids = [rows[index] + [0] * (width - len(rows[index])) for index in part]
        mask = [[1] * len(rows[index]) + [0] * (width - len(rows[index])) for index in part]
        padded.append((part, ids, mask))
    return padded


def of_peer(folder: str, count: int, peer: str, size: int) -> dict[str, Any]:
    """The same of a peer, `size` texts at a time, tokenizing and sorting included. peer: "transformers", or a graph's file."""
    import os

    import numpy
    import torch
    from tokenizers import Tokenizer

    rust = Tokenizer.from_file(f"{folder}/tokenizer.json")
    if peer == "transformers":
        reference = import_module(peer).BertModel.from_pretrained(folder, add_pooling_layer=False)

        def run(ids: list[list[int]], mask: list[list[int]]) -> Any:
            with torch.inference_mode():
                return reference(torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state.numpy()
    else:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        session = onnxruntime.InferenceSession(f"{folder}/{peer}", options, providers=["CPUExecutionProvider"])

        def run(ids: list[list[int]], mask: list[list[int]]) -> Any:
            return session.run(None, {"input_ids": numpy.array(ids), "attention_mask": numpy.array(mask)})[0]

    def all_of(given: list[str]) -> dict[int, Any]:
        rows = [encoding.ids for encoding in rust.encode_batch(given)]
        found = {}
        for part, ids, mask in batches(rows, size):
            made = run(ids, mask)
            found.update({index: made[row, : len(rows[index])] for row, index in enumerate(part)})
        return found

    all_of(texts(count)[:16])
    found: list[Any] = []
    taken = seconds(lambda: found.append(all_of(texts(count))), 3)
    return {"seconds": taken, "features": [found[0][index].flatten()[:384].tolist() for index in range(min(8, count))]}


def least_alike(some: list[list[float]], others: list[list[float]]) -> float:
    """The smallest cosine of two features of the same text."""
    import math

    def length(row: list[float]) -> float:
        return math.sqrt(sum(value * value for value in row))

    pairs = zip(some, others, strict=True)
    return min(sum(a * b for a, b in zip(x, y, strict=True)) / length(x) / length(y) for x, y in pairs)


def measure(options: Options = Options()) -> list[Row]:
    count = 16 if options.quick else 256
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(save, folder=folder)
        shared = {"folder": folder, "count": count}
        sides: dict[str, Any] = {"int8": (ours, {**shared, "bits": 8}), "fp32": (ours, {**shared, "bits": 32})}
        graphs = sorted(path.name for path in Path(folder).glob("*-int8.onnx"))
        for peer, label in [*((graph, "ONNX Runtime int8") for graph in graphs), ("transformers", "reference fp32")]:
            tried = {
                size: new_process(of_peer, peer=peer, size=size, **shared) for size in BATCHES[: 1 if options.quick else 3]
            }
            best = min(tried, key=lambda size: tried[size]["seconds"])
            sides[f"{label}, {peer}, batches of {best}"] = (of_peer, {**shared, "peer": peer, "size": best})
        results = dict(zip(sides, in_turn(min(options.turns, 3), *sides.values()), strict=True))
    exact = results["fp32"][0]["features"]
    for name, series in results.items():
        if least_alike(series[0]["features"], exact) < ALIKE:
            raise RuntimeError(f"{name} computes another model: {least_alike(series[0]['features'], exact):.3f}")
    rates = {name: [count / result["seconds"] for result in series] for name, series in results.items()}
    rows = []
    for mine, bounds in (("int8", {"ONNX": 1.3, "reference": 4.0}), ("fp32", {"reference": None})):
        for name, theirs in rates.items():
            kind = name.split(maxsplit=1)[0]
            if kind in bounds:
                what = f"features of {count} texts of {SHORTEST} to {LONGEST} tokens, MiniLM's shape, {mine}"
                label = name.replace(", transformers", "")
                rows.append(compare(what, rates[mine], theirs, "texts/s", beside=label, at_least=bounds[kind]))
    return rows
