"""KLD, SIM and NSS of predicted maps against ground truth maps, in two protocols.

``reference``: what Cross-View-AG, LOCATE and their successors report. The prediction is resized to
224x224 and then min-max normalised; the ground truth is resized; all sums run in float64.
``plsp``: what PLSP reports. The prediction is taken as a probability map, an all-zero ground
truth counts as uniform, the standard deviation of NSS is the sample's.

KLD: lower is better; SIM and NSS: higher is better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, look_up

Floats64 = NDArray[np.float64]

MAP_SIDE = 224
HEAT_EPSILON = 1e-10
SUM_EPSILON = 1e-12
FIXATION_LEVEL = 0.1


P = TypeVar("P", bound="PerMap")


@dataclass(frozen=True)
class PerMap:
    """Figures of N maps, float64 (N,) in every field; NaN where a figure is undefined."""

    def subset(self: P, chosen: NDArray[np.bool_]) -> P:
        """The figures of the chosen maps only."""
        return type(self)(*(values[chosen] for values in vars(self).values()))

    @classmethod
    def joined(cls: type[P], pieces: Sequence[P]) -> P:
        """The figures of several batches of maps, one after the other."""
        columns = zip(*(vars(piece).values() for piece in pieces), strict=True)
        return cls(*map(np.concatenate, columns))


@dataclass(frozen=True)
class Scores(PerMap):
    """The three metrics.

    ``nss`` is undefined for a constant prediction.
    """

    kld: Floats64
    sim: Floats64
    nss: Floats64

    def mean(self) -> dict[str, float]:
        """Mean over the maps on which all three are defined, with the number left out."""
        table = np.stack([self.kld, self.sim, self.nss])
        defined = np.isfinite(table).all(axis=0)
        means = table[:, defined].mean(axis=1) if defined.any() else np.full(3, np.nan)
        return {
            **dict(zip(vars(self), map(float, means), strict=True)),
            "maps": int(defined.size),
            "undefined": int((~defined).sum()),
        }


def resize_map(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Bilinear resize of one (H, W) map to 224x224, aspect squashed, no antialias."""
    return np.asarray(cv2.resize(values, (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_LINEAR))


def predicted_map(prediction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize one raw map (h, w) to 224x224, then scale it to [0, 1] (reference protocol)."""
    x = resize_map(np.asarray(prediction, np.float32))
    return np.asarray((x - x.min()) / (x.max() - x.min() + HEAT_EPSILON), np.float32)


def ground_truth_map(gray: NDArray[np.uint8], protocol: str = "reference") -> Floats64:
    """Turn an 8-bit ground truth image (H, W) into the (224, 224) map that is scored.

    ``plsp`` works in float32, replaces an all-zero map by a uniform one and sums to 1.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8:
        raise InvalidInput(
            f"ground truth has shape {gray.shape} and type {gray.dtype}; expected (H, W) uint8"
        )
    if _protocol(protocol) is score_reference:
        return np.asarray(resize_map(gray / 255.0), np.float64)
    scaled = resize_map(gray.astype(np.float32) / np.float32(255)).astype(np.float64)
    scaled = scaled if scaled.sum() > 0 else np.ones_like(scaled)
    return np.asarray(scaled / scaled.sum())


def score(predictions: NDArray[np.floating], truths: Floats64, protocol: str) -> Scores:
    """Score N maps (N, H, W) against N ground truth maps of the same size.

    ``reference`` expects min-max normalised maps (:func:`predicted_map`); ``plsp`` any
    non-negative map, which it divides by its sum. ``truths`` come from :func:`ground_truth_map`.
    """
    if predictions.ndim != 3 or predictions.shape != truths.shape:
        raise InvalidInput(
            f"predictions {predictions.shape} and ground truth {truths.shape} must both be "
            "(N, H, W) of one size"
        )
    n = len(predictions)
    return _protocol(protocol)(predictions.reshape(n, -1), truths.reshape(n, -1))


def score_reference(p: NDArray[np.floating], g: Floats64) -> Scores:
    """Reference protocol on flattened maps (N, pixels), as in LOCATE's evaluation file.

    The prediction's type is kept: the published figures come from float32 predictions.
    """
    P = p / (p.sum(axis=1, keepdims=True) + SUM_EPSILON)
    G = g / (g.sum(axis=1, keepdims=True) + SUM_EPSILON)
    kld = (G * np.log(G / (P + SUM_EPSILON) + SUM_EPSILON)).sum(axis=1)
    sim = np.minimum(P, G).sum(axis=1)
    low, high = g.min(axis=1, keepdims=True), g.max(axis=1, keepdims=True)
    level = (g - low) / (high - low + SUM_EPSILON)
    fixated = (level > FIXATION_LEVEL).astype(np.float64)
    nss = (_standardised(p / 255, 0) * fixated).sum(axis=1) / (fixated + SUM_EPSILON).sum(axis=1)
    return Scores(kld, sim, nss)


def score_plsp(p: NDArray[np.floating], g: Floats64) -> Scores:
    """PLSP's protocol on flattened maps (N, pixels): 0 log 0 = 0, sample deviation, level >=.

    All in float64: the float32 normalisation of the released code stops on near-flat maps.
    """
    p = p.astype(np.float64)
    with np.errstate(invalid="ignore"):
        P = p / p.sum(axis=1, keepdims=True)
    G = g / g.sum(axis=1, keepdims=True)
    log_ratio = np.log(np.where(G > 0, G, 1)) - np.log(P + HEAT_EPSILON)
    kld = np.where(G > 0, G * log_ratio, 0 * P).sum(axis=1)
    low, high = G.min(axis=1, keepdims=True), G.max(axis=1, keepdims=True)
    span = high - low
    level = np.divide(G - low, span, out=np.zeros_like(G), where=span > 0)
    fixated = level >= FIXATION_LEVEL
    hits = (_standardised(P, 1) * fixated).sum(axis=1)
    return Scores(kld, np.minimum(P, G).sum(axis=1), hits / np.maximum(fixated.sum(axis=1), 1))


def _standardised(maps: NDArray[np.floating], ddof: int) -> NDArray[np.floating]:
    deviation = maps.std(axis=1, ddof=ddof, keepdims=True)
    # rounding leaves a constant map a deviation of about 1e-17 of its mean
    constant = maps.max(axis=1, keepdims=True) == maps.min(axis=1, keepdims=True)
    deviation = np.where(constant, np.nan, deviation)
    return np.asarray((maps - maps.mean(axis=1, keepdims=True)) / deviation)


PROTOCOLS: dict[str, Callable[[NDArray[np.floating], Floats64], Scores]] = {
    "reference": score_reference,
    "plsp": score_plsp,
}


def _protocol(name: str) -> Callable[[NDArray[np.floating], Floats64], Scores]:
    return look_up("protocol", name, PROTOCOLS)
