"""Ranking among pairs: the loss in closed form, over two processes as over one, and the batches of several data sets."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from kit import example_rows
from safetensors.torch import load_file
from torch.nn.functional import normalize

from bestiary.core.errors import ArgumentError, InputError
from bestiary.training.contrastive import gathered, mean_pooled, multiple_negatives_ranking_loss
from bestiary.training.samplers.weighted_batches import WeightedBatches

PROGRAM = Path(__file__).parents[2] / "examples" / "training" / "sentence_embeddings.py"


def test_closed_form() -> None:
    """Of two pairs, -mean log softmax is log(1 + exp of the difference of both scores)."""
    a, p = torch.tensor([[1.0, 2.0], [0.5, -1.0]]), torch.tensor([[2.0, 1.0], [1.0, -3.0]])
    scores = 0.3 * a @ p.T
    expected = (math.log1p(math.exp(scores[0, 1] - scores[0, 0])) + math.log1p(math.exp(scores[1, 0] - scores[1, 1]))) / 2
    assert multiple_negatives_ranking_loss(a, p, scale=0.3, similarity="dot").item() == pytest.approx(expected, rel=1e-5)
    unit = multiple_negatives_ranking_loss(normalize(a), normalize(p), similarity="dot")
    torch.testing.assert_close(multiple_negatives_ranking_loss(5 * a, 7 * p), unit)  # cosine: lengths count nothing
    harder = multiple_negatives_ranking_loss(a, p, negatives=a)
    assert harder > multiple_negatives_ranking_loss(a, p)


def test_pooling_passes_over_padding() -> None:
    states = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    torch.testing.assert_close(mean_pooled(states, mask)[0], states[0, :2].mean(0))
    other = states.clone()
    other[0, 2:] = 99
    torch.testing.assert_close(mean_pooled(states, mask), mean_pooled(other, mask))


def test_refused() -> None:
    with pytest.raises(InputError, match="expected pairs"):
        multiple_negatives_ranking_loss(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ArgumentError, match="expected cosine or dot"):
        multiple_negatives_ranking_loss(torch.zeros(2, 3), torch.zeros(2, 3), similarity="l2")
    vectors = torch.zeros(2, 3)
    assert gathered(vectors) is vectors  # one process


def test_batches_are_mostly_of_one_data_set() -> None:
    order = WeightedBatches([40, 60, 20], 10, weights=[2, 1, 0], mixed=0.2, seed=3)
    rows = list(order)
    assert len(rows) == len(order) == 120
    sources = [[0 if row < 40 else 1 if row < 100 else 2 for row in rows[start : start + 10]] for start in range(0, 120, 10)]
    assert all(sorted(Counter(batch).values()) == [2, 8] for batch in sources)
    assert not any(2 in batch for batch in sources)  # its weight is 0
    assert list(order) == rows
    order.set_epoch(1)
    assert list(order) != rows


def test_weights_are_how_often_a_data_set_is_the_main_one() -> None:
    order = WeightedBatches([1000, 1000], 4, weights=[3, 1], mixed=0.25)
    rows = list(order)
    first = sum(sum(row < 1000 for row in rows[start : start + 4]) == 3 for start in range(0, len(rows), 4))
    assert first / (len(rows) / 4) == pytest.approx(0.75, abs=0.06)
    alone = list(WeightedBatches([8, 8], 4, mixed=0))
    assert all(len({row < 8 for row in alone[start : start + 4]}) == 1 for start in range(0, 16, 4))
    seen = Counter(WeightedBatches([8], 4))
    assert set(seen.values()) == {1}  # every row once


@pytest.mark.parametrize("wrong", [([4], 8, None), ([4, 0], 2, None), ([4, 4], 2, [1]), ([4, 4], 2, [0, 0])])
def test_wrong_weights(wrong: tuple[list[int], int, list[float] | None]) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        WeightedBatches(*wrong)


def test_two_processes_are_one_large_batch(tmp_path: Path) -> None:
    """Positives of both processes are candidates, and gradients go back to where they come from: the same weights."""
    data = example_rows.write_jsonl(tmp_path / "pairs.jsonl", example_rows.pairs(32))
    encoder = example_rows.encoder()
    weights = []
    for count, size in ((1, 8), (2, 4)):
        launch = [sys.executable] if count == 1 else [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
        launch += [] if count == 1 else ["--master_port", "0", "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0"]
        options = {
            "model_name_or_path": encoder, "train_files": data, "output_dir": tmp_path / str(count), "max_steps": 4,
            "per_device_train_batch_size": size, "learning_rate": 0.01, "optim": "sgd", "save_strategy": "no",
            "disable_tqdm": True, "ddp_find_unused_parameters": True,
        }  # fmt: skip
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        done = subprocess.run(
            [*launch, str(PROGRAM), *words, "--use_cpu", "--do_train"], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr[-3000:]
        weights.append(load_file(tmp_path / str(count) / "model.safetensors"))
    start = load_file(encoder / "model.safetensors")
    assert any(not torch.allclose(weights[0][name], start[name], atol=1e-4) for name in start)
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-5, atol=1e-6, msg=name)
