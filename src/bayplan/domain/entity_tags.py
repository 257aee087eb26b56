"""The entity tags of `If-Match` and `If-None-Match`, in the forms in which proxies give them back.

A proxy that compresses answers makes a tag weak (nginx: `W/"5"`) or adds the coding to it (Apache: `"5-gzip"`, Jetty:
`"5--gzip"`). The object is the same, so a condition with such a tag is that with bayplan's own.
"""

import re

ANY_TAG = "*"
_TAG = re.compile(r'(?:W/)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s,"]+))', re.IGNORECASE)
_CODING = re.compile(r"(?:--?|[;+])(?:x-)?(?:gzip|br|deflate|zstd|compress)\Z", re.IGNORECASE)


def tags_in(header: str) -> frozenset[str]:
    """Gives the tags of a header as bayplan made them: without `W/`, quotes and a proxy's coding; `*` as itself."""
    if header.strip() == ANY_TAG:
        return frozenset({ANY_TAG})
    texts = (match["quoted"] if match["bare"] is None else match["bare"] for match in _TAG.finditer(header))
    return frozenset(_CODING.sub("", text.strip()) for text in texts) - {ANY_TAG}
