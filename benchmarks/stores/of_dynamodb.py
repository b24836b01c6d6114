"""boto3's own paths."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
import rows
from botocore.config import Config
from peer import Peer

PARTS = 4
AT_ONCE = 16


class Driver(Peer):
    """Client and resource; reads are consistent, as ours are."""

    def connect(self):
        user, password = self.login
        common = {
            "region_name": self.settings["region"],
            "endpoint_url": self.settings.get("endpoint"),
            "aws_access_key_id": user,
            "aws_secret_access_key": password,
            "config": Config(max_pool_connections=AT_ONCE + 4, parameter_validation=False),
        }
        self.client = boto3.client("dynamodb", **common)
        self.resource = boto3.resource("dynamodb", **common)

    def name(self, table):
        """With the prefix."""
        return self.settings["tablePrefix"] + table

    def columns(self, found):
        made = {}
        for name, kind in rows.kinds(self.shape).items():
            if kind == "text":
                made[name] = [self.value(one[name]) for one in found]
            else:
                made[name] = [float(self.value(one[name])) for one in found]
        return [made]

    @staticmethod
    def value(one):
        """A resource gives Python's values, a client attribute values."""
        return next(iter(one.values())) if isinstance(one, dict) else one


class Scan(Driver):
    """The client's paginator; items stay as the service's attribute values."""

    def segment(self, table, number, parts):
        """One segment's items."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name(table), ConsistentRead=True, Segment=number, TotalSegments=parts
        )
        return [one for page in pages for one in page["Items"]]

    def read(self, table, _count):
        return self.segment(table, 0, 1)


class ParallelScan(Scan):
    """Four segments at the same time."""

    def read(self, table, _count):
        with ThreadPoolExecutor(PARTS) as pool:
            found = pool.map(lambda number: self.segment(table, number, PARTS), range(PARTS))
            return [one for some in found for one in some]


class ResourceScan(Driver):
    """The resource's scan: Python's values, numbers as Decimal."""

    def read(self, table, _count):
        found, more = [], {}
        while True:
            page = self.resource.Table(self.name(table)).scan(ConsistentRead=True, **more)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


class BatchWriter(Driver):
    """The resource's batch_writer; its items are made before the clock."""

    def prepared(self, count):
        kinds = list(rows.kinds(self.shape).values())
        made = rows.tuples(self.shape, count)
        exact = [
            [
                Decimal(repr(v)) if kind == "float64" else v
                for v, kind in zip(row, kinds, strict=True)
            ]
            for row in made
        ]
        return [dict(zip(self.names, row, strict=True)) for row in exact]

    def write(self, table, prepared):
        with self.resource.Table(self.name(table)).batch_writer() as batch:
            for item in prepared:
                batch.put_item(Item=item)


class BatchWriteItem(Driver):
    """The client's batch_write_item of 25 items, 16 requests at the same time; items are made before the clock."""

    def prepared(self, count):
        kinds = list(rows.kinds(self.shape).values())
        return [
            {
                name: {"S": v} if kind == "text" else {"N": repr(v)}
                for name, kind, v in zip(self.names, kinds, row, strict=True)
            }
            for row in rows.tuples(self.shape, count)
        ]

    def some(self, table, items):
        """One request, again with what was left over."""
        left = [{"PutRequest": {"Item": item}} for item in items]
        while left:
            found = self.client.batch_write_item(RequestItems={self.name(table): left})
            left = found["UnprocessedItems"].get(self.name(table))

    def write(self, table, prepared):
        parts = [prepared[start : start + 25] for start in range(0, len(prepared), 25)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda items: self.some(table, items), parts))
