"""The words that conditions, events, metrics and stage results use to say why. A stable API.

Everything that writes a `reason` takes it from here; the reference docs are generated from it. A word
is added, never renamed. This module imports nothing and decides nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """One word and one sentence: what happened and, where something can be done, what to do."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        """Keeps the sentence beside the word, so that neither can be written without the other."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    # Going well
    Pending = "Pending", "Accepted; nothing has been started yet."
    Queued = "Queued", "Waiting for its queue to admit it."
    Progressing = "Progressing", "Work is going on towards the wished state."
    Running = "Running", "A stage or run is being executed."
    Retrying = "Retrying", "The last attempt failed for a passing cause; the next one follows."
    Succeeded = "Succeeded", "The run or stage finished and its results are in the store."
    Skipped = "Skipped", "The spec has no block for this stage, so there was nothing to do."
    Ready = "Ready", "The object is what its spec asks for."
    Reachable = "Reachable", "The store answered the last probe."
    Authenticated = "Authenticated", "The store accepted the credentials."
    Published = "Published", "The model version is recorded and its artefact lies in the store."
    Serving = "Serving", "The model version answered its probes and receives requests."
    RolloutComplete = "RolloutComplete", "All requests go to the wished model version."
    AnalysisRunning = (
        "AnalysisRunning",
        "The canary receives a part of the requests and is measured.",
    )
    Triggered = "Triggered", "A trigger fired and a run was created."
    CoolingDown = "CoolingDown", "A trigger fired again within its coolDown and was passed over."
    NoRunYet = "NoRunYet", "No run of this pipeline has finished yet."
    Suspended = "Suspended", "By spec.suspend: nothing new is started until it is false."
    ReconcilePaused = (
        "ReconcilePaused",
        "The annotation forebay.dev/reconcile is `paused`: the object is left alone; remove it to go on.",
    )

    # Stores and data
    StoreUnreachable = (
        "StoreUnreachable",
        "No connection to the store: check its address, network policy and TLS.",
    )
    StoreAuthFailed = (
        "StoreAuthFailed",
        "The store refused the credentials: check the Secret in spec.auth.",
    )
    StoreThrottled = (
        "StoreThrottled",
        "The store asked to slow down: lower spec.limits or give it more capacity.",
    )
    CertificateInvalid = (
        "CertificateInvalid",
        "The store's certificate is not trusted: expired, of another name or another CA; the message says which.",
    )
    OffsetOutOfRange = (
        "OffsetOutOfRange",
        "The group's position is not in the topic any more: records were deleted before they were read.",
    )
    TopicChanged = (
        "TopicChanged",
        "The topic was deleted and made again since the group read it: its positions mean nothing there.",
    )
    SchemaMismatch = (
        "SchemaMismatch",
        "The data has not the columns or types that the spec or the model expects; the message names them.",
    )
    SecretMissing = "SecretMissing", "A Secret named in the spec, or a key of it, does not exist."
    ReferenceMissing = (
        "ReferenceMissing",
        "An object, file or table named in the spec does not exist.",
    )
    SnapshotExpired = (
        "SnapshotExpired",
        "The pinned state of the data is gone from the store: start a new run.",
    )
    EmptyDataset = "EmptyDataset", "The source, or one part of the split, has no rows."
    DeadLettering = "DeadLettering", "Records that cannot be processed go to the dead-letter queue."
    SinkLagging = "SinkLagging", "Rows are written more slowly than records arrive."
    PartitionCapReached = (
        "PartitionCapReached",
        "More replicas than partitions would be idle: the number is capped.",
    )
    DiskFull = (
        "DiskFull",
        "There is no space left where a result has to be written; nothing half-written remains.",
    )

    # Pods
    Unschedulable = (
        "Unschedulable",
        "No node fits the pod; the message repeats what the scheduler says.",
    )
    QuotaPending = "QuotaPending", "A resource quota of the namespace leaves no room for the pod."
    ImagePullFailed = "ImagePullFailed", "The container image cannot be pulled."
    OOMKilled = (
        "OOMKilled",
        "A container used more memory than its limit: raise it in podTemplate.resources.",
    )
    ExitCode = (
        "ExitCode",
        "A container ended with an unexpected exit code; the message has its last log lines.",
    )
    Preempted = (
        "Preempted",
        "The pod was asked to stop; its state was saved and it goes on elsewhere.",
    )
    PeerLost = (
        "PeerLost",
        "Another pod of the same training ended, so this one could not go on; all begin again together.",
    )
    GpuUnavailable = (
        "GpuUnavailable",
        "The pod asked for an accelerator and its program finds none that it can use; it does not fall back.",
    )
    DeadlineExceeded = (
        "DeadlineExceeded",
        "The run took longer than runPolicy.activeDeadlineSeconds.",
    )
    PendingDeadlineExceeded = (
        "PendingDeadlineExceeded",
        "A pod did not start within runPolicy.pendingDeadlineSeconds.",
    )
    BackoffLimitExceeded = (
        "BackoffLimitExceeded",
        "A stage failed more often than runPolicy.backoffLimit allows.",
    )

    # Models
    NonFiniteLoss = (
        "NonFiniteLoss",
        "The training loss became NaN or infinite: look at the data and the step size.",
    )
    GateFailed = "GateFailed", "A metric missed a gate of evaluate.gates, so nothing was published."
    DigestMismatch = (
        "DigestMismatch",
        "The artefact's bytes are not those that were published: it is not loaded.",
    )
    SignatureInvalid = (
        "SignatureInvalid",
        "The artefact's signature does not fit the model or cannot be verified.",
    )
    ModelLoadFailed = "ModelLoadFailed", "The serving process cannot load the artefact."
    ProbeFailed = (
        "ProbeFailed",
        "A serving process does not answer its probe; the old version stays in place.",
    )
    AnalysisFailed = "AnalysisFailed", "The canary broke a limit of rollout.analysis."
    RolledBack = "RolledBack", "The new version was taken out again and the old one serves."
    DriftDetected = (
        "DriftDetected",
        "The data differs from that of training by more than the threshold.",
    )

    # The objects themselves
    Failed = "Failed", "The run failed; the stage's own reason is in status.stages."
    InvalidSpec = "InvalidSpec", "The spec breaks a rule of its kind; the message names the field."
    FieldNotSupportedInMode = (
        "FieldNotSupportedInMode",
        "A field of the spec cannot be honoured here; the message names it and what happens instead.",
    )
    OptionalCRDMissing = (
        "OptionalCRDMissing",
        "The spec needs a kind that is not installed in this cluster.",
    )
    NameConflict = (
        "NameConflict",
        "An object of the wished name exists and belongs to somebody else.",
    )
    Forbidden = (
        "Forbidden",
        "The API server does not allow it: a right is missing, or a pod breaks a rule; the message says which.",
    )
    ApiUnavailable = "ApiUnavailable", "The Kubernetes API cannot answer now; it is asked again."
