import pytest
from agd20k_tree import write_tree

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.agd20k import load_split, read_color
from affordance_grasp.learning.features import without_corrupt


@pytest.fixture
def root(tmp_path):
    write_tree(tmp_path)
    return tmp_path


def test_split_lists_every_picture_and_its_truth(root):
    split = load_split(root, "Seen")
    assert split.affordances == ("cut_with", "hold", "pour")
    assert len(split.train_ego) == len(split.train_exo) == 2 * 2 * 3
    assert len(split.test) == 2 * 2 * 2
    assert all(item.truth.stem == item.picture.path.stem for item in split.test)
    assert split.affordances_of("mug") == {"hold", "pour"}


def test_test_pictures_without_truth_are_counted_and_left_out(root):
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
    assert f"{emptied} holds no picture" in str(caught.value)


def test_missing_folder_unknown_verb_and_unknown_split(root):
    with pytest.raises(InvalidInput, match=r"folder .*Unseen/trainset/egocentric"):
        load_split(root, "Unseen")
    (root / "Seen/testset/GT/juggle/mug").mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"juggle is not one of the 36 affordances"):
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
    assert {picture.object for picture in split.train_ego} == {"fork"}
    assert {item.picture.object for item in split.test} == {"knife", "mug"}


def test_corrupt_picture_is_named_and_left_out_only_when_asked(root):
    split = load_split(root, "Seen")
    bad = split.train_ego[0].path
    bad.write_bytes(b"not a picture")
    with pytest.raises(InvalidInput, match=str(bad)):
        read_color(bad)
    good, sentences = without_corrupt(split)
    assert len(good.train_ego) == len(split.train_ego) - 1
    assert len(sentences) == 1
    assert str(bad) in sentences[0]
