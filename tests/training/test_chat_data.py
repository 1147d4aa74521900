"""Conversations as training data: what is learned of them, and a model that learns to stop."""

import pytest
import torch
from datasets import Dataset
from kit import checkpoints
from kit.chat_styles import CONTROL, STYLES, TOOLS

import bestiary
from bestiary import (
    DataCollatorForChat,
    DataCollatorForLanguageModeling,
    DataCollatorWithFlattening,
    Trainer,
    TrainingArguments,
    pack_dataset,
)
from bestiary.core import logging
from bestiary.core.errors import ArgumentError, InputError

CHATML, MISTRAL = STYLES[0], next(style for style in STYLES if style.name == "mistral with tools")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    checkpoints.bytelevel().save_pretrained(folder)
    opened = bestiary.AutoTokenizer.from_pretrained(folder)
    opened.add_tokens(CONTROL, special_tokens=True)
    opened.model_max_length, opened.chat_template = 1000, CHATML.template
    opened.pad_token = opened.eos_token
    return opened


def model_of(tokenizer):
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokenizer), "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128}
    return bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))


def arguments(folder, **values):
    fixed = {"use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "report_to": [], "learning_rate": 5e-3}
    return TrainingArguments(str(folder), **{**fixed, **values})


def learned(tokenizer, batch, row=0):
    return tokenizer.decode([token for token in batch["labels"][row].tolist() if token != -100])


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", ["pt", "np"])
def test_what_is_learned(tokenizer, side, kind):
    tokenizer.padding_side = side
    rows = [{"messages": CHATML.messages}, {"messages": CHATML.messages[:3]}]
    batch = DataCollatorForChat(tokenizer, pad_to_multiple_of=8, return_tensors=kind)(rows)
    tokenizer.padding_side = "right"
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape
    assert batch["input_ids"].shape[1] % 8 == 0
    assert learned(tokenizer, batch) == "Hello. Hello<|im_end|> Bye <|im_end|>"
    assert learned(tokenizer, batch, 1) == "Hello. Hello<|im_end|>"
    places = batch["labels"] != -100
    assert (batch["labels"][places] == batch["input_ids"][places]).all()
    assert (batch["attention_mask"][places] == 1).all()
    everything = DataCollatorForChat(tokenizer, assistant_only_loss=False)(rows)
    assert torch.equal(everything["labels"] != -100, everything["attention_mask"] == 1)


def test_headers_without_a_generation_prompt_are_not_learned(tokenizer):
    template = (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}<|im_end|>{% endfor %}"
    )
    talk = [{"role": role, "content": word} for role, word in (("user", "Hi"), ("assistant", "Hello"))] * 2
    batch = DataCollatorForChat(tokenizer, chat_template=template)([{"messages": talk}])
    assert learned(tokenizer, batch) == "Hello<|im_end|>" * 2


def test_options_of_rows(tokenizer):
    row = {"messages": MISTRAL.messages, "tools": TOOLS, "text": "left out"}
    batch = DataCollatorForChat(tokenizer, chat_template=MISTRAL.template)([row])
    assert "[AVAILABLE_TOOLS]" in tokenizer.decode(batch["input_ids"][0])
    assert learned(tokenizer, batch).count("[TOOL_CALLS]") == 2
    cut = DataCollatorForChat(tokenizer, max_length=45)([{"messages": CHATML.messages}])
    assert cut["input_ids"].shape == (1, 45)
    thinking = next(style for style in STYLES if style.name == "qwen 3 without thinking")
    row = {"talk": thinking.messages, "chat_template_kwargs": {"enable_thinking": False}}
    batch = DataCollatorForChat(tokenizer, chat_template=thinking.template, messages_column="talk")([row])
    assert learned(tokenizer, batch) == "Hello<|im_end|>Bye<|im_end|>"
    with pytest.raises(InputError, match="expected a conversation under 'messages'"):
        DataCollatorForChat(tokenizer)([{"text": "a"}])
    bare = bestiary.AutoTokenizer.from_pretrained(checkpoints.gpt2())
    bare.pad_token = None
    with pytest.raises(ArgumentError, match=r"set tokenizer\.pad_token"):
        DataCollatorForChat(bare)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({"content": "Hi"}, "message 1 of row 1 has the role None"),
        ({"role": "user"}, r"message 1 of row 1 \(user\) has no content"),
        ({"role": "assistant", "content": None, "tool_calls": None}, r"message 1 of row 1 \(assistant\) has no content"),
        ("Hi", "message 1 of row 1 is a str"),
    ],
)
def test_messages_that_lack_something(tokenizer, message, found):
    good = {"messages": CHATML.messages}
    with pytest.raises(InputError, match=found):
        DataCollatorForChat(tokenizer)([good, {"messages": [CHATML.messages[0], message]}])


