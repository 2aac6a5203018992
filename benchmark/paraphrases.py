"""Forty requests that the vocabulary cannot name, beside the verb that each paraphrases.

    python benchmark/paraphrases.py data/simulated
Prints for each the cosine to the nearest trained verb, whether that is the verb meant, whether the
text is trusted, and over test images the correlation of the text's map with the verb's, and
how often the hottest point of either lies in the part.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from affordance_grasp.datasets.agd20k import TestItem, load_test_split
from affordance_grasp.encoders.text import affordance_sentence, load_text_encoder
from affordance_grasp.image_files import read_color, read_gray
from affordance_grasp.learning.evaluation.metrics import ground_truth_map, predicted_map
from affordance_grasp.learning.evaluation.part_scores import score_parts
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.method import restore_network
from affordance_grasp.query.free_text import LEAST_SIMILARITY, requested_verb

PARAPHRASES = {
    "brush_with": ("polish my teeth", "scour the molars", "groom the teeth"),
    "cut_with": ("divide the loaf", "sever the rope", "mince the herbs", "halve the apple"),
    "drink_with": ("quench my thirst", "gulp the coffee", "imbibe the wine", "savour the tea"),
    "hit": ("thump it", "bang the nail", "tap the nail", "whack it"),
    "hold": ("clench it", "wield it", "manipulate the thing", "handle the tool"),
    "lift": ("elevate the pan", "heave it", "hoick it"),
    "open": ("uncork the bottle", "unseal the jar", "unlatch it"),
    "pour": ("dispense the tea", "empty the jug", "serve the coffee", "spill the water"),
    "sip": ("taste the soup", "slurp the tea"),
    "stick": ("impale the olive", "prong the sausage", "jab it"),
    "stir": ("agitate the batter", "combine the ingredients", "whip the cream"),
    "swing": ("wave it", "flail it", "brandish the axe"),
    "wash": ("soak the dishes", "cleanse the plate", "scour the pot"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="root of the simulated data set")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("models/plsp_simulated.safetensors")
    )
    parser.add_argument("--images", type=int, default=6, help="test images of a verb (6)")
    arguments = parser.parse_args()
    stored = load_checkpoint(arguments.checkpoint)
    network = restore_network(stored, str(arguments.checkpoint)).eval()
    encoder = load_text_encoder(stored.info.text_encoder)
    items = load_test_split(arguments.data, "Seen").test
    rows, known = [], stored.info.affordances
    for verb, texts in PARAPHRASES.items():
        similar = encoder.encode(texts) @ stored.text.T
        verbs = [requested_verb(text, {}) for text in texts]
        features = encoder.encode([affordance_sentence(text.split()[0]) for text in texts])
        asked = torch.cat([stored.text[known.index(verb)][None], features])
        mine = [item for item in items if item.image.affordance == verb]
        chosen = [mine[round(i)] for i in np.linspace(0, len(mine) - 1, arguments.images)]
        maps = np.stack([_maps(network, item, asked) for item in chosen], axis=1)
        peaks = [_peak_in_part(of, chosen) for of in maps]
        for i, text in enumerate(texts):
            pairs = zip(maps[0], maps[i + 1], strict=True)
            r = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
            nearest, cosine = known[int(similar[i].argmax())], float(similar[i].max())
            trusted = verbs[i] is not None and cosine >= LEAST_SIMILARITY[encoder.name]
            rows.append((trusted, nearest == verb, r, peaks[0], peaks[i + 1]))
            print(
                f"{text:24s} {verb:10s} nearest {nearest:10s} {cosine:.2f} "
                f"{'trusted' if trusted else 'refused'} r {r:.2f} "
                f"peak {peaks[0]:.2f} {peaks[i + 1]:.2f}"
            )
    for name, chosen_rows in (("all", rows), ("trusted", [row for row in rows if row[0]])):
        table = np.array(chosen_rows, float)
        print(
            f"{name}: {len(table)}, nearest to the verb meant {table[:, 1].sum():.0f}, "
            f"correlation {table[:, 2].mean():.2f} (median {np.median(table[:, 2]):.2f}), peak in "
            f"the part: of the verb {table[:, 3].mean():.2f}, of the text {table[:, 4].mean():.2f}"
        )


@torch.inference_mode()
def _maps(network: torch.nn.Module, item: TestItem, asked: torch.Tensor) -> np.ndarray:
    tokens = network.tokens(network.prepare(read_color(item.image.path)))
    raw = network.maps(tokens, asked, torch.zeros(len(asked), dtype=torch.long))
    return np.stack([predicted_map(values) for values in raw.numpy()])


def _peak_in_part(maps: np.ndarray, items: list[TestItem]) -> float:
    truth = np.stack([ground_truth_map(read_gray(item.truth)) for item in items])
    everywhere = [np.ones(each.shape, bool) for each in truth]
    return float(score_parts(maps, truth, everywhere).mean()["masked_peak"])


if __name__ == "__main__":
    main()
