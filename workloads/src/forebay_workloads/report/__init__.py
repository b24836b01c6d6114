"""The report stage: one HTML page and a model card from what the other stages left behind.

`forebay-stage` calls `run`, always last, also for a failed run. It reads results and status, writes two
blobs below `report/`, and computes nothing about the model. At its end it removes what runs of before left.
"""

from __future__ import annotations

from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import StageError
from forebay_workloads.report import card, html
from forebay_workloads.report.facts import gather
from forebay_workloads.runfiles import RunFiles
from forebay_workloads.stage import Stage

HTML, CARD = "report/report.html", "report/model-card.md"


def run(stage: Stage) -> Result:
    """Writes both documents. `detail` has their blob keys, and in `report` the place to open.

    That place is a path where the workspace is a folder of this machine, else the blob key.
    """
    facts = gather(stage)
    work = stage.workspace
    work.put(CARD, card.render(facts).encode())
    work.put(HTML, html.render(facts).encode())
    stage.progress(Progress("report", percent=100))
    local = work.local_path(HTML)
    detail = {"html": work.key(HTML), "card": work.key(CARD)}
    place = str(local) if local is not None else detail["html"]
    stage.log(f"report: {place}")
    _sweep(stage)
    return Result(detail={**detail, "report": place})


def _sweep(stage: Stage) -> None:
    """The working files of runs that are gone. A store that does not let them go spoils no report."""
    if stage.doc.living is None:
        return
    try:
        gone = RunFiles(stage.store(stage.doc.workspace), stage.doc.run).sweep(stage.doc.living)
    except StageError as error:
        stage.log(f"report: the working files of earlier runs stay for now: {error.message}")
        return
    if gone:
        stage.log(f"report: removed the working files of runs that are gone: {gone}")
