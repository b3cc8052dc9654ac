"""Open what must last beside the index, where the settings say: in the data folder, or in the database of the index."""

from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState


def open_state(settings: StoreSettings) -> State:
    """Open it; raises Unavailable where a database is away."""
    return FolderState(settings.data_dir)
