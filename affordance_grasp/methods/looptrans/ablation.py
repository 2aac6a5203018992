"""The ablation of LoopTrans' paper: shared CAM (S), pixel decoder (P), denoising (D)."""

from affordance_grasp.methods.ablation import Row

ROWS = {
    name: Row(
        description,
        {"shared_cam": "S" in name, "pixel": "P" in name, **({} if "D" in name else {"noise": 0})},
        published=published,
    )
    for name, description, published in (
        ("none", "a block for each view, no pixel decoder, no noise heads", (1.318, 0.384, 1.135)),
        ("S", "shared CAM", (1.259, 0.409, 1.179)),
        ("D", "denoising distillation", (1.251, 0.392, 1.196)),
        ("S+P", "shared CAM and pixel decoder", (1.149, 0.425, 1.266)),
        ("S+D", "shared CAM and denoising", (1.222, 0.405, 1.183)),
    )
} | {"all": Row("the full method", published=(1.088, 0.443, 1.322))}
