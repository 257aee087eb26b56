"""Spoiled manifests, indexes and configurations: each is read, or is one of our errors, in a sentence that can be shown."""

import copy
import json
import random
import time
from dataclasses import asdict
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.domain.facts import facts_from_inspection
from bayplan.registry.build_history import read_history
from bayplan.registry.content import OCI_INDEX, Index, Manifest, parse_config, parse_manifest
from bayplan.registry.contradictions import contradictions
from bayplan.registry.diff import changes
from bayplan.registry.errors import RegistryError
from bayplan.registry.interpret import platform_facts
from bayplan.registry.sbom import read_document
from bayplan.registry.sbom_facts import is_telling, merged
from bayplan.registry.shell_commands import commands
from bayplan.registry.shell_words import LONGEST_VALUE
from tests.fuzz import examples
from tests.registry.running import CONFIG_OF, OCI_MANIFEST

DIGEST = f"sha256:{'0' * 64}"
DESCRIBED = {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 7, "annotations": {"a": "b"}, "artifactType": ""}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": DESCRIBED | {"mediaType": CONFIG_OF[OCI_MANIFEST]},
    "layers": [DESCRIBED, DESCRIBED | {"digest": f"sha256:{'1' * 64}"}],
    "annotations": {
        "org.opencontainers.image.licenses": "MIT",
        "vnd.microsoft.artifact.lifecycle.end-of-life.date": "2027-01-31",
    },
}
INDEX = {
    "schemaVersion": 2,
    "mediaType": OCI_INDEX,
    "manifests": [DESCRIBED | {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}, DESCRIBED],
}
ENV = (
    *("PATH=/bin", "CUDA_VERSION=12.4.1", "NV_CUDA_LIB_VERSION=12.4.1-1", "NV_CUDA_CUDART_VERSION=12.4.127-1"),
    *("NVIDIA_REQUIRE_CUDA=cuda>=12.4", "NV_CUDA_COMPAT_PACKAGE=cuda-compat-12-4=550.54.15-1", "NV_CUDNN_VERSION=9.1"),
    *("NV_LIBNCCL_PACKAGE=libnccl2=2.21.5-1+cuda12.4", "PYTORCH_VERSION=2.4.1", "TORCH_CUDA_ARCH_LIST=8.0 9.0+PTX"),
)
BUILD_STEP = (
    'RUN |2 A=12.4 TORCH=torch==2.4.0 torchvision /bin/sh -c case "$A" in 12.*) X=$(echo $A | tr -d .) ;; esac && '
    'if [ -n "${TORCH:+x}" ]; then pip install ${TORCH%% *} --index-url "https://download.pytorch.org/whl/cu$X"; fi '
    "> /etc/ld.so.conf.d/x.conf # buildkit"
)
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "variant": "",
    "created": "2026-10-01T00:00:00Z",
    "config": {"Env": list(ENV), "Labels": {"com.nvidia.cuda.version": "12.4.1"}},
    "history": [
        {"created": "2026-10-01T00:00:00Z", "created_by": "ENV CUDA_VERSION=12.4.1", "empty_layer": True},
        {"created_by": BUILD_STEP, "comment": "FROM docker.io/rocm/pytorch:latest"},
        {"created_by": "/bin/sh -c #(nop)  ENV A=1"},
    ],
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
}
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, -(2**70), 10**400, 1.5, "", "\0", "\ud800", "x\x1b[2J", "é" * 3000, [], {}, [[]]),
    *(
        ["\udc00"],
        {"": None},
        {"a": 1},
        [None],
        "sha512:" + "0" * 128,
        "sha384:00",
        "md5:0",
        "9" * 5000 + ".1",
        "(" * 900,
    ),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z", "1.2.3.4.5.6.7.8.9", "12.4\0"),
    *("|9 A=1 B=2 /bin/sh -c pip install torch==1", "RUN |1 A=" + "$(" * 500, "ENV " + "A=$A" * 500, "if [ " * 300),
    *("unknown", OCI_INDEX, OCI_MANIFEST, "cuda-compat-999-999=1.1", "libnccl2=" + "1." * 2000 + "1", "MIT OR (" * 100),
)
NUMBERS = (b"1e400", b"-1e400", b"NaN", b"9" * 6000, b"-0", b"1E2", b"0.0000000001")
KEYS = ("manifests", "config", "layers", "CONFIG", "mediatype", "mediaType", "platform", "os", "Env", "a\0b", "\ud800")


