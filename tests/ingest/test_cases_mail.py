"""What files say in old encodings, JSON, notebooks, transcripts, mail and what holds several documents: as they are."""

import json
import struct
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.extract import Extract, Unparsable
from ingest.parse.characters import decode
from ingest.parse.dispatch import parse
from ingest.parse.encodings import readings
from tests.ingest.limits import limits
from tests.ingest.ole import message, ole

CASES = Path(__file__).parents[2] / "../shared/cases"


def read(data: bytes, name: str) -> Extract:
    return parse(data, name=name, limits=limits())


def case(name: str) -> Extract:
    path = CASES / name
    if not path.is_file():
        pytest.skip("shared/cases is not there")
    return read(path.read_bytes(), path.name)


def left_out(extract: Extract) -> str:
    return "\n".join(each.text for each in extract.left_out)


# Characters

OLD = [
    ("cp1252", "Die Tür wird um 18 Uhr geschlossen. Für Gäste gilt: Schlüssel beim Pförtner."),
    ("cp437", "Die Tür wird um 18 Uhr geschlossen. Für Gäste gilt: Schlüssel beim Pförtner."),
    ("cp850", "Die Straße ist gesperrt. Größere Fahrzeuge müssen über die Brücke."),
    ("mac_roman", "Die Straße ist gesperrt. Größere Fahrzeuge müssen über die Brücke."),
    ("mac_roman", "L’été, les bureaux ferment à 16 h. Les employés prévoient leurs congés à l’avance."),
    ("cp1252", "L’été, les bureaux ferment à 16 h. Les employés prévoient leurs congés à l’avance."),
    (
        "cp1254",
        "Yıllık izin süresi yirmi gündür. İzin isteği iki hafta önce verilir. Şef onaylar, çalışan öğrenir.",
    ),
    ("cp1254", "Toplantı odası üçüncü katta."),
    ("cp857", "Toplantı odası üçüncü katta. Girişte görevliye başvurun."),
    ("cp1250", "Žádost o dovolenou se podává čtrnáct dnů předem. Příliš žluťoučký kůň. Nárok je 25 dnů."),
    ("iso8859_2", "Žádost o dovolenou se podává čtrnáct dnů předem. Příliš žluťoučký kůň. Nárok je 25 dnů."),
    ("cp852", "Žádost o dovolenou se podává čtrnáct dnů předem."),
    (
        "cp1250",
        "Pracownik może złożyć wniosek o urlop na dwa tygodnie wcześniej. Zgłoszenia przyjmuje sekretariat.",
    ),
    (
        "iso8859_2",
        "Pracownik może złożyć wniosek o urlop na dwa tygodnie wcześniej. Zgłoszenia przyjmuje sekretariat.",
    ),
    ("cp1250", "A kérelmet két héttel előbb kell benyújtani. A főnök dönt, és az űrlapot aláírja."),
    ("cp1250", "Cererea se depune cu două săptămâni înainte. Şeful aprobă şi angajatul află."),
    (
        "cp1250",
        "Zahtjev se podnosi dva tjedna ranije. Šef odlučuje, a zaposlenik će saznati rješenje. Čekaonica je niže.",
    ),
    (
        "cp1257",
        "Prašymą reikia pateikti prieš dvi savaites. Viršininkas sprendžia, darbuotojas sužino. Įėjimas iš kiemo.",
    ),
    ("cp1257", "Iesniegums jāiesniedz divas nedēļas iepriekš. Priekšnieks lemj, darbinieks uzzina."),
    ("cp1252", "La reunión empieza a las nueve. El año pasado hubo más días. ¿Dónde está la llave?"),
    ("mac_roman", "La reunión empieza a las nueve. El año pasado hubo más días. ¿Dónde está la llave?"),
    ("cp850", "La reunión empieza a las nueve. El año pasado hubo más días. ¿Dónde está la llave?"),
    ("cp1252", "A reunião começa às nove. Não há pão. Informações na recepção."),
    ("cp1252", "Mødet begynder klokken ni. Nøglen hænger på væggen ved døren."),
    ("cp850", "Mødet begynder klokken ni. Nøglen hænger på væggen ved døren."),
    ("cp1252", "Umsóknin skal berast tveimur vikum áður. Það þarf að fylla út eyðublað."),
    ("cp1252", "Kokous alkaa yhdeksältä. Avain on hyllyllä pöydän vieressä."),
    ("cp1252", "Koosolek algab kell üheksa. Võti on riiulil laua kõrval, ärge unustage."),
    ("cp1251", "Заявление на отпуск подаётся за две недели. Начальник решает, сотрудник узнаёт."),
    ("koi8_r", "Заявление на отпуск подаётся за две недели. Начальник решает, сотрудник узнаёт."),
    ("cp866", "Заявление на отпуск подается за две недели. Начальник решает, сотрудник узнает."),
    ("iso8859_5", "Заявление на отпуск подаётся за две недели. Начальник решает, сотрудник узнаёт."),
    ("mac_cyrillic", "Заявление на отпуск подаётся за две недели. Начальник решает, сотрудник узнаёт."),
    ("cp1251", "Ключ висить біля дверей. Заяву подають за два тижні, її підписує керівник."),
    ("cp1251", "Молбата се подава две седмици по-рано. Началникът решава."),
    ("cp1253", "Η αίτηση υποβάλλεται δύο εβδομάδες πριν. Το κλειδί είναι στην πόρτα."),
    ("iso8859_7", "Η αίτηση υποβάλλεται δύο εβδομάδες πριν. Το κλειδί είναι στην πόρτα."),
    ("cp737", "Η αίτηση υποβάλλεται δύο εβδομάδες πριν. Το κλειδί είναι στην πόρτα."),
    ("cp1255", "המפתח תלוי ליד הדלת. את הבקשה יש להגיש שבועיים מראש."),
    ("cp1256", "المفتاح معلق بجانب الباب. يقدم الطلب قبل أسبوعين."),
    ("cp874", "กุญแจแขวนอยู่ข้างประตู กรุณายื่นคำขอล่วงหน้าสองสัปดาห์"),
    ("gbk", "员工每年享有十五天带薪年假。申请须提前两周提交给主管。病假需要医生证明。"),
    ("gbk", "钥匙挂在锅炉后面。"),
    ("big5", "員工每年享有十五天帶薪年假。申請須提前兩週提交給主管。病假需要醫生證明。"),
    ("cp949", "직원은 매년 십오일의 유급 휴가를 받습니다. 신청은 이주 전에 합니다."),
    ("cp932", "会議室の予約は前日までに総務部へお願いします。鍵は受付にあります。"),
    ("euc_jp", "会議室の予約は前日までに総務部へお願いします。鍵は受付にあります。"),
    ("cp932", "カギハ ボイラーノ ウシロ"),
    ("cp1252", "The café charges 5 € — “ready” at 8."),
    ("cp1252", "Price: 3 €"),
    ("cp1252", "Zürich"),
    ("mac_roman", "Café"),
    ("cp1252", "Smith’s desk is on the 3rd floor – ask there…"),
    ("cp437", "┌────────┬───────┐\n│ Tür    │ 18    │\n└────────┴───────┘"),
]


