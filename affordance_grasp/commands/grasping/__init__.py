"""Commands that ground, plan, pick and replay."""
