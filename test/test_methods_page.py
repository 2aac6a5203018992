"""The commands of docs/methods.md run, on tiny data with random weights.

On the CPU, with one worker, and what ``torchrun`` starts by itself.
"""

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from agd20k_tree import write_tree
from seeded_networks import seeded_dino_tensors
from test_clips import write_video
from test_released import hollow, written
from tiny_encoders import TINY_NETWORK, TinyEncoder, TinyText

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.datasets.detections import DETECTIONS_FILE, RecordedDetector
from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.encoders import backbones, text
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.learning.training import train_config
from affordance_grasp.methods import method as methods

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    ((?:torchrun|affordance-grasp) .*)$", PAGE, re.MULTILINE)


DETECTOR = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
asked = json.loads((folder / "request.json").read_text())
box = [15, 12, asked["width"] - 20, asked["height"] - 15]
answer = {p: {"boxes": [box], "scores": [0.8]} for p in asked["prompts"]}
(folder / "boxes.json").write_text(json.dumps(answer))
"""


def small(config):
    """The recipe in one epoch; CLIP's place is taken by the tiny encoder at 224 pixels."""
    if config.method == "plsp":
        network = {**TINY_NETWORK, "text_dim": 384}
        return replace(
            config, epochs=1, batch=6, views=StitchPlan(1, 1, 256, 224), network=network
        )
    clips = bool(config.sampling.frames)  # these are for DINOv2, of 14 pixels a patch
    side = 28 if clips else 32
    views = CropPlan(1, 0 if clips else 1, resized=36, side=side)
    network = {**config.network, "image_side": side}
    return replace(config, epochs=1, batch=6, views=views, network=network)


def random_backbone(name, side, pretrained=True):
    if side == 224 and name == "dinov2_vits14":
        return TinyEncoder()
    torch.manual_seed(0)
    made = load_backbone(name, side, pretrained=False)
    made.sha256 = "random"
    return made


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder in which the page's files are, and learning that takes seconds."""
    published = train_config.load_config
    monkeypatch.setattr(train_config, "load_config", lambda *which: small(published(*which)))
    monkeypatch.setattr(methods, "load_backbone", random_backbone)
    monkeypatch.setattr(backbones, "load_backbone", random_backbone)
    monkeypatch.setattr(text, "load_text_encoder", lambda name: TinyText())
    monkeypatch.setenv("AFFORDANCE_GRASP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder = write_tree(tmp_path / "AGD20K", train=1, test=1)
    (folder / "trainset" / DETECTIONS_FILE).unlink()
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "rejected_hold.json").write_text('{"rejected": ["hold/mug/mug_000000"]}')
    images = sorted((folder / "testset/egocentric/hold/mug").iterdir())
    (tmp_path / "mug.jpg").write_bytes(images[0].read_bytes())
    torch.save(seeded_dino_tensors(), tmp_path / "dino_deitsmall16_pretrain.pth")
    split = load_split(tmp_path / "AGD20K", "Seen")
    for images, name in ((split.train_ego, "ego"), (split.train_exo, "exo")):
        table = {}
        for p in images:
            found = [torch.tensor([[1.0, 2.0, 90.0, 80.0]]), [torch.tensor(0.875)]]
            table.setdefault(p.affordance, {}).setdefault(p.object, {})[p.path.name] = found
        torch.save(table, tmp_path / f"det_wholeobj_{name}.pth")
    written(tmp_path / "best_model_seen.pth", hollow("looptrans"))
    write_video(tmp_path / "my_clips/Seen/trainset/exocentric/hold/mug/a.mp4", 20)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/simulated").symlink_to(tmp_path / "AGD20K")
    yield tmp_path
    torch.set_num_threads(1)


def test_every_command_of_the_page_runs(tiny, capsys):
    (tiny / "detector.py").write_text(DETECTOR)
    detector = f"{sys.executable} {tiny / 'detector.py'}"
    assert len(COMMANDS) > 12
    for command in COMMANDS:
        words = shlex.split(command)
        words = words[words.index("affordance-grasp") + 1 :]
        words = [{"cuda": "cpu", "8": "1"}.get(word, word) for word in words]
        words = [detector if word == "python3 my_detector.py" else word for word in words]
        if "looptrans_seen.safetensors" in words and words[0] == "evaluate":
            continue  # the released size on 224 pixels: test_looptrans_released.py
        code = main(words)
        said = capsys.readouterr()
        assert code == 0, (command, said.err)
    assert (tiny / "runs/two/last.safetensors").exists()
    assert (tiny / "heatmap.png").exists()


def test_the_file_of_boxes_is_one(tmp_path):
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "detections.json"
    path.write_text(block)
    json.loads(block)
    write_tree(tmp_path)
    image = next(
        p for p in load_split(tmp_path, "Seen").train_ego if p.name == "hold/mug/mug_000000"
    )
    found = RecordedDetector(path)
    assert found.parts(image).best.tolist() == [10, 20, 60, 90]
    assert found.object_ego(image).best.tolist() == [10, 20, 110, 90]
    assert found.prompt("hold", "mug") == "handle of the mug"


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([\w./]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
