"""The call of a torchvision data set in; what is known of it before it is read, and torchvision's words for
its parts, out.

Only sets of labelled images are here: each sample is an image and a class, or for each of several labels
whether it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, Field

Parts = Mapping[str, Mapping[str, Any]]

BY_TRAIN: Parts = {"train": {"train": True}, "test": {"train": False}}
WHOLE: Parts = {"train": {}}


def _by_split(**names: str) -> Parts:
    return {part: {"split": name} for part, name in names.items()}


TWO = _by_split(train="train", test="test")
THREE = _by_split(train="train", validation="val", test="test")


@dataclass(frozen=True)
class Labelled:
    """A set of labelled images.

    `parts` are ours, each with torchvision's arguments for it, and `counts` the samples of each in that
    order, empty where they aren't known. `size` is the height and width, None where images differ in it;
    `target` the shape of a sample's target. `variants` says for a parameter and its value what is otherwise.
    """

    summary: str
    parts: Parts
    counts: tuple[int, ...] = ()
    channels: int = 3
    size: tuple[int, int] | None = None
    num_classes: int | None = None
    target: tuple[int, ...] = ()
    variants: Mapping[str, Mapping[Any, Mapping[str, Any]]] = field(default_factory=dict)

    def facts(self) -> Facts:
        """What is known; a part whose samples aren't counted is one of at least 1."""
        shape = None if self.size is None else (self.channels, *self.size)
        counts = dict(zip(self.parts, self.counts, strict=False))
        validation, test = (
            counts.get(name, 1) if name in self.parts else None for name in ("validation", "test")
        )
        fields = {
            "image": Field(shape, "float32", channels=self.channels),
            "target": Field(self.target, "int64", None if self.target else self.num_classes),
        }
        num_classes = fields["target"].num_categories
        return Facts(fields, ("target",), num_classes, counts.get("train"), validation, test, images=shape)


MNIST5K = Facts(
    {"image": Field((1, 28, 28), "float32"), "target": Field((), "int64", 10)},
    num_classes=10,
    train=4_000,
    test=1_000,
    images=(1, 28, 28),
)


def known_facts(call: Call) -> Facts | None:
    """What is known of a data set before it is read and any share split off; None where nothing is."""
    if call.name == "MNIST5k":
        return MNIST5K
    known = labelled(call)
    return None if known is None else known.facts()


def labelled(call: Call) -> Labelled | None:
    """The set that a call names, as its arguments have it; None where it is none of these."""
    known = SETS.get(call.name)
    if known is None:
        return None
    arguments = call.with_defaults()
    if call.name == "FakeData":
        channels, *size = arguments["image_size"]
        counts = (arguments["size"],)
        return replace(
            known,
            counts=counts,
            channels=channels,
            size=tuple(size),
            num_classes=arguments["num_classes"],
        )
    for parameter, variants in known.variants.items():
        known = replace(known, **variants.get(arguments[parameter], {}))
    return known


def _grey(summary: str, size: int, counts: tuple[int, ...], num_classes: int = 10) -> Labelled:
    return Labelled(summary, BY_TRAIN, counts, 1, (size, size), num_classes)


