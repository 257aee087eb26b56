"""Makes the catalogue what a document says: all of it or nothing, in one transaction, with every change listed.

A dry run does the same and is rolled back, so that it finds just what the real one would.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.db import crud, deletion
from bayplan.db.database import Database, Transaction
from bayplan.db.keyring import Keyring, UnknownKey
from bayplan.db.natural_keys import resolve
from bayplan.db.principal import Principal
from bayplan.db.resource_types import Field, Kind
from bayplan.domain.entity_tags import ANY_TAG, tags_in
from bayplan.errors import BayplanError, Conflict, Invalid, PreconditionFailed, Problem
from bayplan.server.catalogue_file.comparison import DocumentComparison
from bayplan.server.catalogue_file.document_lifecycles import DocumentLifecycles
from bayplan.server.catalogue_file.export import rows_of
from bayplan.server.catalogue_file.sections import SECTIONS, DocumentSection, Entry, Identity, SectionRules, names_of
from bayplan.server.catalogue_file.stored_entries import PART, stored_entries
from bayplan.server.hourly_budget import HourlyBudget

_MOST_PROBLEMS = 100
_LOOKED_FURTHER = 20
"""Unknown names of a document for which the nearest are looked for; a document may have ten thousand."""
_UNREADABLE = object()  # equal to no value of a document


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """An entry of the document: all values of a new object, and the names of the fields that it mentions."""

    values: Entry
    mentioned: frozenset[str]


@dataclass(slots=True)
class ApplyResult:
    """The changes that were made, or would be."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    unchanged: int = 0
    applied: bool = False
    version: int = 0


class _RolledBack(Exception):
    """Ends a transaction whose changes are not to stay."""


async def apply(
    db: Database,
    document: Mapping[str, Sequence[DocumentEntry]],
    keyring: Keyring,
    rules: Mapping[str, SectionRules],
    *,
    prune: bool,
    dry_run: bool,
    if_version: str | None = None,
    by: Principal | None = None,
    differing_credentials: HourlyBudget,
) -> ApplyResult:
    """Gives what changed.

    Raises `Invalid` or `Conflict` with every problem in the document, `PreconditionFailed`, or `TooManyAttempts`.
    """
    result = ApplyResult()
    try:
        async with db.write(by=by, is_long=True) as tx:
            result.version = tx.version - 1
            if if_version is not None and tags_in(if_version).isdisjoint((ANY_TAG, str(result.version))):
                raise PreconditionFailed("The catalogue was changed since the dry run: look at the changes again.")
            work = _Work(tx, keyring, rules, result, by, DocumentComparison(differing_credentials, by))
            for section in SECTIONS:
                if section.name in document:
                    await work.enter(section, document[section.name])
            work.raise_problems()
            if prune:
                for section in reversed(SECTIONS):
                    if section.name in document:
                        await work.prune(section, document[section.name])
            await work.enter_lifecycles()
            work.raise_problems()
            if dry_run or not result.changes:
                raise _RolledBack
            result.version = tx.version
    except _RolledBack:
        pass
    result.applied = not dry_run
    return result


