import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from PIL import Image
from tiny_encoders import TinyEncoder, TinyText

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import ImageFile, load_split
from affordance_grasp.datasets.detections import Detections, RecordedDetector
from affordance_grasp.datasets.images import FrozenEncoder
from affordance_grasp.datasets.labels import label_for_training, label_path, refined_label_path
from affordance_grasp.encoders import backbones, text
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.image_files import read_gray
from affordance_grasp.learning.labels import refine_config
from affordance_grasp.learning.labels.masking import MASKERS
from affordance_grasp.learning.labels.object_crops import (
    ObjectMasks,
    object_patches,
    pad_square,
    square_crop,
)
from affordance_grasp.learning.labels.pseudo_labels import (
    write_pseudo_labels,
)
from affordance_grasp.learning.labels.refine_config import RefineConfig, classes_of
from affordance_grasp.learning.labels.refinement import (
    LabelRefiner,
    checkpoint_path,
    load_epoch,
    train_refiner,
)
from affordance_grasp.learning.labels.refiner_samples import RefinerSamples, images_of
from affordance_grasp.learning.labels.region_tree import RegionTree
from affordance_grasp.learning.training.optimizers import AdamW
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.methods.plsp.refiner import Refiner, RefinerConfig
from affordance_grasp.methods.plsp.samples import PairTexts, PlspSamples, SamplingConfig
from affordance_grasp.methods.recipe import Draws

NETWORK = RefinerConfig(dim=32, decoder_heads=2, decoder_depth=1, mlp_ratio=2.0)
CONFIG = RefineConfig(
    epochs=4,
    batch=2,
    label_epoch=2,
    crops=2,
    seed=1,
    optimizer=AdamW(learning_rate=1e-3),
    network=NETWORK,
)
CLASSES = (("hold", "mug"), ("pour", "mug"))


def frozen_encoder(encoder):
    normalise, encode = encoder.spec.normalise, encoder.tokens
    return FrozenEncoder("tokens", encoder.sha256, encoder.image_side, normalise, encode)


