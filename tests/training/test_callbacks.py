"""What callbacks see, beside the reference: states that are saved and read by either, and the events."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import transformers
from transformers import trainer_callback, trainer_utils, training_args

import bestiary
from bestiary.training import checkpoints, choices
from bestiary.training.parameter_names import get_parameter_names


def test_a_state_is_read_by_both_libraries(tmp_path):
    state = bestiary.TrainerState(global_step=7, epoch=1.5, log_history=[{"loss": 0.5}], best_metric=0.1)
    state.save_to_json(tmp_path / "ours.json")
    transformers.TrainerState(**vars(state)).save_to_json(tmp_path / "theirs.json")
    assert (tmp_path / "ours.json").read_text() == (tmp_path / "theirs.json").read_text()
    assert bestiary.TrainerState.load_from_json(tmp_path / "theirs.json") == state
    assert bestiary.TrainerState().log_history == []


class Counting(bestiary.TrainerCallback, bestiary.ExportableState):
    def __init__(self, limit=3):
        self.limit, self.count = limit, 0

    def on_step_end(self, args, state, control, **kwargs):
        self.count += 1
        control.should_training_stop = self.count >= self.limit
        return control

    def state(self):
        return {"args": {"limit": self.limit}, "attributes": {"count": self.count}}


def test_callbacks_are_saved_with_the_state():
    callback = Counting(2)
    control = bestiary.TrainerControl()
    assert not callback.on_step_end(None, None, control).should_training_stop
    states = bestiary.TrainerState(stateful_callbacks=[callback, bestiary.TrainerControl(should_log=True)]).stateful_callbacks
    again = Counting.from_state(states["Counting"])
    assert (again.limit, again.count) == (2, 1)
    assert bestiary.TrainerControl.from_state(states["TrainerControl"]).should_log
    assert len(bestiary.TrainerState(stateful_callbacks=[callback, again]).stateful_callbacks["Counting"]) == 2
    with pytest.raises(TypeError, match="subclass of ExportableState"):
        bestiary.TrainerState(stateful_callbacks=[bestiary.TrainerCallback()])
    with pytest.raises(ValueError, match="defines no state"):
        bestiary.ExportableState().state()


def test_switches_go_back():
    control = bestiary.TrainerControl(True, True, True, True, True)
    control._new_step()
    assert control == bestiary.TrainerControl(True, True)
    control._new_epoch()
    control._new_training()
    assert control == bestiary.TrainerControl()


def test_steps_may_be_a_part_of_all():
    for library in (bestiary, transformers):
        state = library.TrainerState()
        state.compute_steps(SimpleNamespace(logging_steps=0.1, eval_steps=None, save_steps=5), 33)
        assert (state.logging_steps, state.eval_steps, state.save_steps) == (4, 500, 5)


def test_events_are_the_published_ones():
    events = [name for name in vars(trainer_callback.TrainerCallback) if name.startswith("on_")]
    assert [name for name in vars(bestiary.TrainerCallback) if name.startswith("on_")] == events
    for name in events:
        ours, theirs = (
            list(inspect.signature(vars(kind)[name]).parameters)
            for kind in (bestiary.TrainerCallback, trainer_callback.TrainerCallback)
        )
        assert ours == theirs
    assert bestiary.TrainerCallback().on_log(None, None, None, logs={}) is None


@pytest.mark.parametrize("name", ["IntervalStrategy", "SaveStrategy", "HubStrategy", "SchedulerType", "ParallelMode"])
def test_choices_are_the_published_ones(name):
    published = getattr(training_args if name == "ParallelMode" else trainer_utils, name)
    assert [(each.name, each.value) for each in getattr(choices, name)] == [(each.name, each.value) for each in published]
    assert str(next(iter(getattr(choices, name)))) == str(next(iter(published)))


def test_a_prediction_is_what_metrics_unpack():
    arrays = [np.arange(3) + number for number in range(4)]
    for given in (arrays[:2], arrays[:3], arrays):
        ours, theirs = bestiary.EvalPrediction(*given), transformers.EvalPrediction(*given)
        assert [each.tolist() for each in ours] == [each.tolist() for each in theirs]
        assert ours[1] is given[1]
        with pytest.raises(IndexError):
            ours[len(given)]


def test_the_last_checkpoint(tmp_path):
    assert checkpoints.get_last_checkpoint(tmp_path) is None
    for name in ("checkpoint-9", "checkpoint-100", "checkpoint-x", "other-200"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text("{}")  # without one a training cannot go on from it
    (tmp_path / "checkpoint-300").write_text("a file")
    assert checkpoints.get_last_checkpoint(tmp_path) == trainer_utils.get_last_checkpoint(tmp_path)
    assert checkpoints.get_last_checkpoint(tmp_path).endswith("checkpoint-100")


def test_parameters_that_decay():
    from torch import nn

    model = bestiary.BertModel(bestiary.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=9))
    for types, names in (([nn.LayerNorm], None), ([nn.LayerNorm, nn.Embedding], ["bias", r"layer\.0"])):
        ours = get_parameter_names(model, types, names)
        assert ours == transformers.trainer_pt_utils.get_parameter_names(model, types, names)
        assert 0 < len(ours) < len(list(model.parameters()))
