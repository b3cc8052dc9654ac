"""A place with some of everything in it, and all that can be told of one, to be held against what comes back."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import numpy as np

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.heads import Signer
from app.audit.journal import entries_of, open_journal
from app.audit.row_pseudonyms import open_pseudonyms
from app.audit.verify import verify
from app.events import Done, Started, Text
from app.identity.grant import Grant, person_id
from app.identity.identity import Identity, Shown
from app.identity.keys import Keys
from app.people.people import People
from app.question import Question
from app.runs.measured import Measured
from app.runs.records import Records, records_url
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings
from ingest.originals import open_originals
from ingest.sources.ledger import load_ledger, update_ledger
from ingest.sources.shared import Flags
from tests.app.test_forgetting import Echo
from tests.vectorstore.sample import OPERATOR, SPACE, find, put, sample
from vectorstore.errors import NotAllowed
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.types import Scope

ANN, BOB = person_id("default", "ann"), person_id("default", "bob")
FIGURES = Measured(
    outcome="answered", prompt="p", probability=0.5, sentences=2, supported=2, first_ms=1.0, groups=("hr",)
)


def fill(settings: StoreSettings, folder: Path, *, documents: int = 6) -> str:
    """Put some of everything into a new place; return a key's secret."""
    index(settings, *(f"{number}.md" for number in range(documents)), "upload/report.txt")
    with closing(open_store(settings, SPACE)) as store, store.draft(note="second") as draft:
        put(draft, sample("0.md", "Fact 0 has changed.", readers=frozenset({"hr"})))
    original = folder / "report.txt"
    original.write_text("as it came " * 100)
    with closing(open_store(settings, SPACE)) as store, store.snapshot() as snapshot:
        report = next(each for each in snapshot.documents(scope=OPERATOR) if each.uri == "upload/report.txt")
    open_originals(settings.data_dir).keep("default", report.uri, report.digest, original)
    state = open_state(settings)
    update_ledger(state, lambda ledger: ledger.flags.update({"hr/": Flags(frozenset({"hr"}), "pay")}))
    keys = Keys(state.cell("keys.json"))
    made = keys.create("alice")
    keys.write_use(made.key.id)
    ask(settings, ANN, "ann-1", "What does Ann ask?")
    ask(settings, BOB, "bob-1", "What does Bob ask?")
    log(settings, "ann", "bob")
    Signer(state.below("audit")).head(*open_journal(state.below("audit")).end())
    with people(settings) as kept:
        kept.hold(BOB, name="bob", reason="case 7", by="counsel")
    return made.secret


def index(settings: StoreSettings, *uris: str) -> None:
    with closing(open_store(settings, SPACE)) as store, store.draft() as draft:
        for uri in uris:
            put(draft, sample(uri, f"Fact of {uri} stands here. And a word more."))


def ask(settings: StoreSettings, owner: str, run: str, text: str) -> None:
    """Keep a finished run of somebody, with its figures and an opinion."""
    with closing(Records(records_url("", open_state(settings)))) as records:
        question = Question(text, Scope(), conversation=f"c-{owner}", top_k=6)
        events = [Started(run, question.conversation, "extractive", 0.0, ""), Text("So it is."), Done()]
        vector = np.ones(4, dtype=np.float32)
        records.add(run, question, owner, events, figures=FIGURES, vector=vector, embedder="e")
        records.rate(run, owner=owner, rating="up", reason="good")


def log(settings: StoreSettings, *users: str) -> None:
    """Write down a request of each, with contents."""
    state = open_state(settings)
    audit = Audit(state.below("audit"), AuditSettings(audit="contents"), keys=Keys(state.cell("keys.json")))
    for user in users:
        grant = Grant("ab12cd34", Scope(user=user), frozenset(), person_id("default", user))
        noted = {"grant": grant, "run": f"run_{user}", "contents": {"question": f"={user}?"}}
        audit.request("POST /v1/search", 200, noted)
    audit.sync()


class people:
    def __init__(self, settings: StoreSettings) -> None:
        self.state = open_state(settings)
        self.records = Records(records_url("", self.state))

    def __enter__(self) -> People:
        return People(self.records, self.state)

    def __exit__(self, *_: object) -> None:
        self.records.close()


def erase(settings: StoreSettings, *, owner: str = "", uri: str = "") -> None:
    if owner:
        with people(settings) as kept:
            runs = Runs(Echo(), MemoryBoard(RunSettings()), RunSettings())  # type: ignore[arg-type]
            asyncio.run(kept.erase(owner, by="operator", runs=runs))
    if uri:
        with closing(open_upkeep(settings)) as upkeep:
            upkeep.erase([uri])


def told(settings: StoreSettings, secret: str = "") -> dict[str, object]:
    """All that can be told of a place; JSON, but for what finds say."""
    state = open_state(settings)
    found: dict[str, object] = {}
    with closing(open_store(settings, SPACE)) as store, store.snapshot() as snapshot:
        found["generations"] = [(each.number, each.documents, each.note) for each in store.generations()]
        found["found"] = [(hit.chunk.text, round(hit.score, 6)) for hit in find(snapshot, "Fact of 3.md")]
        found["readers"] = {each.uri: sorted(each.readers) for each in snapshot.documents(scope=OPERATOR)}
        originals = open_originals(settings.data_dir)
        kept = [each for each in snapshot.documents(scope=OPERATOR) if each.uri.startswith("upload/")]
        files = [(each.uri, originals.of(each)) for each in kept]
        found["originals"] = {uri: path.read_text() if path else None for uri, path in files}
    ledger = load_ledger(state)
    found["flags"] = {uri: sorted(each.readers or ()) for uri, each in ledger.flags.items()}
    keys = Keys(state.cell("keys.json"))
    if secret:
        found["lets in"] = lets_in(keys, secret)
    with people(settings) as kept_of:
        book = kept_of.ledger.read()
        found["holds"] = [(each.name, each.reason) for each in book.holds.values()]
        for owner in (ANN, BOB):
            answers = list(kept_of.records.all(owner))
            found[owner] = json.loads(json.dumps(answers, default=str))
    below = state.below("audit")
    found["log"] = [each.hash for each in entries_of(below)]
    found["names"] = open_pseudonyms(below).names()
    found["contents"] = open_pseudonyms(below).contents()
    if found["log"]:
        found["log is sound"] = verify(below).sound
    return found


def used(settings: StoreSettings) -> list[object]:
    """When each key was used last, to the minute."""
    keys = Keys(open_state(settings).cell("keys.json"))
    return [str(keys.last_use(each.id))[:16] for each in keys.all()]


def lets_in(keys: Keys, secret: str) -> bool:
    try:
        asyncio.run(Identity(keys).grant(Shown(bearer=secret)))
    except NotAllowed:
        return False
    return True
