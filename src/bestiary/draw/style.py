"""The colours and letters of all pictures, light and dark as the reader's system is."""

from html import escape as _escape

# Told apart by people who see few colours, on white and on black; lines beyond these are dashed.
COLOURS = 6
_LIGHT = ("#1f6feb", "#d9480f", "#0b7a55", "#8250df", "#9a6700", "#c2255c")
_DARK = ("#6ea8fe", "#ff9466", "#4cc38a", "#b794f6", "#e3b341", "#f783ac")
_INK_LIGHT = {"back": "#ffffff", "card": "#ffffff", "ink": "#1c2024", "faint": "#60646c", "grid": "#e4e6ea", "bad": "#c62828"}
_INK_DARK = {"back": "#111418", "card": "#181c21", "ink": "#e8eaed", "faint": "#9aa0a8", "grid": "#2c3138", "bad": "#ff7b72"}


def _variables(inks: dict[str, str], colours: tuple[str, ...]) -> str:
    names = inks | {f"c{number}": colour for number, colour in enumerate(colours)}
    return "".join(f"--{name}:{value};" for name, value in names.items())


_SERIES = "".join(f".c{number}{{color:var(--c{number})}}" for number in range(COLOURS))
CSS = (
    f":root{{color-scheme:light dark;{_variables(_INK_LIGHT, _LIGHT)}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_variables(_INK_DARK, _DARK)}}}}}"
    "svg.chart{display:block;width:100%;height:auto}"
    ".chart{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    ".chart text{fill:var(--faint);stroke:var(--card);stroke-width:3px;stroke-linejoin:round;paint-order:stroke}"
    ".chart .title{fill:var(--ink);font-weight:600;font-size:15px}.chart .name{fill:var(--ink)}"
    ".chart .grid{stroke:var(--grid)}.chart .axis{stroke:var(--faint)}"
    ".chart .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".chart .raw{stroke-width:1;opacity:.3}.chart .dashed{stroke-dasharray:6 4}.chart .dot{fill:currentColor}"
    ".chart .ring{fill:none;stroke:var(--ink);stroke-width:2}.chart .tip{fill:transparent}"
    ".chart .tip:hover{fill:currentColor;fill-opacity:.6}"
    ".chart .mark{stroke:var(--faint);stroke-dasharray:3 3}.chart .bad{fill:var(--bad)}" + _SERIES
)


def escaped(value: object) -> str:
    """A text of a stranger for SVG and HTML, also within quotes; letters that XML has no form for are left out."""
    text = "".join(each for each in str(value) if each in "\t\n" or (each >= " " and not "\ud800" <= each <= "\udfff"))
    return _escape(text.replace("\ufffe", "").replace("\uffff", ""), quote=True)
