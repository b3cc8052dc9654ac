"""HTML, EPUB, Markdown, reStructuredText and XML as people write them: nothing that a reader sees is lost or altered."""

import importlib.util
import io
import re
import zipfile
from pathlib import Path

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

CASES = Path(__file__).parents[2] / "../shared/cases"
CHROMIUM = "/usr/bin/chromium"

cases = pytest.mark.skipif(not CASES.exists(), reason="the cases are not here (../shared/cases)")


def case(path: str) -> Extract:
    return parse((CASES / path).read_bytes(), name=Path(path).name, limits=limits())


def html(body: str, head: str = "") -> Extract:
    page = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    return parse(page.encode(), name="a.html", limits=limits())


def left(extract: Extract) -> str:
    return "\n".join(piece.text for piece in extract.left_out)


LONG = "<p>" + "The content of the page goes on for a while. " * 20 + "</p>"


@cases
@pytest.mark.parametrize(
    ("path", "sentences"),
    [
        (
            "html-section-ids/docs/privacy.html",
            [
                "We keep cookies for 13 months and then delete them.",
                "The newsletter can be cancelled with one click; addresses are deleted after 48 hours.",
                "Social security contributions are paid by the employer up to 7,450 euro a month.",
            ],
        ),
        (
            "html-section-ids/docs/manual.html",
            [
                "Press F6 to jump to the next pane.",
                "The menu opens with Alt and holds nine entries.",
                "A link to a shared file runs out after 21 days.",
                "Consent of both parents is needed below the age of 16.",
            ],
        ),
        ("html-section-ids/docs/lunch.html", ["## Wednesday", "Lentil soup 4.20 euro", "Trout 7.90 euro"]),
        (
            "html-form-wrapper/docs/policy.aspx.html",
            ["# Parking policy", "Staff may park on level 3 of the garage. A permit costs 24 euro a month."],
        ),
        (
            "html-form-wrapper/docs/main-in-form.html",
            ["Bicycles are kept in the yard; the key code changes on 1 May."],
        ),
        ("html-form-wrapper/docs/survey.html", ["Locker rules", "A lost locker key costs 35 euro."]),
        (
            "html-accordion/docs/faq.html",
            [
                "### How do I block a lost card?\n\nCall 0800 2211, day and night.",
                "What does a new card cost?",
                "Can I choose my own PIN?\n\nYes, at any cash machine.",
                "Three wrong PINs lock the card for good.",
                "The yearly fee is 30 euro.",
            ],
        ),
        (
            "html-style/docs/bulletin.html",
            [
                "The side door closes at 19:00.",
                "The boiler is serviced on 3 June.",
                "The cellar is cleared every March.",
                "Bicycles go to rack C.",
                "Post leaves at noon.",
            ],
        ),
        (
            "html-table/docs/rates.html",
            [
                "| Zone | Letter Standard | Letter Express |\n| --- | --- | --- |\n| Inland | 0.95 | 3.60 |\n"
                "| Inland | 1.10 | 4.10 |\n| EU | 1.80 | 8.00 |",
                "H2O is sold in bottles of 10^3 ml; the area is 25 m² and the limit 10^-6 g. See note [4].",
                "Old price ~~49 euro~~ 39 euro. The ~~red~~ blue card is valid.",
                "Weight: up to 2 kg",
                "Length: up to 60 cm",
            ],
        ),
        (
            "superscript/docs/dose.html",
            ["The dose is 10^3 cells; the fee is 40 euro [1] a month; 10^-6 g; note [4]."],
        ),
        ("superscript/docs/dose.md", ["The dose is 10^3 cells and 2^10 bytes."]),
        ("misc-formats/docs/book.epub", ["The roof was laid in 1987.[1]\n\n[1] By the firm Ziegel."]),
        ("html-charset/docs/cp1251.html", ["Работник имеет право на 28 дней отпуска в год."]),
        ("html-charset/docs/big5.html", ["員工每年有十四天特別休假"]),
        ("html-charset/docs/sjis.html", ["有給休暇は年に二十日です。"]),
        ("html-charset/docs/latin2.html", ["Każdy pracownik ma prawo do 26 dni urlopu."]),
        ("html-charset/docs/latin2-short.html", ["Płatność w ciągu 14 dni."]),
        (
            "md-kinds/docs/front.md",
            [
                "```bash\n# install the client\nsudo apt install wg\n## second comment\n```",
                "- Outer\n  - Inner: 5 devices\n    1. Deep: 2 at a time\n- Other",
                "| S | 2 |",
                "See the remote page and diagram.",
                "Note [1] here.\n\n[1] The old client stops working on 30 June.",
                "~~Five devices~~ Eight devices are allowed.",
                "- [x] Done item\n- [ ] Open item",
                "Warning: Never share the key.",
                "Term: definition text 44",
                "Hidden detail: port 51820.",
                "| Tokyo | 9 hours |",
                "The value is $10^{-3}$ and E = mc² and H2O.",
            ],
        ),
        ("md-kinds/docs/admon.md", ["Note: Careful\n\nThe valve opens at 6 bar.", "Linux:", "Keep it dry."]),
        ("md-kinds/docs/bad-front.md", ["The fridge is emptied on Fridays."]),
        ("md-kinds/docs/hr.md", ["The first text after a rule.", "The second text after a rule says 19."]),
        ("md-kinds/docs/setext.md", ["# Opening hours", "## Saturday\n\n10 to 14"]),
        ("md-kinds/docs/toml-front.md", ["Keys are returned at gate 3."]),
    ],
)
def test_what_the_cases_call_right_is_read(path: str, sentences: list[str]) -> None:
    text = case(path).text
    for sentence in sentences:
        assert sentence in text, text


