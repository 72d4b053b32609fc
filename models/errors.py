"""What can be wrong with a bundle, and what can be wrong with an item."""


class BundleError(Exception):
    """A bundle cannot be served as it stands."""


class BundleCorrupt(BundleError):
    """A file of the bundle is missing, damaged, or not what the manifest says."""


class BundleUnsupported(BundleError):
    """The folder or model is sound, perhaps, but it asks for something not known here."""


class ProbeMismatch(BundleError):
    """The encoder, on this machine, does not reproduce the embeddings of its own probe."""


class ProviderUnavailable(BundleError):
    """The device asked for is not there, or the runtime quietly dropped it."""


class InputError(Exception):
    """An item cannot be embedded; the item is at fault, and only the item."""


class ItemEmpty(InputError):
    """Nothing is left of the item to embed."""


class ItemTooLarge(InputError):
    """The item is beyond a limit of the encoder."""


class ItemUndecodable(InputError):
    """The item's content is not what its modality says."""


class ReaderMissing(InputError):
    """The item is to be read by an optical reader, and there is none here."""


class ModalityUnsupported(InputError):
    """The encoder does not read items of this kind."""
