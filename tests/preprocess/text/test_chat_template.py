"""Chat templates: what they render, against the reference and by hand; what they must not do."""

import tracemalloc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest
import transformers
from kit.tokenizer_files import byte_level, wordpiece

from bestiary.core.errors import ArgumentError, InputError, UnsafeFile
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.text.chat import budget as template_budget
from bestiary.preprocess.text.chat import sandbox as template_sandbox
from bestiary.preprocess.text.chat.template import CHATML, RenderedPrompt
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

CHAT = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": " hi there "},
    {"role": "assistant", "content": "the dog"},
]
SHORT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
ROLES = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
SIMPLE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
TRIMMED = SIMPLE.replace("m.content", "m.content | trim")
MARKED = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</>"
    "{% endgeneration %}{% else %}{{ m.content }}</>{% endif %}{% endfor %}"
)
OURS = PreTrainedTokenizerFast(tokenizer_object=byte_level(), **ROLES)
THEIRS = transformers.PreTrainedTokenizerFast(tokenizer_object=OURS.backend_tokenizer, **ROLES)


def render(template: str, chat: Any = SHORT, **options: Any) -> str:
    return OURS.apply_chat_template(chat, chat_template=template, tokenize=False, **options)


EXPRESSIONS = [
    "{{ '<a>&é' | tojson }}",
    "{{ [1, 2] | tojson(indent=2) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}",
    "{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% if i == 1 %}{% break %}{% endif %}"
    "{% endfor %}{{ ns.a }}",
    "{{ 'a' ~ 1 ~ messages[0].role }}{{ ('a' ~ 'b')[1] }}{{ ['x' ~ 'y'] | first }}",
    "{% for a in [1, 2, 3] %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}"
    "{{ loop.revindex }}{% endfor %}",
    "{{ messages[0]['content'].upper() }}{{ 'A b'.lower().strip().split(' ') | join('-') }}",
    "{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}",
    "{% macro f(x, y=2) %}[{{ x ~ y }}]{% endmacro %}{{ f(1) }}{{ f(1, y='z') }}",
    "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}{{ dict(a=1) }}{{ {'a': 1} | items | list }}",
    "{% for m in messages recursive %}{{ m.role }}{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index0 }}{{ m.role }}{% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}none{% endfor %}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | map(attribute='role') | join(',') }}",
    "{{ 'x' * 3 }}{{ 2 ** 3 }}{{ 7 % 3 }}{{ '%s-%d' % ('a', 3) }}{{ '{}'.format(3) }}{{ 3 + 4.5 }}",
    "{{ tools is defined }}{{ tools is none }}{{ documents is none }}{{ bos_token is defined }}{{ eos_token }}{{ zz }}",
    "{{ 'tool_calls' in messages[0] }}{{ messages[0].get('name', 'no') }}{{ messages[-1].content }}{{ messages[1:] | length }}",
    "    {%- for m in messages %}\n    {{- m.role }}\n    {{- m.content }}\n{%- endfor %}",
    "{% for m in messages %}\n    {{ m.role }}\n    {{ m.content }}\n{% endfor %}",
    "{{ add_generation_prompt }}{{ '  a ' | trim }}{{ 'abc' | replace('b', 'x') }}{{ 'a\nb' | indent(2) }}{{ [3, 1] | sort }}",
    "{% set x %}block{{ 1 }}{% endset %}{{ x }}{% filter upper %}a{% endfilter %}{{ x is string }}",
    "{% call(item) f2() %}{{ item }}{% endcall %}{% macro f2() %}{{ caller(1) }}{% endmacro %}".replace(
        "{% call", "{% macro f2() %}<{{ caller(1) }}>{% endmacro %}{% call", 1
    ),
    CHATML,
    SIMPLE,
    TRIMMED,
    MARKED,
]


@pytest.mark.parametrize("template", EXPRESSIONS)
@pytest.mark.parametrize("options", [{}, {"add_generation_prompt": True}], ids=["", "prompt"])
def test_renders_like_the_reference(template: str, options: dict[str, Any]) -> None:
    for chat in (SHORT, CHAT):
        theirs = THEIRS.apply_chat_template(chat, chat_template=template, tokenize=False, zz=3, **options)
        assert render(template, chat, zz=3, **options) == theirs


