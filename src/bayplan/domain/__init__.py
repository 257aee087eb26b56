"""The judgement of which image runs on which node: pure functions over facts, with no network, database or clock.

Nothing here reads anything but its arguments and the tables of `bayplan.domain.compatibility.tables`, so every verdict can be
reproduced from its input.
"""
