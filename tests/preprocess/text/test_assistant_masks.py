"""The tokens that the assistant wrote, of templates that mark nothing, beside spans marked by hand."""

import jinja2
import pytest
from kit import checkpoints
from kit.chat_styles import CONTROL, STYLES, Style, assistant, user

import bestiary
from bestiary.core.errors import InputError
from bestiary.preprocess.text.chat import assistant as chat_spans
from bestiary.preprocess.text.chat.assistant import assistant_spans
from bestiary.preprocess.text.chat.sandbox import run


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    checkpoints.bytelevel().save_pretrained(folder)
    opened = bestiary.AutoTokenizer.from_pretrained(folder)
    opened.add_tokens(CONTROL, special_tokens=True)
    opened.model_max_length = 1000
    return opened


def styles(test):
    return pytest.mark.parametrize("style", STYLES, ids=[style.name for style in STYLES])(test)


def masked(tokenizer, style: Style, **options):
    options = {"chat_template": style.template, "return_assistant_tokens_mask": True, **style.options, **options}
    return tokenizer.apply_chat_template(style.messages, **options)


def parts_by_hand(style: Style) -> list[str]:
    return [part.partition("⟧")[0] for part in style.marked.split("⟦")[1:]]


def parts_of(tokenizer, encoded) -> list[str]:
    """The texts of the runs of tokens that the mask marks."""
    runs, last = [], 0
    for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True):
        if mask and not last:
            runs.append([])
        if mask:
            runs[-1].append(token)
        last = mask
    return [tokenizer.decode(run) for run in runs]


@styles
def test_the_mask_is_what_is_marked_by_hand(tokenizer, style):
    text = tokenizer.apply_chat_template(style.messages, chat_template=style.template, tokenize=False, **style.options)
    assert text == style.marked.replace("⟦", "").replace("⟧", "")
    assert parts_of(tokenizer, masked(tokenizer, style)) == parts_by_hand(style)


@styles
def test_cut_texts_and_batches(tokenizer, style):
    whole = masked(tokenizer, style)
    cut = masked(tokenizer, style, truncation=True, max_length=len(whole["input_ids"]) - 3)
    assert cut["assistant_masks"] == whole["assistant_masks"][:-3]
    options = {"chat_template": style.template, "return_assistant_tokens_mask": True, **style.options}
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer.apply_chat_template([style.messages] * 2, padding="max_length", max_length=400, **options)
    length = len(whole["input_ids"])
    assert batch["assistant_masks"] == [[*whole["assistant_masks"], *[0] * (400 - length)]] * 2


@styles
def test_nothing_of_a_generation_prompt_is_learned(tokenizer, style):
    if style.messages[0]["role"] == "assistant":
        return
    whole = masked(tokenizer, style)
    options = {"chat_template": style.template, "add_generation_prompt": True, "return_dict": False, **style.options}
    for turn, message in enumerate(style.messages):
        if message["role"] == "assistant":
            prompt = tokenizer.apply_chat_template(style.messages[:turn], **options)
            if whole["input_ids"][: len(prompt)] == prompt:
                starts = [
                    place
                    for place in range(1, len(whole["input_ids"]))
                    if whole["assistant_masks"][place - 1 : place + 1] == [0, 1]
                ]
                assert len(prompt) in starts
    prompted = masked(tokenizer, style, add_generation_prompt=True)
    if prompted["input_ids"][: len(whole["input_ids"])] == whole["input_ids"]:
        assert not any(prompted["assistant_masks"][len(whole["input_ids"]) :])


def test_marks_of_the_template_count_first(tokenizer):
    marked = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    )
    encoded = masked(tokenizer, Style("marked", marked, STYLES[0].messages, ""))
    assert parts_of(tokenizer, encoded) == ["Hello. Hello", " Bye "]


def test_a_mask_of_nothing_is_refused_where_the_assistant_speaks(tokenizer):
    silent = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"
    with pytest.raises(InputError, match=r"none of them is found in what the chat template writes"):
        masked(tokenizer, Style("silent", silent, [user("Hi"), assistant("Hello")], ""))
    only_user = masked(tokenizer, Style("silent", silent, [user("Hi")], ""))
    assert not any(only_user["assistant_masks"])


@styles
def test_equal_to_the_marks_of_the_published_library(tokenizer, style, tmp_path):
    """The same conversation, its parts marked in a template that holds it: the published mask of the same tokens."""
    import transformers

    tokenizer.save_pretrained(tmp_path)
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    literal = style.marked.replace("{", "{{ '{' }}").replace("\n", "{{ '\\n' }}")  # a template loses newlines behind blocks
    literal = literal.replace("⟦", "{% generation %}").replace("⟧", "{% endgeneration %}")
    options = {"return_assistant_tokens_mask": True, "return_dict": True}
    expected = reference.apply_chat_template(style.messages, chat_template=literal, **options)
    ours = masked(tokenizer, style)
    assert ours["input_ids"] == expected["input_ids"]
    assert ours["assistant_masks"] == expected["assistant_masks"]


@styles
def test_a_long_conversation_is_masked_turn_by_turn_in_few_renderings(style, monkeypatch):
    """The same spans as each turn found by itself; and twice as many turns take no more renderings."""
    system = style.messages[:1] if style.messages[0]["role"] == "system" else []
    rest = style.messages[len(system) :]
    counts = []
    for times in (6, 12):
        messages = [*system, *(message for _ in range(times) for message in rest)]
        rendered = []

        def render(messages, prompted, rendered=rendered):
            rendered.append(len(messages))
            context = {
                "bos_token": "<s>",
                "eos_token": "</s>",
                **style.options,
                "messages": list(messages),
                "add_generation_prompt": prompted,
            }
            return run(style.template, context, ("", ""))

        try:
            text = render(messages, False)
        except jinja2.TemplateError:
            pytest.skip("its template takes no such conversation")
        found = assistant_spans(messages, text, render, CONTROL)
        counts.append(len(rendered))
        with monkeypatch.context() as patch:
            patch.setattr(chat_spans, "_MANY", 10**9)
            assert assistant_spans(messages, text, render, CONTROL) == found
    plain = all(set(each) == {"role", "content"} and isinstance(each["content"], str) for each in messages)
    if plain and not any(sign in each["content"] for each in messages for sign in (*CONTROL, "</think>")):
        assert counts[1] == counts[0]
