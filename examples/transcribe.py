"""Write down what is said in a recording, with times. Without a file: in two seconds of a rising tone, to see it run.

python examples/transcribe.py talk.wav --language en
"""

import argparse

import numpy as np

from bestiary import pipeline

RATE = 16_000


def tone(seconds: float = 2.0) -> dict[str, object]:
    """A tone that rises from 200 to 800 hertz."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * (200 * time + 300 / seconds * time**2)
    return {"array": 0.3 * np.sin(phase).astype(np.float32), "sampling_rate": RATE}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", nargs="?", help="file or http(s) address")
    parser.add_argument("--model", default="openai/whisper-base", help="folder or name on the hub (%(default)s)")
    parser.add_argument("--language", help="what is spoken; by default the model finds out")
    given = parser.parse_args(arguments)

    recognise = pipeline("automatic-speech-recognition", model=given.model)
    spoken = {} if given.language is None else {"language": given.language}
    for chunk in recognise(given.recording or tone(), return_timestamps=True, **spoken)["chunks"]:
        print("{:7.2f} - {:7.2f} {}".format(*chunk["timestamp"], chunk["text"]))


if __name__ == "__main__":
    main()
