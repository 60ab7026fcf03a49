"""Container images of one layer, written without any tool: an OCI archive that containerd and buildah read.

Guarantees: the same files give the same bytes. Not guaranteed: other architectures than this machine's.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MEDIA = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file of an archive, by its digest."""

    digest: str
    size: int

    def described(self, kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Refer to it."""
        return {"mediaType": f"{_MEDIA}.{kind}", "digest": f"sha256:{self.digest}", "size": self.size, **more}


def write_image(
    archive: Path, *, name: str, layer: Path, entrypoint: list[str], user: str = "", path: str = "/usr/bin:/bin"
) -> None:
    """Write an image of one layer, which is a tar file."""
    with tarfile.open(archive, "w") as tar:
        content = _add_file(tar, layer)
        process = {"Entrypoint": entrypoint, "Env": [f"PATH={path}"], "User": user}
        config = {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": process,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{content.digest}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": _add_json(tar, config).described("config.v1+json"),
            "layers": [content.described("layer.v1.tar")],
        }
        names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        described = _add_json(tar, manifest).described("manifest.v1+json", annotations=names)
        _add_bytes(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [described]}).encode())
        _add_bytes(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())


def write_layer(layer: Path, files: Mapping[str, Path]) -> None:
    """Write a layer of a few programs, each readable and executable by anyone, and an empty /tmp."""
    with tarfile.open(layer, "w") as tar:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        for target, source in sorted(files.items()):
            entry = tarfile.TarInfo(target)
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as handle:
                tar.addfile(entry, handle)


def digest_of(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _add_file(tar: tarfile.TarFile, path: Path) -> Blob:
    blob = Blob(digest=digest_of(path), size=path.stat().st_size)
    entry = tarfile.TarInfo(f"blobs/sha256/{blob.digest}")
    entry.size = blob.size
    with path.open("rb") as handle:
        tar.addfile(entry, handle)
    return blob


def _add_json(tar: tarfile.TarFile, content: dict[str, Any]) -> Blob:
    data = json.dumps(content).encode()
    blob = Blob(digest=hashlib.sha256(data).hexdigest(), size=len(data))
    _add_bytes(tar, f"blobs/sha256/{blob.digest}", data)
    return blob


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
