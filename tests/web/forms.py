"""What tests read in a form of a page, and send with it."""

import html
import re

import httpx2
from html5lib.html5parser import HTMLParser

from tests.web.conftest import PageClient

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_INPUT = re.compile(r'<input id="([^"]+)" name="\1"[^>]*? value="([^"]*)"')
_CHOSEN = re.compile(r'<select id="([^"]+)"(?:(?!</select>).)*?<option value="([^"]*)" selected>', re.DOTALL)
_CHECKED = re.compile(r'<input id="([^"]+)" type="checkbox" name="\1" value="true" checked')


def text_of(answer: httpx2.Response) -> str:
    """A page with white space made one, and without its entities."""
    return html.unescape(" ".join(answer.text.split()))


def checked(answer: httpx2.Response) -> httpx2.Response:
    """A page whose HTML is valid, and that has no two elements with one identifier."""
    HTMLParser(strict=True).parse(answer.text)
    identifiers = re.findall(r' id="([^"]+)"', answer.text)
    assert sorted(set(identifiers)) == sorted(identifiers)
    return answer


def filled(answer: httpx2.Response) -> dict[str, str]:
    """The fields of a page as a browser would send them, but for the token against forged requests."""
    fields: dict[str, str] = {}
    for pattern in (_HIDDEN, _INPUT, _CHOSEN):
        fields |= {name: html.unescape(value) for name, value in pattern.findall(answer.text)}
    fields |= dict.fromkeys(_CHECKED.findall(answer.text), "true")
    fields.pop("form_token", None)
    return fields


def mistake(answer: httpx2.Response, field: str) -> str:
    """The mistake that a page shows beside a field, which names it; empty where there is none."""
    found = re.search(rf'<span class="mistake" id="{field}-mistake"[^>]*>(.*?)</span>', answer.text, re.DOTALL)
    if found is None:
        return ""
    described = re.search(rf'id="{field}"[^>]* aria-describedby="([^"]*)"', answer.text)
    assert described is not None
    assert f"{field}-mistake" in described[1].split()
    assert f'<a href="#{field}">' in answer.text
    return html.unescape(" ".join(found[1].split()))


def sent(client: PageClient, address: str, **changes: str) -> httpx2.Response:
    """Opens a page and sends its form with some fields changed."""
    shown = client.get(address)
    assert shown.status_code == 200, shown.text
    return client.post(address, **{**filled(shown), **changes})
