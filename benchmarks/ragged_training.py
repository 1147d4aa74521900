"""Training on texts of very different lengths: padded batches beside batches of like lengths and rows without padding; and
the memory of an evaluation beside the number of its rows."""

import math
import random
import resource
import tempfile
import time
from typing import Any

from measuring import Options, Row, columns, compare, in_turn

ROWS, BATCH, STEPS, SHORTEST, LONGEST = 512, 8, 14, 16, 512
WAYS = ("padded", "like lengths", "no padding", "packed")
BERT: dict[str, Any] = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
VOCABULARY, MODEL_ROWS = 50_000, (200, 20_000)


def lengths(count: int) -> list[int]:
    """Lengths as texts have them: their logarithms are normal, about 70 tokens in the middle, 16 to 512."""
    draw = random.Random(0)
    return [min(LONGEST, max(SHORTEST, round(math.exp(draw.gauss(math.log(70), 0.9))))) for _ in range(count)]


def training(way: str, kind: str, steps: int) -> dict[str, float]:
    """Tokens of texts, without padding, that `steps` updates learn from in a second of CPU."""
    import torch

    import bestiary

    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    texts = [torch.randint(3, 1000, (length,), generator=draw).tolist() for length in lengths(ROWS)]
    rows: Any = [{"input_ids": text, "labels": [token % 5 for token in text] if kind == "BERT" else text} for text in texts]
    if kind == "GPT-2":
        sizes = {"vocab_size": 1000, "n_embd": 128, "n_layer": 4, "n_head": 4, "n_positions": LONGEST}
        model: Any = bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    else:
        config = bestiary.BertConfig(vocab_size=1000, num_labels=5, max_position_embeddings=LONGEST, **BERT)
        model = bestiary.BertForTokenClassification(config)
    collator: Any = _padded
    options: dict[str, Any] = {"per_device_train_batch_size": BATCH}
    if way == "like lengths":
        options["train_sampling_strategy"] = "group_by_length"
    elif way == "no padding":
        collator = bestiary.DataCollatorWithFlattening()
    elif way == "packed":
        rows = bestiary.pack_dataset(rows, 1024)
        collator, options = bestiary.DataCollatorWithFlattening(), {"per_device_train_batch_size": 1}
    seen: list[int] = []

    class Clock(bestiary.TrainerCallback):
        begin = end = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 3:
                self.begin = time.process_time()
                seen.clear()
            self.end = time.process_time()

    class Counting(bestiary.Trainer):
        def get_train_dataloader(self) -> Any:
            loader = super().get_train_dataloader()
            collate = loader.collate_fn

            def counting(examples: list[Any]) -> Any:
                seen.append(sum(len(each["input_ids"]) for each in examples))
                return collate(examples)

            loader.collate_fn = counting
            return loader

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        args = bestiary.TrainingArguments(
            folder, max_steps=steps + 3, save_strategy="no", use_cpu=True, disable_tqdm=True, report_to=[], **options
        )
        Counting(model, args, collator, rows, callbacks=[clock]).train()
    return {"rate": sum(seen[:steps]) / (clock.end - clock.begin)}


def _padded(rows: list[Any]) -> dict[str, Any]:
    """Rows padded to the longest."""
    import torch

    size = max(len(row["input_ids"]) for row in rows)
    fill = [size - len(row["input_ids"]) for row in rows]
    pairs = list(zip(rows, fill, strict=True))
    return {
        "input_ids": torch.tensor([[*row["input_ids"], *[0] * more] for row, more in pairs]),
        "attention_mask": torch.tensor([[1] * (size - more) + [0] * more for more in fill]),
        "labels": torch.tensor([[*row["labels"], *[-100] * more] for row, more in pairs]),
    }


def evaluation(count: int, way: str) -> dict[str, float]:
    """The peak of a process's memory that evaluated `count` rows of a model that knows 50,000 tokens, in bytes."""
    import torch

    import bestiary

    torch.set_num_threads(1)
    sizes = {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16}
    model = bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    rows = [{"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8]}] * count
    right = [0, 0]

    def accuracy(prediction: Any, compute_result: bool) -> dict[str, float]:
        right[0] += int((prediction.predictions.argmax(-1)[:, :-1] == prediction.label_ids[:, 1:]).sum())
        right[1] += prediction.label_ids[:, 1:].numel()
        return {"accuracy": right[0] / right[1]} if compute_result else {}

    with tempfile.TemporaryDirectory() as folder:
        options = {"use_cpu": True, "disable_tqdm": True, "report_to": [], "per_device_eval_batch_size": 8}
        batched = way == "metrics of batches"
        args = bestiary.TrainingArguments(folder, batch_eval_metrics=batched, prediction_loss_only=not batched, **options)
        metrics: Any = accuracy if batched else None
        bestiary.Trainer(model, args, eval_dataset=rows, compute_metrics=metrics).evaluate()
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0}


def measure(options: Options = Options()) -> list[Row]:
    rows = []
    steps = 2 if options.quick else STEPS
    for kind in ("GPT-2", "BERT"):
        calls = [(training, {"way": way, "kind": kind, "steps": steps}) for way in WAYS]
        results = in_turn(options.turns, *calls)
        rates = dict(zip(WAYS, (columns(each, "rate") for each in results), strict=True))
        what = f"{kind} of 4 layers, width 128, batches of 8 texts of 16 to 512 tokens"
        for way in WAYS[1:]:
            text = "rows packed to 1,024 tokens" if way == "packed" else way
            rows.append(
                compare(f"{what}: {text}", rates[way], rates["padded"], "tokens/s of CPU", beside="padded", at_least=1.8)
            )
    few, many = (20, 200) if options.quick else MODEL_ROWS
    for way in ("loss alone", "metrics of batches"):
        calls = [(evaluation, {"count": count, "way": way}) for count in (many, few)]
        # Now and then 20 to 30 MB lie beside what is needed, whatever the rows: the least of several turns is without them.
        peaks = [min(columns(each, "peak")) for each in in_turn(options.turns, *calls)]
        rows.append(
            compare(
                f"peak of memory, evaluation of {many:,} rows, 50,000 tokens, {way}",
                *peaks,
                "B",
                beside=f"{few} rows",
                at_most=1.05,
            )
        )
    return rows
