"""What can go wrong with a registry, each a sentence that says what to do.

`bayplan.errors` draws their tree.

References that cannot be read are `Invalid` with the code `bad_reference`, from `bayplan.domain.reference`.
No message holds a password, a token, or an address with a query in it: redirects carry signatures there.
"""

from bayplan.errors import BayplanError


class RegistryError(BayplanError):
    """The registry answers, but with an error, or not as a registry does."""

    code = "registry_error"


class RegistryFailing(RegistryError):
    """The registry does not stop to fail (5xx), or to want fewer questions (429)."""


class RegistryNotAllowed(RegistryError):
    """The settings do not allow this address, or a log-in would leave the registry's own service."""

    code = "registry_not_allowed"


class RegistryUnreachable(RegistryError):
    """No connection: no such host, nobody listens, or no certificate that can be trusted."""

    code = "registry_unreachable"


class NotTls(RegistryUnreachable):
    """Somebody listens, but speaks plain HTTP."""


class RegistryDenied(RegistryError):
    """The registry or its token service refuses the log-in, or wants one where none was given."""

    code = "registry_denied"


class ImageNotFound(RegistryError):
    """The registry has no such repository, tag or digest, or does not show it to this log-in."""

    code = "image_not_found"


class ManifestInvalid(RegistryError):
    """A manifest, an index or a configuration that is not as the OCI image specification has it."""

    code = "manifest_invalid"


class ManifestTooLarge(RegistryError):
    """More bytes than will be read; nothing beyond the limit was."""

    code = "manifest_too_large"


class DigestMismatch(RegistryError):
    """The bytes that came are not those that the digest names."""

    code = "digest_mismatch"


class RegistryTimeout(RegistryError):
    """No answer, or no complete one, in the time that it may take."""

    code = "registry_timeout"


OF_REGISTRY = (RegistryUnreachable, RegistryTimeout, RegistryFailing, RegistryNotAllowed)
"""What says something of the registry, and would be said of each of its images; everything else is of the one image."""
