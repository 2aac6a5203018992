"""Pages of labelled images, by affordance, on which a person marks the labels that are wrong."""

import base64
import html
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.datasets.agd20k import ImageFile, Split, grouped
from affordance_grasp.datasets.labels import label_path, refined_label_path, rejected_path
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file, write_json
from affordance_grasp.image_files import read_color, read_gray

SIDE = 176
TINT = (255, 40, 90)
STYLE = (
    "body{font:14px sans-serif;margin:16px}label{display:inline-block;margin:4px;width:176px;"
    "overflow-wrap:anywhere;font-size:11px;vertical-align:top}img{width:176px;display:block}"
    "input{display:none}input:checked~img{opacity:.25}input:checked~span{color:#c00;"
    "text-decoration:line-through}nav,p{margin:8px 0}"
)
SCRIPT = """
const boxes = [...document.querySelectorAll("input")], key = "rejected " + location.pathname;
const rejected = () => boxes.filter(b => b.checked).map(b => b.name);
const before = new Set(JSON.parse(localStorage.getItem(key) || "[]"));
boxes.forEach(b => { b.checked = before.has(b.name);
  b.onchange = () => localStorage.setItem(key, JSON.stringify(rejected())); });
document.querySelector("button").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify({rejected: rejected()}, null, 1)]));
  link.download = "rejected_" + document.title + ".json"; link.click(); };
"""


def write_sheets(
    split: Split, folder: Path, progress: Callable[[Collection[str]], Iterable[str]] = iter
) -> list[Path]:
    """A page for every affordance with the labels of its egocentric train images.

    A click marks a label as wrong; the page's button saves the names of those marked.
    """
    labelled = [p for p in split.train_ego if label_file(split, p).exists()]
    if not labelled:
        raise InvalidInput(f"there are no pseudo labels below {split.folder / 'trainset/PL'}")
    by_affordance = grouped(labelled, lambda image: image.affordance)
    pages = []
    for affordance in progress(list(by_affordance)):
        page = _page(split, affordance, by_affordance[affordance], list(by_affordance))
        pages.append(write_file(folder / f"{affordance}.html", page))
    return pages


def label_file(split: Split, image: ImageFile) -> Path:
    """The label that training would take: the refined one where there is one."""
    refined = refined_label_path(split, image)
    return refined if refined.exists() else label_path(split, image)


def reject_labels(split: Split, files: Sequence[Path]) -> int:
    """Remove the labels that pages of :func:`write_sheets` named, for good; how many were new.

    Raises:
        InvalidInput: a file of another kind, or the name of no egocentric train image.
    """
    images = {image.name: image for image in split.train_ego}
    known = set(rejected_names(split))
    named = {name for path in files for name in _names(path)}
    unknown = sorted(named - images.keys())
    if unknown:
        raise InvalidInput(f"{unknown[0]} is no egocentric train image of {split.folder}")
    write_json(rejected_path(split), {"rejected": sorted(known | named)})
    for name in named:
        for path in (label_path(split, images[name]), refined_label_path(split, images[name])):
            path.unlink(missing_ok=True)
    return len(named - known)


def rejected_names(split: Split) -> list[str]:
    """The images whose labels a person rejected, as AFFORDANCE/OBJECT/STEM."""
    path = rejected_path(split)
    return _names(path) if path.exists() else []


def _names(path: Path) -> list[str]:
    values = read_json(path, "rejected labels")
    names = values.get("rejected") if isinstance(values, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidInput(f'{path} must hold {{"rejected": ["hold/mug/mug_000001", ...]}}')
    return names


def _page(
    split: Split, affordance: str, images: Sequence[ImageFile], affordances: Sequence[str]
) -> str:
    links = " ".join(f'<a href="{name}.html">{name}</a>' for name in affordances)
    cells = "\n".join(_cell(split, image) for image in images)
    title = html.escape(affordance)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><nav>{links}</nav><h1>{title}: {len(images)} labels</h1>"
        "<p>Click what is wrong, then <button>save the rejected ones</button> and run: "
        f"affordance-grasp pseudo-labels DATA --split {html.escape(split.name)} "
        f"--reject rejected_{title}.json</p>\n{cells}\n<script>{SCRIPT}</script></html>\n"
    )


def _cell(split: Split, image: ImageFile) -> str:
    picture = tinted(read_color(image.path), read_gray(label_file(split, image)) >= 128)
    jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    source = base64.b64encode(jpeg.tobytes()).decode()
    name = html.escape(image.name)
    return (
        f'<label><input type="checkbox" name="{name}"><img alt="{name}" '
        f'src="data:image/jpeg;base64,{source}"><span>{html.escape(image.object)} '
        f"{html.escape(image.path.stem)}</span></label>"
    )


def tinted(color: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A small image (h, w, 3) with the mask (H, W) tinted and outlined."""
    scale = SIDE / max(color.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in color.shape[1::-1])
    small = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    shape = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    mixed = np.where(shape[..., None] > 0, 0.55 * small + 0.45 * np.array(TINT), small)
    edges, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(mixed.astype(np.uint8), edges, -1, TINT, 1), np.uint8)
