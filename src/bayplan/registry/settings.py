"""The client of registries that the settings describe."""

from bayplan.config import LocalSettings
from bayplan.registry.address import AddressPolicy
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits


def registry_client(settings: LocalSettings, *, also_allowed: tuple[str, ...] = ()) -> RegistryClient:
    """A client within the settings; `also_allowed` are hosts and addresses beside those of BAYPLAN_REGISTRY_ALLOW_PRIVATE.

    Raises `CannotStart` where BAYPLAN_REGISTRY_CA has no certificates.
    """
    return RegistryClient(
        AddressPolicy.of((*settings.registry_allow_private, *also_allowed), settings.registry_insecure),
        limits=ConnectionLimits(connections=settings.registry_concurrency),
        ca=settings.registry_ca,
        proxy=proxy.get_secret_value() if (proxy := settings.registry_proxy) else None,
    )
