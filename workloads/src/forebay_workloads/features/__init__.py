"""The one feature definition: the declaration of windowed aggregates and its batch execution as SQL.

`declaration` reads and checks the block of a spec, `aggregates` says what each kind means, `sql` builds
the query of the preprocess stage. A feature of a row never sees the row's own moment or anything later.
"""
