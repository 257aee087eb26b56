"""The keys of the registry passwords: made once, private, rotated without losing what older keys encrypted."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.db.keyring import Keyring, UnknownKey, new_key, signing_key
from bayplan.errors import CannotStart


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a key file would lie."""
    return tmp_path / "home" / "secrets.key"


def test_the_key_file_is_made_once_and_for_its_owner_only(file: Path) -> None:
    stored = Keyring(None, file).encrypt("s3cret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Keyring(None, file).decrypt(stored) == "s3cret"
    assert [path.name for path in file.parent.iterdir()] == ["secrets.key"]


@given(st.text(max_size=200))
def test_every_text_comes_back_and_is_never_stored_twice_alike(text: str) -> None:
    keyring = Keyring(KEY, Path("unused"))
    first, second = keyring.encrypt(text), keyring.encrypt(text)
    assert first != second
    assert keyring.decrypt(first) == keyring.decrypt(second) == text


KEY = new_key()


def test_a_new_key_encrypts_and_the_old_one_is_still_read_by_a_keyring_that_was_open_before(file: Path) -> None:
    running, rotating = Keyring(None, file), Keyring(None, file)
    old = running.encrypt("old")
    rotating.add_new_key()
    new = rotating.encrypt("new")
    assert not rotating.is_current(old)
    assert rotating.is_current(new)
    assert running.decrypt(new) == "new"
    assert running.is_current(running.encrypt("later"))
    assert rotating.decrypt(old) == "old"


def test_a_home_in_which_no_key_can_be_made_is_an_error_of_one_sentence(file: Path) -> None:
    keyring = Keyring(None, file)
    file.with_suffix(".lock").mkdir()
    before = file.read_text()
    with pytest.raises(CannotStart, match=r"secrets\.key cannot be replaced: .+ Nothing was changed\.$"):
        keyring.add_new_key()
    assert file.read_text() == before


def test_keys_of_two_that_rotate_at_once_are_all_kept(file: Path) -> None:
    Keyring(None, file)
    with ThreadPoolExecutor(8) as threads:
        stored = list(threads.map(_rotated, [file] * 8))
    assert [Keyring(None, file).decrypt(secret) for secret in stored] == ["s3cret"] * 8


def _rotated(file: Path) -> str:
    keyring = Keyring(None, file)
    keyring.add_new_key()
    return keyring.encrypt("s3cret")


def test_an_altered_secret_is_not_decrypted(file: Path) -> None:
    keyring = Keyring(None, file)
    version, key_id, sealed = keyring.encrypt("s3cret").split(":")
    other = ("A" if sealed[20] != "A" else "B") + sealed[21:]
    with pytest.raises(UnknownKey, match="altered"):
        keyring.decrypt(f"{version}:{key_id}:{sealed[:20]}{other}")


def test_a_secret_of_another_key_names_the_key_and_not_the_secret(file: Path) -> None:
    stored = Keyring(new_key(), file).encrypt("s3cret")
    with pytest.raises(UnknownKey, match=r"the key [0-9a-f]{8}, which is not in") as caught:
        Keyring(new_key(), file).decrypt(stored)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n", "too short", "A" * 44, "\x00\xff" * 30, "{key}\nnonsense"])
def test_an_unusable_key_file_is_one_sentence_without_the_key(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_bytes(content.replace("{key}", KEY).encode("latin-1"))
    with pytest.raises(CannotStart, match=r"secrets\.key .*\.$") as caught:
        Keyring(None, file)
    assert "nonsense" not in str(caught.value)


def test_a_signing_key_is_made_once_and_a_short_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    assert signing_key(None, file) == signing_key(None, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert signing_key("x" * 32, file) == "x" * 32
    with pytest.raises(CannotStart, match="32 characters"):
        signing_key("short", file)
