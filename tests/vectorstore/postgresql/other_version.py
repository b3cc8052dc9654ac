"""Another version of Footnote at work on an index: upgrades it, then writes and searches for a while.

    python other_version.py ADDRESS FOLDER SECONDS

Prints what it did as JSON. Which version it is, PYTHONPATH says.
"""

import json
import sys
import time
from pathlib import Path

import vectorstore
from tests.vectorstore.sample import SPACE, find, put, sample
from vectorstore.errors import FootnoteError
from vectorstore.index import create
from vectorstore.open import open_database, open_store
from vectorstore.settings import StoreSettings


def main(address: str, folder: str, seconds: float) -> None:
    settings = StoreSettings(data_dir=Path(folder), store=address)  # type: ignore[arg-type]
    open_database(settings).upgrade()
    store = open_store(settings, SPACE)
    written, failures = [], []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        uri = f"new-{len(written)}.md"
        try:
            with store.draft(wait=True) as draft:
                put(draft, sample(uri, f"Fox {len(written)} of the new version."))
            written.append(uri)
            with store.snapshot() as snapshot:
                find(snapshot, "fox new version")
        except FootnoteError as error:
            failures.append(str(error))
    store.close()
    print(
        json.dumps(
            {
                "from": str(Path(vectorstore.__file__).parent.parent),
                "layout": create.VERSION,
                "written": written,
                "failures": failures,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
