"""What frames a sentence: the heading above it, a table's header, what a list is about, the question it answers."""

from app.language.reading import lines

NOTES = """1. Outage of 9 September
- It was red for 35 minutes. 214 alarms were late.
- Cause: a certificate had
  expired. Nobody was warned.
2. Release 8.4
- The date stays.
3. Support answers within a day.
- 61 tickets.

Sales
* grew
"""


def frames(text: str) -> dict[str, str]:
    return {" ".join(line.text.split()): line.frame for line in lines(text)}


def test_bullets_stand_under_the_title_above_them() -> None:
    found = frames(NOTES)
    assert found["- It was red for 35 minutes."] == "1. Outage of 9 September"
    assert found["- The date stays."] == "2. Release 8.4"
    assert found["* grew"] == "Sales"


def test_a_second_sentence_of_a_bullet_stands_under_its_title_too() -> None:
    found = frames(NOTES)
    assert found["214 alarms were late."] == "1. Outage of 9 September"
    assert found["Nobody was warned."] == "1. Outage of 9 September"
    assert found["- Cause: a certificate had expired."] == "1. Outage of 9 September"


def test_a_title_is_forgotten_where_the_next_point_is_no_title() -> None:
    found = frames(NOTES)
    assert found["3. Support answers within a day."] == ""
    assert found["- 61 tickets."] == ""


def test_titles_are_no_answers_by_themselves() -> None:
    kinds = {line.text: line.kind for line in lines(NOTES)}
    assert kinds["1. Outage of 9 September"] == kinds["Sales"] == "title"


def test_items_stand_under_a_lead_in_and_prose_under_its_question() -> None:
    found = frames("There are two exceptions:\n\n- One. It is rare.\n- Two.\n\nMay I?\n\nYes, you may.\n")
    assert found["- Two."] == found["It is rare."] == "There are two exceptions:"
    assert found["Yes, you may."] == "May I?"


def test_rows_stand_under_their_header() -> None:
    table = "| Plan | Limit |\n| --- | --- |\n| Team | 120 |\n| Site | 600 |\n\nMore follows.\n"
    assert frames(table)["| Site | 600 |"] == "| Plan | Limit |"
    assert frames(table)["More follows."] == ""
