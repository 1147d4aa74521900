"""Names of the published trainer's modules that scripts import: beside the published ones."""

import os
import re
import socket
import subprocess
import sys
import types
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch.utils.data import DataLoader, IterableDataset, RandomSampler
from transformers import integrations, optimization, trainer_pt_utils, trainer_utils, training_args

import bestiary
from bestiary.compat import evaluation_arrays, process_groups, shared_samplers, trainer_helpers
from bestiary.compat.layers import unwrap_model
from bestiary.core.errors import ArgumentError
from bestiary.training import choices, neftune, rotation, special_tokens

LENGTHS = [3, 9, 1, 7, 2, 8, 5, 6, 4, 10, 12]


class Stream(IterableDataset[int]):
    def __init__(self, count: int) -> None:
        self.count, self.generator = count, torch.Generator()

    def __iter__(self) -> Any:
        return iter([*range(self.count), int(torch.randint(100, (1,), generator=self.generator))][: self.count])

    def __len__(self) -> int:
        return self.count


IN_TWO: dict[str, Any] = {"batch_size": 2, "num_processes": 2}
WHOLE: dict[str, Any] = {"batch_size": 3, "drop_last": True}
SAMPLERS: dict[str, Any] = {
    "ShardSampler": (list(range(11)), [IN_TWO, WHOLE]),
    "IterableDatasetShard": (Stream(11), [IN_TWO, WHOLE, {"batch_size": 20}]),
    "DistributedSamplerWithLoop": (
        list(range(11)),
        [{"batch_size": 4, "num_replicas": 2, "seed": 3}, {"batch_size": 5, "num_replicas": 3}],
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    data, cases = SAMPLERS[name]
    for case in cases:
        place = "rank" if "num_replicas" in case else "process_index"
        for index in range(case.get("num_replicas", case.get("num_processes", 1))):
            found = []
            for library in (shared_samplers, trainer_pt_utils):
                sampler = getattr(library, name)(data, **case, **{place: index})
                for epoch in range(2):
                    if hasattr(sampler, "set_epoch"):
                        sampler.set_epoch(epoch)
                    found.append((list(sampler), len(sampler), getattr(sampler, "num_examples", 0)))
            assert found[:2] == found[2:]


@pytest.mark.parametrize("drop_last", [False, True])
def test_samplers_by_length(drop_last: bool) -> None:
    rows = [{"input_ids": [0] * length} for length in LENGTHS]
    for given in ({"dataset": rows}, {"lengths": LENGTHS}):
        for rank in range(2):
            options = {"num_replicas": 2, "rank": rank, "drop_last": drop_last, **given}
            ours, theirs = (
                library.DistributedLengthGroupedSampler(2, **options) for library in (shared_samplers, trainer_pt_utils)
            )
            for epoch in range(2):
                ours.set_epoch(epoch)
                theirs.set_epoch(epoch)
                assert (list(ours), len(ours)) == (list(theirs), len(theirs))
    with pytest.raises(ArgumentError, match="pass num_replicas and rank"):
        shared_samplers.DistributedLengthGroupedSampler(2, lengths=LENGTHS)


def test_a_sampler_of_older_releases() -> None:
    """Each process takes rows that follow each other; the first ones fill up the last."""
    parts = [list(shared_samplers.SequentialDistributedSampler(range(16), 3, rank, batch_size=2)) for rank in range(3)]
    assert parts == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 0, 1]]
    gatherer = evaluation_arrays.DistributedTensorGatherer(3, 16, make_multiple_of=2)
    for step in range(3):
        rows = np.array([part[2 * step + place] for part in parts for place in range(2)])
        gatherer.add_arrays([rows, np.stack([rows] * (step + 1), axis=1)])
    numbers, wide = gatherer.finalize()
    assert numbers.tolist() == list(range(16))
    assert wide[:, 0].tolist() == list(range(16))
    assert wide[0].tolist() == [0, -100, -100]
    with pytest.raises(ArgumentError, match="3 processes"):
        gatherer.add_arrays(np.ones(4))


