"""The docker images: their six actions, and all that is asked of an image by its key, name or reference."""

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bayplan.client import image_lookup
from bayplan.client.collection import Body, Named, credentials_params, key
from bayplan.client.image_lookup import CatalogueImages
from bayplan.client.nodes import Nodes
from bayplan.client.transport import Transport

if TYPE_CHECKING:
    from bayplan.schemas.checks import ImageChecks
    from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer
    from bayplan.schemas.facts import FactsAnswer
    from bayplan.schemas.floors import FloorAnswer, RunnableImageAnswer
    from bayplan.schemas.inspection import InspectionAnswer
    from bayplan.schemas.lifecycle import LifecycleAnswer
    from bayplan.schemas.match import FitAnswer, ImageOnNodes
    from bayplan.schemas.outdated import OutdatedCodeName, OutdatedImagesAnswer, RetirementAnswer
    from bayplan.schemas.scans import ScanJobAnswer

INSPECTION_TIMEOUT_SECONDS = 120  # the server gives a registry 90


class Images(CatalogueImages):
    """The docker images; one is named by its key, its name and version (`pytorch:2.4`), or what `docker pull` takes."""

    def __init__(self, transport: Transport, path: str, references: tuple[str, ...], nodes: Nodes) -> None:
        super().__init__(transport, path, references)
        self._nodes = nodes

    def named(self, text: str, *, deleted: bool = False) -> "ExpandedImageAnswer":
        """The image with that key, name or reference, without credentials; with `deleted`, a deleted one.

        Raises `NotFound`, which names the nearest images, and `Invalid` where there are several.
        """
        pk = key(text.strip())
        return self.by_key(pk) if pk is not None else image_lookup.image(self, text.strip(), deleted=deleted)

    def all_named(self, text: str) -> "builtins.list[ExpandedImageAnswer]":
        """The images with that name or reference: none, one, or several versions."""
        return image_lookup.images_named(self, text.strip())

    def reinstate(self, named: Named) -> "ImageAnswer":
        """Brings a deleted image back. Raises `Conflict` where its name and version were taken meanwhile."""
        pk = self.named(named, deleted=True)["pk"] if isinstance(named, str) else named
        reinstated: ImageAnswer = self._request("DELETE", f"{self._path}/{pk}/reinstate")
        return reinstated

    def delete_for_good(self, named: Named) -> "ImageAnswer":
        """Removes an image for good, and gives its last state."""
        removed: ImageAnswer = self._request("DELETE", f"{self._path}/{self.key(named)}/hard")
        return removed

    def facts(self, named: Named) -> "FactsAnswer":
        """The facts about an image, each with its origin."""
        facts: FactsAnswer = self._request("GET", f"{self._path}/{self.key(named)}/facts")
        return facts

    def lifecycle(self, named: Named) -> "LifecycleAnswer":
        """Whether an image is deprecated, since when and why, and the key of the image to use instead."""
        lifecycle: LifecycleAnswer = self._request("GET", f"{self._path}/{self.key(named)}/lifecycle")
        return lifecycle

    def deprecate(
        self, named: Named, *, why: str | None = None, successor: Named | None = None, since: str | None = None
    ) -> "LifecycleAnswer":
        """Deprecates an image, since today where no day is named; what is None stays as it is."""
        key_of_successor = None if successor is None else self.key(successor)
        named_fields = {"since": since, "why": why, "successor": key_of_successor}
        fields = {"deprecated": True} | {name: value for name, value in named_fields.items() if value is not None}
        return self._change_lifecycle(named, fields)

    def undeprecate(self, named: Named) -> "LifecycleAnswer":
        """Takes the deprecation of an image back."""
        return self._change_lifecycle(named, {"deprecated": False})

    def _change_lifecycle(self, named: Named, fields: Body) -> "LifecycleAnswer":
        lifecycle: LifecycleAnswer = self._request("PATCH", f"{self._path}/{self.key(named)}/lifecycle", fields)
        return lifecycle

    def outdated(self, *reasons: "OutdatedCodeName") -> "OutdatedImagesAnswer":
        """The images that are out of date, each with its reasons; only those with one of `reasons`, where some are named."""
        outdated: OutdatedImagesAnswer = self._request(
            "GET", f"{self._path}/outdated", params={"reason": ",".join(reasons) or None}
        )
        return outdated

    def retirement(self, images: Sequence[Named]) -> "RetirementAnswer":
        """What it would strand to delete these images: nodes that lose their last image for a task, and what uses the images.

        Nothing is changed. Raises `NotFound`.
        """
        body: Body = {"images": [self.key(image) for image in images]}
        stranded: RetirementAnswer = self._request("POST", f"{self._path}/retirement", body)
        return stranded

    def floor(self, named: Named) -> "FloorAnswer":
        """What an image needs of a node: drivers, GPUs, memory."""
        floor: FloorAnswer = self._request("GET", f"{self._path}/{self.key(named)}/floor")
        return floor

    def runnable(self) -> "builtins.list[RunnableImageAnswer]":
        """The images that some node of the catalogue runs, with their references by digest."""
        images: builtins.list[RunnableImageAnswer] = self._request("GET", f"{self._path}/runnable")
        return images

    def set_facts(self, named: Named, facts: Body) -> "FactsAnswer":
        """Enters facts; None removes an entry. Gives all facts of the image."""
        entered: FactsAnswer = self._request("PATCH", f"{self._path}/{self.key(named)}/facts", facts)
        return entered

    def request_scan(self, named: Named, architecture: str | None = None) -> "ScanJobAnswer":
        """Asks the server to read the image's files in its registry; gives the state of that scan. Raises `Conflict`."""
        job: ScanJobAnswer = self._request(
            "POST", f"{self._path}/{self.key(named)}/scan", {"architecture": architecture}
        )
        return job

    def scan_job(self, named: Named) -> "ScanJobAnswer":
        """How far the last scan of an image is that the server was asked for."""
        job: ScanJobAnswer = self._request("GET", f"{self._path}/{self.key(named)}/scan")
        return job

    def inspect(self, url: str, *, username: str | None = None, password: str | None = None) -> "InspectionAnswer":
        """Inspects `url` ("nvidia/cuda:12.4.1-base-ubuntu22.04") in its registry now; nothing is stored.

        Raises `NotFound` and `Invalid`; `Unreachable` where the registry does not answer as it should.
        """
        body = {"url": url, "registry_username": username, "registry_password": password}
        inspection: InspectionAnswer = self._request(
            "POST", f"{self._path}/inspect", body, timeout_seconds=INSPECTION_TIMEOUT_SECONDS
        )
        return inspection

    def store_inspection(self, named: Named) -> "InspectionAnswer":
        """Inspects the image in its registry now, with its own credentials, and stores the result. Raises as `inspect` does."""
        stored: InspectionAnswer = self._request(
            "POST", f"{self._path}/{self.key(named)}/inspection", timeout_seconds=INSPECTION_TIMEOUT_SECONDS
        )
        return stored

    def docker_config(self, named: Named, *, kubernetes: bool = False) -> dict[str, Any]:
        """The credentials of the image's registry as a `config.json` for docker, or as a Secret for Kubernetes."""
        params = {"format": "kubernetes" if kubernetes else None}
        config: dict[str, Any] = self._request("GET", f"{self._path}/{self.key(named)}/docker-config", params=params)
        return config

    def checks(self, named: Named) -> "ImageChecks":
        """The image's check state and since when, its accepted digest, and its history."""
        checks: ImageChecks = self._request("GET", f"{self._path}/{self.key(named)}/checks")
        return checks

    def verdicts(self, named: Named) -> "ImageOnNodes":
        """The verdict on the image for every node."""
        verdicts: ImageOnNodes = self._request("GET", f"{self._path}/{self.key(named)}/nodes")
        return verdicts

    def fit(
        self,
        named: Named,
        *,
        worker: Body | None = None,
        nodes: "Sequence[Named] | None" = None,
        credentials: bool = True,
    ) -> "FitAnswer":
        """The nodes by kind with the verdict on the image, best first; the facts of `worker` replace those of the nodes.

        Without `credentials` those of the image's registry are not read.
        """
        body: dict[str, object] = {} if worker is None else {"worker": worker}
        if nodes is not None:
            body["nodes"] = [self._nodes.key(node) for node in nodes]
        fit: FitAnswer = self._request(
            "POST", f"{self._path}/{self.key(named)}/fit", body, params=credentials_params(credentials)
        )
        return fit
