#!/usr/bin/python3
"""A server on loopback that has the demo's LoRA as Replicate, Hugging Face and anybody else have theirs.

lora_server.py FOLDER: prints its address, then serves the files of FOLDER until it is ended.
"""

import http.server
import json
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])
LORA, ARCHIVE = "qface-lora.safetensors", "trained_model.tar"
FILES = {
    "/owner/qfaces/_weights": ARCHIVE,
    "/owner/qfaces/resolve/main/lora.safetensors": LORA,
    f"/{LORA}": LORA,
}
LISTING = {"siblings": [{"rfilename": "lora.safetensors"}], "cardData": {"instance_prompt": "QFACE"}}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/api/models/owner/qfaces/revision/main":
            self.answer(json.dumps(LISTING).encode())
        elif path in FILES:
            self.answer((FOLDER / FILES[path]).read_bytes())
        else:
            self.send_error(404)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Nobody reads it."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
