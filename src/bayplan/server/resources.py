"""The table of resources: an entry for each, with its bodies, and what is its own."""

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import crud, deletion
from bayplan.db.database import Transaction
from bayplan.db.keyring import Keyring
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES, ResourceType
from bayplan.schemas.cuda import CudaAnswer, CudaCreate, CudaPatch
from bayplan.schemas.docker import ImageAnswer, ImageCreate, ImagePatch
from bayplan.schemas.domains import DomainAnswer, DomainCreate, DomainPatch
from bayplan.schemas.frameworks import FrameworkAnswer, FrameworkCreate, FrameworkPatch
from bayplan.schemas.hardware import HardwareAnswer, HardwareCreate, HardwarePatch
from bayplan.schemas.licences import LicenceAnswer, LicenceCreate, LicencePatch
from bayplan.schemas.nodes import NodeAnswer, NodeCreate, NodePatch
from bayplan.schemas.prefetch import PrefetchCreate, PrefetchPatch, PrefetchRuleAnswer
from bayplan.schemas.users import UserAnswer, UserCreate, UserPatch, UserReplace
from bayplan.server.auth import passwords
from bayplan.server.auth.access import WorkerAccess
from bayplan.server.crud.resource import Resource
from bayplan.server.prefetch import store as prefetch_queries


async def _delete_softly(
    tx: Transaction, _resource_type: ResourceType, pk: int, if_match: str | None, _keyring: Keyring
) -> None:
    await deletion.delete_softly(tx, pk, now(), if_match=if_match)


async def _deactivate(
    tx: Transaction, resource_type: ResourceType, pk: int, if_match: str | None, keyring: Keyring
) -> None:
    await crud.change(tx, resource_type, pk, {"is_active": False}, keyring, if_match=if_match)


def _own_user(principal: Principal) -> sa.ColumnElement[bool] | None:
    return None if principal.is_staff else RESOURCE_TYPES["users"].column("pk") == (principal.user or 0)


RESOURCES: tuple[Resource, ...] = (
    Resource(
        RESOURCE_TYPES["docker"],
        "docker images",
        ImageCreate,
        ImageCreate,
        ImagePatch,
        ImageAnswer,
        example={
            "name": "pytorch",
            "version": "2.4.1-cuda12.4",
            "url": "pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime",
            "registry": "https://docker.io",
            "cuda_version": "12.4.1",
            "min_hardware_generation": "Maxwell",
            "cpu": False,
            "framework": "PyTorch 2.4.1",
            "domain": "od",
            "tasks": ["train", "predict"],
            "licence": "BSD-3-Clause",
        },
        born=lambda principal: {"creator": principal.user, "creation_time": now()},
        remove=_delete_softly,
        removal="Deletes the image softly: it can be loaded by its pk and reinstated, but not listed, matched or changed.",
        workers_may=dict.fromkeys(("list", "load"), WorkerAccess.ALL),
    ),
    Resource(
        RESOURCE_TYPES["cuda"],
        "CUDA releases",
        CudaCreate,
        CudaCreate,
        CudaPatch,
        CudaAnswer,
        example={"version": "13.9", "full_version": "13.9.0", "min_driver_version": "640.10.01"},
    ),
    Resource(
        RESOURCE_TYPES["hardware"],
        "hardware generations",
        HardwareCreate,
        HardwareCreate,
        HardwarePatch,
        HardwareAnswer,
        example={"generation": "Feynman", "min_compute_capability": 14.0, "max_compute_capability": 15.0},
    ),
    Resource(
        RESOURCE_TYPES["frameworks"],
        "frameworks",
        FrameworkCreate,
        FrameworkCreate,
        FrameworkPatch,
        FrameworkAnswer,
        example={"name": "PyTorch", "version": "2.4.1"},
    ),
    Resource(
        RESOURCE_TYPES["domains"],
        "domains",
        DomainCreate,
        DomainCreate,
        DomainPatch,
        DomainAnswer,
        example={"name": "pe", "description": "Pose Estimation"},
    ),
    Resource(
        RESOURCE_TYPES["licences"],
        "licences",
        LicenceCreate,
        LicenceCreate,
        LicencePatch,
        LicenceAnswer,
        example={
            "name": "Example Licence 1.0",
            "url": "https://example.org/licence",
            "domains": [],
            "permissions": ["commercial-use"],
            "limitations": ["liability"],
            "conditions": ["include-copyright"],
        },
        born=lambda _principal: {"aliases": []},
    ),
    Resource(
        RESOURCE_TYPES["users"],
        "users",
        UserCreate,
        UserReplace,
        UserPatch,
        UserAnswer,
        example={"username": "kim", "first_name": "Kim", "last_name": "Doe", "password": "correct horse battery"},
        born=lambda _principal: {"date_joined": now(), "token_epoch": 0},
        prepare=passwords.hashed_in,
        remove=_deactivate,
        removal="Deactivates the user and revokes their tokens. The last active staff user cannot be deactivated.",
        readable=_own_user,
        only_sessions_write=True,
    ),
    Resource(
        RESOURCE_TYPES["nodes"],
        "nodes",
        NodeCreate,
        NodeCreate,
        NodePatch,
        NodeAnswer,
        example={
            "ip": "192.0.2.17",
            "index": 0,
            "cpu_mem": 270_582_939_648,
            "driver_version": "535.104.05",
            "gpu_mem": 51_527_024_640,
            "compute_capability": "8.6",
            "gpu_name": "NVIDIA RTX A6000",
            "gpu_brand": "NvidiaRTX",
            "architecture": "amd64",
            "labels": {"zone": "a"},
        },
        workers_may=dict.fromkeys(("load", "replace", "change"), WorkerAccess.OWN_NODE),
        fixed_for_workers=("ip", "index", "labels"),
    ),
    Resource(
        RESOURCE_TYPES["prefetch"],
        "prefetch rules",
        PrefetchCreate,
        PrefetchCreate,
        PrefetchPatch,
        PrefetchRuleAnswer,
        example={
            "name": "object detection on Ampere",
            "nodes": {"expressions": [{"type": "exact", "field": "hardware_generation.generation", "value": "Ampere"}]},
            "images": {
                "expressions": [{"type": "exact", "field": "domain", "value": "od"}],
                "order_by": [{"field": "framework.version", "ascending": False}],
            },
        },
        born=lambda principal: {"creator": principal.user, "creation_time": now()},
        prepare=prefetch_queries.checked,
        removal="Removes the rule. Workers remove images that no other rule names for them and no container uses.",
    ),
)
