"""What must last beside the index: keys, heads, holds, flags. In the data folder, or in the database of the index."""
