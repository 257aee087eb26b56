"""The settings of an installation, read once from `BAYPLAN_*` and handed on.

Nothing else in the package reads `BAYPLAN_*`, but for the command line's `client_settings`.
"""

import re
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bayplan.domain.units import seconds
from bayplan.errors import CannotStart, Invalid

_LARGEST_PORT = 65535
_MOST_SHOWN = 60
_WITH_OPTION = ("home", "database", "host", "port", "processes")
# What comes after `postgresql` names a driver, as SQLAlchemy has it; a word and `=` are libpq's other form.
_DATABASE = re.compile(r"sqlite:///|postgres(ql)?(\+\w+)?://|\s*[a-z_]+\s*=")
_PROXY = re.compile(r"http://([^\s/@:]+:[^\s/@]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}/?", re.ASCII)
_HOST_WITH_PORT = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}", re.ASCII)


class LocalSettings(BaseSettings):
    """The settings of whatever asks registries and judges, on a server or without one. Each field is the variable `BAYPLAN_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="BAYPLAN_", frozen=True, extra="ignore")

    tables: Path | None = Field(
        default=None,
        description="Folder with newer CSV tables (CUDA, hardware, ...) that replace the shipped ones by name.",
    )
    registry_allow_private: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts and addresses (`registry.lan:5000`; without a port 443 and 80) and networks (`10.0.0.0/8`, at every "
        "port), with commas between, that may be registries although their addresses are loopback, private or link-local.",
    )
    registry_insecure: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Registries as `host:port`, with commas between, that bayplan asks in plain HTTP."
    )
    registry_ca: Path | None = Field(
        default=None,
        description="File of certificates (PEM) of authorities that bayplan trusts besides the system's, for registries.",
    )
    registry_proxy: SecretStr | None = Field(
        default=None,
        description="HTTP proxy, `http://user:password@host:port`, through which bayplan connects to registries (CONNECT), except those "
        "that `BAYPLAN_REGISTRY_ALLOW_PRIVATE` or `BAYPLAN_REGISTRY_INSECURE` names.",
    )
    registry_concurrency: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="Largest number of connections that one process holds to one registry."
    )

    @field_validator("registry_allow_private", "registry_insecure", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(entry for part in value.split(",") if (entry := part.strip()))
        return value

    @field_validator("tables", "registry_ca", mode="before")
    @classmethod
    def _is_no_empty_path(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("registry_allow_private")
    @classmethod
    def _hosts_and_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            port = _HOST_WITH_PORT.fullmatch(entry)
            is_host = port is not None and int(port[1] or 1) in range(1, _LARGEST_PORT + 1)
            if not is_host and not _is_network(entry):
                raise ValueError(
                    f"must list hosts, addresses or networks, such as registry.lan:5000,10.0.0.0/8{_not(entry)}"
                )
        return value

    @field_validator("registry_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else ""
        if text and (not _PROXY.fullmatch(text) or int(text.rstrip("/").rpartition(":")[2]) > _LARGEST_PORT):
            raise ValueError("must be http://host:port, or http://user:password@host:port")
        return value if text else None

    @field_validator("registry_insecure")
    @classmethod
    def _hosts_with_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _HOST.fullmatch(entry) or not entry.rpartition(":")[2].isdigit():
                raise ValueError(f"must list registries as host:port, such as registry.lan:5000{_not(entry)}")
        return value


class Settings(LocalSettings):
    """Every setting with its default; immutable."""

    home: Path = Field(
        default_factory=lambda: _data_folder(),
        description="Folder that holds the embedded database and the keys; made with mode 0700.",
    )
    database: str | None = Field(
        default=None,
        repr=False,  # it may hold a password
        description="`postgresql://user:password@host/name`, or `sqlite:///path`. Unset: `bayplan.db` in the home folder.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the server binds.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8000, description="Port that the server binds.")
    processes: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="Number of server processes that share the port, on one machine."
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="Password of the user `admin`, made at the first start, of 8 or more characters. "
        "Unset: random, printed once.",
    )
    secrets_key: SecretStr | None = Field(
        default=None,
        description="Key that encrypts registry passwords (as `bayplan secrets key` prints). "
        "Unset: `secrets.key` in the home folder, made at the first start with mode 0600.",
    )
    signing_key: SecretStr | None = Field(
        default=None,
        description="Key of 32 or more characters that signs access tokens; the same for all server processes. "
        "Unset: `signing.key` in the home folder, made at the first start with mode 0600.",
    )
    access_token_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        default=15, description="How long an access token is good, in minutes."
    )
    refresh_token_days: Annotated[int, Field(ge=1, le=365)] = Field(
        default=14, description="How long a refresh token is good, in days."
    )
    api_token_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="How long a token for a program is good, in days, unless its maker names another time."
    )
    api_token_most_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=365, description="The longest time that a token for a program can be good, in days."
    )
    login_attempts: Annotated[int, Field(ge=1)] = Field(
        default=10,
        description="Failed log-ins allowed for one user from one address in five minutes; ten times as many for an address.",
    )
    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=4 * 1024 * 1024,
        description="Largest request body that the server reads, in bytes; eight times that for a whole catalogue.",
    )
    database_connections: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=10, description="Largest number of connections that one server process holds to PostgreSQL."
    )
    inspections_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=60,
        description="How many images in registries a user who is not staff may inspect in an hour; the processes of one machine "
        "share it.",
    )
    verify_interval: str = Field(
        default="6h",
        description="How often each image is checked in its registry, like `90m`, `6h` or `7d`; "
        "with `0` only on request.",
    )
    audit_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        default=365, description="How long the audit log is kept, in days."
    )
    history_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        default=365, description="How long the history of the catalogue is kept, in days."
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        default="warning", description="`debug`, `info`, `warning` or `error`."
    )
    server: str = Field(
        default="http://127.0.0.1:8000",
        description="The server that the command line talks to, unless `--server` is given.",
    )
    context: str | None = Field(
        default=None,
        description="The context whose server the command line talks to, unless `--server`, `--context` or `BAYPLAN_SERVER` is given.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="Token for a program, or access token, that the command line uses in place of its stored session.",
    )
    username: str | None = Field(
        default=None,
        description="With `BAYPLAN_PASSWORD`: the user that the command line logs in as, for scripts.",
    )
    password: SecretStr | None = Field(default=None, description="Password of `BAYPLAN_USERNAME`.")
    worker_state: Path | None = Field(
        default=None,
        description="File with the credential of a machine that joined as a worker. "
        "Unset: `bayplan/worker.json` in the user's configuration folder.",
    )
    traceback: str | None = Field(
        default=None,
        description="With any value, a command that ends by a fault of bayplan itself prints its traceback.",
    )

    @field_validator("server", "context", "token", "username", "traceback", mode="before")
    @classmethod
    def _without_white_space(cls, value: object, info: ValidationInfo) -> object:
        """Values from files have a line end, and an empty one is none."""
        if isinstance(value, str):
            default = cls.model_fields[str(info.field_name)].default
            return value.strip() or default
        return value

    @field_validator("password", "admin_password", "worker_state", mode="before")
    @classmethod
    def _without_line_end(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            value = value.rstrip("\r\n")
            return None if info.field_name == "worker_state" and not value else value
        return value

    @field_validator("database")
    @classmethod
    def _is_database(cls, value: str | None) -> str | None:
        if value is not None and not _DATABASE.match(value):
            raise ValueError("must be postgresql://user:password@host/name, sqlite:///path, or host=HOST dbname=NAME")
        return value

    @field_validator("home", "host", mode="before")
    @classmethod
    def _has_a_value(cls, value: object) -> object:
        """An empty folder would be the current one, and an empty address every address of the machine."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("must not be empty: give it a value, or unset it for the default")
        return value

    @field_validator("verify_interval")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        try:
            seconds(value)
        except Invalid:
            raise ValueError(f"must be a duration such as 90m, 6h or 7d, or 0{_not(value)}") from None
        return value

    @cached_property
    def database_url(self) -> str:
        """The database's address, `sqlite:///...` or `postgresql://...`."""
        return self.database or f"sqlite:///{self.home / 'bayplan.db'}"

    @property
    def verify_seconds(self) -> int:
        """How often each image is checked, in seconds; 0 where only on request."""
        return seconds(self.verify_interval)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite:///")


