"""The layouts of UMD, UMD-i and IIT-AFF, written small, and the test sets that they become."""

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.image_files import read_gray

SHAPE = (30, 40)


def ranks():
    """A knife: blade to cut with on the left, handle on the right, which cuts at rank 2."""
    values = np.zeros((*SHAPE, 7), np.uint8)
    values[10:15, 5:20, 1] = 1
    values[10:15, 20:30, 0] = 1
    values[10:15, 20:30, 1] = 2
    values[10:15, 5:30, 4] = 9
    return values


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*SHAPE, 3), 90, np.uint8))


def umd_i(root):
    write_image(root / "dataset/knife_03/knife_03_00000007_rgb.jpg")
    np.save(root / "dataset/knife_03/knife_03_00000007_label_rank.npy", ranks())


def umd(root, images=9):
    for number in range(images):
        path = root / f"tools/knife_03/knife_03_{number:08d}"
        write_image(path.with_name(path.name + "_rgb.jpg"))
        savemat(str(path) + "_label_rank.mat", {"gt_label": ranks()})
    write_image(root / "clutter/scene_01/scene_01_00000000_rgb.jpg")
    savemat(root / "clutter/scene_01/scene_01_00000000_label_rank.mat", {"gt_label": ranks()})


@pytest.mark.parametrize("write", [umd_i, umd])
def test_umd_becomes_one_entry_per_affordance(tmp_path, capsys, write):
    write(tmp_path / "source")
    command = ["dataset", "import", "umd", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main([*command, "--per-object", "1"]) == 0
    assert "hold/knife" in capsys.readouterr().out
    split = load_split(tmp_path / "data", "UMD")
    assert [item.image.pair for item in split.test] == [("cut_with", "knife"), ("hold", "knife")]
    cut, hold = split.test
    np.testing.assert_array_equal(read_gray(cut.truth) > 0, ranks()[..., 1] == 1)
    np.testing.assert_array_equal(read_gray(hold.truth) > 0, ranks()[..., 0] == 1)
    np.testing.assert_array_equal(read_gray(hold.object_mask) > 0, ranks().any(axis=2))
    assert split.train_ego == split.train_exo == ()


def test_umd_images_are_spread_and_lower_ranks_count_where_asked(tmp_path):
    umd(tmp_path / "source")
    command = ["dataset", "import", "umd", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main([*command, "--per-object", "3", "--rank", "2"]) == 0
    split = load_split(tmp_path / "data", "UMD")
    numbers = {int(item.image.path.stem[-8:]) for item in split.test}
    assert numbers == {0, 4, 8}
    np.testing.assert_array_equal(
        read_gray(split.test[0].truth) > 0, np.isin(ranks()[..., 1], (1, 2))
    )


def write_iit(root, objects=("4 5 10 29 14",)):
    write_image(root / "rgb/a.jpg")
    write_image(root / "rgb/b.jpg")
    labels = np.zeros(SHAPE, int)
    labels[10:15, 5:20] = 2
    labels[10:15, 20:30] = 5
    labels[15, 5:30] = 8
    for stem, lines in (("a", objects), ("b", ("4 5 10 29 14", "5 0 0 3 3"))):
        for kind, rows in (
            ("object_labels", lines),
            ("affordances_labels", [" ".join(map(str, row)) for row in labels]),
        ):
            (root / kind).mkdir(exist_ok=True)
            (root / kind / f"{stem}.txt").write_text("\n".join(rows) + "\n")
    (root / "test.txt").write_text("a.jpg\nb.jpg\n")
    return labels


def test_iit_aff_takes_images_of_one_object(tmp_path, capsys):
    labels = write_iit(tmp_path / "source")
    command = ["dataset", "import", "iit-aff", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main(command) == 0
    assert "support on 1" in capsys.readouterr().out
    split = load_split(tmp_path / "data", "IIT-AFF")
    assert [item.image.name for item in split.test] == ["cut_with/knife/a", "hold/knife/a"]
    np.testing.assert_array_equal(read_gray(split.test[1].truth) > 0, labels == 5)
    np.testing.assert_array_equal(read_gray(split.test[1].object_mask) > 0, labels > 0)


def spoil_shape(root):
    np.save(root / "dataset/knife_03/knife_03_00000007_label_rank.npy", ranks()[:, :20])


def spoil_channels(root):
    np.save(root / "dataset/knife_03/knife_03_00000007_label_rank.npy", ranks()[..., :4])


def spoil_bytes(root):
    (root / "dataset/knife_03/knife_03_00000007_label_rank.mat").write_bytes(b"MATLAB 5.0")


def remove_image(root):
    (root / "dataset/knife_03/knife_03_00000007_rgb.jpg").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_shape, "instead of the image's (30, 40)"),
        (spoil_channels, "expected (H, W, 7)"),
        (spoil_bytes, "cannot be read"),
        (remove_image, "_rgb.jpg cannot be read"),
    ],
)
def test_a_broken_umd_is_refused_with_one_sentence(tmp_path, capsys, spoil, said):
    umd_i(tmp_path / "source")
    spoil(tmp_path / "source")
    command = ["dataset", "import", "umd", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main(command) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        (("12 5 10 29 14",), "shows object 12"),
        (("4 5 10 29",), "numbers"),
        (("x 1 2 3 4",), "text"),
    ],
)
def test_a_broken_iit_aff_is_refused_with_one_sentence(tmp_path, capsys, objects, said):
    write_iit(tmp_path / "source", objects)
    command = ["dataset", "import", "iit-aff", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main(command) == 2
    assert said in capsys.readouterr().err


def test_other_folders_and_figures_are_refused(tmp_path, capsys):
    umd_i(tmp_path / "source")
    command = ["dataset", "import", "umd", str(tmp_path / "source"), str(tmp_path / "data")]
    assert main(["dataset", "import", "umd", str(tmp_path), str(tmp_path / "data")]) == 0
    assert main(command) == 2
    assert "already there" in capsys.readouterr().err
    assert main([*command[:-1], str(tmp_path / "other"), "--rank", "8"]) == 2
    assert "rank is 8" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["dataset", "import", "umd", str(tmp_path / "empty"), str(tmp_path / "new")]) == 2
    assert "holds no *_label_rank.mat" in capsys.readouterr().err


def test_a_test_set_alone_is_no_training_set(tmp_path, capsys):
    for part in ("egocentric/hold/mug/a.jpg", "GT/hold/mug/a.png"):
        path = tmp_path / "UMD/testset" / part
        path.parent.mkdir(parents=True)
        path.touch()
    out = str(tmp_path / "run")
    assert main(["train", "--data", str(tmp_path), "--split", "UMD", "--out", out]) == 2
    assert "UMD is a test set; it has no images to train on" in capsys.readouterr().err
