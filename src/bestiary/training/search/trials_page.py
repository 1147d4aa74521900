"""`trials.html`: objective by trial, each parameter against the objective, all of them beside each other, and the table."""

from collections.abc import Sequence

from ...draw.charts import Series, chart
from ...draw.page import document, table
from ...draw.style import escaped
from .parallel_coordinates import parallel_coordinates
from .scales import axis_of, is_wide
from .table import cells_of, objectives_named, parameters_of, short
from .trial_record import STATUSES, TrialRecord

# Parameters that get a chart of their own; all are in the table.
_MOST = 24


def trials_page(records: Sequence[TrialRecord], directions: Sequence[str], best: set[str], title: str) -> str:
    """The whole page. What comes from the search is escaped; nothing of it runs, and nothing is fetched."""
    done = [each for each in records if each.objectives]
    names = objectives_named(directions)
    varied = [name for name in parameters_of(records) if len({str(each.params.get(name)) for each in done}) > 1]
    charts: list[str] = []
    for index, name in enumerate(names):
        charts.append(_by_trial(records, index, name, directions[index]))
    if len(names) > 1:
        charts.append(_front(done, names, best))
    for index, objective in enumerate(names):
        charts += [_against(done, parameter, index, objective) for parameter in varied[:_MOST]]
    columns = [(name, [each.params.get(name) for each in done]) for name in varied[:_MOST]]
    columns += [(name, [each.objectives[index] for each in done]) for index, name in enumerate(names)]
    beside = parallel_coordinates(columns, [each.name for each in done], best, title="All trials, the best in another colour")
    cards = "".join(f'<div class="card">{each}</div>' for each in charts)
    parts = [
        f"<header><h1>{escaped(title)}</h1></header>",
        f'<p class="faint">{escaped(_summary(records, directions, best))}</p>',
        f'<div class="charts"><div class="card wide">{beside}</div>{cards}</div>' if done else "",
        _table(records, directions, best),
    ]
    return document(title, parts)


def _summary(records: Sequence[TrialRecord], directions: Sequence[str], best: set[str]) -> str:
    counts: dict[str, int] = {}
    for each in records:
        counts[each.status] = counts.get(each.status, 0) + 1
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    ways = " and ".join(directions)
    shown = ", ".join(name for name in (each.name for each in records) if name in best)
    return f"{len(records)} trials ({told}); to {ways}. Best: {shown or 'none'}."


def _tips(records: Sequence[TrialRecord]) -> list[str]:
    return [
        f"trial {each.name} ({each.status}): {', '.join(map(short, each.objectives))}; "
        + ", ".join(f"{name} {short(value)}" for name, value in each.params.items())
        for each in records
    ]


def _by_status(records: Sequence[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Groups in the order of `STATUSES`, so that one has the same colour in every chart."""
    groups = {status: [each for each in records if each.status == status] for status in STATUSES}
    return {status: group for status, group in groups.items() if group}


def _by_trial(records: Sequence[TrialRecord], index: int, name: str, direction: str) -> str:
    """Dots where each trial ended, and steps along the best until then."""
    place = {id(each): float(number) for number, each in enumerate(records)}
    choose = min if direction == "minimize" else max
    steps: list[tuple[float, float]] = []
    for number, each in enumerate(records):
        if each.counts:
            steps.append((float(number), choose([each.objectives[index], *(value for _, value in steps[-1:])])))
    if steps:
        steps.append((float(len(records) - 1), steps[-1][1]))
    series = [
        Series(status, [(place[id(each)], each.objectives[index]) for each in group], "dots", _tips(group))
        for status, group in _by_status([each for each in records if each.objectives]).items()
    ]
    series.append(Series("best so far", steps, "steps"))
    values = [each.objectives[index] for each in records if each.objectives]
    return chart(series, title=f"{name} by trial", x_title="trial", y_title=name, log_y=is_wide(values))


def _against(records: Sequence[TrialRecord], parameter: str, index: int, objective: str) -> str:
    """A parameter against an objective."""
    having = [each for each in records if parameter in each.params]
    axis, places = axis_of([each.params[parameter] for each in having], parameter)
    where = {id(each): place for each, place in zip(having, places, strict=True) if place is not None}
    series = [
        Series(status, [(where[id(each)], each.objectives[index]) for each in group], "dots", _tips(group))
        for status, group in _by_status([each for each in having if id(each) in where]).items()
    ]
    values = [each.objectives[index] for each in having]
    return chart(
        series,
        title=f"{objective} by {parameter}",
        x_title=parameter,
        y_title=objective,
        log_x=axis.log,
        log_y=is_wide(values),
        x_names=axis.names,
    )


def _front(records: Sequence[TrialRecord], names: Sequence[str], best: set[str]) -> str:
    """The first two objectives against each other."""
    groups = {"beaten": [each for each in records if each.name not in best], "front": [e for e in records if e.name in best]}
    series = [
        Series(name, [(each.objectives[0], each.objectives[1]) for each in group], "dots", _tips(group))
        for name, group in groups.items()
    ]
    return chart(series, title=f"{names[1]} by {names[0]}", x_title=names[0], y_title=names[1])


def _table(records: Sequence[TrialRecord], directions: Sequence[str], best: set[str]) -> str:
    heading, rows = cells_of(records, directions, best)
    tips = [f' title="{escaped(record.error)}"' if record.error else "" for record in records]
    marks = [(' class="best"' if record.name in best else "") + tip for record, tip in zip(records, tips, strict=True)]
    return f'<h2>Trials</h2><div class="scroll">{table(heading, zip(rows, marks, strict=True))}</div>'
