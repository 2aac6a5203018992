"""The robots that execute a planned pick, one class per interface."""
