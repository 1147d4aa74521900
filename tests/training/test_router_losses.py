"""The loss of a mixture's routers counts once in an update, for any split into batches and processes."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.forked import run_forked
from tests.kit.training import rows

import bestiary

ROOT = Path(__file__).parents[2]
DATA = rows("causal", 8)  # with 7 to 3 labels each
COEFFICIENT = 2.0


def _model(kind: str = "mixtral") -> Any:
    bestiary.set_seed(0)
    if kind == "mixtral":
        size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
        made: Any = bestiary.MixtralConfig(**size, num_key_value_heads=2, output_router_logits=True)
        made.router_aux_loss_coef = COEFFICIENT
        return bestiary.MixtralForCausalLM(made)
    sizes = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "num_experts": 4}
    made = bestiary.SwitchTransformersConfig(**sizes, decoder_start_token_id=0, dropout_rate=0.0, num_decoder_layers=2)
    made.router_aux_loss_coef, made.router_z_loss_coef, made.output_router_logits = COEFFICIENT, 0.5, True
    made.router_jitter_noise = 0.0
    return bestiary.SwitchTransformersForConditionalGeneration(made)


def _batch(part: list[Any]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([row[name] for row in part]) for name in part[0]}


def _by_hand(size: int, kind: str = "mixtral") -> tuple[float, float]:
    """The loss of all rows, and its gradient's norm: of labels their mean, of routers that of batches by their labels."""
    model, data = _model(kind), DATA if kind == "mixtral" else rows("seq2seq", 8)
    shift = 1 if kind == "mixtral" else 0
    parts = [_batch(data[begin : begin + size]) for begin in range(0, 8, size)]
    counts = [int((part["labels"][:, shift:] != -100).sum()) for part in parts]
    total = sum(counts)
    loss: Any = 0
    for part, count in zip(parts, counts, strict=True):
        loss = loss + count / total * model(**part).loss  # of one batch it is the mean over its labels and its routers'
    loss.backward()
    norm = torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None]).norm()
    return float(loss.detach()), float(norm)


def _trained(folder: Path, size: int, accumulation: int, kind: str = "mixtral", **options: Any) -> tuple[float, float]:
    args = bestiary.TrainingArguments(
        str(folder),
        per_device_train_batch_size=size,
        gradient_accumulation_steps=accumulation,
        train_sampling_strategy="sequential",
        max_steps=1,
        logging_steps=1,
        save_strategy="no",
        max_grad_norm=0,
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )
    data = DATA if kind == "mixtral" else rows("seq2seq", 8)
    trainer = bestiary.Trainer(_model(kind), args, train_dataset=data, eval_dataset=data)
    trainer.train()
    assert trainer.share == 1
    first = trainer.state.log_history[0]
    return first["loss"], first["grad_norm"]


@pytest.mark.parametrize("kind", ["mixtral", "switch"])
@pytest.mark.parametrize(("size", "accumulation"), [(8, 1), (4, 2), (2, 4), (1, 8)])
def test_any_split_counts_routers_once(kind: str, size: int, accumulation: int, tmp_path: Path) -> None:
    found = _trained(tmp_path, size, accumulation, kind)
    assert found == pytest.approx(_by_hand(size, kind), abs=1e-5)
    # A product of two means is another one for another split, by little.
    assert found[0] == pytest.approx(_by_hand(8, kind)[0], rel=0.1)


def test_predictions_keep_the_scores_of_all_tokens(tmp_path: Path) -> None:
    """Scores (B * T, E) have another first dimension than rows: as published, none are cut."""
    transformers = pytest.importorskip("transformers")
    _model().save_pretrained(tmp_path)
    found = []
    for library in (bestiary, transformers):
        args = library.TrainingArguments(
            str(tmp_path), per_device_eval_batch_size=2, use_cpu=True, report_to="none", disable_tqdm=True
        )
        model = library.MixtralForCausalLM.from_pretrained(tmp_path)
        found.append(library.Trainer(model, args).predict(DATA[:5]))
    ours, published = found
    assert ours.predictions[-1][0].shape == (5 * 8, 8)
    for one, other in zip(_leaves(ours.predictions), _leaves(published.predictions), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def _leaves(nest: Any) -> list[Any]:
    return [leaf for each in nest for leaf in _leaves(each)] if isinstance(nest, tuple | list) else [nest]


def _process(rank: int, folder: Path) -> None:
    (folder / f"{rank}.json").write_text(
        json.dumps([_trained(folder, 2, 2), _trained(folder, 2, 2, average_tokens_across_devices=False)])
    )


def test_two_processes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first[0] == pytest.approx(_by_hand(2), abs=1e-5)
    # Each process divides by its own labels then, and what they have is averaged.
    assert first[1][1] != pytest.approx(first[0][1], abs=1e-4)
    assert first[1][0] == pytest.approx(first[0][0], rel=0.1)


if __name__ == "__main__":
    import torch._dynamo  # which DDP imports: once here, for both that are forked

    target = Path(sys.argv[1])
    ends = run_forked(partial(_process, folder=target), 2, target)
    assert [status for status, _ in ends] == [0, 0], ends
