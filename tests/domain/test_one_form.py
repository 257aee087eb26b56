"""Names and addresses of machines in their one form: spellings of the same give the same, and what looks alike is refused."""

import pytest

from bayplan.domain.machine_address import machine_address
from bayplan.domain.names import canonical_label, canonical_name, composed
from bayplan.errors import Invalid


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"),
        ("FE80::1%eth0", "fe80::1%eth0"),
        ("192.0.2.1.", "192.0.2.1"),
        ("１92.0.2.1", "192.0.2.1"),
        ("BOX3", "box3"),
        (" box3.example.org. ", "box3.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BU\u0308CHER.example.", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("\u200bbox", "box"),
        ("4096", "4096"),
        ("gpu_1.rack.7a", "gpu_1.rack.7a"),
    ],
)
def test_spellings_of_an_address_are_one(spelling: str, address: str) -> None:
    assert machine_address(spelling) == address
    assert machine_address(address) == address


@pytest.mark.parametrize(
    "text",
    ["010.0.0.1", "192.0.2.01", "127.1", "0x7f.0.0.1", "999.1.1.1", "", ".", "a..b", "a b", "box3\n", "[box3]", "fe80::1%", "fe80::1%a b",
     "192.0.2.1:80", "x" * 254, "-a", "2001:db8::1::2"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"^must "):
        machine_address(text)


def test_two_forms_of_a_letter_are_one_name() -> None:
    assert canonical_name("n\u0303andu") == canonical_name("\xf1andu") == composed(" n\u0303andu ") == "\xf1andu"
    assert canonical_name("Ｐｙ") != canonical_name("Py"), "what differs to the eye is another name"
    assert canonical_label(" Tesla T4 ") == "Tesla T4"


@pytest.mark.parametrize(
    ("text", "code"),
    [(" x", "outer_space"), ("x ", "outer_space"), ("  ", "blank"), ("x\xa0", "not_printable"), ("x\u3000y", "not_printable")]
    + [(f"x{letter}y", "not_printable") for letter in "\t\n\u200b\u200d\u202e\u2066\ufeff\xad\u2060"]
    + [(f"x{letter}y", "invisible_character") for letter in "\u034f\u115f\u180b\u2800\u3164\ufe0f\uffa0\U000e0100"],
)  # fmt: skip
def test_names_that_look_like_others_are_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid, match=r"^must ") as caught:
        canonical_name(text)
    assert caught.value.code == code
