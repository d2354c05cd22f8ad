"""What the package asks of the disk: durable folders, and one name for a full one."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media.errors import StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def fsync_folder(folder: Path) -> None:
    """Make the folder's names durable: a rename without this may be undone by a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full disk or quota into StorageFull; every other error passes."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(os.strerror(error.errno or 0)) from error
        raise
