"""Paths and bytes in; files that are whole and on disk, or not there at all, out.

Nothing else in yamlnet writes files, so that a fault of the disk can be put anywhere.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from yamlnet.diagnostics import YamlnetError

system: ModuleType = os
"""What changes files: `open write fsync ftruncate close mkdir replace symlink unlink rmdir`, and no more."""

LARGE = Path("/var/tmp")  # noqa: S108 - no name is used in it
"""Where temporary files that may be large belong."""

PARTIAL, GONE, BEFORE = ".partial", ".gone", ".before"
"""What hidden names end with: of what isn't whole yet, isn't any more, and was put aside for another."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one line that names the path."""
    try:
        yield
    except OSError as error:
        raise YamlnetError(f"can't write `{path}`: {error.strerror or error}") from error


def write(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Puts the content at the path in one go: a reader sees the file before, or this one, never a part."""
    temporary = path.with_name(f".{path.name}{PARTIAL}")
    with writing(path):
        try:
            _put(temporary, content, os.O_TRUNC, mode=mode)
            system.replace(temporary, path)
        except OSError:
            _discard(temporary)
            raise
        _sync(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Makes a file that must not be there yet; FileExistsError where it is, OSError where it can't."""
    _put(path, content, os.O_EXCL)


def write_json(path: Path, value: Any) -> None:
    """`write` of a JSON text that people can read."""
    write(path, as_json(value))


def as_json(value: Any) -> bytes:
    """The JSON text of a value, indented; what is no text in it, as paths may be, as escapes."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def write_folder(final: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder of files - names may have folders in them - whole and on disk, or not there at all.

    One that has the name already is put aside first, and goes when the new one is on disk.
    """
    hidden, aside = (final.with_name(f".{final.name}{end}") for end in (PARTIAL, BEFORE))
    with writing(final):
        try:
            _remove(hidden)
            _fill(hidden, files)
            _remove(aside)
            if final.exists():
                system.replace(final, aside)
            _rename(hidden, final, aside)
        except OSError:
            _discard(hidden)
            raise
        _sync(final.parent)
        _remove(aside)


def remove_folder(path: Path) -> None:
    """Deletes a folder: its name goes first, so that no part of it is ever seen."""
    aside = path.with_name(f".{path.name}{GONE}")
    with writing(path):
        _remove(aside)
        system.replace(path, aside)
        _remove(aside)


def remove_remains(folder: Path) -> None:
    """Deletes what a killed process has left half written, or half deleted, in a folder that may be there.

    What it had put aside, and not replaced, gets its name back.
    """
    with writing(folder):
        for path in sorted(folder.glob(".*")):
            final = path.with_name(path.name[1:].removesuffix(BEFORE))
            if path.name.endswith(BEFORE) and not final.exists():
                system.replace(path, final)
            elif path.name.endswith((PARTIAL, GONE, BEFORE)):
                _remove(path)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where they aren't there."""
    with writing(path):
        _make(path)


def append(path: Path, text: str) -> None:
    """Adds a line to a file; `sync` waits until it is on disk."""
    with writing(path):
        _put(path, f"{text}\n".encode(), os.O_APPEND, synced=False)


def sync(path: Path) -> None:
    """Waits until a file is on disk."""
    with writing(path):
        _sync(path)


def truncate(path: Path, size: int) -> None:
    """Takes away all that follows the first `size` bytes of a file."""
    with writing(path):
        handle = system.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            system.ftruncate(handle, size)
            system.fsync(handle)
        finally:
            system.close(handle)


def remove(path: Path) -> None:
    """Deletes a file, where there is one."""
    with writing(path), suppress(FileNotFoundError):
        system.unlink(path)


def link(path: Path, target: str) -> None:
    """Makes a symbolic link, or turns it to another target in one go."""
    temporary = path.with_name(f".{path.name}{PARTIAL}")
    with writing(path):
        with suppress(FileNotFoundError):
            system.unlink(temporary)
        system.symlink(target, temporary)
        system.replace(temporary, path)
        _sync(path.parent)


def require_space(folder: Path, num_bytes: int) -> None:
    """Raises YamlnetError where so many bytes can't be written: too few are free, or files have a limit."""
    with writing(folder):
        found = os.statvfs(folder)
    free, largest = found.f_bavail * found.f_frsize, resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if free < num_bytes:
        raise YamlnetError(
            f"can't write `{folder}`: a checkpoint needs {num_bytes:,} bytes at least, and {free:,} are free"
        )
    if largest not in (resource.RLIM_INFINITY, -1) and largest < num_bytes:
        raise YamlnetError(
            f"can't write `{folder}`: a checkpoint needs {num_bytes:,} bytes at least, "
            f"and files may have {largest:,} here"
        )


@contextmanager
def waiting_for(folder: Path) -> Iterator[None]:
    """Within it no other process is within this, for the same folder."""
    with writing(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with writing(folder):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def owned(path: Path, what: str) -> Iterator[None]:
    """Within it this process owns the lock at the path; it dies with its owner, however that ends.

    Raises:
        YamlnetError: another process owns it; the message says which.
    """
    with writing(path):
        handle = system.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with writing(path):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise YamlnetError(f"{_owner(handle)} is writing to {what}") from None
            system.ftruncate(handle, 0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            _write_all(handle, as_json({"pid": os.getpid(), "host": os.uname().nodename, "since": since}))
        yield
    finally:
        os.close(handle)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is there only within it."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="yamlnet-") as name:
        yield Path(name)


def scratch() -> tuple[int, Path]:
    """A new file without a name, open to be written and read, and the folder that it is in.

    It may be large, and is gone with the last process that has it open. `TMPDIR` names the folder, else it is
    `/var/tmp`, as `/tmp` is memory on many machines.
    """
    import tempfile

    folder = Path(tempfile.gettempdir())
    if "TMPDIR" not in os.environ and os.access(LARGE, os.W_OK | os.X_OK):
        folder = LARGE
    with writing(folder), tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno()), folder


def add(handle: int, folder: Path, content: bytes | memoryview) -> None:
    """Adds to what `scratch` made in the folder."""
    with writing(folder):
        _write_all(handle, content)


def write_at(handle: int, content: memoryview, start: int) -> None:
    """Writes bytes into an open file from `start` on, such as one in memory; raises OSError."""
    while content:
        count = os.pwrite(handle, content, start)
        content, start = content[count:], start + count


def silence(stream: TextIO) -> None:
    """Lets what is still to come on a stream go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _owner(handle: int) -> str:
    """Who owns a lock, in words."""
    try:
        owner = json.loads(os.pread(handle, 4096, 0))
        return f"another process (pid {owner['pid']} on {owner['host']}, since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _put(path: Path, content: bytes, how: int, synced: bool = True, mode: int = 0o666) -> None:
    handle = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, mode)
    try:
        _write_all(handle, content)
        if synced:
            system.fsync(handle)
    finally:
        system.close(handle)


def _write_all(handle: int, content: bytes | memoryview) -> None:
    left = memoryview(content)
    while left:
        written = system.write(handle, left)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left = left[written:]


def _rename(hidden: Path, final: Path, aside: Path) -> None:
    """Gives the folder its name; where that fails, what had it before gets it back."""
    try:
        system.replace(hidden, final)
    except OSError:
        if aside.exists():
            system.replace(aside, final)
        raise


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder and its files, and waits until all of it is on disk."""
    _make(folder)
    for name, content in files.items():
        _make((folder / name).parent)
        _put(folder / name, content, os.O_TRUNC)
    for inner in {(folder / name).parent for name in files} | {folder}:
        _sync(inner)


def _make(path: Path) -> None:
    if not path.is_dir():
        if path != path.parent:
            _make(path.parent)
        try:
            system.mkdir(path)
        except FileExistsError:  # another process was faster, unless it is a file
            if not path.is_dir():
                raise
        _sync(path.parent)


def _remove(path: Path) -> None:
    """Deletes a file, or a folder with all that is in it, where there is one."""
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            _remove(inner)
        system.rmdir(path)
    elif os.path.lexists(path):
        system.unlink(path)


def _discard(path: Path) -> None:
    """`_remove` as far as it goes, on the way out with another error."""
    with suppress(OSError):
        _remove(path)


def _sync(path: Path) -> None:
    handle = system.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        system.fsync(handle)
    finally:
        system.close(handle)
