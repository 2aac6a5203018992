"""The UMD part affordance data set (Myers et al., ICRA 2015) and its subset UMD-i (AffCorrs).

UMD: ``tools/<object>/<object>_<number>_{rgb.jpg,label_rank.mat}``. UMD-i (Hadjivelichkov et al.,
CoRL 2022), one photograph of each object, cut to it: the same with ``label_rank.npy``. Both rank
the affordances of every pixel: (H, W, 7) in the order of :data:`AFFORDANCES`, 1 the best, 0 none.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from affordance_grasp.array_files import parse_array
from affordance_grasp.datasets.agd20k import grouped
from affordance_grasp.datasets.part_masks.photograph import PartPhotograph
from affordance_grasp.errors import InvalidInput, reading
from affordance_grasp.files import read_bytes

AFFORDANCES = ("grasp", "cut", "scoop", "contain", "pound", "support", "wrap-grasp")
COUNTERPARTS = {"grasp": "hold", "cut": "cut_with"}
"""In AGD20K's words. Its ``hit`` is where the hand is, so ``pound`` is no counterpart of it."""
RANKS = "_label_rank"
MAX_RANKS_BYTES = 2**26


def umd_photographs(root: Path, rank: int = 1, per_object: int = 4) -> Iterator[PartPhotograph]:
    """The photographs of single tools; the parts are where an affordance has ``rank`` or better.

    Of the many of an object on its turntable ``per_object`` are taken, evenly spread.
    """
    if not 1 <= rank <= len(AFFORDANCES) or per_object < 1:
        raise InvalidInput(
            f"rank is {rank}, images of an object {per_object}; expected 1..{len(AFFORDANCES)} "
            "and at least 1"
        )
    tools = root / "tools" if (root / "tools").is_dir() else root
    files = sorted(p for p in tools.rglob(f"*{RANKS}.*") if p.suffix in (".mat", ".npy"))
    if not files:
        raise InvalidInput(f"{root} holds no *{RANKS}.mat as UMD has and no *{RANKS}.npy of UMD-i")
    for of_one in grouped(files, lambda path: path.parent).values():
        for at in np.linspace(0, len(of_one) - 1, min(per_object, len(of_one))).round():
            yield _photograph(of_one[int(at)], rank)


def _photograph(path: Path, rank: int) -> PartPhotograph:
    ranks = _ranks(path)
    stem = path.stem.removesuffix(RANKS)
    return PartPhotograph(
        image=path.with_name(f"{stem}_rgb.jpg"),
        stem=stem,
        object=path.parent.name.rstrip("0123456789").rstrip("_"),
        parts={
            name: (ranks[..., i] >= 1) & (ranks[..., i] <= rank)
            for i, name in enumerate(AFFORDANCES)
        },
        whole=np.asarray((ranks > 0).any(axis=2)),
    )


def _ranks(path: Path) -> NDArray[np.integer]:
    encoded = read_bytes(path, "ranks", MAX_RANKS_BYTES)
    if path.suffix == ".npy":
        ranks = parse_array(encoded, str(path))
    else:
        with reading(f"ranks {path} cannot be read"):
            ranks = np.asarray(loadmat(BytesIO(encoded))["gt_label"])
    if ranks.ndim != 3 or ranks.shape[2] != len(AFFORDANCES) or ranks.dtype.kind not in "iuf":
        raise InvalidInput(f"ranks {path} hold {ranks.dtype} {ranks.shape}; expected (H, W, 7)")
    return ranks.astype(np.int64)
