from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from agd20k_tree import write_tree
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affordance_grasp.datasets.agd20k import LAYOUTS, load_split, without_corrupt
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.image_files import image_size, read_color, read_gray
from affordance_grasp.query.vocabulary import AFFORDANCES


@pytest.fixture
def root(tmp_path):
    write_tree(tmp_path)
    return tmp_path


def test_split_lists_every_image_and_its_truth(root):
    split = load_split(root, "Seen")
    assert split.affordances == ("cut_with", "hold", "pour")
    assert len(split.train_ego) == len(split.train_exo) == 2 * 2 * 3
    assert len(split.test) == 2 * 2 * 2
    assert all(item.truth.stem == item.image.path.stem for item in split.test)


def test_test_images_without_truth_are_counted_and_left_out(root):
    next((root / "Seen/testset/GT/hold/mug").iterdir()).unlink()
    split = load_split(root, "Seen")
    assert (len(split.test), split.without_truth) == (7, 1)


def test_everything_that_is_missing_is_named(root):
    lost = root / "Seen/testset/egocentric/hold/mug/mug_000003.jpg"
    lost.unlink()
    emptied = root / "Seen/trainset/exocentric/pour/mug"
    for path in emptied.iterdir():
        path.unlink()
    with pytest.raises(InvalidInput) as caught:
        load_split(root, "Seen")
    assert str(lost) in str(caught.value)
    assert f"{emptied} holds no image" in str(caught.value)


def test_missing_folder_unknown_verb_and_unknown_split(root):
    with pytest.raises(InvalidInput, match=r"folder .*Unseen/trainset/egocentric"):
        load_split(root, "Unseen")
    (root / "Seen/testset/GT/juggle/mug").mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"juggle is not one of the 36 affordances of"):
        load_split(root, "Seen")
    with pytest.raises(UnknownName, match="Seen, Unseen, Hard, HICO-IIF"):
        load_split(root, "Training")


def test_hard_split_divides_the_objects_of_seen(root):
    for part in ("trainset/egocentric", "trainset/exocentric", "testset/egocentric", "testset/GT"):
        source = root / "Seen" / part / "hold/mug"
        target = root / "Seen" / part / "hold/fork"
        target.mkdir()
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    split = load_split(root, "Hard")
    assert {image.object for image in split.train_ego} == {"fork"}
    assert {item.image.object for item in split.test} == {"knife", "mug"}


PARTS = ("trainset/egocentric", "trainset/exocentric", "testset/egocentric", "testset/GT")


def copy_as(root, part, source, target):
    """File the images of one class under another one too."""
    folder = root / "Seen" / part / target
    folder.mkdir(parents=True, exist_ok=True)
    for path in (root / "Seen" / part / source).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


def test_hard_split_drops_test_images_whose_file_name_is_in_train(root):
    for part in PARTS:
        copy_as(root, part, "hold/mug", "hold/fork")
    before = load_split(root, "Hard")
    tested = next((root / "Seen/testset/egocentric/hold/mug").iterdir())
    (root / "Seen/trainset/egocentric/hold/fork" / tested.name).write_bytes(tested.read_bytes())
    split = load_split(root, "Hard")
    assert tested.name not in {item.image.path.name for item in split.test}
    # the mug is filed under hold and under pour
    assert len(split.test) == len(before.test) - 2 == 6


def test_hard_split_may_test_affordances_that_are_never_trained(root):
    for part in PARTS:
        copy_as(root, part, "hold/mug", "hold/fork")
    split = load_split(root, "Hard")
    assert split.affordances == ("hold",)
    assert {item.image.affordance for item in split.test} == {"cut_with", "hold", "pour"}


def test_counts_of_affordances_are_those_of_the_data_sets():
    assert {name: len(layout.affordances) for name, layout in LAYOUTS.items()} == {
        "Seen": 36,
        "Unseen": 25,
        "Hard": 36,
        "HICO-IIF": 10,
        "UMD": 36,
        "IIT-AFF": 36,
    }
    assert all(a in AFFORDANCES for layout in LAYOUTS.values() for a in layout.affordances)


def test_hico_iif_has_its_own_ten_affordances(tmp_path):
    write_tree(tmp_path, split="HICO-IIF")
    split = load_split(tmp_path, "HICO-IIF")
    assert split.affordances == ("cut_with", "hold", "pour")
    (tmp_path / "HICO-IIF/testset/GT/wash/mug").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="wash is not one of the 10 affordances of this split"):
        load_split(tmp_path, "HICO-IIF")


def test_ground_truth_that_is_all_zero_stays_a_test_item(root):
    path = next((root / "Seen/testset/GT/hold/mug").iterdir())
    Image.fromarray(np.zeros((96, 120), np.uint8)).save(path)
    assert path in {item.truth for item in load_split(root, "Seen").test}


