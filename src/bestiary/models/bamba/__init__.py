"""Bamba (IBM, Princeton, CMU and UIUC 2024): a hybrid whose layers are Mamba 2's, but for a few that are Llama's.

Differs from Llama: the layers in `attn_layer_indices` have attention, in which half of each head turns, the others a
state-space model (Dao and Gu 2024) in its place; behind either comes an MLP.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Length, Size
from ...core.logging import warn_once
from ...modeling.hybrid_config import HybridConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import llama


class BambaConfig(HybridConfig):
    """Hyperparameters; the defaults are those of the published code.

    `z_loss_coefficient`: how much of the squared logarithm of what the softmax divides by is added to the loss.
    """

    model_type: ClassVar[str] = "bamba"
    default_partial_rotary_factor: ClassVar[float | None] = 0.5

    vocab_size: Length = 128000
    intermediate_size: Size = 14336
    max_position_embeddings: Length = 262144
    attn_layer_indices: list[Count] | None = None
    z_loss_coefficient: Amount = 0.0

    def validate(self) -> None:
        super().validate()
        beyond = [index for index in self.attn_layer_indices or () if index >= self.num_hidden_layers]
        if beyond:
            depth = self.num_hidden_layers
            warn_once("attn-layer-indices", f"BambaConfig: attn_layer_indices names layer {beyond[0]}, and there are {depth}")

    def layer_kinds(self) -> tuple[str, ...]:
        attention = self.attn_layer_indices or ()
        return tuple("full_attention" if index in attention else "linear_attention" for index in range(self.num_hidden_layers))

    @property
    def layers_block_type(self) -> list[str]:
        """The kind of each layer; also `layer_types`."""
        return list(self.layer_kinds())

    layer_types = layers_block_type


TASKS = {"base": "BambaModel", "causal-lm": "BambaForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    BambaConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"stacks": {"": Stack("layers", final="final_layernorm")}},
        "DecoderLayer": {
            "gives": "attentions",
            "state_class": Import("bestiary.modeling.state_space.StateSpaceMixer"),
            "norm_names": ("input_layernorm", None, "pre_ff_layernorm", None),
            "mlp_name": "feed_forward",
            "last_parts": ("mamba", "self_attn"),
        },
        "ForCausalLM": Import(".model.BambaForCausalLM"),
    },
)