def test_white_space_by_hand() -> None:
    dashed = "{%- for m in messages %}\n    {{- m.role }}\n    {{- m.content }}\n{%- endfor %}"
    plain = "{% for m in messages %}\n    {{ m.role }}\n    {{ m.content }}\n{% endfor %}"
    assert render(dashed) == "userhiassistantyo"
    assert render(plain) == "    user\n    hi\n    assistant\n    yo\n"


def test_chatml() -> None:
    text = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n"
    assert render(CHATML) == text
    assert render(CHATML, add_generation_prompt=True) == text + "<|im_start|>assistant\n"


@pytest.mark.parametrize("template", [SIMPLE, TRIMMED, CHATML])
@pytest.mark.parametrize("content", ["the dog", " the dog ", "a", "<", "", "</>", "dog\n\n"])
def test_open_end(template: str, content: str) -> None:
    chat = [*CHAT[:2], {"role": "assistant", "content": content}]
    ours = render(template, chat, continue_final_message=True)
    head = render(template, chat[:2], add_generation_prompt=True)
    assert ours == (head + (content.strip() if template is TRIMMED else content))
    if content.strip() not in ("", "a", "<", "</>"):
        theirs = THEIRS.apply_chat_template(chat, chat_template=template, tokenize=False, continue_final_message=True)
        assert ours == theirs


@pytest.mark.parametrize("field", ["content", "reasoning"])
def test_open_end_of_a_field(field: str) -> None:
    template = "{% for m in messages %}{{ m.content }}{% if m.reasoning %}[{{ m.reasoning }}]{% endif %}</>{% endfor %}"
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "the dog", "reasoning": "so far"}]
    theirs = THEIRS.apply_chat_template(chat, chat_template=template, tokenize=False, continue_final_message=field)
    assert render(template, chat, continue_final_message=field) == theirs
    with pytest.raises(InputError, match="needs text under 'thought'"):
        render(template, chat, continue_final_message="thought")


def test_open_end_of_parts() -> None:
    template = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}</>{% endfor %}"
    chat = [{"role": "assistant", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
    assert render(template, chat, continue_final_message=True) == "onetwo"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_dict": False},
        {"return_tensors": "pt"},
        {"return_dict": False, "return_tensors": "np"},
        {"padding": "max_length", "max_length": 60},
        {"truncation": True, "max_length": 7},
        {"tokenizer_kwargs": {"return_offsets_mapping": True}},
    ],
)
def test_tokenized_like_the_reference(options: dict[str, Any]) -> None:
    ours = OURS.apply_chat_template(CHAT, chat_template=SIMPLE, **options)
    theirs = THEIRS.apply_chat_template(CHAT, chat_template=SIMPLE, **options)
    if options.get("return_dict", True):
        ours, theirs = ({name: getattr(v, "tolist", lambda v=v: v)() for name, v in one.items()} for one in (ours, theirs))
        assert ours == theirs
    else:
        assert type(ours) is type(theirs)
        assert getattr(ours, "tolist", lambda: ours)() == getattr(theirs, "tolist", lambda: theirs)()


def test_several_conversations() -> None:
    options = {"chat_template": SIMPLE, "padding": True, "return_tensors": "np"}
    ours, theirs = OURS.apply_chat_template([CHAT, SHORT], **options), THEIRS.apply_chat_template([CHAT, SHORT], **options)
    assert {k: v.tolist() for k, v in ours.items()} == {k: v.tolist() for k, v in theirs.items()}
    assert render(SIMPLE, [SHORT, CHAT]) == [render(SIMPLE), render(SIMPLE, CHAT)]


def test_assistant_mask_like_the_reference() -> None:
    options = {"chat_template": MARKED, "return_assistant_tokens_mask": True, "return_dict": True}
    assert dict(OURS.apply_chat_template(CHAT, **options)) == dict(THEIRS.apply_chat_template(CHAT, **options))
    options |= {"padding": True, "return_tensors": "pt"}
    ours, theirs = (one.apply_chat_template([CHAT + CHAT, SHORT], **options) for one in (OURS, THEIRS))
    assert ours["assistant_masks"].tolist() == theirs["assistant_masks"].tolist()