def test_the_sampler_of_a_loader() -> None:
    for loader in (DataLoader([1, 2]), DataLoader(Stream(2)), DataLoader([1, 2], batch_sampler=[[0], [1]])):
        assert shared_samplers.get_dataloader_sampler(loader) is trainer_pt_utils.get_dataloader_sampler(loader)
    assert isinstance(shared_samplers.get_dataloader_sampler(DataLoader([1], shuffle=True)), RandomSampler)


@pytest.mark.parametrize("joined", [True, False])
def test_what_an_evaluation_keeps(joined: bool) -> None:
    found = []
    for library in (evaluation_arrays, trainer_pt_utils):
        kept = library.EvalLoopContainer(joined, padding_index=-7)
        assert kept.get_arrays() is None
        kept.add((torch.ones(2, 3), torch.zeros(2)))
        kept.to_cpu_and_numpy()
        kept.add((torch.ones(1, 5), torch.ones(1)))
        kept.add((torch.ones(2, 1), torch.ones(2)))
        found.append(kept.get_arrays())
    ours, theirs = found
    assert type(ours) is type(theirs)
    assert len(ours) == len(theirs)
    flat = [[each for part in parts for each in (part if isinstance(part, tuple) else (part,))] for parts in found]
    for mine, other in zip(*flat, strict=True):
        np.testing.assert_array_equal(mine, other)
    for nest in ([np.ones((2, 3))], np.ones(2)):
        mine, other = (np.asarray(library.nested_new_like(nest, 4)) for library in (evaluation_arrays, trainer_pt_utils))
        np.testing.assert_array_equal(mine, other)
    assert evaluation_arrays.nested_new_like(np.ones(2), 3, 5).tolist() == [5, 5, 5]


PROCESSES = """
import sys, torch, torch.distributed as dist
ours, rank, store = sys.argv[1] == "bestiary", int(sys.argv[2]), sys.argv[3]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
if ours:
    from bestiary.compat import process_groups as pt
    tu, modes = pt, pt.ParallelMode
else:
    from transformers import trainer_pt_utils as pt, trainer_utils as tu
    from transformers.training_args import ParallelMode as modes
own = {"a": [torch.arange(3) + 10 * rank], "b": (torch.tensor(float(rank)),)}
print(pt.distributed_concat(own, 5), pt.distributed_broadcast_scalars([rank, 2], 3, device="cpu"))
print(pt.nested_gather(own["a"], modes.DISTRIBUTED), pt.nested_gather(own["a"], modes.NOT_PARALLEL))
print(tu.total_processes_number(0))
with pt.torch_distributed_zero_first(rank):
    print("in", rank, flush=True)
    with open(store + ".order", "a") as file:
        file.write(str(rank))
dist.destroy_process_group()
"""


def test_processes_that_gather(tmp_path: Path) -> None:
    told = []
    for library in ("bestiary", "transformers"):
        store = str(tmp_path / library)
        running = [
            subprocess.Popen([sys.executable, "-c", PROCESSES, library, str(rank), store], stdout=subprocess.PIPE, text=True)
            for rank in range(2)
        ]
        told.append([process.communicate(timeout=120)[0] for process in running])
        assert [process.returncode for process in running] == [0, 0]
        assert Path(f"{store}.order").read_text() == "01"
    assert told[0] == told[1]


def test_questions_about_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in (-1, 0, 1):
        assert process_groups.is_main_process(rank) == trainer_utils.is_main_process(rank)
    assert process_groups.total_processes_number(-1) == trainer_utils.total_processes_number(-1) == 1
    layer = torch.nn.Linear(1, 1)
    for marked in (False, True):
        layer._is_fsdp_managed_module = marked  # type: ignore[assignment]
        assert process_groups.is_fsdp_managed_module(layer) is integrations.is_fsdp_managed_module(layer) is marked
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert process_groups.is_fsdp_enabled() is integrations.is_fsdp_enabled() is False  # no group of processes
    with process_groups.torch_distributed_zero_first(-1):
        pass
    model = torch.nn.Linear(1, 1)
    assert unwrap_model(torch.nn.DataParallel(model)) is model


