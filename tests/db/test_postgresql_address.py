"""Addresses of PostgreSQL in every form that psql takes, and what is said of those that are none."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from bayplan.config import load_settings
from bayplan.db.engines import open_database
from bayplan.db.postgresql_address import parse_address
from bayplan.errors import CannotStart
from tests.inprocess import Loop
from tests.postgres import ACCOUNT, Postgres

FORMS: tuple[Callable[[Postgres, str], str], ...] = (
    lambda _cluster, port: f"postgres://{ACCOUNT}@127.0.0.1:{port}/{NAME}",
    lambda _cluster, port: (
        f"postgresql://{ACCOUNT}@127.0.0.1:1,127.0.0.1:{port}/{NAME}?target_session_attrs=read-write"
    ),
    lambda _cluster, port: f"postgresql://{ACCOUNT}:@localhost:{port}/{NAME}?sslmode=prefer",
    lambda cluster, port: f"postgresql://{ACCOUNT}@{quote(str(cluster.sockets), safe='')}:{port}/{NAME}",
    lambda cluster, port: f"postgresql:///{NAME}?host={cluster.sockets}&port={port}&user={ACCOUNT}",
    lambda _cluster, port: f"postgresql+psycopg://{ACCOUNT}@127.0.0.1:{port}/{NAME}?options=-csearch_path%3Dpublic",
    lambda _cluster, port: f"host=127.0.0.1 port={port} dbname={NAME} user={ACCOUNT} password='a b'",
    lambda _cluster, _port: "postgresql:///?service=fleet",
    lambda _cluster, _port: "service=fleet",
)
NAME = "addresses"


def test_every_form_leads_to_the_database(
    postgres: Postgres, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.create(NAME)
    services = tmp_path / "services"
    services.write_text(f"[fleet]\nhost=127.0.0.1\nport={postgres.port}\nuser={ACCOUNT}\ndbname={NAME}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))

    async def name_at(address: str) -> str:
        db = open_database(address)
        try:
            return await db.run_sync(
                lambda connection: str(connection.exec_driver_sql("SELECT current_database()").scalar())
            )
        finally:
            await db.close()

    for form in FORMS:
        address = form(postgres, str(postgres.port))
        assert load_settings(database=address).database_url == address
        assert loop.run(name_at(address)) == NAME, address
    postgres.drop(NAME)


@pytest.mark.parametrize(
    ("address", "parameters"),
    [
        ("postgresql://[2001:db8::1]:5433/x", {"host": "2001:db8::1", "port": "5433", "dbname": "x"}),
        ("postgresql://u%40v:p%3A%2F@h/a%20b", {"user": "u@v", "password": "p:/", "dbname": "a b"}),
        ("postgresql://u:p w@h/a b", {"password": "p w", "dbname": "a b"}),
        ("postgresql://h?client_encoding=latin1", {"client_encoding": "UTF8"}),
        ("postgresql://h?keepalives_idle=60&tcp_user_timeout=0", {"keepalives_idle": "60", "tcp_user_timeout": "0"}),
        ("postgresql:///x?sslmode=verify-full&sslrootcert=/ca.pem&passfile=/p", {"sslrootcert": "/ca.pem"}),
    ],
)
def test_parts_are_decoded_as_libpq_does(address: str, parameters: dict[str, str]) -> None:
    assert parameters.items() <= parse_address(address).parameters.items()


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("postgresql://u:s3cret@h/x?colour=red", "'colour', which PostgreSQL does not have"),
        ("host=h password=s3cret colour=red", "'colour', which PostgreSQL does not have"),
        ("postgresql://u:s3cret@h/x?connect_timeout=soon", "connect_timeout must be"),
        ("postgresql://u:s3cret@h:port/x", "%40 for '@'"),
        ("postgresql://u:s3cret@h:70000/x", "%40 for '@'"),
        ("postgresql://u:s3/cret@h/x", "%2F for '/'"),
        ("postgresql://u:12/s3cret@h/x", "%2F for '/'"),
        ("postgresql://u:12@s3cret@h/x", "%40 for '@'"),
        ("postgresql://u:s3cret%zz@h/x", "%40 for '@'"),
        ("postgresql://u:s3cret@[::1/x", "%40 for '@'"),
        ("host=h password='s3cret", "%40 for '@'"),
    ],
)
def test_what_is_no_address_is_said_without_it(address: str, named: str) -> None:
    with pytest.raises(CannotStart) as raised:
        parse_address(address)
    assert named in raised.value.detail
    assert "BAYPLAN_DATABASE" in raised.value.detail
    assert "cret" not in raised.value.detail
