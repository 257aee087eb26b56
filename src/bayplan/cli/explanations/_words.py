"""The words that `bayplan explain` knows, each with its kind and its meaning, from the tables that the docs are made of."""

from collections.abc import Iterator, Mapping
from typing import TypedDict


class Explanation(TypedDict):
    """A word, what kind of word it is, and what it means."""

    word: str
    kind: str
    meaning: str


GRADE, REASON_CODE, FACT, SETTING = "grade", "reason code", "fact of images", "setting"
OUTDATED = "reason why an image is out of date"
IMAGE_FIELD, NODE_FIELD = "field of images", "field of nodes"

KINDS: Mapping[str, tuple[str, ...]] = {
    "image": (IMAGE_FIELD, FACT),
    "node": (NODE_FIELD,),
    "grade": (GRADE,),
    "reason": (REASON_CODE, OUTDATED),
    "outdated": (OUTDATED,),
    "fact": (FACT,),
    "setting": (SETTING,),
}
"""The kinds of words that a word without its plural's s lists."""

IMAGE_FIELDS: Mapping[str, str] = {
    "pk": "Its key: a number that no other has, also after it is removed.",
    "name": "Its name; with its version unique among the images that are not deleted.",
    "version": "Its version, such as the tag of its reference.",
    "url": "Its reference as `docker pull` takes it: registry, repository, tag or digest.",
    "registry": "The registry's URL or host.",
    "registry_username": "Who logs in to the registry; only staff and workers see it.",
    "registry_password": "The password for the registry, encrypted in the database; only staff and workers see it.",
    "cuda_version": "The CUDA release in it; null only where it runs without a GPU.",
    "min_hardware_generation": "The oldest GPU generation that it runs on; null only where it runs without a GPU.",
    "cpu": "Whether it works without a GPU.",
    "framework": "The framework release that it is built around.",
    "domain": "What it is for: ic, is, od, sc, sp, or one that staff added.",
    "tasks": "What it does: train, predict, export or any other word.",
    "licence": "Its licence.",
    "creator": "Who added it.",
    "creation_time": "When it was added.",
    "deletion_time": "When it was deleted; null while it is not.",
}
NODE_FIELDS: Mapping[str, str] = {
    "pk": "Its key: a number that no other has.",
    "ip": "The address or host name of its machine.",
    "index": "The index of its GPU in the machine; 0 without a GPU.",
    "hostname": "The machine's own name, which its worker reports.",
    "labels": "What staff call it by, with keys and values as in Kubernetes: zone=a.",
    "last_seen": "When its worker, or staff for it, last sent a heartbeat.",
    "hardware_generation": "Its GPU generation; follows from the compute capability where only that is given.",
    "cpu_mem": "The memory of its machine, in bytes.",
    "gpu_mem": "The memory of its GPU, in bytes; of a slice that of the slice.",
}
"""The fields of nodes that are no facts with an option, or whose option says less."""


def words(*, with_settings: bool = True) -> dict[str, Explanation]:
    """Every word with its kinds and its meanings; a setting by the name of its variable."""
    explained: dict[str, Explanation] = {}
    for word, kind, meaning in _rows(with_settings=with_settings):
        if word in explained:
            meaning = f"{explained[word]['meaning']} As a {kind}: {meaning}"
            kind = f"{explained[word]['kind']}, {kind}"
        explained[word] = {"word": word, "kind": kind, "meaning": meaning}
    return explained


def _rows(*, with_settings: bool) -> Iterator[tuple[str, str, str]]:
    from bayplan.cli.matching._view import MEANINGS
    from bayplan.cli.node_facts import NODE_FACTS
    from bayplan.domain.compatibility.image import FACTS
    from bayplan.domain.compatibility.verdict import ReasonCode
    from bayplan.domain.outdated import OutdatedCode

    yield from ((str(grade), GRADE, meaning) for grade, meaning in MEANINGS.items())
    yield from ((str(code), REASON_CODE, code.meaning) for code in ReasonCode)
    yield from ((str(code), OUTDATED, code.meaning) for code in OutdatedCode)
    of_options = {name: fact.option.__metadata__[0].help or fact.title for name, fact in NODE_FACTS.items()}
    yield from ((name, NODE_FIELD, meaning) for name, meaning in {**of_options, **NODE_FIELDS}.items())
    yield from ((name, IMAGE_FIELD, meaning) for name, meaning in IMAGE_FIELDS.items())
    yield from ((fact.name, FACT, f"{fact.meaning[0].upper()}{fact.meaning[1:].rstrip('.')}.") for fact in FACTS)
    if with_settings:
        from bayplan.config import Settings

        for name, field in Settings.model_fields.items():
            described = (field.description or "").replace("`", "")
            default = f" Default: {field.default}." if isinstance(field.default, (str, int)) else ""
            yield f"BAYPLAN_{name.upper()}", SETTING, described + default
