"""Everything that can go wrong with a photo's bytes, each with a stable code; no HTTP status in here."""

from __future__ import annotations


class MediaError(Exception):
    """Base of this package's errors; `code` is stable and goes over the wire."""

    code = "media_error"


class ImageUnreadable(MediaError):
    """The bytes are no picture that can be shown; they may still be evidence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FontMissing(MediaError):
    """No font with Chinese glyphs: a watermark would be a row of empty boxes."""

    code = "font_missing"


class BlobMissing(MediaError):
    """Nothing is stored under this digest or name."""

    code = "blob_missing"


class StorageFull(MediaError):
    """The disk or its quota has no room; what was acknowledged is still there."""

    code = "storage_full"


class UploadInvalid(MediaError):
    """A declared digest, size, type, key or id has not the right form."""

    code = "upload_invalid"


class UploadUnknown(MediaError):
    """There is no such upload, or it is another terminal's: the two look alike from outside."""

    code = "upload_unknown"


class UploadGone(MediaError):
    """The upload has ended and takes no more bytes; `state` says how."""

    code = "upload_gone"

    def __init__(self, state: str) -> None:
        super().__init__(f"the upload is {state}")
        self.state = state


class UploadBusy(MediaError):
    """A newer request took this upload over while this one was still sending."""

    code = "upload_busy"


class KeyReused(MediaError):
    """The idempotency key names an upload of another photo."""

    code = "idempotency_key_reused"


class OffsetConflict(MediaError):
    """The request does not start where the upload stands."""

    code = "offset_conflict"

    def __init__(self, actual: int) -> None:
        super().__init__(f"the upload stands at {actual}")
        self.actual = actual


class LengthConflict(MediaError):
    """The length was declared before, differently, or is not declared where it must be."""

    code = "length_conflict"


class TooLong(MediaError):
    """More bytes than the upload may have; none of the request's bytes was kept."""

    code = "upload_too_long"


class ChecksumUnknown(MediaError):
    """The named checksum algorithm is not offered."""

    code = "checksum_unknown"


class ChecksumMismatch(MediaError):
    """The chunk is not what its checksum says; none of it was kept."""

    code = "checksum_mismatch"


class BodyCut(MediaError):
    """The line was cut before the announced end; `offset` is what is on disk."""

    code = "body_cut"

    def __init__(self, offset: int) -> None:
        super().__init__(f"the body ended early, the upload stands at {offset}")
        self.offset = offset
