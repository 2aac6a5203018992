"""Injected faults and hostile files: seeded, judged from outside, kept in a journal.

``python -m campaign --help`` with ``test`` on the path; ``make campaign N=...`` runs both halves.
"""
