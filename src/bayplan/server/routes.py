"""The table of all routes, for the router, the OpenAPI document and the tests."""

from itertools import chain

from bayplan.server import health
from bayplan.server.audit import routes as audit
from bayplan.server.catalogue_file import routes as catalogue_file
from bayplan.server.checks import routes as checks
from bayplan.server.credentials import routes as credentials
from bayplan.server.crud.routes import crud_routes
from bayplan.server.documentation import documentation_routes
from bayplan.server.fleet import routes as fleet
from bayplan.server.floors import routes as floors
from bayplan.server.history import routes as history
from bayplan.server.http.route import Route
from bayplan.server.images import routes as images
from bayplan.server.inspections import routes as inspections
from bayplan.server.lifecycles import routes as lifecycles
from bayplan.server.matching import routes as matching
from bayplan.server.matrix import routes as matrix
from bayplan.server.metrics import routes as metrics
from bayplan.server.prefetch import routes as prefetch
from bayplan.server.reference_data import routes as reference_data
from bayplan.server.resources import RESOURCES
from bayplan.server.scans import routes as scans
from bayplan.server.sessions import routes as sessions
from bayplan.server.tokens import routes as tokens
from bayplan.server.upgrades import routes as upgrades
from bayplan.server.users import routes as users
from bayplan.server.what_if import routes as what_if

API_ROUTES: tuple[Route, ...] = (
    *chain.from_iterable(crud_routes(resource) for resource in RESOURCES),
    *images.ROUTES,
    *lifecycles.ROUTES,
    *matching.ROUTES,
    *matrix.ROUTES,
    *upgrades.ROUTES,
    *what_if.ROUTES,
    *floors.ROUTES,
    *inspections.ROUTES,
    *scans.ROUTES,
    *credentials.ROUTES,
    *audit.ROUTES,
    *history.ROUTES,
    *checks.ROUTES,
    *prefetch.ROUTES,
    *fleet.ROUTES,
    *sessions.ROUTES,
    *tokens.ROUTES,
    *users.ROUTES,
    *reference_data.ROUTES,
    *catalogue_file.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
)
"""What the OpenAPI document describes."""

ROUTES: tuple[Route, ...] = (*API_ROUTES, *documentation_routes(API_ROUTES))
"""All that a server answers."""
