"""What data is like, known before a byte of it is read where the data set is a fixed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yamlnet.diagnostics import Mistake


@dataclass(frozen=True)
class Field:
    """One field of a batch: its shape without the batch, and its dtype as PyTorch names it.

    The shape is None where only the data tell it; `channels` may be known of such images. `num_categories`
    is known of a field of categories once its data is read, or the file lists them.
    """

    shape: tuple[int, ...] | None
    dtype: str
    num_categories: int | None = None
    channels: int | None = None


@dataclass(frozen=True)
class Facts:
    """What the network, the loss and the schedule may know of the data.

    `fields` are the batch's fields as the model sees them (an image is float32 in [channels, height,
    width]); `targets` names those that are no input, and `target` is the only one by another name.
    `num_classes` is that of the only target of categories. Counts are of samples, None while the data isn't
    read; `train` is what is left after the validation and test shares are split off. `images` is the shape
    of the images before `augment` and `transforms`.
    """

    fields: Mapping[str, Field]
    targets: tuple[str, ...] = ("target",)
    num_classes: int | None = None
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    classes: tuple[str, ...] | None = None
    images: tuple[int, ...] | None = None

    @property
    def most_classes(self) -> int | None:
        """The number of classes of the target that has most."""
        known = [self.fields[name].num_categories for name in self.targets if name in self.fields]
        return max((size for size in known if size is not None), default=self.num_classes)

    def classes_of(self, field: str) -> int | None:
        """How many classes a target has, None where that isn't known, or it has none."""
        known = self.fields.get(field)
        own = None if known is None else known.num_categories
        return self.num_classes if own is None and field in self.targets else own


def facts_of(
    fields: Mapping[str, Field],
    targets: tuple[str, ...],
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    classes: tuple[str, ...] | None = None,
) -> Facts:
    """The facts of these fields: the only target is the field `target` too, its categories the classes."""
    sizes = [fields[name].num_categories for name in targets if fields[name].dtype == "int64"]
    num_classes = sizes[0] if len(sizes) == 1 else None
    if len(targets) == 1 and "target" not in fields:
        fields, targets = {**fields, "target": fields[targets[0]]}, (*targets, "target")
    return Facts(fields, targets, num_classes, train, validation, test, classes)


def too_large_shares(count: int, taken: Mapping[str, int]) -> Mistake:
    """The mistake of shares that leave none of `count` samples; `taken` says how many each takes."""
    names = [name for name, part in taken.items() if part]
    words = " and ".join(f"`{name}`" for name in names)
    message = f"{words} would take {sum(taken.values()):,} of {count:,} samples and leave none to train on"
    return Mistake("wrong-value", ("data", max(names, key=lambda name: taken[name])), message)


def second_part(data_set: str, part: str) -> Mistake:
    """The mistake of a share for what a data set has a part of its own for."""
    message = f"`{part}` asks for a share, but `{data_set}` has a {part} part of its own"
    help = f"leave `{part}` out, or name another data set"
    return Mistake("wrong-value", ("data", part), message, help)


def share(count: int, part: float | int) -> int:
    """How many of `count` samples a part is: a share (float) of them, at least one, or a number (int)."""
    return part if isinstance(part, int) else max(1, round(count * part))