@pytest.mark.parametrize(("encoding", "text"), OLD, ids=lambda value: value[:24])
def test_text_in_an_old_encoding_is_read_as_it_was_written(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert decode(data).text == text if len(data) > 40 else data.decode(readings(data)[0].encoding) == text


def test_a_stray_byte_costs_itself_and_is_named_with_its_line() -> None:
    extract = case("txt-badbyte/docs/one-byte.md")
    assert "Die Küche öffnet um 8 Uhr." in extract.text
    assert "3\ufffd Euro" in extract.text
    assert extract.findings == ("1 byte is not UTF-8 and stands as \ufffd (line 4); save the file as UTF-8.",)


def test_a_line_in_another_encoding_is_read_as_what_it_is() -> None:
    extract = case("txt-badbyte/docs/latin-line.csv")
    assert "Fürth" in extract.text
    assert "Schloßplatz" in extract.text
    assert "Köln" in extract.text
    assert "line 31" in extract.findings[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("utf8-broken.txt", "The café opens at 8."),
        ("utf8-broken.txt", "Größe über alles, ja."),
        ("cp1254.txt", "Yıllık izin süresi yirmi gündür."),
        ("cp437.txt", "Die Tür wird um 18 Uhr geschlossen. Für Gäste gilt: Schlüssel beim Pförtner."),
        ("utf16nobom.txt", "The safe code is changed every 60 days by the night porter."),
        ("gbk.txt", "员工每年享有十五天带薪年假"),
        ("sjis.txt", "会議室の予約は総務部に電話してください"),
        ("euckr.txt", "유급 휴가를 받습니다"),
        ("cp1250.txt", "Příliš žluťoučký kůň"),
        ("mac.txt", "L’été, les bureaux ferment à 16 h."),
        ("tel.txt", "Küche"),
    ],
)
def test_character_sets_of_plain_text(name: str, said: str) -> None:
    assert said in case(f"txt-kinds/docs/{name}").text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Ключ у двери. Да\n".encode("utf-16-le"), "Ключ у двери. Да"),
        ("Größe und Maße\n".encode("utf-16-be"), "Größe und Maße"),
        ("会議室の予約\nは前日".encode("utf-16-le"), "会議室の予約\nは前日"),
        ("The key is here.".encode("utf-32-le"), "The key is here."),
        ("鍵は受付にあります。".encode("iso2022_jp"), "鍵は受付にあります。"),
        (b"The key\0is here, under the mat.\n\0\0", "The key is here, under the mat."),
        (b"one\x0btwo", "one\ntwo"),
    ],
)
def test_wide_and_odd_text_without_a_mark_is_read(data: bytes, text: str) -> None:
    assert read(data, "a.txt").text == text


