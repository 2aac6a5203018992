"""Batched K-means against a plain one, set by set."""

import pytest
import torch

from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.shared.kmeans import draw_rows, kmeans


def plain_kmeans(points, rows, tolerance=1e-4, steps=300):
    """One set at a time, as the method is described; labels precede the last update."""
    centroids = points[rows]
    for _ in range(steps):
        labels = torch.cdist(points, centroids).argmin(dim=1)
        means = [points[labels == k].mean(dim=0) for k in range(len(rows))]
        moved = torch.stack([m if torch.isfinite(m).all() else torch.zeros_like(m) for m in means])
        shift, centroids = (moved - centroids).square().sum(), moved
        if shift <= tolerance:
            break
    return labels, centroids


def test_every_set_of_a_batch_ends_as_it_would_alone():
    torch.manual_seed(0)
    points = torch.randn(5, 40, 6)
    mask = torch.rand(5, 40) > 0.3
    rows = draw_rows(mask, 3, torch.Generator().manual_seed(1))
    found = kmeans(points, rows, mask)
    for b in range(5):
        positions = mask[b].nonzero()[:, 0]
        own_rows = (positions[:, None] == rows[b]).float().argmax(dim=0)
        labels, centroids = plain_kmeans(points[b, positions], own_rows)
        assert found.labels[b, positions].tolist() == labels.tolist()
        assert (found.labels[b, ~mask[b]] == -1).all()
        torch.testing.assert_close(found.centroids[b], centroids)


def test_an_empty_cluster_becomes_zero():
    points = torch.tensor([[[5.0, 5.0], [5.0, 6.0], [9.0, 9.0]]])
    found = kmeans(points, torch.tensor([[0, 0, 2]]))
    assert found.labels.tolist() == [[0, 0, 2]]
    assert found.centroids.tolist() == [[[5.0, 5.5], [0.0, 0.0], [9.0, 9.0]]]


def test_labels_are_those_before_the_last_update():
    points = torch.tensor([[[0.0], [1.0], [1.9], [10.0]]])
    found = kmeans(points, torch.tensor([[0, 1]]), steps=1)
    assert found.labels.tolist() == [[0, 1, 1, 1]]
    torch.testing.assert_close(found.centroids, torch.tensor([[[0.0], [4.3]]]))
    # 1.9 is nearer to 0 than to 4.3, which only the next step sees
    assert kmeans(points, torch.tensor([[0, 1]])).labels.tolist() == [[0, 0, 0, 1]]


def test_a_set_without_points_is_zero_and_disturbs_nobody():
    torch.manual_seed(0)
    points = torch.randn(2, 10, 3)
    mask = torch.stack([torch.ones(10), torch.zeros(10)]).bool()
    rows = draw_rows(mask, 3, torch.Generator().manual_seed(0))
    found = kmeans(points, rows, mask)
    assert found.centroids[1].abs().max() == 0
    assert (found.labels[1] == -1).all()
    torch.testing.assert_close(found.centroids[:1], kmeans(points[:1], rows[:1]).centroids)


def test_rows_are_drawn_among_the_points_and_repeat_with_the_seed():
    mask = torch.zeros(200, 9, dtype=torch.bool)
    mask[:, 2:5] = True
    rows = draw_rows(mask, 3, torch.Generator().manual_seed(4))
    assert rows.unique().tolist() == [2, 3, 4]
    assert (rows[:, 0] == rows[:, 1]).any()
    assert torch.equal(rows, draw_rows(mask, 3, torch.Generator().manual_seed(4)))
    with pytest.raises(InvalidInput, match="row is masked out"):
        kmeans(torch.randn(200, 9, 2), torch.zeros(200, 3, dtype=torch.long), mask)
