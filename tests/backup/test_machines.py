"""A service is backed up while it runs, its machine is lost, and another one takes its place: real processes, real stores."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.identity.identity import USER_HEADER
from tests.objects import Bucket, bucket, s3_port  # noqa: F401 - fixtures
from tests.postgresql import Server, needs_postgresql
from tests.test_command_line import footnote, served, write_documents

_LINK = re.compile(r"http://127[^\"]*")
QUESTION = "How many days of annual leave do full-time staff get?"


@pytest.fixture(params=["folder", pytest.param("postgresql", marks=needs_postgresql)])
def stores(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield what two machines have in their environment, each with an empty store."""
    if request.param == "folder":
        yield {}, {}
        return
    server: Server = request.getfixturevalue("postgresql_server")
    yield {"FOOTNOTE_STORE": server.schema()}, {"FOOTNOTE_STORE": server.schema()}


def ran(folder: Path, *arguments: str, **environment: str) -> str:
    done = footnote(folder, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(address: str, secret: str) -> dict[str, Any]:
    """What the service says to the holder of a key: an answer, and the conversations so far, each read."""
    with httpx2.Client(
        base_url=address, headers={"Authorization": f"Bearer {secret}", USER_HEADER: "ann"}, timeout=60
    ) as client:
        listed = client.get("/v1/conversations").raise_for_status().json()
        read = [
            # links name the address that the service has this time, and are signed for a while
            json.loads(_LINK.sub("", client.get(f"/v1/conversations/{each['id']}").raise_for_status().text))
            for each in listed["conversations"]
        ]
        body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}], "stream": False}
        answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()
        assert client.get("/v1/conversations", headers={"Authorization": "Bearer wrong"}).status_code == 401
    return {"answer": answer["choices"][0]["message"]["content"], "listed": listed, "read": read}


@pytest.mark.slow
def test_another_machine_takes_the_place_of_one_that_is_lost(
    stores: tuple[dict[str, str], dict[str, str]], tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    write_documents(old)
    ran(old, "ingest", "docs", **stores[0])
    secret = ran(old, "keys", "create", "intranet", "--kind", "server", **stores[0]).split()[-1]
    with served(old, **stores[0]) as address:
        answered(address, secret)
        before = answered(address, secret)
        assert len(before["read"]) == 1
        ran(old, "backup", str(tmp_path / "b"), **stores[0])
        refused = footnote(old, "restore", str(tmp_path / "b"), "--replace", **stores[0])
        assert refused.returncode == 75
        assert "Stop it first" in refused.stderr
    ran(new, "restore", str(tmp_path / "b"), **stores[1])
    with served(new, **stores[1]) as address:
        after = answered(address, secret)
    assert after["answer"] == before["answer"]
    # what was asked before the backup, and once more since that was told
    kept = {each["id"] for each in before["listed"]["conversations"]}
    assert kept <= {each["id"] for each in after["listed"]["conversations"]}
    assert before["read"] == [each for each in after["read"] if each["id"] in kept]
    told = json.loads(ran(new, "audit", "verify", "--json", **stores[1]))
    assert told["sound"]
    assert told["entries"] > 6
    commands = [json.loads(line) for line in ran(new, "audit", "export", **stores[1]).splitlines()]
    assert any("restored" in each.get("changed", {}) for each in commands)


def test_backups_lie_in_an_object_store(
    bucket: Bucket,  # noqa: F811
    tmp_path: Path,
) -> None:
    from app.backup.keeping import problems, prune
    from app.backup.place import open_place
    from app.backup.repository import Repository
    from tests.backup.world import fill, index, told
    from tests.backups import restore_from, take_into
    from vectorstore.errors import Busy, Unavailable
    from vectorstore.settings import StoreSettings

    old, new = (StoreSettings(data_dir=tmp_path / name) for name in ("old", "new"))
    secret = fill(old, tmp_path)
    place = open_place(f"{bucket.url}/backups")
    before = told(old, secret)
    take_into(old, place)
    bucket.line.cut_after = 0
    with pytest.raises(Unavailable):
        take_into(old, place)
    bucket.line.calm()
    index(old, "more.md")
    last = take_into(old, place)
    repository = Repository(place)
    assert len(repository.ids()) == 2
    with place.writing(), pytest.raises(Busy):
        prune(repository, keep=1, is_erased=False)
    restore_from(new, place, name=repository.ids()[0])
    assert told(new, secret) == before
    for each in place.keys("running"):  # of the one that was cut off: it would count as at work for a day
        place.delete(each)
    prune(repository, keep=1, is_erased=False)
    assert repository.ids() == [last.id]
    assert list(problems(repository)) == []
