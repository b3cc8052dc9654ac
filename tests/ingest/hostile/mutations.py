"""Healthy files, damaged at random from a seed."""

import io
import random
import re
import zipfile
from collections.abc import Iterator
from functools import cache

from tests.ingest.hostile import healthy, seeds


def mutated(count: int, *, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged files of all types that are read in turn, each with its name."""
    names = list(seeds.types())
    for at in range(count):
        random_ = random.Random(seed * 1_000_003 + at)
        name = names[at % len(names)]
        data = _original(name)
        if data.startswith(b"PK") and random_.random() < 0.7:
            data = _inside(data, random_)
        else:
            data = _harmed(data, random_)
        yield f"{at:05d}{name[1:]}", data


@cache
def _original(name: str) -> bytes:
    return seeds.SEEDS[name]()


def _inside(data: bytes, random_: random.Random) -> bytes:
    """Damage one part of a zip and pack it again, so that the damage reaches the parser of the format."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    victim = random_.choice(sorted(parts))
    parts[victim] = _harmed(parts[victim], random_)
    if random_.random() < 0.1:
        del parts[random_.choice(sorted(parts))]
    return healthy.zipped(parts)


_TOKENS = (
    re.compile(r"<([\w:]{1,40})(?: [^<>]{1,200})?>[^<>]{0,300}</\1>"),
    re.compile(r"<[^<>/][^<>]{0,200}/>"),
    re.compile(r"\"[^\"<>]{0,80}\""),
    re.compile(r"\b\d{1,20}\b"),
    re.compile(r"^[A-Z][\w-]{2,30}[:;]|</?\w{1,20}>|^\W{1,10}", re.M),
)
"""What formats are made of: small elements, empty ones, values, numbers, and what begins a line."""
_ODD = ("", "0", "-3", "x", "1e9", "²", "99999999999", "a b", "#", "../x")


def _harmed(data: bytes, random_: random.Random) -> bytes:
    """Damage bytes or, where they are text, what its format is made of."""
    if random_.random() < 0.5:
        try:
            return _confused(data.decode(), random_).encode()
        except UnicodeDecodeError:
            pass
    return damaged(data, random_)


def _confused(text: str, random_: random.Random) -> str:
    """Take out, repeat or exchange a few elements, values or numbers: the file stays one of its kind, and is wrong."""
    found = list(random_.choice(_TOKENS).finditer(text))
    chosen = random_.sample(found, min(random_.choice((1, 2, 5)), len(found)))
    for token in sorted(chosen, key=re.Match.start, reverse=True):
        is_value = token[0].startswith('"')
        match random_.randrange(4):
            case 0:
                new = '""' if is_value else ""
            case 1:
                new = token[0] if is_value else token[0] * 2
            case 2:
                new = random_.choice(found)[0]
            case _:
                odd = random_.choice(_ODD)
                new = f'"{odd}"' if is_value else re.sub(r"(?<=\")[^\"]+|\b\d+\b", odd, token[0])
        text = text[: token.start()] + new + text[token.end() :]
    return text


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
