"""The fields of an image in forms: what was typed as a body of the API, and every mistake beside its field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bayplan.domain.reference import DOCKER_HUB, Reference
from bayplan.errors import BayplanError, Conflict, Invalid, Problem
from bayplan.server.context import Context
from bayplan.server.images import queries
from bayplan.web.form import Form
from bayplan.web.page import PageCall
from bayplan.web.session import form_token

LABELS = {
    "name": "Name",
    "version": "Version",
    "url": "Reference",
    "registry": "Registry",
    "registry_username": "User name at the registry",
    "registry_password": "Password at the registry",
    "framework": "Framework",
    "domain": "Domain",
    "tasks": "Tasks",
    "licence": "Licence",
    "cuda_version": "CUDA release",
    "min_hardware_generation": "Oldest GPU generation",
    "cpu": "Runs without a GPU",
    "accelerator": "Accelerator",
}
"""The fields of a form in their order; `accelerator` is a fact."""
PASSWORD, SEALED = "registry_password", "sealed_password"  # names of fields
_REQUIRED = ("name", "version", "url", "framework", "domain", "licence")
_NULLABLE = ("registry_username", "cuda_version", "min_hardware_generation")
_FACTS = ("accelerator",)
_NONE = "none"
_MOST_TASKS = 12

_OF_FORM = {
    "missing": "Fill in this field.",
    "required_for_gpu": "Fill in this field, unless the image runs without a GPU, or uses one without CUDA by its accelerator.",
    "incomplete_login": "Fill in both the user name and the password, or neither.",
}
"""By the code of a problem: what a form says in place of the fields' names in the API."""
_OF_KEYS = (("a pk, or a name", "a name"), ("must be a whole number or must", "must"))
"""What a program is told of keys, and what a form, whose fields take names, says in its place."""

Values = dict[str, Any]


def typed_texts(form: Form) -> dict[str, str]:
    """Gives what a form has in each field, but for the password, in one spelling."""
    texts = {name: form.text(name) for name in LABELS if name not in (PASSWORD, "cpu")}
    texts |= {"cpu": "true" if form.is_checked("cpu") else "", "tasks": ", ".join(_split(form.text("tasks")))}
    return {name: "" if name in _NULLABLE and text == _NONE else text for name, text in texts.items()}


def shown_texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Gives the same of an image's fields."""
    texts = {name: str(fields[name] or "") for name in LABELS if name not in (PASSWORD, "cpu", "tasks")}
    return texts | {"cpu": "true" if fields["cpu"] else "", "tasks": ", ".join(fields["tasks"])}


def filled(texts: Mapping[str, str]) -> Form:
    """Gives a form that was not sent, with these texts in its fields."""
    return Form({name: [text] for name, text in texts.items() if text})


def typed_values(texts: Mapping[str, str], password: str) -> Values:
    """Gives the body of the API for what was typed; a field without text is not in it."""
    values: Values = {name: texts[name] for name in (*_REQUIRED, *_NULLABLE) if texts[name]}
    values |= {"cpu": bool(texts["cpu"]), "registry": texts["registry"] or _registry_of(texts["url"])}
    if texts["tasks"]:
        values["tasks"] = _split(texts["tasks"])
    if password:
        values[PASSWORD] = password
    facts = {name: texts[name] for name in _FACTS if texts[name]}
    return values | ({"facts": facts} if facts else {})


async def with_all_mistakes(
    context: Context, form: Form, error: BayplanError, values: Mapping[str, Any], pk: int | None, ignored: str = ""
) -> Form:
    """Gives the form with what a write says is wrong, and what it would say next; but not of the field that is `ignored`."""
    problems = list(error.problems)
    if isinstance(error, Invalid | Conflict):
        wrong = {problem.field.partition(".")[0] for problem in problems}
        valid = {name: value for name, value in values.items() if name not in wrong and name not in ("facts", ignored)}
        problems += await queries.problems_of(context, valid, values.get("facts") or {}, pk)
    return with_problems(form, problems) if problems else form.with_mistakes(error)