class _Work:
    """The state of one application: what has been looked up, and what is wrong so far."""

    def __init__(
        self,
        tx: Transaction,
        keyring: Keyring,
        rules: Mapping[str, SectionRules],
        result: ApplyResult,
        by: Principal | None,
        comparison: DocumentComparison,
    ) -> None:
        self._tx = tx
        self._comparison = comparison
        self._keyring = keyring
        self._rules = rules
        self._result = result
        self._by = by
        self._problems: list[Problem] = []
        self._kinds: set[type[BayplanError]] = set()
        self._pks: dict[tuple[str, int | str], tuple[int | None, Problem | None]] = {}
        self._unknown_names = 0
        self._names: dict[str, dict[int, str]] = {}
        self._lifecycles = DocumentLifecycles(tx)

    def raise_problems(self) -> None:
        """Raises what was found wrong, all of it at once."""
        if self._problems:
            kind = Conflict if self._kinds == {Conflict} else Invalid
            first = self._problems[0]
            more = len(self._problems) - 1
            detail = f"At {first.field}: {first.detail}" + (f" There are {more:,} more." if more else "")
            code = first.code if not more else kind.code
            raise kind(detail, code=code, problems=self._problems[:_MOST_PROBLEMS])

    async def enter(self, section: DocumentSection, entries: Sequence[DocumentEntry]) -> None:
        """Adds and changes what the entries of a section name; what it costs does not depend on what else is stored."""
        places: dict[Identity, int] = {}
        for start in range(0, len(entries), PART):
            part = entries[start : start + PART]
            identities = [section.identity(entry.values) for entry in part]
            stored = await stored_entries(self._tx, section, identities)
            for index, (identity, entry) in enumerate(zip(identities, part, strict=True), start):
                # A long document lets other requests in between.
                await asyncio.sleep(0)
                at = f"{section.name}.{index}"
                if identity in places:
                    detail = (
                        f"'{section.key(entry.values)}' is in the document twice, first at "
                        f"{section.name}.{places[identity]}. Remove one of them."
                    )
                    self._note(at, Invalid(detail, code="duplicate"))
                    continue
                places[identity] = index
                try:
                    pk, change = await self._enter_entry(section, entry, stored.get(identity))
                    if entry.values.get("lifecycle"):
                        self._lifecycles.add(at, pk, entry.values["lifecycle"], change)
                except (Invalid, Conflict) as error:
                    self._note(at, error)

    async def _enter_entry(
        self, section: DocumentSection, entry: DocumentEntry, row: Entry | None
    ) -> tuple[int, Entry]:
        """Gives the pk of the object, and its change, which is in the result where it has any."""
        rules = self._rules[section.name]
        values, names = await self._resolved(section, await rules.prepare(entry.values))
        facts = mentioned_facts(entry)
        if row is None:
            new = {**values, **rules.born}
            pk = await crud.insert(self._tx, section.resource_type, new, self._keyring, facts=facts, resolved=True)
            change = self._change("add", section, entry.values, pk, {})
            self._result.changes.append(change)
            return pk, change
        changed = {
            name: values[name]
            for name in entry.mentioned
            if name in values
            and self._comparison.differs(
                section.resource_type.field(name), self._plain(section, row, name), values[name]
            )
            and not _is_found(section, values, name)
        }
        new_facts = {name: value for name, value in facts.items() if row["facts"].get(name) != value}
        shown: dict[str, dict[str, Any]] = {}
        change = self._change("change", section, entry.values, row["pk"], shown)
        if not changed and not new_facts:
            self._result.unchanged += 1
            return row["pk"], change
        for item in section.resource_type.fields:
            if item.name in changed:
                shown[item.name] = await self._shown(item, row[item.name], changed[item.name], names)
        for name, value in new_facts.items():
            shown[f"facts.{name}"] = {"from": row["facts"].get(name), "to": value}
        await crud.change(self._tx, section.resource_type, row["pk"], changed, self._keyring, facts=new_facts)
        self._result.changes.append(change)
        return row["pk"], change

    async def enter_lifecycles(self) -> None:
        """Changes the lifecycles that images of the document have, once all images are there and pruned ones are gone."""
        listed = {id(change) for change in self._result.changes}
        async for at, change, error in self._lifecycles.enter():
            if error is not None:
                self._note(at, error)
            elif id(change) not in listed:
                self._result.changes.append(change)
                self._result.unchanged -= 1

    async def prune(self, section: DocumentSection, entries: Sequence[DocumentEntry]) -> None:
        """Removes what the section does not name: images softly, so what deleted ones refer to stays; users are
        deactivated, and rows that bayplan ships stay."""
        rules = self._rules[section.name]
        kept = {section.identity(entry.values) for entry in entries} | {section.identity(row) for row in rules.shipped}
        for row in await rows_of(self._tx.fetch, section):
            if section.identity(row) in kept:
                continue
            await asyncio.sleep(0)
            if section.name == "users":
                if not row["is_active"]:
                    continue
            elif await deletion.is_kept(self._tx, section.name, row["pk"]):
                continue
            try:
                await rules.remove(self._tx, section.resource_type, row["pk"], None, self._keyring)
            except Conflict as error:
                detail = f"'{section.key(row)}' is not in the document, but cannot be removed. {error.detail}"
                self._note(section.name, Conflict(detail, code=error.code))
                continue
            self._result.changes.append(self._change("remove", section, row, row["pk"], {}))

    async def _resolved(self, section: DocumentSection, values: Entry) -> tuple[Entry, dict[str, str]]:
        """The values with pks for references, and what each reference was called in the document."""
        resolved, names, problems = {}, {}, []
        for item in section.resource_type.fields:
            if item.server_sets:
                continue
            value = values[item.name]
            if item.kind is Kind.REFERENCE and value is not None:
                assert item.target is not None
                memo = (item.target, value)
                if memo not in self._pks:
                    looks_further = self._unknown_names < _LOOKED_FURTHER
                    self._pks[memo] = await resolve(self._tx.fetch, item, value, looks_further=looks_further)
                names[item.name] = str(value)
                value, problem = self._pks[memo]
                if problem is not None:
                    problems.append(Problem(item.name, problem.code, problem.detail))
                    del self._pks[memo]
                    self._unknown_names += 1
            resolved[item.name] = value
        if problems:
            raise Invalid(problems[0].detail, code=problems[0].code, problems=problems)
        return resolved, names

    def _plain(self, section: DocumentSection, row: Entry, name: str) -> Any:
        item = section.resource_type.field(name)
        stored = row[name]
        if item is not None and item.kind is Kind.SECRET and stored is not None:
            try:
                return self._keyring.decrypt(stored)
            except UnknownKey:  # whatever the document has replaces it
                return _UNREADABLE
        return stored

    async def _shown(self, item: Field, old: Any, new: Any, names: Mapping[str, str]) -> dict[str, Any]:
        if item.kind is Kind.SECRET or (self._by is not None and not self._by.sees(item)):
            return {"from": None if old is None else "(set)", "to": None if new is None else "(changed)"}
        if item.kind is Kind.REFERENCE:
            assert item.target is not None
            if item.target not in self._names:
                self._names[item.target] = await names_of(self._tx.fetch, item.target)
            return {"from": self._names[item.target].get(old), "to": names.get(item.name)}
        return {"from": old, "to": new}

    def _note(self, at: str, error: Invalid | Conflict) -> None:
        self._kinds.add(Conflict if isinstance(error, Conflict) else Invalid)
        problems = error.problems or (Problem("", error.code, error.detail),)
        self._problems += [Problem(f"{at}.{p.field}".rstrip("."), p.code, p.detail) for p in problems]

    @staticmethod
    def _change(
        action: str, section: DocumentSection, entry: Mapping[str, Any], pk: int, fields: dict[str, Any]
    ) -> dict[str, Any]:
        return {"action": action, "resource": section.name, "key": section.key(entry), "pk": pk, "fields": fields}


def _is_found(section: DocumentSection, values: Entry, name: str) -> bool:
    """Whether the entry leaves the field to the server, which finds its value from another."""
    item = section.resource_type.field(name)
    return (
        item is not None
        and item.found_from is not None
        and values[name] is None
        and values[item.found_from] is not None
    )


def mentioned_facts(entry: DocumentEntry) -> Entry:
    """Gives the facts that an entry mentions."""
    return entry.values.get("facts") or {}
