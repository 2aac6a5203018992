"""Concept clusters: learned tokens that gather the patches of one part each.

A concept generator after ACSeg (Li et al., CVPR 2023, arXiv 2210.05944); it is trained apart and
frozen here. Parameter names are those of the released checkpoints.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConceptClusters(nn.Module):
    """Four tokens and eight layers of attention; every patch belongs to its most similar token."""

    def __init__(self, dim: int = 384, count: int = 4, depth: int = 8, heads: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(count, dim)
        self.cross_attn_layers = nn.ModuleList(_attention(dim, heads) for _ in range(depth))
        self.self_attn_layers = nn.ModuleList(_attention(dim, heads) for _ in range(depth))
        self.norm_layers = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.ffn_layers = nn.ModuleList(_FeedForward(dim, 4 * dim) for _ in range(depth))

    def forward(self, keys: Tensor) -> Tensor:
        """Keys (B, dim, g, g) -> cosine similarity plus 1 of every patch to every token (B, N, K).

        The released weights belong to this wiring: the queries of both attentions of every
        layer are the initial tokens, only the sums are passed on.
        """
        patches = keys.flatten(2).transpose(1, 2)
        initial = self.tokens.weight[None].expand(len(keys), -1, -1)
        stream = initial
        layers = zip(
            self.cross_attn_layers,
            self.self_attn_layers,
            self.norm_layers,
            self.ffn_layers,
            strict=True,
        )
        for cross, own, norm, feed_forward in layers:
            gathered = stream + cross(initial, patches, patches, need_weights=False)[0]
            # the same for every image, because it depends on the initial tokens alone
            gathered = gathered + own(*[initial[:1]] * 3, need_weights=False)[0]
            stream = norm(gathered + feed_forward(gathered))
        tokens = functional.normalize(stream, dim=2)
        return functional.normalize(patches, dim=2) @ tokens.transpose(1, 2) + 1

    def labels(self, keys: Tensor) -> Tensor:
        """Keys (B, dim, g, g) -> the number of each patch's token (B, N), without gradient."""
        with torch.no_grad():
            return self(keys).argmax(dim=2)


class _FeedForward(nn.Module):
    """Two linear layers; the dropouts between them are 0 and keep the released numbering."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, dim)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        return self.net(tokens)


def _attention(dim: int, heads: int) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(dim, heads, batch_first=True)


def modularity_loss(keys: Tensor, cosines: Tensor) -> Tensor:
    """Minus the modularity of the patches' graph, divided by the tokens (scalar; ACSeg).

    ``keys`` (B, dim, g, g): an edge weighs the cosine of its two patches, or nothing where that is
    negative; the modularity counts how much more edges within a group weigh than chance gives.
    ``cosines`` (B, N, K) of every patch with every token: two patches are of one group by as much
    as the token that suits both best does.
    """
    patches = functional.normalize(keys.flatten(2), dim=1)
    weights = (patches.transpose(1, 2) @ patches).clamp(min=0)
    degrees = weights.sum(dim=2)
    total = degrees.sum(dim=1)[:, None, None]
    excess = weights - degrees[:, :, None] * degrees[:, None] / total
    suits = cosines.clamp(min=0)
    together = (suits[:, :, None] * suits[:, None]).amax(dim=3)
    return -(excess * together / total).sum(dim=(1, 2)).mean()