class Setting:
    """A labelled tree with whole-object masks, and everything that is trained on it."""

    def __init__(self, root):
        folder = write_tree(root)
        self.split = load_split(root, "Seen")
        self.detector = RecordedDetector(folder / "trainset/detections.json")
        write_pseudo_labels(self.split, self.detector)
        self.masks = ObjectMasks(self.split, self.detector)
        ego, exo = images_of(self.split, CLASSES)
        views = [*((p, "ego") for p in ego), *((p, "exo") for p in exo)]
        self.masks.write(views, MASKERS["grabcut"])
        self.texts = PairTexts(TinyText(), self.split, self.detector.prompt)
        self.encoder = TinyEncoder()

    def samples(self, config=CONFIG, fresh=False):
        frozen = frozen_encoder(self.encoder)
        return RefinerSamples(CLASSES, self.masks, frozen, self.texts, config, fresh=fresh)

    def network(self):
        torch.manual_seed(0)
        return Refiner(NETWORK, self.encoder)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    torch.set_num_threads(1)
    return Setting(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def finished(setting, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("runs"))
    return run, train_refiner(setting.network(), setting.samples(), CONFIG, run)


def test_crop_is_padded_to_a_square_in_the_middle():
    image = np.ones((4, 10), np.uint8)
    square, left, top = pad_square(image)
    assert (square.shape, left, top) == ((10, 10), 0, 3)
    np.testing.assert_array_equal(square.sum(axis=1), [0, 0, 0, 10, 10, 10, 10, 0, 0, 0])
    tall, left, top = pad_square(np.ones((9, 4, 3), np.float32))
    assert (tall.shape, left, top) == ((9, 9, 3), 2, 0)
    crop = square_crop(np.ones((40, 40)), (slice(0, 10), slice(0, 20)), 32)
    np.testing.assert_allclose(crop[[0, 15, 31], 16], [0, 1, 0])


def test_patch_is_object_if_more_than_half_of_it_is():
    mask = np.zeros((32, 32), bool)
    mask[:, :11] = True  # patches of 8 pixels: one, and 3 columns of the next
    patches = object_patches(mask, (slice(0, 32), slice(0, 32)), 32, 4).reshape(4, 4)
    np.testing.assert_array_equal(patches, [[1, 0, 0, 0]] * 4)
    mask[:, :13] = True
    patches = object_patches(mask, (slice(0, 32), slice(0, 32)), 32, 4).reshape(4, 4)
    np.testing.assert_array_equal(patches, [[1, 1, 0, 0]] * 4)


def test_object_masks_are_written_in_the_released_layout_and_kept(setting):
    image = next(p for p in setting.split.train_ego if p.pair == ("hold", "mug"))
    path = setting.masks.path(image, "ego")
    assert path.parts[-4:-1] == ("whole_obj_mask_ego", "hold", "mug")
    box = setting.detector.object_ego(image).boxes[0].astype(int)
    expected = np.zeros((96, 120), bool)
    expected[box[1] : box[3], box[0] : box[2]] = True
    mask = setting.masks.read(image, "ego")
    assert (mask & expected).sum() / (mask | expected).sum() > 0.9
    before = path.stat().st_mtime_ns
    setting.masks.write([(image, "ego")], MASKERS["box"])
    assert path.stat().st_mtime_ns == before


def test_batch_holds_the_crop_of_the_object_and_similar_exo_images(setting):
    samples = setting.samples()
    assert len(samples) == 6
    batch = samples.batch(range(6), Draws(2, 0))  # crops that cut none of the objects
    assert batch.ego.shape == (6, 257, 384)
    assert batch.crop.shape == (6, 256, 384)
    assert batch.exo.shape == (6, 3, 384)
    assert batch.valid.tolist() == [[1.0] * 3] * 6
    torch.testing.assert_close(batch.exo.norm(dim=2), torch.ones(6, 3), atol=1e-3, rtol=0)
    widths = (batch.boxes[:, 2:] - batch.boxes[:, :2]).tolist()
    # 72 x 56 of the 120 x 120 that 96 x 120 images are padded to, at 256 pixels
    assert all(abs(w - 153.6) <= 1.5 and abs(h - 119.5) <= 1.5 for w, h in widths)
    own = batch.crop.reshape(6, 16, 16, 384)
    assert torch.equal(own[:, 0, 0], own[:, 15, 15])  # padding above and below the box
    part = setting.texts.parts(samples.images)
    torch.testing.assert_close(batch.part, part)


def test_fresh_batches_hold_images_of_the_same_views(setting):
    batch = setting.samples(fresh=True).batch([0, 1], Draws(0, 0))
    assert batch.ego.shape == (2, 3, 224, 224)
    network = setting.network()
    assert float(network.loss(batch, 0)["likeness"].detach()) > 0


def test_pool_holds_valid_exo_images_of_the_same_class_only(setting, tmp_path):
    answers = json.loads(setting.detector.path.read_text())
    for file in ("hold_mug_000000.jpg", "hold_mug_000001.jpg"):
        answers["objects_exo"]["hold"]["mug"][file]["boxes"] = []
    answers["objects_ego"]["hold"]["mug"]["mug_000000.jpg"]["boxes"] = []
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(answers))
    masks = ObjectMasks(setting.split, RecordedDetector(path))
    frozen = frozen_encoder(setting.encoder)
    samples = RefinerSamples(CLASSES, masks, frozen, setting.texts, CONFIG, fresh=False)
    assert [p.pair for p in samples.images].count(("hold", "mug")) == 2
    batch = samples.batch(range(5), Draws(0, 0))
    held = torch.tensor([p.affordance == "hold" for p in samples.images])
    assert batch.valid.sum(dim=1).tolist() == [1.0, 1.0, 3.0, 3.0, 3.0]
    assert not batch.exo[held, 1:].any()
    path.write_text(json.dumps({**answers, "objects_ego": {}}))
    masks = ObjectMasks(setting.split, RecordedDetector(path))
    with pytest.raises(InvalidInput, match="found in no egocentric image"):
        RefinerSamples(CLASSES, masks, frozen, setting.texts, CONFIG, fresh=False)


