"""`bestiary chat`: what the model is told, what leaves a full context, lines that are no messages, and a real terminal."""

import codecs
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kit import checkpoints

import bestiary
from bestiary.cli.conversation import Conversation
from bestiary.core.errors import CapacityError

SHORT = ("--max-new-tokens", "4", "--greedy")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, str]]]:
    """The messages of each call of the model, as (role, content)."""
    chats: list[list[tuple[str, str]]] = []
    original = bestiary.TextGenerationPipeline.preprocess

    def spy(self: Any, chat: Any, **options: Any) -> Any:
        chats.append([(message["role"], message["content"]) for message in chat])
        return original(self, chat, **options)

    monkeypatch.setattr(bestiary.TextGenerationPipeline, "preprocess", spy)
    return chats


def chat(command: Any, *lines: str, options: tuple[str, ...] = SHORT) -> tuple[int, str, str]:
    return command("chat", "-m", str(checkpoints.llama()), *options, stdin="".join(f"{line}\n" for line in lines))


def test_messages_over_several_lines(command, told):
    code, _, err = chat(
        command, "one \\", "two\\", "three", '"""', "  four", "/five", '"""', '"""six"""', "", "//seven", "ei\\"
    )
    assert (code, err) == (0, "")
    assert [messages[-1][1] for messages in told] == ["one \ntwo\nthree", "  four\n/five", "six", "/seven", "ei"]


def test_an_unknown_command_is_said_and_not_sent(command, told):
    code, out, err = chat(command, "/sysem x", "/etc/passwd", "/exit", "never")
    assert (code, out, told) == (0, "", [])
    assert "there is no /sysem. Did you mean 'system'? /help lists what there is" in err
    assert "there is no /etc/passwd." in err


def test_help_lists_every_command(command, told):
    code, out, err = chat(command, "/help")
    assert (code, out, told) == (0, "", [])
    for name in ("/help", "/clear", "/system [TEXT]", "/save FILE", "/load FILE", "/exit", '"""', "\\", "//", "Ctrl-C"):
        assert name in err


def test_clear_and_system(command, told):
    code, _, err = chat(command, "a", "/clear", "b", "/system Be kind.", "/system", "c", "/system -", "/clear", "d")
    assert code == 0
    assert err.splitlines() == ["system: Be kind.", "system: Be kind.", "there is no system message"]
    assert [[role for role, _ in messages] for messages in told] == [
        ["user"],
        ["user"],
        ["system", "user", "assistant", "user"],
        ["user"],
    ]


def test_save_and_load(command, told, tmp_path):
    path = tmp_path / "talk.json"
    code, out, err = chat(command, "Hello", f"/save {path}", options=(*SHORT, "--system", "Be kind."))
    assert (code, err) == (0, f"3 messages are in {path}\n")
    saved = json.loads(path.read_text())
    assert saved[:2] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    assert saved[2] == {"role": "assistant", "content": out.removesuffix("\n")}
    code, _, err = chat(command, f"/load {path}", "More")
    assert (code, err) == (0, "3 messages were read\n")
    assert told[-1] == [*((message["role"], message["content"]) for message in saved), ("user", "More")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        (b"{", "is not valid JSON"),
        (b'[{"role": "bot", "content": "x"}]', "is no conversation; expected a JSON list"),
        (b'{"role": "user"}', "is no conversation"),
        (b'"caf\xe9"', "is not UTF-8 (byte 0xe9"),
    ],
)
def test_a_file_that_is_no_conversation(command, tmp_path, content, said):
    path = tmp_path / "talk.json"
    if content is not None:
        path.write_bytes(content)
    code, out, err = chat(command, f"/load {path}")
    assert code in (1, 2)
    assert out == ""
    [line] = err.splitlines()
    assert said in line


