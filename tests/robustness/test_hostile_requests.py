"""Broken, huge and hostile requests to the real server: a 4xx in well under a second, and no traceback in its log."""

import json
import socket
from collections.abc import Iterable, Iterator

import httpx2
import pytest

from tests import catalogue
from tests.process import Server
from tests.raw import Answer, chunked, exchange, request

MEGABYTE = 1024 * 1024
WELL_UNDER_A_SECOND = 0.9  # of the server's processor time
AT_MOST_SECONDS = 10.0  # on the clock, which a busy machine stretches


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """Afterwards the server still answers, and has logged no traceback."""
    yield
    assert httpx2.get(f"{server.url}/readyz", timeout=5).status_code == 200
    assert "Traceback" not in server.log, server.log[-5000:]


def send(server: Server, *pieces: bytes) -> Answer:
    """Sends bytes to the server; asserts that they cost it little."""
    return sent(server, pieces)


def sent(server: Server, pieces: Iterable[bytes]) -> Answer:
    """The same for pieces that are made while they are sent."""
    before = server.cpu_seconds
    answer = exchange(server.port, pieces)
    assert server.cpu_seconds - before < WELL_UNDER_A_SECOND
    assert answer.seconds < AT_MOST_SECONDS
    return answer


def authorised(server: Server, method: str, path: str, body: bytes = b"", /, **headers: str) -> Answer:
    """Sends a request with the admin's token."""
    return send(server, request(method, path, body, **{"authorization": f"Bearer {server.token()}", **headers}))


def assert_refused(answer: Answer, *, problem: bool = True) -> None:
    """Asserts a 4xx, in the one shape of errors where the application got to see the request."""
    assert 400 <= answer.status < 500, (answer.status, answer.head, answer.body[:500])
    if problem:
        assert "application/problem+json" in answer.head
        assert json.loads(answer.body)["status"] == answer.status


def image_with(name: str, literal: bytes) -> bytes:
    """A create body in which the value of a field is these bytes."""
    return json.dumps(catalogue.image(**{name: "@here@"})).encode().replace(b'"@here@"', literal)


LITERALS = {
    "NaN": b"NaN",
    "infinity": b"Infinity",
    "minus infinity": b"-Infinity",
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "an int of 5,000 digits": b"9" * 5000,
    "an int of 64 bits and one": str(2**64).encode(),
    "a negative zero": b"-0",
    "a NUL escaped": b'"a\\u0000b"',
    "a raw NUL": b'"a\x00b"',
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00x"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "bytes that are not UTF-8": b'"\xff\xfe\xfd"',
    "an overlong encoding": b'"\xc0\x80"',
    "a megabyte of text": b'"' + b"x" * MEGABYTE + b'"',
    "a deep list": b"[" * 500 + b"]" * 500,
    "an object": b'{"$ne": null}',
}


@pytest.mark.parametrize("field", ["name", "url", "cuda_version", "cpu", "tasks", "domain", "registry_password"])
@pytest.mark.parametrize("literal", LITERALS)
def test_a_value_from_hell_is_refused(server: Server, field: str, literal: str) -> None:
    if field == "registry_password" and literal == "a megabyte of text":
        pytest.skip("said of the other fields")
    assert_refused(authorised(server, "POST", "/v1/docker/create", image_with(field, LITERALS[literal])))


SPOTS = {
    "exact": b'{"expressions": [{"type": "exact", "field": "name", "value": @}]}',
    "an id": b'{"expressions": [{"type": "exact", "field": "pk", "value": @}]}',
    "compare": b'{"expressions": [{"type": "compare", "field": "pk", "operator": "<", "value": @}]}',
    "a float": b'{"expressions": [{"type": "compare", "field": "min_hardware_generation.min_compute_capability", '
    b'"operator": "<", "value": @}]}',
    "contains": b'{"expressions": [{"type": "contains", "field": "name", "sub_string": @}]}',
    "a field": b'{"expressions": [{"type": "is_null", "field": @}]}',
    "a type": b'{"expressions": [{"type": @, "field": "name"}]}',
    "order_by": b'{"order_by": [{"field": @}]}',
    "invert": b'{"expressions": [{"type": "is_null", "field": "name", "invert": @}]}',
}


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("literal", LITERALS)
def test_a_filter_from_hell_is_answered(server: Server, spot: str, literal: str) -> None:
    answer = authorised(server, "POST", "/v1/docker/list", SPOTS[spot].replace(b"@", LITERALS[literal]))
    assert answer.status in (200, 400, 422), answer.body[:500]