@cases
def test_what_the_cases_call_hidden_stays_out() -> None:
    assert "Invisible" not in case("html-style/docs/bulletin.html").text
    assert "Abroad" not in case("html-accordion/docs/faq.html").text
    assert "swordfish" not in case("md-kinds/docs/front.md").text


STYLED = """
<p style="font-size:.9em">t1</p><p style="font-size:0.5rem">t2</p><p style="font-size:0">t3</p>
<p style="font-size: 0.0em">t4</p><div style="font-size:0"><b style="font-size:16px">t5</b></div>
<div style="font-size:0"><b style="font-size:2em">t6</b></div><p style="font:0/0 a">t7</p>
<p style="font:italic 12px/1.2 serif">t8</p><p style="display:none">t9</p><p style="display:none;display:block">t10</p>
<p style="display:none!important;display:block">t11</p><p style="visibility:hidden">t12</p>
<p style="visibility:hidden"><b style="visibility:visible">t13</b></p><p style="visibility:collapse">t14</p>
<p style="opacity:0">t15</p><p style="opacity:0.05">t16</p><p style="opacity:0%">t17</p><p style="opacity:.0">t18</p>
<p hidden>t19</p><p hidden style="display:block">t20</p><p style="margin-left:-40px">t21</p>
<p style="position:relative;left:-20px">t22</p><p style="position:absolute;left:-9999px">t23</p>
<p style="position:fixed;top:-2000px">t24</p><p style="left:-9999px">t25</p>
<div style="position:absolute;top:-5000px"><p>t26</p></div><p style="text-indent:-9999px">t27</p>
<p style="text-indent:-1em">t28</p><p style="height:0;overflow:hidden">t29</p><p style="height:0">t30</p>
<p style="max-height:0;overflow:hidden">t31</p><p style="width:0;height:0;overflow:hidden">t32</p>
<p style="color:#fff;background:#fff">t33</p><p style="color:#fff;background:#369">t34</p>
<p style="color:rgb(10, 20, 30);background-color:#0a141e">t35</p><p style="color:transparent">t36</p>
<div style="background:black"><p style="color:#000">t37</p></div><div style="background:black"><p style="color:white">t38</p></div>
<p class="gone">t39</p><p class="gone shown">t40</p><p id="away">t41</p><div class="outer"><p>t42</p></div>
<div class="outer"><span>t43</span></div><p class="small">t44</p><p class="faded">t45</p><p class="wide-only">t46</p>
<p class="hidden lg:flex">t47</p><p class="d-none d-md-block">t48</p><p class="sm:hidden">t49</p>
<p class="hidden-treasure">t50</p><p aria-hidden="true">t51</p><p class="off">t52</p><p class="shift">t53</p>
<dialog open>t54</dialog><dialog>t55</dialog><template><p>t56</p></template><p style="transform:scale(0)">t57</p>
<p style="transform:translateX(-9999px)">t58</p><p style="margin-left:-9999px">t59</p><p class="printed">t60</p>
<p style="DISPLAY : NONE">t61</p><p style="/* x */ display:/* y */none">t62</p><p style="background:url(x)">t63</p>
<p style="color:white"><a href="#">t64</a></p><div style="visibility:hidden"><p>t65</p></div><p popover>t66</p>
<p style="content-visibility:hidden">t67</p><p class="never">t68</p><p class="a b">t69</p><p class="a">t70</p>
<p style="font-size:calc(1px + 0.5em)">t71</p><p style="display:contents">t72</p><p style="z-index:-1">t73</p>
<p style="position:absolute;left:-500px">t74</p><p style="position:static;top:-900px">t75</p>
<p style="filter:opacity(0)">t76</p><p style="text-indent:-40px">t77</p><font color="#ffffff">t78</font>
<p style="color:white;background:white"><b style="color:black">t79</b></p><p style="transform:translate(-10px, 4px)">t80</p>
"""
STYLED = re.sub(r">(t\d+)<", r">\1 and the words that make this line as long as a line is<", STYLED)
SHEET = """<style>
/* a comment { .t1 {display:none} } */
.gone{display:none} .shown{display:block} #away{visibility:hidden} .outer > p{opacity:0}
.small{font-size:.8rem} .faded{opacity:0} @media (max-width:300px){.wide-only{display:none}}
@media screen {.off{position:absolute;left:-4000px}} .shift{margin-left:-24px} @media print{.printed{display:none}}
.never:hover{display:none} .a.b{display:none} p.a:not(.b){color:#333}
</style>"""
SEEN = """() => { const seen = []; const white = 'rgb(255, 255, 255)';
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let node;
while (node = walker.nextNode()) { const text = node.textContent.trim(); if (!/^t\\d+ /.test(text)) continue;
 const box = node.parentElement, style = getComputedStyle(box); let shown = (style.display === 'contents' || box.checkVisibility(
  {opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true})) && parseFloat(style.fontSize) > 0;
 const range = document.createRange(); range.selectNodeContents(node);
 const rects = [...range.getClientRects()].filter(r => r.width > 0 && r.height > 0 && r.right > 0 && r.bottom > 0);
 shown = shown && rects.length > 0; let behind = '';
 for (let up = box; up; up = up.parentElement) { const own = getComputedStyle(up), at = up.getBoundingClientRect();
  if (own.overflowY === 'hidden' && (at.height === 0 || at.width === 0)) shown = false;
  if (/opacity\\(0\\)/.test(own.filter) || own.contentVisibility === 'hidden') shown = false;
  if (!behind && own.backgroundImage !== 'none') behind = 'picture';
  if (!behind && own.backgroundColor !== 'rgba(0, 0, 0, 0)') behind = own.backgroundColor; }
 if (style.color === (behind || white) || style.color === 'rgba(0, 0, 0, 0)') shown = false;
 if (shown) seen.push(text.split(' ')[0]); } return seen; }"""


