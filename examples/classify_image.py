"""Say what is in a picture.

python examples/classify_image.py cat.jpg
python examples/classify_image.py cat.jpg dog.png --model my-vit --top 3
"""

import argparse

from bestiary import pipeline


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", help="files or http(s) addresses")
    parser.add_argument("--model", default="google/vit-base-patch16-224", help="folder or name on the hub (%(default)s)")
    parser.add_argument("--top", type=int, default=5, help="labels for each picture (%(default)s)")
    given = parser.parse_args(arguments)

    classify = pipeline("image-classification", model=given.model)
    for picture, answers in zip(given.pictures, classify(given.pictures, top_k=given.top), strict=True):
        print(picture)
        for answer in answers:
            print(f"  {answer['score']:.3f}  {answer['label']}")


if __name__ == "__main__":
    main()