def test_assistant_mask_covers_exactly_what_the_assistant_says() -> None:
    chat = [{"role": "user", "content": "yo"}, {"role": "assistant", "content": " the dog "}] * 2
    encoded = OURS.apply_chat_template(chat, chat_template=MARKED, return_assistant_tokens_mask=True)
    said = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
    assert OURS.decode(said).replace(" ", "") == "thedog</>thedog</>"
    cut = OURS.apply_chat_template(chat, chat_template=MARKED, return_assistant_tokens_mask=True, truncation=True, max_length=9)
    assert cut["assistant_masks"] == encoded["assistant_masks"][:9]


CODE = "def f():\n        return   1 \n    x "


@pytest.mark.parametrize("chat", [[CODE], [CODE, "q", "   "], ["  a", "    ", CODE], ["\n\n   \n", CODE, " b  c "]], ids=str)
def test_assistant_mask_counts_spaces_that_offsets_leave_out(chat: list[str]) -> None:
    """With trimmed offsets a token of spaces covers no characters, and yet stands for text."""
    messages = [{"role": "assistant" if i % 2 == 0 else "user", "content": text} for i, text in enumerate(chat)]
    options = {"chat_template": MARKED, "return_assistant_tokens_mask": True}
    rust = byte_level(trim=False)
    expected = transformers.PreTrainedTokenizerFast(tokenizer_object=rust).apply_chat_template(messages, **options)
    plain = PreTrainedTokenizerFast(tokenizer_object=rust).apply_chat_template(messages, **options)
    trimmed = OURS.apply_chat_template(messages, **options)
    assert any(start == end for start, end in trimmed.encodings[0].offsets)
    assert trimmed["assistant_masks"] == plain["assistant_masks"] == expected["assistant_masks"]
    cut = OURS.apply_chat_template(messages, **options, truncation=True, max_length=len(trimmed["input_ids"]) - 2)
    assert cut["assistant_masks"] == expected["assistant_masks"][:-2]


def test_assistant_mask_without_marks() -> None:
    options = {"chat_template": SIMPLE, "return_assistant_tokens_mask": True}
    ours, theirs = (dict(each.apply_chat_template(CHAT, **options)) for each in (OURS, THEIRS))
    assert not any(theirs.pop("assistant_masks"))
    assert any(ours.pop("assistant_masks"))  # found by rendering: test_assistant_masks.py
    assert ours == theirs
    with pytest.raises(ArgumentError, match="return_dict=True"):
        OURS.apply_chat_template(CHAT, chat_template=MARKED, return_assistant_tokens_mask=True, return_dict=False)


class TestExactlyOneBeginning:
    """Template writes the beginning token or not; the tokenizer adds one or not; every route gives what the template says."""

    @pytest.fixture(params=[True, False], ids=["added", "not added"])
    def tokenizer(self, request: pytest.FixtureRequest, folder: Callable[[str], Path], tmp_path: Path) -> Any:
        made = PreTrainedTokenizerFast.from_pretrained(folder("llama3"), add_bos_token=request.param)
        made.save_pretrained(tmp_path)
        return made, PreTrainedTokenizerFast.from_pretrained(tmp_path)

    @pytest.mark.parametrize("writes", [True, False])
    def test_routes(self, tokenizer: Any, writes: bool) -> None:
        for one in tokenizer:
            one.chat_template = ("{{ bos_token }}" if writes else "") + SIMPLE
            prompt = one.apply_chat_template(SHORT, tokenize=False)
            assert isinstance(prompt, RenderedPrompt)
            routes = [
                one.apply_chat_template(SHORT)["input_ids"],
                one(prompt)["input_ids"],
                one([prompt, "x"])["input_ids"][0],
                one.encode(prompt),
                one(prompt + "</>")["input_ids"],
                one(prompt, add_special_tokens=False)["input_ids"],
                one(prompt, truncation=True, max_length=30)["input_ids"],
            ]
            assert [ids.count(one.bos_token_id) for ids in routes] == [int(writes)] * len(routes)

    def test_plain_text_is_told(self, folder: Callable[[str], Path]) -> None:
        ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"))
        with pytest.warns(BestiaryWarning, match="encoding added another"):
            ours("<|begin_of_text|>hi")
        assert ours(["hi", RenderedPrompt("<|begin_of_text|>a")])["input_ids"][0][0] == ours.bos_token_id


def test_no_special_tokens_around() -> None:
    rust = wordpiece()
    ours = PreTrainedTokenizerFast(tokenizer_object=rust, chat_template=SIMPLE)
    ids = ours.apply_chat_template(SHORT)["input_ids"]
    assert ids == ours(render(SIMPLE), add_special_tokens=False)["input_ids"]
    assert not set(ids) & {rust.token_to_id("[CLS]"), rust.token_to_id("[SEP]")}


