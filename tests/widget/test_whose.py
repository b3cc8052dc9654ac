"""The widget on pages of others: people by a token of the host page, strangers each by their own."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.identity.grant import person_id
from app.identity.keys import Keys
from tests.widget.driving import QUESTION, answer, ask, chat, write
from tests.widget.stage import SCRIPTS, Stage, stage
from tests.widget.test_past import opens, titles

pytestmark = pytest.mark.browser


@dataclass
class Host:
    """A site of somebody else that knows its people by a cookie, and gets them tokens with its server's key."""

    staged: Stage
    server: str
    page_key: str
    given: list[int] = field(default_factory=list)
    seconds: int = 600
    bad: int = 0
    """So many answers are no token of the service's."""

    @property
    def home(self) -> str:
        return f"http://localhost:{urlsplit(self.staged.url).port}"

    async def token(self, request: Request) -> Response:
        user = request.cookies.get("user")
        self.given.append(200 if user else 403)
        if not user:
            return Response("Log in first.", 403)
        if self.bad:
            self.bad -= 1
            claims = base64.urlsafe_b64encode(json.dumps({"sub": user}).encode()).decode()
            return JSONResponse({"token": f"fns_a.{claims}.c"})
        async with httpx.AsyncClient(base_url=self.staged.url) as client:
            asked = await client.post(
                "/v1/sessions",
                json={"user": user, "groups": ["hr"], "seconds": self.seconds},
                headers={"Authorization": f"Bearer {self.server}"},
            )
        return JSONResponse(asked.json())

    def put(self, name: str, attributes: str, script: str = "") -> str:
        """Make a page with the chat on it."""
        chat_ = f'<main><footnote-chat {attributes} style="height:700px"></footnote-chat></main>'
        return self.staged.host(
            name, f'{chat_}<script>{script}</script><script src="{self.staged.url}/widget.js"></script>'
        )

    def logs_in(self, page: Any, user: str) -> None:
        page.context.add_cookies([{"name": "user", "value": user, "url": self.home}])


