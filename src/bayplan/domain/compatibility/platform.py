"""Architectures of images and machines in one spelling."""

_PLATFORMS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


def platform(text: str) -> str:
    """The architecture in OCI's spelling, from that of OCI or of `uname -m`; "linux/arm64/v8" is arm64."""
    parts = text.strip().lower().split("/")
    name = parts[1] if len(parts) > 1 and parts[0] == "linux" else parts[0]
    return _PLATFORMS.get(name, name)