def test_corrupt_image_is_named_and_left_out_only_when_asked(root):
    split = load_split(root, "Seen")
    bad = split.train_ego[0].path
    bad.write_bytes(b"not an image")
    with pytest.raises(InvalidInput, match=str(bad)):
        read_color(bad)
    good, sentences = without_corrupt(split)
    assert len(good.train_ego) == len(split.train_ego) - 1
    assert len(sentences) == 1
    assert str(bad) in sentences[0]


def test_leaving_out_what_is_corrupt_leaves_no_class_on_one_side(root):
    split = load_split(root, "Seen")
    for path in (split.folder / "trainset/exocentric/pour/mug").iterdir():
        path.write_bytes(b"not an image")
    with pytest.raises(InvalidInput, match="exocentric/pour/mug holds no image") as refusal:
        without_corrupt(split)
    assert "without its corrupt images" in str(refusal.value)


def test_leaving_out_what_is_corrupt_leaves_something_to_test(root):
    split = load_split(root, "Seen")
    for item in split.test:
        item.truth.write_bytes(item.truth.read_bytes()[:60])
    with pytest.raises(InvalidInput, match="no ground truth for test"):
        without_corrupt(split)


def test_a_test_image_goes_with_its_corrupt_ground_truth(root):
    split = load_split(root, "Seen")
    item = split.test[2]
    item.truth.write_bytes(item.truth.read_bytes()[:60])
    good, (sentence,) = without_corrupt(split)
    assert good.test == split.test[:2] + split.test[3:]
    assert str(item.truth) in sentence


def test_a_image_that_would_fill_the_memory_is_corrupt(root, monkeypatch):
    path = load_split(root, "Seen").train_ego[0].path
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for read in (read_color, image_size):
        with pytest.raises(InvalidInput, match=str(path)):
            read(path)


def test_sixteen_bits_are_read_as_the_reference_evaluation_reads_them(tmp_path):
    path = tmp_path / "deep.png"
    values = np.arange(65536).reshape(256, 256).astype(np.uint16)
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(read_gray(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    assert len(np.unique(read_gray(path))) == 256


JUNK = (".DS_Store", "._mug_000000.png", "Thumbs.db", "desktop.ini", ".mug.jpg.swp", "readme.txt")
JUNK_FOLDERS = (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git")


def test_what_other_programs_leave_in_folders_changes_nothing(root):
    before = load_split(root, "Seen")
    folders = [root / "Seen", *(p for p in (root / "Seen").rglob("*") if p.is_dir())]
    image = before.train_ego[0].path
    for folder in folders:
        for name in JUNK:
            (folder / name).write_bytes(b"\0\5\26\7junk")
        for name in JUNK_FOLDERS:
            (folder / name).mkdir()
            (folder / name / "mug_000000-checkpoint.jpg").write_bytes(image.read_bytes())
    assert load_split(root, "Seen") == before
    assert without_corrupt(before) == (before, [])


def test_folders_that_hold_no_image_are_named_whatever_else_they_hold(root):
    part = root / "Seen/trainset/exocentric"
    for path in (part / "pour/mug").iterdir():
        path.rename(path.with_suffix(".txt"))
    (part / "open").mkdir()
    (part / "open/mug.jpg").write_bytes(b"one folder too high")
    with pytest.raises(InvalidInput) as refusal:
        load_split(root, "Seen")
    assert f"{part}/pour/mug holds no image" in str(refusal.value)
    assert f"{part}/open holds no folder of an object" in str(refusal.value)


NAMES = st.sampled_from(["hold", "pour", "mug", "a.jpg", "a.png", "._a.png", "x", "b\udcff.jpg"])
PLACES = st.tuples(st.sampled_from((*PARTS, "trainset")), st.lists(NAMES, min_size=1, max_size=4))


@given(st.lists(st.tuples(PLACES, st.booleans()), max_size=12), st.booleans())
def test_any_folder_is_a_split_or_one_sentence(places, whole):
    with TemporaryDirectory() as name:
        folder = Path(name) / "Seen"
        for part in PARTS:
            (folder / part / "hold/mug").mkdir(parents=True)
            (folder / part / "hold/mug/a.jpg").write_bytes(b"a" if whole else b"")
        for (part, inside), is_folder in places:
            path = folder.joinpath(part, *inside)
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir(exist_ok=True) if is_folder else path.write_bytes(b"")
        try:
            split = load_split(Path(name), "Seen")
        except InvalidInput as error:
            assert str(error).isprintable()
        else:
            assert all(image.path.is_file() for image in (*split.train_ego, *split.train_exo))
            assert split.test
            assert all(item.image.name.encode() for item in split.test)
