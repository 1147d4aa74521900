"""Run the benchmarks of this folder and write what they measure into docs/benchmarks.md, a table for each.

    python benchmarks/run.py                        all, at full size; plan for one to two hours
    python benchmarks/run.py generation loading     only these; the other tables stay
    python benchmarks/run.py --quick                tiny sizes: only shows that everything runs, writes nothing

Exit code 1: a benchmark failed, and its table is left as it was. A target that is missed is said in the table.
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


def section(name: str, rows: list[Row]) -> str:
    """The rows of one benchmark as a table under its heading."""
    machines = "; ".join(sorted({row.machine for row in rows}))
    lines = [f"### {name}", "", f"Measured on {date.today().isoformat()}. {machines}.", ""]
    return "\n".join([*lines, line(HEADINGS), line(["---"] * len(HEADINGS)), *(line(row.cells()) for row in rows)])


def line(cells: "list[str] | tuple[str, ...]") -> str:
    return f"| {' | '.join(cells)} |"


def replace(page: str, name: str, text: str) -> str:
    """`page` with `text` as the section `name` between its two markers; the sections stand in the order of their names."""
    before, found, rest = page.partition(BEGIN)
    measured, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{PAGE} must hold the lines {BEGIN} and {END}, in this order")
    sections = {part.split("\n", 1)[0]: f"### {part.strip()}" for part in measured.split("### ")[1:]}
    sections[name] = text
    whole = "\n\n".join(sections[each] for each in sorted(sections))
    return f"{before}{BEGIN}\n\n{whole}\n\n{END}{after}"


def run(names: list[str], options: Options) -> list[str]:
    """Measure each benchmark in `names`, and write its table unless it was quick. Returns the names of those that failed."""
    failed = []
    for name in names:
        start = time.perf_counter()
        try:
            rows = load_file(HERE / f"{name}.py").measure(options)
        except Exception:  # noqa: BLE001 (the others still run, and the exit code tells)
            traceback.print_exc()
            failed.append(name)
            continue
        print(f"{name} ({time.perf_counter() - start:.0f} s)")
        for row in rows:
            print("   ", " | ".join(row.cells()), flush=True)
        if not options.quick:
            PAGE.write_text(replace(PAGE.read_text(encoding="utf-8"), name, section(name, rows)), encoding="utf-8")
    return failed


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
    failed = run(given.names or known, Options(given.quick, given.gigabytes, given.rounds))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
