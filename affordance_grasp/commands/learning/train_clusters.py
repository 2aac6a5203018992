"""``affordance-grasp train-clusters``: concept clusters, from images without labels."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from affordance_grasp.configuration.flags import COUNT, WHOLE
from affordance_grasp.datasets.agd20k import Split, load_training_split
from affordance_grasp.learning.flags import add_encoding_flags
from affordance_grasp.share import share_path

if TYPE_CHECKING:
    from torch import Tensor

    from affordance_grasp.learning.training.train_config import TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_encoding_flags(parser)
    parser.add_argument(
        "--config",
        type=Path,
        help="YAML of that method: backbone and views (default: config/train_looptrans.yaml)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="safetensors to write"
    )
    parser.add_argument("--epochs", type=COUNT, default=10, help="over all train images (10)")
    parser.add_argument("--batch", type=COUNT, default=16, help="images per step (16)")
    parser.add_argument("--seed", type=WHOLE, default=0, help="of weights and order (0)")


def run(arguments: argparse.Namespace) -> int:
    """Train, write, report."""
    import torch
    from safetensors.torch import save
    from tqdm import tqdm

    from affordance_grasp.encoders.backbones import backbone_spec
    from affordance_grasp.encoders.device import check_device, limit_threads
    from affordance_grasp.errors import InvalidInput
    from affordance_grasp.files import write_file
    from affordance_grasp.learning.training.clusters import ClusterTraining, train_clusters
    from affordance_grasp.learning.training.train_config import load_config
    from affordance_grasp.methods.shared.concept_clusters import ConceptClusters

    if arguments.out.suffix != ".safetensors":
        raise InvalidInput(f"--out is {arguments.out}; it must end in .safetensors")
    limit_threads(arguments.threads)
    device = check_device(arguments.device)
    published = load_config(share_path("config/train_looptrans.yaml"))
    config = load_config(arguments.config, published.method) if arguments.config else published
    split = load_training_split(arguments.data, arguments.split)
    keys = _keys(arguments, config, split, device)
    torch.manual_seed(arguments.seed)
    network = config.network_config
    count = int(config.network.get("cluster_count", 4))
    module = ConceptClusters(backbone_spec(network.backbone).dim, count).to(device)
    training = ClusterTraining(arguments.epochs, arguments.batch, seed=arguments.seed)
    losses = train_clusters(
        module, lambda rows: keys[rows].to(device), len(keys), training, progress=tqdm
    )
    write_file(arguments.out, save({n: t.cpu() for n, t in module.state_dict().items()}))
    report = {"clusters": str(arguments.out), "images": len(keys), "losses": losses}
    print(
        json.dumps(report)
        if arguments.json
        else f"{arguments.out}: {count} clusters, {len(keys)} images, modularity {-losses[-1]:.3f}"
    )
    return 0


def _keys(
    arguments: argparse.Namespace, config: "TrainConfig", split: Split, device: str
) -> "Tensor":
    """The keys (N, dim, g, g) of all train images in the plain view, float32, on the CPU."""
    import torch
    from tqdm import tqdm

    from affordance_grasp.datasets.features import FeatureCache
    from affordance_grasp.datasets.images import frozen_encoder, views_for_training
    from affordance_grasp.encoders.backbones import backbone_spec
    from affordance_grasp.methods.method import find_method
    from affordance_grasp.methods.shared.class_maps import unpack_keys

    backbone = find_method(config.method).backbone(config.network_config, True)
    network = config.make_network(1, backbone).to(device)
    folder = arguments.cache or arguments.data / "features"
    cache = FeatureCache(folder, frozen_encoder(network, device), arguments.bf16_tokens, tqdm)
    heads, keys = backbone_spec(config.network_config.backbone).heads, []
    for viewed in views_for_training(split, config.views):
        values = cache.features(viewed.in_view(config.views.plain)).values[:, 0]
        keys.append(unpack_keys(torch.from_numpy(values.copy()), heads).keys)
    return torch.cat(keys)
