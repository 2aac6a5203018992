"""LoopTrans (ICCV 2025): affordances transferred between exocentric and egocentric views."""
