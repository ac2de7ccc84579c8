"""A real object store for tests: moto's server, asked over HTTP as any other would be."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

BUCKET = "vru"


@dataclass
class ObjectStore:
    """Its address, and what lies in its bucket."""

    url: str
    client: Any

    def objects(self) -> dict[str, int]:
        """Bytes of each object."""
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {found["Key"]: found["Size"] for found in listed}

    def uploads(self) -> int:
        """Uploads in parts that have begun and not ended."""
        return len(self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


@contextmanager
def running() -> Iterator[ObjectStore]:
    """The store while the block runs, with one empty bucket; the environment of this process leads to it."""
    import boto3
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # one that a test before has used knows the store that was there then
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (
            ("AWS_ENDPOINT_URL", url),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "tests"),
            ("AWS_DEFAULT_REGION", "eu-west-2"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ):
            environment.setenv(name, value)
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
        client = boto3.client("s3", endpoint_url=url, region_name="eu-west-2")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        try:
            yield ObjectStore(url, client)
        finally:
            server.stop()
