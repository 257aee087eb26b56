"""The headers that every answer has: what a browser may do with it."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No code and no style within a page, nothing from elsewhere, and no page within another one."""

SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    # Not `no-referrer`: with it a browser hides the origin of a form's request from the server that the form is of
    # (Fetch, "append a request Origin header"), and the origin shows whether the request is forged.
    ("Referrer-Policy", "same-origin"),
)
