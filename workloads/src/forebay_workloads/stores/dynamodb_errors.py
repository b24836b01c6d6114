"""The client's errors as the data plane's: a reason, whether to try again, and no secret.

Used by `dynamodb_connection.py`, through which every call goes. Pure, no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from botocore import exceptions

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.certificates import tls_error
from forebay_workloads.stores.secrets import without

CLIENT_ERRORS = (exceptions.BotoCoreError, exceptions.ClientError)
AUTH = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
}
MISSING = {"ResourceNotFoundException", "TableNotFoundException"}
REFUSED = {
    "ConditionalCheckFailedException",
    "ItemCollectionSizeLimitExceededException",
    "SerializationException",
    "ValidationException",
}
NOT_FOUND, TAKEN, CHANGED = (
    "ResourceNotFoundException",
    "ResourceInUseException",
    "ConditionalCheckFailedException",
)
_NO_LOGIN = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.NoAuthTokenError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.ProfileNotFound,
)
_DOWN = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.MetadataRetrievalError)


def code_of(error: BaseException | None) -> str:
    """The service's own word for an error; empty for one of the client's own."""
    if not isinstance(error, exceptions.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def translated(error: Exception, what: str, secrets: Sequence[str] = ()) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    text = without(str(error), secrets) or type(error).__name__
    message = f"{what}: {cut(ValueError(text))}"
    if isinstance(error, exceptions.ClientError):
        return _of_service(error, message)
    if isinstance(error, _NO_LOGIN):
        return ConfigError("StoreAuthFailed", message)
    if isinstance(error, _DOWN):
        return tls_error(error, what) or RetryableError("StoreUnreachable", message)
    return ConfigError("FieldNotSupportedInMode", message)  # a region or URL that cannot be


def _of_service(error: exceptions.ClientError, message: str) -> StageError:
    code = code_of(error)
    if code in AUTH:
        return ConfigError("StoreAuthFailed", message)
    if code in THROTTLED:
        return RetryableError("StoreThrottled", message)
    if code in MISSING:
        return ConfigError("ReferenceMissing", message)
    if code in REFUSED:
        return DataError("SchemaMismatch", message)
    if code == "UnknownOperationException":
        return ConfigError("FieldNotSupportedInMode", message)
    return RetryableError("StoreUnreachable", message)  # 5xx, and what is not known
