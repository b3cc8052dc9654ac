"""What can be set about the queue; it is there where the index lies in PostgreSQL."""

from pydantic import Field, SecretStr

from vectorstore.settings import FootnoteSettings


class QueueSettings(FootnoteSettings):
    """How documents wait for workers. Every default is written here and nowhere else."""

    queue_limit: int = Field(
        default=100_000,
        ge=1,
        description="Documents of one tenant that may wait for a worker; more are refused until fewer wait.",
    )
    queue_batch: int = Field(default=8, ge=1, le=1_000, description="Documents that a worker takes at once.")
    queue_batch_mb: int = Field(
        default=16, ge=1, description="Megabytes of files after which a worker takes no more at once."
    )
    queue_lease_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Time after which others take the documents of a worker of which nothing was heard.",
    )
    queue_attempts: int = Field(
        default=3, ge=1, description="Times that a document is tried before a person has to look at it."
    )
    queue_retry_seconds: float = Field(
        default=10.0,
        ge=0,
        description="Time before a second try; before each further one four times as long.",
    )
    queue_wait_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Time for which an upload or removal over HTTP is waited for; after that it goes on unwatched.",
    )
    queue_keep_days: int = Field(
        default=7, ge=0, description="Days for which `footnote jobs` shows what has ended well."
    )
    queue_drain_seconds: float = Field(
        default=25.0,
        ge=0,
        description="Time that a worker which is told to stop has for what it began; the rest it gives back.",
    )

    events_url: SecretStr = Field(
        default=SecretStr(""),
        description="Redis server from which `footnote events` reads which documents changed elsewhere "
        "(redis://host:6379/0).",
    )
    events_stream: str = Field(default="documents", description="Key of the stream of events.")
    events_group: str = Field(
        default="footnote", description="Consumer group by which the stream is read; one index, one group."
    )

    @property
    def batch_bytes(self) -> int:
        """How much a worker takes at once."""
        return self.queue_batch_mb * 1_000_000
