"""The published config of a model in a GGUF file, from its metadata and the shapes of its tensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.errors import UnknownArchitecture, did_you_mean
from ...core.gguf import GgufHeader, read_header
from .architectures import ARCHITECTURES, TOKENS, Architecture
from .positions import stored_scaling

LONGEST_LIST = 4096  # longer ones are vocabularies


def config_values(path: Path) -> dict[str, Any]:
    """What config.json would hold, `model_type` included.

    Raises:
        CorruptFile: as `core.gguf.read_header`.
        UnknownArchitecture: no family here reads files of this architecture.
    """
    header = read_header(path, longest_list=LONGEST_LIST)
    name = header.architecture
    if name not in ARCHITECTURES:
        raise UnknownArchitecture(
            f"{header.path} holds a model of the GGUF architecture {name!r:.60}, which is not read here."
            f"{did_you_mean(name, ARCHITECTURES)} Read are {', '.join(ARCHITECTURES)}"
        )
    architecture = ARCHITECTURES[name]
    values: dict[str, Any] = {"model_type": architecture.model_type, **architecture.fixed}
    for key, field in architecture.config.items():
        if (value := header.metadata.get(f"{name}.{key}")) is not None:
            values[field] = value
    for field, key in TOKENS.items():
        if isinstance(index := header.metadata.get(key), int):
            values[field] = index
    if "token_embd.weight" in header.tensors:
        values["vocab_size"] = header.tensors["token_embd.weight"].shape[0]
    values["tie_word_embeddings"] = "output.weight" not in header.tensors
    values |= {field: tensor in header.tensors for field, tensor in architecture.present.items()}
    if architecture.rotary:
        _rotary(values, header, architecture)
    if name in _FURTHER:
        _FURTHER[name](values, header)
    return values


def _rotary(values: dict[str, Any], header: GgufHeader, architecture: Architecture) -> None:
    """How positions turn: base, scaling, and the share of each head that turns."""

    def said(key: str) -> Any:
        return header.metadata.get(f"{header.architecture}.rope.{key}")

    table: dict[str, Any] = {"rope_type": "default"}
    if (base := said("freq_base")) is not None:
        table["rope_theta"] = base
    sizes = [values.get("hidden_size"), values.get("num_attention_heads"), said("dimension_count")]
    hidden, heads, turning = (each if isinstance(each, int) and each > 0 else 0 for each in sizes)
    if architecture.partial and heads and turning:
        table["partial_rotary_factor"] = turning / (values.get("head_dim") or max(hidden // heads, 1))
    kind, factor = said("scaling.type"), said("scaling.factor")
    if kind in ("linear", "yarn") and factor:
        table |= {"rope_type": kind, "factor": factor}
        if kind == "yarn" and (original := said("scaling.original_context_length")):
            table["original_max_position_embeddings"] = original
    table |= stored_scaling(header, table, values.get("max_position_embeddings", 0))
    if len(table) > 1:
        values["rope_parameters"] = table


def _llama(values: dict[str, Any], header: GgufHeader) -> None:
    if "blk.0.ffn_gate_exps.weight" in header.tensors:
        values["model_type"] = "mixtral"
    else:
        values.pop("num_local_experts", None)
        values.pop("num_experts_per_tok", None)


def _gemma2(values: dict[str, Any], header: GgufHeader) -> None:
    if values.get("num_hidden_layers") == 46:  # 27B alone divides by the width of a head of all; the file does not say it
        values["query_pre_attn_scalar"] = values["hidden_size"] // values["num_attention_heads"]


def _gemma3(values: dict[str, Any], header: GgufHeader) -> None:
    table = values.pop("rope_parameters", {"rope_type": "default", "rope_theta": 1e6})
    local = {"rope_type": "default", "rope_theta": header.metadata.get("gemma3.rope.freq_base_swa", 10_000.0)}
    values["rope_parameters"] = {"full_attention": table, "sliding_attention": local}
    if values.get("num_hidden_layers") == 62:
        values["query_pre_attn_scalar"] = values["hidden_size"] // values["num_attention_heads"]


def _falcon(values: dict[str, Any], header: GgufHeader) -> None:
    values["multi_query"] = values.get("num_kv_heads") == 1


def _lfm2(values: dict[str, Any], header: GgufHeader) -> None:
    heads = header.metadata.get("lfm2.attention.head_count_kv")
    if isinstance(heads, list):
        values["num_key_value_heads"] = max(heads)
        values["layer_types"] = ["full_attention" if count else "conv" for count in heads]
    elif isinstance(heads, int):
        values["num_key_value_heads"] = heads


def _t5(values: dict[str, Any], header: GgufHeader) -> None:
    if "enc.blk.1.attn_rel_b.weight" in header.tensors:  # each layer has positions of its own
        values["model_type"] = "umt5"
    values["feed_forward_proj"] = "gated-gelu" if "enc.blk.0.ffn_gate.weight" in header.tensors else "relu"
    values.setdefault("num_decoder_layers", values.get("num_layers"))
    values["scale_decoder_outputs"] = values["tie_word_embeddings"]


_FURTHER: dict[str, Callable[[dict[str, Any], GgufHeader], None]] = {
    "llama": _llama,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "falcon": _falcon,
    "lfm2": _lfm2,
    "t5": _t5,
}