@pytest.mark.skipif(
    not Path(CHROMIUM).exists() or importlib.util.find_spec("playwright") is None,
    reason="no Chromium with playwright here",
)
@pytest.mark.parametrize("head", [SHEET, ""])
def test_what_is_seen_is_what_chromium_shows(head: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(f"<!doctype html><html><head>{head}</head><body>{STYLED}</body></html>")
        shown = page.evaluate(SEEN)
        browser.close()
    words = html(STYLED, head).text.replace("`", "").split()
    read = [word for word in words if re.fullmatch(r"t\d+", word)]
    assert read == shown, set(read) ^ set(shown)


def book(chapters: dict[str, str], spine: str, manifest: str = "") -> Extract:
    items = "".join(f'<item id="{name}" href="{name}.xhtml"/>' for name in chapters)
    parts = {
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>',
        "a.opf": f"<package><manifest>{items}{manifest}</manifest><spine>{spine}</spine></package>",
        **{f"{name}.xhtml": text for name, text in chapters.items()},
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, text in parts.items():
            archive.writestr(name, text)
    return parse(data.getvalue(), name="a.epub", limits=limits())


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        # raised signs: powers, units, notes, ordinals, and lowered ones
        ("<p>3·10<sup>8</sup> m/s</p>", "3·10^8 m/s"),
        ("<p>25 m<sup>2</sup>, 3 cm<sup>3</sup>, s<sup>-1</sup></p>", "25 m², 3 cm³, s^-1"),
        ("<p>The 1<sup>st</sup> and 20<sup>th</sup></p>", "The 1st and 20th"),
        ("<p>Fee 3.60<sup>1</sup>, since 1987<sup>2</sup>, $40<sup>3</sup></p>", "Fee 3.60 [1], since 1987 [2], $40 [3]"),
        ("<p>The end.<sup>12</sup> Acme<sup>TM</sup></p>", "The end.[12] Acme™"),
        ("<p>CO<sub>2</sub>, 101<sub>2</sub></p>", "CO2, 101_2"),
        ("<p>As said<sup><a href='#fn'>[7]</a></sup></p>", "As said[7]"),
        # struck, quoted, explained, read aloud
        ("<p><del>5</del> 7 <strike>9</strike></p>", "~~5~~ 7 ~~9~~"),
        ("<p>Say <q>yes</q> to <abbr title='Human Resources'>HR</abbr></p>", "Say “yes” to HR (Human Resources)"),
        ("<p><ruby>漢<rt>kan</rt></ruby></p>", "漢(kan)"),
        ("<p>A <img alt='plan of floor 2'> here</p>", "A plan of floor 2 here"),
        ("<math><mfrac><mi>a</mi><mrow><mn>2</mn><mi>b</mi></mrow></mfrac></math>", "a/(2b)"),
        ("<math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation></semantics></math>", "$x^2$"),
        ("<svg><title>i</title><text>Valve A</text></svg>", "Valve A"),
        # fields
        ("<form><label>Fee <input value='12 euro'></label></form>", "Fee: 12 euro"),
        ("<p>Plan <select><option>Basic<option selected>Plus</select></p>", "Plan: Plus"),
        ("<p><input type=radio checked> Yes <input type=radio> No</p>", "[x] Yes [ ] No"),
        ("<textarea>one\ntwo</textarea>", "one\ntwo"),
        # lists, definitions, tables
        ("<ol start=4><li>four<li value=8>eight</ol>", "4. four\n8. eight"),
        ("<ol type=a><li>x<li>y</ol>", "a. x\nb. y"),
        ("<ul><li>one <ul><li>in</ul> after<li><pre>a\n b</pre></ul>", "- one\n  - in\n  after\n-\n  ```\n  a\n   b\n  ```"),
        ("<dl><dt>Size<dt>Length<dd>60 cm</dl>", "- Size, Length: 60 cm"),
        ("<dl><dt>How?<dd>So.</dl>", "- How? So."),
        (
            "<table><tfoot><tr><td>Sum<td>9</tfoot><thead><tr><th>K<th>V</thead><tr><td>a<td>b<br>c</table>",
            "| K | V |\n| --- | --- |\n| a | b c |\n| Sum | 9 |",
        ),
        (
            "<table><tr><th colspan=2>A<tr><th>x<th>y<tr><td>1<td><p>2<p>3</table>",
            "| A x | A y |\n| --- | --- |\n| 1 | 2; 3 |",
        ),
        ("<table><tr><th>n<th>m<tr><td>1<td><table><tr><td>a<td>b</table></table>", "| n | m |\n| --- | --- |\n| 1 | a; b |"),
        # parts that a page opens, or that only some see
        ("<button aria-controls=p>Fee?</button><div id=p hidden>12 euro.</div>", "Fee?\n\n12 euro."),
        ("<div role=tabpanel hidden>Second tab.</div>", "Second tab."),
        ("<details><summary>More</summary>Inside.</details>", "More\n\nInside."),
        ("<p hidden=until-found>Found.</p>", "Found."),
        ("<p class=sr-only>For all.</p>", "For all."),
        ("<p style='position:absolute;width:1px;height:1px;overflow:hidden;clip:rect(0,0,0,0)'>Aloud.</p>", "Aloud."),
        ("<p style='max-height:0;overflow:hidden;transition:max-height 1s'>Folded.</p>", "Folded."),
        ("<p>a</p><aside class=note>Mind this.</aside>", "a\n\nMind this."),
        # other documents inside
        ("<iframe srcdoc='<p>Framed.</p>'></iframe>", "Framed."),
        ("<object data=a.pdf>Instead.</object>", "Instead."),
        ("<noscript><img alt='the plan'></noscript>", "the plan"),
        (
            "<x-card><template shadowrootmode=open><h2><slot name=t></slot></h2><p>Price: <slot></slot></p></template>"
            "<b slot=t>Fees</b>12 euro</x-card>",
            "## Fees\n\nPrice: 12 euro",
        ),
        ("<div role=heading aria-level=3>Head</div><p>Text.</p>", "### Head\n\nText."),
    ],
)  # fmt: skip
def test_what_html_can_hold_is_read(body: str, shown: str) -> None:
    assert html(body).text == shown