SETS: Mapping[str, Labelled] = {
    "MNIST": _grey("70,000 handwritten digits, 28 x 28", 28, (60_000, 10_000)),
    "FashionMNIST": _grey("70,000 pictures of clothes, 28 x 28", 28, (60_000, 10_000)),
    "KMNIST": _grey("70,000 handwritten Japanese characters, 28 x 28", 28, (60_000, 10_000)),
    "QMNIST": _grey("120,000 handwritten digits, MNIST's and more to test, 28 x 28", 28, (60_000, 60_000)),
    "EMNIST": Labelled(
        "Handwritten letters and digits, 28 x 28, of six choices of classes",
        BY_TRAIN,
        (),
        1,
        (28, 28),
        variants={
            "split": {
                "byclass": {"num_classes": 62, "counts": (697_932, 116_323)},
                "bymerge": {"num_classes": 47, "counts": (697_932, 116_323)},
                "balanced": {"num_classes": 47, "counts": (112_800, 18_800)},
                "letters": {"num_classes": 27},
                "digits": {"num_classes": 10, "counts": (240_000, 40_000)},
                "mnist": {"num_classes": 10, "counts": (60_000, 10_000)},
            }
        },
    ),
    "USPS": _grey("9,298 handwritten digits of letters' zip codes, 16 x 16", 16, (7_291, 2_007)),
    "SEMEION": Labelled("1,593 handwritten digits, 16 x 16", WHOLE, (1_593,), 1, (16, 16), 10),
    "Omniglot": Labelled(
        "Handwritten characters of 50 alphabets, 20 of each, 105 x 105",
        WHOLE,
        (),
        1,
        (105, 105),
        variants={
            "background": {
                True: {"num_classes": 964, "counts": (19_280,)},
                False: {"num_classes": 659, "counts": (13_180,)},
            }
        },
    ),
    "CIFAR10": Labelled(
        "60,000 colour images of 10 classes, 32 x 32", BY_TRAIN, (50_000, 10_000), 3, (32, 32), 10
    ),
    "CIFAR100": Labelled(
        "60,000 colour images of 100 classes, 32 x 32", BY_TRAIN, (50_000, 10_000), 3, (32, 32), 100
    ),
    "SVHN": Labelled(
        "99,289 digits of house numbers in colour, 32 x 32", TWO, (73_257, 26_032), 3, (32, 32), 10
    ),
    "STL10": Labelled("13,000 colour images of 10 classes, 96 x 96", TWO, (5_000, 8_000), 3, (96, 96), 10),
    "EuroSAT": Labelled(
        "27,000 satellite images of 10 kinds of land, 64 x 64", WHOLE, (27_000,), 3, (64, 64), 10
    ),
    "PCAM": Labelled(
        "327,680 images of tissue, with cancer or without, 96 x 96",
        THREE,
        (262_144, 32_768, 32_768),
        3,
        (96, 96),
        2,
    ),
    "RenderedSST2": Labelled(
        "9,613 sentences as pictures, positive or negative, 448 x 448",
        THREE,
        (6_920, 872, 1_821),
        3,
        (448, 448),
        2,
    ),
    "CelebA": Labelled(
        "202,599 faces with 40 attributes, 218 x 178",
        _by_split(train="train", validation="valid", test="test"),
        (162_770, 19_867, 19_962),
        3,
        (218, 178),
        target=(40,),
    ),
    "Caltech101": Labelled("8,677 objects of 101 classes", WHOLE, num_classes=101),
    "Caltech256": Labelled("30,607 objects of 257 classes", WHOLE, num_classes=257),
    "CLEVRClassification": Labelled(
        "85,000 rendered scenes of 3 to 10 objects; the class is how many",
        _by_split(train="train", validation="val"),
        (70_000, 15_000),
        num_classes=11,
    ),
    "Country211": Labelled(
        "63,300 photographs of 211 countries",
        _by_split(train="train", validation="valid", test="test"),
        (31_650, 10_550, 21_100),
        num_classes=211,
    ),
    "DTD": Labelled("5,640 textures of 47 classes", THREE, (1_880,) * 3, num_classes=47),
    "FGVCAircraft": Labelled(
        "10,000 aircraft of 100 variants",
        THREE,
        (3_334, 3_333, 3_333),
        num_classes=100,
        variants={"annotation_level": {"family": {"num_classes": 70}, "manufacturer": {"num_classes": 41}}},
    ),
    "Flowers102": Labelled("8,189 flowers of 102 classes", THREE, (1_020, 1_020, 6_149), num_classes=102),
    "Food101": Labelled("101,000 dishes of 101 classes", TWO, (75_750, 25_250), num_classes=101),
    "GTSRB": Labelled("German traffic signs of 43 classes", TWO, num_classes=43),
    "Imagenette": Labelled(
        "13,394 images of 10 classes of ImageNet",
        _by_split(train="train", validation="val"),
        (9_469, 3_925),
        num_classes=10,
    ),
    "OxfordIIITPet": Labelled(
        "7,349 cats and dogs of 37 breeds",
        _by_split(train="trainval", test="test"),
        (3_680, 3_669),
        num_classes=37,
        variants={"target_types": {"binary-category": {"num_classes": 2}}},
    ),
    "StanfordCars": Labelled("16,185 cars of 196 models", TWO, (8_144, 8_041), num_classes=196),
    "SUN397": Labelled("108,754 places of 397 kinds", WHOLE, (108_754,), num_classes=397),
    "FakeData": Labelled("Noise with classes drawn at random, to try things out", WHOLE),
    "ImageFolder": Labelled("Images in one folder for each class", WHOLE),
}
"""Every data set of torchvision that a file may name."""

NOT_SETS: Mapping[str, str] = {
    **dict.fromkeys(("ImageNet", "INaturalist", "Places365", "LSUN*"), "more than memory holds"),
    **dict.fromkeys(("LFW*", "PhotoTour"), "pairs, or other classes to test than to train"),
    **dict.fromkeys(("*Flow", "*Stereo*", "Flying*", "HD1K", "Sintel"), "pairs of images"),
    **dict.fromkeys(("HMDB51", "Kinetics", "MovingMNIST", "UCF101"), "videos"),
    **dict.fromkeys(("Coco*", "Kitti", "SB*", "VOC*", "WIDERFace", "Cityscapes"), "boxes, masks or texts"),
    **dict.fromkeys(("Flickr*",), "texts"),
    "FER2013": "can't be downloaded, and its files to test have no classes",
    "DatasetFolder": "needs a Python function",
    "VisionDataset": "the base of all",
    "wrap_dataset_for_transforms_v2": "no data set",
}
"""What torchvision has beside these (patterns), and why it isn't here."""
