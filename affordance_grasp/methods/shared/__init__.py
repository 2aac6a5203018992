"""What several methods share: class activation maps, K-means, training triplets."""
