"""The errors of bayplan for what goes wrong between a client and its server, each a sentence that says what to do.

httpx2 is imported here, so this module is imported when the first client is made.
"""

import ssl
from collections.abc import Iterator

import httpx2

from bayplan.client import certificates
from bayplan.client.proxies import ServerProxy
from bayplan.errors import BayplanError, Invalid, Unreachable

_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
_LONGEST_REASON = 200


def failure(error: Exception, server: str, proxy: ServerProxy | None, timeout_seconds: float) -> BayplanError:
    """Gives the error for an exception of the HTTP client: `Unreachable`, or `Invalid` where the request itself is wrong."""
    match error:
        case httpx2.TimeoutException():
            through = "" if proxy is None else f" through the proxy in {proxy.variable}"
            return Unreachable(
                f"{server} did not answer within {timeout_seconds:g} seconds{through}; try again, or look at the server's log."
            )
        case httpx2.ProxyError() if proxy is not None:
            status = str(error)[:3]
            return Unreachable(
                f"The proxy in {proxy.variable} does not lead to {server} (status {status}); correct it, or name the host in NO_PROXY."
            )
        case httpx2.ConnectError():
            return Unreachable(_why_not_connected(error, server, proxy))
        case httpx2.DecodingError():
            return Unreachable(
                f"{server} does not answer as bayplan does (its answer cannot be decompressed); check the address."
            )
        case httpx2.LocalProtocolError():  # its text may have a header's value
            return Invalid("A header of this request has a character that HTTP does not permit.")
        case httpx2.HTTPError() | OSError():
            return Unreachable(f"The connection to {server} broke ({_reason(error)}); try again.")
        case UnicodeError():
            return Invalid(
                "This request has a text that cannot be sent: a header takes ASCII alone, and any other text Unicode."
            )
        case _:
            return Invalid(f"This request cannot be sent ({type(error).__name__}): a part of its address is none.")


def _why_not_connected(error: httpx2.ConnectError, server: str, proxy: ServerProxy | None) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return _why_not_secure(cause, server)
    if proxy is not None:
        return (
            f"The proxy in {proxy.variable} does not answer ({_reason(error)}); "
            f"correct it, or name the host of {server} in NO_PROXY."
        )
    return f"Nothing answers at {server} ({_reason(error)}): is `bayplan serve` running there?"


def _why_not_secure(error: ssl.SSLError, server: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        trusted = certificates.variable()
        advice = (
            f"{trusted} names who is trusted"
            if trusted
            else "name the file of who signed its certificate in SSL_CERT_FILE"
        )
        return f"No secure connection to {server} ({error.verify_message}); check the address, and {advice}."
    if error.reason in _NO_TLS:
        return f"No secure connection to {server}: it does not speak TLS there; check the address, or write http://."
    return f"No secure connection to {server} ({error.reason or 'the handshake failed'}); check the address and the certificate."


def _reason(error: Exception) -> str:
    """The system's words for the first cause, or else the client's."""
    words = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return (words[-1] if words else str(error) or type(error).__name__)[:_LONGEST_REASON]


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
