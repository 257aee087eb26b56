"""The client of Docker's SDK, made without the SDK's own reading of files and variables; and the one boundary for its errors.

The SDK reads `config.json` and the variables of docker when a client is made and again for each pull, and raises whatever goes wrong
there. What counts of both is read before (`docker_config`, `docker_logins`, `engine_address`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import requests
import urllib3
from docker import APIClient, constants
from docker.auth import AuthConfig, encode_header
from docker.errors import APIError, DockerException
from docker.transport import UnixHTTPAdapter
from docker.utils import version_lt
from docker.utils.proxy import ProxyConfig
from urllib3.exceptions import HTTPError

from bayplan.agent import engine_errors
from bayplan.agent.docker_config import Auth, DockerConfig
from bayplan.agent.engine_address import EngineAddress
from bayplan.agent.engine_errors import EngineFailed

ANSWER_TIMEOUT_SECONDS = 60
EXPORT_CHUNK_BYTES = 1 << 20
# What the SDK, requests and urllib3 raise, and what an answer that is none of an engine's makes of them.
SDK_ERRORS = (DockerException, requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
_OF_THE_ANSWER = (LookupError, TypeError, AttributeError, RecursionError)
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}")


class EngineClient(APIClient):  # type: ignore[misc]  # the SDK ships no type information
    """The SDK's client for an address, which has connected; raises errors of the SDK."""

    SILENCE = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
    """What is raised where an answer, or its next line, takes too long."""

    def __init__(self, address: EngineAddress, config: DockerConfig) -> None:  # not the SDK's: it would read files
        requests.Session.__init__(self)
        self.address = address
        self.timeout = ANSWER_TIMEOUT_SECONDS
        self.headers["User-Agent"] = constants.DEFAULT_USER_AGENT
        self.trust_env = (
            False  # REQUESTS_CA_BUNDLE would come before the certificates of `tls`, and ~/.netrc is for nobody here
        )
        self.credstore_env = None
        self._auth_configs = AuthConfig({})
        headers = {
            name: text.encode(errors="replace") for name, text in config.headers.items()
        }  # as bytes: UTF-8, as docker
        self._general_configs = {"HttpHeaders": headers} if headers else {}
        self._proxy_configs = ProxyConfig.from_dict(
            config.proxies.get(address.text) or config.proxies.get("default") or {}
        )
        if address.socket is not None:
            self._custom_adapter = UnixHTTPAdapter(f"http+unix://{address.socket}", self.timeout)
            self.mount("http+docker://", self._custom_adapter)
            self.base_url = "http+docker://localhost"
        else:
            assert address.url is not None
            self.base_url = address.url
            self.proxies = requests.utils.get_environ_proxies(address.url)
            if address.tls is not None:
                if not address.tls.is_verified:
                    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the address asks for it
                self.verify = _text(address.tls.ca) or True if address.tls.is_verified else False
                files = (address.tls.certificate, address.tls.key)
                self.cert = (str(files[0]), str(files[1])) if files[0] and files[1] else None
        self._version = self.version(api_version=False)["ApiVersion"]
        if not isinstance(self._version, str) or _VERSION.fullmatch(self._version) is None:
            raise ValueError("it names no version of its API")
        if version_lt(self._version, constants.MINIMUM_DOCKER_API_VERSION):
            raise ValueError(f"its API {self._version} is older than {constants.MINIMUM_DOCKER_API_VERSION}")

    def begin_pull(self, repository: str, digest: str, auth: Auth | None, silence_seconds: float | None) -> Any:
        """Begins to pull, and gives the engine's answer when it begins: after so many seconds of silence an error."""
        response = self._post(
            self._url("/images/create"),
            params={"fromImage": repository, "tag": digest},
            headers=_header(auth),
            stream=True,
            timeout=(ANSWER_TIMEOUT_SECONDS, silence_seconds),
        )
        self._raise_for_status(response)
        return response

    def export(self, image: str, silence_seconds: float) -> Iterator[bytes]:
        """Gives an image's archive as it comes; after so many seconds of silence an error."""
        response = self._get(
            self._url("/images/{0}/get", image), stream=True, timeout=(ANSWER_TIMEOUT_SECONDS, silence_seconds)
        )
        self._raise_for_status(response)
        with closing(response):
            yield from response.iter_content(EXPORT_CHUNK_BYTES)

    def lines(self, response: Any) -> Iterator[Mapping[str, Any]]:
        """Gives the lines of an answer as they come."""
        lines: Iterator[Mapping[str, Any]] = self._stream_helper(response, decode=True)
        return lines

    def limit_silence(self, response: Any, seconds: float) -> float:
        """Sets, and gives, how long the next line of an answer may take."""
        raw = self._get_raw_response_socket(response)
        getattr(raw, "_sock", raw).settimeout(seconds)
        return seconds

    def distribution(self, reference: str, auth: Auth | None) -> Mapping[str, Any]:
        """Gives what the registry of a reference has for it, as far as the engine can ask."""
        answer: Mapping[str, Any] = self._result(
            self._get(self._url("/distribution/{0}/json", reference), headers=_header(auth)), True
        )
        return answer


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _header(auth: Auth | None) -> dict[str, bytes]:
    return {} if auth is None else {"X-Registry-Auth": encode_header(dict(auth))}


@contextmanager
def translating_errors(address: str, about: Callable[[str], EngineFailed]) -> Iterator[None]:
    """Raises every error of the SDK and what is below it as `EngineFailed`: `about` gives that for a text of the engine."""
    try:
        yield
    except APIError as error:
        raise about(str(error.explanation or error)) from None
    except SDK_ERRORS as error:
        raise engine_errors.about_connection(error, address) from None
    except _OF_THE_ANSWER as error:
        raise engine_errors.no_engine_answers(f"{type(error).__name__}: {error}", address) from None
