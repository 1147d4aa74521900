"""RWKV-4 (Peng et al. 2023): a recurrent network that is trained like a transformer; each channel forgets at a rate of its own.

Differs from decoders with attention: a layer keeps a state of fixed size instead of keys and values, so a token costs the same
however long the text is, and there are no positions. Its tokenizer is GPT-NeoX's, which `tokenizer.json` describes whole.

Paper: https://arxiv.org/abs/2305.13048
"""

from typing import Annotated, ClassVar

from ...core.kinds import Length, Range, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class RwkvConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the published code.

    `attention_hidden_size` is the hidden size where it is None, `intermediate_size` four times that. In evaluation the states
    are halved behind every `rescale_every` blocks (0 or less: never), so that they stay within fp16. `context_length` is the
    length that a model was trained with; it may be exceeded.
    """

    model_type: ClassVar[str] = "rwkv"
    attribute_map: ClassVar[dict[str, str]] = {"max_position_embeddings": "context_length"}

    vocab_size: Length = 50277
    context_length: Length = 1024
    hidden_size: Size = 4096
    num_hidden_layers: Annotated[int, Range(1, 2**10)] = 32  # the state of none could not be told
    attention_hidden_size: Size | None = None
    intermediate_size: Size | None = None
    layer_norm_epsilon: Rate = 1e-5
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 0
    rescale_every: int = 6
    tie_word_embeddings: bool = False
    use_cache: bool = True

    def validate(self) -> None:
        super().validate()
        self.attention_hidden_size = self.attention_hidden_size or self.hidden_size
        self.intermediate_size = self.intermediate_size or 4 * self.hidden_size

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.num_hidden_layers


TASKS = {"base": "RwkvModel", "causal-lm": "RwkvForCausalLM"}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["RwkvPreTrainedModel", "RwkvOutput", "RwkvCausalLMOutput", *TASKS.values()]})
