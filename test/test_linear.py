"""Linear layers through a convolution: the same products, gradients and parameter names."""

import pytest
import torch
from torch.nn import functional

from affordance_grasp.encoders import linear as module
from affordance_grasp.encoders.linear import linear


@pytest.mark.parametrize("shape", [(70, 6), (2, 40, 6), (2, 5, 9, 6), (1, 64, 6), (3, 6), (6,)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_products_and_gradients_are_those_of_a_linear_layer(shape, with_bias):
    torch.manual_seed(0)
    x, weight = torch.randn(shape, requires_grad=True), torch.randn(5, 6, requires_grad=True)
    bias = torch.randn(5, requires_grad=True) if with_bias else None
    inputs = [t for t in (x, weight, bias) if t is not None]
    found, expected = linear(x, weight, bias), functional.linear(x, weight, bias)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous()
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad(y, inputs, upstream) for y in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-5)


def test_rows_of_a_permuted_map_are_taken_as_they_are():
    maps, weight = torch.randn(2, 6, 9, 8), torch.randn(5, 6)
    rows = maps.permute(0, 2, 3, 1)
    torch.testing.assert_close(linear(rows, weight), functional.linear(rows, weight))


def test_only_many_float32_rows_go_through_a_convolution(monkeypatch):
    calls = []
    convolve = functional.conv2d

    def watched(*arguments, **named):
        calls.append(arguments[0].shape)
        return convolve(*arguments, **named)

    monkeypatch.setattr(module.functional, "conv2d", watched)
    weight = torch.randn(5, 6)
    linear(torch.randn(2, 3, 6), weight)
    linear(torch.randn(70, 6).double(), weight.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(torch.randn(70, 6), weight).dtype == torch.bfloat16
    assert not calls
    monkeypatch.setattr(module, "HAS_BOTH", False)
    linear(torch.randn(2, 35, 6), weight)
    assert not calls
    monkeypatch.setattr(module, "HAS_BOTH", True)
    linear(torch.randn(2, 35, 6), weight)
    assert calls == [(2, 6, 1, 35)]