def spoil(document: Any, chance: random.Random) -> Any:
    """The document with an odd value, key or entry somewhere, or without something."""
    at, parent = document, None
    key: Any = None
    while isinstance(at, (dict, list)) and at and (parent is None or chance.random() < 0.75):
        parent = at
        key = chance.choice(list(at)) if isinstance(at, dict) else chance.randrange(len(at))
        at = at[key]
    if parent is None:
        return copy.deepcopy(chance.choice(ODD))
    odd = copy.deepcopy(chance.choice(ODD))
    if isinstance(at, str) and isinstance(odd, str) and chance.random() < 0.5:
        odd = at.partition("=")[0] + "=" + odd if "=" in at else at + odd
    match chance.randrange(4):
        case 0 if isinstance(parent, dict):
            parent[chance.choice(KEYS)] = odd
        case 1 if isinstance(parent, list):
            parent.insert(chance.randrange(len(parent) + 1), odd)
        case 2:
            del parent[key]
        case _:
            parent[key] = odd
    return document


def spoiled(document: dict[str, Any], chance: random.Random) -> bytes:
    """The document as bytes, spoiled in one to four places."""
    changed: Any = copy.deepcopy(document)
    for _ in range(chance.randint(1, 4)):
        changed = spoil(changed, chance)
    body = json.dumps(changed).encode()
    match chance.randrange(12):
        case 0:
            place = chance.randrange(len(body) + 1)
            return body[:place] + bytes([chance.randrange(256)]) + body[place + chance.randrange(2) :]
        case 1:
            return body.replace(b"7", chance.choice(NUMBERS), 1)
        case 2:
            return body[: chance.randrange(len(body) + 1)]
        case 3:
            return b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"," + body[1:]
    return body


def inspected(chance: random.Random) -> list[dict[str, Any]] | RegistryError:
    """What an inspection would store of spoiled documents, or its error."""
    try:
        return read(chance)
    except RegistryError as error:
        return error


def read(chance: random.Random) -> list[dict[str, Any]]:
    """What an inspection would store of spoiled documents."""
    index_body, manifest_body, config_body = (
        spoiled(document, chance) if chance.random() < 0.6 else json.dumps(document).encode()
        for document in (INDEX, MANIFEST, CONFIG)
    )
    media_type, index = parse_manifest(index_body, chance.choice(["", OCI_INDEX, "application/json"]), "The index")
    listed = [entry.platform for entry in index.images if entry.platform] if isinstance(index, Index) else []
    _, manifest = parse_manifest(manifest_body, chance.choice(["", OCI_MANIFEST, "\xff"]), "The manifest")
    if not isinstance(manifest, Manifest):
        return []
    platform = platform_facts(DIGEST, manifest, parse_config(config_body, "The configuration"), listed)
    list(contradictions({"cuda_version": "12.4", "framework_version": "9" * 5000, "licence": "MIT"}, [platform]))
    assert media_type.isprintable()
    return [asdict(platform)]


@settings(max_examples=examples(400))
@given(st.integers(min_value=0))
def test_spoiled_documents_are_read_or_refused_in_a_sentence(seed: int) -> None:
    chance = random.Random(seed)
    platforms = inspected(chance)
    if isinstance(platforms, RegistryError):
        assert platforms.detail.isprintable()
        assert len(platforms.detail) < 600
        return
    stored = orjson.loads(orjson.dumps(platforms))
    facts = facts_from_inspection(stored, lambda *_: True)
    orjson.dumps([facts.facts, facts.by_architecture])
    assert changes(stored, stored) == []


