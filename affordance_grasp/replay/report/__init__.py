"""The report of a replay: results, summary, charts and one page."""
