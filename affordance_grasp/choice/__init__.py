"""Which of the things on the table is meant."""
