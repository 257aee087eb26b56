"""The judge's verdicts: `bayplan match` and `bayplan why`."""
