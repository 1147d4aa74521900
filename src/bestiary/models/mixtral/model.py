"""What of Mixtral is not Llama. Parameter names are those of the published classes; `weights.py` has those of the files."""

from ...modeling.heads.mixture_causal_lm import MixtureCausalLM
from ...modeling.mixture import Mixture, MixtureDecoder
from ...nn.alias import Alias
from ..llama.model import LlamaForCausalLM, LlamaModel


class MixtralSparseMoeBlock(Mixture):
    """The sum of what the chosen experts give, by their shares."""

    top_k, jitter_noise = Alias("gate.top_k"), Alias("gate.noise")


class MixtralModel(MixtureDecoder, LlamaModel):
    """Mixtral without a head."""


class MixtralForCausalLM(MixtureCausalLM, LlamaForCausalLM):
    """Mixtral with a language-modelling head."""