def test_two_rows_of_a_head_and_spans_are_joined_in_each_column() -> None:
    extract = html(
        "<table><thead><tr><th rowspan=2>Site</th><th colspan=2>2024</th><th colspan=2>2025</th></tr>"
        "<tr><th>Q1</th><th>Q2</th><th>Q1</th><th>Q2</th></tr></thead>"
        "<tr><td>Ulm</td><td>1</td><td colspan=2>2</td><td>3</td></tr></table>"
    )
    assert extract.text.split("\n")[0] == "| Site | 2024 Q1 | 2024 Q2 | 2025 Q1 | 2025 Q2 |"
    assert extract.text.split("\n")[2] == "| Ulm | 1 | 2 | 2 | 3 |"


@pytest.mark.parametrize(
    "name", ["cookies", "share", "toc", "promo-codes", "social-security", "ads", "sidebar"]
)
def test_names_of_sections_prove_nothing(name: str) -> None:
    section = (
        f"<section id={name} class={name}><h2>Part</h2><p>The rule on {name} holds for 9 days.</p></section>"
    )
    for page in (f"<main>{LONG}{section}</main>", f"<article>{LONG}{section}</article>", f"{LONG}{section}"):
        assert f"The rule on {name} holds for 9 days." in html(page).text


def test_what_frames_a_page_is_left_out_and_said() -> None:
    footer = "Opening hours and addresses of all forty branches stand here. " * 8
    extract = html(
        f"<nav><a href=/>Home</a> <a href=/b>Blog</a></nav><main><h1>Leave</h1>{LONG}</main><footer>{footer}</footer>"
    )
    assert "Home" not in extract.text
    assert "branches" not in extract.text
    assert [piece.what for piece in extract.left_out] == ["navigation", "page frame"]
    assert extract.findings == (
        f"Left out {len(footer.strip())} characters around the page's content (header, footer, what stands beside it).",
    )
    assert "Leave of absence" in html(f"<header><h1>Leave of absence</h1></header><main>{LONG}</main>").text


