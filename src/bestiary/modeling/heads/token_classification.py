"""A label for each token."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.outputs import TokenClassifierOutput
from ..config import PreTrainedConfig
from .headed import TextHead, classifier_dropout


class TokenClassifier(TextHead[TokenClassifierOutput]):
    """Logits over labels for each token (B, T, N), by dropout and a linear layer called `head_name`. labels: (B, T)."""

    output_class = TokenClassifierOutput
    loss_type = "ForTokenClassification"
    answers_each_token = True
    head_name: ClassVar[str] = "classifier"
    default_dropout: ClassVar[float] = 0.1  # where the config has no word for it

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config, self.default_dropout))
        size, bias = config.get_text_config().get("hidden_size"), config.get("token_classification_bias", True)
        self.add_module(self.head_name, nn.Linear(size, config.num_labels, bias=bias))

    def loss(self, logits: Tensor, labels: Tensor | None) -> Any:
        return None if labels is None else self.loss_function(logits, labels, self.config)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        head: nn.Module = self.get_submodule(self.head_name)
        result: Tensor = head(self.dropout(output.last_hidden_state))
        return result
