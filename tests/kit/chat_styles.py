"""Chat templates in the styles of ten families, and conversations whose assistant's parts are marked by hand, ⟦ and ⟧."""
# ruff: noqa: E501 (what templates write is read more easily unbroken)

from dataclasses import dataclass, field
from typing import Any

SAY = "{{ message['content'] | trim }}"


def _chatml(assistant: str, head: str = "", prompt: str = "<|im_start|>assistant\\n") -> str:
    """ChatML; `assistant` writes such a turn behind its header."""
    return (
        head + "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
        "{% if message['role'] == 'assistant' %}" + assistant + "{% else %}{{ message['content'] }}{% endif %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '" + prompt + "' }}{% endif %}"
    )


QWEN_THINKING = (
    "{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}"
    "{% endfor %}{% for message in messages %}{{ '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\\n' }}"
    "{% if message.role == 'tool' %}{{ '<tool_response>\\n' + message.content + '\\n</tool_response>' }}"
    "{% elif message.role == 'assistant' %}{% set content = message.content or '' %}{% set thought = '' %}"
    "{% if '</think>' in content %}{% set thought = content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}"
    "{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
    "{% if loop.index0 > ns.last and (loop.last or thought) %}{{ '<think>\\n' + thought + '\\n</think>\\n\\n' }}{% endif %}"
    "{{ content }}{% for call in message.tool_calls or [] %}{{ '\\n' if content }}<tool_call>\n"
    "{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}\n</tool_call>{% endfor %}"
    "{% else %}{{ message.content }}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
)

LLAMA2 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'] | trim + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}"
    "{% else %}{{ raise_exception('no such role') }}{% endif %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles take turns') }}{% endif %}{% endfor %}"
)

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    + SAY
    + "{{ '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)

MISTRAL_TOOLS = (
    "{{ bos_token }}{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for message in messages %}{% if message.role == 'user' %}"
    "{% if tools and loop.index0 == ns.last %}{{ '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}{% endif %}"
    "{{ '[INST] ' + message.content + '[/INST]' }}{% elif message.role == 'tool' %}"
    "{{ '[TOOL_RESULTS] ' + message.content + '[/TOOL_RESULTS]' }}{% elif message.tool_calls %}{{ '[TOOL_CALLS] [' }}"
    "{% for call in message.tool_calls %}{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}"
    "{{ ', ' if not loop.last }}{% endfor %}{{ ']' + eos_token }}"
    "{% else %}{{ ' ' + message.content | trim + eos_token }}{% endif %}{% endfor %}"
)

GEMMA = (
    "{{ bos_token }}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)

PHI3 = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"
)

DEEPSEEK = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|User|>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}{% set content = message['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<|Assistant|>' + content + eos_token }}{% else %}{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}"
)

ZEPHYR = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}{% endfor %}"
)

COMMAND_R = (
    "{{ bos_token }}{% for message in messages %}{% set name = {'user': 'USER', 'assistant': 'CHATBOT', 'system': 'SYSTEM'}[message['role']] %}"
    "{{ '<|START_OF_TURN_TOKEN|><|' + name + '_TOKEN|>' + message['content'] | trim + '<|END_OF_TURN_TOKEN|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"
)

CONTROL = [
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
    "<|User|>",
    "<|Assistant|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|USER_TOKEN|>",
    "<|CHATBOT_TOKEN|>",
    "<|SYSTEM_TOKEN|>",
]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str | None, *calls: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [{"type": "function", "function": {"name": name, "arguments": {"x": 1}}} for name in calls]
    return message


TOOL = {"role": "tool", "content": "3"}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {}}}]
TWO_TURNS = [user("Hi"), assistant("Hello. Hello"), user("Hello."), assistant(" Bye ")]
SYSTEM = {"role": "system", "content": "Be kind."}


@dataclass(frozen=True)
class Style:
    """A template, a conversation, and what the template writes of it, marked."""

    name: str
    template: str
    messages: list[dict[str, Any]]
    marked: str
    options: dict[str, Any] = field(default_factory=dict)