def test_responsive_classes_hide_only_where_nothing_shows_again() -> None:
    linked = "<link rel=stylesheet href=a.css>"
    page = "<p class='hidden md:block'>a</p><p class='d-none d-md-flex'>b</p><p class='md:hidden'>c</p><p class=hidden>d</p>"
    assert html(page, linked).text == "a\n\nb\n\nc"
    assert html(page).text.endswith("d")  # no stylesheet could hide it


def test_a_page_that_only_its_program_shows_is_read() -> None:
    extract = html(f"<p>Loading</p><div id=store>{LONG}</div>", "<style>#store{display:none}</style>")
    assert "goes on for a while" in extract.text


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('<p>Laid.<a epub:type="noteref" href="#n">1</a></p><aside epub:type="footnote" id="n"><p>By Ana.</p></aside>', "[1] By Ana."),
        ('<p>Laid.<sup><a role="doc-noteref" href="#n">2</a></sup></p><div role="doc-footnote" id="n">By Bo.</div>', "[2] By Bo."),
        ('<p>Laid.<a epub:type="noteref" href="b.xhtml#n"><sup>3</sup></a></p>', "[3] By Cy."),
    ],
)  # fmt: skip
def test_notes_of_a_book_stand_with_their_mark(text: str, note: str) -> None:
    extract = book(
        {"a": f"<html><head><title/></head><body>{text}</body></html>", "b": '<html><body><p id="n">By Cy.</p></body></html>'},
        '<itemref idref="b" linear="no"/><itemref idref="a"/>',
    )  # fmt: skip
    assert extract.text.startswith(f"Laid.[{note[1]}]")
    assert note in extract.text


