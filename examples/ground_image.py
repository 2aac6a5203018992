"""From an image to a heatmap: where to take the object for a task.

    python examples/ground_image.py                            # the mug of examples/frame
    python examples/ground_image.py photo.jpg "cut with" --method looptrans

It needs the extra [ground] and writes the heatmap over the image.
"""

import argparse
from pathlib import Path

from PIL import Image

from affordance_grasp import heatmap_overlay, load_grounder, read_color

FRAME = Path(__file__).parent / "frame"


def main() -> None:
    """Ground the query and say where the heatmap peaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", default=FRAME / "color.jpg")
    parser.add_argument("query", nargs="?", default="hold")
    parser.add_argument("--method", default="plsp")
    parser.add_argument("--out", default="heatmap.png")
    arguments = parser.parse_args()

    color = read_color(arguments.image)
    heatmap = load_grounder(arguments.method).ground(color, arguments.query)
    Image.fromarray(heatmap_overlay(color, heatmap)).save(arguments.out)

    u, v = heatmap.peak_uv
    print(f"{heatmap.query} -> {heatmap.affordance}: peak at column {u}, row {v}")
    print(f"confidence {heatmap.confidence:.2f}, written to {arguments.out}")


if __name__ == "__main__":
    main()
