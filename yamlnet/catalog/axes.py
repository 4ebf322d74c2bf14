"""The name of a layer or function in; how many axes its batched input must have out.

Only where torch would silently take a batch for something else: `Conv2d` reads [batch, height, width] as one
unbatched image, `LSTM` reads [batch, features] as one sequence.
"""

from __future__ import annotations

import re

_SPATIAL = re.compile(
    r"(?:conv|convtranspose|maxpool|avgpool|lppool|maxunpool|fractionalmaxpool|adaptiveavgpool|adaptivemaxpool"
    r"|instancenorm|dropout|reflectionpad|replicationpad|circularpad)([123])d"
)
_OTHERS = {
    "batchnorm1d": (2, 3),
    "batchnorm2d": (4,),
    "batchnorm3d": (5,),
    "softmax2d": (4,),
    "crossmaplrn2d": (4,),
    "upsamplingnearest2d": (4,),
    "upsamplingbilinear2d": (4,),
    "unfold": (4,),
    "fold": (3,),
    "rnn": (3,),
    "lstm": (3,),
    "gru": (3,),
    "rnncell": (2,),
    "lstmcell": (2,),
    "grucell": (2,),
    "multiheadattention": (3,),
    "transformer": (3,),
    "transformerencoder": (3,),
    "transformerdecoder": (3,),
    "transformerencoderlayer": (3,),
    "transformerdecoderlayer": (3,),
    "conv2dnormactivation": (4,),
    "conv3dnormactivation": (5,),
    "squeezeexcitation": (4,),
    "frozenbatchnorm2d": (4,),
    "deformconv2d": (4,),
}


def axes(name: str) -> tuple[int, ...]:
    """The numbers of axes that are fine, the batch counted; none where any number is, or torch says so."""
    if name.startswith("torchvision."):
        return (4,)
    folded = name.replace("_", "").lower()
    if spatial := _SPATIAL.fullmatch(folded):
        return (2 + int(spatial[1]),)
    return _OTHERS.get(folded, ())


def num_spatial(name: str) -> int | None:
    """How many spatial axes the name speaks of: 2 of `MaxPool2d` and `max_pool2d`, and of images' blocks."""
    if name.lower() in ("fold", "unfold"):
        return 2
    found = re.search(r"([123])d$", name)
    return int(found[1]) if found else None
