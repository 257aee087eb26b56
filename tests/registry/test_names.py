"""Names that take their time and names with several addresses, by a resolver of the tests' own in a real process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.asking import IMAGE
from tests.registry.running import digest_of


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library in front of the system's resolver; it is compiled here."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("resolver") / "resolver.so"
    source = Path(__file__).with_name("resolver.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def printed(resolver: Path, what: str) -> str:
    """What the program prints; it ends long before a lookup that hangs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.naming", what],
        env=os.environ | {"LD_PRELOAD": str(resolver)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_names_that_hang_hold_up_no_other_name_no_thread_and_no_end(resolver: Path) -> None:
    assert printed(resolver, "hanging") == digest_of(IMAGE.documents["/v2/ml/x/manifests/1"][1])


def test_the_address_that_answered_is_asked_first_the_next_time(resolver: Path) -> None:
    assert printed(resolver, "two") == "1"
