"""Settings of what an operator sees: metrics and logs."""

from typing import Literal

from pydantic import Field

from vectorstore.settings import FootnoteSettings


class TelemetrySettings(FootnoteSettings):
    """What an operator sees of it: metrics and logs."""

    metrics: bool = Field(
        default=False,
        description="Answer /metrics on the service's own port, for keys of the kinds metrics and operator; without keys "
        "for this machine.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="Port of its own on which a service or worker answers /metrics, without a key; empty: none.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of that port; what can reach any but loopback can read the metrics.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least grave lines that are logged; of libraries only warnings and what is graver.",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="How lines are logged on standard error: json, text, or auto: text on a terminal, json elsewhere.",
    )
    log_requests: bool = Field(default=True, description="Log a line for each request.")
    log_addresses: bool = Field(
        default=False,
        description="Log from which address a wrong key came, and who sent too much; an address is personal data.",
    )
    price_input_tokens: float = Field(
        default=0.0, ge=0, description="Price of a million tokens that the language model reads, for metrics."
    )
    price_output_tokens: float = Field(
        default=0.0,
        ge=0,
        description="Price of a million tokens that the language model writes, for metrics.",
    )

    @property
    def counts(self) -> bool:
        """Whether anything is counted at all."""
        return self.metrics or self.metrics_port is not None
