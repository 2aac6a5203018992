"""The vision transformer gives what timm's gives from the same weights."""

import pytest
import timm
import torch

from affordance_grasp.encoders.vision_transformer import VisionTransformer

IMAGES = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[("vit_small_patch14_dinov2", 14), ("vit_small_patch16_224", 16)])
def pair(request):
    name, patch = request.param
    theirs = timm.create_model(name, img_size=112, num_classes=0).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    ours = VisionTransformer(patch, 112 // patch, 384, 6, scaled=patch == 14).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@torch.inference_mode()
def test_tokens_are_those_of_timm(pair):
    ours, theirs = pair
    torch.testing.assert_close(ours(IMAGES), theirs.forward_features(IMAGES))


@torch.inference_mode()
def test_keys_are_those_of_timms_last_attention(pair):
    ours, theirs = pair
    seen = {}
    hook = theirs.blocks[-1].attn.qkv.register_forward_hook(lambda *a: seen.update(qkv=a[2]))
    theirs.forward_features(IMAGES)
    hook.remove()
    query, keys, _ = seen["qkv"].unflatten(2, (3, 6, 64)).unbind(2)
    expected = torch.cat([query[:, :1], keys], dim=1).transpose(2, 3).flatten(2)
    torch.testing.assert_close(ours.last_keys(IMAGES), expected, atol=1e-5, rtol=1e-4)
