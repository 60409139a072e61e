"""Identities: the 32-byte seed that makes a node's key, and files that keep it.

A file holds the seed sealed with a passphrase (Argon2id with 64 MiB of memory, then
XChaCha20-Poly1305); it is 104 bytes, in a format that the Go package
``engine/identity`` describes. Sealing and opening take about 0.3 s, so that guessing
passphrases is expensive.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

from ._tool import ask
from .errors import BadEventError, RapprochementError

__all__ = ["IdentityError", "generate", "load", "peer", "save", "seal", "unseal"]

#: Texts are normalised (Unicode NFC), so that a passphrase is the same on every keyboard.
Passphrase = str | bytes

SEED_SIZE = 32
_ENTROPY_SIZE = 40


class IdentityError(RapprochementError, ValueError):
    """A wrong passphrase, a file that is no identity, or a seed of a wrong length."""


def generate() -> bytes:
    """A new seed from the system's entropy, 32 bytes."""
    return os.urandom(SEED_SIZE)


def peer(seed: bytes) -> bytes:
    """The public key of a seed, 32 bytes: the peer id. Raises `IdentityError`."""
    return _answered({"op": "peer", "data": seed})


def seal(seed: bytes, passphrase: Passphrase) -> bytes:
    """The bytes of an identity file. Raises `IdentityError`."""
    return _answered(
        {
            "op": "seal",
            "data": seed,
            "passphrase": _normal(passphrase),
            "entropy": os.urandom(_ENTROPY_SIZE),
        }
    )


def unseal(data: bytes, passphrase: Passphrase) -> bytes:
    """The seed in the bytes of an identity file. Raises `IdentityError`."""
    return _answered({"op": "unseal", "data": data, "passphrase": _normal(passphrase)})


def save(path: str | os.PathLike[str], seed: bytes, passphrase: Passphrase) -> None:
    """Writes a new identity file that only its owner may read.

    A file that exists is never overwritten: what it holds cannot be made again.
    Raises `FileExistsError`, other `OSError` and `IdentityError`.
    """
    write_new(path, seal(seed, passphrase))


def load(path: str | os.PathLike[str], passphrase: Passphrase) -> bytes:
    """The seed in an identity file. Raises `OSError` and `IdentityError`."""
    return unseal(Path(path).read_bytes(), passphrase)


def write_new(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file that there was not, for its owner only, and makes it durable."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def _normal(passphrase: Passphrase) -> bytes:
    if isinstance(passphrase, str):
        return unicodedata.normalize("NFC", passphrase).encode()
    return bytes(passphrase)


def _answered(request: dict[str, Any]) -> bytes:
    try:
        data: bytes = ask(request)["data"]
    except BadEventError as error:
        text = str(error).removeprefix("event 0: ")
        raise IdentityError(text) from None
    return data