def _data_folder() -> Path:
    """The user's data folder. Raises `CannotStart` where the user has no home folder."""
    try:
        return Path(platformdirs.user_data_dir("bayplan"))
    except RuntimeError:
        raise CannotStart("You have no home folder to keep the data in: set BAYPLAN_HOME, or HOME.") from None


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


Loaded = TypeVar("Loaded", bound=LocalSettings)


def load_settings(**overrides: object) -> Settings:
    """Gives the settings from the environment, with `overrides` first.

    Raises `CannotStart` naming the variable that is wrong, without a value that may hold a password.
    """
    return _load(Settings, {key: value for key, value in overrides.items() if value is not None})


def load_local_settings() -> LocalSettings:
    """Gives the settings of what asks registries and judges; raises `CannotStart` as `load_settings` does."""
    return _load(LocalSettings, {})


def _load(kind: type[Loaded], overrides: dict[str, object]) -> Loaded:
    try:
        return kind(**overrides)  # type: ignore[arg-type]  # overrides are validated here
    except ValidationError as error:
        raise _wrong(kind, error.errors(include_url=False, include_context=False)[0]) from None


def _wrong(kind: type[LocalSettings], first: ErrorDetails) -> CannotStart:
    """The error that names a setting and what it must be, and the value where that is no secret."""
    field, value = str(first["loc"][0]), first["input"]
    if first["type"] == "value_error":
        needed = first["msg"].removeprefix("Value error, ")
    elif first["type"] == "string_pattern_mismatch":
        needed = f"must be debug, info, warning or error{_not(value)}"
    else:
        needed = f"{_whole(kind, field)}{_not(value)}"
    option = f" (or --{field})" if field in _WITH_OPTION else ""
    return CannotStart(f"BAYPLAN_{field.upper()}{option} {needed}.")


def _whole(kind: type[LocalSettings], field: str) -> str:
    """What a whole number must be, by the bounds of its field."""
    bounds = kind.model_fields[field].metadata
    least = next((bound.ge for bound in bounds if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in bounds if hasattr(bound, "le")), None)
    return (
        f"must be a whole number of at least {least}"
        if most is None
        else f"must be a whole number from {least} to {most}"
    )


def _not(value: object) -> str:
    """The end of a sentence that shows a wrong value, where it cannot hold a password."""
    text = str(value)
    return "" if "@" in text else f", not {text[:_MOST_SHOWN]!a}"
