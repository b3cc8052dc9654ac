"""Find the directions in which e5's vectors say what language a text is in, and write vectorstore/models/neutral.npy.

    apt-get download gimp-data evolution-common nautilus-data evince-common gnome-control-center-data epiphany-browser-data
    for each in *.deb; do dpkg -x $each OUT; done
    python -m benchmarks.search.languages OUT/usr/share/locale

Free programs come with their sentences in dozens of languages. The mean difference between a language's translations and
the English of the same sentences is what the language is, apart from what is said; the first principal directions of
those differences are kept. How many was chosen on the articles of XQuAD that are for fitting, in an index that holds each
paragraph in one of five languages: hit@1 of questions in another language than the paragraph's .31 without, .67 with 16,
.69 with 24, .67 with 48; of those in the same language .98, .96, .96, .96. With 24 found without those five languages: .64.
"""

import argparse
import gettext
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from vectorstore.language.detect import LANGUAGES
from vectorstore.models import e5
from vectorstore.models.encoder import Encoder
from vectorstore.types import Vectors

KEPT = 24
SENTENCES, FEWEST = 100, 40
_LENGTH, _WORDS = range(60, 301), 9


def translations(folder: Path) -> dict[str, dict[str, str]]:
    """Return by language what English sentences are in it: those first that most languages have."""
    found: dict[str, dict[str, str]] = {}
    for catalog in sorted(folder.glob("*/LC_MESSAGES/*.mo")):
        language = catalog.parts[-3]
        if language.split("_")[0] in LANGUAGES and not language.startswith("en"):
            with catalog.open("rb") as file:
                # It shows its entries in no other way.
                texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
            said = {text: to for text, to in texts.items() if isinstance(text, str) and _sentence(text, to)}
            found.setdefault(language, {}).update(said)
    common = Counter(text for texts in found.values() for text in texts)
    best = sorted(common, key=lambda text: (-common[text], text))
    chosen = {
        language: {text: texts[text] for text in [each for each in best if each in texts][:SENTENCES]}
        for language, texts in found.items()
    }
    return {language: texts for language, texts in chosen.items() if len(texts) >= FEWEST}


def _sentence(text: str, to: object) -> bool:
    plain = not set("%{<\x04") & set(text)
    return plain and to != text and len(text) in _LENGTH and len(text.split()) >= _WORDS


def differences(encoder: Encoder, spoken: dict[str, dict[str, str]]) -> Vectors:
    """Return for each language, and last for English, how far its sentences lie from the English ones, shape (n, d)."""
    english = list({text: None for texts in spoken.values() for text in texts})
    place = {text: at for at, text in enumerate(english)}
    vectors = encoder.embed_documents(english)
    rows = [
        (encoder.embed_documents(list(texts.values())) - vectors[[place[text] for text in texts]]).mean(
            axis=0
        )
        for texts in spoken.values()
    ]
    return np.stack([*rows, np.zeros_like(rows[0])])


def main() -> int:
    """Run as described above; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/cache"))
    options = parser.parse_args()
    encoder = Encoder(replace(e5.E5, neutral=None), cache_dir=options.cache)
    spoken = translations(options.folder)
    rows = differences(encoder, spoken)
    directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:KEPT]
    centre = encoder.embed_documents([""])
    target = Path(e5.__file__).with_name("neutral.npy")
    np.save(target, np.concatenate([centre, directions]).astype(np.float16), allow_pickle=False)
    print(f"{len(spoken)} languages: {' '.join(spoken)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