@pytest.mark.parametrize("cut", [1, 2])
def test_a_character_cut_in_two_costs_itself(cut: int) -> None:
    data = "Der Schlüssel – für Gäste – hängt an der Tür. ".encode()
    at = data.index("–".encode())
    extract = read(data[:at] + data[at + cut :], "a.txt")
    assert "Der Schlüssel" in extract.text
    assert "für Gäste – hängt" in extract.text
    assert "not UTF-8" in extract.findings[0]


def test_readings_that_are_close_are_both_named_with_what_decides() -> None:
    said = decode("Crème brûlée à la carte".encode("cp1252")).finding
    assert "cp1252" in said
    close = decode("Žena a muž".encode("cp1250")).finding
    assert "`encoding" in close
    assert "side-car" in close


def test_escapes_of_terminals_are_taken_out() -> None:
    assert case("misc-formats/docs/app.log").text.startswith("ERROR pump stopped at 14:02")
    colours = b"\x1b[1;31mERROR\x1b[0m pump\n\x1b]0;title\x07valve \x1b]8;;http://a.b\x1b\\open\x1b]8;;\x1b\\\n\x1b(Bdone\n"
    assert read(colours, "a.log").text == "ERROR pump\nvalve open\ndone"
    assert read(b"N\x08NA\x08AM\x08ME\n\n    grep", "a.txt").text == "## NAME\n\ngrep"


def test_a_progress_bar_is_read_as_it_stood_at_the_end() -> None:
    extract = read(b"start\n 10% load\r 20% load\r100% load\rdone\nend\n", "a.log")
    assert extract.text == "start\n100% load\ndone\nend"
    assert "10% load" in left_out(extract)
    assert read(b"first\rsecond\rthird", "a.txt").text == "first\nsecond\nthird"


# JSON


def test_values_without_a_line_between_them_are_all_read() -> None:
    extract = case("json-kinds/docs/concat.jsonl")
    assert "first row 11" in extract.text
    assert "second row 22" in extract.text
    assert extract.findings == ("1 lines are not valid JSON; they were left out (line 3 from character 2).",)
    assert "{broken" in left_out(extract)
    assert read(b'{"a": 1}{"a": 2} {"a": 3}\n\n{"a": 4}', "a.json").text.count("\n|") == 5


def test_a_question_and_its_answer_stand_together() -> None:
    text = case("json-kinds/docs/chat.json").text
    assert "- Mia (2025-03-01): Where is the spare key?" in text
    assert text.endswith("\n- Ole (2025-03-02): The spare key hangs behind the boiler.")


def test_numbers_stay_as_they_are_written() -> None:
    text = case("json-kinds/docs/nested.json").text
    for said in ("attachment_mb: 35", "big: 12345678901234567890", "ratio: 1e-07", "sla: null", "cost: 0"):
        assert said in text
    text = read(b'{"a": 1.10, "b": 1E5, "c": -0.0, "d": NaN, "e": 12345678901234567890.123}', "a.json").text
    assert text == "- a: 1.10\n- b: 1E5\n- c: -0.0\n- d: NaN\n- e: 12345678901234567890.123"


