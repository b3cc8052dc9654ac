"""People sign in at the page with a real provider: what each sees is their own, and what is not begun here is refused."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.identity.provider import AUDIENCE, Provider, provider
from tests.identity.service import documents, running
from tests.widget.browser import Watched
from tests.widget.driving import answer, ask, chat
from tests.widget.test_accessible import violations

pytestmark = pytest.mark.browser
LOCKED = "#locked-why"


@pytest.fixture(scope="module")
def real() -> Iterator[Provider]:
    with provider() as started:
        yield started


@pytest.fixture(scope="module")
def site(real: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve documents of everybody, of hr and of Ann to who signs in with the provider."""
    folder = tmp_path_factory.mktemp("people")
    documents(folder)
    with running(
        folder,
        FOOTNOTE_OIDC_ISSUER=real.issuer,
        FOOTNOTE_OIDC_AUDIENCE=AUDIENCE,
        FOOTNOTE_OIDC_CLIENT_ID=real.client_id,
        FOOTNOTE_OIDC_LEEWAY_SECONDS="0",
        FOOTNOTE_WRITER_GROUPS="writers",
        FOOTNOTE_OPERATOR_GROUPS="operators",
    ) as client:
        yield str(client.base_url).rstrip("/")


def signs_in(page: Any, site: str, user: str) -> None:
    page.goto(site)
    page.locator("#in").click()
    page.get_by_label("User").fill(user)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#list li").first.wait_for(state="attached")


def listed(page: Any) -> list[str]:
    return [str(uri).rpartition("pages/")[2] for uri in page.locator("#list small").all_text_contents()]


