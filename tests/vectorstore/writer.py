"""A process that commits documents and says so after each commit, until it is killed or told to stop.

    python -m tests.vectorstore.writer FOLDER PREFIX COUNT [--codes]

Each commit adds one document, replaces one, and removes one now and then; `N` on standard output means that
commit N has been acknowledged.
"""

import sys
from pathlib import Path

from tests.vectorstore.sample import SPACE, put, sample
from vectorstore.errors import FootnoteError
from vectorstore.index.projection import codes
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings


def text_of(prefix: str, number: int) -> str:
    return f"Fact {prefix}{number} is here. " + " ".join(
        f"Sentence {n} of {prefix}{number}." for n in range(8)
    )


def main(folder: str, prefix: str, count: str, *options: str) -> int:
    if "--codes" in options:
        codes.CODED_FROM = 10
    store = open_store(StoreSettings(data_dir=Path(folder)), SPACE)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in range(int(count)):
        try:
            with store.draft(note=f"{prefix}{number}", wait=True) as draft:
                put(draft, sample(f"{prefix}{number}.md", text_of(prefix, number)))
                put(draft, sample(f"{prefix}-latest.md", f"The latest of {prefix} is {number}."))
                if number % 5 == 4:
                    draft.remove(tenant="default", uri=f"{prefix}{number - 4}.md")
        except FootnoteError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    return 0


def expected(prefix: str, done: int) -> set[str]:
    """The uris that stand after `done` commits."""
    removed = {number - 4 for number in range(done) if number % 5 == 4}
    uris = {f"{prefix}{number}.md" for number in range(done) if number not in removed}
    return uris | ({f"{prefix}-latest.md"} if done else set())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
