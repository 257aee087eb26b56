"""Holds the reading of configurations against images whose facts an expert has read: `make facts`.

Prints for each image and fact what is found, missed and wrong. The images are those of `image_configs.jsonl` (written
from published Dockerfiles, each with its source) and of the files that ARGS names in the same form.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid
from bayplan.registry.content import Config, Descriptor, Manifest
from bayplan.registry.evidence import Facts
from bayplan.registry.interpret import platform_facts

ROOT = Path(__file__).resolve().parents[1]
OWN = Path(__file__).with_name("image_configs.jsonl")
POPULAR = ROOT.parent / "shared" / "data" / "popular-image-configs.jsonl"
_LISTS = frozenset({"driver_capabilities", "cuda_architectures", "kernel_architectures"})
_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class FactOutcome:
    """A fact of an image: what an expert reads, what bayplan reads, and which of found, missed and wrong that is."""

    image: str
    name: str
    expected: Any
    value: Any
    source: str

    @property
    def outcome(self) -> str:
        """Found, missed or wrong."""
        if self.value is None:
            return "missed"
        return "found" if _agrees(self.name, self.expected, self.value) else "wrong"


def _agrees(name: str, expected: Any, value: Any) -> bool:
    """Whether a value is one that the expert takes; texts without regard to case, objects by the members that are named."""
    if isinstance(expected, Mapping):
        return isinstance(value, Mapping) and all(value.get(key) == part for key, part in expected.items())
    if isinstance(expected, list) and name not in _LISTS:
        return any(_agrees(name, choice, value) for choice in expected)
    if isinstance(expected, str) and isinstance(value, str):
        return expected.casefold() == value.casefold()
    return bool(expected == value)


def read_images(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The images of files in JSON lines."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def facts_of(image: Mapping[str, Any], platform: Mapping[str, Any]) -> Facts:
    """The facts that bayplan reads of a platform's configuration."""
    config = Config.model_validate(
        {
            "os": platform.get("os", "linux"),
            "architecture": platform.get("architecture", "amd64"),
            "config": {
                "Env": [f"{name}={value}" for name, value in platform.get("env", {}).items()],
                "Labels": platform.get("labels", {}),
                "Entrypoint": platform.get("entrypoint"),
                "Cmd": platform.get("cmd"),
            },
            "history": [{"created_by": step} for step in platform.get("history", [])],
        }
    )
    manifest = Manifest(config=Descriptor(mediaType="", digest=_DIGEST))
    return dict(platform_facts(_DIGEST, manifest, config, (), _reference(image["image"])).facts)


def _reference(text: str) -> Reference | None:
    try:
        return Reference.parse(text.split()[0])
    except Invalid:
        return None


def outcomes(image: Mapping[str, Any]) -> Iterator[FactOutcome]:
    """What is found, missed and wrong of an image; a fact that the image must not have is wrong where it has it."""
    facts = facts_of(image, image["platforms"][0])
    for name, expected in image["expected"].items():
        fact = facts.get(name)
        yield FactOutcome(
            image["image"],
            name,
            expected["value"],
            fact and fact.value,
            fact.source if fact else expected.get("by", ""),
        )
    for name, values in image.get("absent", {}).items():
        fact = facts.get(name)
        if fact is not None and (values == "*" or fact.value in values):
            yield FactOutcome(image["image"], name, f"not {values}", fact.value, fact.source)


def table(results: Iterable[FactOutcome], *, every: bool = False) -> list[str]:
    """The lines to print: each fact that is missed or wrong (or each fact), then the sums."""
    results = list(results)
    lines = [
        f"{result.outcome:6}  {result.image.split()[0][:60]:60}  {result.name:20}  "
        f"{str(result.value)[:60]} (expected {str(result.expected)[:60]}; {result.source[:50]})"
        for result in results
        if every or result.outcome != "found"
    ]
    counts = {kind: sum(result.outcome == kind for result in results) for kind in ("found", "missed", "wrong")}
    share = counts["found"] / max(1, len(results))
    names = len({result.image for result in results})
    return [
        *lines,
        f"{names} images: {share:.1%} found; " + ", ".join(f"{number} {kind}" for kind, number in counts.items()),
    ]


def main() -> int:
    """Prints the table; 1 where a fact is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="more images, in JSON lines")
    parser.add_argument("--every", action="store_true", help="print what is found too")
    arguments = parser.parse_args()
    paths = [OWN, *(path for path in (POPULAR,) if path.exists()), *arguments.files]
    wrong = 0
    for path in paths:
        results = [result for image in read_images([path]) for result in outcomes(image)]
        wrong += sum(result.outcome == "wrong" for result in results)
        print(f"{path.name}:", *table(results, every=arguments.every), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