class TestChoice:
    def test_named(self) -> None:
        ours = PreTrainedTokenizerFast(tokenizer_object=byte_level())
        ours.chat_template = {"default": "d", "tool_use": "t", "rag": "{{ documents[0].title }}"}
        apply = lambda **options: ours.apply_chat_template(SHORT, tokenize=False, **options)  # noqa: E731
        assert apply() == "d"
        assert apply(tools=[{"type": "function"}]) == "t"
        assert apply(chat_template="rag", documents=[{"title": "T", "text": "x"}]) == "T"
        assert apply(chat_template="{{ 1 + 1 }}") == "2"
        assert ours.get_chat_template(tools=[]) == "t"
        ours.chat_template = {"rag": "r"}
        with pytest.raises(InputError, match="templates rag and no default"):
            apply()

    def test_replaced(self) -> None:
        ours = PreTrainedTokenizerFast(tokenizer_object=byte_level())
        with pytest.raises(InputError, match="no chat template"):
            ours.apply_chat_template(SHORT)
        ours.chat_template = " a\n"
        assert ours.chat_template == " a\n"
        assert ours.apply_chat_template(SHORT, tokenize=False) == " a"
        ours.chat_template = ours.chat_template.replace("a", "b")
        assert ours.apply_chat_template(SHORT, tokenize=False) == " b"


def test_tool_calls_and_responses() -> None:
    template = (
        "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}"
        "{{ c.function.arguments | tojson }}{% endfor %}{% else %}{{ m.role }}:{{ m.content }}{% endif %};{% endfor %}"
    )
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    chat = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "name": "f", "content": "3"},
        {"role": "elf", "content": "x"},
    ]
    assert render(template, chat) == 'user:q;f{"a": 1};tool:3;elf:x;'


def test_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Frozen":
            return cls(2024, 5, 6)

    monkeypatch.setattr(template_sandbox, "datetime", Frozen)
    assert render("{{ strftime_now('%d %b %Y') }}") == "06 May 2024"


