"""Nothing in; torchvision's transforms, which ours are held against, out."""

from __future__ import annotations

from importlib import import_module

from yamlnet.catalog.vision import import_torchvision

import_torchvision()
v2 = import_module("torchvision.transforms.v2")
