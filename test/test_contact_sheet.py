import json

import numpy as np
import pytest
from agd20k_tree import write_tree

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.labels import label_path, refined_label_path
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.labels.contact_sheet import reject_labels, tinted, write_sheets
from affordance_grasp.learning.labels.pseudo_labels import save_mask


@pytest.fixture
def split(tmp_path):
    write_tree(tmp_path)
    return load_split(tmp_path, "Seen")


def test_pages_show_every_label_and_what_was_marked_is_never_made_again(split, tmp_path, capsys):
    data, sheets = str(tmp_path), tmp_path / "sheets"
    words = ["pseudo-labels", data, "--masker", "box", "--sheets", str(sheets)]
    assert main(words) == 0
    pages = {path.stem: path.read_text() for path in sheets.iterdir()}
    assert pages.keys() == {"cut_with", "hold", "pour"}
    names = [f'name="{image.name}"' for image in split.train_ego if image.affordance == "hold"]
    assert len(names) == 6 and all(pages["hold"].count(name) == 1 for name in names)
    assert "data:image/jpeg;base64" in pages["hold"] and 'href="pour.html"' in pages["hold"]

    image = split.train_ego[0]
    save_mask(refined_label_path(split, image), np.ones((4, 4), bool))
    marked = tmp_path / "rejected_cut_with.json"
    marked.write_text(json.dumps({"rejected": [image.name]}))
    capsys.readouterr()
    assert main(["pseudo-labels", data, "--reject", str(marked)]) == 0
    assert capsys.readouterr().out.startswith("1 further")
    assert not label_path(split, image).exists()
    assert not refined_label_path(split, image).exists()
    assert main([*words, "--overwrite", "--json"]) == 0
    count = json.loads(capsys.readouterr().out)
    assert (count["written"], count["rejected"]) == (11, 1)
    assert not label_path(split, image).exists()
    assert reject_labels(split, [marked]) == 0


def test_names_of_no_image_and_files_of_another_kind_are_refused(split, tmp_path):
    marked = tmp_path / "rejected.json"
    for content, words in (
        ({"rejected": ["hold/mug/none"]}, "hold/mug/none is no egocentric"),
        ({"rejected": [1]}, "must hold"),
        ([], "must hold"),
    ):
        marked.write_text(json.dumps(content))
        with pytest.raises(InvalidInput, match=words):
            reject_labels(split, [marked])


def test_without_labels_there_is_nothing_to_show(split, tmp_path):
    with pytest.raises(InvalidInput, match="no pseudo labels"):
        write_sheets(split, tmp_path / "sheets")


def test_the_mask_is_tinted_where_it_is():
    mask = np.zeros((100, 200), bool)
    mask[20:80, 100:180] = True
    picture = tinted(np.full((100, 200, 3), 100, np.uint8), mask)
    assert picture.shape == (88, 176, 3)
    assert picture[44, 20].tolist() == [100, 100, 100]
    assert picture[44, 120, 0] > 150 > picture[44, 120, 1]
