"""What a replay tells afterwards: results, summary, charts and one page."""