def test_a_mark_at_the_beginning_is_no_part_of_the_first_record() -> None:
    assert "The pool opens at 6:30." in case("json-kinds/docs/bom.jsonl").text


def test_what_json_does_not_allow_is_read_or_said() -> None:
    extract = read(b'// price list\n{"a": 1, /* net */ "b": "http://x//y",}', "a.json")
    assert extract.text == "- a: 1\n- b: http://x//y"
    assert "comments" in extract.findings[0]
    assert "price list" in left_out(extract)
    assert read(b'{"a": 1, "a": 2}', "a.json").text == "- a: 1\n- a (2): 2"
    with pytest.raises(Unparsable, match="line 3, character 1"):
        read(b'{"a": 1,\n "b": \n}', "a.json")
    with pytest.raises(Unparsable, match="too deeply"):
        read(b"[" * 200_000, "a.json")


def test_what_is_nested_too_deeply_is_said() -> None:
    extract = read(b"[" * 60 + b"17" + b"]" * 60, "a.json")
    assert "deep" in extract.findings[0]
    assert "17" in left_out(extract)


def test_a_quoted_message_stands_once() -> None:
    talk = [
        {"author": {"name": "Mia"}, "content": "Where is the key?", "id": 17},
        {"author": {"name": "Ole"}, "content": "> Where is the key?\nBehind the boiler", "id": 18},
        {"author": {"name": "Ida"}, "content": "Thanks", "quoted": {"text": "Where is the key?"}},
    ]
    extract = read(json.dumps({"channel": "general", "messages": talk}).encode(), "a.json")
    assert extract.text.count("Where is the key?") == 1
    assert "- Ole: Behind the boiler" in extract.text
    assert "channel: general" in extract.text
    assert "id: 18" in extract.text


# Notebooks, transcripts, calendars


def test_a_notebook_is_its_cells() -> None:
    extract = case("misc-formats/docs/nb.ipynb")
    assert extract.text == "# Model\n\nThe rate is 0.02.\n\n```python\nx=1\n```"
    assert extract.findings == ("1 pictures are shown in it, whose content is not read.",)


def test_what_a_notebook_printed_is_read_in_the_form_that_says_most() -> None:
    table = "<table><tr><th>Site</th><th>Beds</th></tr><tr><td>North</td><td>12</td></tr></table>"
    outputs = [
        {"output_type": "stream", "text": ["\x1b[32mdone\x1b[0m\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["  Site Beds"], "text/html": [table]}},
        {
            "output_type": "error",
            "ename": "KeyError",
            "evalue": "'x'",
            "traceback": ["\x1b[31mKeyError\x1b[0m: 'x'"],
        },
    ]
    cells = [
        {"cell_type": "raw", "source": "---\ntitle: Beds\nreaders: [hr]\n---\n"},
        {"cell_type": "code", "source": "beds()", "outputs": outputs},
    ]
    extract = read(json.dumps({"cells": cells, "nbformat": 4}).encode(), "a.ipynb")
    assert (extract.title, extract.readers) == ("Beds", ("hr",))
    for said in ("beds()", "done", "| North | 12 |", "KeyError: 'x'"):
        assert said in extract.text
    assert "\x1b" not in extract.text


def test_a_notebook_of_format_3_is_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {
            "cell_type": "code",
            "input": ["print(1)"],
            "outputs": [{"output_type": "pyout", "png": "AAAA", "text": ["1"]}],
        },
    ]
    text = read(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}).encode(), "a.ipynb").text
    assert text == "## Old\n\n```python\nprint(1)\n```\n\n```\n1\n```"


def test_a_transcript_is_paragraphs_with_who_speaks() -> None:
    assert case("misc-formats/docs/subs.vtt").text == "[00:00:01] The valve is blue."
    vtt = (
        "WEBVTT\n\nNOTE draft\n\n1\n00:00:01.000 --> 00:00:03.000\n<v Rosa>The valve is blue</v>\n\n"
        "00:00:03.000 --> 00:00:05.000\n<v Rosa>and opens left.</v>\n\n00:01:05.500 --> 00:01:07.000\n<v Emil>Thanks &amp; bye.</v>\n"
    )
    assert (
        read(vtt.encode(), "a.vtt").text
        == "[00:00:01] Rosa: The valve is blue and opens left.\n\n[00:01:05] Emil: Thanks & bye."
    )
    srt = "1\n00:00:01,000 --> 00:00:03,000\nROSA: The <i>valve</i> is blue\n\n2\n01:00:03,000 --> 01:00:05,000\nNext one.\n"
    assert "[00:00:01] ROSA: The valve is blue" in read(srt.encode(), "a.srt").text
    assert "[01:00:03]" in read(srt.encode(), "a.srt").text


