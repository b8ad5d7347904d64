"""Corpora: found, downloaded or spoken; decoded once, split by speaker, fetched in batches, augmented."""
