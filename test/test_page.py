"""The page holds everything and trusts nothing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from affordance_grasp.batch.journal import Journal
from affordance_grasp.replay.report.chart import Line, chart
from affordance_grasp.replay.report.page import MAX_FIGURES, write_page
from affordance_grasp.replay.report.results import NOTHING, PLANNED, FrameResult
from affordance_grasp.replay.report.summary import tally
from affordance_grasp.report.figures import write_jpeg

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "line", "circle", "polyline"}


class Balanced(HTMLParser):
    """Collects tags and refuses any that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def results(folder, count):
    path = folder / "frames.jsonl"
    with Journal(path, FrameResult) as file:
        for result in planned_frames(folder, count):
            file.append(result)
        file.append(FrameResult(count, 0, 0, NOTHING, EVIL))
    return path


def planned_frames(folder, count):
    for i in range(count):
        picture = f"frames/{i:06d}.jpg"
        write_jpeg(folder / picture, np.full((60, 80, 3), i, np.uint8))
        pose = {"position": [0, 0, 0.4], "quaternion_xyzw": [0, 0, 0, 1], "contact_uv": [3, 4]}
        grasps = [{"heat": 0.5, "quality": 0.4, "width_m": 0.02, **pose}]
        yield FrameResult(
            i,
            10**9 * i,
            10**9 * i,
            PLANNED,
            affordance="hold",
            confidence=0.5,
            ranked=1,
            candidates=3,
            grasps=grasps if i % 3 else [],
            latency_ms={"total": 100.0 + i},
            on_part=bool(i % 2),
            picture=picture,
            rejected={"cold": 2},
        )


def summary_of(path):
    from affordance_grasp.replay.report.results import read_results

    return {
        "bag": f"/bags/{EVIL}",
        "query": EVIL,
        "method": "plsp",
        "rule": "bands",
        "every": 1,
        "topics": {"color": EVIL},
        **tally(read_results(path)).summary(),
        "this_run": {"frames_per_s": 5.0},
    }


@pytest.mark.parametrize("count", [0, 1, 60])
def test_one_file_with_images_and_without_scripts(tmp_path, count):
    path = results(tmp_path, count)
    page = write_page(tmp_path / "report.html", summary_of(path), path).read_text()
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    assert "script" not in parser.seen and EVIL not in page
    assert parser.seen.count("img") == min(count, MAX_FIGURES)
    assert parser.seen.count("svg") == (2 if count > 1 else 0)
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_figures_of_the_summary(tmp_path):
    summary = summary_of(results(tmp_path, 60))
    assert summary["frames"] == {"total": 61, "planned": 60, "nothing": 1, "broken": 0}
    assert summary["grasp_found_rate"] == 1.0
    assert summary["latency_ms"]["total"] == {"median": 129.5, "p90": 153.1}
    assert summary["rejected"] == {"cold": 120}
    assert summary["ground_truth"]["on_part_rate"] == 0.5
    assert summary["ground_truth"]["kld"] is None
    assert summary["messages"] == {EVIL: 1}


def test_a_chart_breaks_where_nothing_is_known_and_stays_small():
    x = np.linspace(0, 10, 5000)
    values = np.where((x > 4) & (x < 5), np.nan, 3.0)
    svg = chart("a < b", x, [Line("values", "#000", values)])
    assert svg.count("<polyline") == 2
    assert len(svg) < 20_000 and "a &lt; b" in svg and "nan" not in svg
    assert chart("flat", np.zeros(3), [Line("zero", "#000", np.zeros(3))]).count("<polyline") == 1
