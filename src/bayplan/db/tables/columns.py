"""What the tables are made of: the kinds of columns, and the names of keys and indexes.

Text compares by its bytes on both databases, timestamps are RFC 3339 text of one width (so they order as text and go out as they
are), lists are JSON, and a version has a sort key beside it because version text sorts wrongly.
"""

from typing import Any

import orjson
import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class JsonText(sa.TypeDecorator[Any]):
    """JSON as text on both databases: it goes out as it is, and an index finds all rows with the same list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Gives the text to store."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002  # SQLAlchemy passes it
        """Gives what the text stands for."""
        return None if value is None else orjson.loads(value)


Json = JsonText()
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def pk() -> sa.Column[int]:
    """The primary key."""
    return sa.Column("pk", Key, sa.Identity(always=False), primary_key=True)


def revision() -> sa.Column[int]:
    """The version of the catalogue at which the row was last written: what ETags are made of."""
    return sa.Column("revision", sa.BigInteger, nullable=False)


def reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    """The pk of a row of another table, which cannot go while it is referred to."""
    return sa.Column(name, Key, sa.ForeignKey(f"{target}.pk", ondelete="RESTRICT"), nullable=nullable, index=True)
