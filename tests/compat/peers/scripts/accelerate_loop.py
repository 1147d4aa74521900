"""accelerate: its training loop with clipping, accumulation and a schedule, a state saved and gone on with."""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import extract_model_from_parallel, set_seed
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    get_scheduler,
)

TEXTS = ["My name is Sarah.", "Paris is a town.", "The quick brown fox jumps", "Hello world", "a good film", "it rains"]


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    set_seed(3)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    tokenizer = AutoTokenizer.from_pretrained(folders["classes"])
    model = AutoModelForSequenceClassification.from_pretrained(folders["classes"])
    model.eval()  # no dropout, whose draws differ
    rows = [{**tokenizer(text), "label": number % 3} for number, text in enumerate(TEXTS)]
    loader = DataLoader(rows, batch_size=2, collate_fn=DataCollatorWithPadding(tokenizer))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=1, num_training_steps=8)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
    accelerator.register_for_checkpointing(schedule)
    computed: dict[str, Any] = {"losses": [], "rates": []}
    for epoch in range(3):
        if epoch == 2:
            accelerator.save_state(str(scratch / "state"))
            before = {name: tensor.clone() for name, tensor in accelerator.get_state_dict(model).items()}
        epoch_of(accelerator, model, optimizer, loader, schedule, computed)
    accelerator.load_state(str(scratch / "state"))
    again = accelerator.get_state_dict(model)
    computed["gone back"] = all(torch.equal(again[name], tensor) for name, tensor in before.items())
    repeated: dict[str, Any] = {"losses": [], "rates": []}
    epoch_of(accelerator, model, optimizer, loader, schedule, repeated)
    computed["same losses again"] = repeated["losses"] == computed["losses"][-3:]
    accelerator.wait_for_everyone()
    inner = accelerator.unwrap_model(model)
    computed["inner"] = type(extract_model_from_parallel(model)).__name__
    inner.save_pretrained(
        scratch / "trained", is_main_process=accelerator.is_main_process, save_function=accelerator.save, state_dict=again
    )
    accelerator.save_model(model, str(scratch / "weights"))
    opened = AutoModelForSequenceClassification.from_pretrained(scratch / "trained").eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    computed["logits"] = opened(**batch).logits
    with accelerator.autocast(), torch.no_grad():
        computed["gathered"] = accelerator.gather_for_metrics(model(**batch).logits)
    return computed


def epoch_of(accelerator: Any, model: Any, optimizer: Any, loader: Any, schedule: Any, computed: dict[str, Any]) -> None:
    for batch in loader:
        with accelerator.accumulate(model):
            loss = model(**batch).loss
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        computed["losses"].append(loss.item())
        computed["rates"].append(schedule.get_last_lr()[0])
