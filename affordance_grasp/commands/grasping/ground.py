"""``affordance-grasp ground``: one image and a query -> heatmap."""

import argparse
import json
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.datatypes import Heatmap
from affordance_grasp.errors import sentence
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.planning import GrounderOptions
from affordance_grasp.report.figures import RgbImage, heatmap_overlay, write_png


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", type=Path, help="colour image (PNG, JPEG, ...)")
    parser.add_argument(
        "--query", required=True, help="what to do with the object: hold, grab ..."
    )
    add_flags(parser, GrounderOptions)
    parser.add_argument(
        "--closed", action="store_true", help="only words of the vocabulary, no free text"
    )
    parser.add_argument("--npy", type=Path, help="write the heatmap (H, W) float32 here")
    parser.add_argument(
        "--out", "--output", type=Path, metavar="PNG", help="the heatmap over the image"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Ground the query, write the requested files, and report."""
    from affordance_grasp.grounding.grounder import Grounder

    options = read_flags(GrounderOptions, arguments)
    color = read_color(arguments.image)
    grounder = options.load()
    started = time.perf_counter()
    if isinstance(grounder, Grounder) and not arguments.closed:
        heatmap = grounder.ground_open(color, arguments.query)
    else:
        heatmap = grounder.ground(color, arguments.query)
    latency_ms = 1000 * (time.perf_counter() - started)
    _write(arguments, color, heatmap)
    report = {
        "query": heatmap.query,
        "affordance": heatmap.affordance,
        **({} if heatmap.similarity is None else {"free_text_similarity": heatmap.similarity}),
        "method": heatmap.method,
        "checkpoint": grounder.source,
        "peak_uv": list(heatmap.peak_uv),
        "confidence": round(heatmap.confidence, 4),
        "latency_ms": round(latency_ms, 1),
    }
    print(json.dumps(report) if arguments.json else _sentence(report))
    return 0


def _write(arguments: argparse.Namespace, color: RgbImage, heatmap: Heatmap) -> None:
    if arguments.npy:
        content = BytesIO()
        np.save(content, heatmap.values)
        write_file(arguments.npy, content.getvalue())
    if arguments.out:
        write_png(arguments.out, heatmap_overlay(color, heatmap))


def _sentence(report: Mapping[str, Any]) -> str:
    u, v = report["peak_uv"]
    meaning, free = report["affordance"], report.get("free_text_similarity")
    if free is not None:
        meaning = f"free text, nearest to {meaning} ({free:.2f})"
    return (
        f"{sentence(report['query'])} -> {meaning}: peak at column {u}, row {v}, "
        f"confidence {report['confidence']:.2f} "
        f"({report['method']}, {report['latency_ms']:.0f} ms)"
    )