def test_loss_falls_and_every_second_epoch_leaves_a_checkpoint(finished):
    run, rows = finished
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss_total"] < rows[0]["loss_total"]
    kept = sorted(path.name for path in run.path.glob("epoch-*"))
    assert kept == ["epoch-002.safetensors", "epoch-004.safetensors"]


def test_killed_run_resumes_to_the_identical_network(setting, finished, tmp_path):
    whole, rows = finished
    run = RunFolder(tmp_path)
    train_refiner(setting.network(), setting.samples(), replace(CONFIG, epochs=3), run)
    assert train_refiner(setting.network(), setting.samples(), CONFIG, run) == rows
    for epoch in (2, 4):
        assert (
            checkpoint_path(run, epoch).read_bytes() == checkpoint_path(whole, epoch).read_bytes()
        )


class TrainableEncoder(TinyEncoder):
    """A tiny encoder with one parameter to fine-tune."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))

    def tokens(self, images):
        return super().tokens(images) * self.gain


def test_fine_tuned_encoder_is_trained_beside_a_frozen_one(setting, tmp_path):
    config = replace(CONFIG, epochs=2, network=replace(NETWORK, train_backbone=True))
    network = Refiner(config.network, TrainableEncoder())
    run = RunFolder(tmp_path)
    train_refiner(network, setting.samples(config, fresh=True), config, run)
    learned = float(network.backbone.gain.detach())
    assert learned != 1
    restored = Refiner(config.network, TrainableEncoder())
    load_epoch(restored, run, 2)
    assert float(restored.backbone.gain.detach()) == learned


class Sure(Refiner):
    """Is sure of the left half of every image."""

    def forward(self, images, part):
        logits = torch.full((len(images), 64, 64), 2.9)  # sigmoid 0.948
        logits[:, :, :32] = 3.0  # sigmoid 0.953
        return logits


def test_label_is_what_is_sure_within_the_object(setting):
    network = Sure(NETWORK, setting.encoder)
    refiner = LabelRefiner(network, setting.masks, setting.texts, None, CONFIG.threshold)
    image = setting.samples().images[0]
    whole = setting.masks.read(image, "ego")
    left = np.zeros_like(whole)
    left[:, :60] = True
    label = refiner.refined(image)
    different = label ^ (whole & left)
    assert not different[:, :57].any()
    assert not different[:, 63:].any()


def test_snapped_labels_are_written_and_emptied_ones_fall_back(setting):
    network = Sure(NETWORK, setting.encoder)
    images = setting.samples().images
    arguments = (network, setting.masks, setting.texts)
    count = LabelRefiner(*arguments, RegionTree(), CONFIG.threshold).write(images)
    assert count.written + count.initial == 6
    assert count.written > 0
    image = next(p for p in images if refined_label_path(setting.split, p).exists())
    refined = refined_label_path(setting.split, image)
    assert set(np.unique(read_gray(refined))) == {0, 255}
    assert label_for_training(setting.split, image, "refined") == refined
    assert label_for_training(setting.split, image, "initial").parts[-4] == "PL"
    none = LabelRefiner(*arguments, None, 0.99).write(images)
    assert (none.written, none.initial) == (0, 6)
    initial = label_path(setting.split, image)
    assert label_for_training(setting.split, image, "refined") == initial
    Image.fromarray(np.zeros((96, 120), np.uint8)).save(refined.with_suffix(".jpg"))
    assert label_for_training(setting.split, image, "refined").suffix == ".jpg"
    refined.with_suffix(".jpg").unlink()


def test_training_reads_refined_labels_where_it_is_told_to(setting):
    image = next(p for p in setting.split.train_ego if p.pair == ("hold", "knife"))
    initial, refined = (path(setting.split, image) for path in (label_path, refined_label_path))
    refined.parent.mkdir(parents=True)
    initial.rename(refined)

    def samples(labels):
        config = SamplingConfig(labels=labels)
        return PlspSamples(setting.split, None, None, None, None, squash=256, config=config)

    assert (len(samples("initial")), len(samples("refined"))) == (11, 12)
    refined.rename(initial)
    with pytest.raises(InvalidInput, match="labels is 'best'; it must be one of initial, refined"):
        SamplingConfig(labels="best")


def test_epoch_of_another_network_is_refused(setting, finished):
    run, _ = finished
    other = Refiner(replace(NETWORK, dim=16), setting.encoder)
    with pytest.raises(Exception, match=r"epoch-002.safetensors does not fit"):
        load_epoch(other, run, 2)


def test_classes_are_named_or_those_of_the_publication(setting):
    assert classes_of(setting.split, ["pour/mug", "hold/mug"]) == (
        ("pour", "mug"),
        ("hold", "mug"),
    )
    with pytest.raises(UnknownName, match="cut_with/knife, hold/knife, hold/mug, pour/mug"):
        classes_of(setting.split, ["hold/cup"])
    with pytest.raises(InvalidInput, match="none of the published classes"):
        classes_of(setting.split, ["published"])
    more = (*setting.split.train_ego, ImageFile("throw", "javelin", setting.split.folder))
    agd20k = replace(setting.split, train_ego=more)
    assert classes_of(agd20k, ["published"]) == (("throw", "javelin"),)
    assert classes_of(replace(agd20k, name="Seen"), ["published"]) == (("throw", "javelin"),)
    with pytest.raises(UnknownName, match="Seen, Unseen"):
        classes_of(replace(agd20k, name="HICO-IIF"), ["published"])


def test_settings_that_cannot_train_are_refused():
    assert RefineConfig().checkpoints == tuple(range(2, 21, 2))
    assert RefineConfig.paper().network.train_backbone
    with pytest.raises(InvalidInput, match="labels can be written by 2, 4"):
        replace(CONFIG, label_epoch=3)
    with pytest.raises(InvalidInput, match="epochs is 0"):
        RefineConfig(epochs=0)
    with pytest.raises(InvalidInput, match="threshold"):
        RefineConfig(threshold=1.0)
    with pytest.raises(InvalidInput, match="cannot be cut from 200"):
        RefineConfig(squash=200)


def test_command_refines_named_classes(setting, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(backbones, "load_backbone", lambda *_: TinyEncoder())
    monkeypatch.setattr(text, "load_text_encoder", lambda _: TinyText())
    monkeypatch.setattr(refine_config, "RefineConfig", lambda: CONFIG)
    root = str(setting.split.folder.parent)
    command = ["refine-labels", root, "--classes", "hold/mug", "--threads", "1"]
    out = ["--out", str(tmp_path / "run")]
    assert main([*command, *out, "--epochs", "2", "--json"]) == 0
    count = json.loads(capsys.readouterr().out)
    assert count["written"] + count["initial"] == 3
    assert count["without_box"] == 0
    about = json.loads((tmp_path / "run/run.json").read_text())
    assert about["classes"] == ["hold/mug"]
    assert about["config"]["epochs"] == 2
    assert main([*command, *out]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*command, *out, "--epochs", "2", "--resume"]) == 0
    assert "keep their initial label" in capsys.readouterr().out
    assert main([*command, *out, "--segmenter", "sam"]) == 2
    assert "--sam PATH" in capsys.readouterr().err


def test_whole_object_that_is_not_found_has_no_mask(setting, tmp_path):
    class Blind:
        def object_ego(self, image):
            return None

    masks = ObjectMasks(replace(setting.split, folder=tmp_path), Blind())
    masks.write([(setting.split.train_ego[0], "ego")], MASKERS["box"])
    assert not list(tmp_path.iterdir())
    assert isinstance(setting.detector.object_ego(setting.split.train_ego[0]), Detections)