MASKS = {
    "none": None,
    "padding": torch.ones(2, 4),
    "causal": torch.tril(torch.ones(4, 4))[None, None],
    "open": torch.ones(1, 1, 4, 4),
    "bool": torch.tril(torch.ones(4, 4)).bool()[None, None],
    "added": torch.where(torch.tril(torch.ones(3, 3)).bool(), 0.0, float("-inf"))[None, None],
    "three": torch.ones(2, 3, 3),
    "second open": torch.stack([torch.tril(torch.ones(4, 4)), torch.ones(4, 4)])[:, None],
    "wide": torch.ones(1, 1, 2, 4),
    "one": torch.ones(3),
}


@pytest.mark.parametrize("name", MASKS)
def test_causal_masks(name: str) -> None:
    mask = MASKS[name]
    assert trainer_helpers.is_attention_mask_causal(mask) == trainer_pt_utils.is_attention_mask_causal(mask)


def _named(a: Any, b: Any, c: int = 0) -> None: ...


FUNCTIONS = [_named, partial(_named, 1), partial(_named, c=2), lambda a, *b, **c: 0]
NUMBERS = {"a": [np.float32(1.5), torch.tensor(3)], "b": (torch.ones(2), 4), "c": np.float64(2)}


def test_small_functions(tmp_path: Path) -> None:
    for function in FUNCTIONS:
        assert trainer_helpers.number_of_arguments(function) == trainer_utils.number_of_arguments(function)
    ours, theirs = (library.denumpify_detensorize(NUMBERS) for library in (trainer_helpers, trainer_utils))
    assert repr(ours) == repr(theirs)
    model = transformers.BertModel(
        transformers.BertConfig(hidden_size=4, num_attention_heads=1, num_hidden_layers=1, vocab_size=9)
    )
    model.embeddings.requires_grad_(False)
    for name in ("BertLayer", "Nothing"):
        found = [library.get_module_class_from_name(model, name) for library in (trainer_helpers, trainer_pt_utils)]
        assert found[0] is found[1]
    for trained in (False, True):
        counts = [library.get_model_param_count(model, trained) for library in (trainer_helpers, trainer_pt_utils)]
        assert counts[0] == counts[1] > 0
    for word in ("y", "No", "ON", "0", "False", "t"):
        for as_bool in (True, False):
            assert trainer_helpers.str_to_bool(word, as_bool) is training_args.str_to_bool(word, as_bool)
    for library in (trainer_helpers, training_args):
        with pytest.raises(ValueError, match="perhaps"):
            library.str_to_bool("perhaps")
    assert {each.name: each.value for each in choices.FSDPOption} == {
        each.name: each.value for each in trainer_utils.FSDPOption
    }
    averages = [library.StreamingAverage(3) for library in (trainer_helpers, optimization)]
    for each in (1.0, 2.5, -4.0, 8.0):
        assert averages[0].streamavg(each) == pytest.approx(averages[1].streamavg(each))
    assert averages[0].state_dict() == averages[1].state_dict()
    averages[0].load_state_dict({"window_size": 2, "values": [1.0], "sum": 1.0})
    assert averages[0].streamavg(3.0) == 2.0
    for library in (trainer_helpers, trainer_pt_utils):
        (tmp_path / "empty.bin").write_text("")
        library.remove_dummy_checkpoint(False, str(tmp_path), ["empty.bin", "other"])
        assert (tmp_path / "empty.bin").exists()
        library.remove_dummy_checkpoint(True, str(tmp_path), ["empty.bin", "other"])
        assert not (tmp_path / "empty.bin").exists()


def test_the_folder_of_older_logs() -> None:
    pattern = r"runs/[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_" + re.escape(socket.gethostname())
    assert re.fullmatch(pattern, trainer_helpers.default_logdir())


def test_schedules_by_type() -> None:
    from bestiary.training.schedules import TYPE_TO_SCHEDULER_FUNCTION

    published = {each.value: function.__name__ for each, function in optimization.TYPE_TO_SCHEDULER_FUNCTION.items()}
    assert {each.value: function.__name__ for each, function in TYPE_TO_SCHEDULER_FUNCTION.items()} == published


