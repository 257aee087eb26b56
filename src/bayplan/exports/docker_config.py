"""A registry's credentials as docker, podman, skopeo and Kubernetes read them from a file."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from bayplan.domain.reference import DOCKER_HUB

# Docker Hub alone has a key that is not its host: docker has kept this address for its credentials.
_KEYS: Mapping[str, str] = {DOCKER_HUB: "https://index.docker.io/v1/"}
Document = dict[str, Any]


def docker_config(registry: str, username: str | None, password: str | None) -> Document:
    """Gives a `config.json` with the credentials for a registry as references name it; empty without credentials."""
    if username is None or password is None:
        return {"auths": {}}
    return {"auths": {_KEYS.get(registry, registry): {"auth": _base64(f"{username}:{password}")}}}


def pull_secret(name: str, config: Document) -> Document:
    """Gives a `config.json` as a Secret of Kubernetes, for `imagePullSecrets`; `name` must be a DNS name (RFC 1123)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": _base64(json.dumps(config))},
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
