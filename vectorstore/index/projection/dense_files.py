"""The dense projection on disk: float16 vectors and row numbers that grow at the end, and codes.

`vectors.f16` and `rows.i64` are only ever appended to; bytes past the manifest's size are an unfinished
append and are cut off by the next. `codes.faiss` may hold fewer vectors than the files: the rest is coded
when it is loaded, and the file rewritten when the rest has grown to a hundredth.
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vectorstore.index.projection import codes as coding
from vectorstore.index.projection.codes import Codes
from vectorstore.index.projection.dense import Dense
from vectorstore.index.projection.faiss_codes import FORMAT, HalfCodes, RaBitQCodes, load_codes
from vectorstore.index.projection.manifest import (
    Covered,
    FileSeal,
    Manifest,
    damaged_files,
    seal_file,
    write_manifest,
)
from vectorstore.index.truth.arrays import Half, Rows
from vectorstore.index.truth.files import private_folder, sync_folder, write_atomically

VECTORS = "vectors.f16"
ROWS = "rows.i64"
CODES = "codes.faiss"
LISTS = "lists.faiss"

_FORMAT, _CODED = "codes", "coded"
_UNCODED_SHARE = 0.01
"""Whoever opens the index codes the rest: 0.1 s for a thousand vectors where there are lists."""


@dataclass(frozen=True, slots=True)
class DenseBatch:
    """Chunk rows, their documents' rows (int64) and float16 vectors."""

    rows: Rows
    owners: Rows
    vectors: Half


def extend_dense(
    parent: Path,
    base: Manifest | None,
    batches: Iterable[DenseBatch],
    *,
    covered: Covered,
    dimension: int,
    recall_target: float,
) -> Manifest:
    """Append to the projection that `base` names, or begin a new one; the caller holds the writer lock."""
    base = base or _begin(parent, covered)
    folder = parent / base.folder
    files, count = dict(base.files), base.count
    with _appending(folder / VECTORS, files) as vectors, _appending(folder / ROWS, files) as rows:
        for batch in batches:
            vectors.write(np.ascontiguousarray(batch.vectors, dtype="<f2").tobytes())
            rows.write(np.stack((batch.rows, batch.owners), axis=1).astype("<i8").tobytes())
            count += len(batch.rows)
        for file in (vectors, rows):
            file.flush()
            os.fsync(file.fileno())
    for name in (VECTORS, ROWS):
        files[name] = seal_file(folder / name, known=files.get(name))
    manifest = replace(base, covered=covered, count=count, files=files)
    manifest = _with_codes(folder, manifest, dimension=dimension, recall_target=recall_target)
    sync_folder(folder)
    write_manifest(parent / "dense.json", manifest)
    return manifest


def load_dense(
    parent: Path, manifest: Manifest, *, dimension: int, last: tuple[Manifest, Dense] | None = None
) -> Dense | None:
    """Open the projection; None when a file is missing, short or differs from its seal.

    `last` is what this process read before: blocks and codes that it shares are not read again. A writer may replace
    the codes, or sweep the folder away, between the check and the reading: then it is None too.
    """
    folder = parent / manifest.folder
    try:
        checked = _written(folder, manifest)
        dense = _opened(folder, manifest, dimension, last)
        return dense if _written(folder, manifest) == checked else None
    except OSError:
        return None


def of_this_format(manifest: Manifest) -> bool:
    """Say whether the codes, if there are any, are of the kind that this version reads."""
    return CODES not in manifest.files or manifest.parameters.get(_FORMAT) == FORMAT


def _written(folder: Path, manifest: Manifest) -> list[tuple[int, int]]:
    """Return what tells a file that is replaced from the one before it."""
    found = [(folder / name).stat() for name in (CODES, LISTS) if name in manifest.files]
    return [(each.st_ino, each.st_mtime_ns) for each in found]


