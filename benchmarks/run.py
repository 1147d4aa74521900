"""Run every benchmark of this folder and write the table in docs/benchmarks.md.

    python benchmarks/run.py                        all, at full size; the table is written
    python benchmarks/run.py generation loading     only these; printed, not written
    python benchmarks/run.py --quick                tiny sizes: only shows that everything runs

Exit code 1: a benchmark failed. A target that is missed is said in the table.
"""

import argparse
import sys
import time
import traceback
from datetime import date
from pathlib import Path

from measuring import HEADINGS, Options, Row, load_file

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(results: dict[str, list[Row]]) -> str:
    """The results as a page of tables, one for each benchmark."""
    machines = sorted({row.machine for rows in results.values() for row in rows})
    lines = [f"Measured on {date.today().isoformat()}. {'; '.join(machines)}.", ""]
    for name, rows in results.items():
        lines += [f"### {name}", "", line(HEADINGS), line(["---"] * len(HEADINGS))]
        lines += [line(row.cells()) for row in rows]
        lines.append("")
    return "\n".join(lines)


def line(cells: "list[str] | tuple[str, ...]") -> str:
    return f"| {' | '.join(cells)} |"


def replace(page: str, text: str) -> str:
    """`page` with `text` between its two markers."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{PAGE} must hold the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def run(names: list[str], options: Options) -> tuple[dict[str, list[Row]], list[str]]:
    """The rows of each benchmark in `names`, and the names of those that failed."""
    results, failed = {}, []
    for name in names:
        start = time.perf_counter()
        try:
            results[name] = load_file(HERE / f"{name}.py").measure(options)
        except Exception:  # noqa: BLE001 (the others still run, and the exit code tells)
            traceback.print_exc()
            failed.append(name)
            continue
        print(f"{name} ({time.perf_counter() - start:.0f} s)")
        for row in results[name]:
            print("   ", " | ".join(row.cells()), flush=True)
    return results, failed


def main() -> int:
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("run", "measuring"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"benchmarks to run: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--gigabytes", type=float, default=Options.gigabytes, help="weights to load (%(default)s)")
    parser.add_argument("--rounds", type=int, default=Options.rounds, help="turns of each side (%(default)s)")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(known)}")
    results, failed = run(given.names or known, Options(given.quick, given.gigabytes, given.rounds))
    if failed:
        print(f"failed: {', '.join(failed)}; the table is left as it was", file=sys.stderr)
    elif not given.quick and not given.names:
        PAGE.write_text(replace(PAGE.read_text(encoding="utf-8"), table(results)), encoding="utf-8")
        print(f"written to {PAGE}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
