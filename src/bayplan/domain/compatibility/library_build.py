"""What a library in an image was built for."""

from dataclasses import dataclass

from bayplan.domain.compatibility.kernels import Kernel


@dataclass(frozen=True)
class LibraryBuild:
    """The GPUs that a library in the image was compiled for, and the source of that; FRAMEWORK as `library` is the framework."""

    library: str
    texts: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    source: str


Builds = tuple[LibraryBuild, ...]
"""Those of an image; empty where nothing is known of any."""
