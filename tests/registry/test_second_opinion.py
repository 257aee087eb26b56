"""What bayplan reads from a registry, compared with what skopeo reads from the same one: real configurations, in all forms.

skopeo shares no code with bayplan, so what both say is not what one of them has misread.
"""

import datetime
import json
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.inspect import ImageInspection, inspect
from bayplan.registry.interpret import PlatformFacts
from tests.programs import FETCH_TIMEOUT_SECONDS, program
from tests.registry.conftest import client_for
from tests.registry.running import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    configuration,
    digest_of,
)
from tests.registry.test_real_images import DATA, different_images, expected

REPOSITORY = "second/opinion"
EACH = 9
"""Images in each of the four forms."""
CREATED = ("2026-10-01T00:00:00Z", "2023-11-10T05:48:51.123456789Z", "2025-02-28T23:59:59.5+02:00")
FORMS = ((OCI_MANIFEST, OCI_INDEX), (DOCKER_MANIFEST, DOCKER_LIST))

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(FETCH_TIMEOUT_SECONDS),
    pytest.mark.skipif(not DATA.exists(), reason=f"the list of real images is not here: {DATA}"),
]
Body = dict[str, Any]
Skopeo = Callable[..., bytes]
"""Asks skopeo for an image and an architecture, with options; gives what it prints."""


@dataclass(frozen=True)
class Opinion:
    """What skopeo says of one platform of a reference."""

    summary: Body
    config: Body

    @property
    def env(self) -> dict[str, str]:
        """The environment, by name."""
        return dict(entry.split("=", 1) for entry in self.summary["Env"])

    @property
    def labels(self) -> dict[str, str]:
        """The labels; it writes none as null."""
        return self.summary["Labels"] or {}


@pytest.fixture(scope="module")
def skopeo(open_registry: Registry) -> Skopeo:
    """The program, pointed at the registry."""
    executable = program("skopeo")

    def ask(name: str, architecture: str, *options: str) -> bytes:
        command = [
            str(executable.path),
            "--override-os=linux",
            f"--override-arch={architecture}",
            "inspect",
            "--tls-verify=false",
        ]
        reference = f"docker://{open_registry.host}/{REPOSITORY}{name}"
        ended = subprocess.run(
            [*command, *options, reference], capture_output=True, env=executable.environment, timeout=60
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    return ask


@pytest.fixture(scope="module")
def tags(open_registry: Registry) -> dict[str, tuple[str, ...]]:
    """Real images in the registry: by their tags, the architectures of each; some are indexes, some are manifests."""
    layer = open_registry.blob(REPOSITORY, LAYER)
    images = different_images()
    several = [tag for tag, by_architecture in images.items() if len(by_architecture) > 1]
    # From all over the list, which is in the order of the releases.
    chosen = several[:: len(several) // (EACH * len(FORMS))][: EACH * len(FORMS)]
    pushed: dict[str, tuple[str, ...]] = {}
    for number, tag in enumerate(chosen):
        manifest_type, index_type = FORMS[number % len(FORMS)]
        entries = [
            open_registry.image_over(
                REPOSITORY,
                f"{tag}-{architecture}",
                configuration(row["env"], row["labels"], architecture, created=CREATED[number % len(CREATED)]),
                layer,
                manifest_type,
            )
            for architecture, row in images[tag].items()
        ]
        open_registry.index(REPOSITORY, tag, entries, index_type)
        pushed[tag] = tuple(images[tag])
        pushed[f"{tag}-{pushed[tag][0]}"] = pushed[tag][:1]
    return pushed


@pytest.fixture
async def ours(open_registry: Registry, tags: dict[str, tuple[str, ...]]) -> dict[str, ImageInspection]:
    """What bayplan says of each."""
    async with client_for(open_registry) as client:
        return {tag: await inspect(client, Reference.parse(f"{open_registry.host}/{REPOSITORY}:{tag}")) for tag in tags}


async def test_skopeo_is_of_the_same_opinion(
    open_registry: Registry, tags: dict[str, tuple[str, ...]], ours: dict[str, ImageInspection], skopeo: Skopeo
) -> None:
    """About digests, platforms, dates, sizes, and all that environment and labels tell."""
    assert {inspection.media_type for inspection in ours.values()} == {name for form in FORMS for name in form}
    with ThreadPoolExecutor(2) as threads:
        platforms = sum(threads.map(lambda tag: _same(skopeo, tag, tags[tag], ours[tag]), tags))
    assert platforms > len(tags) >= 4 * EACH


def _same(skopeo: Skopeo, tag: str, architectures: tuple[str, ...], ours: ImageInspection) -> int:
    """Fails where the two differ about an image; gives how many platforms it has."""
    named = skopeo(f":{tag}", architectures[0], "--raw")
    document = json.loads(named)
    assert (ours.digest, ours.media_type) == (digest_of(named), document["mediaType"]), tag
    assert sorted(str(platform.architecture) for platform in ours.platforms) == sorted(architectures), tag
    for platform in ours.platforms:
        opinion = Opinion(
            json.loads(skopeo(f":{tag}", platform.architecture)),
            json.loads(skopeo(f":{tag}", platform.architecture, "--config", "--raw")),
        )
        assert opinion.summary["Digest"] == ours.digest, tag
        manifest = skopeo(f"@{platform.digest}", platform.architecture, "--raw")
        assert platform.digest == digest_of(manifest), tag
        assert platform.size_bytes == _size(json.loads(manifest)), tag
        _same_platform(platform, opinion, tag)
    return len(ours.platforms)


def _same_platform(ours: PlatformFacts, theirs: Opinion, tag: str) -> None:
    for document in (theirs.summary, theirs.config):
        folded = {name.lower(): value for name, value in document.items()}
        assert (ours.os, ours.architecture) == (folded["os"], folded["architecture"]), tag
        assert ours.created == _second(folded["created"]), tag
    assert theirs.config["config"]["Env"] == theirs.summary["Env"], tag
    assert {name: fact.value for name, fact in ours.facts.items()} == expected(theirs.env, theirs.labels), tag
    places = {"env": theirs.env, "label": theirs.labels}
    for name, fact in ours.facts.items():
        where, _, variable = fact.source.partition(" ")
        assert not variable or variable in places[where], (tag, name)


def _size(manifest: Body) -> int:
    return int(manifest["config"]["size"]) + sum(int(layer["size"]) for layer in manifest["layers"])


def _second(stamp: str) -> str:
    """The moment in UTC, to the second."""
    moment = datetime.datetime.fromisoformat(re.sub(r"\.[0-9]+", "", stamp))
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