def kept(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("JSON.parse(sessionStorage.getItem('footnote:signed-in'))")
    return found


def test_two_people_see_their_own_documents_and_their_own_conversations(
    browser: Any, site: str, real: Provider
) -> None:
    seen = {}
    contexts = {
        name: browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-GB")
        for name in ("ann", "bob")
    }
    pages = {name: context.new_page() for name, context in contexts.items()}
    for name, page in pages.items():
        watched = Watched(page)
        signs_in(page, site, name)
        assert page.url == f"{site}/"
        assert name in page.locator("#state").inner_text()
        seen[name] = listed(page)
        ask(page, "How much does the director earn?")
        # The provider has no icon, and the first visit was refused, before anybody had signed in.
        assert [said for said in watched.complaints if "404" not in said and "401" not in said] == []
        assert watched.foreign(site, real.issuer) == []
    assert seen == {"ann": ["all/leave.md", "ann/review.md", "hr/pay.md"], "bob": ["all/leave.md"]}
    assert "91,000" in answer(pages["ann"])
    assert "91,000" not in pages["bob"].locator("body").inner_text()
    ask(pages["ann"], "What did the review praise?")
    for page, questions in ((pages["ann"], 1), (pages["bob"], 1)):
        page.locator("#past").click()
        chat(page, ".past li").first.wait_for()
        assert chat(page, ".past li").count() == questions
    chat(pages["ann"], ".past li button").first.click()
    chat(pages["ann"], ".turns > li").nth(1).wait_for()
    assert "falconry" in answer(pages["ann"])
    name = pages["ann"].evaluate(
        "Object.entries(sessionStorage).filter(([key]) => key.includes('page')).map(([, kept]) => JSON.parse(kept).conversation)[0]"
    )
    for who, status in (("ann", 200), ("bob", 404)):
        headers = {"Authorization": f"Bearer {kept(pages[who])['token']}"}
        assert httpx.get(f"{site}/v1/conversations/{name}", headers=headers).status_code == status
    for context in contexts.values():
        context.close()


def test_who_writes_keeps_documents_and_others_are_told_that_they_may_not(
    browser: Any, site: str, tmp_path: Path
) -> None:
    pages = {name: browser.new_context(locale="en-GB").new_page() for name in ("wendy", "bob", "olga")}
    pages["bob"].goto(f"{site}/documents")
    pages["bob"].locator("#signing a").click()
    for name, page in pages.items():
        signs_in(page, site, name)
        if name == "bob":
            page.goto(f"{site}/documents")
        else:
            if page.locator("#documents").is_hidden():
                page.locator("#toggle").click()
            page.locator("#keep").click()
        page.locator("#rows tr").first.wait_for()
    assert (
        "that is for the groups named in FOOTNOTE_WRITER_GROUPS"
        in pages["bob"].locator("#notice").inner_text()
    )
    note = tmp_path / "note.md"
    note.write_text("# Wendy's note\n\nNobody else's.")
    wendy = pages["wendy"]
    wendy.locator("#readers").get_by_label("wendy (you)").check()
    wendy.locator("#files").set_input_files(note)
    wendy.locator("#uploads .good").wait_for()
    wendy.locator("tr", has_text="Wendy's note").get_by_text("wendy (you)").wait_for()
    for name in ("bob", "olga"):
        pages[name].reload()
        pages[name].locator("#rows tr").first.wait_for()
    assert pages["bob"].get_by_text("Wendy's note").count() == 0
    # an operator sees every document, and whom it is for
    assert "wendy (a person)" in pages["olga"].locator("tr", has_text="Wendy's note").inner_text()
    pages["olga"].get_by_role("button", name="Details of Wendy's note").click()
    pages["olga"].get_by_role("button", name="Remove…").click()
    pages["olga"].locator("#yes").click()
    pages["olga"].get_by_text("“Wendy's note” was removed.").wait_for()
    for page in pages.values():
        page.context.close()


def test_a_card_leads_into_the_document_without_the_token(page: Any, site: str) -> None:
    signs_in(page, site, "ann")
    ask(page, "How much does the director earn?")
    chat(page, ".cite").first.click()
    with page.context.expect_page() as opened:
        chat(page, ".card a").click()
    assert "91,000" in opened.value.locator("mark").inner_text()


def test_a_token_that_ends_is_renewed_while_one_asks_and_reloads(
    page: Any, site: str, real: Provider
) -> None:
    signs_in(page, site, "ann")
    first = kept(page)
    # By the page's clock, it ends within the twenty seconds before its end in which it is renewed.
    page.evaluate("const now = Date.now; Date.now = () => now() + 290_000")
    ask(page, "How much does the director earn?")
    assert "91,000" in answer(page)
    second = kept(page)
    assert second["token"] != first["token"]
    assert second["refresh"]
    page.reload()
    page.locator("#list li").nth(2).wait_for()
    assert chat(page, ".turns > li").count() == 1


def test_a_token_that_the_service_refuses_is_renewed_once_and_then_one_is_signed_out(
    page: Any, site: str
) -> None:
    signs_in(page, site, "ann")
    spoil = "kept => sessionStorage.setItem('footnote:signed-in', JSON.stringify(kept))"
    page.evaluate(spoil, kept(page) | {"token": "a.b.c"})
    page.reload()
    page.locator("#list li").nth(2).wait_for()
    assert kept(page)["token"] != "a.b.c"
    page.evaluate(spoil, kept(page) | {"token": "a.b.c", "refresh": "used"})
    page.reload()
    page.locator("#in").wait_for()
    assert page.locator(LOCKED).inner_text() == "You are signed out. Sign in again."
    assert kept(page) is None


def test_a_code_that_this_tab_did_not_ask_for_is_refused_and_not_sent_on(
    page: Any, site: str, watched: Watched
) -> None:
    for brought in (
        {"state": "s", "code": "c"},
        {"state": "undefined", "code": "c"},
        {"state": "", "code": "c"},
    ):
        page.goto(f"{site}/?{urlencode(brought)}")
        page.locator("#in").wait_for()
        assert page.locator(LOCKED).inner_text().startswith("This sign-in was not begun in this tab")
        assert page.url == f"{site}/"
    assert [url for url in watched.requests if "/token" in url] == []


def test_a_sign_in_counts_once(page: Any, site: str, watched: Watched) -> None:
    brought: list[str] = []
    page.on("request", lambda request: brought.append(request.url) if "code=" in request.url else None)
    signs_in(page, site, "bob")
    assert page.evaluate("Object.keys(sessionStorage).includes('footnote:signing-in')") is False
    back = next(url for url in brought if url.startswith(site))
    page.goto(back)
    said = page.locator("#state", has_text="This sign-in was not begun in this tab")
    said.wait_for()
    page.locator("#list li").first.wait_for()
    for width in (1200, 700, 390):
        page.set_viewport_size({"width": width, "height": 800})
        said.wait_for(state="visible")
        assert said.evaluate("e => e.scrollHeight <= e.clientHeight + 1"), f"{width} pixels clip it"
    assert page.url == f"{site}/"
    sent = [url for url in watched.requests if url.endswith("/token")]
    assert len(sent) == 1
    context = page.context.browser.new_context()
    other = context.new_page()
    other.goto(back)
    other.locator("#in").wait_for()
    assert other.locator(LOCKED).inner_text().startswith("This sign-in was not begun in this tab")
    context.close()


def test_what_is_asked_of_the_provider_proves_where_it_came_from(
    page: Any, site: str, real: Provider
) -> None:
    page.goto(site)
    with page.expect_request(lambda request: request.url.startswith(f"{real.issuer}/auth")) as asked:
        page.locator("#in").click()
    sent = {name: value[0] for name, value in parse_qs(urlsplit(asked.value.url).query).items()}
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert (sent["redirect_uri"], sent["client_id"], sent["resource"]) == (f"{site}/", "page", AUDIENCE)
    assert min(len(sent[name]) for name in ("state", "nonce", "code_challenge")) == 43
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3


def without_nonce(token: str) -> str:
    head, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(said | {"nonce": "another"}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


@pytest.mark.parametrize("kind", ["another", "none"])
def test_an_answer_to_another_sign_in_is_refused(page: Any, site: str, kind: str) -> None:
    def changed(route: Any) -> None:
        found = route.fetch()
        body = found.json()
        body["id_token"] = without_nonce(body["id_token"]) if kind == "another" else ""
        route.fulfill(response=found, json=body)

    page.route("**/token", changed)
    page.goto(site)
    page.locator("#in").click()
    page.get_by_label("User").fill("ann")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#in").wait_for()
    assert page.locator(LOCKED).inner_text().startswith("This sign-in was not begun in this tab")
    assert kept(page) is None


def test_another_issuer_and_a_refusal_are_told(page: Any, site: str, real: Provider) -> None:
    begun = "sessionStorage.setItem('footnote:signing-in', JSON.stringify({state: 's', nonce: 'n', verifier: 'v'}))"
    page.goto(site)
    for brought, sentence in (
        ({"code": "c", "iss": "https://elsewhere.example"}, "This sign-in was not begun in this tab"),
        ({"error": "access_denied"}, "The provider did not sign you in (access_denied). Try again."),
        ({"error": "Call 555 0100 now"}, "The provider did not sign you in (?). Try again."),
        ({"code": "c"}, "The provider did not sign you in (invalid_grant). Try again."),
    ):
        page.evaluate(begun)
        page.goto(f"{site}/?{urlencode({'state': 's', 'iss': real.issuer} | brought)}")
        page.locator("#in").wait_for()
        assert page.locator(LOCKED).inner_text().startswith(sentence)


def test_signing_out_leaves_nothing_here_and_ends_the_session_there(page: Any, site: str) -> None:
    signs_in(page, site, "ann")
    ask(page, "How much does the director earn?")
    page.locator("#out").click()
    page.get_by_role("button", name="Sign out").click()
    page.locator("#in").wait_for()
    left = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "director" not in left
    assert "token" not in left
    assert chat(page, ".question").count() == 0
    page.locator("#in").click()
    page.get_by_label("User").wait_for()


def test_a_key_is_taken_beside_the_provider(page: Any, site: str) -> None:
    page.goto(site)
    page.locator("#in").wait_for()
    assert page.locator("#locked label").inner_text() == "Or enter a key"
    page.locator("#key").fill("fn_wrong")
    page.locator("#locked [type=submit]").click()
    page.locator(LOCKED).get_by_text("key").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_way_in_is_fit_for_everybody(page: Any, site: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(site)
    page.locator("#in").wait_for()
    assert violations(page) == []


def test_the_policy_lets_the_providers_origin_in_and_no_other(site: str, real: Provider) -> None:
    policy = httpx.get(site).headers["content-security-policy"]
    assert f"connect-src 'self' {real.issuer};" in policy
    assert policy.count("http") == 1
