"""Where objects lie, and how long they are waited for."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from vectorstore.settings import FootnoteSettings

_ADDRESS: Final = re.compile(r"(?:s3|gs|az)://[^/\s@?#]++(?:/[^\s?#]*+)?|file:///[^?#]++")


def _address(address: str) -> str:
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError(
            "write it like s3://bucket/prefix; credentials come from the environment, never in the address"
        )
    return address if address == "file:///" else address.rstrip("/")


class ObjectSettings(FootnoteSettings):
    """Object storage that replicas share: uploaded files as they came, published search indexes."""

    objects: Annotated[str, AfterValidator(_address)] = Field(
        default="",
        description="Object storage for uploaded files and published search indexes: s3://bucket/prefix, gs://, az:// or "
        "file:///folder, which no other index may use; credentials as usual there (AWS_ACCESS_KEY_ID …). Empty: uploaded "
        "files lie in the data folder, and nothing is published. Needs the extra [objects].",
    )
    objects_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=300,
        description="Longest time for one request to the object storage; what fails is not repeated after it.",
    )
    objects_retries: int = Field(
        default=3,
        ge=0,
        le=20,
        description="How often a request to the object storage that failed in passing is repeated.",
    )
    originals_cache_mb: int = Field(
        default=1_024,
        ge=1,
        description="Room in the data folder for copies of uploaded files that lie in the object storage, in megabytes.",
    )
    publish_chunks: int = Field(
        default=20_000,
        ge=0,
        description="Publish the search index once it has grown by so many chunks, and by a twentieth; a replica that lacks "
        "as many takes it instead of building its own. 0: neither.",
    )
