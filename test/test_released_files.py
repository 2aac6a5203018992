import pickle

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.encoders.text import affordance_sentence, noun_sentence
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.methods.plsp.released_files import (
    SENTENCES,
    SIMILARITIES,
    ReleasedSentences,
    read_similarities,
    released_pools,
)


@pytest.fixture
def tree(tmp_path):
    folder = write_tree(tmp_path)
    split = load_split(tmp_path, "Seen")
    return split, RecordedDetector(folder / "trainset/detections.json")


def test_object_boxes_take_the_place_of_those_that_are_there(tree, tmp_path, capsys):
    split, before = tree
    files = []
    for images, name in ((split.train_ego, "ego"), (split.train_exo, "exo")):
        table = {}
        for p in images:
            boxes = torch.tensor([[1.0, 2.0, 30.0, 40.0], [3.0, 4.0, 50.0, 60.0]])
            found = [boxes, [torch.tensor(0.6), torch.tensor(0.875)]]
            table.setdefault(p.affordance, {}).setdefault(p.object, {})[p.path.name] = found
        files.append(tmp_path / f"det_wholeobj_{name}.pth")
        torch.save(table, files[-1])
    assert main(["detect-boxes", str(tmp_path), "--released", *map(str, files)]) == 0
    assert capsys.readouterr().out.startswith("24 images")
    after = RecordedDetector(before.path)
    image = split.train_ego[0]
    assert after.object_ego(image).best.tolist() == [3, 4, 50, 60]
    assert after.parts(image).boxes.tolist() == before.parts(image).boxes.tolist()
    torch.save({"hold": {"mug": {"a.jpg": 3}}}, files[0])
    assert main(["detect-boxes", str(tmp_path), "--released", *map(str, files)]) == 2
    assert "[boxes, scores]" in capsys.readouterr().err


def write_similarities(split):
    """Of every pair, the last exocentric image is most alike, the first one least."""
    folder = split.folder / SIMILARITIES
    folder.mkdir()
    for pair in {image.pair for image in split.train_ego}:
        ego = [p.path.name for p in split.train_ego if p.pair == pair]
        exo = [p.path.name for p in split.train_exo if p.pair == pair]
        values = {
            "image_dict": {f"{name}0": row for row, name in enumerate(ego)},
            "sim": np.tile(np.arange(len(exo), dtype=np.float32), (len(ego), 1)),
            "exo_dict_rev": {column: (name, 0) for column, name in enumerate(exo)},
        }
        np.save(folder / f"{pair[0]}_{pair[1]}.npy", values)


def test_pools_are_those_that_were_released(tree):
    split, detector = tree
    write_similarities(split)
    pools = released_pools(split, detector, 2)
    for image, pool in zip(split.train_ego, pools, strict=True):
        same = [i for i, p in enumerate(split.train_exo) if p.pair == image.pair]
        assert pool.tolist() == [same[-1], same[-2]]
    (split.folder / SIMILARITIES / "hold_mug.npy").unlink()
    with pytest.raises(InvalidInput, match=r"hold_mug\.npy"):
        released_pools(split, detector, 2)


class Evil:
    def __reduce__(self):
        return print, ("it runs what a stranger wrote",)


@pytest.mark.parametrize(
    "content", [{"sim": Evil()}, {"sim": np.zeros((1, 2)), "image_dict": {}}, {}, [1]]
)
def test_nothing_else_is_unpickled(tmp_path, capsys, content):
    path = tmp_path / "evil.npy"
    np.save(path, content if isinstance(content, dict) else np.array([Evil()], object))
    with pytest.raises(CheckpointError):
        read_similarities(path)
    path.write_bytes(pickle.dumps({"sim": Evil()}))
    with pytest.raises(CheckpointError):
        read_similarities(path)
    assert not capsys.readouterr().out


def test_released_features_stand_for_our_sentences(tree, tmp_path):
    split, detector = tree
    torch.manual_seed(0)
    features = {}
    for kind, names in (
        ("Verb", ["hold", "pour", "cut_with"]),
        ("Noun", ["mug", "knife"]),
        ("Part", ["hold mug", "pour mug", "hold knife", "cut_with knife"]),
    ):
        features[kind] = {name: torch.randn(1, 512) for name in names}
        torch.save(features[kind], tmp_path / SENTENCES.format(kind))
    encoder = ReleasedSentences(tmp_path, split, detector)
    asked = [affordance_sentence("hold"), noun_sentence("mug"), "part of the mug"]
    rows = encoder.encode(asked)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    expected = features["Verb"]["hold"][0], features["Noun"]["mug"][0]
    for row, feature in zip(rows[:2], expected, strict=True):
        torch.testing.assert_close(row, feature / feature.norm())
    with pytest.raises(InvalidInput, match="no feature of 'fly with it'"):
        encoder.encode(["fly with it"])
