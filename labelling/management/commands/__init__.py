"""Commands of the labelling package."""
