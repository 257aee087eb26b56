"""The address of a PostgreSQL database in every form that libpq and psql take."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bayplan.errors import CannotStart

# What the server needs or prefers, unless the address says otherwise. A dead network is noticed by the kernel, too.
_DEFAULTS = {
    "fallback_application_name": "bayplan",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_DRIVER = re.compile(r"postgres(?:ql)?\+\w+://")  # as SQLAlchemy has it
_UNKNOWN = re.compile(r'invalid (?:URI query parameter|connection option):? "(\w{1,40})"')
_FORM = (
    "BAYPLAN_DATABASE is not the address of a database: write postgresql://user:password@host:port/name, "
    "with %40 for '@', %2F for '/' and the like in the password, or host=... dbname=..., as psql takes them."
)


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """The parameters of libpq for a connection, and the words for the place in errors: no password."""

    parameters: Mapping[str, str]
    place: str

    @property
    def hosts(self) -> int:
        """Between how many hosts libpq chooses."""
        return max(len(self.parameters.get(name, "").split(",")) for name in ("host", "hostaddr"))


def parse_address(text: str) -> PostgresAddress:
    """Gives the parameters of an address; raises `CannotStart`, without the address, which may hold a password."""
    uri = _DRIVER.sub("postgresql://", text, count=1)
    if "://" in uri:
        uri = uri.replace(" ", "%20")  # newer versions of libpq refuse bare ones
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(uri).items()}
    except psycopg.Error as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise CannotStart(
                f"BAYPLAN_DATABASE has the parameter '{unknown[1]}', which PostgreSQL does not have: remove it, or see "
                "'Parameter Key Words' in PostgreSQL's manual."
            ) from None
        raise CannotStart(_FORM) from None
    _check(parameters)
    place = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "local socket"
    if "service" in parameters:
        place = f"service {parameters['service']}"
    name = parameters.get("dbname") or os.environ.get("PGDATABASE") or parameters.get("user") or "the user's database"
    # Whatever the client's environment has: text is sent and read as UTF-8.
    return PostgresAddress({**_DEFAULTS, **parameters, "client_encoding": "UTF8"}, f"{place}/{name}")


def _check(parameters: Mapping[str, str]) -> None:
    """Raises for what libpq would complain of with parts of a password that was not encoded."""
    ports = parameters.get("port", "").split(",")
    if not all(port == "" or (port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        raise CannotStart(_FORM)
    if any("@" in parameters.get(name, "") for name in ("host", "hostaddr")):
        raise CannotStart(_FORM)
    if "@" in parameters.get("dbname", "") and "user" not in parameters:
        raise CannotStart(_FORM)
    if not re.fullmatch(r"-?[0-9]{0,9}", parameters.get("connect_timeout", "")):
        raise CannotStart("In BAYPLAN_DATABASE, connect_timeout must be a whole number of seconds.")
