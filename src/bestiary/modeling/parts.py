"""`ModelParts`: what a family says about its models in data, and where the parts of a model are."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions
from ..hub.push import PushToHubMixin
from ..loading.checkpoint import WEIGHT_PATTERNS
from ..loading.rules import Rule
from ..nn.init import Starting, start_as_told, start_usually
from ..nn.inputs import warn_of_padding
from .adapters import PeftAdapterMixin
from .building import FinishedOnce
from .config import PreTrainedConfig
from .facts import ModuleUtilsMixin, PublishedFlags
from .pruning import HeadWeights
from .recording import Stack

# What published models call the parts that encode, by what these take, and those that decode text.
_ENCODERS: dict[str | None, tuple[str, ...]] = {
    None: ("text_encoder", "encoder"),
    **dict.fromkeys(("image", "video"), ("vision_tower", "visual", "vision_model", "vision_encoder", "image_tower")),
    "audio": ("audio_tower", "audio_encoder", "speech_encoder"),
}
_DECODERS = ("language_model", "text_model", "decoder", "text_decoder")
_OF_TORCH = frozenset(kind for kind in vars(nn).values() if isinstance(kind, type))


class FurtherSettings:
    """What a checkpoint holds besides config and weights: here nothing.

    A base of every model and of `GenerationMixin`, whose own then count in whichever order a model names the two.
    """

    @classmethod
    def can_generate(cls) -> bool:
        """Whether the class has `generate`; those that do override this."""
        return False

    def open_settings(self, name_or_path: Any, settings: Any, hub: HubOptions, code: CodeOptions) -> None:
        """Take further settings from a checkpoint: those of generation (`settings`, or a file), for models that have it."""

    def save_settings(self, folder: Path) -> list[Path]:
        """Write such settings into `folder`; returns the paths written."""
        return []


class ModelParts(
    Starting, ModuleUtilsMixin, PublishedFlags, PeftAdapterMixin, PushToHubMixin, FurtherSettings, metaclass=FinishedOnce
):
    """The lower half of `PreTrainedModel`; what acts on a model (opening, resizing, recording) needs no more than this.

    Class attributes a family sets:
        config_class: its config. base_model_prefix: the attribute that holds the backbone in a model with a head.
        main_input_name: the first input of forward.
        stacks: prefix of output fields -> where the layers are, relative to the backbone.
        head_weights: which weights of a layer belong to its attention heads; None where heads cannot be pruned.
        kind_starts: kind of module -> what gives such a module its starting values, where these are not the usual ones
            (`nn/init.py`): normal with the deviation `config.initializer_range`, norms 1, biases 0. What a single parameter
            starts with, the module that has it says (`starts`).
        kernels: attention implementations it supports, the default first.
        _tied_weights_keys: parameter -> the parameter it shares storage with when `config.tie_word_embeddings`.
        _no_split_modules: class names of blocks that must stay on one device.
        _weight_rules: reversible renames between the file's keys and ours, for checkpoints in an older form.
        _keep_in_fp32_modules: names of modules that stay in fp32 in a load of float16. _keep_in_fp32_modules_strict: in one of
            bfloat16 too.
        _keys_to_ignore_on_load_unexpected: patterns of keys that old checkpoints hold and no model needs.
        _keys_to_ignore_on_load_missing: patterns of parameters that stay what they start as, such as sinusoids; a checkpoint
            may lack them. _keys_to_ignore_on_save: patterns of those that are not written.
        answers_each_token: whether a head gives something for each token, so that several texts may stand in a row.
        one_text_a_row: why they may not, whatever `seq_idx` says of them; empty where it keeps them apart.
        last_parts: the parts that stand behind all others, where published models have them there.
        _optional_parts: patterns of parameters that the constructor can leave out: a checkpoint may lack them, which then start
            afresh, with a warning.
        _alternatives: classes for the same task, which automatic classes open where a config names one (`architectures`).
        _new_with_head: patterns of parameters that start afresh, with a warning, where a checkpoint of a class with another
            head lacks them.
    """

    supersedes = WEIGHT_PATTERNS
    config_class: ClassVar[type[PreTrainedConfig]] = PreTrainedConfig
    base_model_prefix: ClassVar[str] = ""
    main_input_name: ClassVar[str] = "input_ids"
    stacks: ClassVar[dict[str, Stack]] = {}
    head_weights: ClassVar[HeadWeights | None] = None
    kind_starts: ClassVar[Mapping[type[nn.Module], Callable[[Any, Any], None]]] = {}
    kernels: ClassVar[tuple[str, ...]] = ("sdpa", "eager", "flex_attention", "flash_attention_2")
    supports_gradient_checkpointing: ClassVar[bool] = True
    _tied_weights_keys: ClassVar[dict[str, str]] = {}
    _no_split_modules: ClassVar[list[str]] = []
    _keep_in_fp32_modules: ClassVar[list[str]] = []
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = []
    _weight_rules: ClassVar[tuple[Rule, ...]] = ()
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = []
    _keys_to_ignore_on_save: ClassVar[list[str]] = []
    answers_each_token: ClassVar[bool] = False
    one_text_a_row: str = ""
    last_parts: ClassVar[tuple[str, ...]] = ()
    _optional_parts: ClassVar[list[str]] = []
    _alternatives: ClassVar[tuple[type["ModelParts"], ...]] = ()
    _new_with_head: ClassVar[list[str]] = []
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"rotary_emb\.inv_freq$", r"(^|\.)position_ids$"]

    _auto_class: ClassVar[str | None] = None  # what `register_for_auto_class` was told
    _initialised = False
    _untied: frozenset[str] = frozenset()

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        if not isinstance(config, PreTrainedConfig):
            raise ArgumentError(
                f"{type(self).__name__} is built from a config, found {type(config).__name__};"
                f" to open a checkpoint use {type(self).__name__}.from_pretrained(...)"
            )
        for part in config.parts().values():
            part.check_divisions()
        self.config = config
        self.name_or_path = config.name_or_path
        self.load_report: Any = None

    @classmethod
    def tie_as_saved(cls, config: PreTrainedConfig, keys: Container[str]) -> None:
        """Settle in `config` what is tied where the file's `keys` say it and its config may not."""

    def post_init(self) -> None:
        """What a complete model needs once."""

    def check_padding(self, ids: Tensor) -> None:
        """Warn of padding in `ids` (B, T) without a mask; a family in which padding changes nothing overrides this."""
        warn_of_padding(ids, self.config.pad_token_id, (self.config.bos_token_id, self.config.eos_token_id))

    def text_config(self) -> PreTrainedConfig:
        """The config of the text that forward reads."""
        return self.config.get_text_config()

    def outer_name(self, name: str) -> str:
        """What a caller calls the input `name` of forward; a part of a larger model, which hands it on, overrides this."""
        return name

    def part_dtypes(self) -> dict[str, torch.dtype]:
        """Path of a part -> the dtype of its numbers, whatever the model is opened in; none unless a family says so."""
        return {}

    # parts -----------------------------------------------------------------------------------------------------------

    @property
    def base_model(self) -> nn.Module:
        """The backbone: the model without its head, or the model itself when it has none."""
        backbone = self._modules.get(self.base_model_prefix)
        return self if backbone is None else backbone

    def each_module(self) -> Iterator[tuple[str, nn.Module, "ModelParts"]]:
        """Path of every module, the module, and the innermost model around it, which may be itself."""
        models: dict[str, ModelParts] = {}
        for path, module in self.named_modules():
            models[path] = module if isinstance(module, ModelParts) else models[path.rpartition(".")[0]]
            yield path, module, models[path]

    def share_configs(self) -> None:
        """Show each module that is not torch's own the `config` of the innermost model around it, as scripts read it."""
        for _, module, model in self.each_module():
            if type(module) not in _OF_TORCH:
                module.__dict__.setdefault("config", model.config)

    def holds_models(self) -> bool:
        """Whether a part is a model too, which looks at what reaches it by itself."""
        return any(isinstance(part, ModelParts) for part in self._modules.values())

    def get_input_embeddings(self) -> nn.Module:
        """The embedding of the main input; a head around a backbone has the backbone's."""
        backbone = self.base_model
        if backbone is not self and isinstance(backbone, ModelParts):
            return backbone.get_input_embeddings()
        raise ArgumentError(f"{type(self).__name__} has no token embedding")

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of the main input, keeping its place in the tree."""
        if not isinstance(value, nn.Module):
            raise ArgumentError(f"the new embedding is {value!r:.60}; expected a module, such as torch.nn.Embedding(...)")
        self._replace(self.get_input_embeddings(), value)
        self.tie_weights()

    def get_encoder(self, modality: str | None = None) -> Any:
        """The part that encodes, here or in the backbone: text, or the `modality` "image", "video", "audio"; else the model.

        Raises:
            ArgumentError: another modality.
        """
        if modality not in _ENCODERS:
            raise ArgumentError(f"modality is {modality!r:.60}; expected {', '.join(map(repr, _ENCODERS))}")
        return self._part_called(_ENCODERS[modality]) or self

    def get_decoder(self) -> Any:
        """The part that decodes text, here or in the backbone; the backbone where it has no such part."""
        return self._part_called(_DECODERS) or self._innermost()

    def set_encoder(self, encoder: nn.Module, modality: str | None = None) -> None:
        """Put `encoder` in the place of what `get_encoder` gives."""
        self._put("encoder", self.get_encoder(modality), encoder)

    def set_decoder(self, decoder: nn.Module) -> None:
        """Put `decoder` in the place of what `get_decoder` gives."""
        self._put("decoder", self.get_decoder(), decoder)

    def _part_called(self, names: tuple[str, ...]) -> Any:
        """The first part of one of these names, of this model or of what it stands on; None where there is none."""
        part = next((self._modules[name] for name in names if name in self._modules), None)
        backbone = self.base_model
        return (
            backbone._part_called(names) if part is None and isinstance(backbone, ModelParts) and backbone is not self else part
        )

    def _innermost(self) -> nn.Module:
        """What the model stands on, without any head."""
        backbone = self.base_model
        return backbone._innermost() if isinstance(backbone, ModelParts) and backbone is not self else backbone

    def _put(self, name: str, old: nn.Module, new: nn.Module) -> None:
        if old is self:
            raise ArgumentError(f"{type(self).__name__} is its own {name}; it has no part to put another in the place of")
        self._replace(old, new)

    def get_output_embeddings(self) -> nn.Module | None:
        """The linear layer that gives logits over the vocabulary, or None."""
        return None

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the layer that gives logits over the vocabulary."""
        old = self.get_output_embeddings()
        if old is None:
            raise ArgumentError(f"{type(self).__name__} has no output embedding")
        self._replace(old, new_embeddings)

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        """Biases over the vocabulary, as (module, name): they are resized with the embedding."""
        head = self.get_output_embeddings()
        return [(head, "bias")] if isinstance(head, nn.Linear) and head.bias is not None else []

    def _replace(self, old: nn.Module, new: nn.Module) -> None:
        for name, module in list(self.named_modules(remove_duplicate=False)):
            if module is old:
                parent, _, leaf = name.rpartition(".")
                setattr(self.get_submodule(parent), leaf, new)

    # weights ---------------------------------------------------------------------------------------------------------

    def ties(self) -> dict[str, str]:
        """Parameter -> the parameter it is tied to by what family and config say."""
        if not self.config.get_text_config().tie_word_embeddings:
            return {}
        return dict(self._tied_weights_keys)

    def tied_weights(self) -> dict[str, str]:
        """Parameter -> the parameter it shares storage with: the `ties`, but those that were `untied`."""
        return {target: source for target, source in self.ties().items() if target not in self._untied}

    @property
    def all_tied_weights_keys(self) -> dict[str, str]:
        """What `tied_weights` gives."""
        return self.tied_weights()

    def untied(self, names: Iterable[str]) -> None:
        """From now on the parameters `names` are tied to no other, here and in the parts of this model."""
        for path, module, model in self.each_module():
            if module is model:
                prefix = f"{path}." if path else ""
                model._untied |= {name.removeprefix(prefix) for name in names if name.startswith(prefix)}

    def tie_weights(self) -> None:
        """Make every tied parameter the very object it is tied to."""
        for target, source in self.tied_weights().items():
            parent, _, leaf = target.rpartition(".")
            setattr(self.get_submodule(parent), leaf, self.get_parameter(source))

    def init_weights(self, only: set[str] | None = None) -> None:
        """Give weights their starting values: all of them, or those of the modules that own the parameters `only`.

        A module starts as the innermost model around it says: a backbone of another family in its own way. Parts that were
        finished before, such as one opened from a checkpoint, stay as they are.
        """
        owners = None if only is None else {name.rpartition(".")[0] for name in only}
        finished: tuple[str, ...] = ()
        for name, module, model in self.each_module():
            if only is None and module is model is not self and model._initialised:
                finished += (f"{name}.",)
            if f"{name}.".startswith(finished):
                continue
            if owners is None or name in owners:
                model._init_weights(module)
        start_as_told(self, only, finished)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Starting values of one module's own parameters; models of other libraries' users override this."""
        for kind, start in self.kind_starts.items():
            if isinstance(module, kind):
                return start(module, self.config)
        start_usually(module, self.config.get("initializer_range", 0.02))
