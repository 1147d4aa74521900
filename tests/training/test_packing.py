"""Packed rows: nothing is lost, and a training on them is the training on their texts."""

import random

import pytest
import torch
from kit.families import generating_heads, one_each, our_class, pair

import bestiary
from bestiary import (
    ConstantLengthDataset,
    DataCollatorWithFlattening,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
    group_texts,
    pack_dataset,
)
from bestiary.core.errors import ArgumentError, InputError

LENGTHS = (5, 12, 3, 9, 2, 4, 7, 1, 20, 6)


def texts(first: int = 5) -> list[dict[str, list[int]]]:
    draw = random.Random(0)
    return [{"input_ids": [draw.randrange(first, 60) for _ in range(length)]} for length in LENGTHS]


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    return GPT2LMHeadModel(GPT2Config(**sizes, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)).eval()


def quiet(folder, **values):
    fixed = {"use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "report_to": [], "logging_steps": 1}
    return TrainingArguments(str(folder), **{**fixed, **values})


@pytest.mark.parametrize("strategy", ["bfd", "wrapped"])
@pytest.mark.parametrize("size", [6, 12, 100])
def test_no_token_is_lost(strategy, size):
    rows = [{**row, "labels": [-100, *row["input_ids"][1:]], "name": "a text"} for row in texts()]
    packs = pack_dataset(rows, size, strategy)
    assert all(len(pack["input_ids"]) == sum(pack["seq_lengths"]) == len(pack["labels"]) <= size for pack in packs)
    assert sorted(token for pack in packs for token in pack["input_ids"]) == sorted(t for row in rows for t in row["input_ids"])
    assert all("name" not in pack for pack in packs)
    fewest = -(-sum(LENGTHS) // size)
    if strategy == "wrapped":
        assert len(packs) == fewest
        assert [t for pack in packs for t in pack["input_ids"]] == [t for row in rows for t in row["input_ids"]]
    else:
        assert len(packs) <= fewest + 1
        whole = [tuple(row["input_ids"]) for row in rows if len(row["input_ids"]) <= size]
        found = set()
        for pack in packs:
            ends = [sum(pack["seq_lengths"][: number + 1]) for number in range(len(pack["seq_lengths"]))]
            found |= {tuple(pack["input_ids"][end - n : end]) for end, n in zip(ends, pack["seq_lengths"], strict=True)}
        assert found >= set(whole)


def test_what_cannot_be_packed():
    with pytest.raises(ArgumentError, match="expected one of bfd, wrapped"):
        pack_dataset(texts(), 8, "best")
    with pytest.raises(InputError, match="the columns text; expected input_ids"):
        pack_dataset([{"text": "a"}], 8)
    with pytest.raises(InputError, match=r"seq_lengths of row 0 are \[1, 1\], 2 in all; its input_ids have 3"):
        DataCollatorWithFlattening()([{"input_ids": [5, 6, 7], "seq_lengths": [1, 1]}])


@pytest.mark.parametrize("take", [lambda rows: pack_dataset(rows, 8), DataCollatorWithFlattening()], ids=["pack", "flatten"])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"input_ids": [3, 4]}, "row 1 has no labels, and row 0 has some"),
        ({"input_ids": [3, 4], "labels": None}, "row 1 has no labels, and row 0 has some"),
        ({"input_ids": [3, 4], "labels": [3]}, "row 1 has 1 labels and 2 tokens"),
        ({"input_ids": [3, 4], "labels": 1}, "labels of row 1 are 1; expected one for each of its 2 tokens"),
        ({"input_ids": None, "labels": [3]}, "input_ids of row 1 are None; expected a list of ids"),
        ({"labels": [3]}, "row 1 has the columns labels; expected input_ids"),
        *(
            ({"input_ids": [3, 4, 5], "labels": [3, 4, 5], "seq_lengths": lengths}, f"seq_lengths of row 1 are {found}")
            for lengths, found in (([5, -2], r"\[5, -2\]"), ([0, 3, 0], r"\[0, 3, 0\]"), ("3", "'3'"), ([3.0], r"\[3.0\]"))
        ),
    ],
)
def test_rows_that_do_not_fit_together(take, second, message):
    first = {"input_ids": [1, 2], "labels": [-100, 2]}
    with pytest.raises(InputError, match=message):
        take([first, second])


