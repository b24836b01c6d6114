"""pymongo's and pymongoarrow's own paths, in an environment with the PyArrow that pymongoarrow wants."""

import bson
import pyarrow as pa
import rows
from peer import Peer
from pymongo import MongoClient, ReplaceOne
from pymongo.write_concern import WriteConcern
from pymongoarrow.api import Schema, find_arrow_all, write

BATCH = 10_000
TYPES = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64(), "text": pa.string()}


class Driver(Peer):
    """A client; writes are acknowledged by a majority and on disk, as ours are."""

    def connect(self):
        user, password = self.login
        more = {"replicaSet": self.settings["replicaSet"]} if "replicaSet" in self.settings else {}
        self.client = MongoClient(
            self.settings["hosts"],
            username=user,
            password=password,
            authSource=self.settings["authSource"],
            **more,
        )
        sure = WriteConcern(w="majority", j=True)
        self.database = self.client.get_database(self.settings["database"], write_concern=sure)

    def prepared(self, count):
        names = ["_id", *self.names]
        return [
            dict(zip(names, (row[0], *row), strict=True)) for row in rows.tuples(self.shape, count)
        ]

    def cursor(self, table, how="find"):
        """All documents in the order of their ids, as ours."""
        fields = {"_id": 1, **dict.fromkeys(self.names, 1)}
        collection = self.database[table]
        return getattr(collection, how)({}, fields, sort=[("_id", 1)], batch_size=BATCH)

    def columns(self, found):
        return [{name: [one[name] for one in found] for name in self.names}]

    def close(self):
        self.client.close()


class Find(Driver):
    """find() into a list of dicts."""

    def read(self, table, _count):
        return list(self.cursor(table))


class Raw(Driver):
    """find_raw_batches(), each decoded by bson.decode_all."""

    def read(self, table, _count):
        return [
            one for page in self.cursor(table, "find_raw_batches") for one in bson.decode_all(page)
        ]


class Arrow(Driver):
    """pymongoarrow's find_arrow_all with a schema."""

    def read(self, table, _count):
        schema = Schema({name: TYPES[kind] for name, kind in rows.kinds(self.shape).items()})
        fields = dict.fromkeys(self.names, 1)
        return find_arrow_all(
            self.database[table],
            {},
            schema=schema,
            projection=fields,
            sort=[("_id", 1)],
            batch_size=BATCH,
        )

    def columns(self, found):
        plain = {name: found.column(name) for name in self.names}
        return [
            {
                n: v.to_pylist() if pa.types.is_string(v.type) else v.to_numpy()
                for n, v in plain.items()
            }
        ]


class InsertMany(Driver):
    """insert_many(ordered=False)."""

    def write(self, table, prepared):
        for start in range(0, len(prepared), BATCH):
            self.database[table].insert_many(prepared[start : start + BATCH], ordered=False)


class Upserts(Driver):
    """bulk_write of replacements with upsert: what may be repeated, as ours may."""

    def write(self, table, prepared):
        for start in range(0, len(prepared), BATCH):
            some = prepared[start : start + BATCH]
            changes = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in some]
            self.database[table].bulk_write(changes, ordered=False)


class ArrowWrite(Driver):
    """pymongoarrow's write of a table."""

    def prepared(self, count):
        found = rows.columns(self.shape, count)
        kinds = rows.kinds(self.shape)
        arrays = {name: pa.array(values, TYPES[kinds[name]]) for name, values in found.items()}
        return pa.table({"_id": arrays["id"], **arrays})

    def write(self, table, prepared):
        write(self.database[table], prepared)
