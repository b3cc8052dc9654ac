"""Texts that an attacker might have a model write: dangerous constructs in nested blocks, cut, mutated, of any length."""

import random
from collections.abc import Callable

ALLOWED = "https://docs.example.com/hr/leave_policy.html?v=2#carry-over"
_HOSTS = (
    "evil.test", "evil.com", "a.b.evil.io", "xn--vil-6na.example", "203.0.113.7", "[2001:db8::7]", "localhost",
    "евил.рф", "例え.jp", "ｅvil.com", "evil.com:8443", "user:pw@evil.com", "e_vil.com", "evil.museum", "EVIL.COM", "e*v*il.com",
)  # fmt: skip
_SCHEMES = (
    "http://", "https://", "HTTP://", "hTTps://", "ftp://", "//", "www.", "WWW.", "", "mailto:a@", "a.b+c@", "xmpp:a@", "javascript:",
    "data:text/html,", "http:/\\/", "http\\://", "http:\\/\\/", "&#104;ttp://", "http&colon;//", "http:&#47;/", "www\\.", "www&period;",
    "a\\@", "a&commat;", "ht\u200btp://", "http:\u200b//", "http:\u00ad//", "http:[99]//", "http:/[99]/", "h[1]ttp://", "a@[99]", "ww[99]w.",
    "http://user@", "tel:", "vbscript:", "git+ssh://", "a_b@", "_a@", "*a*@", "`a`@", "http:*//*", "x|", "_", "~", "$", "<", "http:\n//", "www.\n",
)  # fmt: skip
_PATHS = ("", "/", "/x?q=SECRET", "/a_(b)", "/a_b_c", "/*x*", "/~u", "?a=1&b=2", "#f", "/a)", "/a).", "/[1]", "/`x`", "/a|b", "/&lt;", "/\u202ex", "/a\\", ":80")  # fmt: skip
_SHAPES = (
    "{u}", "![x]({u})", "[x]({u})", "[x](<{u}>)", '[x]({u} "t")', "<{u}>", "![x][r]\n\n[r]: {u}", "[r]\n\n[r]: <{u}>", "[r]: {u}\n\n[x][r]",
    "[r\ns]: {u}\n\n[r s]", "[r]:\n{u}\n\n[r]", "[^1]\n\n[^1]: {u}", "<img src={u}>", '<img src="{u}" onerror=x>', "<a href='{u}'>x</a>",
    "<script src={u}></script>", "<iframe src={u}>", "<svg><image href={u}/></svg>", "<style>@import '{u}'</style>", "<!-- {u} --><img src={u}>",
    "<![CDATA[<img src={u}>]]>", "<?x <img src={u}> ?>", "<!A <img src={u}>>", "<[99]img src={u}>", "<\u200bimg src={u}>", "<im[99]g src={u}>",
    "!\\[x]({u})", "!\u200b[x]({u})", "![99][x]({u})", "!x[99]({u})", "[x][99]({u})", "[x]\u200b({u})", "[1]({u})", "![1]({u})", "[1][99]: {u}",
    "[1]: {u}\n\n[1]", "[1, 99]({u})", "[[99]1]({u})", "&lt;img src={u}&gt;", "&#60;img src={u}&#62;", "\\<img src={u}>", "\\\\<img src={u}>",
    "[![x]({u})]({u})", "**{u}**", "_{u}_", "*{u}", "~~{u}~~", "({u})", '"{u}"', "“{u}”", "„{u}“,", "{u}.", "{u},{u}", "{u}|{u}", "| {u} | `{u}` |\n|---|---|\n| {u} | x |",
    "a | b\n--|--\n`a|` <img src={u}> | {u}", "{u}\n===", "`a|{u}` | b\n---|---\nx | {u}", "`a|b` c | d\n:-|-:\n` {u} | `", "# {u} #", "`{u}`", "``{u}``", "`` ` {u} ``", "\\`{u}`", "\\`![a]({u})\\`", "\\\\`{u}`", "`a\\` {u} `",
    "```\n{u}\n```\n", "~~~\n{u}\n~~~\n![x]({u})", "- ```\n  x\n{u}\n  ```", "- a\n  ```\n  b\n![x]({u})\n", "> ```\n> {u}\n![x]({u})", "```a`b\n![x]({u})",
    "   ```\n![x]({u})\n```\n{u}", "    ```\n![x]({u})\n", "```\nx\n``` y\n{u}", "```\nx\n````\n{u}\n", "````\n```\n![x]({u})\n", "```\n~~~\n![x]({u})\n", "```\nx\n```~\n![x]({u})",
    "```\nx\n```\t\n![x]({u})", "```\nx\n    ```\n![x]({u})", "1. ```\n![x]({u})", "-\t```\n\t![x]({u})\n\t```\n{u}", "\t```\n{u}\n", "\t![x]({u})", "    <img src={u}>",
    "a\n    `{u}\n`", "`a\n{u}`", "`a\n\n{u}`", "`a <1` {u} >`", "*a `x* {u}`", "~a `x~ {u}`", "**a ``x** {u} ``", "[a `b]({u})`", "<a `b> {u}`", "`<a` {u} `>`",
    "[x](" + ALLOWED + ")", ALLOWED, "(" + ALLOWED + ")", "[x](" + ALLOWED + "){u}", ALLOWED + "{u}", "![x](" + ALLOWED + ")", "[x]: " + ALLOWED, "<" + ALLOWED + ">", "**" + ALLOWED + "**",
    "[x](" + ALLOWED + " '{u}')", ALLOWED + "`{u}`", ALLOWED + ")_", "x" + ALLOWED, "[a `](" + ALLOWED + ") {u}`", "$$ {u} $$", "==={u}===", "[ ] {u}", "- [ ] {u}", "- [x]: {u}\n\n[x]",
)  # fmt: skip
_BITS = (
    "[", "]", "(", ")", "!", "<", ">", "`", "``", "```", "````", "~", "~~", "~~~", "\n", "\n\n", " ", "  ", "\t", "|", ":", "a", "\\", "\\\\", "*", "**", "_", "&", ";", "#",
    "&amp;", "&lt;", "&#96;", "&nbsp;", "-", "- ", "> ", "1. ", "    ", "   ", "=", "---", "===", "/", "//", "@", ".", ".com", "www.", "http", "http:", "://", "[1]", "[99]", "[1, 99]",
    "[[99]", "](", "]:", "![", "word", "Staff get 25 days", "\u00a0", "\u2003", "\u3000", "\u200b", "\u200d", "\u202e", "\u2028", "\x1b[31m", "\x1b]8;;http://evil.test\x07", "\x00", "\r\n", "\r", "\ud800",
    "例", "。", "😀", "é", "<img", "<a ", "<!--", "-->", "<?", "?>", "]]>", "x@y", "$", "+", "=", "'", '"', "„", "“",
)  # fmt: skip
_LENGTHS = (
    60,
    63,
    64,
    65,
    199,
    200,
    201,
    254,
    255,
    256,
    257,
    299,
    300,
    301,
    500,
    599,
    600,
    601,
    1_023,
    1_983,
    1_984,
    1_985,
    2_047,
    2_048,
    2_049,
    4_095,
    4_096,
)
_LEADS = (
    "",
    "- ",
    "> ",
    "1. ",
    "   ",
    "    ",
    "\t",
    "> - ",
    "- > ",
    "  - ",
    "* * ",
    "- \t",
    ">\t",
    "# ",
    "| ",
    "10) ",
    "- - - ",
    " ",
    "+ ",
    "[^2]: ",
    "- [ ] ",
)


