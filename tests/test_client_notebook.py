"""Answers of the client in a notebook: tables of escaped text, and plain data otherwise."""

import json

from bayplan.client.notebook import MOST_ROWS, drawn


def test_a_list_is_a_table_with_a_line_for_each_object() -> None:
    answer = drawn([{"name": "a<b", "tasks": ["train", "predict"]}, {"name": "c", "cuda": {"version": "12.4"}}])
    html = answer._repr_html_()
    assert "<th>name</th><th>tasks</th><th>cuda</th>" in html
    assert "<td>a&lt;b</td><td>train, predict</td><td></td>" in html
    assert "<th>version</th><td>12.4</td>" in html


def test_an_answer_stays_plain_data() -> None:
    plain = {"matches": [{"grade": "native"}], "worker": {"<script>": None}}
    answer = drawn(plain)
    assert answer == plain
    assert json.loads(json.dumps(answer)) == plain
    assert "<script>" not in answer._repr_html_()
    assert drawn(None) is None


def test_a_long_list_says_how_much_is_not_drawn() -> None:
    assert "<p>and 5 more</p>" in drawn([{"pk": number} for number in range(MOST_ROWS + 5)])._repr_html_()


def test_each_part_of_an_answer_is_a_table_too() -> None:
    answer = drawn({"matches": [{"image": {"name": "<script>alert(1)</script>"}, "reasons": []}], "<b>": ["&"]})
    for part in (answer, answer["matches"], answer["matches"][0], answer["matches"][0]["image"], answer["<b>"]):
        assert "<script>" not in part._repr_html_()
        assert "<b>" not in part._repr_html_()
    assert "&lt;script&gt;" in answer["matches"][0]["image"]._repr_html_()
    assert answer["matches"][0]["reasons"]._repr_html_() == "<p>none</p>"
