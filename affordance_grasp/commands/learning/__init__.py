"""Commands that make labels, train, evaluate and time methods."""
