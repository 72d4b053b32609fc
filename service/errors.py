"""What can go wrong in the service itself, in its own language: HTTP is not mentioned here."""


class ServiceError(Exception):
    """Any refusal or failure that the service itself decides."""


class Overloaded(ServiceError):
    """The queue is longer than the service may make anybody wait.

    Args:
        retry_after_seconds: when the queue is expected to have room again.
    """

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class OverShare(Overloaded):
    """One caller's work fills its share of the queue already; others still find room."""


class RateExceeded(Overloaded):
    """One key makes more requests than it may, in a minute or at once."""


class DeadlineExceeded(ServiceError):
    """The answer would come later than the caller, or the service, waits."""


class CallTooLarge(ServiceError):
    """The items of one call cost more together than one call may."""


class LaneDead(ServiceError):
    """The thread that owns an encoder has died; nothing more will be embedded by it."""


class Draining(ServiceError):
    """The service is stopping, and the time that open requests get is over."""


class EncodeFailed(ServiceError):
    """The forward pass failed for one item, tried by itself."""


class ModelUnknown(ServiceError):
    """No loaded encoder has this name."""


class RequestInvalid(ServiceError):
    """The request is well-formed JSON that asks for something impossible.

    Args:
        param: the field at fault.
    """

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class SchemaInvalid(RequestInvalid):
    """The fields by which records are to be compared are not there, or mean nothing."""


class ExemplarInvalid(ServiceError):
    """An exemplar of an enrolment is not of the right form."""


class ExemplarRepeated(ServiceError):
    """An exemplar's id stands earlier in the same call."""


class ReplyTooLarge(RequestInvalid):
    """The answer to the request would be larger than the service sends."""


class HttpMalformed(ServiceError):
    """What came over the connection is not a request."""


class HeadTooLarge(ServiceError):
    """The request's head has more bytes or fields than the service reads."""


class HeadTooSlow(ServiceError):
    """The request's head did not arrive in the time that it gets."""


class BodyTooLarge(ServiceError):
    """The request's body has more bytes than the service reads."""


class BodyTooSlow(ServiceError):
    """The request's body did not arrive in the time that it gets."""


class ContentUnsupported(ServiceError):
    """The body's content type is not one that the call reads."""


class BodyMalformed(ServiceError):
    """The body is not JSON, or not JSON that can be trusted."""


class KeyRefused(ServiceError):
    """The call carries no key, or one that is not in the key file."""


class ScopeRefused(ServiceError):
    """The key is valid, and not for this call or this gallery."""
