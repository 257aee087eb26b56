"""Rules 1 and 7: the platform, and images out of use."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import CATALOGUE, caveat, change_image, no, other_image
from bayplan.domain.compatibility.verdict import Reason, ReasonCode


def platform(pairing: Pairing) -> Reason | None:
    """Rule 1: the image's architectures include the node's."""
    built, architecture = pairing.image.platforms, pairing.node.platform
    if not built:
        return _platform_not_known(architecture)
    if architecture in built:
        return None
    listed = ", ".join(built)
    if architecture is None:
        return caveat(
            ReasonCode.WRONG_PLATFORM,
            needed=listed,
            detail=f"The image is built for {listed}, and the node's architecture is not known.",
            remedy="Report the node's architecture.",
            source="OCI Image Index Specification",
        )
    return no(
        ReasonCode.WRONG_PLATFORM,
        needed=listed,
        found=architecture,
        detail=f"The image is built for {listed}; the node is {architecture}.",
        remedies=[other_image(f"use an image that is built for {architecture}", architectures=(architecture,))],
        source="OCI Image Index Specification",
    )


def _platform_not_known(architecture: str | None) -> Reason | None:
    """A caveat for other architectures: most images are for amd64 only."""
    if architecture is None or architecture == "amd64":
        return None
    return caveat(
        ReasonCode.WRONG_PLATFORM,
        needed=architecture,
        detail=f"It is not known whether the image is built for {architecture}; most are built for amd64 only.",
        remedy="Enter the image's architectures.",
        source="OCI Image Index Specification",
    )


def withdrawn(pairing: Pairing) -> Reason | None:
    """Rule 7: deleted and withdrawn images are not used."""
    image = pairing.image.declared
    if image.deleted:
        return no(
            ReasonCode.WITHDRAWN,
            detail="The image was deleted from the catalogue.",
            remedies=[change_image("reinstate the image", deleted=False)],
            source=CATALOGUE,
        )
    if image.withdrawn_reason is not None:
        return no(
            ReasonCode.WITHDRAWN,
            detail=f"The image was withdrawn: {image.withdrawn_reason.strip().rstrip('.')}.",
            remedies=[other_image("use another image", withdrawn_reason=None)],
            source=CATALOGUE,
        )
    return None


def end_of_life(pairing: Pairing) -> Reason | None:
    """Rule 7: past its last day an image is not used; until then that day is a caveat."""
    last = pairing.image.declared.end_of_life
    if last is None:
        return None
    if pairing.today > last:
        return no(
            ReasonCode.END_OF_LIFE,
            needed=f"<={last}",
            found=pairing.today,
            detail=f"The image was maintained until {last}.",
            remedies=[other_image("use a newer version of it", end_of_life=None)],
            source="the image's end_of_life",
        )
    return caveat(
        ReasonCode.END_OF_LIFE,
        found=last,
        detail=f"The image is maintained until {last}, and refused after that day.",
        remedy="Move to a newer version of it before then.",
        source="the image's end_of_life",
    )


def deprecated(pairing: Pairing) -> Reason | None:
    """Rule 7: a deprecated image runs as before; the caveat names its successor."""
    deprecation = pairing.image.declared.deprecation
    if deprecation is None:
        return None
    why = "" if deprecation.why is None else f": {deprecation.why.strip().rstrip('.')}"
    return caveat(
        ReasonCode.DEPRECATED,
        detail=f"The image is deprecated since {deprecation.since}{why}.",
        remedy=f"Use {deprecation.successor or 'another image'} instead.",
        source=CATALOGUE,
    )


def missing_in_registry(pairing: Pairing) -> Reason | None:
    """Rule 7: an image that its registry no longer has cannot be pulled."""
    if not pairing.image.declared.missing_in_registry:
        return None
    return no(
        ReasonCode.MISSING_IN_REGISTRY,
        detail="The image was not in its registry at the last check.",
        remedies=[change_image("push the image again, or correct its url", missing_in_registry=False)],
        source=CATALOGUE,
    )
