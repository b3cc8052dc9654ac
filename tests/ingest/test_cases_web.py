"""HTML, EPUB, Markdown, reStructuredText and XML as people write them: nothing that a reader sees is lost or altered."""

import importlib.util
import io
import os
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
    not os.path.exists(CHROMIUM) or importlib.util.find_spec("playwright") is None,
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