def test_labels_only_in_a_later_row():
    rows = [{"input_ids": [1, 2]}, {"input_ids": [3, 4, 5, 6], "labels": [-100, -100, 5, 6]}]
    for take in (lambda: pack_dataset(rows, 8), lambda: DataCollatorWithFlattening()(rows)):
        with pytest.raises(InputError, match="row 0 has no labels, and row 1 has some"):
            take()
    unlike = [{"input_ids": [1, 2], "labels": [1, 2, 3]}, {"input_ids": [3, 4, 5, 6], "labels": [4, 5, 6]}]
    with pytest.raises(InputError, match="row 0 has 3 labels and 2 tokens"):  # as many labels as tokens in both together
        DataCollatorWithFlattening()(unlike)
    with pytest.raises(InputError, match="there are no examples"):
        DataCollatorWithFlattening()([])


@pytest.mark.parametrize("strategy", ["bfd", "wrapped"])
def test_packed_rows_packed_again_keep_their_texts_apart(strategy):
    once = pack_dataset(texts(), 20)
    again = pack_dataset(once, 40, strategy)
    assert len(again) < len(once)
    assert sorted(length for row in again for length in row["seq_lengths"])[-1] <= 20
    if strategy == "bfd":
        assert sorted(length for row in again for length in row["seq_lengths"]) == sorted(LENGTHS)
    assert sorted(token for row in again for token in row["input_ids"]) == sorted(
        t for row in texts() for t in row["input_ids"]
    )


@pytest.mark.parametrize("size", [2.5, "8", float("nan"), 0, True])
def test_sizes_of_rows(size):
    with pytest.raises(ArgumentError, match="seq_length is .*expected a whole number"):
        pack_dataset(texts(), size)
    with pytest.raises(ArgumentError, match="block_size is .*expected a whole number"):
        group_texts({"input_ids": [[1, 2]]}, size)


def test_blocks_of_columns_that_do_not_fit():
    with pytest.raises(InputError, match="text of row 0 is 'ab'.*remove_columns"):
        group_texts({"input_ids": [[1, 2]], "text": ["ab"]}, 2)
    with pytest.raises(InputError, match="labels of row 1 has length 0, and input_ids has 2"):
        group_texts({"input_ids": [[1], [2, 3]], "labels": [[1], []]}, 2)


def test_many_texts_are_packed_as_a_plain_search_for_the_best_fit_packs_them():
    draw = random.Random(1)
    rows = [{"input_ids": [number] * draw.randint(1, 30)} for number in range(400)]
    left: list[int] = []
    for length in sorted((len(row["input_ids"]) for row in rows), reverse=True):
        best = min((room for room in left if room >= length), default=None)
        if best is None:
            left.append(32 - length)
        else:
            left[left.index(best)] = best - length
    found = [32 - sum(row["seq_lengths"]) for row in pack_dataset(rows, 32)]
    assert found == left


def test_blocks():
    examples = {"input_ids": [[1, 2, 3], [4, 5, 6, 7], [8]], "attention_mask": [[1] * 3, [1] * 4, [1]]}
    assert group_texts(examples, 3)["input_ids"] == group_texts(examples, 3)["labels"] == [[1, 2, 3], [4, 5, 6]]
    assert group_texts(examples, 3, drop_last=False)["input_ids"] == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert group_texts(examples, 9) == {"input_ids": [], "attention_mask": [], "labels": []}


@pytest.mark.parametrize("packed", [False, True])
def test_flattened_rows_say_where_all_their_texts_begin(packed):
    rows = pack_dataset(texts(), 14) if packed else texts()
    batch = DataCollatorWithFlattening(return_seq_idx=True, return_flash_attn_kwargs=True)(rows)
    lengths = batch["cu_seq_lens_q"].diff().tolist()
    assert sum(lengths) == sum(LENGTHS)
    assert batch["seq_idx"].unique_consecutive(return_counts=True)[1].tolist() == lengths
    assert batch["position_ids"].tolist() == [[place for length in lengths for place in range(length)]]
    assert (batch["labels"] == -100).sum() == len(lengths)
    assert batch["max_length_q"] == max(lengths)


def trained(folder, rows, collator, **values) -> tuple[torch.Tensor, list[float]]:
    model = gpt2()
    trainer = Trainer(model, quiet(folder, optim="sgd", learning_rate=0.5, **values), collator, rows)
    trainer.train()
    losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    return torch.cat([each.detach().flatten() for each in model.parameters()]), losses


