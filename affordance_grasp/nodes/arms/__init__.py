"""The robots that a planned pick is executed on, one class for each kind."""
