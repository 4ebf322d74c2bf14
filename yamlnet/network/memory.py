"""Nothing in; the bytes of this machine's memory out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from yamlnet.diagnostics import size as size

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


@cache
def machine() -> int:
    """What this process may use: the machine's memory, or the limit of a control group around it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *group_limits(OWN_CGROUP, CGROUPS)])


def group_limits(own: Path, root: Path) -> Iterator[int]:
    """The limits in bytes of the control groups that hold this process, of both versions.

    `own` names the groups as docs.kernel.org/admin-guide/cgroup-v2.html#processes tells; within a container
    the folders are often those of the group itself.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        top, file = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        group = top / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                yield from _number(folder / file)


def _number(file: Path) -> Iterator[int]:
    """The number in a file; none where there is no such file, or no limit."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return
    if text.isdigit():
        yield int(text)
