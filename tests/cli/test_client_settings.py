"""The settings that commands read without Pydantic are those that the server reads with it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bayplan.client.settings import ClientSettings, client_settings
from bayplan.config import load_settings

NAMES = [field.name for field in fields(ClientSettings)]


def by_pydantic() -> dict[str, Any]:
    """The same settings as the server reads them."""
    settings = load_settings()
    values = {name: getattr(settings, name) for name in NAMES}
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {f"BAYPLAN_{name.upper()}": f"a value of {name}" for name in NAMES},
        {f"bayplan_{name}": f"/{name}" for name in NAMES},
        {f"BAYPLAN_{name.upper()}": "" for name in NAMES},
        {f"BAYPLAN_{name.upper()}": f" \t{name} of it \r\n" for name in NAMES},
        {f"BAYPLAN_{name.upper()}": "\n" for name in NAMES},
        {"BAYPLAN_SERVER": "\udcff", "BAYPLAN_WORKER_STATE": "\udcff", "SERVER": "http://other", "BAYPLAN_PORT": "1"},
    ],
)
def test_commands_read_the_settings_as_the_server_does(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [f"BAYPLAN_{name.upper()}" for name in NAMES]:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = client_settings()
    assert {name: getattr(settings, name) for name in NAMES} == by_pydantic()


def test_values_as_files_have_them() -> None:
    values = {"server": " https://b.example\r\n", "token": "t\r", "username": "kim\n", "password": " two  words \r\n"}
    settings = client_settings({f"BAYPLAN_{name.upper()}": value for name, value in values.items()})
    assert {name: getattr(settings, name) for name in values} == {
        "server": "https://b.example",
        "token": "t",
        "username": "kim",
        "password": " two  words ",
    }


def test_an_empty_value_is_none() -> None:
    assert client_settings({f"BAYPLAN_{name.upper()}": "" for name in NAMES if name != "password"}) == ClientSettings()


def test_the_text_of_settings_has_no_secret() -> None:
    text = repr(client_settings({"BAYPLAN_TOKEN": "a secret", "BAYPLAN_PASSWORD": "another secret"}))
    assert "secret" not in text
