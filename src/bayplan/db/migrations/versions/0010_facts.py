"""More facts of nodes; and entries of facts that have another name or another value now."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_COLUMNS = (
    ("accelerator", Text),
    ("target", Text),
    ("driver_cuda_version", Text),
    ("driver_cuda_version_key", Text),
    ("cdi_driver_version", Text),
    ("cdi_driver_version_key", Text),
    ("l4t_version", Text),
    ("l4t_version_key", Text),
    ("wsl", sa.Boolean()),
    ("mig_profile", Text),
    ("vgpu_licensed", sa.Boolean()),
    ("kernel_version", Text),
    ("shared_memory_bytes", sa.BigInteger()),
)
# The name and the value of an entry, before and after.
_ENTRIES = (
    (("compat_on_loader_path", "true"), ("compat_activation", '"always"')),
    (("compat_on_loader_path", "false"), ("compat_activation", '"never"')),
    (("compiles_at_runtime", "true"), ("compiles_at_runtime", '"ptx"')),
)
_CHANGE = sa.text(
    "UPDATE image_facts SET name = :new_name, value = :new_value WHERE name = :old_name AND value = :old_value"
)


def upgrade() -> None:
    for name, type_ in _COLUMNS:
        op.add_column("nodes", sa.Column(name, type_))
    for old, new in _ENTRIES:
        _change(old, new)


def downgrade() -> None:
    for old, new in _ENTRIES:
        _change(new, old)
    for name, _ in reversed(_COLUMNS):
        op.drop_column("nodes", name)


def _change(old: tuple[str, str], new: tuple[str, str]) -> None:
    values = {"old_name": old[0], "old_value": old[1], "new_name": new[0], "new_value": new[1]}
    op.get_bind().execute(_CHANGE, values)
