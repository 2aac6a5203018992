"""A module per command of the command line, in rooms by what they work on."""