def test_an_invitation_says_what_when_and_where() -> None:
    assert case("misc-formats/docs/cal.ics").text == "## Fire drill\n\n- When: 2025-06-12 09:00 UTC"
    ics = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Drill\\, all floors\r\nDTSTART;TZID=Europe/Berlin:20250612T090000\r\n"
        'LOCATION:Yard\r\nORGANIZER;CN="Kim Lee":mailto:kim@example.org\r\nDESCRIPTION:Meet at the\r\n  gate.\\nBring badges.\r\n'
        "BEGIN:VALARM\r\nDESCRIPTION:beep\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    text = read(ics.encode(), "a.ics").text
    for said in (
        "Drill, all floors",
        "When: 2025-06-12 09:00 (Europe/Berlin)",
        "Where: Yard",
        "Kim Lee <kim@example.org>",
    ):
        assert said in text
    assert text.endswith("Meet at the gate.\nBring badges.")
    card = b"BEGIN:VCARD\nFN:Ada Holt\nTEL;TYPE=work:+49 30 123\nADR:;;Elm St 5;Bonn;;53111;DE\nEND:VCARD\n"
    assert (
        read(card, "a.vcf").text
        == "## Ada Holt\n\n- Telephone: +49 30 123\n- Address: Elm St 5, Bonn, 53111, DE"
    )


# Mail


def test_a_stub_gives_way_to_the_part_that_holds_the_content() -> None:
    extract = case("mail-kinds/docs/stub.eml")
    assert "Your order 7741 leaves our store on 9 March." in extract.text
    assert "| Boots | 89 euro |" in extract.text
    assert "needs an HTML reader" in left_out(extract)


def mail(**headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "a@example.org", "To": "b@example.org", "Subject": "Note", **headers}.items():
        made[name] = value
    return made


def test_the_plain_part_stays_where_it_says_what_the_html_says() -> None:
    made = mail()
    made.set_content("The gate opens at six.\n\nBring your badge.")
    made.add_alternative("<p>The gate opens at six.</p><p>Bring your <b>badge</b>.</p>", subtype="html")
    extract = read(bytes(made), "a.eml")
    assert extract.text.endswith("The gate opens at six.\n\nBring your badge.")
    assert extract.left_out == ()
    stub = mail()
    stub.set_content("The full minutes. " + "The board met and agreed on many things this spring. " * 5)
    stub.add_alternative("<p>Open in a browser</p>", subtype="html")
    assert "The board met" in read(bytes(stub), "a.eml").text


def test_a_forwarded_message_is_read_in_its_place() -> None:
    inner = mail(Subject="Rent for May")
    inner.set_content("The rent is 940 euro.")
    inner.add_attachment(b"x,y\n1,2\n", maintype="text", subtype="csv", filename="rent.csv")
    outer = mail(Subject="Fwd: rent")
    outer.set_content("See below.")
    outer.add_attachment(inner)
    extract = read(bytes(outer), "a.eml")
    assert "## Forwarded: Rent for May" in extract.text
    assert "The rent is 940 euro." in extract.text
    assert "- rent.csv" in extract.text


def test_an_invitation_in_a_mail_is_read() -> None:
    made = mail(Subject="Invitation")
    made.set_content("You are invited.")
    made.add_alternative(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Board\nDTSTART:20250612T090000Z\nLOCATION:Room 5\nEND:VEVENT\nEND:VCALENDAR\n",
        subtype="calendar",
    )
    text = read(bytes(made), "a.eml").text
    assert "You are invited." in text
    assert "Where: Room 5" in text


def test_attachments_are_named_and_said() -> None:
    extract = case("mail-kinds/docs/attach.eml")
    assert extract.metadata["attachments"] == ("minutes.txt", "votes.csv")
    assert "2 attachments were named but not read" in extract.findings[0]


