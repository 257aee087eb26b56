"""What a pull says where no image matches this machine, or where the image that was named does not run on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER
from bayplan.domain.units import count
from bayplan.errors import BayplanError, Problem

if TYPE_CHECKING:
    from bayplan.schemas.match import GradedImage, MatchAnswer

DEFAULT_GRADES = tuple(str(grade) for grade in ORDER if grade in MATCHED_BY_DEFAULT)
"""The grades that are good enough where nobody asks for others."""


class NothingRunsHere(BayplanError):
    """No image matches; the problems are the lines of the match's summary."""

    code = "nothing_matches"


class DoesNotRunHere(BayplanError):
    """The image that was named does not run here, or nobody knows whether it does; the problems are the reasons."""

    code = "does_not_run"

    def __init__(self, detail: str, grade: str, problems: Sequence[Problem]) -> None:
        """Takes the sentence, the grade of the image, and its reasons."""
        super().__init__(detail, problems=problems)
        self.grade = grade


def nothing_runs_here(answer: MatchAnswer, node: str, gpu: int | None) -> NothingRunsHere:
    """Gives the error for a match without images, with the most frequent reason first."""
    problems = [
        Problem(
            line["code"],
            line["code"],
            " ".join(filter(None, (f"{count(line['images'], 'image')}.", line["remedy"]))),
        )
        for line in answer["summary"]
    ]
    considered, place = answer["considered"], _place(node, gpu)
    if not considered:
        sentence = "The catalogue has no such image, for this machine or any other."
    elif considered == 1:
        sentence = f"The only such image does not run on {place}. The reasons:"
    else:
        sentence = f"None of {considered:,} images runs on {place}. The reasons:"
    return NothingRunsHere(sentence, problems=problems)


def does_not_run_here(
    judged: GradedImage, node: str, gpu: int | None, grades: Collection[str] | None
) -> DoesNotRunHere:
    """Gives the error for an image whose grade on the node is none of `grades`."""
    image, grade = judged["image"], judged["grade"]
    name, place = f"{image['name']}:{image['version']}", _place(node, gpu)
    anyway = f"`--grade {grade}` pulls it all the same."
    if grade in DEFAULT_GRADES:
        sentence = f"{name} runs on {place} with the grade {grade}, and --grade takes {', '.join(grades or DEFAULT_GRADES)}. {anyway}"
    elif grade == "no":
        sentence = f"{name} does not run on {place}. {anyway} The reasons:"
    else:
        sentence = f"Nobody knows whether {name} runs on {place} (grade {grade}). {anyway} The reasons:"
    problems = [
        Problem(reason["code"], reason["code"], " ".join(filter(None, (reason["detail"], reason["remedy"]))))
        for reason in judged["reasons"]
    ]
    return DoesNotRunHere(sentence, grade, problems)


def _place(node: str, gpu: int | None) -> str:
    return f"{node}, a machine without GPU" if gpu is None else f"{node}, GPU {gpu} of this machine"
