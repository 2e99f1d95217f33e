from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.reference.model import FastSCNN, resize
from fastscnn_edge.reference.torch_predictor import torch_predictor

from ..helpers import random_model


@pytest.mark.parametrize(("dialect", "millions"), [("mmseg", 1.40), ("paper", 1.14)])
def test_parameter_count_without_training_heads(dialect: str, millions: float) -> None:
    count = sum(p.numel() for p in FastSCNN(19, dialect).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.005)


def test_training_heads_do_not_change_the_logits() -> None:
    with_heads = FastSCNN(5, "mmseg", auxiliary=True).eval()
    without = FastSCNN(5, "mmseg").eval()
    without.load_state_dict({k: v for k, v in with_heads.state_dict().items() if not k.startswith("auxiliary.")})
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    main, lower, higher = with_heads.forward_with_auxiliary(x)
    assert torch.equal(main, without(x))
    assert lower.shape == (1, 5, 2, 3)
    assert higher.shape == (1, 5, 8, 12)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (67, 101), (33, 32), (360, 480)])
def test_mmseg_grid_is_a_rounded_up_eighth(size: tuple[int, int]) -> None:
    assert _logits("mmseg", size).shape == (1, 4, -(-size[0] // 8), -(-size[1] // 8))


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (67, 101), (33, 32), (360, 480)])
def test_paper_grid_loses_the_unpadded_border(size: tuple[int, int]) -> None:
    after_first = [(side - 3) // 2 + 1 for side in size]
    assert _logits("paper", size).shape == (1, 4, *(-(-side // 4) for side in after_first))


def _logits(dialect: str, size: tuple[int, int]) -> torch.Tensor:
    with torch.inference_mode():
        logits = random_model(dialect, 4)(torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1)))
    assert torch.isfinite(logits).all()
    assert logits.std() > 0.01
    return logits


def test_parity_with_mmsegmentation(shared: Path) -> None:
    """The fixture's logits and class map were computed by mmsegmentation itself."""
    checkpoint = load_checkpoint(shared / "fixtures" / "mmseg_random.pth")
    expected = np.load(shared / "fixtures" / "mmseg_random.npz")
    image, wanted = expected["image_rgb"], expected["logits_1_8"]
    mean, std = (torch.tensor(v) for v in (checkpoint.normalization.mean, checkpoint.normalization.std))
    with torch.inference_mode():
        x = ((torch.from_numpy(image).float() - mean) / std).permute(2, 0, 1)[None]
        logits = checkpoint.model(x)
    noise = 1e-4 * np.abs(wanted).max()
    assert np.abs(logits[0].numpy() - wanted).max() <= noise

    full = resize(torch.from_numpy(wanted)[None], image.shape[:2], align_corners=False)
    best, second = full.topk(2, 1).values[0]
    clear = ((best - second) > 2 * noise).numpy()
    assert clear.mean() > 0.99
    classes = torch_predictor(checkpoint.model, checkpoint.normalization)(image)
    assert classes.dtype == np.uint8
    assert np.array_equal(classes[clear], expected["argmax"][clear])