def with_problems(form: Form, problems: Iterable[Problem]) -> Form:
    """Gives the form with these problems beside their fields, in the words of the form; each once."""
    distinct = list(dict.fromkeys(map(_in_form, problems)))
    return form.with_mistakes(Invalid("", problems=distinct)) if distinct else form


def merged_form(form: Form, texts: Mapping[str, str], mistakes: Mapping[str, Sequence[str]]) -> Form:
    """Gives a form that was sent with other texts in its fields."""
    values = {name: list(sent) for name, sent in form.values.items() if name not in texts}
    return replace(form, values=values | {name: [text] for name, text in texts.items() if text}, mistakes=mistakes)


def sent_password(context: Context, call: PageCall[Any]) -> str:
    """Gives the password that was typed, now or before the form was shown again in the same session."""
    typed, kept = call.form.exact(PASSWORD), call.form.text(SEALED)
    if typed or not kept:
        return typed
    try:
        opened = context.keyring.decrypt(kept)
    except BayplanError:  # of another key, or changed on the way: it is typed again
        return ""
    purpose = _purpose(context, call)
    return opened.removeprefix(purpose) if opened.startswith(purpose) else ""


def sealed(context: Context, call: PageCall[Any], password: str) -> str:
    """Gives a password as the page may have it, which only this server reads; a page never has the password itself."""
    return context.keyring.encrypt(f"{_purpose(context, call)}{password}") if password else ""


def _purpose(context: Context, call: PageCall[Any]) -> str:
    """What is encrypted with a password: it stands for none that is stored, and for none in another session."""
    return f"form:{form_token(context.tokens, call.session)}:"


async def form_options(context: Context, version: int, form: Form) -> Values:
    """Gives what the fields of a form offer."""
    names = await queries.catalogue_names(context)
    index = (await context.judge.at(version)).index
    tasks = sorted({str(task) for task in index.attributes["task"].within(index.every) if task})
    return {
        "names": names,
        "frameworks": [f"{name} {version}" for name, version in names.frameworks],
        "labels": LABELS,
        "domains": _options(
            [(name, f"{name}: {words}" if words else name) for name, words in names.domains],
            "choose one",
            form.text("domain"),
        ),
        "generations": _options(
            [(name, name) for name in names.generations], "any, or none", form.text("min_hardware_generation")
        ),
        "tasks_hint": _tasks_hint(tasks),
    }


def _in_form(problem: Problem) -> Problem:
    """A problem in the words of the form, that of a fact beside the field for that fact."""
    first, _, rest = problem.field.partition(".")
    name = rest if first == "facts" and rest in _FACTS else first
    label = LABELS.get(name, name)
    detail = problem.detail.replace(f"The field '{problem.field}'", label, 1)
    for of_keys, of_names in _OF_KEYS:
        detail = detail.replace(of_keys, of_names, 1)
    return Problem(name, problem.code, _OF_FORM.get(problem.code) or detail)


def _split(text: str) -> list[str]:
    return [word for part in text.split(",") for word in part.split()]


def _registry_of(url: str) -> str:
    """The registry that a reference names; Docker Hub for what is no reference, which is the mistake then."""
    try:
        return Reference.parse(url).registry
    except Invalid:
        return DOCKER_HUB


def _options(options: list[tuple[str, str]], empty: str, sent: str) -> list[tuple[str, str]]:
    """The options of a field, with what was sent among them: it is shown where it is wrong, too."""
    is_there = not sent or any(value == sent for value, _ in options)
    return [("", empty), *([] if is_there else [(sent, sent)]), *options]


def _tasks_hint(tasks: Sequence[str]) -> str:
    used = f" In use: {', '.join(tasks[:_MOST_TASKS])}." if tasks else ""
    return f"Such as train, predict.{used}"
