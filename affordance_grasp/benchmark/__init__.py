"""Ours beside a plain re-implementation of what the released code computes, in one process."""
