"""The scans of images' files: what the server has of one, and the report of one."""

from typing import TYPE_CHECKING, Any

from bayplan.client.transport import Transport
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.schemas.scans import ScanAnswer


class Scans:
    """The scans of images, by the digest of the image for one platform, or of an index: then of this worker's platform."""

    def __init__(self, transport: Transport) -> None:
        self._request = transport.request

    def get(self, digest: str) -> "ScanAnswer | None":
        """Gives the scan of an image, None where there is none."""
        try:
            scan: ScanAnswer = self._request("GET", f"/v1/scans/{digest}")
        except NotFound:
            return None
        return scan

    def report(self, digest: str, report: dict[str, Any]) -> None:
        """Reports a scan, a `schemas.scans.ScanReport`. Raises `NotFound` where the server knows no such image, or no scans."""
        self._request("PUT", f"/v1/scans/{digest}", report)
