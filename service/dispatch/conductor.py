"""Advances studies: posts the sweeps of their rounds, and concludes when all jobs have ended.

Any number of conductors may run, and each may die at any moment. The database knows which round a
study is in; a round is posted, and findings are stored, in one transaction each, fenced by the
attempt of whoever holds the study.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog

from service.artifacts import Store, read
from service.db import UNAVAILABLE, Database, study_moves
from service.db.evidence import EvidenceReader
from service.db.study_moves import HeldStudy
from service.domain.errors import QueueFull, SpecRejected, StoreUnavailable
from service.domain.findings import Findings
from service.domain.limits import Limits
from service.settings import Settings
from service.studies import MOST_ROUNDS, Evidence, Notebook, find_template
from service.studies.planning import describe_briefly, plan_round

_log = structlog.get_logger(__name__)

_POLL_S = 0.2
_AWAY_S = 1.0
_FULL_AGAIN_S = 5.0
_AWAY_AGAIN_S = 10.0
_FAILED_AGAIN_S = 1.0


def conduct(settings: Settings, database: Database, store: Store, stop: threading.Event) -> None:
    """Advances whatever is due until told to stop. A database that is away is waited for."""
    while not stop.is_set():
        try:
            moved = advance_one(
                database,
                store,
                settings.limits,
                lease_s=settings.lease_s,
                max_queued=settings.max_queued_jobs,
            )
            stop.wait(0 if moved else max(_POLL_S, settings.poll_s))
        except UNAVAILABLE as error:
            _log.warning("waiting for the database", error=str(error).splitlines()[0])
            stop.wait(_AWAY_S)
        except Exception:  # without this thread no study would ever move, and nobody see why
            _log.exception("the conductor goes on")
            stop.wait(_AWAY_S)


def advance_one(
    database: Database, store: Store, limits: Limits, *, lease_s: float, max_queued: int
) -> bool:
    """Takes a study that is due and makes its next move. Returns whether there was one."""
    with database.writing() as session:
        held = study_moves.take_due(session, lease_s=lease_s)
    if held is None:
        return False
    try:
        with _renewing(database, held, lease_s):
            # As its owner would see it: a study uses no data set that is not theirs.
            _advance(database.seen_by(held.owner), store, held, limits, max_queued)
    except UNAVAILABLE:
        raise
    except QueueFull:
        with database.writing() as session:
            study_moves.put_off(session, held, after_s=_FULL_AGAIN_S)
    except StoreUnavailable as error:
        _log.warning("waiting for the object store", error=str(error))
        with database.writing() as session:
            study_moves.put_off(session, held, after_s=_AWAY_AGAIN_S)
    except SpecRejected as error:
        with database.writing() as session:
            study_moves.refuse(session, held, str(error))
    except Exception as error:
        # A template's fault must not end the conductor, nor be tried for ever.
        _log.exception("a study could not be advanced", study=held.study_id)
        with database.writing() as session:
            failure = f"{type(error).__name__}: {error}"
            study_moves.put_off(session, held, after_s=_FAILED_AGAIN_S, failure=failure)
    return True


def _advance(
    database: Database, store: Store, held: HeldStudy, limits: Limits, max_queued: int
) -> None:
    template = find_template(held.template)
    options = template.options_of(held.options)
    reader = EvidenceReader(database, partial(read, database, store))
    evidence = Evidence(reader, held.sweeps)
    if held.rounds == 0:
        sweeps = template.plan(options)
    elif held.rounds < MOST_ROUNDS:
        sweeps = template.follow_up(options, evidence)
    else:
        raise RuntimeError(f"{held.template} still follows up after {MOST_ROUNDS} rounds")
    if sweeps:
        planned = plan_round(template, sweeps, limits, describe_briefly)
        rows = [(one.name, one.sweep, one.members) for one in planned]
        with database.writing() as session:
            study_moves.post_round(session, held, rows, max_queued=max_queued)
    else:
        findings = conclude(held, evidence)
        with database.writing() as session:
            study_moves.conclude(session, held, findings)


def conclude(held: HeldStudy, evidence: Evidence) -> Findings:
    """What the template finds in the evidence of all rounds."""
    template = find_template(held.template)
    notebook = Notebook(evidence)
    template.conclude(template.options_of(held.options), evidence, notebook)
    return notebook.close()


@contextmanager
def _renewing(database: Database, held: HeldStudy, lease_s: float) -> Iterator[None]:
    """Keeps the study while the block lasts, however long a conclusion takes."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(lease_s / 3):
            try:
                with database.writing() as session:
                    if not study_moves.renew(session, held, lease_s=lease_s):
                        return
            except UNAVAILABLE:
                continue

    thread = threading.Thread(target=renew, name="study lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
