"""Conversations, of which a language model learns what the assistant says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.argument_parser import HfArg
from ..collators.chat import DataCollatorForChat
from ..collators.token_classification import DataCollatorForTokenClassification
from ..data_files import Rows
from ..language_task import best_tokens, token_accuracy
from ..task import Features, Metrics, Task, column_of

TASK = "Chat"


@dataclass
class Chat(Task):
    """Rows with `messages`: `[{"role": "user", "content": ...}, {"role": "assistant", ...}, ...]`, and perhaps `tools`."""

    model_class: ClassVar[str] = "AutoModelForCausalLM"
    needs_template: ClassVar[bool] = True

    messages_column_name: str = HfArg(default="messages", help="The column of conversations")
    max_seq_length: int = HfArg(default=1024, help="Tokens; more are cut")
    assistant_only_loss: bool = HfArg(default=True, help="Learn what the assistant says, and not what it is told")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens, and `labels`: -100 where nothing is learned."""
        column_of(rows, self.messages_column_name, (), "conversations")
        writer = DataCollatorForChat(
            preprocessor, self.max_seq_length, self.assistant_only_loss, messages_column=self.messages_column_name
        )
        return [writer.encode(row) for row in rows]

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads tokens, and labels with -100."""
        return DataCollatorForTokenClassification(preprocessor)

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """The share of learned tokens that were foretold."""
        return lambda prediction: token_accuracy(prediction, shift=1)

    def preprocess_logits(self) -> Callable[[Any, Any], Any]:
        """Only the likeliest tokens."""
        return best_tokens
