"""The context of a running server, which every handler gets."""

from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from bayplan.clock import Clock
from bayplan.config import Settings
from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.group_commit import GroupCommit
from bayplan.db.keyring import Keyring
from bayplan.server.audit.recorder import AuditRecorder
from bayplan.server.auth.authentication import Authenticator
from bayplan.server.auth.login_limits import LogInAttempt
from bayplan.server.auth.password_queue import LogInTurn, PasswordQueue, RefusalPace
from bayplan.server.auth.tokens import TokenIssuer
from bayplan.server.checks.scheduler import CheckScheduler
from bayplan.server.hourly_budget import HourlyBudget
from bayplan.server.image_lists import ImageLists
from bayplan.server.images.rows import ImageTables
from bayplan.server.kept_answers import KeptAnswers
from bayplan.server.lifecycles.outdated import OutdatedImages
from bayplan.server.matching.kept_kinds import KeptKinds
from bayplan.server.matching.queries import Judge
from bayplan.server.matrix.whole import WholeMatrix
from bayplan.server.outages import Outages
from bayplan.server.prefetch.planner import PrefetchPlanner
from bayplan.server.registries import Registries
from bayplan.server.scans.runner import ScanRunner
from bayplan.server.snapshot import ImageSnapshots

MOST_MATRIX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Context:
    """The settings, the store, the keys, the registry client and the audit log of a server process, and its features' state."""

    settings: Settings
    db: Database
    outages: Outages
    keyring: Keyring
    tokens: TokenIssuer
    authenticator: Authenticator
    registries: Registries
    audit: AuditRecorder
    images: ImageSnapshots
    judge: Judge
    whole_matrix: WholeMatrix
    kinds: KeptKinds
    outdated: OutdatedImages
    image_lists: ImageLists
    image_tables: ImageTables
    planner: PrefetchPlanner
    checks: CheckScheduler
    scans: ScanRunner
    heartbeats: GroupCommit[int, str]
    failed_log_ins: GroupCommit[LogInAttempt, None]
    password_queue: PasswordQueue
    inspection_budget: HourlyBudget
    differing_credentials: HourlyBudget
    clock: Clock
    kept_answers: KeptAnswers = field(default_factory=KeptAnswers)
    kept_matrices: KeptAnswers = field(default_factory=lambda: KeptAnswers(MOST_MATRIX_BYTES, MOST_MATRIX_BYTES // 2))
    refusal_pace: RefusalPace = field(default_factory=RefusalPace)
    log_in_turns: WeakValueDictionary[str, LogInTurn] = field(default_factory=WeakValueDictionary)
    """By user and address: of many guesses at a password sent at once, each waits for those before it."""

    def disclosure(self) -> Disclosure:
        """Gives the decryption for one answer, whose passwords are entered in the audit log before the answer is sent."""
        return Disclosure(self.keyring)
