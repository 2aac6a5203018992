"""Stand-ins for pretrained encoders: patch colours through a fixed random projection."""

import zlib

import torch
from torch.nn import functional

from affordance_grasp.encoders.backbones import Backbone, backbone_spec


class TinyEncoder(Backbone):
    """Tokens (B, 257, 384) that hold nothing but the mean colour of every patch."""

    def __init__(self, sha256="tiny"):
        super().__init__(backbone_spec("dinov2_vits14"), 224, sha256)
        self.calls = 0
        generator = torch.Generator().manual_seed(0)
        self.projection = torch.randn(3, self.spec.dim, generator=generator)

    def tokens(self, images):
        self.calls += len(images)
        patches = functional.avg_pool2d(images, self.spec.patch).flatten(2).transpose(1, 2)
        return torch.cat([patches.mean(dim=1, keepdim=True), patches], dim=1) @ self.projection


class TinyText:
    """Every sentence has its own random unit vector (384,)."""

    name = "tiny"
    dim = 384

    def encode(self, sentences):
        vectors = []
        for sentence in sentences:
            generator = torch.Generator().manual_seed(zlib.crc32(sentence.encode()))
            vectors.append(functional.normalize(torch.randn(384, generator=generator), dim=0))
        return torch.stack(vectors)


TINY_NETWORK = {
    "dim": 32,
    "fuser_heads": 2,
    "fuser_depth": 2,
    "decoder_heads": 2,
    "decoder_depth": 1,
    "mlp_ratio": 2.0,
}
