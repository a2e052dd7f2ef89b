"""The whole loop without a person: a sky whose votes are known, volunteers at the pages over HTTP, and the books after.

`real` and `simulated` read or make a `Sky`; `volunteers` sit down at the running site and answer from it; `scoring`
holds every cycle's model to galaxies that were never served; `books` balances what was sent with what is stored,
counted and published; `run` plays it all in order and `report` says how it went.
"""
