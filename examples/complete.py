"""Continue a text, shown as it is written.

python examples/complete.py "def mean(values):"
python examples/complete.py "Once upon a time" --model openai-community/gpt2
"""

import argparse

from bestiary import TextStreamer, pipeline


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt")
    parser.add_argument("--model", help="folder or name on the hub; by default the model inside the package")
    parser.add_argument("--tokens", type=int, default=60, help="most new tokens (%(default)s)")
    given = parser.parse_args(arguments)

    generate = pipeline("text-generation", model=given.model)
    streamer = TextStreamer(generate.tokenizer, skip_special_tokens=True)
    answer = generate(given.prompt, max_new_tokens=given.tokens, do_sample=False, streamer=streamer, return_details=True)
    print(f"(ended by: {answer[0]['finish_reason']})")


if __name__ == "__main__":
    main()
