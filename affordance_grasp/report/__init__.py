"""The report of a plan or pick: figures, an animation, and report.json."""
