"""Embeddings and their classes in; how many a vote of their nearest neighbours classifies rightly out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from yamlnet.diagnostics import YamlnetError

MAX_DISTANCES = 2**21
"""How many distances are held at once."""


class Neighbours:
    """k-NN accuracy, leave-one-out: each sample is classified by the `k` others that lie nearest to it.

    Distances are Euclidean; of classes with as many votes the lowest wins, as in scikit-learn. Where there
    are fewer than `k` others, all of them vote. Embeddings are kept until the metric is computed.
    """

    def __init__(self, k: int, device: torch.device) -> None:
        self.k = k
        self._device = device
        self._embeddings: list[Tensor] = []
        self._targets: list[Tensor] = []

    def state(self) -> Mapping[str, Tensor]:
        """The embeddings [samples, size] and their classes [samples] so far; nothing of no samples."""
        if not self._embeddings:
            return {}
        return {"embeddings": torch.cat(self._embeddings), "targets": torch.cat(self._targets)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from there."""
        self.reset()
        if state:
            self._embeddings.append(state["embeddings"].to(self._device))
            self._targets.append(state["targets"].to(self._device))

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Takes all of them in."""
        for state in filter(None, states):
            self._embeddings.append(state["embeddings"].to(self._device))
            self._targets.append(state["targets"].to(self._device))

    def reset(self) -> None:
        """Forgets everything."""
        self._embeddings.clear()
        self._targets.clear()

    def update(self, *inputs: Sequence[Tensor]) -> None:
        """Keeps batches of embeddings [batch, ...] and of classes [batch]."""
        for embeddings, targets in zip(*inputs, strict=True):
            if not embeddings.is_floating_point() or embeddings.dim() < 2:
                raise YamlnetError("an embedding is a vector of numbers for each sample")
            if targets.is_floating_point() or targets.shape != embeddings.shape[:1]:
                raise YamlnetError("neighbours have one class each, a whole number")
            self._embeddings.append(embeddings.flatten(1))
            self._targets.append(targets)

    def compute(self) -> float:
        """The share of samples classified rightly, `nan` of fewer than two; reads from the device."""
        count = sum(map(len, self._targets))
        if count < 2:
            return float("nan")
        embeddings, classes = torch.cat(self._embeddings), torch.cat(self._targets)
        wide = embeddings if embeddings.device.type == "mps" else embeddings.double()
        known, numbers = torch.unique(classes, return_inverse=True)
        points, hits = wide - wide.mean(0), torch.zeros((), dtype=torch.int64, device=classes.device)
        every = torch.arange(count, device=classes.device)
        for rows in torch.split(every, max(1, MAX_DISTANCES // count)):
            hits += (self._voted(points, numbers, rows, len(known)) == numbers[rows]).sum()
        return int(hits) / count

    def _voted(self, points: Tensor, numbers: Tensor, rows: Tensor, num_classes: int) -> Tensor:
        """The class that wins among the neighbours of each of the rows."""
        norms = (points**2).sum(1)
        # a sample's own norm is the same for all its neighbours
        distances = norms - 2 * points[rows] @ points.T
        distances[torch.arange(len(rows), device=rows.device), rows] = torch.inf
        nearest = distances.topk(min(self.k, len(points) - 1), largest=False).indices
        if nearest.shape[1] == 1:
            return numbers[nearest[:, 0]]
        votes = torch.zeros(len(rows), num_classes, dtype=torch.int64, device=rows.device)
        for column in numbers[nearest].unbind(1):
            votes[torch.arange(len(rows), device=rows.device), column] += 1
        lowest_first = torch.arange(num_classes, 0, -1, device=rows.device)
        return (votes * (num_classes + 1) + lowest_first).argmax(1)
