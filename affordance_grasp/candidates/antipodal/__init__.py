"""The built-in generator: an antipodal hand search on one depth image."""