def test_a_conversation_of_which_nothing_is_learned_is_told(tokenizer, monkeypatch):
    monkeypatch.setattr(logging, "_warned", set())
    row = {"messages": CHATML.messages}
    with pytest.warns(UserWarning, match="max_length=2 cuts off all that the assistant wrote; raise max_length"):
        batch = DataCollatorForChat(tokenizer, max_length=2)([row])
    assert (batch["labels"] == -100).all()
    monkeypatch.setattr(logging, "_warned", set())
    with pytest.warns(UserWarning, match="the assistant wrote none of it"):
        DataCollatorForChat(tokenizer)([{"messages": [{"role": "user", "content": "Hi"}]}])


@pytest.mark.parametrize("make", [list, Dataset.from_list])
def test_the_trainer_learns_from_conversations(tokenizer, make, tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], "source": "a test"}
        for asked, answer in (("Hi", "Hello"), ("Bye", "See you"))
    ]
    model = model_of(tokenizer)
    trainer = Trainer(
        model, arguments(tmp_path, max_steps=60, logging_steps=60, lr_scheduler_type="constant"),
        DataCollatorForChat(tokenizer), make(rows), processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    for row in rows:
        prompt = tokenizer.apply_chat_template(row["messages"][:1], add_generation_prompt=True, return_tensors="pt")
        written = model.generate(**prompt, max_new_tokens=20, do_sample=False, eos_token_id=end, pad_token_id=2)
        answer = tokenizer.decode(written[0, prompt["input_ids"].shape[1] :])
        assert answer == row["messages"][1]["content"] + "<|im_end|>"


def test_conversations_can_be_packed(tokenizer, tmp_path):
    rows = [{"messages": CHATML.messages}, {"messages": CHATML.messages[:3]}] * 2
    collator = DataCollatorForChat(tokenizer)
    packed = pack_dataset([collator.encode(row) for row in rows], 128)
    assert len(packed) < len(rows)
    losses = []
    for data, collate in ((rows, collator), (packed, DataCollatorWithFlattening())):
        torch.manual_seed(0)
        model = model_of(tokenizer)
        trainer = Trainer(model, arguments(tmp_path, per_device_eval_batch_size=4), collate, eval_dataset=data)
        losses.append(trainer.evaluate()["eval_loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_model_that_learned_an_end_token_stops(tmp_path):
    """Padding with the end token hides none of the texts' own (pains B5)."""
    tokenizer = bestiary.AutoTokenizer.from_pretrained(checkpoints.gpt2())
    tokenizer.pad_token = tokenizer.eos_token
    end = tokenizer.eos_token_id
    rows = [{"input_ids": [*tokenizer(text)["input_ids"], end]} for text in ("Hello you", "My name is Sarah", "a b c d e f")]
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokenizer), "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
    model = bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**sizes, bos_token_id=1, eos_token_id=end))
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    Trainer(model, arguments(tmp_path, max_steps=60, logging_steps=60), collate, rows, processing_class=tokenizer).train()
    for row in rows:
        ids = torch.tensor([row["input_ids"][:3]])
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=30, do_sample=False, pad_token_id=end)
        assert written[0].tolist() == row["input_ids"]
