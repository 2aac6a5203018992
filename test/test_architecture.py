"""The places that docs/architecture.md names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PLACES = re.findall(r"`([\w/]+(?:/|\.py|\.yaml))`", TEXT)


@pytest.mark.parametrize("place", sorted(set(PLACES)))
def test_a_named_place_exists(place):
    base = ROOT if place.startswith(("config/", "models/", "urdf/")) else ROOT / "affordance_grasp"
    assert (base / place).exists()


def test_the_questions_are_answered():
    assert len(PLACES) > 30
