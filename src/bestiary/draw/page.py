"""The frame of a page: HTML that holds all it needs, for light and dark, for a wide screen and for a phone."""

from collections.abc import Iterable

from .. import __version__
from .style import CSS, escaped

PAGE_CSS = (
    CSS
    + """
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif }
main { max-width: 1240px; margin: 0 auto; padding: 24px 16px 48px }
header { display: flex; gap: 12px; align-items: center; flex-wrap: wrap }
h1 { font-size: 26px; line-height: 1.2; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 18px; margin: 36px 0 12px }
h3 { font-size: 14px; margin: 2px 0 6px }
p { margin: 6px 0; overflow-wrap: anywhere }
.faint { color: var(--faint) }
.badge { border: 1px solid currentColor; border-radius: 99px; padding: 1px 12px; font-size: 13px }
.finished { color: var(--c2) }
.failed, .stopped { color: var(--bad) }
.running { color: var(--c0) }
.tiles, .charts, .facts { display: grid; gap: 14px }
.tiles { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); margin-top: 20px }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); margin-top: 20px }
.facts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)) }
.card { background: var(--card); border: 1px solid var(--grid); border-radius: 10px; padding: 10px; min-width: 0 }
.tiles .card { padding: 10px 14px }
.tiles b { display: block; font-size: 21px; overflow-wrap: anywhere }
.tiles span { color: var(--faint); font-size: 13px }
.facts .card { padding: 10px 16px }
.wide, .narrow { grid-column: 1 / -1 }
.narrow { display: none }
@media (max-width: 760px) { .wide { display: none } .narrow { display: block } }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: 5px 12px; border-bottom: 1px solid var(--grid); white-space: nowrap }
th { color: var(--faint); font-weight: 500 }
.pairs th, .pairs td { white-space: normal; vertical-align: top }
.pairs th { text-align: left; padding-left: 0 }
.pairs td { padding-right: 0; overflow-wrap: anywhere }
tr:last-child td, .pairs tr:last-child th { border-bottom: 0 }
.best td { font-weight: 700 }
"""
)


def table(head: Iterable[object], rows: Iterable[tuple[Iterable[object], str]]) -> str:
    """A table of texts of strangers.

    Args:
        rows: cells, and what else stands in the tag of the row.
    """
    lines = (f"<tr{more}>{''.join(f'<td>{escaped(cell)}</td>' for cell in cells)}</tr>" for cells, more in rows)
    titles = "".join(f"<th>{escaped(name)}</th>" for name in head)
    return f"<table><tr>{titles}</tr>{''.join(lines)}</table>"


def document(title: str, parts: Iterable[str], block: str = "") -> str:
    """A whole page. Nothing of it runs, and nothing is fetched.

    Args:
        title: a text of a stranger. parts: HTML, in which what comes from strangers is escaped. block: after these.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{PAGE_CSS}</style></head><body><main>{''.join(parts)}"
        f'<p class="faint">Written by bestiary {escaped(__version__)}.</p></main>{block}</body></html>\n'
    )
