"""What each resource looks like to the store: its table and its fields, as data that queries and writes are made from.

A field's name on the wire is its column's name. Its kind says how it compares, how it is written and what may filter it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.domain.machine_address import host_name, machine_address
from bayplan.domain.names import composed, composed_part


class Kind(Enum):
    """How a field compares and is stored."""

    INTEGER = auto()
    NUMBER = auto()
    TEXT = auto()
    BOOLEAN = auto()
    TIME = auto()  # RFC 3339 in UTC, one width
    VERSION = auto()  # text with a sort key in the column `<name>_key`
    MANY = auto()  # a JSON array of text
    REFERENCE = auto()  # the pk of a row of another resource
    SECRET = auto()  # encrypted at rest, on no allow-list
    LABELS = auto()  # a JSON object of text; a filter's path goes on with a key: `labels.zone`
    DOCUMENT = auto()  # JSON of its own form, on no allow-list


class Visibility(Enum):
    """Who is shown a field, and may filter by it; everyone else gets null, and no such field to filter by."""

    ALL = auto()
    CREDENTIALS = auto()  # staff and workers
    PERSONAL = auto()  # staff, and the user whose row it is


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its kind, what it refers to, and who sees it."""

    name: str
    kind: Kind
    target: str | None = None
    shown_as: str | None = None  # the target's field that stands for it on the wire, in place of the pk
    sight: Visibility = Visibility.ALL
    server_sets: bool = False
    # What joins it, where that is not its own column and the target's pk: a column here, and one there.
    joined: tuple[str, str] | None = None
    found_from: str | None = None  # where null is given and this field is not null, the server finds the value
    any_case: bool = False  # a text matches it whatever the case, also where a filter does not ask for that
    # From a text of a filter, or a part of one, to the form in which it is stored; raise `Invalid` where none is.
    canonical: Callable[[str], str] = composed
    canonical_part: Callable[[str], str] = composed_part
    has_words: bool = False  # a version that may be a word, such as `nightly`


# Names that clients in use send for fields of ours.
ALIASES = {("docker", "license"): "licence", ("docker", "registry_url"): "registry"}


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource: its table, its fields in the order of the wire, and how a text names one of its rows."""

    name: str
    singular: str
    table: sa.Table
    fields: tuple[Field, ...]
    natural_keys: tuple[str, ...]
    soft_delete: str | None = None
    # Fields that change without a new version of the catalogue (heartbeats): they are in the ETag beside the revision.
    volatile: tuple[str, ...] = ()
    # What filters find beside the fields, as a path: its table has one row for each of ours, or none.
    beside: tuple[Field, ...] = ()

    def field(self, name: str) -> Field | None:
        """Gives the field of that name, or None; a request may use one of the `ALIASES`."""
        field_name = ALIASES.get((self.name, name), name)
        return next((field for field in self.fields if field.name == field_name), None)

    def step(self, name: str) -> Field | None:
        """Gives what may lead on in a filter's path under that name: a field, or what is beside them."""
        return next((field for field in self.beside if field.name == name), None) or self.field(name)

    def column(self, name: str) -> sa.Column[Any]:
        """Gives the table's column of that name."""
        return self.table.c[name]


def _resource_type(
    name: str, singular: str, table: sa.Table, *fields: Field, keys: tuple[str, ...], **more: Any
) -> tuple[str, ResourceType]:
    pk = Field("pk", Kind.INTEGER, server_sets=True)
    return name, ResourceType(name, singular, table, (pk, *fields), keys, **more)


