"""The checks of images against their registries: requests them, and gives their results."""

import builtins
from typing import TYPE_CHECKING, Literal

from bayplan.client.collection import Named
from bayplan.client.images import Images
from bayplan.client.transport import Transport

if TYPE_CHECKING:
    from bayplan.schemas.checks import CheckCounts, FailingImage, ImageChecks, RequestedChecks

CHECK_TIMEOUT_SECONDS = 180  # the server gives a registry 60 for a check, and 90 more to inspect an image that changed
REQUEST_TIMEOUT_SECONDS = 120


class Checks:
    """The server's checks of its images against their registries; `Images.checks` has the results for one image."""

    def __init__(self, transport: Transport, images: Images) -> None:
        self._request = transport.request
        self._images = images

    def check(self, image: Named) -> "ImageChecks":
        """Checks an image now, and gives the result."""
        path = f"/v1/docker/{self._images.key(image)}/checks"
        checks: ImageChecks = self._request("POST", path, timeout_seconds=CHECK_TIMEOUT_SECONDS)
        return checks

    def request(self, which: Literal["all", "not_ok"]) -> "RequestedChecks":
        """Requests checks of all images, or of those not known to be ok, and does not wait for them."""
        requested: RequestedChecks = self._request(
            "POST", "/v1/docker/checks", {"which": which}, timeout_seconds=REQUEST_TIMEOUT_SECONDS
        )
        return requested

    def counts(self, since: str | None = None) -> "CheckCounts":
        """How many images are in each state; `checked` are those that were checked `since` then."""
        counts: CheckCounts = self._request("GET", "/v1/docker/checks", params={"since": since})
        return counts

    def failing(self, *, limit: int | None = None, offset: int | None = None) -> "builtins.list[FailingImage]":
        """The images that are not ok, the longest failing first."""
        params = {"limit": limit, "offset": offset}
        images: builtins.list[FailingImage] = self._request("POST", "/v1/docker/checks/list", params=params)
        return images
