"""The base of every head: a backbone under its published name with something on top.

A family writes `class LlamaForCausalLM(CausalLM, LlamaPreTrainedModel): backbone_class = LlamaModel` and is done. The
backbone sits under the family's `base_model_prefix`. `**inputs` of every forward are the backbone's own arguments, which
refuses unknown ones.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from torch import Tensor

from ...core.outputs import ModelOutput
from ...nn.alias import Alias
from ...nn.losses import token_loss
from ...nn.masks import real_tokens
from ..base import PreTrainedModel
from ..config import PreTrainedConfig

Output = TypeVar("Output", bound=ModelOutput)


def recorded(output: ModelOutput) -> dict[str, Any]:
    """What a head passes on from the backbone's output besides the states it consumes itself."""
    consumed = ("last_hidden_state", "pooler_output")
    return {name: value for name, value in output.items() if name not in consumed}


def only(kind: type[ModelOutput], output: ModelOutput) -> dict[str, Any]:
    """The fields of the backbone's output that the output class `kind` has too."""
    names = kind.__dataclass_fields__
    return {name: value for name, value in recorded(output).items() if name in names}


class Headed(PreTrainedModel):
    """A backbone under its published name, with something on top.

    Class attributes:
        backbone_class: the class of the backbone. backbone_options: keywords for building it.
        backbone_part: the field of the config that the backbone is built from, in models made of parts.
        output_class: what forward gives; a family whose backbone gives more has another, with fields for it.
    """

    backbone_class: ClassVar[type[PreTrainedModel]]
    backbone_options: ClassVar[dict[str, Any]] = {}
    backbone_part: ClassVar[str] = ""
    output_class: ClassVar[Any]
    num_labels = Alias("config.num_labels")

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_module(self.base_model_prefix, self.build_backbone(config))

    def build_backbone(self, config: PreTrainedConfig) -> PreTrainedModel:
        """The backbone of a model with this config."""
        part = config.get(self.backbone_part) if self.backbone_part else config
        return self.backbone_class(part, **self.backbone_options)

    @property
    def base_model(self) -> PreTrainedModel:
        """The backbone: the model without its head."""
        backbone = self._modules[self.base_model_prefix]
        if not isinstance(backbone, PreTrainedModel):
            raise TypeError(f"{self.base_model_prefix} is a {type(backbone).__name__}")
        return backbone

    def run_backbone(self, *args: Any, **inputs: Any) -> Any:
        """The backbone's output, its fields by name whatever its config says of `return_dict`."""
        return self.base_model(*args, return_dict=True, **inputs)


class WithoutPooler(Headed):
    """A head that needs no pooled state, so the backbone has no pooler; files of the pretrained model do hold one."""

    backbone_options = {"add_pooling_layer": False}
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"(^|\.)pooler\."]


class TextHead(Headed, Generic[Output]):
    """What heads on texts share: `logits` of the backbone's output, and a `loss` where there are labels."""

    if TYPE_CHECKING:

        def logits(self, output: Any, real: Tensor | None) -> Tensor:
            """Logits of the backbone's `output`; `real` (B, T) is True where tokens are no padding, None where all are real."""

    def loss(self, logits: Tensor, labels: Tensor | None) -> Tensor | None:
        """Cross entropy of logits (..., N) against labels (...); -100 is ignored."""
        return None if labels is None else token_loss(logits, labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> Output:
        """labels: as the class says; the other inputs are the backbone's."""
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        padded = attention_mask is not None and attention_mask.dim() == 2
        logits = self.logits(output, real_tokens(attention_mask) if padded else None)
        fields = only(self.output_class, output)
        return cast(Output, self.output_class(loss=self.loss(logits, labels), logits=logits, **fields))


def classifier_dropout(config: PreTrainedConfig, default: float = 0.0) -> float:
    """The first of `classifier_dropout`, `cls_dropout`, `hidden_dropout`, `hidden_dropout_prob` that is set; else `default`."""
    for name in ("classifier_dropout", "cls_dropout", "hidden_dropout", "hidden_dropout_prob"):
        value = config.get(name)
        if value is not None:
            return float(value)
    return default