def test_one_message_is_no_plural_and_the_whole_path_is_told(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = chat(command, "/system Be kind.", "/save new/talk.json", "/load new/talk.json")
    assert (code, err.splitlines()[1:]) == (0, [f"1 message is in {tmp_path / 'new' / 'talk.json'}", "1 message was read"])


def test_save_where_nothing_can_be_written(command, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = chat(command, f"/save {tmp_path / 'file' / 'talk.json'}")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert str(tmp_path / "file") in err


def test_the_oldest_turns_leave_a_full_context(command, told):
    """A context of 256 tokens; each message takes about 60."""
    lines = [f"{number} {'Hello world ' * 10}" for number in range(8)]
    code, out, err = chat(command, *lines, options=(*SHORT, "--system", "Be kind."))
    assert code == 0
    assert len(out.splitlines()) >= 8
    assert len(told) == 8
    assert "(the context of 256 tokens is full: the 2 oldest messages were dropped)" in err
    for number, messages in enumerate(told):
        assert messages[0] == ("system", "Be kind.")
        assert messages[1][0] == "user"
        assert messages[-1] == ("user", lines[number].strip())
    assert len(told[-1]) < 15


def test_a_message_longer_than_the_context_is_refused(command, told):
    code, out, err = chat(command, "Hello world " * 200)
    assert (code, out, told) == (1, "", [])
    assert "the model has a context of 256; shorten it" in err


def test_what_leaves():
    def count(messages: list[dict[str, str]]) -> int:
        return sum(len(message["content"]) for message in messages)

    conversation = Conversation("ss")
    for role, content in (("user", "aaa"), ("assistant", "bbb"), ("user", "ccc"), ("assistant", "ddd"), ("user", "eee")):
        conversation.add(role, content)
    assert conversation.fit(count, None, 100) == 0
    assert conversation.fit(count, 20, 3) == 0
    assert conversation.fit(count, 20, 4) == 2
    assert [message["content"] for message in conversation.messages()] == ["ss", "ccc", "ddd", "eee"]
    assert conversation.fit(count, 6, 100) == 2
    conversation.add("assistant", "fff")
    conversation.add("user", "ggg")
    with pytest.raises(CapacityError, match="the message takes 5 tokens with its template, and the model has a context of 5"):
        conversation.fit(count, 5, 1)
    assert [message["content"] for message in conversation.messages()] == ["ss", "eee", "fff", "ggg"]


def test_stats(command):
    code, out, err = chat(command, "Hello", options=(*SHORT, "--stats"))
    assert code == 0
    assert out.endswith("\n")
    [line] = err.splitlines()
    assert line.startswith("4 tokens, the first after ")
    assert line.endswith(" tokens/s after it")


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self.text = ""

    def until(self, text: str, seconds: float = 60.0) -> str:
        """What comes up to `text`."""
        end = time.monotonic() + seconds
        while text not in self.text:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} did not come; this did: {self.text!r}"
            self.text += self._decoder.decode(os.read(self._ours, 4096))  # a read may end inside of a character
        before, _, self.text = self.text.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self._ours, os.fsencode(text))

    def close(self) -> int:
        code = self.process.wait(timeout=60)
        os.close(self._ours)
        return code


def test_on_a_terminal(tmp_path: Path) -> None:
    """The prompt, an error that ends nothing, the history of one session in the next."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb", "HF_HUB_OFFLINE": "1"}
    program = ["-m", "bestiary", "chat", "-m", str(checkpoints.llama()), *SHORT]
    first = Terminal(program, environment)
    first.until("> ")
    first.type("Hello\n")
    first.until("\n> ")
    first.type("/load nowhere\n")
    assert "error: there is no file nowhere" in first.until("\n> ")
    first.type("/exit\n")
    assert first.close() == 0
    assert (tmp_path / "bestiary" / "chat_history").read_text().splitlines()[-3:] == ["Hello", "/load nowhere", "/exit"]
    second = Terminal(program, {**environment, "PYTHONIOENCODING": "ascii"})
    second.until("> ")
    second.type("\x10\x10\x10")  # three lines up in the history
    second.until("Hello")
    second.type("\n")
    second.until("\n> ")
    second.type("é\n")
    assert "error: the terminal sends what is not ascii" in second.until("\n> ")
    second.type("\x04")  # the end of input
    assert second.close() == 0


def test_a_terminal_without_utf8(tmp_path: Path) -> None:
    """In the C locale, bytes that are UTF-8 are read as such; others are told."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C", "PYTHONUTF8": "0"}
    terminal = Terminal(["-m", "bestiary", "chat", "-m", str(checkpoints.llama()), *SHORT], environment)
    terminal.until("> ")
    terminal.type("/system é\n")
    assert "system: \\xe9" in terminal.until("\n> ")
    terminal.type(os.fsdecode(b"caf\xe9\n"))
    assert "error: the line: 'caf\\udce9' is not UTF-8" in terminal.until("\n> ")
    terminal.type("\x04")
    assert terminal.close() == 0
