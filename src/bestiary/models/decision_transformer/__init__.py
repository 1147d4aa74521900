"""Decision Transformer (Chen et al. 2021): GPT-2 that reads returns, states and actions, and says which action comes next.

Differs from GPT-2: a token is a vector, projected; the time of a step takes the place of positions.

Paper: https://arxiv.org/abs/2106.01345
"""

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class DecisionTransformerConfig(PreTrainedConfig):
    """Hyperparameters: those of GPT-2, and the widths of states and actions; `max_ep_len` steps have a time of their own."""

    model_type = "decision_transformer"
    attribute_map = {
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }
    internal_map = {"n_embd": "hidden_size"}

    state_dim: Size = 17
    act_dim: Size = 4
    hidden_size: Size = 128
    max_ep_len: Length = 4096
    action_tanh: bool = True
    vocab_size: Length = 1
    n_positions: Length = 1024
    n_layer: Depth = 3
    n_head: Size = 1
    n_inner: Size | None = None
    activation_function: str = "relu"
    resid_pdrop: Rate = 0.1
    embd_pdrop: Rate = 0.1
    attn_pdrop: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    reorder_and_upcast_attn: bool = False
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    add_cross_attention: bool = False
    use_cache: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "n_head")


TASKS = {"base": "DecisionTransformerModel", "decoder": "DecisionTransformerGPT2Model"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": [
            "DecisionTransformerGPT2PreTrainedModel",
            "DecisionTransformerPreTrainedModel",
            "DecisionTransformerOutput",
            *TASKS.values(),
        ]
    },
)