STYLES = [
    Style(
        "chatml",
        _chatml("{{ message['content'] }}"),
        [SYSTEM, *TWO_TURNS],
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Hello. Hello<|im_end|>⟧\n"
        "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n⟦ Bye <|im_end|>⟧\n",
    ),
    Style(
        "llama 2",
        LLAMA2,
        TWO_TURNS,
        "<s>[INST] Hi [/INST]⟦ Hello. Hello </s>⟧<s>[INST] Hello. [/INST]⟦ Bye </s>⟧",
    ),
    Style(
        "llama 3",
        LLAMA3,
        [SYSTEM, *TWO_TURNS],
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Hello. Hello<|eot_id|>⟧<|start_header_id|>user<|end_header_id|>\n\nHello."
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n⟦Bye<|eot_id|>⟧",
    ),
    Style(
        "mistral with tools",
        MISTRAL_TOOLS,
        [user("Hi"), assistant(None, "add"), TOOL, assistant("It is 3"), user("And now"), assistant(None, "add", "add")],
        '<s>[INST] Hi[/INST]⟦[TOOL_CALLS] [{"name": "add", "arguments": {"x": 1}}]</s>⟧[TOOL_RESULTS] 3[/TOOL_RESULTS]⟦ It is 3</s>⟧'
        '[AVAILABLE_TOOLS] [{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {}}}]'
        '[/AVAILABLE_TOOLS][INST] And now[/INST]⟦[TOOL_CALLS] [{"name": "add", "arguments": {"x": 1}}, '
        '{"name": "add", "arguments": {"x": 1}}]</s>⟧',
        {"tools": TOOLS},
    ),
    Style(
        "gemma",
        GEMMA,
        TWO_TURNS,
        "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n⟦Hello. Hello<end_of_turn>⟧\n<start_of_turn>user\nHello."
        "<end_of_turn>\n<start_of_turn>model\n⟦Bye<end_of_turn>⟧\n",
    ),
    Style(
        "phi 3",  # an end token behind the whole
        PHI3,
        TWO_TURNS,
        "<|user|>\nHi<|end|>\n<|assistant|>\n⟦Hello. Hello<|end|>⟧\n<|user|>\nHello.<|end|>\n<|assistant|>\n⟦ Bye <|end|>\n</s>⟧",
    ),
    Style(
        "qwen 3, thoughts of earlier turns left out",
        QWEN_THINKING,
        [user("Hi"), assistant("<think>\nhm\n</think>\n\nHello"), user("Hello"), assistant("<think>\noh\n</think>\n\nBye")],
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Hello<|im_end|>⟧\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n⟦<think>\noh\n</think>\n\nBye<|im_end|>⟧\n",
    ),
    Style(
        "qwen 3, tools between thoughts",
        QWEN_THINKING,
        [
            user("Hi"),
            assistant("<think>\nhm\n</think>\n\n", "add"),
            TOOL,
            assistant("<think>\nso\n</think>\n\nIt is 3"),
            user("And"),
            assistant("<think>\noh\n</think>\n\nNow", "add"),
            TOOL,
            assistant("Bye"),
        ],
        '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦<tool_call>\n{"name": "add", "arguments": {"x": 1}}\n</tool_call>'
        "<|im_end|>⟧\n<|im_start|>user\n<tool_response>\n3\n</tool_response><|im_end|>\n<|im_start|>assistant\n⟦It is 3<|im_end|>⟧\n"
        "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n⟦<think>\noh\n</think>\n\nNow\n<tool_call>\n"
        '{"name": "add", "arguments": {"x": 1}}\n</tool_call><|im_end|>⟧\n<|im_start|>user\n<tool_response>\n3\n</tool_response>'
        "<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\nBye<|im_end|>⟧\n",
    ),
    Style(
        "qwen 3 without thinking",  # the prompt holds the empty thought
        QWEN_THINKING,
        [user("Hi"), assistant("Hello"), user("Hello"), assistant("Bye")],
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Hello<|im_end|>⟧\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n⟦Bye<|im_end|>⟧\n",
        {"enable_thinking": False},
    ),
    Style(
        "deepseek",  # no thought is ever written, and the prompt begins one
        DEEPSEEK,
        [user("Hi"), assistant("<think>hm</think>Hello"), user("Hello"), assistant("Bye")],
        "<s><|User|>Hi<|Assistant|>⟦Hello</s>⟧<|User|>Hello<|Assistant|>⟦Bye</s>⟧",
    ),
    Style(
        "zephyr",  # the newline behind the header is not of the prompt
        ZEPHYR,
        [SYSTEM, *TWO_TURNS],
        "<|system|>\nBe kind.</s>\n<|user|>\nHi</s>\n<|assistant|>⟦\nHello. Hello</s>⟧\n<|user|>\nHello.</s>\n<|assistant|>⟦\n Bye </s>⟧\n",
    ),
    Style(
        "command r",
        COMMAND_R,
        TWO_TURNS,
        "<s><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>⟦Hello. Hello"
        "<|END_OF_TURN_TOKEN|>⟧<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hello.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
        "<|CHATBOT_TOKEN|>⟦Bye<|END_OF_TURN_TOKEN|>⟧",
    ),
    Style(
        "chatml, the assistant begins",
        _chatml("{{ message['content'] }}", head="{% if messages[0]['role'] == 'x' %}{% endif %}"),
        [assistant("Hello"), user("Hi"), assistant("Bye")],
        "<|im_start|>assistant\n⟦Hello<|im_end|>⟧\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Bye<|im_end|>⟧\n",
    ),
]  # fmt: skip
