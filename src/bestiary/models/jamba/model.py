"""What of Jamba is not Llama. Parameter names are those of the published classes; `RULES` has those of the files."""

from torch import Tensor

from ...loading.rules import stack
from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import Mixture
from ...nn.alias import Alias
from ...nn.moe import Router
from ...nn.norm import RMSNorm
from ..mamba import MambaConfig
from ..mamba.model import MambaMixer
from . import JambaConfig

RULES = (
    stack(
        ["feed_forward.experts.{n}.gate_proj.weight", "feed_forward.experts.{n}.up_proj.weight"],
        "feed_forward.experts.gate_up_proj",
    ),
    stack(["feed_forward.experts.{n}.down_proj.weight"], "feed_forward.experts.down_proj"),
)


class JambaMambaMixer(MambaMixer):
    """Mamba's mixer, with a norm on the step, on B and on C."""

    ssm_state_size, conv_kernel_size = Alias("config.mamba_d_state"), Alias("config.mamba_d_conv")
    time_step_rank, intermediate_size = Alias("config.mamba_dt_rank"), Alias("dt_proj.out_features")
    use_bias, use_conv_bias = Alias("config.mamba_proj_bias"), Alias("config.mamba_conv_bias")

    def __init__(self, config: JambaConfig, layer_idx: int) -> None:
        mixer = MambaConfig(
            hidden_size=config.hidden_size,
            expand=config.mamba_expand,
            state_size=config.mamba_d_state,
            conv_kernel=config.mamba_d_conv,
            time_step_rank=config.mamba_dt_rank,
            use_bias=config.mamba_proj_bias,
            use_conv_bias=config.mamba_conv_bias,
            hidden_act=config.hidden_act,
        )
        super().__init__(mixer, layer_idx)
        self.starts = {name: self.starts[name] for name in ("A_log", "D")}
        rank, states, _ = self.sizes
        self.dt_layernorm = RMSNorm(rank, config.rms_norm_eps)
        self.b_layernorm = RMSNorm(states, config.rms_norm_eps)
        self.c_layernorm = RMSNorm(states, config.rms_norm_eps)

    def selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        delta, b, c = super().selected(x)
        return self.dt_layernorm(delta), self.b_layernorm(b), self.c_layernorm(c)


class JambaSparseMoeBlock(Mixture):
    """The sum of what the chosen experts give, by shares out of all."""

    router_name = "router"
    top_k, num_experts, hidden_dim = Alias("router.top_k"), Alias("router.num_experts"), Alias("router.hidden_dim")

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return Router(config.hidden_size, count, config.declared("num_experts_per_tok"), shares_add_up=False)
