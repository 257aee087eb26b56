"""The matrix on paper: the table alone, whole, with its head on every sheet."""

from playwright.sync_api import Page

from tests.web.printed import printed


def test_the_matrix_is_printed_whole_and_alone(logged_in: Page) -> None:
    logged_in.goto("/matrix")
    kinds = ["".join(each.split()) for each in logged_in.locator(".matrix thead th bdi").all_text_contents()]
    groups = ["".join(each.split()) for each in logged_in.locator(".matrix tbody th bdi").all_text_contents()]
    cells = logged_in.locator(".matrix tbody td a").count()
    sheets = printed(logged_in)
    assert len(sheets) > 1
    assert all(sheet.width > 700 for sheet in sheets)  # landscape
    assert all(0 < sheet.leftmost <= sheet.rightmost < sheet.width for sheet in sheets)
    table = [sheet for sheet in sheets if "native" in sheet.text]
    for sheet in table:
        assert [kind for kind in kinds if kind not in sheet.words] == []
    words = "".join(sheet.words for sheet in sheets)
    assert [group for group in groups if group not in words] == []
    graded = sum(sheet.text.count(sign) for sheet in sheets for sign in "✔≈↑○◢✗?")
    assert cells <= graded <= cells + 2 * 7  # the legend has each sign once
    for word in ("Overview", "More", "Log out", "Choose images", "Save as", "The API"):
        assert word not in "".join(sheet.text for sheet in sheets), word
