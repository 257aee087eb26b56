"""TLS for registries: the trusted authorities, and the errors for certificates that are not trusted."""

import ssl
from pathlib import Path

from bayplan.errors import CannotStart
from bayplan.registry.address import Endpoint
from bayplan.registry.errors import NotTls, RegistryUnreachable

_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
_WAITING = (ssl.SSLWantReadError, ssl.SSLWantWriteError)  # an unfinished handshake, no failure


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """The context that trusts the system's authorities and those in the file `ca`; raises CannotStart for an unreadable file."""
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror if type(error) is not ssl.SSLError else "it has no certificate in PEM form"
            raise CannotStart(
                f"BAYPLAN_REGISTRY_CA must name a file of certificates in PEM form, and {ca} cannot be used: {reason}."
            ) from None
    return context


def refuse_tls(error: Exception, endpoint: Endpoint) -> None:
    """Raises the error of a connection that failed because of TLS, where a retry would not help."""
    cause: BaseException | None = error
    while cause is not None and (not isinstance(cause, ssl.SSLError) or isinstance(cause, _WAITING)):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return
    if cause.reason in _NO_TLS:
        raise NotTls(
            f"'{endpoint.authority}' does not speak TLS. If it is a registry with plain HTTP, add "
            f"{endpoint.host}:{endpoint.port} to BAYPLAN_REGISTRY_INSECURE."
        ) from cause
    reason = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "the handshake failed"
    raise RegistryUnreachable(
        f"The certificate of '{endpoint.authority}' is not trusted ({reason}). Name the file with the certificate of its "
        "authority in BAYPLAN_REGISTRY_CA."
    ) from cause
