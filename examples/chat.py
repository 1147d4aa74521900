"""Talk with a model made for chats: each line is a message, the end of input ends.

python examples/chat.py --model HuggingFaceTB/SmolLM2-360M-Instruct
"""

import argparse
import sys

from bestiary import TextStreamer, pipeline


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder or name on the hub")
    parser.add_argument("--tokens", type=int, default=200, help="most new tokens of a reply (%(default)s)")
    given = parser.parse_args(arguments)

    talk = pipeline("text-generation", model=given.model)
    messages: list[dict[str, str]] = []
    for line in sys.stdin:
        messages.append({"role": "user", "content": line.strip()})
        streamer = TextStreamer(talk.tokenizer, skip_prompt=True, skip_special_tokens=True)
        messages = talk(messages, max_new_tokens=given.tokens, streamer=streamer)[0]["generated_text"]


if __name__ == "__main__":
    main()
