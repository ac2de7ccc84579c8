"""An inbox of synthetic deliveries, taken from the sandbox's own servers, with a manifest that dates them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import urllib.request
import zipfile
from datetime import date
from pathlib import Path

from vru.contracts import load_contract
from vru.sandbox import SandboxServer, configure


def fill(folder: Path, today: date, months: int = 3) -> Path:
    """Put what every partner had to offer on `today` into `folder`, with the last `months` of police data."""
    with tempfile.TemporaryDirectory() as state:
        configure(Path(state), today=today)
        with SandboxServer(Path(state)) as server:
            _victims(server, folder / "mps_homicide_victims")
            _police(server, folder, months)
            _pages(server, folder / "ons_geography", "ons_geography", today)
            _pages(server, folder / "ons_population", "ons_population", today)
    return folder


def _get(server: SandboxServer, url: str) -> bytes:
    with urllib.request.urlopen(server.live(url)) as answer:
        return bytes(answer.read())


def _victims(server: SandboxServer, folder: Path) -> None:
    catalogue = json.loads(_get(server, load_contract("mps_homicide_victims").transport.url))
    files = {}
    for resource in catalogue["resources"].values():
        if "Victims" in resource["title"]:
            name = f"homicide_victims_{resource['check_timestamp'][:10]}.csv"
            files[name] = (_get(server, resource["url"]), resource["check_timestamp"])
    _write(folder, dict(sorted(files.items())[-2:]))


def _police(server: SandboxServer, inbox: Path, months: int) -> None:
    url = load_contract("police_uk_street").transport.latest_url
    with zipfile.ZipFile(io.BytesIO(_get(server, url))) as archive:
        newest = sorted({name.split("/")[0] for name in archive.namelist()})[-months:]
        for feed, ending in (("police_uk_street", "street"), ("police_uk_stop_search", "stop-and-search")):
            files = {}
            for name in sorted(archive.namelist()):
                month, _, base = name.partition("/")
                force = base.removeprefix(f"{month}-").removesuffix(f"-{ending}.csv")
                if month in newest and force in ("metropolitan", "city-of-london", "btp"):
                    files[base] = (archive.read(name), f"{month}-28T00:00:00+00:00")
            _write(inbox / feed, files)


def _pages(server: SandboxServer, folder: Path, feed: str, today: date) -> None:
    files = {}
    for query in load_contract(feed).transport.queries:
        pages, offset = [], 0
        while True:
            answer = _get(server, f"{query.url}&resultOffset={offset}" if feed == "ons_geography" else query.url)
            pages.append(answer)
            if feed != "ons_geography":
                break
            page = json.loads(answer)
            offset += len(page["features"])
            if not page.get("properties", {}).get("exceededTransferLimit"):
                break
        content = pages[0] if len(pages) == 1 else b"".join(b"\x1e" + page + b"\n" for page in pages)
        files[query.file_name] = (content, today.isoformat())
    _write(folder, files)


def _write(folder: Path, files: dict[str, tuple[bytes, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as manifest:
        writer = csv.writer(manifest)
        writer.writerow(["file", "vintage_at", "rows", "sha256"])
        for name, (content, vintage_at) in files.items():
            (folder / name).write_bytes(content)
            writer.writerow([name, vintage_at, "", hashlib.sha256(content).hexdigest()])
