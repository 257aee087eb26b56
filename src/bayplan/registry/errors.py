"""What can go wrong with a registry, each a sentence that says what to do.

`bayplan.errors` draws their tree.

References that cannot be read are `Invalid` with the code `bad_reference`, from `bayplan.domain.reference`.
No message holds a password, a token, or an address with a query in it: redirects carry signatures there.
"""

from bayplan.errors import BayplanError

_IN_FILES = {
    "the registry or a proxy changed it": "the file was changed",
    ". Push the image again, or ask the registry's operators.": ". Save the image again.",
    "Build and push the image again.": "Build and save the image again.",
    "Push the image again": "Save the image again",
}
"""What an error of a registry says, and what it says of a folder or an archive, in this order."""


class RegistryError(BayplanError):
    """The registry answers, but with an error, or not as a registry does."""

    code = "registry_error"

    def of_files(self) -> "RegistryError":
        """The same error of an image in a folder or an archive: it is saved again, not pushed."""
        detail = self.detail
        for of_a_registry, of_files in _IN_FILES.items():
            detail = detail.replace(of_a_registry, of_files)
        return type(self)(detail)


class RegistryFailing(RegistryError):
    """The registry keeps answering with an error of its own (5xx), or with 429."""


class RegistryNotAllowed(RegistryError):
    """The settings do not allow this address, or credentials would leave the registry's own service."""

    code = "registry_not_allowed"


class RegistryUnreachable(RegistryError):
    """No connection: no such host, no open port, or no certificate that can be trusted."""

    code = "registry_unreachable"


class NotTls(RegistryUnreachable):
    """The port is open, but speaks plain HTTP."""


class RegistryDenied(RegistryError):
    """The registry or its token service refuses the credentials, or requires credentials and gets none."""

    code = "registry_denied"


class CredentialsRefused(RegistryDenied):
    """The registry or its token service got the credentials, and refuses them."""


class TokenRefused(CredentialsRefused):
    """The token service got the credentials, and refuses them, whatever the registry answers."""


class ImageNotFound(RegistryError):
    """The registry has no such repository, tag or digest, or does not show it with these credentials."""

    code = "image_not_found"


class ManifestInvalid(RegistryError):
    """A manifest, an index or a configuration that is not as the OCI image specification has it."""

    code = "manifest_invalid"


class ManifestTooLarge(RegistryError):
    """The document is larger than the limit; nothing beyond the limit was read."""

    code = "manifest_too_large"


class DigestMismatch(RegistryError):
    """The bytes of an answer do not have the digest that was requested."""

    code = "digest_mismatch"


class RegistryTimeout(RegistryError):
    """No complete answer within the time limit."""

    code = "registry_timeout"


OF_REGISTRY = (RegistryUnreachable, RegistryTimeout, RegistryFailing, RegistryNotAllowed)
"""The errors that concern the registry, and so all of its images; every other error concerns a single image."""
