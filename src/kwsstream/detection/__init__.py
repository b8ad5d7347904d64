"""Models that listen for hours: streams with truth, what is heard in them and when, and thresholds from it."""
