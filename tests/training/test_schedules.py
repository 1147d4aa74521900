"""Learning-rate schedules, step by step beside the reference's."""

import copy
import pickle
from functools import partial

import pytest
import torch
import transformers

import bestiary

STEPS = {"num_warmup_steps": 4, "num_training_steps": 15}
LENGTHS = {"num_warmup_steps": 3, "num_decay_steps": 5}
ROWS = {
    "constant": [{}],
    "constant_with_warmup": [{"num_warmup_steps": 5}, {"num_warmup_steps": 0}],
    "linear": [STEPS, {"num_warmup_steps": 0, "num_training_steps": 7}],
    "cosine": [STEPS, {**STEPS, "num_cycles": 1.3}],
    "cosine_with_hard_restarts": [STEPS, {**STEPS, "num_cycles": 3}],
    "polynomial_decay": [STEPS, {**STEPS, "power": 2.0, "lr_end": 0.01}],
    "inverse_sqrt": [{"num_warmup_steps": 5}, {"num_warmup_steps": 0}, {"num_warmup_steps": 2, "timescale": 9}],
    "cosine_with_min_lr": [{**STEPS, "min_lr": 0.02}, {**STEPS, "min_lr_rate": 0.3, "num_cycles": 0.8}],
    "cosine_with_min_lr_lr_rate": [
        {**STEPS, "min_lr_rate": 0.1},
        {**STEPS, "min_lr": 0.02, "warmup_lr_rate": 0.2},
        {"num_warmup_steps": 1, "num_training_steps": 9, "min_lr": 0.01, "warmup_lr_rate": 0.5},
    ],
    "wsd": [
        {**LENGTHS, "num_stable_steps": 4},
        {**LENGTHS, "num_training_steps": 14, "min_lr_ratio": 0.2},
        *[
            {**LENGTHS, "num_stable_steps": 2, "warmup_type": each, "decay_type": each}
            for each in ("linear", "cosine", "1-sqrt")
        ],
    ],
}
FUNCTION = {
    "constant": "get_constant_schedule",
    "inverse_sqrt": "get_inverse_sqrt_schedule",
    "wsd": "get_wsd_schedule",
    "cosine_with_min_lr_lr_rate": "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "constant_with_warmup": "get_constant_schedule_with_warmup",
}
CASES = [(FUNCTION.get(name, f"get_{name}_schedule_with_warmup"), row) for name, rows in ROWS.items() for row in rows]


def optimizer(rates=(0.1, 0.03)):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=0.1)


def rates(make, steps=20):
    chosen = optimizer()
    schedule = make(chosen)
    values = []
    for _ in range(steps):
        values.append(schedule.get_last_lr())
        chosen.step()
        schedule.step()
    return torch.tensor(values)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_step_has_the_published_rate(name, options):
    ours, theirs = (rates(partial(getattr(library, name), **options)) for library in (bestiary, transformers))
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-9)
    changing = name not in ("get_constant_schedule", "get_constant_schedule_with_warmup")
    assert not changing or len(set(ours[:, 0].tolist())) > 3


def test_by_name():
    assert [each.value for each in bestiary.SchedulerType] == [each.value for each in transformers.SchedulerType]
    further = {
        "cosine_with_min_lr": {"min_lr": 0.01},
        "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
        "warmup_stable_decay": {"num_decay_steps": 4},
    }
    for kind in set(bestiary.SchedulerType) - {"reduce_lr_on_plateau", "greedy"}:
        options = {**STEPS, "scheduler_specific_kwargs": further.get(kind.value)}
        ours, theirs = (rates(partial(each.get_scheduler, kind.value, **options)) for each in (bestiary, transformers))
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-9), kind
    plateau = bestiary.get_scheduler("reduce_lr_on_plateau", optimizer(), scheduler_specific_kwargs={"patience": 3})
    assert plateau.patience == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("linear",), "needs num_warmup_steps"),
        (("cosine", 3), "needs num_training_steps"),
        (("cosine_with_min_lr", 3, 9), "either min_lr or min_lr_rate"),
        (("warmup_stable_decay", 3, 9, {"num_decay_steps": 2, "decay_type": "steep"}), "decay_type is 'steep'"),
        (("polynomial", 3, 9, {"lr_end": 0.5}), "less than the optimizer's 0.1"),
        (("linaer", 3, 9), "'linaer' is not a valid SchedulerType"),
    ],
)
def test_what_has_no_meaning_is_refused(arguments, words):
    name, *rest = arguments
    with pytest.raises(ValueError, match=words):
        bestiary.get_scheduler(name, optimizer(), *rest)


def test_a_schedule_goes_on_where_it_was_saved():
    chosen = optimizer()
    schedule = bestiary.get_cosine_schedule_with_warmup(chosen, **STEPS)
    for _ in range(6):
        chosen.step()
        schedule.step()
    for saved in (schedule.state_dict(), transformers.get_cosine_schedule_with_warmup(optimizer(), **STEPS).state_dict()):
        again = bestiary.get_cosine_schedule_with_warmup(optimizer(), **STEPS)
        again.load_state_dict({**pickle.loads(pickle.dumps(saved)), "last_epoch": 6})  # noqa: S301
        again.optimizer.step()
        again.step()
        expected = copy.deepcopy(rates(lambda each: bestiary.get_cosine_schedule_with_warmup(each, **STEPS)))[7]
        assert torch.allclose(torch.tensor(again.get_last_lr()), expected)


METRICS = [5, 4, 3, 2.5, 2.4, 2.4, 2.4, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1] * 2


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1},
        {"patience": 2, "mode": "max", "threshold_mode": "rel", "threshold": 0.05, "factor": 0.5},
        {"patience": 1, "cooldown": 2, "warmup": 1, "min_lr": [0.05, 0.02], "max_lr": 0.12},
        {"patience": 0, "smooth": True, "window_size": 3, "factor": 0.7},
        {"patience": 0, "reset_start": 2, "min_lr": 0.09, "factor": 0.5},
    ],
)
def test_the_greedy_schedule_follows_a_metric_as_published(options):
    pairs = [(library.get_greedy_schedule(optimizer(), **options)) for library in (bestiary, transformers)]
    seen = set()
    for step, metric in enumerate(METRICS):
        for schedule in pairs:
            schedule.step(metric)
        assert pairs[0].get_last_lr() == pytest.approx(pairs[1].get_last_lr(), abs=1e-12), step
        seen.add(pairs[0].get_last_lr()[0])
        if step == len(METRICS) // 2:
            again = bestiary.get_greedy_schedule(optimizer((0.4, 0.4)), **options)
            again.load_state_dict(copy.deepcopy(pairs[0].state_dict()))
            pairs[0] = again
    assert len(seen) > 2


def test_a_greedy_schedule_refuses_what_it_cannot_follow():
    for options, words in (
        ({"factor": 1.0}, "less than 1"),
        ({"mode": "low"}, "one of min, max"),
        ({"min_lr": [1.0]}, "1 numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            bestiary.GreedyLR(optimizer(), **options)
