"""`Plan`: how weights are shared out among processes, from `fsdp`, `fsdp_config` and what `accelerate launch` set."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self

from ...core.errors import ArgumentError, did_you_mean
from ...core.files import read_json
from ...core.logging import warn_once

# Strategies by name; accelerate also numbers them, from 1 on. Of each: whether there is sharding at all, whether a layer's
# weights are let go after its forward, whether machines hold copies of one another.
_STRATEGIES = {
    "full_shard": (True, True, False),
    "shard_grad_op": (True, False, False),
    "no_shard": (False, False, False),
    "hybrid_shard": (True, True, True),
    "hybrid_shard_zero2": (True, False, True),
}
_POLICIES = ("TRANSFORMER_BASED_WRAP", "SIZE_BASED_WRAP", "NO_WRAP")
_STATE_DICTS = ("FULL_STATE_DICT", "SHARDED_STATE_DICT")
# Other spellings of the keys of fsdp_config, without `fsdp_`.
_SPELLINGS = {
    "offload_params": "cpu_offload",
    "wrap_policy": "auto_wrap_policy",
    "min_num_param": "min_num_params",
    "transformer_cls_names_to_wrap": "transformer_layer_cls_to_wrap",
    "transformer_cls_to_wrap": "transformer_layer_cls_to_wrap",
    "backward_prefetch_policy": "backward_prefetch",
}
_BOOLEANS = """activation_checkpointing cpu_offload cpu_ram_efficient_loading forward_prefetch limit_all_gathers
reshard_after_forward sync_module_states use_orig_params xla xla_fsdp_grad_ckpt xla_fsdp_v2""".split()  # noqa: SIM905
_OTHERS = """auto_wrap_policy backward_prefetch min_num_params sharding_strategy state_dict_type transformer_layer_cls_to_wrap
version xla_fsdp_settings""".split()  # noqa: SIM905
_FILLED = {"min_num_params": 0, "xla": False, "xla_fsdp_v2": False, "xla_fsdp_grad_ckpt": False}
# What a choice other than this one would change is no longer there in FSDP2.
_ALWAYS: dict[str, tuple[Any, str]] = {
    "version": (2, "weights are shared out by FSDP2, whose numbers are the same"),
    "use_orig_params": (True, "the optimizer always sees the model's own parameters"),
    "limit_all_gathers": (True, "no more is gathered ahead than memory was set aside for"),
    "sync_module_states": (True, "training always begins with the weights of the first process"),
    "backward_prefetch": ("backward_pre", "the layer before is always gathered while a layer's gradient is computed"),
}


@dataclass(frozen=True)
class Plan:
    """How weights, gradients and optimizer state are shared out.

    Fields:
        reshards: a layer's weights are let go after its forward and gathered anew for its backward.
        copies: each machine holds everything; only within one it is shared out.
        offloads: what is not in use waits in the host's memory.
        policy: which modules are gathered alone: those of `classes` (TRANSFORMER_BASED_WRAP; by default the model's
            `_no_split_modules`), those with at least `least` parameters (SIZE_BASED_WRAP), or none.
        recomputes: gradient checkpointing. prefetches: the next layer is gathered during a layer's forward.
        loads_in_first: only the first process opens weights; it sends each of the others its part.
        saves_shards: in checkpoints each process writes its part.
    """

    reshards: bool = True
    copies: bool = False
    offloads: bool = False
    policy: str = "TRANSFORMER_BASED_WRAP"
    classes: tuple[str, ...] = ()
    least: int = 0
    recomputes: bool = False
    prefetches: bool = False
    loads_in_first: bool = False
    saves_shards: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Self | None":
        """That of an `fsdp_config` as `read` gives it; None where nothing is shared out."""
        shards, reshards, copies = _STRATEGIES[config.get("sharding_strategy", "full_shard")]
        if not shards:
            return None
        return cls(
            reshards=config.get("reshard_after_forward", reshards),
            copies=copies,
            offloads=config.get("cpu_offload", False),
            policy=config.get("auto_wrap_policy") or ("SIZE_BASED_WRAP" if config["min_num_params"] else _POLICIES[0]),
            classes=tuple(config.get("transformer_layer_cls_to_wrap") or ()),
            least=config["min_num_params"],
            recomputes=config.get("activation_checkpointing", False),
            prefetches=config.get("forward_prefetch", False),
            loads_in_first=config.get("cpu_ram_efficient_loading", False),
            saves_shards=config.get("state_dict_type") == "SHARDED_STATE_DICT",
        )

    def of_accelerate(self) -> dict[str, Any]:
        """The arguments of accelerate's plugin that say the same."""
        return {
            "fsdp_version": 2,
            "reshard_after_forward": self.reshards,
            "cpu_offload": self.offloads,
            "auto_wrap_policy": self.policy.lower(),
            "transformer_cls_names_to_wrap": list(self.classes) or None,
            "min_num_params": self.least or None,
            "activation_checkpointing": self.recomputes,
            "cpu_ram_efficient_loading": self.loads_in_first,
            "state_dict_type": _STATE_DICTS[self.saves_shards],
        }


def read(fsdp: Any, fsdp_config: Any, launched: Mapping[str, Any] | None = None) -> tuple[bool, dict[str, Any] | None]:
    """Whether weights are shared out, and how: one dict of all that arguments, file and launcher say of it.

    Args:
        fsdp: True, or words: full_shard, shard_grad_op, hybrid_shard, hybrid_shard_zero2, no_shard, offload, auto_wrap.
        fsdp_config: a dict, or the path of a JSON file; keys with or without `fsdp_`. launched: the same of a launcher.

    Raises:
        ArgumentError: an unknown word or key, a value without meaning, or two that contradict each other.
    """
    settings = _table(fsdp_config)
    words = _words(fsdp)
    if not words and fsdp is not True and launched is None:
        if settings:
            warn_once("no-choice", "fsdp_config has no effect without fsdp=True", "fsdp_config")
        return False, fsdp_config if settings is None else settings
    config = _of_words(words)
    if launched is not None:
        of_launcher = _named(launched, "the launcher")
        if "reshard_after_forward" in config:
            of_launcher.pop("sharding_strategy", None)
        config = of_launcher | config
    config |= _named(settings or {}, "fsdp_config")
    for name, value in _FILLED.items():
        config.setdefault(name, value)
    _check(config)
    return True, config


