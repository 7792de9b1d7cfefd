#!/usr/bin/python3
"""A server on loopback that has a synthetic FLUX.1-schnell as Hugging Face has the real one, in tiny.

model_server.py DATA CATALOG: takes the weights of DATA (tests/data of this project), writes a catalogue of them to the file
CATALOG, prints its address, and serves until it is ended. The transformer is gated: it wants a token. Its first download
breaks off in the middle, and the second one crawls, so that there is something to pause.
"""

import hashlib
import http.server
import json
import pathlib
import re
import struct
import sys
import time

DATA, CATALOG = map(pathlib.Path, sys.argv[1:])
TOKEN = "hf_synthetic"


def schnell(dev: bytes) -> bytes:
    """A transformer without its guidance, which is what schnell is to dev."""
    (length,) = struct.unpack("<Q", dev[:8])
    header, body = json.loads(dev[8 : 8 + length]), dev[8 + length :]
    kept, pieces, end = {}, [], 0
    for name, entry in header.items():
        if name.startswith("guidance_in"):
            continue
        if name != "__metadata__":
            start, stop = entry["data_offsets"]
            pieces.append(body[start:stop])
            entry["data_offsets"] = [end, end + stop - start]
            end += stop - start
        kept[name] = entry
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(pieces)


def read(path: str) -> bytes:
    return (DATA / path).read_bytes()


GATED = "black-forest-labs/FLUX.1-schnell"
OPEN = "comfyanonymous/flux_text_encoders"
SAFETY = "owner/safety"
# Repository, place there, place in the folder of models, contents.
FILES = [
    (GATED, "flux1-schnell.safetensors", "diffusion_models/flux1-schnell.safetensors",
     schnell(read("checkpoints/parts/flux1-dev.safetensors"))),
    (OPEN, "t5xxl_fp16.safetensors", "text_encoders/t5xxl_fp16.safetensors", read("checkpoints/parts/t5xxl_fp16.safetensors")),
    (OPEN, "clip_l.safetensors", "text_encoders/clip_l.safetensors", read("checkpoints/parts/clip_l.safetensors")),
    (GATED, "ae.safetensors", "vae/ae.safetensors", read("checkpoints/parts/ae.safetensors")),
]
for folder, root in [("tokenizer", "reference/dev"), ("tokenizer_2", "reference/dev"), ("safety_checker", "safety"), ("safety_classifier", "safety")]:
    for path in sorted((DATA / root / folder).iterdir()):
        FILES.append((SAFETY, f"{folder}/{path.name}", f"{folder}/{path.name}", path.read_bytes()))

AT = {f"/{repository}/resolve/main/{path}": (repository, contents) for repository, path, _, contents in FILES}
names = [place for _, _, place, _ in FILES]
CATALOG.write_text(json.dumps({
    "licences": {"apache-2.0": {"name": "Apache 2.0", "page": "https://example.org", "about": "For every use"}},
    "files": {
        place: {
            "repository": repository, "path": path, "place": place, "bytes": len(contents),
            "sha256": hashlib.sha256(contents).hexdigest(), "is_gated": repository == GATED,
        }
        for repository, path, place, contents in FILES
    },
    "offers": [{
        "id": "schnell-f32", "model": "schnell", "precision": "f32", "about": "A tiny one with random numbers",
        "licence": "apache-2.0", "files": names,
    }],
    "parts": {
        "safety_checker": [name for name in names if name.startswith("safety_checker/")],
        "safety_classifier": [name for name in names if name.startswith("safety_classifier/")],
    },
}))
downloads = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path not in AT:
            self.send_error(404)
            return
        repository, contents = AT[self.path]
        if repository == GATED and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send_response(401)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(start[1]) if start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(contents) - 1}/{len(contents)}")
        tag = hashlib.sha256(contents).hexdigest()
        self.send_header("ETag", f'"{tag}"')
        self.send_header("X-Linked-ETag", f'"{tag}"')
        self.send_header("X-Linked-Size", str(len(contents)))
        self.send_header("Content-Length", str(len(contents) - start))
        self.end_headers()
        try:
            self.send(contents[start:])
        except BrokenPipeError:
            pass  # The download was paused.

    def send(self, rest: bytes) -> None:
        global downloads
        if self.path.endswith("flux1-schnell.safetensors"):
            downloads += 1
            if downloads == 1:
                self.wfile.write(rest[: len(rest) // 4])
                self.wfile.flush()
                self.connection.close()
                return
            if downloads == 2:
                for at in range(0, len(rest), 1 << 14):
                    self.wfile.write(rest[at : at + (1 << 14)])
                    self.wfile.flush()
                    time.sleep(0.3)
                return
        self.wfile.write(rest)

    def log_message(self, *_) -> None:
        """Nobody reads it."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
