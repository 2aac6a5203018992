"""report.html: the results of a replay as one self-contained page."""

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.replay.report.chart import Line, chart
from affordance_grasp.replay.report.results import PLANNED, FrameResult, read_results, scene_name
from affordance_grasp.report.figures import encode_jpeg, to_width

MAX_FIGURES = 24
FIGURE_WIDTH = 440
STYLE = """
:root{--ink:#1b1f24;--quiet:#626a73;--line:#e3e6ea;--paper:#fff;--card:#f6f7f9}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:32px 24px 64px;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:17px;margin:36px 0 12px}
p{margin:0 0 8px}.quiet{color:var(--quiet)}code{font-size:13px;word-break:break-all}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin:24px 0}.tile{background:var(--card);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:24px;font-weight:650;line-height:1.25}
.tile span{color:var(--quiet);font-size:13px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:20px}
svg{width:100%;height:auto;display:block}
svg text{fill:#626a73;font:12px system-ui,sans-serif}
table{border-collapse:collapse;width:100%;font-size:14px}
td,th{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);
vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:14px}
figure{margin:0;background:var(--card);border-radius:10px;overflow:hidden}
img{width:100%;display:block}figcaption{padding:8px 12px;font-size:13px}
.good{color:#0a7d43}.bad{color:#b3261e}
"""


def write_page(path: Path, summary: dict[str, Any], results: Path) -> Path:
    """Write the page of a replay.

    Args:
        path: the page; figures are read from beside the results.
        summary: what summary.json holds.
        results: the results' file.
    """
    body = [
        _head(summary),
        _tiles(summary),
        _charts(results),
        _gallery(results),
        _tables(summary),
    ]
    title = escape(f"{summary['query']}: {Path(summary['bag']).name}")
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )
    return write_file(path, page)


def _head(summary: dict[str, Any]) -> str:
    frames = summary["frames"]
    parts = [f"{frames['total']} frames over {summary['span_s']:.1f} s"]
    parts += [f"every {summary['every']}th" if summary["every"] > 1 else "every frame"]
    parts += [f"method {summary['method']}", f"rule {summary['rule']}"]
    return (
        f"<h1>“{escape(summary['query'])}”</h1>\n<p><code>{escape(summary['bag'])}</code></p>\n"
        f'<p class="quiet">{escape(", ".join(parts))}</p>'
    )


def _tiles(summary: dict[str, Any]) -> str:
    frames, truth, latency = summary["frames"], summary["ground_truth"], summary["latency_ms"]
    tiles = [
        (f"{frames['planned']} / {frames['total']}", "frames planned"),
        (_percent(summary["grasp_found_rate"]), "of these with a grasp"),
        (_percent(truth["on_part_rate"]), f"first grasp on the part ({truth['grasps']} frames)"),
        (_figure(truth["kld"]), f"KLD, lower is better ({truth['maps']} maps)"),
        (_figure(truth["sim"]), "SIM, higher is better"),
        (_figure(truth["nss"]), "NSS, higher is better"),
        (f"{latency['total']['median']:.0f} ms" if latency else "–", "per frame, median"),
        (_figure(summary["this_run"]["frames_per_s"], 1), "frames per second, this run"),
    ]
    shown = [tile for tile in tiles if tile[0] != "–"]
    cells = (
        f'<div class="tile"><b>{escape(b)}</b><span>{escape(s)}</span></div>' for b, s in shown
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _charts(results: Path) -> str:
    """Latency, heatmap value and confidence of every planned frame over the recording."""
    begin, rows = None, []
    for result in read_results(results):
        begin = result.stamp_ns if begin is None else begin
        if result.kind == PLANNED:
            heat = result.grasps[0]["heat"] if result.grasps else np.nan
            t_s = (result.stamp_ns - begin) * 1e-9
            rows.append((t_s, result.latency_ms["total"], heat, result.confidence))
    if len(rows) < 2:
        return ""
    t_s, total, heat, confidence = np.array(rows).T
    time = chart("time per frame [ms]", t_s, [Line("total", "#3b6fd4", total)])
    lines = [
        Line("heatmap value of the first grasp", "#d9480f", heat),
        Line("confidence", "#6741d9", confidence),
    ]
    return (
        "<h2>Over the recording [s]</h2>"
        f'<div class="pair">{time}{chart("heatmap, confidence", t_s, lines, top=1.0)}</div>'
    )


def _gallery(results: Path) -> str:
    drawn = [r.index for r in read_results(results) if r.picture]
    count = min(MAX_FIGURES, len(drawn))
    chosen = {drawn[i * (len(drawn) - 1) // max(count - 1, 1)] for i in range(count)}
    cells = [
        _figure_cell(result, results.parent / str(result.picture))
        for result in read_results(results)
        if result.index in chosen
    ]
    if not cells:
        return ""
    return f'<h2>Frames</h2><div class="gallery">{"".join(cells)}</div>'


def _figure_cell(result: FrameResult, path: Path) -> str:
    try:
        image = to_width(read_color(path), FIGURE_WIDTH)
    except InvalidInput:  # removed or replaced meanwhile; the page omits it
        return ""
    note = f"{result.ranked} of {result.candidates} grasps ranked"
    if result.grasps:
        best = result.grasps[0]
        note = f"heatmap {best['heat']:.2f}, quality {best['quality']:.2f}, {note}"
    verdict = ""
    if result.on_part is not None:
        words = ("good", "on the part") if result.on_part else ("bad", "not on the part")
        verdict = f' <span class="{words[0]}">{words[1]}</span>'
    scene = scene_name(result.index)
    if (path.parents[1] / scene).is_file():
        verdict += f' <a href="{scene}">in 3-D</a>'
    data = b64encode(encode_jpeg(image, 80)).decode()
    return (
        f'<figure><img alt="frame {result.index}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption><b>{result.index}</b>{verdict}<br>"
        f'<span class="quiet">{escape(note)}</span></figcaption></figure>'
    )


def _tables(summary: dict[str, Any]) -> str:
    latency = {n: f"{t['median']:.0f} / {t['p90']:.0f}" for n, t in summary["latency_ms"].items()}
    poses = {f"camera pose from {name}": n for name, n in summary["camera_pose"].items()}
    left = {name.replace("_", " "): n for name, n in summary["left_out"].items() if n}
    left["worst gap between colour and depth [ms]"] = summary["worst_depth_gap_ms"]
    tables = [
        _table("Time [ms], median / p90", latency),
        _table("Candidates that are not ranked", summary["rejected"]),
        _table("Frames", {**summary["frames"], **poses, **left}),
        _table("Topics", summary["topics"]),
    ]
    errors = _table("Errors", summary["messages"])
    unchecked = f"<p>{escape(summary['reach_not_checked'])}</p>"
    return f'{unchecked}<div class="pair">{"".join(tables)}</div>{errors}'


def _table(title: str, rows: dict[str, Any]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f'<tr><td>{escape(str(name))}</td><td class="n">{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<div><h2>{escape(title)}</h2><table>{cells}</table></div>"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _figure(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