def test_a_book_has_its_order_no_doubled_contents_and_names_what_is_missing() -> None:
    toc = '<html><body><nav epub:type="toc"><h2>Contents</h2><ol><li><a href="a.xhtml">A</a></li></ol></nav></body></html>'
    chapter = (
        '<html><head><script src="x.js"/></head><body><h1>{0}</h1><a id="x"/><p>Text {0}.</p></body></html>'
    )
    extract = book(
        {"n": toc, "a": chapter.format("A"), "b": chapter.format("B"), "e": "<html/>"},
        "".join(f'<itemref idref="{name}"/>' for name in ("n", "b", "e", "gone", "a")),
        '<item id="gone" href="lost.xhtml"/>',
    )
    assert extract.text == "# B\n\nText B.\n\n# A\n\nText A."
    assert extract.findings == ("A chapter that the e-book lists is missing: lost.xhtml.",)


def markdown(text: str) -> Extract:
    return parse(text.encode(), name="a.md", limits=limits())


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("~~12~~ 15 EUR, <del>a</del> <s>b</s>", "~~12~~ 15 EUR, ~~a~~ ~~b~~"),
        ("# Fees ~~old~~ new {#fees}", "# Fees ~~old~~ new"),
        ("A[^x] b.\n\nNext.\n\n[^x]: First `c`\n    goes on.\n", "A [x] b.\n\n[x] First `c` goes on.\n\nNext."),
        ("- item[^1]\n\n[^1]: Note.\n[^2]: Other.\n", "- item [1]\n\n[1] Note.\n\n[2] Other."),
        ("See [[Page]], [[A#B|b]] and ![[plan.png|200]].", "See Page, b and plan.png."),
        ("2^10^, m^2^, H~2~O, x<sup>2</sup>, 10<sup>-6</sup>", "2^10, m², H2O, x², 10^-6"),
        ("$x^2^y$ and `a^b^c` stay", "$x^2^y$ and `a^b^c` stay"),
        ("[span]{.mark} and [a](b.md){target=_blank} and m{handler=\"/g\"}", 'span and a and m{handler="/g"}'),
        ("> [!TIP]\n> Save often.", "Tip: Save often."),
        ("> [!note]- Mind\n> Body.", "Note: Mind\n\nBody."),
        (":::{warning} Hot\nDo not touch.\n:::", "Warning: Hot\n\nDo not touch."),
        ("::: {.column width=50%}\nLeft.\n:::", "Left."),
        ("```{note}\n:class: x\nInside **it**.\n```", "Note:\n\nInside **it**."),
        ("Weight\n: up to 2 kg\n", "Weight: up to 2 kg"),
        (":white_check_mark: yes :unknown: 10:30:45", "✅ yes :unknown: 10:30:45"),
        ("<Card title=\"Fees\" description=\"All of 2025\" />\n\n<Note>Mind.</Note>", "Fees: All of 2025\n\nNote: Mind."),
        ("import X from './x';\n\n<X>\n\nText.\n\n</X>", "Text."),
        ("Use <Name> here.", "Use <Name> here."),
        ("| a | b |\n|--|--|\n| 1 | `x|y` |\n| p \\| q | 2 | 3 |", "| a | b |  |\n| --- | --- | --- |\n| 1 | `x\\|y` |  |\n| p \\| q | 2 | 3 |"),
        ("a | b\n--|--\n1 | H<sub>2</sub>O<br>x", "| a | b |\n| --- | --- |\n| 1 | H2O x |"),
        ("+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("$$\na\n=\nb\n$$", "```math\na\n=\nb\n```"),
        ('{{< figure src="a.png" caption="The plan" >}}', "The plan"),
        ("<img src=a alt='the plan'> of <abbr title='Human Resources'>HR</abbr>", "the plan of HR (Human Resources)"),
        ("> - one long item that an editor would have wrapped at\n> - two", "- one long item that an editor would have wrapped at\n- two"),
    ],
)  # fmt: skip
def test_markdown_as_people_write_it(source: str, shown: str) -> None:
    assert markdown(source).text == shown


