"""Which parts of a web page are not its content: navigation, banners, hidden elements."""

import re

from ingest.parse.markup import Element

_DROPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "nav",
        "aside",
        "form",
        "button",
        "select",
        "option",
        "input",
        "textarea",
        "svg",
        "canvas",
        "iframe",
        "object",
        "embed",
        "audio",
        "video",
        "map",
        "dialog",
        "head",
        "link",
        "meta",
    ]
)
_FRAME = frozenset({"header", "footer"})
_ROLES = frozenset(
    "navigation banner contentinfo search dialog alertdialog complementary menu menubar toolbar".split()  # noqa: SIM905 - a list of words reads best as words
)
_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|breadcrumbs?|sidebar|navbar|nav|navigation|menu|toc|pagination|pager|"
    r"share|sharing|social|skip-link|skip-to-content|skip|newsletter|advert|advertisement|ads|promo|popup|modal|"
    r"headerlink|edit-link|edit-this-page|masthead|site-footer|page-footer|site-header|related-posts)(?:$|[\s_-])",
    re.I,
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:\D|$)|opacity\s*:\s*0(?:\.0*)?\s*(?:;|$)|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.I,
)
_HIDDEN_CLASSES = frozenset("visually-hidden sr-only screen-reader-text hidden d-none".split())  # noqa: SIM905
_MAX_SHARE = 0.5


def content_root(root: Element) -> Element:
    """Return the element that holds the page's own content: main, the only article, or the body."""
    body = root.find(".//body")
    if body is None:
        return root
    marked = body.xpath(".//main | .//*[@role='main']") or body.xpath(".//article")
    if len(marked) == 1 and len(marked[0].text_content()) > 200:
        return marked[0]
    return body


def is_hidden(element: Element) -> bool:
    """Say whether a reader would not see the element."""
    if element.get("hidden") is not None or _HIDDEN_STYLE.search(element.get("style") or ""):
        return True
    return element.get("aria-hidden") == "true" or not _HIDDEN_CLASSES.isdisjoint(
        (element.get("class") or "").lower().split()
    )


def is_boilerplate(element: Element, *, in_content: bool, whole: int) -> bool:
    """Say whether the element frames the content. `whole` is the page's text length, in characters."""
    tag = element.tag
    if tag in _DROPPED:
        return True
    suspicious = (
        (tag in _FRAME and not in_content)
        or (element.get("role") or "").lower() in _ROLES
        or _NAMES.search(f"{element.get('class') or ''} {element.get('id') or ''}")
    )
    # a name alone proves little: what holds half of the page is its content
    return bool(suspicious) and len(element.text_content()) <= _MAX_SHARE * max(whole, 1)