@pytest.mark.parametrize("finds", [True, False])
def test_a_batch_size_that_fits(finds: bool) -> None:
    tried: list[list[int]] = []
    for library in (trainer_helpers, trainer_utils):
        sizes: list[int] = []

        def train(batch_size: int, word: str, sizes: list[int] = sizes) -> str:
            sizes.append(batch_size)
            if batch_size > 60 and finds:
                raise RuntimeError("CUDA out of memory.")
            return word

        decorated = library.find_executable_batch_size(starting_batch_size=100, auto_find_batch_size=finds)(train)
        assert decorated(word="x") == "x"
        tried.append(sizes)
        assert library.find_executable_batch_size(train, 7, finds)(word="y") == "y"

        def never(batch_size: int) -> None:
            raise RuntimeError("CUDA out of memory.")

        with pytest.raises(RuntimeError, match="No executable batch size" if finds else "CUDA"):
            library.find_executable_batch_size(never, 3, finds)()
    assert tried[0] == tried[1]


def test_a_collator_without_further_columns() -> None:
    for library in (trainer_helpers, trainer_utils):
        told: list[str] = []
        logger = types.SimpleNamespace(info=told.append)
        collate = library.RemoveColumnsCollator(lambda rows: rows, ["a"], logger, "Model", "training")
        assert collate([{"a": 1, "b": 2}, {"a": 3}]) == [{"a": 1}, {"a": 3}]
        collate([{"a": 1, "c": 2}])
        assert collate(["text"]) == ["text"]
        assert len(told) == 1
        assert "b" in told[0]


def test_what_is_warned_and_restored() -> None:
    caught = [
        warnings.WarningMessage(UserWarning("a"), UserWarning, "file", 1),
        warnings.WarningMessage(DeprecationWarning("b"), DeprecationWarning, "file", 1),
    ]
    for library in (trainer_helpers, trainer_pt_utils):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            library.reissue_pt_warnings(caught)
            library.reissue_pt_warnings(caught[1:])
        assert [str(each.message) for each in told] == ["b"]
        set_to: list[Any] = []
        random = types.SimpleNamespace(
            set_rng_state=lambda state, to=set_to: to.append(("one", state)),
            set_rng_state_all=lambda state, to=set_to: to.append(("all", state)),
        )
        module = types.SimpleNamespace(random=random)
        for several in (False, True):
            library.set_rng_state_for_device("NPU", module, {"npu": 1}, several)
        library.set_rng_state_for_device("NPU", module, {}, False)
        assert set_to == [("one", 1), ("all", 1)]


def test_arrays_in_a_checkpoint_and_quiet_downloads(tmp_path: Path) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled

    torch.save({"numpy": np.random.get_state()}, tmp_path / "state.pt")
    with trainer_helpers.safe_globals():
        state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert np.array_equal(state["numpy"][1], np.random.get_state()[1])
    before = are_progress_bars_disabled()
    with trainer_helpers.suppress_progress_bars():
        assert are_progress_bars_disabled()
    assert are_progress_bars_disabled() == before


@pytest.mark.parametrize("best", [None, 1, 5, 10])
@pytest.mark.parametrize("limit", [None, 0, 1, 2, 3])
def test_checkpoints_in_order_and_in_number(best: int | None, limit: int | None, tmp_path: Path) -> None:
    found = []
    for library in (rotation, trainer_utils):
        home = tmp_path / library.__name__
        for step in ("1", "10", "2", "5", "x"):
            (home / f"checkpoint-{step}").mkdir(parents=True)
            os.utime(home / f"checkpoint-{step}", (int(step, 36) % 7, int(step, 36) % 7))
        (home / "checkpoint-99").write_text("")
        path = None if best is None else str(home / f"checkpoint-{best}")
        orders = [
            library.sort_checkpoints(str(home), use_mtime=by_time, best_model_checkpoint=path) for by_time in (False, True)
        ]
        library.rotate_checkpoints(str(home), limit, path)
        left = sorted(each.name for each in home.iterdir())
        found.append(([[Path(each).name for each in order] for order in orders], left))
    assert found[0] == found[1]