def text(draw: random.Random) -> str:
    """Make one text."""
    whole = "".join(_part(draw) for _ in range(draw.choice((1, 1, 2, 3, 5))))
    for _ in range(draw.choice((0, 0, 1, 2, 4))):
        whole = draw.choice(_MUTATIONS)(whole, draw)
    return whole


def pieces(whole: str, draw: random.Random) -> list[str]:
    """Cut a text as tokens might be."""
    longest = draw.choice((1, 2, 3, 7, 30, 400))
    cut, position = [], 0
    while position < len(whole):
        size = draw.randint(1, longest)
        cut.append(whole[position : position + size])
        position += size
    return cut


def _part(draw: random.Random) -> str:
    shape = draw.choice(_SHAPES) if draw.random() < 0.6 else _noise(draw)
    while "{u}" in shape:
        shape = shape.replace("{u}", _address(draw), 1)
    if draw.random() < 0.5:
        lead = "".join(draw.choice(_LEADS) for _ in range(draw.choice((1, 1, 2))))
        inner = draw.choice((lead, " " * len(lead), "", "    "))
        first, *rest = shape.split("\n")
        shape = "\n".join([lead + first, *((draw.choice((inner, inner, "")) + line) for line in rest)])
    return shape + draw.choice(("", " ", "\n", "\n\n", "\n\n", draw.choice(_BITS)))


def _address(draw: random.Random) -> str:
    return draw.choice(_SCHEMES) + draw.choice(_HOSTS) + draw.choice(_PATHS)


def _noise(draw: random.Random) -> str:
    bits = [draw.choice(_BITS) if draw.random() < 0.8 else _address(draw) for _ in range(draw.randint(1, 14))]
    return "".join(bits)


def _inserted(whole: str, draw: random.Random) -> str:
    at = draw.randint(0, len(whole))
    return whole[:at] + draw.choice(_BITS) + whole[at:]


def _marked(whole: str, draw: random.Random) -> str:
    at = draw.randint(0, len(whole))
    return whole[:at] + draw.choice(("[1]", "[99]", "[1, 99]", " [99]", "[2][99]")) + whole[at:]


def _removed(whole: str, draw: random.Random) -> str:
    at = draw.randint(0, len(whole))
    return whole[:at] + whole[at + draw.randint(1, 3) :]


def _lengthened(whole: str, draw: random.Random) -> str:
    """Repeat one character until what follows stands at a limit, or beyond."""
    at = draw.randint(0, len(whole))
    bit = draw.choice(
        ("a", "a ", "(", "[", "`", "~", "\\", " ", "/", "b.", "*", "&", "]", "x|", "例", "!", "<", "0")
    )
    return whole[:at] + bit * ((draw.choice(_LENGTHS) + draw.randint(-2, 2)) // len(bit)) + whole[at:]


def _escaped(whole: str, draw: random.Random) -> str:
    at = draw.randint(0, len(whole))
    if at < len(whole) and draw.random() < 0.5:
        return whole[:at] + f"&#{ord(whole[at])};" + whole[at + 1 :]
    return whole[:at] + "\\" + whole[at:]


_MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    _inserted, _inserted, _inserted, _marked, _marked, _removed, _removed, _lengthened, _escaped, _escaped,
)  # fmt: skip
