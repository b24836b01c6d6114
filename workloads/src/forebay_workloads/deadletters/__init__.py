"""Dead letters of an ingest: listing, showing and replaying them.

`python -m forebay_workloads.deadletters` is what `forebay dlq` runs, and what can be run in the pod of an
ingest. `ingest.letters` says how a letter looks; nothing here changes a letter or removes one.
"""