def test_a_training_on_packed_rows_is_that_on_their_texts(tmp_path):
    def padded(rows):
        length = max(len(row["input_ids"]) for row in rows)
        ids = torch.tensor([[*row["input_ids"], *[0] * (length - len(row["input_ids"]))] for row in rows])
        real = torch.tensor([[1] * len(row["input_ids"]) + [0] * (length - len(row["input_ids"])) for row in rows])
        return {"input_ids": ids, "attention_mask": real, "labels": ids.masked_fill(real == 0, -100)}

    whole = {"per_device_train_batch_size": 10, "max_steps": 3}
    expected, losses = trained(tmp_path, texts(), padded, **whole)
    for rows, steps in (
        (texts(), whole),
        (texts(), {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 2, "max_steps": 3}),
        (pack_dataset(texts(), 32), {"per_device_train_batch_size": 3, "max_steps": 3}),
        (pack_dataset(texts(), 32), {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 3, "max_steps": 3}),
    ):
        weights, found = trained(tmp_path, rows, DataCollatorWithFlattening(), **steps)
        torch.testing.assert_close(weights, expected, atol=1e-6, rtol=1e-5)
        assert found == pytest.approx(losses, abs=1e-4)
    assert losses[0] > losses[-1]


def test_labels_of_tokens_are_all_learned(tmp_path):
    rows = [{**row, "labels": [token % 2 for token in row["input_ids"]]} for row in texts()]
    torch.manual_seed(0)
    config = bestiary.BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, hidden_dropout_prob=0.0
    )
    model = bestiary.BertForTokenClassification(config)
    trainer = Trainer(model, quiet(tmp_path, per_device_eval_batch_size=10), DataCollatorWithFlattening(), eval_dataset=rows)
    model.eval()
    with torch.no_grad():
        sums = [
            float(model(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss) * length
            for row, length in zip(rows, LENGTHS, strict=True)
        ]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(sum(sums) / sum(LENGTHS), abs=1e-5)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: bestiary.BertForSequenceClassification(bestiary.BertConfig(**SMALL)), "one answer for each row"),
        (lambda: our_class("xlnet", "XLNetLMHeadModel")(pair("xlnet", "XLNetLMHeadModel").ours.config), "it remembers rows"),
        (
            lambda: bestiary.T5ForConditionalGeneration(pair("t5", "T5ForConditionalGeneration").ours.config),
            "its encoder reads",
        ),
    ],
)
def test_a_model_that_needs_a_row_for_each_text_is_refused_before_any_work(model, why, tmp_path):
    trainer = Trainer(model(), quiet(tmp_path), DataCollatorWithFlattening(), texts())
    with pytest.raises(ArgumentError, match=f"cannot be trained with DataCollatorWithFlattening.*{why}"):
        trainer.train()


SMALL = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


class Characters:
    eos_token_id = 0

    def __call__(self, texts, add_special_tokens, truncation):
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}


@pytest.mark.parametrize("sequences", [1, 3, 1000])
def test_a_stream_is_cut_without_loss(sequences):
    rows = [{"text": "a" * 7}, {"text": "bcd"}, {"text": "e" * 30}, {"text": ""}, {"text": "xyz"}]
    options = {"seq_length": 4, "num_of_sequences": sequences, "chars_per_token": 1.0, "shuffle": False}
    stream = list(ConstantLengthDataset(Characters(), rows, "text", **options))
    joined = "".join(row["text"] + "\0" for row in rows)
    assert [chr(token) for row in stream for token in row["input_ids"].tolist()] == list(joined[: len(joined) // 4 * 4])
    assert all(torch.equal(row["input_ids"], row["labels"]) for row in stream)
    endless = ConstantLengthDataset(Characters(), rows, formatting_func=lambda row: row["text"], infinite=True, **options)
    taken = [row for row, _ in zip(endless, range(40), strict=False)]
    assert len(taken) == 40
    assert endless.epoch >= 2
    assert [chr(t) for row in taken for t in row["input_ids"].tolist()] == list((joined * 5)[:160])
    with pytest.raises(ArgumentError, match="pass dataset_text_field"):
        ConstantLengthDataset(Characters(), rows)


def test_a_model_of_every_kind_learns_from_packed_rows(tmp_path):
    """Families whose published code does not look at positions, or remembers states, are told by the trainer."""
    for model_type, name, _ in one_each(generating_heads()):
        if model_type in ("bloom", "falcon", "opt", "mamba", "lfm2", "rwkv"):
            model = pair(model_type, name).ours
            trainer = Trainer(model, quiet(tmp_path), DataCollatorWithFlattening(), texts())
            collate = trainer._get_collator_with_removed_columns(trainer.data_collator)
            batch = collate([{"input_ids": [5, 6, 7, 8]}, {"input_ids": [9, 10, 11]}])
            with torch.no_grad():
                alone = model(torch.tensor([[9, 10, 11]])).logits
                torch.testing.assert_close(model(**batch).logits[:, 4:], alone, atol=1e-5, rtol=1e-5)
