"""Clips: folders of frames, video files, rendered hands, and LoopTrans on them."""

import cv2
import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from test_train import LOCATE, losses, small_backbone

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import ImageFile, load_split
from affordance_grasp.datasets.clips import read_frames, unpack_clips
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import parse_config
from affordance_grasp.learning.training.training_run import Resources, train_method
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.looptrans.config import ClipBatch, LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.lstm import SpatialLstm
from affordance_grasp.methods.looptrans.network import LoopTrans
from affordance_grasp.methods.shared.samples import (
    TripletSampling,
    check_clips,
    spread_frames,
    triplets,
)
from affordance_grasp.simulation.dataset.clips import (
    ARRIVES,
    FARTHEST_M,
    HIDDEN_M,
    hand_distance,
    render_clip,
    turn,
    write_clips,
)
from affordance_grasp.simulation.dataset.config import ClipConfig

VIDEO = {
    **LOCATE,
    "method": "looptrans",
    "views": {**LOCATE["views"], "exo_crops": 0},
    "sampling": {"frames": 2},
    "network": {"image_side": 28, "video": True},
}


def as_clips(folder, frames=4):
    """Every exocentric image of a tree becomes a clip of copies of it."""
    for image in sorted((folder / "trainset/exocentric").glob("*/*/*.jpg")):
        content = image.read_bytes()
        image.unlink()
        image.with_suffix("").mkdir()
        for number in range(frames):
            (image.with_suffix("") / f"{number:06d}.jpg").write_bytes(content)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    as_clips(write_tree(root))
    return root


