"""Vision backbones: models whose output is the feature maps of chosen stages, for detection and other dense tasks."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..core.errors import ConfigError, UnknownArchitecture
from ..core.outputs import BackboneOutput
from ..loading.rules import below
from ..nn.patches import grid, required
from .backbone_config import BackboneConfig
from .base import PreTrainedModel
from .families import family, tasks_of

NORMS_OF_MAPS = r"^hidden_states_norms\."
"""Norms of a backbone alone: checkpoints of whole models lack them, so that there they start as 1 and 0."""


class Backbone(PreTrainedModel):
    """A model that gives feature maps (B, C, Y, X), one of each stage that its config names in `out_features`.

    A family computes the states of all stages and passes them to `feature_maps`.
    """

    main_input_name = "pixel_values"
    config: BackboneConfig

    @property
    @abstractmethod
    def num_features(self) -> list[int]:
        """Channels of each stage."""

    @property
    def stage_names(self) -> list[str]:
        """Names of all stages, in order."""
        return list(self.config.stage_names or ())

    @property
    def out_features(self) -> list[str]:
        """Names of the stages whose maps are returned."""
        return list(self.config.out_features or ())

    @out_features.setter
    def out_features(self, names: Sequence[str]) -> None:
        self.config.out_features = list(names)

    @property
    def out_indices(self) -> list[int]:
        """Places of those stages among `stage_names`."""
        return list(self.config.out_indices or ())

    @out_indices.setter
    def out_indices(self, indices: Sequence[int]) -> None:
        self.config.out_indices = list(indices)

    @property
    def out_feature_channels(self) -> dict[str, int]:
        """Name of a stage -> its channels."""
        return dict(zip(self.stage_names, self.num_features, strict=True))

    @property
    def channels(self) -> list[int]:
        """Channels of each map that is returned."""
        return [self.out_feature_channels[name] for name in self.out_features]

    def feature_maps(self, states: Sequence[Tensor]) -> BackboneOutput:
        """The chosen ones among the `states` (B, C, Y, X) of all stages."""
        return BackboneOutput(feature_maps=tuple(states[self.stage_names.index(name)] for name in self.out_features))

    def normed_maps(self, states: Sequence[Tensor], norms: nn.ModuleDict) -> BackboneOutput:
        """As `feature_maps`, each map through the norm that was built for its stage.

        Raises:
            ConfigError: the stages were changed behind that, and one has no norm.
        """
        missing = [name for name in self.out_features if name not in norms]
        if missing:
            raise ConfigError(
                f"this {type(self).__name__} was built for the maps of {', '.join(norms)}, and has no norm for those of"
                f" {', '.join(missing)}; set out_features in the config before the model is made"
            )
        chosen = {name: states[self.stage_names.index(name)] for name in self.out_features}
        return BackboneOutput(feature_maps=tuple(norms[name](state) for name, state in chosen.items()))


class PatchBackbone(Backbone):
    """A transformer over patches: each of its blocks is a stage, and the states of its patches are a map.

    With `config.apply_layernorm` maps go through the model's last norm. Without `config.reshape_hidden_states` they are the
    states of all tokens (B, T, D).
    """

    @property
    def num_features(self) -> list[int]:
        return [self.config.get("hidden_size")] * len(self.stage_names)

    def token_maps(self, states: Sequence[Tensor], pixels: Tensor | None, first: int, norm: nn.Module) -> BackboneOutput:
        """The chosen ones among the `states` (B, T, D) of all blocks, as maps.

        Args:
            pixels: the images (B, C, Y, X). first: the place of the first patch among the tokens.
        """
        chosen = [states[self.stage_names.index(name)] for name in self.out_features]
        if self.config.get("apply_layernorm"):
            chosen = [norm(state) for state in chosen]
        if self.config.get("reshape_hidden_states"):
            rows, columns = grid(required(pixels).shape[-2:], self.config.get("patch_size"))
            chosen = [state[:, first:].transpose(1, 2).reshape(len(state), -1, rows, columns).contiguous() for state in chosen]
        return BackboneOutput(feature_maps=tuple(chosen))


def build_backbone(config: BackboneConfig) -> Backbone:
    """The backbone that `config` describes, with fresh weights.

    Raises:
        UnknownArchitecture: the family has no backbone.
    """
    name = tasks_of(config.model_type).get("backbone")
    if name is None:
        raise UnknownArchitecture(f"{config.model_type} has no backbone; it has {', '.join(tasks_of(config.model_type))}")
    backbone: Backbone = getattr(family(config.model_type), name)(config)
    return backbone


def read_as_backbone(model: PreTrainedModel, path: str) -> None:
    """Let files of `model` name the weights of the backbone at `path` in it as the backbone's family does."""
    backbone: Any = model.get_submodule(path)
    model.__dict__["_weight_rules"] = (*model._weight_rules, *below(path, backbone._weight_rules))


def stand_on(model: PreTrainedModel, backbone: Backbone, path: str) -> None:
    """`read_as_backbone`; the hidden states and attentions of `model` are the backbone's too, at `path` in it."""
    read_as_backbone(model, path)

    def under(place: str) -> str:
        return f"{path}.{place}"

    model.__dict__["stacks"] = {
        name: replace(
            stack,
            layers=under(stack.layers),
            final=None if stack.final is None else under(stack.final),
            states=tuple(under(each) for each in stack.states),
        )
        for name, stack in backbone.stacks.items()
    }
