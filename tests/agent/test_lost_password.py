"""An image whose password the server cannot decrypt is refused in a sentence of its own, and the other desired images are read."""

from typing import Any

import pytest

from bayplan.agent.desired import DesiredImage
from bayplan.agent.engine_errors import EngineFailed
from bayplan.agent.image_status import credentials_of


def answer(username: str | None, password: str | None) -> Any:
    """The server's answer for a desired image."""
    image = {
        "pk": 1,
        "name": "net",
        "version": "1",
        "url": "registry.example.com/net:1",
        "registry": "registry.example.com",
    }
    image |= {"registry_username": username, "registry_password": password}
    return {"image": image, "digest": "sha256:" + "0" * 64, "size_bytes": 1}


def test_an_image_whose_password_is_not_there_says_so() -> None:
    with pytest.raises(EngineFailed, match=r"^The server has no key for the registry password of .*net"):
        credentials_of(answer("robot", None)["image"])
    desired = [DesiredImage.of(answer(*pair)) for pair in (("robot", None), ("robot", "s3cret"), (None, None))]
    assert [image.no_credentials is None for image in desired] == [False, True, True]
    assert [image.credentials is None for image in desired] == [True, False, True]
