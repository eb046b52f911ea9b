"""Classifiers of features (batch, channels, frames). Another one is a class in `MODELS`, or any
``module:Class`` that takes (channels, classes)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["MODELS", "DsCnn", "count_parameters", "make_classifier"]


class _Separable(nn.Module):
    """Depthwise over time, pointwise, normalisation, residual, ReLU."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        pad = dilation * (kernel // 2)
        self.depthwise = nn.Conv1d(
            width, width, kernel, padding=pad, dilation=dilation, groups=width, bias=False
        )
        self.pointwise = nn.Conv1d(width, width, 1, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.pointwise(self.depthwise(x))))


class DsCnn(nn.Module):
    """Depthwise-separable CNN (Zhang et al., "Hello Edge", 2017), residual, dilated in time.

    A convolution over (channels, frames) with ``maps`` maps and stride 2 both ways; a separable one
    that folds the filters' axis into ``width``; separable blocks over time alone, which cost little
    because only time is left; the mean over time and one linear layer. Returns logits
    (batch, classes). Raises ValueError for fewer than 2 channels.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        maps: int = 24,
        width: int = 72,
        kernel: int = 7,
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError(f"ds-cnn needs 2 channels or more, got {channels}")
        rows = (channels + 1) // 2
        self.stem = nn.Conv2d(1, maps, 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(maps)
        self.fold = nn.Conv2d(maps, maps, (rows, 3), padding=(0, 1), groups=maps, bias=False)
        self.widen = nn.Conv2d(maps, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(_Separable(width, kernel, d) for d in dilations))
        self.out = nn.Linear(width, classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, classes) of features (batch, channels, frames)."""
        x = torch.relu(self.stem_norm(self.stem(features[:, None])))
        x = torch.relu(self.norm(self.widen(self.fold(x))))[:, :, 0]
        logits: Tensor = self.out(self.blocks(x).mean(2))
        return logits


def _small(channels: int, classes: int) -> DsCnn:
    return DsCnn(channels, classes, width=60)


MODELS: dict[str, Callable[[int, int], nn.Module]] = {"ds-cnn": DsCnn, "ds-cnn-small": _small}


def make_classifier(name: str, channels: int, classes: int) -> nn.Module:
    """Return the model of this name, or of a user's ``module:Class``. Raises ValueError."""
    if name in MODELS:
        return MODELS[name](channels, classes)
    if ":" not in name:
        raise ValueError(
            f"no classifier {name!r}; there are {', '.join(MODELS)}, or write module:Class"
        )
    module, _, attribute = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)(channels, classes)
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"classifier {name!r} cannot be made: {error}") from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"classifier {name!r} is a {type(made).__name__}, not a torch module")
    return made


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
