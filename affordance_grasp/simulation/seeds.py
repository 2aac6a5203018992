"""Which object instances are for what, so that nothing is tested on what it was trained on.

Offsets within the :data:`SEEDS_PER_DATASET` object seeds that belong to one data set seed.
"""

TRAIN_SEED_START = 0
EXO_SEED_START = 20_000
TEST_SEED_START = 50_000
TRIAL_SEED_START = 100_000
"""Objects that the simulated robot picks: never in any picture of the data set of seed 0."""

SEEDS_PER_DATASET = 1_000_000