@pytest.fixture(scope="module")
def hosted(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("hosted")
    keys = Keys(folder / "keys.json")
    with stage(folder, keys=folder / "keys.json", cors="") as staged:
        home = f"http://localhost:{urlsplit(staged.url).port}"
        server = keys.create("intranet", kind="server", groups=["hr"]).secret
        page_key = keys.create("shop", kind="page", origins=[home]).secret
        host = Host(staged, server, page_key)
        staged.served.app.router.routes.insert(0, Route("/token", host.token))
        yield host


@pytest.fixture
def host(hosted: Host) -> Host:
    hosted.staged.scripts = dict(SCRIPTS)
    hosted.staged.asked.clear()
    hosted.staged.records.sweep(-1)
    hosted.given.clear()
    hosted.seconds, hosted.bad = 600, 0
    return hosted


def nearly_ten_minutes_pass(page: Any) -> None:
    """Put the page's clock forward to a few seconds before a token of ten minutes ends."""
    page.evaluate("const now = Date.now; Date.now = () => now() + 590_000")


def test_a_person_of_the_host_page_asks_as_themselves(host: Host, page: Any) -> None:
    host.logs_in(page, "ann")
    page.goto(host.put("own", 'token-url="/token"'))
    ask(page)
    assert "28 working days" in answer(page)
    scope = host.staged.asked[-1].scope
    assert (scope.user, scope.groups) == ("ann", frozenset({"hr"}))
    page.reload()
    assert "28 working days" in answer(page)
    assert page.evaluate("JSON.stringify({...localStorage})") == "{}"
    opens(page)
    chat(page, ".past li").first.wait_for()
    assert titles(page) == [QUESTION]
    ann = person_id("default", "ann")
    assert [each.question for each in host.staged.records.conversations(owner=ann, limit=9)] == [QUESTION]
    assert host.given == [200, 200]


def test_the_next_person_at_the_same_browser_sees_nothing_of_the_last(host: Host, page: Any) -> None:
    address = host.put("next", 'token-url="/token"')
    host.logs_in(page, "ann")
    page.goto(address)
    ask(page)
    host.logs_in(page, "bob")
    page.reload()
    chat(page, ".hello").wait_for()
    opens(page)
    chat(page, ".past").get_by_text("No conversations yet.").wait_for()
    assert chat(page, ".question").count() == 0


def test_another_person_in_the_middle_of_a_page_is_not_taken_for_the_first(host: Host, page: Any) -> None:
    host.logs_in(page, "ann")
    page.goto(host.put("middle", 'token-url="/token"'))
    ask(page)
    host.logs_in(page, "bob")
    nearly_ten_minutes_pass(page)
    ask(page, "Table")
    assert chat(page, ".failed p").inner_text().startswith("You are signed out. Sign in again.")
    assert [question.scope.user for question in host.staged.asked] == ["ann"]


def test_a_token_is_renewed_before_it_ends_and_after_a_refusal_once(host: Host, page: Any) -> None:
    host.logs_in(page, "ann")
    page.goto(host.put("renewed", 'token-url="/token" lang="en"'))
    ask(page)
    nearly_ten_minutes_pass(page)
    host.seconds = 1_200
    ask(page, "Table")
    assert len(host.given) == 2
    host.bad, host.seconds = 1, 600
    page.goto(host.put("refused", 'token-url="/token" lang="en" name="other"'))
    ask(page)
    assert "28 working days" in answer(page)
    assert len(host.given) == 4
    host.bad = 99
    page.goto(host.put("always", 'token-url="/token" lang="en" name="third"'))
    ask(page)
    assert "token is not valid" in chat(page, ".failed p").inner_text()
    assert len(host.given) == 6


def test_who_is_not_logged_in_to_the_page_is_told(host: Host, page: Any) -> None:
    page.goto(host.put("out", 'token-url="/token" lang="de"'))
    ask(page)
    assert chat(page, ".failed p").inner_text() == "Du bist abgemeldet. Melde dich wieder an."
    assert host.staged.asked == []


def test_a_function_of_the_page_gives_the_token_whenever_it_is_set(host: Host, page: Any) -> None:
    give = "document.querySelector('footnote-chat').getToken = () => fetch('/token').then(one => one.json())"
    host.logs_in(page, "ann")
    page.goto(host.put("before", "", script=give))
    ask(page)
    assert "28 working days" in answer(page)
    page.goto(host.put("after", 'name="after"'))
    write(page, "Table")
    chat(page, ".failed").wait_for()
    # Who was nobody is somebody now: the conversation of before is not theirs.
    page.evaluate(give)
    chat(page, ".failed").wait_for(state="detached")
    ask(page)
    assert "28 working days" in answer(page)
    assert host.staged.asked[-1].history == ()


def test_two_strangers_on_a_public_page_are_two_visitors(host: Host, browser: Any) -> None:
    address = host.put("shop", f'page-key="{host.page_key}"')
    pages = [browser.new_context(locale="en-GB").new_page() for _ in range(2)]
    for page, question in zip(pages, (QUESTION, "Table"), strict=True):
        page.goto(address)
        ask(page, question)
    for page, question in zip(pages, (QUESTION, "Table"), strict=True):
        page.reload()
        opens(page)
        chat(page, ".past li").first.wait_for()
        assert titles(page) == [question]
    tokens = [
        page.evaluate(
            "JSON.parse(Object.entries(localStorage).find(([name]) => name.includes('visitor'))[1]).token"
        )
        for page in pages
    ]
    names = [
        page.evaluate(
            "JSON.parse(Object.entries(localStorage).find(([name]) => !name.includes('visitor'))[1]).conversation"
        )
        for page in pages
    ]
    assert len(set(tokens)) == 2
    for mine in range(2):
        for theirs in range(2):
            shown = httpx.get(
                f"{host.staged.url}/v1/conversations/{names[theirs]}",
                headers={"Authorization": f"Bearer {tokens[mine]}", "Origin": host.home},
            )
            assert shown.status_code == (200 if mine == theirs else 404)
    for page in pages:
        page.context.close()


def test_a_visitor_whose_token_was_closed_becomes_a_new_one(host: Host, page: Any) -> None:
    page.goto(host.put("again", f'page-key="{host.page_key}"'))
    ask(page)
    page.evaluate(
        "name => localStorage.setItem(name, JSON.stringify({token: 'fns_a.b.c', expires: 9e9}))",
        f"footnote:visitor:{host.staged.url}",
    )
    page.reload()
    ask(page, "Table")
    assert "Norway" in answer(page)
    assert (
        page.evaluate(
            "name => JSON.parse(localStorage.getItem(name)).token", f"footnote:visitor:{host.staged.url}"
        )
        != "fns_a.b.c"
    )


def test_where_the_browser_forbids_storage_a_visitor_lasts_as_long_as_the_page(host: Host, page: Any) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    page.goto(host.put("forbidden", f'page-key="{host.page_key}"'))
    ask(page)
    ask(page, "Table")
    opens(page)
    chat(page, ".past li").first.wait_for()
    assert titles(page) == [QUESTION]


def test_a_page_key_on_a_page_of_others_opens_nothing(host: Host, page: Any) -> None:
    element = f'<footnote-chat api="{host.staged.url}" page-key="{host.page_key}"></footnote-chat>'
    address = host.staged.host("stolen", f'{element}<script src="{host.staged.url}/widget.js"></script>')
    page.goto(address.replace("localhost", "app.localhost"))
    ask(page)
    assert chat(page, ".failed").count() == 1
    said = chat(page, ".failed").inner_text().replace("\n", "")
    assert "--kind page --origin http://app.localhost:" in said, "what would let this page in"
    assert "CORS" not in said
    assert host.staged.asked == []
