"""Choose among labels of one's own for a picture.

python examples/zero_shot_image.py beach.jpg "a beach" "a mountain" "a city at night"
"""

import argparse

from bestiary import pipeline


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="file or http(s) address")
    parser.add_argument("labels", nargs="+")
    parser.add_argument("--model", default="openai/clip-vit-base-patch32", help="folder or name on the hub (%(default)s)")
    parser.add_argument("--template", default="This is a photo of {}.", help="the caption around a label (%(default)s)")
    given = parser.parse_args(arguments)

    choose = pipeline("zero-shot-image-classification", model=given.model)
    for answer in choose(given.picture, candidate_labels=given.labels, hypothesis_template=given.template):
        print(f"{answer['score']:.3f}  {answer['label']}")


if __name__ == "__main__":
    main()
