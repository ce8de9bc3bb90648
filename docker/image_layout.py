"""The image as one file that docker, podman and skopeo read: an OCI image layout, with the manifest.json that `docker load`
looks for. The same bytes for the same files. What the image runs, and as whom, is read from the last stage of the
Dockerfile."""

import hashlib
import io
import json
import os
import re
import tarfile

_UNITS_NS = {"s": 10**9, "ms": 10**6, "m": 60 * 10**9}


def settings(dockerfile):
    """The "config" of an image that `docker build` would make. Raises ValueError for an instruction it does not know."""
    with open(dockerfile, encoding="utf-8") as file:
        lines = file.read().split("\nFROM scratch\n")[1].splitlines()
    config = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "ExposedPorts": {}}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("", "#", "COPY"):
            continue
        if word == "USER":
            config["User"] = rest
        elif word == "EXPOSE":
            config["ExposedPorts"].update({port: {} for port in rest.split()})
        elif word == "STOPSIGNAL":
            config["StopSignal"] = rest
        elif word == "HEALTHCHECK":
            config["Healthcheck"] = _health_check(rest)
        elif word in ("ENTRYPOINT", "CMD"):
            config[word.capitalize()] = json.loads(rest)
        else:
            raise ValueError(f"{dockerfile}: {word} is not known here")
    return config


def _health_check(text):
    flags, _, command = text.partition(" CMD ")
    check = {"Test": ["CMD", *json.loads(command)]}
    for name, value in re.findall(r"--([a-z-]+)=(\S+)", flags):
        key = name.title().replace("-", "")
        amount, unit = re.fullmatch(r"(\d+)([a-z]*)", value).groups()
        check[key] = int(amount) * _UNITS_NS[unit] if unit else int(amount)
    return check


def layer(folder, owned):
    """The folder as an uncompressed tar. All is root's and of 1970 but the folders of `owned`: {path: (owner, mode)}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        paths = [os.path.join(top, name) for top, folders, names in os.walk(folder) for name in folders + names]
        for path in sorted(paths):
            entry = tar.gettarinfo(path, os.path.relpath(path, folder))
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            entry.mode &= 0o755
            if entry.name in owned:
                owner, entry.mode = owned[entry.name]
                entry.uid = entry.gid = owner
            if entry.isreg():
                with open(path, "rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return out.getvalue()


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def write(path, tar, gzip, architecture, config, name, created):
    """`name`: NAME:TAG, what the image is called once it is loaded. One only: engines that read index.json see no other, and
    podman refuses two there. `gzip`: packs bytes."""
    blobs = {}

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

    packed = blob(gzip(tar), "layer.v1.tar+gzip")
    described = blob(_json({
        "architecture": architecture, "os": "linux", "created": created, "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
        "history": [{"created": created, "created_by": "docker/release"}],
    }), "config.v1+json")
    manifest = blob(_json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": described, "layers": [packed]}), "manifest.v1+json")
    tag = name.split(":")[1]
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": f"docker.io/library/{name}"}
    files = {
        **blobs,
        "index.json": _json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}),
        "manifest.json": _json([{"Config": _path(described), "Layers": [_path(packed)], "RepoTags": [name]}]),
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
    }
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as out:
        for inside, data in sorted(files.items()):
            entry = tarfile.TarInfo(inside)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))


def _path(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")
