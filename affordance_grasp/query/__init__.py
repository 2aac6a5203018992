"""What is asked for: free text -> an affordance, or a sentence why none can be meant."""
