"""What touches foreign files: worker processes with limits of memory, time and reach."""
