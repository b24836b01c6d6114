"""Which ways are compared on each store, how many rows, and which environment each needs. Used by run.py."""

from dataclasses import dataclass

OURS = "Forebay"


@dataclass(frozen=True)
class Way:
    """One way to read or write: `limit` stands beside the others, as it does less than they do."""

    name: str
    module: str
    peer: str
    environment: str = ""  # of benchmarks/stores/requirements-NAME.txt; none: the project's own
    limit: bool = False


TABLE, STREAM = Way(OURS, "ours", "Table"), Way(OURS, "ours", "Stream")

READ = {
    "cassandra": [
        TABLE,
        Way("driver, compiled parser, tuples", "of_cassandra", "Tuples", "cassandra"),
        Way("driver, 16 token ranges, 4 at once", "of_cassandra", "Ranges", "cassandra"),
        Way("driver, NumPy handler", "of_cassandra", "Arrays", "cassandra"),
    ],
    "mongodb": [
        TABLE,
        Way("pymongo find, dicts", "of_mongodb", "Find", "mongodb"),
        Way("pymongo raw batches, decode_all", "of_mongodb", "Raw", "mongodb"),
        Way("pymongoarrow find_arrow_all", "of_mongodb", "Arrow", "mongodb"),
    ],
    "dynamodb": [
        TABLE,
        Way("boto3 client, scan paginator", "of_dynamodb", "Scan", "dynamodb"),
        Way("boto3 client, 4 segments at once", "of_dynamodb", "ParallelScan", "dynamodb"),
        Way("boto3 resource, scan", "of_dynamodb", "ResourceScan", "dynamodb"),
    ],
    "hbase": [
        TABLE,
        Way("happybase scan, struct", "of_hbase", "Scan"),
        Way("happybase scan, bytes only", "of_hbase", "Cells", limit=True),
    ],
    "kafka": [
        STREAM,
        Way("consume(2000), fields taken", "of_kafka", "Consume"),
        Way("consume(2000), messages untouched", "of_kafka", "Ceiling", limit=True),
    ],
}
WRITE = {
    "cassandra": [
        TABLE,
        Way("execute_concurrent_with_args", "of_cassandra", "Concurrent", "cassandra"),
        Way("unlogged batches of 100 or 50", "of_cassandra", "Batches", "cassandra"),
        Way("unlogged batches of 10", "of_cassandra", "SmallBatches", "cassandra"),
    ],
    "mongodb": [
        TABLE,
        Way("insert_many(ordered=False)", "of_mongodb", "InsertMany", "mongodb"),
        Way("bulk_write of upserts", "of_mongodb", "Upserts", "mongodb"),
        Way("pymongoarrow write", "of_mongodb", "ArrowWrite", "mongodb"),
    ],
    "dynamodb": [
        TABLE,
        Way("boto3 batch_writer", "of_dynamodb", "BatchWriter", "dynamodb"),
        Way("boto3 batch_write_item, 16 at once", "of_dynamodb", "BatchWriteItem", "dynamodb"),
    ],
    "hbase": [TABLE, Way("happybase batch(500)", "of_hbase", "Batch")],
    "kafka": [
        STREAM,
        Way("produce(), flush()", "of_kafka", "Produce"),
        Way("produce_batch(), flush()", "of_kafka", "ProduceBatch"),
    ],
}
ROWS = {  # by shape: those read, and those written
    "cassandra": {4: (200_000, 40_000), 32: (50_000, 15_000)},
    "mongodb": {4: (50_000, 20_000), 32: (20_000, 10_000)},
    "dynamodb": {4: (10_000, 2_000), 32: (4_000, 1_000)},
    "hbase": {4: (50_000, 20_000), 32: (10_000, 4_000)},
    "kafka": {4: (300_000, 200_000)},  # records have one shape
}
WARM = {"dynamodb": 100, "kafka": 2_000}  # rows before the clock; of the others 1,000
