"""`Trainer` on two small models: tokens a second beside the published trainer, and beside a loop without one."""

import tempfile
import time
from importlib import import_module
from typing import Any

from measuring import Options, Row, columns, compare, in_turn

ROWS, LENGTH, BATCH, STEPS = 512, 64, 8, 60
LIBRARIES = ("bestiary", "transformers", "loop")
SIZES: dict[str, Any] = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}


def speed(library: str, kind: str, steps: int) -> dict[str, float]:
    """Tokens a second of `steps` updates, after a few others; `loop` is a bare loop over our model."""
    import torch

    module = import_module("bestiary" if library == "loop" else library)
    torch.manual_seed(0)
    ids = torch.randint(3, 1000, (ROWS, LENGTH))
    if kind == "GPT-2":
        config = module.GPT2Config(
            vocab_size=1000, n_embd=128, n_layer=4, n_head=4, n_positions=LENGTH, bos_token_id=0, eos_token_id=0
        )
        model = module.GPT2LMHeadModel(config)
        rows = [{"input_ids": row, "labels": row} for row in ids]
    else:
        model = module.BertForSequenceClassification(module.BertConfig(vocab_size=1000, num_labels=2, **SIZES))
        rows = [{"input_ids": row, "labels": index % 2} for index, row in enumerate(ids)]
    seconds = _loop(model, rows, steps) if library == "loop" else _trainer(module, model, rows, steps)
    return {"rate": steps * BATCH * LENGTH / seconds}


def _trainer(module: Any, model: Any, rows: list[dict[str, Any]], steps: int) -> float:
    class Clock(module.TrainerCallback):  # type: ignore[misc, name-defined]
        begin = end = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 5:
                self.begin = time.perf_counter()
            if state.global_step == 5 + steps:
                self.end = time.perf_counter()

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        options = {"per_device_train_batch_size": BATCH, "save_strategy": "no", "use_cpu": True, "disable_tqdm": True}
        args = module.TrainingArguments(folder, max_steps=steps + 6, **options)
        module.Trainer(model=model, args=args, train_dataset=rows, callbacks=[clock]).train()
    return clock.end - clock.begin


def _loop(model: Any, rows: list[dict[str, Any]], steps: int) -> float:
    import torch

    from bestiary import default_data_collator, get_linear_schedule_with_warmup

    loader = torch.utils.data.DataLoader(rows, BATCH, shuffle=True, collate_fn=default_data_collator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, steps + 6)
    model.train()
    start, done = 0.0, 0
    while True:
        for batch in loader:
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done += 1
            if done == 5:
                start = time.perf_counter()
            if done == 5 + steps:
                return time.perf_counter() - start


def measure(options: Options = Options()) -> list[Row]:
    rows = []
    for kind in ("GPT-2", "BERT"):
        calls = [(speed, {"library": name, "kind": kind, "steps": 3 if options.quick else STEPS}) for name in LIBRARIES]
        ours, peer, loop = (columns(each, "rate") for each in in_turn(min(options.turns, 5), *calls))
        what = f"{kind} of 4 layers, width 128, batches of {BATCH} x {LENGTH} tokens"
        rows.append(compare(f"{what}, training", ours, peer, "tokens/s", at_least=1.05))
        rows.append(compare(f"{what}, training", ours, loop, "tokens/s", beside="a bare loop", at_least=0.97))
    return rows
