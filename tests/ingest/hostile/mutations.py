"""Healthy files, damaged at random from a seed."""

import io
import random
import zipfile
from collections.abc import Iterator
from functools import cache

from tests.ingest.hostile import healthy


def mutated(count: int, *, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged files of all types in turn, each with its name."""
    names = list(healthy.FILES)
    for at in range(count):
        random_ = random.Random(seed * 1_000_003 + at)
        name = names[at % len(names)]
        data = _original(name)
        if data.startswith(b"PK") and random_.random() < 0.7:
            data = _inside(data, random_)
        else:
            data = damaged(data, random_)
        yield f"{at:05d}{name[1:]}", data


@cache
def _original(name: str) -> bytes:
    return healthy.FILES[name]()


def _inside(data: bytes, random_: random.Random) -> bytes:
    """Damage one part of a zip and pack it again, so that the damage reaches the parser of the format."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    victim = random_.choice(sorted(parts))
    parts[victim] = damaged(parts[victim], random_)
    if random_.random() < 0.1:
        del parts[random_.choice(sorted(parts))]
    return healthy.zipped(parts)


def damaged(data: bytes, random_: random.Random) -> bytes:
    """Return the data with a few of its bytes changed, moved or gone."""
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 5, 20))):
        if not out:
            break
        start = random_.randrange(len(out))
        end = min(start + random_.choice((1, 4, 64, 1024)), len(out))
        match random_.randrange(7):
            case 0:
                out[start] ^= 1 << random_.randrange(8)
            case 1:
                del out[start:end]
            case 2:
                out[start:start] = out[start:end] * random_.choice((1, 3, 50))
            case 3:
                out[start:end] = random_.randbytes(end - start)
            case 4:
                out[start:end] = bytes(end - start)
            case 5:
                del out[start:]
            case _:
                number = random_.choice(
                    (b"0", b"-1", b"4294967296", b"99999999999999999999", b"\xff\xfe", b"<![CDATA[")
                )
                out[start:start] = number
    return bytes(out)
