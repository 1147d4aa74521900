"""Label texts without a pipeline: tokenizer, model, scores, and where each weight came from.

python examples/classify_text.py --model distilbert/distilbert-base-uncased-finetuned-sst-2-english "a fine day" "rain"
"""

import argparse

import torch

from bestiary import AutoModelForSequenceClassification, AutoTokenizer


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder or name on the hub")
    parser.add_argument("texts", nargs="+")
    given = parser.parse_args(arguments)

    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForSequenceClassification.from_pretrained(given.model)
    print(model.load_report)
    with torch.no_grad():
        logits = model(**tokenizer(given.texts, padding=True, truncation=True, return_tensors="pt")).logits
    for text, scores in zip(given.texts, logits.softmax(-1), strict=True):
        best = int(scores.argmax())
        print(f"{scores[best]:.3f}  {model.config.id2label[best]}  {text}")


if __name__ == "__main__":
    main()