def _opened(
    folder: Path, manifest: Manifest, dimension: int, last: tuple[Manifest, Dense] | None
) -> Dense | None:
    trusted = last[0] if last and last[0].folder == manifest.folder else None
    seals = trusted.files if trusted else None
    if damaged_files(folder, manifest, trusted=seals) or not _plausible(manifest, dimension):
        return None
    vectors = _mapped(folder / VECTORS, manifest.count, dimension)
    pairs = np.fromfile(folder / ROWS, dtype="<i8", count=2 * manifest.count).reshape(-1, 2)
    if last is not None and trusted is not None and _grown_from(trusted, manifest):
        codes: Codes = last[1].codes.extended(vectors, known=trusted.count)
    else:
        codes = _codes(folder, manifest, vectors)
    return Dense(rows=pairs[:, 0].copy(), owners=pairs[:, 1].copy(), vectors=vectors, codes=codes)


def _begin(parent: Path, covered: Covered) -> Manifest:
    folder = private_folder(parent / f"dense-{covered.generation:06d}-{secrets.token_hex(3)}")
    for name in (VECTORS, ROWS):
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return Manifest("dense", folder.name, covered, 0, {VECTORS: FileSeal(0, ()), ROWS: FileSeal(0, ())})


def _appending(path: Path, files: dict[str, FileSeal]) -> BinaryIO:
    file = path.open("r+b")
    file.truncate(files[path.name].size)
    file.seek(0, os.SEEK_END)
    return file


def _with_codes(folder: Path, manifest: Manifest, *, dimension: int, recall_target: float) -> Manifest:
    if manifest.count < coding.CODED_FROM:
        return manifest
    # Told by the manifest: reading all codes to find that nothing is to be done would be most of a small commit.
    if manifest.count - manifest.parameters.get(_CODED, 0) <= _UNCODED_SHARE * manifest.count:
        return manifest
    vectors = _mapped(folder / VECTORS, manifest.count, dimension)
    codes = _old_codes(folder, manifest)
    # Made anew once the index has doubled: centre and lists of few vectors are not those of many.
    if codes is None or manifest.count > 2 * codes.count:
        codes = coding.build_codes(vectors, recall_target=recall_target)
    else:
        codes = codes.extended(vectors, known=codes.count, in_place=True)
    files = {name: each for name, each in manifest.files.items() if name not in (CODES, LISTS)}
    for name, content in zip((CODES, LISTS), codes.serialized(), strict=True):
        if content:
            write_atomically(folder / name, content)
            files[name] = seal_file(folder / name)
    parameters = {_FORMAT: FORMAT, "reranked": codes.reranked, _CODED: codes.count}
    return replace(manifest, files=files, parameters=parameters)


def _old_codes(folder: Path, manifest: Manifest) -> RaBitQCodes | None:
    """Read the codes there are, if they are what was written."""
    expected = {name: each for name, each in manifest.files.items() if name in (CODES, LISTS)}
    if CODES not in expected or any(seal_file(folder / name) != each for name, each in expected.items()):
        return None
    return _read_codes(folder, manifest)


def _grown_from(before: Manifest, now: Manifest) -> bool:
    """Say whether nothing has changed but vectors added at the end."""
    same = all(before.files.get(name) == now.files.get(name) for name in (CODES, LISTS))
    return before.folder == now.folder and before.count <= now.count and same


def _plausible(manifest: Manifest, dimension: int) -> bool:
    expected = {VECTORS: 2 * dimension * manifest.count, ROWS: 16 * manifest.count}
    return all(manifest.files[name].size == size for name, size in expected.items())


def _codes(folder: Path, manifest: Manifest, vectors: Half) -> Codes:
    if CODES not in manifest.files:
        return HalfCodes(vectors)
    codes = _read_codes(folder, manifest)
    return codes.extended(vectors, known=codes.count, in_place=True)


def _read_codes(folder: Path, manifest: Manifest) -> RaBitQCodes:
    paths = [folder / name for name in (CODES, LISTS) if name in manifest.files]
    return load_codes(*paths, reranked=manifest.parameters["reranked"])


def _mapped(path: Path, count: int, dimension: int) -> Half:
    if not count:
        return np.empty((0, dimension), dtype=np.float16)
    return np.memmap(path, dtype="<f2", mode="r", shape=(count, dimension))