class TestErrors:
    def test_raise_exception(self) -> None:
        with pytest.raises(jinja2.TemplateError, match="roles must") as caught:
            render("a\n\n{{ raise_exception('roles must alternate') }}\n")
        assert caught.value.lineno == 3  # type: ignore[attr-defined]

    def test_lines_of_broken_templates(self) -> None:
        with pytest.raises(jinja2.TemplateSyntaxError) as caught:
            render("a\nb\n{% if %}\nc\nd")
        assert caught.value.lineno == 3
        with pytest.raises(jinja2.UndefinedError) as found:
            render("a\nb\n{{ x.y }}\nc\nd")
        assert found.value.lineno == 3  # type: ignore[attr-defined]
        with pytest.raises(InputError, match="line 2 of the chat template"):
            render("a\n{{ messages[0].content + 1 }}")

    @pytest.mark.parametrize("kind", [PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast])
    @pytest.mark.parametrize("use", ["{{ messages.append(1) }}", "{{ messages[0].update({'a': 1}) }}", "{{ ''.__class__.x }}"])
    def test_the_error_of_the_immutable_sandbox(self, kind: Any, use: str) -> None:
        with pytest.raises(jinja2.exceptions.SecurityError):
            kind(tokenizer_object=byte_level()).apply_chat_template(SHORT, chat_template=use, tokenize=False)

    @pytest.mark.parametrize(
        ("use", "error"),
        [
            ("{{ raise_exception('roles must alternate') }}", jinja2.TemplateError),
            ("{{ x.y }}", jinja2.UndefinedError),
            ("{{ messages.append(1) }}", UnsafeFile),
            ("{{ 'a' * 10**10 }}", UnsafeFile),
            ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", UnsafeFile),
            ("{{ 2 + 'a' }}", InputError),
            ("{% include 'x' %}", InputError),
            ("{% if %}", jinja2.TemplateSyntaxError),
            ("{{ 1 | no_such }}", jinja2.TemplateSyntaxError),
        ],
    )
    def test_every_error_names_its_line(self, use: str, error: type[Exception]) -> None:
        with pytest.raises(error, match=r"line 4") as caught:
            render("a\n\n{# b #}\n" + use + "\nc")
        assert caught.value.lineno == 4  # type: ignore[attr-defined]

    @pytest.mark.parametrize("chat", [[], "hi", None, [3], [["hi"]], 5])
    def test_what_is_no_conversation(self, chat: Any) -> None:
        with pytest.raises(InputError, match="'role'"):
            render(SIMPLE, chat)

    @pytest.mark.parametrize("chat", [[{"content": "hi"}], [{"role": None, "content": "hi"}], [SHORT, [{"a": 1}]]])
    def test_messages_without_a_role(self, chat: Any) -> None:
        with pytest.warns(BestiaryWarning, match="without 'role'"):
            text = render(SIMPLE, chat)
        assert text == THEIRS.apply_chat_template(chat, chat_template=SIMPLE, tokenize=False)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"tools": 1}, "tools is a list"),
            ({"tools": [1]}, "a tool is a function"),
            ({"documents": "x"}, "documents is a list"),
            ({"chat_template": 5}, "template"),
            ({"tokenizer_kwargs": 5}, "tokenizer_kwargs"),
            ({"tokenizer_kwargs": {"add_special_tokens": True}}, "tokenizer_kwargs"),
        ],
    )
    def test_options_of_the_wrong_kind(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises((InputError, ArgumentError), match=message):
            OURS.apply_chat_template(SHORT, **{"chat_template": SIMPLE, **options})

    @pytest.mark.parametrize("template", [5, ["a"], [{"name": "a"}], {"default": 5}, [{"name": "default", "template": None}]])
    def test_templates_of_the_wrong_kind(self, template: Any) -> None:
        ours = PreTrainedTokenizerFast(tokenizer_object=byte_level())
        ours.chat_template = template
        with pytest.raises(InputError, match="chat_template is a text, or texts by name"):
            ours.apply_chat_template(SHORT, tokenize=False)

    @pytest.mark.parametrize("template", [[], {}, None])
    def test_no_template(self, template: Any) -> None:
        ours = PreTrainedTokenizerFast(tokenizer_object=byte_level())
        ours.chat_template = template
        with pytest.raises(InputError, match="no chat template"):
            ours.apply_chat_template(SHORT, tokenize=False)

    @pytest.mark.parametrize(
        "template", ["{{ 'abcdefgh' | truncate(-1) }}", "{{ " + "9" * 9999 + " }}", "{{ [1] | sum(start='x') }}"]
    )
    def test_what_jinja_and_python_refuse(self, template: str) -> None:
        with pytest.raises(InputError, match="the chat template fails"):
            render(template)

    def test_clashing_options(self) -> None:
        with pytest.raises(ArgumentError, match="pass one"):
            render(SIMPLE, add_generation_prompt=True, continue_final_message=True)
        with pytest.raises(InputError, match="does not write the last message"):
            render("{{ messages[0].content }}", continue_final_message=True)
        with pytest.raises(InputError, match="a tool is a function"):
            render(SIMPLE, tools=[3])


ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.__class__ }}{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ raise_exception.__globals__['os'] }}",
    "{{ (messages | attr('__class__')).__mro__ }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update({'a': 1}) }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "{{ '{a.__class__.__init__}'.format_map({'a': 1}) }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ self._TemplateReference__context.x }}{{ self.__init__.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_nothing_leads_out(template: str) -> None:
    before = [dict(message) for message in SHORT]
    try:
        text = render(template)
    except (UnsafeFile, jinja2.TemplateError, InputError):
        text = ""
    assert "class" not in text
    assert "module" not in text
    assert "root:" not in text
    assert before == SHORT


BOMBS = [
    "{{ 'a' * 10**10 }}",
    "{{ [0] * 10**10 }}",
    "{{ 10**10 * 'a' }}",
    "{{ 10 ** (10 ** 10) }}",
    "{% set x = 9 ** 60 %}" + "{% set x = x * x %}" * 30 + "{{ x }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in 'x' * 9999 %}{% for b in 'x' * 9999 %}{% endfor %}{% endfor %}",
    "{% for i in range(10**9) %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s | replace('a', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
    "{{ 'a' | center(10**10) }}",
    "{{ 'a'.ljust(10**10) }}",
    "{{ '%10000000000d' % 1 }}",
    "{{ '%10000000000d' | format(1) }}",
    "{{ '{:10000000000}'.format(1) }}",
    "{{ 'a' | indent(10**10) }}",
    "{% set s = 'a' * 999999 %}{{ s.replace('a', s) | length }}",
    "{% set s = 'a' * 999999 %}{{ s | replace('a', s) | length }}",
    "{% set s = 'a' * 999999 %}{{ ([s] * 99999) | join | length }}",
    "{% set s = 'a' * 999999 %}{{ ''.join([s] * 99999) | length }}",
    "{% set s = 'a' * 999999 %}{{ ('%s' * 9999) % ((s,) * 9999) }}",
    "{% set s = 'a' * 999999 %}{{ ('{0}' * 9999).format(s) }}",
    "{% set s = 'a' * 999999 %}{{ s.translate({97: s}) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "{% for i in range(90000) %}{{ 'x' * 1000 }}{% endfor %}",
    "{{ lipsum(10**9) }}",
]


# Values that hold each other, so that a few bytes stand for terabytes as soon as somebody goes through them.
NESTED = (
    "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}"
    "{% set ns.b = (ns.b, ns.b) %}{% endfor %}"
)
LONG = "{% set s = 'x' * 1000000 %}"
TALL = "{% set ns = namespace(a=(1,)) %}{% for i in range(9999) %}{% set ns.a = (ns.a,) %}{% endfor %}"

BOMBS += [
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "{% for x in [1, 2] recursive %}{% if loop.depth0 < 40 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "{% for i in range(99999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(9) %}" + "{{ i }}" * 999 + "{% endfor %}{% endfor %}",
    *(NESTED + use for use in (
        "{{ ns.a }}", "{{ ns.a | tojson }}", "{{ ns.a == ns.b }}", "{{ ns.a in [ns.b] }}", "{{ ns.a is eq ns.b }}",
        "{{ ns.a ~ '' }}",
        "{{ '%s' % (ns.a,) }}", "{{ '{}'.format(ns.a) }}", "{{ ns.a | string }}", "{{ ns.a | upper }}", "{{ [ns.a] | join }}",
        "{{ ns.a | pprint }}", "{{ {'a': ns.a}.values() }}", "{{ raise_exception(ns.a) }}", "{{ [ns.a].index(ns.b) }}",
        "{{ [ns.a, ns.b] | sort }}", "{{ [ns.a] | unique | list }}", "{{ {}.get(ns.a) }}", "{% set d = {ns.a: 1} %}",
        "{{ messages[0][ns.a] }}", "{{ dict([(ns.a, 1)]) }}", "{{ [ns.a, ns.b] | min }}", "{{ ns.a | replace('1', '2') }}",
        "{% for i in (1, 2) %}{{ loop.changed(ns.a if i == 1 else ns.b) }}{% endfor %}",
    )),
    TALL + "{{ {}.get(ns.a) }}",
    "{{ range(99999) | map('center', 999) | join | length }}",
    "{{ 'a' | center(19000000) }}",
    "{{ 'a'.center(19000000) }}",
    "{{ ('\\t' * 100000).expandtabs(900) }}",
    "{{ ('\\n' * 1000000) | indent(900, blank=true) }}",
    "{{ [1] | slice(19000000) | list }}",
    "{{ [1] | batch(19000000, 'x') | list }}",
    "{{ 2 | round(1900000, 'floor') }}",
    "{{ messages | tojson(indent=19000000) }}",
    "{{ '%*d' % (19000000, 1) }}",
    "{{ ('%999d' * 99999) % ((1,) * 99999) }}",
    "{{ '{:{}}'.format('a', 19000000) }}",
    "{{ ('%(a)s' * 10000) % {'a': 'x' * 100000} }}",
    "{{ ('%(a)s' * 10000) | format(a='x' * 100000) }}",
    "{{ ('{a}' * 10000).format_map({'a': 'x' * 100000}) }}",
    "{{ ('a' * 14000) | replace('', 'b' * 14000) | length }}",
    "{{ ('a' * 14000 | safe).replace('a', 'b' * 14000) | length }}",
    "{{ (('a' * 14000) | safe).replace('a', 'b' * 14000) | length }}",
    "{{ (('<' * 100000) | safe).striptags() }}",
    "{{ range(99999) | map('string') | join('x' * 1000000) }}",
    "{{ ('x' * 1000000).join(range(99999) | map('string')) }}",
    "{{ ([[1]] * 99999) | sum(start=[]) | length }}",
    "{{ range(9999) | sort(attribute='a,' * 9999) }}",
    "{{ ([0] * 19000000) | length }}",
    "{{ ('a'.encode() * 900000000) | length }}",
    "{{ (1).to_bytes(19000000) }}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [range(99999) | list] %}{% endfor %}",
    *(LONG + use for use in (
        "{{ s | wordwrap(1) }}", "{{ ('<' * 100000) | striptags }}", "{{ ('www.a.de ' * 20000) | urlize(target=s) }}",
        "{% for i in range(99999) %}{% set x = s.count('y') %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = 'y' in s %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = s[1:] %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = s.split('x') %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = s | list %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = s | title %}{% endfor %}",
        "{% set t = s ~ '' %}{% for i in range(99999) %}{% set x = t == s %}{% endfor %}",
        "{% set x %}{% for i in range(90000) %}{{ s }}{% endfor %}{% endset %}",
        "{% filter upper %}{% for i in range(90000) %}{{ s }}{% endfor %}{% endfilter %}",
        "{% for a in s %}{% for b in s %}{% endfor %}{% endfor %}",
        "{% set d = {}.fromkeys(range(9999)).keys() %}{% for i in range(99999) %}{% set x = d - d %}{% endfor %}",
    )),
    "x" * 1_000_001,
    "{{ [" + "1," * 99_999 + "1] }}",
    "{% if a %}" * 300 + "{% endif %}" * 300,
    "{% for a in messages %}" * 30 + "{% endfor %}" * 30,
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
]  # fmt: skip


@pytest.mark.parametrize("template", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_stopped(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_budget, "BUDGET", template_budget.BUDGET // 5)  # the same prices, sooner
    with pytest.raises((UnsafeFile, InputError, jinja2.TemplateError)) as caught:
        render(template)
    assert len(str(caught.value)) < 300


GREEDY = [
    "{% set s = '\U0001f600' * 900000 %}{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = ns.l + [s + 'x'] %}"
    "{% endfor %}",
    "{% set s = '\u4e00' * 300000 %}{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = ns.l + [s | list] %}"
    "{% endfor %}",
    LONG + "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = ns.l + [s.split('x')] %}{% endfor %}",
    LONG + "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = ns.l + [[s] | tojson] %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + ['a' * 100000] %}{% endfor %}",
]


@pytest.mark.parametrize("template", GREEDY, ids=range(len(GREEDY)))
def test_memory_is_paid_for(template: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnsafeFile, match="budget of time and memory"):
            render(template)
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_nobody_puts_back_into_the_budget() -> None:
    refund = "{% set x = [-10**12] | map('body!') | list %}{% set y = [[1]] | map('metered!', -10**12) | map('list') | list %}"
    for bomb in (BOMBS[30], BOMBS[31]):
        with pytest.raises(UnsafeFile):
            render(refund + bomb)


def test_a_long_conversation_brings_its_own_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_budget, "BUDGET", 1_000_000)
    assert render(SIMPLE, SHORT * 2000).count("yo") == 2000


def test_long_numbers_and_texts_are_no_bombs() -> None:
    chat = [{"role": "tool", "content": ' {"id": 12345678, "p": "100%", "t": "a:99999999"} ' + "word " * 200_000}]
    template = "{{ messages[0].content | trim | replace('\n', '') }}{{ messages[0].content.split('</x>')[-1].strip() }}"
    assert render(template, chat) == chat[0]["content"].strip() * 2
    assert len(render("{{ messages[0] | tojson }}{{ '%s %s' % ('a', messages[0].content) }}", chat)) > 2_000_000


def test_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    template_sandbox.compiled.cache_clear()
    for _ in range(5):
        render(SIMPLE + "{# once #}")
    assert template_sandbox.compiled.cache_info().misses == 1


@pytest.mark.parametrize(
    "template", ["{{ messages[0].content }}", "{{ 'content' in messages[0] }}", "{{ messages[0].a.b is none }}"]
)
def test_null_is_left_out_of_a_message(folder: Callable[[str], Path], template: str) -> None:
    chat = [{"role": "assistant", "content": None, "a": {"b": None}}]
    texts = [
        kind.from_pretrained(folder("llama3")).apply_chat_template(chat, chat_template=template, tokenize=False)
        for kind in (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast)
    ]
    assert texts[0] == texts[1]
    assert chat[0]["content"] is None