SBOMS: tuple[dict[str, Any], ...] = (
    {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": "torch",
                "versionInfo": "2.9.1+cu130",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/torch@7"}],
            },
            {"name": "libcudnn9-cuda-12", "versionInfo": "9.1.0.70-1"},
            {"name": "cuda-compat-12-8", "versionInfo": "570.86.10-0ubuntu1"},
        ],
    },
    {
        "bomFormat": "CycloneDX",
        "components": [
            {
                "name": "vllm",
                "version": "0.10",
                "components": [{"name": "nvidia-cuda-runtime-cu12", "version": "12.8.90"}],
            }
        ],
    },
    {
        "@context": "https://spdx.org/rdf/3",
        "@graph": [{"type": "software_Package", "name": "torch", "software_packageVersion": "2+rocm6.3"}],
    },
    {
        "artifacts": [{"name": "tensorflow", "version": "2.17.0", "purl": "pkg:pypi/tensorflow@2.17.0"}],
        "descriptor": {},
    },
    {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"digest": {"sha256": "0" * 64}}],
        "predicate": {
            "materials": [{"uri": "pkg:docker/rocm/dev@6.3?platform=linux%2Famd64"}],
            "invocation": {"parameters": {"args": {"build-arg:TORCH_VERSION": "2.6.0"}}},
        },
    },
    {"payloadType": "x", "payload": "e30="},
)


@settings(max_examples=examples(200))
@given(st.integers(min_value=0))
def test_spoiled_sboms_are_read_or_refused_in_a_sentence(seed: int) -> None:
    chance = random.Random(seed)
    document = chance.choice(SBOMS)
    if chance.random() < 0.5:
        document = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "x", "predicate": document}
    error = None
    read = None
    try:
        read = read_document(spoiled(document, chance), "The document", is_telling)
    except RegistryError as refusal:
        error = refusal
    assert error is None or error.detail.isprintable()
    facts = merged({}, [] if read is None else [read])
    orjson.dumps({name: fact.value for name, fact in facts.items()})


SHELL_PARTS = (
    *(
        "pip install torch==2.0",
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "case $A in",
        "esac",
        ";;",
        "1.*)",
        "for x in",
        "do",
        "done",
    ),
    *(
        "&&",
        "||",
        ";",
        "|",
        "\n",
        "(",
        ")",
        "{",
        "}",
        "!",
        "[ $A = 1 ]",
        "test -n",
        "[[ $A == 1.* ]]",
        "A=1",
        "export A=$A$A",
    ),
    *(
        "$A",
        "${A}",
        "${A%%.*}",
        "${A//1/2}",
        "${A:-",
        "$(",
        "`",
        "'",
        '"',
        "\\",
        "#",
        ">",
        ">>",
        "<<EOF",
        "EOF",
        "2>&1",
    ),
    *("bash -c 'pip install x'", "$(echo $A | cut -d. -f1,2 | tr -d .)", "\0", "é", "\t"),
)


@settings(max_examples=examples(300))
@given(st.lists(st.sampled_from(SHELL_PARTS), max_size=60), st.booleans())
def test_any_shell_text_is_read_or_left(parts: list[str], are_apart: bool) -> None:
    """Nothing is executed, nothing is endless, and no word is longer than its bound."""
    for command in commands((" " if are_apart else "").join(parts), {"A": "1.2", "B": "$(rm -rf /)"}):
        assert all(len(word) <= LONGEST_VALUE for word in command.words)


HOSTILE = {
    "arguments": "RUN |999 " + "A=1 " * 15_000 + "/bin/sh -c x",
    "conditions": "RUN /bin/sh -c " + "if [ $A = 1 ]; then " * 3000,
    "cases": "RUN /bin/sh -c " + "case $A in a) " * 4000,
    "tests": "RUN /bin/sh -c [ a " + "-o a " * 10_000 + "]",
    "substitutions": "RUN /bin/sh -c " + "$(" * 20_000,
    "shells": "/bin/" + "sh -a" * 12_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_history_costs_little(kind: str) -> None:
    """Half a megabyte of such steps takes less than two seconds of processor time; some took minutes."""
    begun = time.process_time()
    read_history([(HOSTILE[kind], "")] * 8, {"A": "1"})
    assert time.process_time() - begun < 2