def test_flowed_lines_are_put_together_and_headers_decoded() -> None:
    text = case("mail-kinds/docs/flow.eml").text
    assert (
        "from Monday the 7th of April until Friday the 18th of April because the floor is being replaced."
        in text
    )
    assert "Yours\n--" in text
    thread = case("mail-kinds/docs/thread.eml")
    assert thread.title == "Re: Raum für das Fest"
    assert "Nein, wir nehmen den großen Saal. Er fasst 120 Leute." in thread.text
    assert case("mail-kinds/docs/gb.eml").title == "人事通知"
    raw = (
        b"From: a@b.c\nTo: b@c.d\nSubject: Gr\xc3\xb6\xc3\x9fe =?iso-8859-1?q?f=FCr?= =?utf-8?b?w6Q=?=\n\nx\n"
    )
    assert read(raw, "a.eml").title == "Größe füra".replace("a", "ä")


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("us-ascii", "Größe".encode()),
        ("iso-8859-1", "Größe".encode()),
        ("utf-8", "Die Größe der Tür für Gäste".encode("cp1252")),
        ("x-unknown", "Die Größe der Tür für Gäste".encode("cp1252")),
        ("iso-8859-1", "Größe – “neu”".encode("cp1252")),
    ],
)
def test_a_charset_that_lies_is_seen_through(charset: str, data: bytes) -> None:
    head = f"From: a@b.c\nTo: b@c.d\nSubject: x\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    assert "Größe" in read(head.encode() + data, "a.eml").text


def test_what_is_encrypted_is_said() -> None:
    head = b"From: a@b.c\nTo: b@c.d\nSubject: Secret\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nAAAA\n"
    assert "encrypted" in read(head, "a.eml").findings[0]
    made = mail()
    made.set_content("Hi\n-----BEGIN PGP MESSAGE-----\nabc\n-----END PGP MESSAGE-----\n")
    extract = read(bytes(made), "a.eml")
    assert "encrypted" in extract.findings[0]
    assert "abc" not in extract.text
    made = mail()
    made.set_content("See attached.")
    made.add_attachment(b"x", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    assert any("winmail.dat" in finding for finding in read(bytes(made), "a.eml").findings)


def test_each_message_of_a_mailbox_is_read() -> None:
    extract = case("misc-formats/docs/box.mbox")
    for said in ("# One", "The first mail says 11.", "# Two", "The second mail says 22."):
        assert said in extract.text
    assert "mailbox of 2 messages" in extract.findings[0]


def test_a_message_of_outlook_is_read() -> None:
    inner = message({0x37: "Inner note", 0x1000: "The cellar key is 9."}, inside=True)
    properties = {
        0x37: "Größe",
        0x1000: "The body. " * 600,
        0xC1A: "Kim Lee",
        0xC1F: "kim@example.org",
        0xE04: "Ada",
    }
    attachments = [{0x3707: "plan ü.txt", 0x3701: b"The plan.", 0x370E: "text/plain"}, {0: inner}]
    extract = read(ole(message(properties, attachments=attachments)), "a.msg")
    assert extract.title == "Größe"
    for said in (
        "From: Kim Lee <kim@example.org>",
        "The body.",
        "Forwarded: Inner note",
        "The cellar key is 9.",
        "- plan ü.txt",
    ):
        assert said in extract.text
    narrow = read(ole(message({0x37: "Größe", 0x1000: "Über die Brücke"}, narrow="cp1252")), "b.msg")
    assert narrow.text == "# Größe\n\nÜber die Brücke"


def test_a_message_of_outlook_with_another_body_is_read() -> None:
    page = b"<html><body><p>Real content &uuml;</p></body></html>"
    assert "Real content ü" in read(ole(message({0x37: "Html", 0x1000: "stub", 0x1013: page})), "a.msg").text
    rtf = b"{\\rtf1\\ansi\\par The rent is due. The rent is 940.}"
    packed = b"".join(b"\0" + rtf[at : at + 8] for at in range(0, len(rtf), 8))
    packed = struct.pack("<II4sI", len(packed) + 12, len(rtf), b"LZFu", 0) + packed
    assert "The rent is 940." in read(ole(message({0x37: "Rtf", 0x1009: packed})), "a.msg").text
    assert "encrypted" in read(ole(message({0x37: "S", 0x1A: "IPM.Note.SMIME"})), "a.msg").findings[0]
    with pytest.raises(Unparsable, match="before 2007"):
        read(ole({"WordDocument": b"x" * 5_000}), "a.doc")
