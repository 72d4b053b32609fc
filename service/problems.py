"""The one table: which error is which status, code and advice; HTTP's numbers stand here only."""

from dataclasses import dataclass
from typing import Literal

from index import errors as index_errors
from models import errors as model_errors
from service import errors as service_errors

Kind = Literal["invalid_request_error", "not_found", "conflict", "overloaded", "internal"]


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of error is told; where its words are the operator's, callers are not told."""

    status: int
    kind: Kind
    code: str
    told: bool = True


TABLE: dict[type[Exception], Row] = {
    model_errors.BundleCorrupt: Row(422, "invalid_request_error", "bundle_corrupt"),
    model_errors.BundleUnsupported: Row(422, "invalid_request_error", "bundle_unsupported"),
    model_errors.ProbeMismatch: Row(422, "invalid_request_error", "probe_mismatch"),
    model_errors.ProviderUnavailable: Row(422, "invalid_request_error", "provider_unavailable"),
    model_errors.ItemEmpty: Row(400, "invalid_request_error", "item_empty"),
    model_errors.ItemTooLarge: Row(413, "invalid_request_error", "item_too_large"),
    model_errors.ItemUndecodable: Row(422, "invalid_request_error", "item_undecodable"),
    model_errors.ReaderMissing: Row(422, "invalid_request_error", "reader_missing"),
    model_errors.ModalityUnsupported: Row(415, "invalid_request_error", "modality_unsupported"),
    index_errors.GalleryUnknown: Row(404, "not_found", "gallery_unknown"),
    index_errors.ExemplarUnknown: Row(404, "not_found", "exemplar_unknown"),
    index_errors.GalleryExists: Row(409, "conflict", "gallery_exists"),
    index_errors.GalleryPointedAt: Row(409, "conflict", "gallery_pointed_at"),
    index_errors.SpaceMismatch: Row(409, "conflict", "space_mismatch"),
    index_errors.SeqAhead: Row(409, "conflict", "seq_ahead"),
    index_errors.NotCalibrated: Row(409, "conflict", "not_calibrated"),
    index_errors.NameInvalid: Row(422, "invalid_request_error", "name_invalid"),
    index_errors.IndexUnknown: Row(422, "invalid_request_error", "index_unknown"),
    index_errors.RowsInvalid: Row(422, "invalid_request_error", "rows_invalid"),
    index_errors.FilterInvalid: Row(422, "invalid_request_error", "filter_invalid"),
    index_errors.NotLexical: Row(422, "invalid_request_error", "not_lexical"),
    index_errors.TooFewImpostors: Row(422, "invalid_request_error", "too_few_impostors"),
    index_errors.ScoresInseparable: Row(422, "invalid_request_error", "scores_inseparable"),
    index_errors.JobUnknown: Row(404, "not_found", "job_unknown"),
    index_errors.JobEnded: Row(409, "conflict", "job_ended"),
    index_errors.JobStopped: Row(409, "conflict", "job_stopped"),
    index_errors.JobsFull: Row(503, "overloaded", "jobs_full"),
    index_errors.SnapshotCorrupt: Row(422, "invalid_request_error", "snapshot_corrupt"),
    index_errors.SnapshotTooLarge: Row(422, "invalid_request_error", "snapshot_too_large"),
    index_errors.GalleryFull: Row(507, "overloaded", "gallery_full"),
    index_errors.GalleryReplaced: Row(503, "overloaded", "gallery_replaced"),
    index_errors.StoreUnavailable: Row(503, "overloaded", "store_unavailable"),
    index_errors.StoreCorrupt: Row(503, "internal", "store_corrupt", told=False),
    index_errors.StoreNewer: Row(503, "internal", "store_newer", told=False),
    index_errors.FolderLocked: Row(503, "internal", "folder_locked", told=False),
    service_errors.ModelUnknown: Row(404, "not_found", "model_not_found"),
    service_errors.RequestInvalid: Row(422, "invalid_request_error", "request_invalid"),
    service_errors.SchemaInvalid: Row(422, "invalid_request_error", "schema_invalid"),
    service_errors.ReplyTooLarge: Row(422, "invalid_request_error", "reply_too_large"),
    service_errors.ExemplarInvalid: Row(422, "invalid_request_error", "exemplar_invalid"),
    service_errors.ExemplarRepeated: Row(422, "invalid_request_error", "id_repeated"),
    service_errors.HttpMalformed: Row(400, "invalid_request_error", "http_malformed"),
    service_errors.HeadTooLarge: Row(431, "invalid_request_error", "head_too_large"),
    service_errors.HeadTooSlow: Row(408, "invalid_request_error", "head_too_slow"),
    service_errors.BodyMalformed: Row(400, "invalid_request_error", "json_invalid"),
    service_errors.BodyTooLarge: Row(413, "invalid_request_error", "body_too_large"),
    service_errors.ContentUnsupported: Row(415, "invalid_request_error", "content_unsupported"),
    service_errors.CallTooLarge: Row(413, "invalid_request_error", "call_too_large"),
    service_errors.BodyTooSlow: Row(408, "invalid_request_error", "body_too_slow"),
    service_errors.ScopeRefused: Row(403, "invalid_request_error", "key_not_allowed"),
    service_errors.KeyRefused: Row(401, "invalid_request_error", "invalid_api_key"),
    service_errors.Overloaded: Row(503, "overloaded", "overloaded"),
    service_errors.OverShare: Row(429, "overloaded", "over_share"),
    service_errors.RateExceeded: Row(429, "overloaded", "rate_exceeded"),
    service_errors.DeadlineExceeded: Row(504, "overloaded", "deadline_exceeded"),
    service_errors.LaneDead: Row(503, "overloaded", "lane_dead"),
    service_errors.Draining: Row(503, "overloaded", "draining"),
    service_errors.EncodeFailed: Row(500, "internal", "encode_failed"),
}
INTERNAL = Row(500, "internal", "internal", told=False)
BY_STATUS: dict[int, Row] = {  # what the web framework itself refuses
    404: Row(404, "not_found", "path_unknown"),
    405: Row(405, "invalid_request_error", "method_not_allowed"),
    422: Row(422, "invalid_request_error", "request_invalid"),
}
# Advice for those that pass by themselves; an Overloaded knows better and says so itself.
RETRY_AFTER_SECONDS: dict[type[Exception], int] = {
    index_errors.GalleryReplaced: 1,
    index_errors.StoreUnavailable: 5,
    index_errors.JobsFull: 60,
    service_errors.LaneDead: 5,
    service_errors.Draining: 5,
}


def row_of(error: Exception) -> Row:
    """Find the row of an error, by its own class or the nearest base that is listed."""
    for cls in type(error).__mro__:
        if issubclass(cls, Exception) and (row := TABLE.get(cls)):
            return row
    return INTERNAL


def retry_after_seconds(error: Exception) -> int | None:
    """Tell when to try again, where that helps; at least one second, rounded up."""
    if isinstance(error, service_errors.Overloaded):
        return max(1, int(error.retry_after_seconds + 0.999))
    return RETRY_AFTER_SECONDS.get(type(error))


def problem(row: Row, message: str, *, param: str | None, request_id: str) -> dict[str, object]:
    """Render an error in the one shape that every OpenAI client reads."""
    return {
        "error": {
            "message": message,
            "type": row.kind,
            "code": row.code,
            "param": param,
            "request_id": request_id,
        }
    }
