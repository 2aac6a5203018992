"""The summary of an experiment as Markdown, and its trials as CSV."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from affordance_grasp.experiment.trials import Trial
from affordance_grasp.experiment.ways import EXACT, WITHOUT_AFFORDANCE
from affordance_grasp.simulation.objects.imported import label

Json = dict[str, Any]
TITLES = {WITHOUT_AFFORDANCE: "without affordance", EXACT: "exact part"}
RECORDED = (
    *("family", "pose", "query", "success", "lifted", "cause", "aimed_at", "aimed_right"),
    *("parts_held", "met_neighbours", "heat", "width_m", "turned_deg", "fault"),
)


def success_table(summary: Json) -> str:
    """Successes and lifted objects per object and way, and of all with their 95 % interval."""
    ways = list(summary["ways"])
    several = len({each["affordance"] for each in summary["objects"]}) > 1
    rows = [["object", *map(title, ways)]]
    for each in summary["objects"]:
        name = label(each["family"]) + (f", {each['affordance']}" if several else "")
        rows.append([name, *(_cell(each["ways"][way]) for way in ways)])
    totals = [f"**{_cell(counts)}**" for counts in summary["ways"].values()]
    rows.append(["**all**", *totals])
    rows.append(["95 %", *(_percent(*counts["interval"]) for counts in summary["ways"].values())])
    return _markdown(rows)


def difference_table(summary: Json) -> str:
    """Points above the picks without affordance, with interval and exact McNemar test."""
    rows = [["against without affordance", "picks", "points", "95 %", "+ / -", "p"]]
    for each in summary["differences"]:
        where = "" if each["over"] == "all" else ", objects below 80 % without"
        rows.append(
            [
                title(each["way"]) + where,
                str(each["pairs"]),
                f"{100 * each['difference']:+.0f}",
                _percent(each["low"], each["high"]),
                f"{each['only_first']} / {each['only_second']}",
                f"{each['p']:.1g}",
            ]
        )
    return _markdown(rows)


def cause_table(summary: Json) -> str:
    """How often each way failed for which cause."""
    ways = summary["ways"]
    causes = list(dict.fromkeys(cause for counts in ways.values() for cause in counts["causes"]))
    rows = [["failed because", *map(title, ways)]]
    for cause in causes:
        rows.append([cause, *(str(counts["causes"].get(cause, 0)) for counts in ways.values())])
    return _markdown(rows)


def report(summary: Json) -> str:
    """All tables that have rows."""
    tables = [success_table(summary)]
    if summary["differences"]:
        tables.append(difference_table(summary))
    if any(counts["causes"] for counts in summary["ways"].values()):
        tables.append(cause_table(summary))
    return "\n\n".join(tables)


def title(way: str) -> str:
    """How tables call a way."""
    return TITLES.get(way, ", ".join(way.split(" ", 1)))


def as_csv(summary: Json) -> str:
    """One row per trial."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("way", *RECORDED, "plan_ms"))
    for each in summary["trials"]:
        trial = Trial(**each["trial"])
        values = {**each["trial"], **each, "query": trial.query}
        recorded = [_plain(values[name]) for name in RECORDED]
        writer.writerow([trial.column, *recorded, each["timings_ms"].get("total", "")])
    return text.getvalue()


def _plain(value: Any) -> Any:
    return " ".join(value) if isinstance(value, (tuple, list)) else value


def _cell(counts: Json) -> str:
    return f"{counts['success']}/{counts['trials']} ({counts['lifted']} lifted)"


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *others])