RESOURCE_TYPES: Mapping[str, ResourceType] = dict(
    (
        _resource_type(
            "docker",
            "docker image",
            tables.images,
            Field("name", Kind.TEXT),
            Field("version", Kind.TEXT),
            Field("url", Kind.TEXT),
            Field("registry", Kind.TEXT),
            Field("registry_username", Kind.TEXT, sight=Visibility.CREDENTIALS),
            Field("registry_password", Kind.SECRET, sight=Visibility.CREDENTIALS),
            Field("cuda_version", Kind.REFERENCE, target="cuda"),
            Field("min_hardware_generation", Kind.REFERENCE, target="hardware"),
            Field("cpu", Kind.BOOLEAN),
            Field("framework", Kind.REFERENCE, target="frameworks"),
            Field("domain", Kind.REFERENCE, target="domains", shown_as="name"),
            Field("tasks", Kind.MANY, any_case=True),
            Field("licence", Kind.REFERENCE, target="licences"),
            Field("creator", Kind.REFERENCE, target="users", server_sets=True),
            Field("creation_time", Kind.TIME, server_sets=True),
            Field("deletion_time", Kind.TIME, server_sets=True),
            keys=("name", "version"),
            soft_delete="deletion_time",
            beside=(Field("check", Kind.REFERENCE, target="checks", joined=("pk", "image")),),
        ),
        _resource_type(
            "cuda",
            "CUDA release",
            tables.cuda,
            Field("version", Kind.VERSION),
            Field("full_version", Kind.VERSION),
            Field("min_driver_version", Kind.VERSION),
            keys=("full_version",),
        ),
        _resource_type(
            "hardware",
            "hardware generation",
            tables.hardware,
            Field("generation", Kind.TEXT),
            Field("min_compute_capability", Kind.NUMBER),
            Field("max_compute_capability", Kind.NUMBER),
            keys=("generation",),
        ),
        _resource_type(
            "frameworks",
            "framework",
            tables.frameworks,
            Field("name", Kind.TEXT),
            Field("version", Kind.VERSION, has_words=True),
            keys=("name", "version"),
        ),
        _resource_type(
            "domains",
            "domain",
            tables.domains,
            Field("name", Kind.TEXT),
            Field("description", Kind.TEXT),
            keys=("name",),
        ),
        _resource_type(
            "licences",
            "licence",
            tables.licences,
            Field("name", Kind.TEXT),
            Field("url", Kind.TEXT),
            Field("domains", Kind.MANY),
            Field("permissions", Kind.MANY),
            Field("limitations", Kind.MANY),
            Field("conditions", Kind.MANY),
            keys=("name",),
        ),
        _resource_type(
            "users",
            "user",
            tables.users,
            Field("username", Kind.TEXT),
            Field("first_name", Kind.TEXT, sight=Visibility.PERSONAL),
            Field("last_name", Kind.TEXT, sight=Visibility.PERSONAL),
            Field("email", Kind.TEXT, sight=Visibility.PERSONAL),
            Field("is_active", Kind.BOOLEAN, sight=Visibility.PERSONAL),
            Field("is_staff", Kind.BOOLEAN, sight=Visibility.PERSONAL),
            Field("date_joined", Kind.TIME, sight=Visibility.PERSONAL, server_sets=True),
            Field("last_login", Kind.TIME, sight=Visibility.PERSONAL, server_sets=True),
            keys=("username",),
            volatile=("last_login",),
        ),
        _resource_type(
            "nodes",
            "node",
            tables.nodes,
            Field("ip", Kind.TEXT, canonical=machine_address, canonical_part=str.lower),
            Field("index", Kind.INTEGER),
            Field("cpu_mem", Kind.INTEGER),
            Field("driver_version", Kind.VERSION),
            Field("hardware_generation", Kind.REFERENCE, target="hardware", found_from="compute_capability"),
            Field("gpu_mem", Kind.INTEGER),
            Field("last_seen", Kind.TIME, server_sets=True),
            Field("compute_capability", Kind.VERSION),
            Field("gpu_name", Kind.TEXT),
            Field("gpu_brand", Kind.TEXT),
            Field("architecture", Kind.TEXT),
            Field("runtime_mode", Kind.TEXT),
            Field("toolkit_version", Kind.TEXT),
            Field("fabric_ready", Kind.BOOLEAN),
            Field("accelerator", Kind.TEXT),
            Field("target", Kind.TEXT),
            Field("driver_cuda_version", Kind.VERSION),
            Field("cdi_driver_version", Kind.VERSION),
            Field("l4t_version", Kind.VERSION),
            Field("wsl", Kind.BOOLEAN),
            Field("mig_profile", Kind.TEXT),
            Field("vgpu_licensed", Kind.BOOLEAN),
            Field("kernel_version", Kind.TEXT),
            Field("shared_memory_bytes", Kind.INTEGER),
            Field("hostname", Kind.TEXT, canonical=host_name, canonical_part=str.lower),
            Field("labels", Kind.LABELS),
            keys=("ip", "index"),
            volatile=("last_seen",),
        ),
        _resource_type(
            "prefetch",
            "prefetch rule",
            tables.prefetch,
            Field("name", Kind.TEXT),
            Field("nodes", Kind.DOCUMENT),
            Field("images", Kind.DOCUMENT),
            Field("creator", Kind.REFERENCE, target="users", server_sets=True),
            Field("creation_time", Kind.TIME, server_sets=True),
            keys=("name",),
        ),
    )
)


# Tables that no resource shows, and that filters of one find.
RELATED_TYPES: Mapping[str, ResourceType] = {
    "checks": ResourceType(
        "checks", "check", tables.checks, (Field("state", Kind.TEXT), Field("since", Kind.TIME)), natural_keys=()
    )
}


def target_of(field: Field) -> ResourceType:
    """Gives the shape of what a field refers to."""
    assert field.target is not None
    return RELATED_TYPES.get(field.target) or RESOURCE_TYPES[field.target]


def join_of(field: Field) -> tuple[str, str]:
    """Gives the column that refers, and that of the target that it equals."""
    return field.joined or (field.name, "pk")


def referrers(target: str) -> list[tuple[ResourceType, Field]]:
    """Gives every field of every resource that refers to rows of `target`."""
    return [
        (resource_type, field)
        for resource_type in RESOURCE_TYPES.values()
        for field in resource_type.fields
        if field.target == target
    ]
