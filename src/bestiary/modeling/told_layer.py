"""Layers that are told anew which token each state is of (Gemma 3n, per-layer embeddings)."""

from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.norm import FullPrecisionRMSNorm
from .decoder_config import DecoderConfig


class IsTold(nn.Module):
    """A module that adds to states what a layer's own embeddings of the tokens say of them."""

    def add_told(self, size: int, width: int, config: DecoderConfig) -> None:
        """Build the way from states of `size` numbers to embeddings of `width`, and back."""
        self.act_fn = activation(config.hidden_act)
        self.per_layer_input_gate = nn.Linear(size, width, bias=False)
        self.per_layer_projection = nn.Linear(width, size, bias=False)
        self.post_per_layer_input_norm = FullPrecisionRMSNorm(size, config.rms_norm_eps)

    def told(self, x: Tensor, per_layer_input: Tensor) -> Tensor:
        """States (B, T, D) and embeddings (B, T, P) -> (B, T, D)."""
        gated = self.act_fn(self.per_layer_input_gate(x)) * per_layer_input
        output: Tensor = x + self.post_per_layer_input_norm(self.per_layer_projection(gated))
        return output


def project_to_layers(project: nn.Module, norm: nn.Module, embeds: Tensor, layers: int) -> Tensor:
    """What each of `layers` layers is told by embeddings (B, T, D) of tokens: (B, T, L, P)."""
    projected = (project(embeds) * embeds.shape[-1] ** -0.5).unflatten(-1, (layers, -1))
    output: Tensor = norm(projected)
    return output
