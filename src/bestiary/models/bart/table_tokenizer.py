"""TAPEX's tokenizer (Liu et al. 2021, "TAPEX: table pre-training via learning a neural SQL executor"): a question and a table
become one text for BART."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from ...core.errors import InputError
from ...core.logging import warn_once
from ...preprocess.text.batch_encoding import BatchEncoding
from .tokenizer import BartTokenizer

FIT = "drop_rows_to_fit"
_NEAR = 2  # rows this near to one that shares a word with the question stay with it


class Table(NamedTuple):
    """The names of C columns, and R rows of C cells."""

    header: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, table: Any) -> "Table":
        """A pandas data frame, or a mapping of each column's name to its cells; numbers become their texts.

        Raises:
            InputError: something else, or columns of different lengths.
        """
        if isinstance(table, Mapping):
            columns = {str(name): list(cells) for name, cells in table.items()}
            lengths = {name: len(cells) for name, cells in columns.items()}
            if len(set(lengths.values())) > 1:
                raise InputError(f"the columns of a table must be of one length, found {lengths}")
            return cls(list(columns), [[str(cell) for cell in row] for row in zip(*columns.values(), strict=True)])
        try:
            header, values = [str(name) for name in table.columns], table.to_numpy().tolist()
        except AttributeError as error:
            raise InputError(
                f"a table is a pandas data frame or a mapping of names to cells; found {type(table).__name__} {table!r:.60}"
            ) from error
        return cls(header, [[str(cell) for cell in row] for row in values])

    def heading(self) -> str:
        """The header as a text."""
        return f"col : {' | '.join(self.header)}"

    def line(self, index: int) -> str:
        """Row `index` as a text; rows are counted from 1 there."""
        return f"row {index + 1} : {' | '.join(self.rows[index])}"

    def text(self) -> str:
        """The table as a text; the empty one where it has no rows."""
        return " ".join([self.heading(), *map(self.line, range(len(self.rows)))]) if self.rows else ""


class TapexTokenizer(BartTokenizer):
    """Opens BART's files. A call takes a table and a question about it, or an answer, instead of a text.

    Options: `do_lower_case` (True); `max_cell_length` (15): a cell is cut to so many tokens.
    """

    defaults: ClassVar[dict[str, Any]] = {**BartTokenizer.defaults, "do_lower_case": True, "max_cell_length": 15}

    def __call__(  # type: ignore[override]
        self,
        table: Any = None,
        query: str | Sequence[str] | None = None,
        answer: str | Sequence[str] | None = None,
        *,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        **options: Any,
    ) -> BatchEncoding:
        """Encode questions with their tables, or answers.

        Args:
            table: a pandas data frame, a mapping of names of columns to cells, or a list of those. query: a question or a list;
                one table serves many questions, and the other way round. answer: texts of answers, without tables.
            truncation: as for texts, or "drop_rows_to_fit": rows that share no word with the question (nor are within two rows
                of one that does) are left out, the last first, until the rest fits into `max_length` tokens; then whatever
                rows are too many at the end. The published class leaves out unrelated rows by chance.
            options: as for texts.

        Raises:
            InputError: neither a table nor an answer; a table that is none; as many tables as questions were expected.
        """
        if table is None and answer is None:
            raise InputError("nothing to encode: pass table= with query=, or answer=")
        if table is None:
            texts: Any = [self._cased(one) for one in answer] if isinstance(answer, list | tuple) else self._cased(answer)
            return super().__call__(texts, truncation=truncation, max_length=max_length, **options)
        pairs, batched = _pairs(table, query)
        fit = truncation == FIT
        room = (max_length or self.model_max_length) if fit else None
        texts = [self._joined(Table.read(one), question, room) for one, question in pairs]
        cut = True if fit else truncation
        return super().__call__(texts if batched else texts[0], truncation=cut, max_length=max_length, **options)

    def encode(self, table: Any = None, query: Any = None, answer: Any = None, **options: Any) -> Any:  # type: ignore[override]
        """The ids of one call as a list, or as an array with `return_tensors`."""
        return self(table, query, answer, **options)[self.model_input_names[0]]

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any) -> list[str]:
        """The tokens of a text, which is no table."""
        return super().__call__(text, pair, add_special_tokens=add_special_tokens, **options).tokens()

    def _cased(self, text: Any) -> str:
        if not isinstance(text, str):
            raise InputError(f"an answer or a question is a text, found {type(text).__name__} {text!r:.60}")
        return text.lower() if self.init_kwargs["do_lower_case"] else text

    def _joined(self, table: Table, query: str, room: int | None) -> str:
        """The question and the table as one text."""
        query = self._cased(query)
        table = Table(table.header, [[self._cut(cell) for cell in row] for row in table.rows])
        if room is not None:
            table = self._fitting(table, query, room)
        text = table.text()
        if not text:
            warn_once("empty-table", "a table without rows: only the question is encoded")
        if not query:
            warn_once("empty-query", "nothing is asked of the table: the question is empty")
        return self._cased(" ".join(part for part in (query, text) if part))

    def _cut(self, cell: str) -> str:
        tokens = self.tokenize(cell) if cell.strip() else []
        longest = self.init_kwargs["max_cell_length"]
        return self.convert_tokens_to_string(tokens[:longest]) if len(tokens) >= longest else cell

    def _fitting(self, table: Table, query: str, room: int) -> Table:
        """`table` without the rows that do not fit into `room` tokens beside the question."""
        room -= self._length(query) + self.num_special_tokens_to_add() + self._length(f" {table.heading()}")
        lengths = [self._length(f" {table.line(index)}") for index in range(len(table.rows))]
        words = {word.strip("?!.,").lower() for word in query.split()}
        related = [bool(words & {cell.lower() for cell in row}) for row in table.rows]
        kept = list(range(len(table.rows)))
        for index in reversed(range(len(table.rows))):
            if sum(lengths[row] for row in kept) <= room:
                break
            if not any(related[max(index - _NEAR, 0) : index + _NEAR + 1]):
                kept.remove(index)
        while kept and sum(lengths[row] for row in kept) > room:
            kept.pop()
        return Table(table.header, [table.rows[index] for index in kept])

    def _length(self, text: str) -> int:
        return len(self.tokenize(self._cased(text), verbose=False))


def _pairs(table: Any, query: Any) -> tuple[list[tuple[Any, str]], bool]:
    """Tables with their questions, and whether there were many of either."""
    tables = list(table) if isinstance(table, list | tuple) else [table]
    queries = list(query) if isinstance(query, list | tuple) else [query or ""]
    if len(tables) != len(queries) and 1 not in (len(tables), len(queries)):
        raise InputError(f"there are {len(tables)} tables and {len(queries)} questions; they must match one to one")
    count = max(len(tables), len(queries))
    tables, queries = (one * count if len(one) == 1 else one for one in (tables, queries))
    return list(zip(tables, queries, strict=True)), isinstance(table, list | tuple) or isinstance(query, list | tuple)
