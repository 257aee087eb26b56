"""A form with a new password, typed twice."""

from typing import TypeVar

from bayplan.errors import Invalid, Problem
from bayplan.schemas.common import Body
from bayplan.web.form import Form, parse_body

ModelT = TypeVar("ModelT", bound=Body)
HINT = "8 characters or more."


def parse_with_password(form: Form, values: dict[str, object], model: type[ModelT]) -> ModelT:
    """Gives the values and the new password of a form as a body of the API; raises `Invalid` with every mistake.

    The fields are `password` and `again`.
    """
    password = form.exact("password")
    problems: list[Problem] = []
    try:
        body = parse_body({**values, "password": password}, model)
    except Invalid as error:
        problems += error.problems
    if form.exact("again") != password:
        problems.append(Problem("again", "invalid", "This is not the same password: type it again."))
    if problems:
        raise Invalid("", problems=problems)
    return body