QUANTIZED: list[dict[str, Any]] = [
    {},
    {"is_quantized": True},
    {"is_quantized": True, "_hf_peft_config_loaded": True},
    {"is_quantized": True, "hf_quantizer": types.SimpleNamespace(is_trainable=True, is_qat_trainable=False)},
    {"is_quantized": True, "hf_quantizer": types.SimpleNamespace(is_trainable=True, is_qat_trainable=True)},
]


@pytest.mark.parametrize("given", QUANTIZED)
def test_rounded_weights_are_not_trained(given: dict[str, Any]) -> None:
    refused = []
    for library in (trainer_helpers, trainer_utils):
        model: Any = torch.nn.Linear(1, 1)
        for name, value in given.items():
            setattr(model, name, value)
        assert library.unwrap_peft_model(model) is model
        try:
            library.validate_quantization_for_training(model)
            refused.append(False)
        except ValueError:
            refused.append(True)
    assert refused[0] == refused[1]


TOKENS = [(0, 1, 2), (5, None, 7), (None, 3, None)]


@pytest.mark.parametrize("ends", [2, [2, 9], [9, 2], [7, 9], "no generation"])
@pytest.mark.parametrize("tokens", TOKENS)
def test_a_model_takes_the_tokens_of_its_tokenizer(tokens: Any, ends: Any) -> None:
    found = []
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    for library, align in (
        (bestiary, special_tokens.align_special_tokens),
        (transformers, trainer_utils.align_special_tokens),
    ):
        sizes = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = library.LlamaConfig(**sizes, pad_token_id=0, bos_token_id=1, eos_token_id=2)
        if ends == "no generation":
            model = library.LlamaModel(config)
        else:
            model = library.LlamaForCausalLM(config)
            model.generation_config.eos_token_id = ends
        kind = type(
            "Tokenizer",
            (transformers.PreTrainedTokenizerBase,),
            {"__init__": lambda self: None, **dict(zip(names, tokens, strict=True))},
        )
        align(model, kind())
        generation = getattr(model, "generation_config", None) if ends != "no generation" else None
        found.append([[getattr(each, name) for name in names] for each in (model.config, generation) if each is not None])
    assert found[0] == found[1]
    special_tokens.align_special_tokens(torch.nn.Linear(1, 1), None)


def test_other_arguments_than_those_of_a_checkpoint(caplog: pytest.LogCaptureFixture) -> None:
    args = types.SimpleNamespace(logging_steps=5, eval_steps=3, save_steps=2, per_device_train_batch_size=4, n_gpu=1)
    same = bestiary.TrainerState(logging_steps=5, eval_steps=3, save_steps=2, train_batch_size=4)
    other = bestiary.TrainerState(logging_steps=7, eval_steps=3, save_steps=9, train_batch_size=8)
    with caplog.at_level("WARNING", logger="bestiary"):
        trainer_helpers.compare_trainer_and_checkpoint_args(args, same)
        assert not caplog.records
        trainer_helpers.compare_trainer_and_checkpoint_args(args, other)
    assert "logging_steps is 5, and was 7; save_steps is 2, and was 9; per_device_train_batch_size is 4" in caplog.text


def test_noise_on_embeddings() -> None:
    outputs = []
    for library, published in ((neftune, bestiary), (integrations, transformers)):
        torch.manual_seed(0)
        sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8, "vocab_size": 9}
        model = published.BertModel(published.BertConfig(**sizes)).train()
        embeddings = model.get_input_embeddings()
        embeddings.weight.data = torch.arange(72.0).reshape(9, 8)
        handle = library.activate_neftune(model, 5.0)
        ids = torch.tensor([[1, 2, 3]])
        torch.manual_seed(1)
        outputs.append([embeddings(ids), embeddings.neftune_noise_alpha, model.eval() and embeddings(ids)])
        library.deactivate_neftune(model, handle)
        outputs[-1].append(model.train() and embeddings(ids))
        assert not hasattr(embeddings, "neftune_noise_alpha")
    for mine, other in zip(*outputs, strict=True):
        torch.testing.assert_close(mine, other)
    assert not torch.equal(outputs[0][0], outputs[0][2])
