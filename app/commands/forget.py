"""`footnote forget`: erase old conversations now, as the service does every day."""

from typing import Annotated

import typer

from app.runs.records import Records, records_url
from app.settings import ServeSettings
from vectorstore.errors import BadInput
from vectorstore.settings import StoreSettings


def forget(
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=36_500, help="Erase what was asked longer ago. Default: FOOTNOTE_RECORDS_DAYS."
        ),
    ] = None,
) -> None:
    """Erase conversations that are older than FOOTNOTE_RECORDS_DAYS, with the feedback on them."""
    settings = ServeSettings()
    days = days or settings.records_days
    if not days:
        raise BadInput(
            "FOOTNOTE_RECORDS_DAYS is 0: conversations are kept until they are deleted.", "Give --days."
        )
    records = Records(records_url(settings.records_url, StoreSettings().data_dir))
    try:
        count = records.sweep(days)
    finally:
        records.close()
    typer.echo(f"Erased {count:,} answer{'' if count == 1 else 's'} older than {days:,} days.", err=True)
