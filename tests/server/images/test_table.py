"""The table of images after changes: the same as one that is made anew of all its rows."""

import random
from typing import Any

import pytest

from bayplan.server.images.table import FACETS, ORDERS, ImageRow, ImageTable

PKS = 40


def row(pk: int, dice: random.Random) -> ImageRow:
    def of(*values: Any) -> Any:
        return dice.choice(values)

    tasks = tuple(dice.sample(("train", "predict", "export"), dice.randint(1, 3)))
    framework, version, cuda = of("PyTorch", "pytorch", "JAX"), of("2.4", "2.10"), of("11.8.0", "12.4.1", None)
    name, accelerator, domain = of("a", "A", "b"), of("cuda", "rocm", "none"), of("ic", "od")
    licence, state = of("MIT", None), of("ok", "missing", "unchecked", "deleted")
    host, size = of("a.example", "b.example"), of(1, 2, None)
    return ImageRow(
        pk, name, of("1", "1.9", "1.10"), f"{host}/{name}", framework, version, cuda, domain, tasks, licence,
        accelerator, state, size, host,
    )  # fmt: skip


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("most", [1, 3, 20])
def test_a_table_after_changes_is_the_table_of_its_rows(most: int, counted: bool) -> None:
    dice = random.Random(most)
    rows: dict[int, ImageRow] = {}
    table = ImageTable(())
    for _ in range(150):
        if counted:  # what is counted is moved, what is not is counted later
            table.counts("state", table.every)
        pks = dice.sample(range(PKS), dice.randint(1, most))
        changed = {pk: row(pk, dice) for pk in pks if dice.random() < 0.7}
        rows = {pk: other for pk, other in rows.items() if pk not in pks} | changed
        table = table.with_changes(pks, list(changed.values()))
        anew = ImageTable(rows.values())
        assert table.rows == anew.rows
        assert (table.every, [table.get(pk) for pk in range(PKS)]) == (anew.every, [rows.get(pk) for pk in range(PKS)])
        if counted:
            assert table.live == anew.live
            for facet in FACETS:
                for within in (anew.every, anew.live):
                    assert table.counts(facet, within) == anew.counts(facet, within)
                for value in anew.counts(facet, anew.every):
                    assert table.having(facet, value) == anew.having(facet, value)
            for order in ORDERS:
                assert table.ordered(table.live, order) == anew.ordered(anew.live, order)
