"""What `footnote doctor --security` tells: what is open, to whom, and why."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from app.commands.finding import Finding
from app.commands.serve import is_loopback
from app.identity.keys import Key, Keys
from app.settings import Settings
from vectorstore.index.postgresql.address import read_address
from vectorstore.objects.versions import endpoint
from vectorstore.state.open import open_state

_VERIFIED = (
    # `system` is what OpenSSL was built with, and that of psycopg's own wheel looks where nothing is.
    "Add sslmode=verify-full to FOOTNOTE_STORE, and sslrootcert=FILE of who signed the server's certificate "
    "(public authorities: /etc/ssl/certs/ca-certificates.crt)."
)
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def openings(settings: Settings) -> Iterator[Finding]:
    """Yield what is open with these settings, and to whom; raises StoreDamaged where the keys cannot be read."""
    kept = Keys(open_state(settings.store).cell("keys.json"))
    keys = [each for each in kept.all() if each.active(datetime.now(UTC))]
    yield _door(settings, keys)
    yield from _keys(keys)
    yield from _pages(settings, keys)
    yield from _documents(settings)
    yield from _written(settings)
    yield _files(settings.store.data_dir)
    if address := settings.store.store.get_secret_value():
        yield _database(address)
    yield from _on_the_way(settings)


def _door(settings: Settings, keys: list[Key]) -> Finding:
    people = bool(settings.identity.oidc_issuer or settings.identity.proxy_user_header)
    by = " and ".join(
        what
        for what, is_there in (
            (f"{len(keys)} API key{'' if len(keys) == 1 else 's'}", bool(keys)),
            ("tokens of the identity provider", bool(settings.identity.oidc_issuer)),
            ("headers of the proxy", bool(settings.identity.proxy_user_header)),
        )
        if is_there
    )
    if not by:
        return Finding(
            "Callers",
            "note",
            "without keys any program and any user of this machine may ask, search, read, add and remove; others may not.",
            "On a machine that others use, make a key: footnote keys create NAME --kind operator",
        )
    if not is_loopback(settings.serve.host) and not settings.client.base_url.startswith("https://"):
        return Finding(
            "Callers",
            "wrong",
            f"{by} come to {settings.serve.host} and may do so without TLS, where others can read them on the way.",
            "Put a proxy with TLS before it, and its address into FOOTNOTE_BASE_URL (https://…).",
        )
    return Finding("Callers", "ok", f"nobody without {by}{'' if people else '; people are not told apart'}.")


def _keys(keys: list[Key]) -> Iterator[Finding]:
    for key in keys:
        strong = sorted({"write", "act", "operate"} & set(key.rights))
        if strong and key.expires is None:
            yield Finding(
                "Keys",
                "note",
                f"{key.id} ({key.name}) has the right to {' and to '.join(strong)} and never expires.",
                f"Give it an end (--days), or a new secret now and then: footnote keys rotate {key.id}",
            )


def _pages(settings: Settings, keys: list[Key]) -> Iterator[Finding]:
    if "*" in settings.client.origins():
        yield Finding(
            "Pages",
            "wrong",
            "every page on the web may call the service from its visitors' browsers (FOOTNOTE_CORS_ORIGINS=*).",
            "Name the pages, or make a page key, which brings its own: footnote keys create NAME --kind page --origin URL",
        )
    for key in keys:
        if key.kind == "page":
            groups = f" and what {', '.join(key.groups)} may read" if key.groups else ""
            yield Finding(
                "Pages",
                "note",
                f"strangers on {', '.join(key.origins)} are answered from the documents for everyone{groups} ({key.id}).",
            )
    if settings.client.link_seconds > 7 * 86_400:
        days = settings.client.link_seconds / 86_400
        yield Finding(
            "Links",
            "note",
            f"whoever has a link of an answer opens its place for {days:.0f} days.",
            "FOOTNOTE_LINK_SECONDS",
        )


def _documents(settings: Settings) -> Iterator[Finding]:
    if settings.ingest.front_matter_readers == "override":
        yield Finding(
            "Documents",
            "wrong",
            "whoever writes a document may open it to everyone (FOOTNOTE_FRONT_MATTER_READERS=override).",
            "Set it to narrow, unless only trusted people write documents.",
        )
    if "*" in settings.ingest.url_hosts.split(","):
        yield Finding(
            "Documents", "note", "documents are fetched from every public host (FOOTNOTE_URL_HOSTS=*)."
        )
    if settings.model.llm_model and not settings.model.address.startswith(
        ("https://", "http://127.", "http://localhost")
    ):
        yield Finding(
            "Language model",
            "wrong",
            "passages and questions go to the language model without TLS.",
            "Use an https:// address, or one on this machine.",
        )


def _written(settings: Settings) -> Iterator[Finding]:
    if settings.audit.audit == "off":
        yield Finding(
            "Audit", "wrong", "nothing is written down of who asked and changed what.", "FOOTNOTE_AUDIT=on"
        )
    elif not settings.audit.audit_head_file:
        yield Finding(
            "Audit",
            "note",
            "signed heads lie beside the log: whoever holds the folder or database can cut its end off unnoticed.",
            "Set FOOTNOTE_AUDIT_HEAD_FILE to a file on another volume.",
        )
    else:
        yield Finding("Audit", "ok", "written down, with signed heads elsewhere.")
    if not settings.records.records_days:
        yield Finding(
            "Conversations", "note", "they are kept until somebody deletes them.", "FOOTNOTE_RECORDS_DAYS"
        )


def _files(folder: Path) -> Finding:
    found = [folder, *folder.glob("*")] if folder.is_dir() else []
    open_ones = sorted(
        each.name for each in found if each.lstat().st_mode & _OPEN_TO_OTHERS and not each.is_symlink()
    )
    if open_ones and folder.lstat().st_mode & _OPEN_TO_OTHERS:
        return Finding(
            "Data folder",
            "wrong",
            f"other users of this machine can get at {', '.join(open_ones[:5])}.",
            f"chmod -R go= {folder}",
        )
    return Finding("Data folder", "ok", "this user's alone; encryption at rest is the volume's.")


def _database(address: str) -> Finding:
    """Say how the database is reached that holds keys, flags, holds and the audit log beside the index."""
    reached = _reached(read_address(address).url)
    mode = reached.get("sslmode", "prefer")
    hosts = (reached.get("hostaddr") or reached.get("host", "")).split(",")
    if mode == "verify-full" or all(not host or host[0] in "/@" or is_loopback(host) for host in hosts):
        return Finding(
            "Database",
            "ok",
            "keys, holds and the audit log lie in it; what goes there is not read on the way.",
        )
    if mode in {"require", "verify-ca"}:
        return Finding(
            "Database",
            "note",
            f"it is reached with TLS, and its name is not checked (sslmode={mode}): another machine could answer.",
            _VERIFIED,
        )
    return Finding(
        "Database",
        "wrong",
        f"documents, keys and the audit log may go to it without TLS (sslmode={mode}).",
        _VERIFIED,
    )


def _reached(url: str) -> dict[str, str]:
    """Return how libpq reads an address: with what PGHOST, PGSSLMODE and the like say where it is silent."""
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import Conninfo

    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return {each.keyword.decode(): each.val.decode() for each in Conninfo.get_defaults() if each.val} | given


def _on_the_way(settings: Settings) -> Iterator[Finding]:
    """Say what goes to other servers where it can be read, or where whoever reaches them may read it."""
    to_redis = {
        "FOOTNOTE_RUNS_URL": (settings.runs.runs_url, "questions and answers"),
        "FOOTNOTE_BUDGETS_URL": (settings.budgets.budgets_url, "budgets"),
        "FOOTNOTE_EVENTS_URL": (settings.queue.events_url.get_secret_value(), "events of documents"),
    }
    for name, (url, what) in to_redis.items():
        if _in_plain(url, "redis"):
            yield Finding(
                "Redis",
                "wrong",
                f"{what} go to it without TLS ({name}).",
                f"Use a rediss:// address in {name}.",
            )
        if url.startswith("redis") and urlsplit(url).password is None:
            yield Finding(
                "Redis",
                "note",
                f"whoever reaches it reads {what}: {name} has no password.",
                "Set one at the server, and put it into the address as redis://:PASSWORD@host.",
            )
    if settings.objects.objects.startswith("s3:") and _in_plain(endpoint(), "http"):
        yield Finding(
            "Object storage",
            "wrong",
            "uploaded files and search indexes go to it without TLS (AWS_ENDPOINT_URL).",
            "Use an https:// address in AWS_ENDPOINT_URL.",
        )
    if settings.store.search == "milvus" and _in_plain(settings.store.milvus, "http"):
        yield Finding(
            "Milvus",
            "wrong",
            "vectors, and the token that opens it, go to it without TLS (FOOTNOTE_MILVUS).",
            "Use an https:// address in FOOTNOTE_MILVUS.",
        )


def _in_plain(url: str, scheme: str) -> bool:
    return url.startswith(f"{scheme}://") and not is_loopback(urlsplit(url).hostname or "")
