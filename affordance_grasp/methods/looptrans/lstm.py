"""An LSTM over the frames of a clip, the same at every patch."""

import torch
from torch import Tensor, nn


class SpatialLstm(nn.Module):
    """Every patch has a state of its own; the weights are shared (1x1 convolutions)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.gates = nn.Conv2d(2 * dim, 4 * dim, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (B, T, dim, h, w) in order -> the last hidden state (B, dim, h, w)."""
        hidden = cell = torch.zeros_like(frames[:, 0])
        for frame in frames.unbind(dim=1):
            gates = self.gates(torch.cat([frame, hidden], dim=1)).split(self.dim, dim=1)
            kept, taken, shown = (gate.sigmoid() for gate in gates[:3])
            cell = kept * cell + taken * gates[3].tanh()
            hidden = shown * cell.tanh()
        return hidden
