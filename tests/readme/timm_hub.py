# SPDX-License-Identifier: MIT
"""A hub with one repository, whose files are those of timm's DINOv3 in names and layout."""
import hashlib
import http.server
import json
import random
import struct
import threading
import urllib.parse

WIDTH, WIDE, LAYERS, PATCH, REGISTERS = 128, 256, 2, 16, 4
COMMIT = "0123456789abcdef0123456789abcdef01234567"

CONFIG = {
    "architecture": "vit_small_patch16_dinov3",
    "num_classes": 0,
    "num_features": WIDTH,
    "pretrained_cfg": {
        "tag": "lvd1689m",
        "input_size": [3, 256, 256],
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "license": "dinov3-license",
    },
}
README = "---\nlicense: other\nlicense_name: dinov3-license\nlibrary_name: timm\n---\n# A card\n"


def tensors():
    """(name, shape, first value, deviation) in timm's names."""
    yield "cls_token", (1, 1, WIDTH), 0, 0.02
    yield "reg_token", (1, REGISTERS, WIDTH), 0, 0.02
    yield "patch_embed.proj.weight", (WIDTH, 3, PATCH, PATCH), 0, 0.05
    yield "patch_embed.proj.bias", (WIDTH,), 0, 0.02
    for layer in range(LAYERS):
        for name, shape, first, deviation in [
            ("norm1.weight", (WIDTH,), 1, 0.02),
            ("norm1.bias", (WIDTH,), 0, 0.02),
            ("attn.qkv.weight", (3 * WIDTH, WIDTH), 0, 0.05),
            ("attn.proj.weight", (WIDTH, WIDTH), 0, 0.05),
            ("attn.proj.bias", (WIDTH,), 0, 0.02),
            ("gamma_1", (WIDTH,), 1, 0.02),
            ("norm2.weight", (WIDTH,), 1, 0.02),
            ("norm2.bias", (WIDTH,), 0, 0.02),
            ("mlp.fc1.weight", (WIDE, WIDTH), 0, 0.05),
            ("mlp.fc1.bias", (WIDE,), 0, 0.02),
            ("mlp.fc2.weight", (WIDTH, WIDE), 0, 0.05),
            ("mlp.fc2.bias", (WIDTH,), 0, 0.02),
            ("gamma_2", (WIDTH,), 1, 0.02),
        ]:
            yield f"blocks.{layer}.{name}", shape, first, deviation
    yield "norm.weight", (WIDTH,), 1, 0.02
    yield "norm.bias", (WIDTH,), 0, 0.02


def weights():
    numbers, header, data = random.Random(1), {}, bytearray()
    for name, shape, first, deviation in tensors():
        n = 1
        for side in shape:
            n *= side
        begin = len(data)
        data += struct.pack(f"<{n}f", *(numbers.gauss(first, deviation) for _ in range(n)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


class Hub:
    def __init__(self, repository):
        self.repository = repository
        self.files = {
            "README.md": README.encode(),
            "config.json": json.dumps(CONFIG).encode(),
            "model.safetensors": weights(),
            "pytorch_model.bin": b"not wanted",
        }
        self.asked = []  # the names of files
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def listing(self):
        entries = []
        for name, data in self.files.items():
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            entries.append({"rfilename": name, "size": len(data), "blobId": blob})
        return {"id": self.repository, "sha": COMMIT, "siblings": entries}

    def answer(self, path):
        """The body for a path; None where there is nothing."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
        if path == f"/api/models/{self.repository}/revision/main":
            return json.dumps(self.listing()).encode()
        before = f"/{self.repository}/resolve/{COMMIT}/"
        if not path.startswith(before):
            return None
        self.asked.append(path[len(before):])
        return self.files.get(path[len(before):])

    def handler(hub):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = hub.answer(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *arguments):
                pass

        return Handler