@pytest.mark.parametrize(
    "source",
    [
        "Seen.\n\n<!-- secret -->",
        "Seen.\n\n[//]: # (secret)",
        "Seen. {/* secret */}",
        "Seen.\n\n<!-- secret\n\nto the end",
        '<div style="display:none">\n\nsecret\n\n</div>\n\nSeen.',
        "Seen. <span hidden>secret</span>",
    ],
)
def test_what_markdown_hides_is_left_out_and_told(source: str) -> None:
    extract = markdown(source)
    assert extract.text.strip() == "Seen."
    assert "secret" in left(extract)


def rst(text: str) -> Extract:
    return parse(text.encode(), name="a.rst", limits=limits())


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("Area 25 m\\ :sup:`2`, H\\ :sub:`2`\\ O, 10\\ :sup:`-6`.", "Area 25 m², H2O, 10^-6."),
        (".. |co| unicode:: 0xA9 .. sign\n.. |p| replace:: The\n   product\n\n|p| |co|.", "The product ©."),
        ("A [#]_ and [#]_.\n\n.. [#] One.\n.. [#] Two.\n", "A [1] and [2].\n\n[1] One.\n\n[2] Two."),
        (".. note:: It goes\n   on.\n\n   Second.\n", "Note: It goes on.\n\nSecond."),
        (".. only:: html\n\n   Shown.\n", "Shown."),
        (".. class:: big\n\n   Large words.\n", "Large words."),
        (".. raw:: html\n\n   <p>Raw <b>words</b>.</p>\n", "Raw words."),
        (
            ".. csv-table::\n   :header: a, b\n   :delim: ;\n\n   1; 2\n",
            "| a | b |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            ".. list-table::\n   :header-rows: 2\n\n   * - A\n     - B\n   * - x\n     - y\n   * - 1\n     - 2\n",
            "| A x | B y |\n| --- | --- |\n| 1 | 2 |",
        ),
        ("Weight\n   up to 2 kg\n", "Weight: up to 2 kg"),
        (".. code-block:: sh\n   :caption: Start\n\n   ls\n", "Start\n\n```sh\nls\n```"),
        (
            "+----+-------+\n| Z  | Fee   |\n|    +---+---+\n|    | S | E |\n+====+===+===+\n| In | 1 | 2 |\n+----+---+---+\n",
            "| Z | Fee S | Fee E |\n| --- | --- | --- |\n| In | 1 | 2 |",
        ),
    ],
)
def test_what_restructured_text_can_hold_is_read(source: str, shown: str) -> None:
    assert rst(f"{source}\n").text == shown


