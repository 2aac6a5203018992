"""Long runs: many jobs in several processes, and a journal from which a killed run goes on."""
