"""The file of an image in; the picture out, of which the head alone is read: it has a usual size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is read, whatever a file's name says: Pillow has others, one of which starts a program."""

MAX_PIXELS = 2**26
"""The most pixels of an image: 8,192 x 8,192."""


@contextmanager
def opened(path: str | Path) -> Iterator[Picture]:
    """An image to be decoded within.

    Raises:
        YamlnetError: it can't be read or decoded, or is too large.
    """
    from PIL import Image

    try:
        if not Path(path).is_file():
            raise OSError("there is no such file" if not Path(path).exists() else "it is no file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes that are refused here, and of odd tags
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    size = f"{image.height:,} x {image.width:,}"
                    raise YamlnetError(f"`{path}` is {size}, and images have at most {MAX_PIXELS:,} pixels")
                yield image
    except YamlnetError:
        raise
    except Exception as error:  # what a decoder raises for a damaged file depends on the format
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise YamlnetError(f"can't read the image `{path}`: {reason[:1].lower()}{reason[1:]}") from error