def _words(fsdp: Any) -> list[str]:
    if fsdp in (None, False, True, ""):
        return []
    parts = fsdp.replace(",", " ").replace("full shard", "full_shard").split() if isinstance(fsdp, str) else list(fsdp)
    words = [str(each.value if isinstance(each, Enum) else each).lower() for each in parts]
    if words in (["true"], ["1"]):
        return ["full_shard"]
    return [] if words in (["false"], ["0"]) else words


def _of_words(words: list[str]) -> dict[str, Any]:
    known = (*_STRATEGIES, "offload", "auto_wrap")
    config: dict[str, Any] = {}
    for word in words:
        if word not in known:
            raise ArgumentError(f"fsdp has the word {word!r:.60}; expected {', '.join(known)}.{did_you_mean(word, known)}")
    chosen = [word for word in words if word in _STRATEGIES]
    if len(chosen) > 1:
        raise ArgumentError(f"fsdp says {' and '.join(chosen)}; expected one of them")
    if chosen and chosen[0] in ("full_shard", "shard_grad_op"):  # written as release 5.23 does
        config["reshard_after_forward"] = chosen[0] == "full_shard"
    elif chosen:
        config["sharding_strategy"] = chosen[0]
    if "offload" in words:
        config["cpu_offload"] = True
    return config


def _table(value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    path = str(value)
    if path.lstrip().startswith("{"):
        import json

        try:
            value = json.loads(path)
        except ValueError as error:
            raise ArgumentError(f"fsdp_config is {path!r:.80}, which is no JSON: {error}") from error
    elif Path(path).is_file():
        value = read_json(path)
    else:
        raise ArgumentError(f"fsdp_config is {path!r:.200}; there is no such file, and it is no JSON")
    if not isinstance(value, dict):
        raise ArgumentError(f"fsdp_config holds a {type(value).__name__}; expected a table of keys and values")
    return value


def _named(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same under the names of this file, each value of its kind."""
    named: dict[str, Any] = {}
    for key, value in config.items():
        bare = key.removeprefix("fsdp_")
        name = _SPELLINGS.get(bare, bare)
        if name not in _BOOLEANS and name not in _OTHERS:
            known = (*_BOOLEANS, *_OTHERS)
            raise ArgumentError(f"{where} has the key {key!r:.60}; expected {', '.join(known)}.{did_you_mean(name, known)}")
        if value is None:
            continue
        named[name] = _boolean(name, value, where) if name in _BOOLEANS else _value(name, value, where)
    return named


def _boolean(name: str, value: Any, where: str) -> bool:
    word = str(value).lower()
    if name == "reshard_after_forward" and word in _STRATEGIES:  # as FSDP1 has it
        return _STRATEGIES[word][1]
    if word not in ("true", "false", "1", "0"):
        raise ArgumentError(f"{where}: {name} is {value!r:.60}; expected true or false")
    return word in ("true", "1")


def _value(name: str, value: Any, where: str) -> Any:
    if name in ("version", "min_num_params"):
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ArgumentError(f"{where}: {name} is {value!r:.60}; expected a whole number") from None
    if name == "sharding_strategy":
        word = str(value).lower()
        names = list(_STRATEGIES)
        word = names[int(word) - 1] if word.isdigit() and 1 <= int(word) <= len(names) else word
        if word not in names:
            raise ArgumentError(f"{where}: {name} is {value!r:.60}; expected {', '.join(names)}, or a number of 1 to 5")
        return word
    if name == "transformer_layer_cls_to_wrap":
        return [each.strip() for each in value.split(",")] if isinstance(value, str) else list(value)
    if name in ("auto_wrap_policy", "state_dict_type"):
        words = _POLICIES if name == "auto_wrap_policy" else _STATE_DICTS
        word = str(getattr(value, "name", value)).upper()
        if word not in words:
            raise ArgumentError(f"{where}: {name} is {value!r:.60}; expected {', '.join(words)}.{did_you_mean(word, words)}")
        return word
    return value.lower() if name == "backward_prefetch" and isinstance(value, str) else value


def _check(config: dict[str, Any]) -> None:
    if config["xla"] or config["xla_fsdp_v2"] or config["xla_fsdp_grad_ckpt"] or config.get("xla_fsdp_settings"):
        raise ArgumentError("fsdp_config asks for xla, and there is no training on TPUs here; leave the keys of xla out")
    by_size = config["min_num_params"] > 0
    if by_size and config.get("transformer_layer_cls_to_wrap") and "auto_wrap_policy" not in config:
        raise ArgumentError(
            "fsdp_config has min_num_params and transformer_layer_cls_to_wrap; say by auto_wrap_policy which of them counts"
        )
    if config.get("auto_wrap_policy") == "SIZE_BASED_WRAP" and not by_size:
        raise ArgumentError("auto_wrap_policy is SIZE_BASED_WRAP; say by min_num_params from which size on")
    for name, (value, why) in _ALWAYS.items():
        if config.get(name, value) != value:
            warn_once("no-choice", f"fsdp_config: {name}={config[name]!r:.40} has no effect: {why}", f"fsdp {name}")
