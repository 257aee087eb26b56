"""Every page over PostgreSQL: on a server that has nothing, and with the examples."""

from pathlib import Path

from tests.postgres import Postgres
from tests.process import running_server
from tests.web.conftest import STAFF, load_examples, page_client
from tests.web.crawl import crawled

NAME = "pages"


def test_every_page_is_shown(postgres: Postgres, tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "home", database=postgres.create(NAME)) as server,
        page_client(server, *STAFF) as client,
    ):
        statuses: dict[str, int] = {}

        def text_of(address: str) -> str:
            answer = client.get(address)
            statuses[address] = answer.status_code
            return answer.text

        crawled(text_of)
        on_an_empty_server = set(statuses)
        load_examples(server)
        crawled(text_of)
    postgres.drop(NAME)
    assert {address: status for address, status in statuses.items() if status not in (200, 303)} == {}
    assert on_an_empty_server < set(statuses)
