"""From values to pages: the templates, and what every page has around its own part."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import bayplan
from bayplan.exports.matrix_picture import MEANINGS, SIGNS
from bayplan.server.context import Context
from bayplan.server.http.responses import UNCACHED
from bayplan.web import formats
from bayplan.web.page import PageCall
from bayplan.web.session import FORM_TOKEN, form_token, remove_cookie, set_cookie
from bayplan.web.static_files import static_path
from bayplan.web.verdicts import VERDICT_COLUMNS

TEMPLATES = Path(__file__).parent / "templates"
_NOTICE = "bayplan_notice"
_FAILURE = "!"
"""Begins the cookie of a notice that is a failure."""
_NOTICE_SECONDS = 30
_MOST_NOTICE_LETTERS = 500


@cache
def environment() -> jinja2.Environment:
    """Gives the templates: what they show is escaped, and a name that they do not get is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals |= {
        "static": static_path,
        "bayplan_version": bayplan.__version__,
        "grade_signs": SIGNS,
        "grade_meanings": MEANINGS,
        "form_token_field": FORM_TOKEN,
        "verdict_columns": VERDICT_COLUMNS,
    }
    made.filters |= formats.FILTERS
    return made


def load_all() -> None:
    """Compiles all templates, so that none is read when a page is asked for."""
    for name in environment().list_templates():
        environment().get_template(name)


async def rendered(
    context: Context, call: PageCall[Any], template: str, title: str, status: int = 200, **values: Any
) -> Response:
    """Gives a page: its template, its title ("pytorch-train · Images") and the values that the template shows."""
    surroundings = _surroundings(context, call, title)
    # In a thread: a hundred rows take milliseconds.
    text = await asyncio.to_thread(environment().get_template(template).render, {**surroundings, **values})
    return _answer(call.request, text, status)


def rendered_error(
    context: Context, call: PageCall[Any], problem: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    """Gives the page of an error, from its problem details."""
    values = _surroundings(context, call, str(problem["title"])) | {"problem": problem}
    response = _answer(call.request, environment().get_template("error.html").render(values), problem["status"])
    response.headers.update(headers)
    return response


def see_other(request: Request, path: str, notice: str = "", *, is_failure: bool = False) -> Response:
    """Sends the browser to a path with GET; the next page shows the notice, once, as a failure where it is one."""
    response = RedirectResponse(path, 303, UNCACHED)
    if notice:
        set_cookie(
            request,
            response,
            _NOTICE,
            quote(f"{_FAILURE if is_failure else ''}{notice[:_MOST_NOTICE_LETTERS]}"),
            _NOTICE_SECONDS,
        )
    return response


def _surroundings(context: Context, call: PageCall[Any], title: str) -> dict[str, Any]:
    notice = unquote(call.request.cookies.get(_NOTICE, ""))
    return {
        "title": title,
        "navigation": call.navigation,
        "username": call.principal.name,
        "is_staff": call.principal.is_staff,
        "form_token_value": form_token(context.tokens, call.session) if call.session else "",
        "notice": notice.removeprefix(_FAILURE),
        "notice_is_failure": notice.startswith(_FAILURE),
        "path": call.request.url.path,
        "may_open": call.may_open,
    }


def _answer(request: Request, text: str, status: int) -> Response:
    response = HTMLResponse(text, status, UNCACHED)
    if _NOTICE in request.cookies:
        remove_cookie(request, response, _NOTICE)
    return response
