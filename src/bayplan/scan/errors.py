"""The error of a scan."""

from bayplan.errors import BayplanError


class ScanFailed(BayplanError):
    """The files of an image cannot be read: an archive that is damaged, breaks off, or would unpack to more than will be read."""

    code = "scan_failed"
