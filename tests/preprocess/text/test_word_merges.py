"""Words become tokens by the rules of a file, and come back."""

from pathlib import Path

from bestiary.preprocess.text.word_merges import WordMerges


def test_rules_are_taken_in_their_order_and_survive_a_file(tmp_path: Path) -> None:
    (tmp_path / "merges.txt").write_text("l o 7\nlo w</w> 5\nl ow</w> 3\ne r</w> 2\n", encoding="utf-8")
    merges = WordMerges(tmp_path / "merges.txt")
    assert [merges.split(word) for word in ("low", "lower", "lolo", "a")] == [
        ["low</w>"],
        ["lo", "w", "er</w>"],
        ["lo", "l", "o</w>"],
        ["a</w>"],
    ]
    assert merges.words(["lo", "w", "er</w>", "a</w>"]) == ["lower", "a"]
    again = WordMerges(merges.write(tmp_path / "again.txt"))
    assert again.ranks == merges.ranks
