"""Identity files from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rapprochement as rap
from rapprochement import identity

SEED = bytes(range(32))
VECTORS = json.loads((Path(__file__).parents[1] / "vectors/identity.json").read_text())


def test_a_seed_survives_its_file(tmp_path):
    path = tmp_path / "me.identity"
    identity.save(path, SEED, "café")
    assert path.stat().st_size == 104 and path.stat().st_mode & 0o077 == 0
    assert identity.load(path, "café") == SEED
    assert identity.load(path, "cafe\u0301") == SEED  # the same, typed another way
    assert identity.load(path, "café".encode()) == SEED
    with pytest.raises(identity.IdentityError, match="wrong passphrase"):
        identity.load(path, "cafe")


def test_no_identity_is_overwritten(tmp_path):
    path = tmp_path / "me.identity"
    identity.save(path, SEED, "")
    with pytest.raises(FileExistsError):
        identity.save(path, bytes(32), "")
    assert identity.load(path, "") == SEED


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_files_by_other_programs_are_read(vector):
    data = bytes.fromhex(vector["file"])
    assert identity.unseal(data, vector["passphrase"]).hex() == vector["seed"]


def test_the_peer_is_the_nodes():
    assert len(identity.generate()) == 32 and identity.generate() != identity.generate()
    with rap.Node(SEED) as node:
        assert node.peer == identity.peer(SEED) and node.key == SEED


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_seeds_have_32_bytes(tmp_path, seed):
    with pytest.raises(identity.IdentityError, match=f"seed of {len(seed)} bytes, want 32"):
        identity.save(tmp_path / "x", seed, "")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("data", [b"", bytes(104), b"rap-seed" + bytes(96)])
def test_other_files_are_no_identities(data):
    with pytest.raises(identity.IdentityError, match="bad file"):
        identity.unseal(data, "")
