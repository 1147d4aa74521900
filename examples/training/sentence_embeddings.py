"""Train a model to give texts that go together vectors that lie near each other (multiple negatives ranking loss).

    python examples/training/sentence_embeddings.py --model_name_or_path microsoft/MiniLM-L12-H384-uncased \
        --train_files questions.jsonl titles.csv --validation_file dev.jsonl --per_device_train_batch_size 256 \
        --do_train --do_eval --output_dir out

Rows have the columns `anchor` and `positive`, and may have `negative`. Every other positive of a batch is a negative: batches
should be large. With `torchrun` they are those of all processes together. Of several files each batch is mostly of one.
"""

from dataclasses import dataclass, field
from typing import Any

from bestiary import AutoModel, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments, set_seed
from bestiary.core.argument_parser import HfArg
from bestiary.training.data_files import read_rows
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run
from bestiary.training.samplers.weighted_batches import WeightedBatches
from bestiary.training.tasks.sentence_similarity import SentenceSimilarity


@dataclass
class Pairs:
    """Files of pairs."""

    train_files: list[str] = field(metadata={"help": "Files to train on"})
    validation_file: str | None = HfArg(default=None, help="A file to evaluate on")
    weights: list[float] | None = HfArg(default=None, help="How often each file is a batch's main one; by default its size")
    mixed: float = HfArg(default=0.25, help="The part of a batch that comes from another file")


class PairTrainer(Trainer):
    """A trainer of pairs: the task knows the loss, the sampler the order."""

    task: SentenceSimilarity
    order: WeightedBatches

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, outputs = self.task.loss(model, inputs)
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> WeightedBatches:
        return self.order


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, Pairs, SentenceSimilarity, TrainingArguments), description=__doc__)
    choice, pairs, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    model = AutoModel.from_pretrained(choice.model_name_or_path, **choice.weights)

    sources = [task.features(read_rows(file), tokenizer, model.config) for file in pairs.train_files]
    held = task.features(read_rows(pairs.validation_file), tokenizer, model.config) if pairs.validation_file else None
    trainer = PairTrainer(
        model=model,
        args=args,
        train_dataset=[row for rows in sources for row in rows],
        eval_dataset=held,
        processing_class=tokenizer,
        data_collator=task.collator(tokenizer),
        compute_metrics=task.compute_metrics((), (), tokenizer, model.config),
    )
    trainer.task, trainer.label_names = task, ["labels"]
    size = args.train_batch_size * args.world_size
    trainer.order = WeightedBatches([len(rows) for rows in sources], size, pairs.weights, pairs.mixed, args.seed)
    return run(trainer)


if __name__ == "__main__":
    main()