def test_a_sample_is_a_clip_and_takes_frames_of_it_in_order(clips):
    split = load_split(clips, "Seen")
    assert len(split.train_exo) == 12 * 4
    chosen = triplets(split, TripletSampling(frames=2))
    assert len(chosen.anchors) == 12
    for index in range(12):
        ego, frames = chosen.draw(index, np.random.default_rng(index))
        assert ego.pair == chosen.anchors[index].pair
        assert {p.path.parent for p in frames} == {chosen.anchors[index].path.parent}
        assert len(frames) == 2 and frames[0].path.name < frames[1].path.name
    frames = [ImageFile("hold", "mug", clips / f"{i}.jpg") for i in range(10)]
    rng = np.random.default_rng(0)
    places = [[int(p.path.stem) for p in spread_frames(frames, 5, rng)] for _ in range(40)]
    assert all(p[i] // 2 == i for p in places for i in range(5))
    assert len(spread_frames(frames[:2], 5, rng)) == 5


def test_images_are_no_clips(tmp_path):
    write_tree(tmp_path)
    split = load_split(tmp_path, "Seen")
    with pytest.raises(InvalidInput, match="folders of frames"):
        check_clips(split, TripletSampling(frames=4))
    check_clips(split, TripletSampling())


def test_the_lstm_keeps_what_its_gates_let_in():
    lstm = SpatialLstm(2)
    torch.nn.init.zeros_(lstm.gates.weight)
    with torch.no_grad():
        lstm.gates.bias.copy_(torch.tensor([50.0, 50, 50, 50, 50, 50, 0.5, -0.5]))
        frames = torch.zeros(1, 3, 2, 1, 1)
        expected = (3 * torch.tensor([0.5, -0.5]).tanh()).tanh()  # a sum over three frames
        torch.testing.assert_close(lstm(frames)[0, :, 0, 0], expected)
    torch.manual_seed(0)
    lstm, frames = SpatialLstm(2), torch.randn(1, 4, 2, 3, 3)
    assert not torch.allclose(lstm(frames), lstm(frames.flip(1)))
    alone = lstm(frames[..., 1:2, 1:2])
    torch.testing.assert_close(lstm(frames)[..., 1:2, 1:2], alone)  # no patch sees another


def small_network(**fields):
    torch.manual_seed(0)
    config = LoopTransConfig(image_side=28, classes=3, **fields)
    return LoopTrans(config, small_backbone())


def test_a_clip_has_one_map_and_every_part_learns_from_it():
    network, keys = small_network(video=True).train(), torch.randn(2, 5, 384, 2, 2)
    output = network(keys[:, 0], keys)
    assert output.exo.shape == (2, 1, 18, 2, 2)
    batch = ClipBatch(torch.randn(2, 6, 384), torch.randn(2, 5, 6, 384), torch.tensor([0, 2]))
    terms = network.loss(batch, 0)
    assert {"cls", "mse", "dice", "corr", "denoise", "con", "total"} == terms.keys()
    terms["total"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.lstm.parameters())


@pytest.mark.parametrize("video", [True, False])
def test_clips_and_images_are_not_taken_for_one_another(video):
    other = LoopTransBatch if video else ClipBatch
    batch = other(torch.randn(2, 6, 384), torch.randn(2, 3, 6, 384), torch.tensor([0, 2]))
    with pytest.raises(InvalidInput, match="video: true"):
        small_network(video=video).loss(batch, 0)


@pytest.mark.parametrize("cached", [True, False])
def test_looptrans_trains_on_clips_and_its_checkpoint_says_so(clips, tmp_path, cached):
    resources = Resources(load_split(clips, "Seen"), small_backbone(), tmp_path / "cache")
    run = RunFolder(tmp_path / "run")
    outcome = train_method(resources, parse_config({**VIDEO, "cached": cached}), run)
    assert outcome.complete and np.isfinite(losses(run)).all()
    stored = load_checkpoint(run.last)
    assert stored.info.config["video"] and "lstm.gates.weight" in stored.tensors


def write_video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no mp4")
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()


def test_video_files_become_folders_of_evenly_spread_frames(tmp_path, capsys):
    video = tmp_path / "Seen/trainset/exocentric/hold/mug/a.mp4"
    write_video(video, 20)
    levels = [frame.mean() for frame in read_frames(video, 4)]
    np.testing.assert_allclose(levels, [20, 70, 120, 170], atol=8)
    words = ["dataset", "unpack", str(tmp_path), "--frames", "4"]
    assert main(words) == 0
    assert "1 clips unpacked, 0 were" in capsys.readouterr().out
    frames = sorted((video.parent / "a").iterdir())
    assert [frame.name for frame in frames] == [f"{i:06d}.jpg" for i in (1, 2, 3, 4)]
    assert unpack_clips(tmp_path / "Seen/trainset/exocentric", 4) == (0, 1)
    video.with_name("b.mp4").write_bytes(b"no video")
    assert main(words) == 2
    assert "b.mp4 holds no frame" in capsys.readouterr().err


def test_the_hand_comes_stays_and_leaves():
    shares = np.linspace(0, 1, 41)
    away = [hand_distance(share) for share in shares]
    assert away[0] == pytest.approx(FARTHEST_M) and away[-1] == pytest.approx(FARTHEST_M)
    assert min(away) == 0 and hand_distance(ARRIVES) == pytest.approx(0, abs=1e-9)
    assert turn(0) == pytest.approx(0) and turn(1) == pytest.approx(0, abs=1e-9)
    assert max(turn(share) for share in shares) > 0.3


def test_rendered_clips_are_repeatable_and_hide_the_contact_where_told(tmp_path):
    config = ClipConfig(per_pair=1, frames=5, size=96)
    pair = ("hold", "mug")
    assert write_clips(tmp_path, [pair], config) == 1
    assert write_clips(tmp_path, [pair], config) == 0  # they are there
    folder = tmp_path / "exocentric/hold/mug/mug_0000"
    frames = [read_color(path).astype(int) for path in sorted(folder.iterdir())]
    assert len(frames) == 5 and frames[0].shape == (96, 96, 3)
    assert np.abs(frames[2] - frames[0]).mean() > 4  # the hand is there
    shown = [frame.astype(int) for frame in render_clip(*pair, 0, config)]
    assert all(np.abs(a - b).mean() < 4 for a, b in zip(frames, shown, strict=True))
    config = ClipConfig(per_pair=1, frames=5, size=96, hidden=True)
    hidden = [frame.astype(int) for frame in render_clip(*pair, 0, config)]
    changed = [np.abs(a - b).max() > 0 for a, b in zip(shown, hidden, strict=True)]
    near = [hand_distance(share) < HIDDEN_M for share in np.linspace(0, 1, 5)]
    assert changed == near and any(near) and not all(near)
