"""A model in 8 bits on a CPU beside CTranslate2 and OpenVINO: the same random weights, converted by each runtime's own means.

CTranslate2 gets its specification filled and quantizes it. OpenVINO gets a decoder written in plain torch, traced, its
weights replaced by 8-bit constants with a scale for each row (what its compression tool leaves) and its cache by state that
it keeps itself. Peers that are not installed are left out.
"""

import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from few_bits import PREFILL, PROMPT, SHAPES, TOKENS, of_library, rates
from measuring import Options, Row, columns, compare, in_turn, new_process

PEERS = {"ctranslate2": "CTranslate2", "openvino": "OpenVINO"}
BOUNDS = {"ctranslate2": 2.0, "openvino": 1.0}  # of ours over theirs, decoding 1.1 B
ALIKE = 0.97  # correlation of the logits of ours in 8 bits and of a peer, behind the same prompt


def prompt(count: int) -> list[int]:
    return [3 + 7 * index % 490 for index in range(count)]


def save(shape: str, folder: str) -> None:
    """Write a model of random weights, and what the peers read."""
    import torch

    import bestiary

    torch.manual_seed(0)
    config = bestiary.LlamaConfig(**SHAPES[shape], bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model = bestiary.LlamaForCausalLM(config).to(torch.bfloat16).eval()
    model.save_pretrained(folder)
    model = model.float()
    if find_spec("ctranslate2") is not None:
        for_ctranslate2(model, f"{folder}/ctranslate2")
    if find_spec("openvino") is not None:
        for_openvino(model, f"{folder}/openvino.xml")


def for_ctranslate2(model: Any, folder: str) -> None:
    """Write the model as CTranslate2 reads it, in int8."""
    import numpy
    from ctranslate2.specs import common_spec, transformer_spec

    config = model.config
    # Its converters give a model of as many heads as groups no number of groups.
    groups = None if config.num_key_value_heads == config.num_attention_heads else config.num_key_value_heads
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        config.num_hidden_layers, config.num_attention_heads, activation=common_spec.Activation.SWISH, ffn_glu=True,
        rms_norm=True, rotary_dim=0, rotary_interleave=False, num_heads_kv=groups,
    )  # fmt: skip
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _copied(model.model.embed_tokens.weight)
    decoder.layer_norm.gamma = _copied(model.model.norm.weight)
    decoder.projection.weight = _copied(model.lm_head.weight)
    for target, layer in zip(decoder.layer, model.model.layers, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        target.self_attention.layer_norm.gamma = _copied(layer.input_layernorm.weight)
        target.ffn.layer_norm.gamma = _copied(layer.post_attention_layernorm.weight)
        together = [getattr(attention, f"{name}_proj").weight for name in "qkv"]
        target.self_attention.linear[0].weight = numpy.concatenate(list(map(_copied, together)))
        target.self_attention.linear[1].weight = _copied(attention.o_proj.weight)
        for name, linear in (("linear_0", mlp.gate_proj), ("linear_0_noact", mlp.up_proj), ("linear_1", mlp.down_proj)):
            getattr(target.ffn, name).weight = _copied(linear.weight)
    spec.register_vocabulary([f"t{index}" for index in range(config.vocab_size)])
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "t1", "t2", "t0"
    spec.config.layer_norm_epsilon = config.rms_norm_eps
    spec.validate()
    spec.optimize(quantization="int8")
    Path(folder).mkdir()
    spec.save(folder)


def _copied(weight: Any) -> Any:
    """A weight as an array of its own: quantizing changes it in place."""
    return weight.detach().numpy().copy()


def of_ctranslate2(folder: str, times: int, tokens: int, threads: int) -> dict[str, Any]:
    """`rates` of CTranslate2, and the logits behind a prompt."""
    import ctranslate2
    import numpy

    generator = ctranslate2.Generator(f"{folder}/ctranslate2", device="cpu", compute_type="int8", intra_threads=threads)
    short, long = ([f"t{index}" for index in prompt(count)] for count in (PROMPT, PREFILL))

    def generate(start: list[str], count: int) -> Any:
        return generator.generate_batch(
            [start], max_length=count, min_length=count, sampling_topk=1, include_prompt_in_result=False
        )

    logits = numpy.array(generator.forward_batch([short]))[0, -1]
    found = rates(lambda: generate(long, 1), lambda count: generate(short, count), times, tokens)
    return {**found, "logits": logits.tolist()}


def for_openvino(model: Any, file: str) -> None:
    """Write the model as a graph of OpenVINO that keeps its cache itself, with weights in int8."""
    import openvino
    import torch
    from openvino._offline_transformations import apply_make_stateful_transformation

    step = decoder_of(model).eval()
    config = model.config
    groups, size = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    past = [torch.randn(1, groups, 5, size) for _ in range(2 * config.num_hidden_layers)]
    ids = torch.tensor([[3, 4]])
    with torch.no_grad():
        graph = openvino.convert_model(step, example_input=(ids, torch.tensor([[5, 6]]), *past))
    names = [f"past_{index}" for index in range(len(past))]
    kept = [f"kept_{index}" for index in range(len(past))]
    for place, name in zip(graph.inputs, ["ids", "places", *names], strict=True):
        place.get_node().set_friendly_name(name)
        place.set_names({name})
    for place, name in zip(graph.outputs, ["logits", *kept], strict=True):
        place.set_names({name})
    shapes = {"ids": (1, -1), "places": (1, -1), **dict.fromkeys(names, (1, groups, -1, size))}
    graph.reshape({name: openvino.PartialShape(list(shape)) for name, shape in shapes.items()})
    in_eight_bits(graph)
    apply_make_stateful_transformation(graph, dict(zip(names, kept, strict=True)))
    openvino.save_model(graph, file, compress_to_fp16=False)


def decoder_of(model: Any) -> Any:
    """A Llama in plain torch operations, (ids, places, *keys and values) -> (logits of the last, *keys and values)."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    config = model.config
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    size = config.hidden_size // heads

    def normed(x: Tensor, weight: Tensor) -> Tensor:
        return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config.rms_norm_eps))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Tensor, places: Tensor, *past: Tensor) -> Any:
            x = F.embedding(ids, self.model.model.embed_tokens.weight)
            steps = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
            angles = places[..., None].float() * steps
            cos, sin = (torch.cat([part, part], -1)[:, None] for part in (angles.cos(), angles.sin()))

            def turned(part: Tensor) -> Tensor:
                return part * cos + torch.cat([-part[..., size // 2 :], part[..., : size // 2]], -1) * sin

            kept = []
            rows, count = ids.shape[0], ids.shape[1]
            before = past[0].shape[2]
            slots = torch.arange(before + count)
            mask = (slots[None, :] <= torch.arange(before, before + count)[:, None])[None, None]
            for index, layer in enumerate(self.model.model.layers):
                attention = layer.self_attn
                y = normed(x, layer.input_layernorm.weight)
                query = F.linear(y, attention.q_proj.weight).view(rows, count, heads, size).transpose(1, 2)
                key = F.linear(y, attention.k_proj.weight).view(rows, count, groups, size).transpose(1, 2)
                value = F.linear(y, attention.v_proj.weight).view(rows, count, groups, size).transpose(1, 2)
                key, value = torch.cat([past[2 * index], turned(key)], 2), torch.cat([past[2 * index + 1], value], 2)
                kept += [key, value]
                shared = [
                    part[:, :, None].expand(rows, groups, heads // groups, part.shape[2], size).reshape(rows, heads, -1, size)
                    for part in (key, value)
                ]
                mixed = F.scaled_dot_product_attention(turned(query), *shared, attn_mask=mask)
                x = x + F.linear(mixed.transpose(1, 2).reshape(rows, count, heads * size), attention.o_proj.weight)
                y = normed(x, layer.post_attention_layernorm.weight)
                gate = F.silu(F.linear(y, layer.mlp.gate_proj.weight)) * F.linear(y, layer.mlp.up_proj.weight)
                x = x + F.linear(gate, layer.mlp.down_proj.weight)
            last = normed(x[:, -1:], self.model.model.norm.weight)
            return F.linear(last, self.model.lm_head.weight), *kept

    return Decoder()


def in_eight_bits(graph: Any) -> None:
    """Replace the weights of every product by int8 constants and a scale for each row."""
    import numpy
    import openvino.opset13 as op

    for node in graph.get_ops():
        if node.get_type_name() != "MatMul":
            continue
        weight = node.input_value(1).get_node()
        if weight.get_type_name() != "Constant" or len(weight.shape) != 2:
            continue
        values = weight.data.astype(numpy.float32)
        turned = node.get_attributes()["transpose_b"]  # (N, K), otherwise (K, N)
        scales = numpy.abs(values).max(1 if turned else 0, keepdims=True).clip(1e-12) / 127
        codes = numpy.clip(numpy.round(values / scales), -127, 127).astype(numpy.int8)
        numbers = op.multiply(op.convert(op.constant(codes), "f32"), op.constant(scales.astype(numpy.float32)))
        node.input(1).replace_source_output(numbers.output(0))


def of_openvino(folder: str, times: int, tokens: int, threads: int) -> dict[str, Any]:
    """`rates` of OpenVINO, and the logits behind a prompt."""
    import numpy
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "KV_CACHE_PRECISION": "f32"}
    compiled = openvino.Core().compile_model(f"{folder}/openvino.xml", "CPU", settings)
    request = compiled.create_infer_request()

    def read(ids: list[int], before: int) -> Any:
        places = numpy.arange(before, before + len(ids))[None]
        return request.infer({"ids": numpy.array([ids]), "places": places})["logits"][0, -1]

    def generate(count: int) -> None:
        request.reset_state()
        logits = read(prompt(PROMPT), 0)
        for number in range(count - 1):
            logits = read([int(logits.argmax())], PROMPT + number)

    def prefill() -> None:
        request.reset_state()
        read(prompt(PREFILL), 0)

    request.reset_state()
    logits = read(prompt(PROMPT), 0).tolist()  # the array is the runtime's, and written over
    return {**rates(prefill, generate, times, tokens), "logits": logits}


def logits_of_ours(folder: str) -> list[float]:
    """The logits behind the prompt in 8 bits."""
    import torch

    import bestiary

    settings = bestiary.BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0, llm_int8_skip_modules=[])
    model = bestiary.LlamaForCausalLM.from_pretrained(folder, dtype="bfloat16", quantization_config=settings)
    with torch.inference_mode():
        found: list[float] = model(torch.tensor([prompt(PROMPT)])).logits[0, -1].float().tolist()
    return found


def measure(options: Options = Options()) -> list[Row]:
    import os

    present = [name for name in PEERS if find_spec(name) is not None]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    times, tokens = (1, 3) if options.quick else (3, TOKENS)
    rows: list[Row] = []
    for shape in ["tiny"] if options.quick else ["135 M", "1.1 B"]:
        with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
            new_process(save, shape=shape, folder=folder)
            shared = {"folder": folder, "times": times, "tokens": tokens}
            of_peers = {"ctranslate2": of_ctranslate2, "openvino": of_openvino}
            calls: list[Any] = [(of_library, {"library": "bestiary", "kind": "int8", **shared})]
            calls += [(of_peers[name], {**shared, "threads": threads}) for name in present]
            ours, *peers = in_turn(min(options.turns, 3), *calls)
            mine = new_process(logits_of_ours, folder=folder)
            for name, series in zip(present, peers, strict=True):
                alike = statistics.correlation(mine, series[0].pop("logits"))
                if alike < ALIKE:
                    raise RuntimeError(f"{PEERS[name]} computes another model: its logits correlate by {alike:.3f}")
                for what in ("decode", "prefill"):
                    bound = BOUNDS[name] if what == "decode" and shape == "1.1 B" else None
                    label = f"{what} of {PREFILL if what == 'prefill' else tokens} tokens, {shape}, int8"
                    sides = columns(ours, what), columns(series, what)
                    rows.append(compare(label, *sides, "tokens/s", beside=f"{PEERS[name]} int8", at_least=bound))
    return rows
