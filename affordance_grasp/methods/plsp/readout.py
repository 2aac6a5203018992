"""A linear readout of the frozen tokens beside PLSP's decoder: what each verb claims of an object.

The decoder's heat is sure of the object and less of the part. One direction in the space of the
same tokens for every verb tells parts apart (docs/photographs.md), and costs nothing beside it.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

READOUT_PRIOR = -2.0
"""What a patch answers before anything is learnt: few are of a part."""
READOUT_GAIN = 4.0
"""Of the learnt direction, so that it keeps pace with a decoder that is trained on."""


class Readout(nn.Module):
    """A direction for every text, linear in it, so that texts that were not trained have one."""

    known: Tensor

    def __init__(self, text_dim: int, token_dim: int) -> None:
        super().__init__()
        self.direction = nn.Linear(text_dim, token_dim + 1)
        nn.init.zeros_(self.direction.weight)
        nn.init.zeros_(self.direction.bias)
        self.register_buffer("known", torch.empty(0, text_dim), persistent=False)

    def forward(self, tokens: Tensor, text: Tensor) -> Tensor:
        """Tokens (B, 1 + N, token dim) and texts (B, text_dim) -> logits of patches (B, g, g)."""
        direction = READOUT_GAIN * cast(Tensor, self.direction(text))
        logits = torch.einsum("bnc,bc->bn", tokens[:, 1:], direction[:, :-1]) + direction[:, -1:]
        grid = round(logits.shape[1] ** 0.5)
        return READOUT_PRIOR + logits.unflatten(1, (grid, grid))

    def log_weight(self, tokens: Tensor, text: Tensor, side: int) -> Tensor:
        """What a decoder's map is multiplied with, its logarithm: (Q, side, side) for Q texts.

        The root of the probability s that one image's tokens (1, 1 + N, token dim) give, times
        the verb's share s / (s + sum of all known verbs' s): where others claim more, it is
        less. Bounded also for a text that is none of the known ones.
        """
        own = self._claim(tokens, text, side)
        known = self._claim(tokens, self.known, side)
        everyone = torch.cat([own[:, None], known.expand(len(own), -1, -1, -1)], dim=1)
        return 1.5 * own - everyone.logsumexp(dim=1)

    def _claim(self, tokens: Tensor, text: Tensor, side: int) -> Tensor:
        """Logarithms of probabilities (Q, side, side)."""
        logits = self(tokens.expand(len(text), -1, -1), text)
        upscaled = functional.interpolate(logits[:, None], (side, side), mode="bilinear")
        return functional.logsigmoid(upscaled[:, 0])
