"""`past_index`: states of a batch are given to the next one, within an epoch and within an evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ArgumentError

SIZES: dict[str, Any] = {"vocab_size": 40, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "dropout": 0.0}
SIZES |= {"mem_len": 6, "use_mems_train": True, "use_mems_eval": True, "pad_token_id": 39}


def batches(data: list[dict[str, Any]]) -> list[dict[str, torch.Tensor]]:
    pairs = [data[index : index + 2] for index in range(0, len(data), 2)]
    return [{name: torch.stack([row[name] for row in pair]) for name in ("input_ids", "labels")} for pair in pairs]


def by_hand(folder: Path, data: list[dict[str, Any]], rate: float) -> tuple[list[float], float, Any]:
    """The losses of two epochs, that of an evaluation after the first, and predictions without labels, by a plain loop."""
    model = transformers.XLNetLMHeadModel.from_pretrained(folder).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses, evaluated, predicted = [], 0.0, []
    for epoch in range(2):
        mems = None
        for batch in batches(data):
            output = model(**batch, mems=mems)
            mems = output.mems
            output.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(output.loss.item())
        mems = None
        model.eval()
        with torch.no_grad():
            for batch in batches(data) if epoch == 0 else ():
                output = model(**batch, mems=mems)
                mems, evaluated = output.mems, evaluated + output.loss.item() * 2 / len(data)
        model.train()
    mems = None
    model.eval()
    for batch in batches(data):
        output = model(batch["input_ids"], mems=mems)
        mems = output.mems
        predicted.append(output.logits)
    return losses, evaluated, torch.cat(predicted).detach()


@pytest.mark.filterwarnings("ignore")
def test_states_go_from_batch_to_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    ids = torch.randint(0, 38, (6, 5))
    data = [{"input_ids": row, "labels": row.roll(-1)} for row in ids]
    transformers.XLNetLMHeadModel(transformers.XLNetConfig(**SIZES)).save_pretrained(tmp_path)
    losses, evaluated, predicted = by_hand(tmp_path, data, 0.1)

    options: dict[str, Any] = {"per_device_train_batch_size": 2, "per_device_eval_batch_size": 2, "num_train_epochs": 2}
    options |= {"learning_rate": 0.1, "lr_scheduler_type": "constant", "optim": "sgd", "max_grad_norm": 0.0, "logging_steps": 1}
    options |= {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "no", "report_to": "none", "disable_tqdm": True}
    args = bestiary.TrainingArguments(
        str(tmp_path), use_cpu=True, train_sampling_strategy="sequential", past_index=2, **options
    )
    model = bestiary.XLNetLMHeadModel.from_pretrained(tmp_path)
    trainer = bestiary.Trainer(model, args, train_dataset=data, eval_dataset=data)
    trainer.train()
    history = trainer.state.log_history
    assert [entry["loss"] for entry in history if "loss" in entry] == pytest.approx(losses, rel=1e-5)
    assert next(entry["eval_loss"] for entry in history if "eval_loss" in entry) == pytest.approx(evaluated, rel=1e-5)
    assert len(set(losses)) == 6
    found = trainer.predict([{"input_ids": row} for row in ids]).predictions
    logits = torch.as_tensor(found[0] if isinstance(found, tuple) else found)
    torch.testing.assert_close(logits, predicted, atol=1e-5, rtol=1e-5)


def test_states_of_a_batch_are_not_cut(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="past_index hands states"):
        bestiary.TrainingArguments(str(tmp_path), past_index=2, auto_find_batch_size=True)
