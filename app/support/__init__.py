"""Whether passages support what a sentence claims."""
