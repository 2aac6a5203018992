"""What a person reads afterwards: figures, an animation, and report.json."""
