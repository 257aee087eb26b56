"""Answers to questions that are asked again and again, kept for as long as the catalogue's version stays."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

MOST_BYTES = 32 * 1024 * 1024
MOST_BYTES_EACH = 512 * 1024
_OVERHEAD_BYTES = 1_000  # of an answer beside its body and its question: the headers, the objects


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer without anybody's credentials, its entity tag and its other headers."""

    version: int
    tag: str
    body: bytes
    headers: Mapping[str, str]


class KeptAnswers:
    """The answers of one server process that were asked for last, by question; all together of bounded size."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_bytes_each: int = MOST_BYTES_EACH) -> None:
        self._most_bytes, self._most_bytes_each = most_bytes, most_bytes_each
        self._answers: OrderedDict[Hashable, tuple[KeptAnswer, int]] = OrderedDict()  # each with its size in bytes
        self.size_bytes = 0

    def get(self, question: Hashable, version: int) -> KeptAnswer | None:
        """Gives the answer to a question at that version of the catalogue, None where it is not kept."""
        answer, _ = self._answers.get(question, (None, 0))
        if answer is None or answer.version != version:
            return None
        self._answers.move_to_end(question)
        return answer

    def keep(self, question: Hashable, answer: KeptAnswer, question_bytes: int) -> None:
        """Keeps an answer in place of an older one to the question; those that were asked for longest ago go.

        A question may be longer than its answer, and is kept with it: `question_bytes` counts like the answer's own bytes.
        """
        size_bytes = question_bytes + len(answer.body)
        if size_bytes > self._most_bytes_each:
            return
        self._forget(question)
        self._answers[question] = (answer, size_bytes + _OVERHEAD_BYTES)
        self.size_bytes += size_bytes + _OVERHEAD_BYTES
        while self.size_bytes > self._most_bytes:
            self._forget(next(iter(self._answers)))

    def _forget(self, question: Hashable) -> None:
        _, size_bytes = self._answers.pop(question, (None, 0))
        self.size_bytes -= size_bytes
