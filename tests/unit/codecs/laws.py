"""What holds for every codec of records, whatever it is given."""

from forebay_workloads.codecs.decoded import REASON_LIMIT, Decoded


def holds(records, decoded: Decoded) -> Decoded:
    """Each record is in one place; reasons are one short line."""
    bad = [index for index, _ in decoded.bad]
    assert len(decoded.kept) == decoded.batch.num_rows
    assert sorted([*decoded.kept, *bad, *decoded.tombstones]) == list(range(len(records)))
    for indices in (decoded.kept, bad, decoded.tombstones):
        assert list(indices) == sorted(indices)
    assert list(decoded.tombstones) == [i for i, record in enumerate(records) if record is None]
    assert all(why and len(why) <= REASON_LIMIT and "\n" not in why for _, why in decoded.bad)
    decoded.batch.validate(full=True)
    return decoded
