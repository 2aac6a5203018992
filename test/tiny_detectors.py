"""Zero-shot detectors of random weights, as folders of files that transformers reads."""

import json

import torch


def write_owlv2(folder):
    """OWLv2 on 32 pixels."""
    from transformers import (
        CLIPTokenizer,
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessor,
        Owlv2Processor,
    )

    small = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 2}
    small |= {"num_hidden_layers": 2}
    text = {**small, "vocab_size": 99, "max_position_embeddings": 16}
    vision = {**small, "image_size": 32, "patch_size": 8}
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)
    torch.manual_seed(0)
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    letters = [c for c in "abcdefghijklmnopqrstuvwxyz"]
    words = letters + [f"{c}</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=16)
    images = Owlv2ImageProcessor(size={"height": 32, "width": 32})
    Owlv2Processor(images, tokenizer).save_pretrained(folder)


def write_grounding_dino(folder):
    """Grounding DINO with a tiny Swin and a tiny BERT."""
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    swin = SwinConfig(
        image_size=32,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )
    bert = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=8,
        max_text_len=16,
        num_feature_levels=3,
    )
    torch.manual_seed(0)
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "mug", "handle", "knife"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer.from_pretrained(folder)
    images = GroundingDinoImageProcessor(size={"shortest_edge": 32, "longest_edge": 48})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
