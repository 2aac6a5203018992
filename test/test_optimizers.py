import pytest
import torch

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.training.optimizers import (
    AdamW,
    Sgd,
    parse_optimizer,
    plain_optimizer,
)


@pytest.mark.parametrize("kind", [AdamW, Sgd])
def test_staircase_falls_by_the_decay_every_step(kind):
    optimizer = kind(step_epochs=5, decay=0.1)
    assert [optimizer.factor(epoch) for epoch in (0, 4, 5, 9, 10)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01]
    )


def test_the_published_adamw_keeps_its_rate():
    assert AdamW().factor(1000) == 1


def test_first_nesterov_step_is_known():
    """Gradient g: momentum buffer g, step lr * (g + momentum * g), plus decay of the weight."""
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = Sgd(momentum=0.9, weight_decay=0.5).build([{"params": [weight], "lr": 0.1}])
    weight.grad = torch.tensor([1.0])
    optimizer.step()
    assert weight.item() == pytest.approx(2 - 0.1 * 1.9 * (1 + 0.5 * 2))


def test_adamw_takes_the_rates_of_its_groups():
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in (1e-4, 1e-5)]
    built = AdamW(betas=[0.9, 0.95]).build(groups)
    assert [group["lr"] for group in built.param_groups] == [1e-4, 1e-5]
    assert {group["betas"] for group in built.param_groups} == {(0.9, 0.95)}


@pytest.mark.parametrize("optimizer", [AdamW(learning_rate=3e-4), Sgd(step_epochs=7)], ids=str)
def test_plain_values_and_back(optimizer):
    assert parse_optimizer(plain_optimizer(optimizer)) == optimizer


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (AdamW, {"learning_rate": float("nan")}),
        (AdamW, {"learning_rate": "fast"}),
        (AdamW, {"weight_decay": -1}),
        (AdamW, {"betas": (0.9, 0.9, 0.9)}),
        (AdamW, {"betas": (0.9, 1.0)}),
        (AdamW, {"step_epochs": 0}),
        (Sgd, {"momentum": 1.0}),
        (Sgd, {"step_epochs": 0}),
        (Sgd, {"decay": 0}),
    ],
    ids=str,
)
def test_figures_that_cannot_train_are_refused(kind, wrong):
    with pytest.raises(InvalidInput):
        kind(**wrong)


def test_unknown_optimizer_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match="adamw, sgd"):
        parse_optimizer({"name": "magic"})