DEEP = 100_000
LEAF = b'{"type": "exact", "field": "cpu", "value": true}'
BODIES = {
    "lists 100,000 deep": b"[" * DEEP + b"]" * DEEP,
    "objects 100,000 deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "lists that never end": b"[" * DEEP,
    "a filter 33 deep": b'{"expressions": [' + b'{"type":"and","sub_expressions":[' * 32 + LEAF + b"]}" * 32 + b"]}",
    "a filter 10,000 deep": b'{"expressions": ['
    + b'{"type":"or","sub_expressions":[' * 10_000
    + LEAF
    + b"]}" * 10_000
    + b"]}",
    "a filter of 1,001": b'{"expressions": [' + b",".join([LEAF] * 1001) + b"]}",
    "a filter of 50,000": b'{"expressions": [' + b",".join([LEAF] * 50_000) + b"]}",
    "a filter of 1,001 in one or": b'{"expressions": [{"type": "or", "sub_expressions": ['
    + b",".join([LEAF] * 1000)
    + b"]}]}",
    "an order of 10,000": b'{"order_by": [' + b",".join([b'{"field": "name"}'] * 10_000) + b"]}",
    "a path of 100,000 dots": b'{"expressions": [{"type": "is_null", "field": "' + b"a." * DEEP + b'"}]}',
    "a list for expressions in expressions": b'{"expressions": [[[[]]]]}',
    "50,000 unknown fields": b"{" + b",".join(b'"f%d": 1' % number for number in range(50_000)) + b"}",
    "10 MB": b'{"expressions": "' + b"x" * 10 * MEGABYTE + b'"}',
    "10 MB of spaces": b" " * 10 * MEGABYTE,
    "10 MB of nothing readable": b"\x00" * 10 * MEGABYTE,
    "a byte order mark": b'\xef\xbb\xbf{"expressions": 5}',
    "UTF-16": '{"expressions": []}'.encode("utf-16"),
    "two bodies": b"{}{}",
    "a comment": b"{} // all",
    "single quotes": b"{'expressions': []}",
    "a number": b"5",
    "null": b"null5",
    "only a quote": b'"',
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/v1/docker/list", "/v1/docker/create", "/v1/docker/match", "/v1/auth/obtain"])
def test_a_body_from_hell_is_refused(server: Server, body: str, path: str) -> None:
    answer = authorised(server, "POST", path, BODIES[body])
    assert_refused(answer)
    if body.startswith("10 MB"):
        assert answer.status == 413


@pytest.mark.parametrize(
    ("path", "chunks"),
    # A whole catalogue may be eight times as large as another body.
    [("/v1/docker/list", 160), ("/v1/docker/create", 160), ("/v1/auth/obtain", 160), ("/v1/catalogue/apply", 520)],
)
def test_10_megabytes_in_chunks_are_too_large_as_well(server: Server, path: str, chunks: int) -> None:
    def pieces() -> Iterable[bytes]:
        return chunked("POST", path, [b"x" * 65536] * chunks, authorization=f"Bearer {server.token()}")

    answer = sent(server, pieces())
    assert_refused(answer)
    assert answer.status == 413


def test_a_length_of_gigabytes_is_refused_before_they_come(server: Server) -> None:
    answer = authorised(server, "POST", "/v1/docker/create", content_length=str(10**12))
    assert_refused(answer)
    assert answer.status == 413


HEADERS: dict[str, dict[str, str]] = {
    "a node of nobody": {"node_id": "999999"},
    "a node with a quote": {"node_id": "1' OR '1'='1"},
    "a node of bytes": {"node_id": "\xff\xfe"},
    "a node of 10,000 digits": {"node_id": "9" * 10_000},
    "a token of 10,000 letters": {"authorization": "Bearer " + "a" * 10_000},
    "a token of dots": {"authorization": "Bearer " + "." * 1000},
    "a token with bytes": {"authorization": "Bearer \xfc\xfe"},
    "a token that is a header only": {"authorization": "Bearer eyJhbGciOiJub25lIn0"},
    "basic credentials": {"authorization": "Basic YWRtaW46YWRtaW4="},
}


@pytest.mark.parametrize("headers", HEADERS)
def test_a_header_from_hell_is_refused(server: Server, headers: str) -> None:
    assert_refused(authorised(server, "GET", "/v1/nodes/ping", **HEADERS[headers]))


TOLERATED: dict[str, dict[str, str]] = {
    "an ETag that is none": {"if_none_match": "what is this"},
    "an ETag without an end": {"if_none_match": '"'},
    "100 commas of ETags": {"if_none_match": "," * 100},
    "an ETag with bytes": {"if_none_match": '"\xff\xfe"'},
    "an odd accept": {"accept": "text/turtle;q=zero"},
    "an odd language": {"accept_language": "\xff"},
    "a forwarded for nobody": {"x_forwarded_for": "not an address, \xff"},
    "an expectation": {"expect": "the unexpected"},
    "a cookie": {"cookie": "a=b; " * 100},
    "a range": {"range": "bytes=5-1"},
    "an upgrade": {"connection": "upgrade", "upgrade": "websocket"},
}


@pytest.mark.parametrize("headers", TOLERATED)
def test_an_odd_header_breaks_nothing(server: Server, headers: str) -> None:
    answer = authorised(server, "POST", "/v1/docker/list", **TOLERATED[headers])
    assert 200 <= answer.status < 500


@pytest.mark.parametrize("condition", ["what is this", '"', ",,,", '"\xff"', "5", "W/", '"a" "b"'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_condition_that_cannot_hold_does_not_hold(server: Server, method: str, condition: str) -> None:
    with server.client() as client:
        made = client.post("/v1/docker/create", json=catalogue.image()).json()
        body = json.dumps(catalogue.image()).encode() if method != "DELETE" else b""
        answer = authorised(server, method, f"/v1/docker/{made['pk']}", body, if_match=condition)
        assert answer.status in (400, 412, 422)
        assert client.get(f"/v1/docker/{made['pk']}").json() == made


LINES = {
    "no method": b" /v1/docker/list HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown method": b"BREW /v1/docker/list HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"get /v1/docker/1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET / SPDY/3\r\n\r\n",
    "a TLS handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "zeros": b"\x00" * 1000 + b"\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "a header with a NUL": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a negative length": b"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a length that is none": b"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\n",
    "two lengths": b"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a length and chunks": b"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk of a size that is none": b"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("line", LINES)
def test_bytes_that_are_no_good_request_are_refused(server: Server, line: str) -> None:
    assert_refused(send(server, LINES[line]), problem=False)


PATHS = {
    "a NUL": "/v1/docker/%00",
    "a surrogate": "/v1/docker/%ed%a0%80",
    "bytes": "/v1/docker/%ff%fe",
    "a way up": "/v1/docker/../../../etc/passwd",
    "a way up, encoded": "/v1/docker/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "half an escape": "/v1/docker/%",
    "a pk of 1,000 digits": "/v1/docker/" + "9" * 1000,
    "a pk beyond the database": f"/v1/docker/{2**63}",
    "a negative pk": "/v1/docker/-1",
    "an injection": "/v1/docker/1;DROP%20TABLE%20images",
    "a path of 30,000": "/v1/docker/" + "x" * 30_000,
    "a limit of 1e400": "/v1/docker/list?limit=1e400",
    "a limit beyond": "/v1/docker/list?limit=" + "9" * 1000,
    "an offset beyond": f"/v1/docker/list?offset={2**64}",
    "an expansion of 5,000": "/v1/docker/list?expand=" + "a," * 5000,
    "an expansion of NUL": "/v1/docker/list?expand=%00",
    "a limit twice": "/v1/docker/list?limit=1&limit=x",
    "a capability of 400 digits": "/v1/hardware/get-hardware-generation/" + "9" * 400,
    "a capability that is none": "/v1/hardware/get-hardware-generation/nan",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_from_hell_is_refused(server: Server, path: str) -> None:
    method = "POST" if "list?" in PATHS[path] else "GET"
    answer = authorised(server, method, PATHS[path])
    assert_refused(answer, problem="escape" not in path)


def test_64_kilobytes_of_headers_are_refused(server: Server) -> None:
    junk = b"".join(b"X-Junk-%d: %b\r\n" % (number, b"j" * 1000) for number in range(200))
    answer = send(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n", junk, b"\r\n")
    assert answer.status in (0, 200, 400, 431)


@pytest.mark.parametrize("part", ["path", "header", "trailer"])
def test_what_never_ends_is_cut_off(server: Server, part: str) -> None:
    starts = {
        "path": b"GET /",
        "header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Junk: ",
        "trailer": request("POST", "/v1/auth/verify", content_length="", transfer_encoding="chunked")
        + b"1\r\n{\r\n0\r\nX-Junk: ",
    }

    def pieces() -> Iterable[bytes]:
        yield starts[part]
        yield from [b"j" * 65536] * 400

    assert sent(server, pieces()).status in (0, 400)


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing_behind(server: Server) -> None:
    body = json.dumps(catalogue.image(name="half-sent")).encode()
    whole = request("POST", "/v1/docker/create", body, authorization=f"Bearer {server.token()}")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(whole[:-20])
    with server.client() as client:
        assert "half-sent" not in client.post("/v1/docker/list").text


def test_the_most_that_may_be_asked_at_once_costs_little(server: Server) -> None:
    most = b'{"expressions": [' + b",".join([LEAF] * 1000) + b"]}"
    assert authorised(server, "POST", "/v1/docker/list", most).status == 200
