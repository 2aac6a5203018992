"""The learning side: datasets, pseudo labels, training, evaluation, metrics."""
