"""Keys as people write them."""

from __future__ import annotations

from .cbor import Key

#: A key: a text whose parts between slashes are the components, or a tuple of
#: components, texts or bytes. "" and () are the prefix of every key.
KeyLike = str | Key


def key_of(key: KeyLike) -> Key:
    """The components of a key. Raises `TypeError` for anything else than a text or a
    tuple of texts and bytes."""
    if isinstance(key, str):
        return tuple(key.split("/")) if key else ()
    if isinstance(key, tuple) and all(isinstance(part, (str, bytes)) for part in key):
        return key
    raise TypeError(f'a key is a text like "a/b" or a tuple of texts and bytes, not {key!r}')
