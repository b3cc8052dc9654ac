"""The address that a service takes before it loads anything."""

from pathlib import Path

import pytest

from app.commands.serve import listen
from app.settings import ServeSettings
from vectorstore.errors import BadInput
from vectorstore.settings import StoreSettings


def test_a_second_service_is_told_that_the_port_is_taken_while_the_first_still_loads(tmp_path: Path) -> None:
    store = StoreSettings(data_dir=tmp_path)
    with listen(ServeSettings(host="127.0.0.1", port=0), store) as first:
        taken = ServeSettings(host="127.0.0.1", port=first.getsockname()[1])
        with pytest.raises(BadInput, match="Cannot listen on 127"):
            listen(taken, store)