def test_what_restructured_text_leaves_out_is_told() -> None:
    extract = rst("Text.\n\n.. include:: other.rst\n\n.. a remark\n\n.. only:: latex\n\n   On paper.\n")
    assert extract.text == "Text."
    assert extract.findings == ("It shows another file, which was not read with it: other.rst.",)
    assert "a remark" in left(extract)
    assert "On paper." in left(extract)


def xml(text: str) -> Extract:
    return parse(f"<?xml version='1.0'?>{text}".encode(), name="a.xml", limits=limits())


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<c><item name='Lamp' price='12'/></c>", "- item: name: Lamp, price: 12"),
        ("<c><i sku='A1'><w unit='kg'>2</w><n><![CDATA[a < b]]></n></i></c>", "- sku: A1\n- w: 2 (unit: kg)\n- n: a < b"),
        ("<o><id>7</id><who><name>Ana</name><at><city>Ulm</city></at></who></o>", "- id: 7\n\n- name: Ana\n- at:\n  - city: Ulm"),
        ("<rss><item><title>Door</title><d><![CDATA[<p>It <b>opens</b>.</p>]]></d></item></rss>", "## Door\n\nIt opens."),
        (
            "<article><info><title>Pump</title></info><section><title>Limits</title><para>6 bar, 10<superscript>3</superscript> l."
            "<footnote><para>At 20 °C.</para></footnote></para><note><para>Dry.</para></note></section></article>",
            "# Pump\n\n## Limits\n\n6 bar, 10^3 l. (At 20 °C.)\n\nNote: Dry.",
        ),
        (
            "<article><para>x</para><informaltable><tgroup cols='3'><thead><row><entry morerows='1'>Z</entry><entry namest='c2' "
            "nameend='c3'>Fee</entry></row><row><entry>S</entry><entry>E</entry></row></thead><tbody><row><entry>In</entry>"
            "<entry>1</entry><entry>2</entry></row></tbody></tgroup></informaltable></article>",
            "x\n\n| Z | Fee S | Fee E |\n| --- | --- | --- |\n| In | 1 | 2 |",
        ),
        (
            "<task><title>Change</title><shortdesc>Soon.</shortdesc><taskbody><steps><step><cmd>Open.</cmd></step><step><cmd>Shut."
            "</cmd></step></steps><note type='caution'>Hot.</note></taskbody></task>",
            "# Change\n\nSoon.\n\n1. Open.\n2. Shut.\n\nCaution: Hot.",
        ),
        (
            "<!DOCTYPE article PUBLIC 'x' 'x.dtd'><article><para>Caf&eacute; at 9&nbsp;am</para></article>",
            "Café at 9 am",
        ),
    ],
)  # fmt: skip
def test_what_xml_can_hold_is_read(source: str, shown: str) -> None:
    assert xml(source).text == shown
