"""What a gallery can refuse, in the language of galleries; no HTTP here."""


class GalleryError(Exception):
    """A gallery refused; the message names the input, the limit and the remedy."""


class GalleryUnknown(GalleryError):
    """No gallery stands under this name."""


class ExemplarUnknown(GalleryError):
    """No exemplar stands under this id."""


class GalleryExists(GalleryError):
    """A gallery stands under this name with other settings."""


class GalleryPointedAt(GalleryError):
    """An alias points at the gallery that is to be deleted, or bears the name asked for."""


class SpaceMismatch(GalleryError):
    """Embeddings of one space were offered to a gallery of another."""


class NameInvalid(GalleryError):
    """A gallery name breaks the rule for names."""


class IndexUnknown(GalleryError):
    """No backend stands under the index name asked for."""


class RowsInvalid(GalleryError):
    """Vectors, or the exemplars that carry them, are not what the gallery holds."""


class FilterInvalid(GalleryError):
    """A filter or a page cursor cannot be read."""


class SeqAhead(GalleryError):
    """A search asked for a write that this gallery never acknowledged."""


class TooFewImpostors(GalleryError):
    """Too few impostor scores to promise the false-accept rate asked for."""


class NotCalibrated(GalleryError):
    """An open-set answer was asked of a gallery that has no threshold yet."""


class NotLexical(GalleryError):
    """A search weighs words in a gallery that keeps none."""


class GalleryFull(GalleryError):
    """A bound on rows or on galleries is reached."""


class JobUnknown(GalleryError):
    """No job has this number, or none that the caller may see."""


class JobEnded(GalleryError):
    """The job is done, failed or cancelled: it can be neither paused nor resumed."""


class JobStopped(GalleryError):
    """The job was paused, cancelled or ended while a batch of it was under way."""


class JobsFull(GalleryError):
    """As many jobs wait as may."""


class SnapshotCorrupt(GalleryError):
    """What should be restored is no snapshot, or a damaged one."""


class SnapshotTooLarge(GalleryError):
    """A snapshot of the gallery would be larger than allowed."""


class FolderLocked(GalleryError):
    """Another process holds the data folder."""


class GalleryReplaced(GalleryError):
    """A snapshot was restored in the place of the gallery: asked again, it answers."""


class StoreUnavailable(GalleryError):
    """The disk refused, the store is closed, or rows are being read; nothing was acknowledged."""


class StoreCorrupt(GalleryError):
    """The database file is damaged, or is not ours."""


class StoreNewer(GalleryError):
    """The database was written by a newer Semblance."""


class ScoresInseparable(GalleryError):
    """The scores of candidate pairs do not tell two kinds of pairs apart."""
