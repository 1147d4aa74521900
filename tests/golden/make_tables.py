"""Writes tables.json: what the tokenizer of tables gives, which the current release of the reference no longer has.

Run with release 4.46.3 of it, and pandas, from the folder `tests`:

    PYTHONPATH=. python golden/make_tables.py
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas
import transformers
from kit import tables


def frame(table: Any) -> Any:
    """A data frame of a table, or the list of those of a list."""
    return [frame(one) for one in table] if isinstance(table, list) else pandas.DataFrame.from_dict(table)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        vocab, merges = map(str, tables.write_byte_pairs(Path(folder)))
        tokenizer = transformers.TapexTokenizer(vocab, merges, max_cell_length=15)
        cased = transformers.TapexTokenizer(vocab, merges, do_lower_case=False, max_cell_length=6)
        written = {
            "transformers": transformers.__version__,
            "calls": [dict(tokenizer(frame(table), query, **options)) for table, query, options in tables.CALLS],
            "cased": [dict(cased(frame(table), query, **options)) for table, query, options in tables.CALLS],
            "answers": [dict(tokenizer(answer=answer)) for answer in tables.ANSWERS],
        }
    (Path(__file__).parent / "tables.json").write_text(json.dumps(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
