"""happybase's own paths. It knows bytes only: values are packed and unpacked by `struct`, as its users do."""

import struct

import happybase
import rows
from peer import Peer

FORMS = {"int64": struct.Struct(">q"), "int32": struct.Struct(">i"), "float64": struct.Struct(">d")}
PAGE, MUTATIONS = 5_000, 500
SIGN = 1 << 63


class Driver(Peer):
    """A connection to the gateway."""

    def connect(self):
        host, _, port = self.settings["thriftServers"][0].rpartition(":")
        self.connection = happybase.Connection(host, int(port), timeout=120_000)
        cells = [(f"f:{name}".encode(), kind) for name, kind in rows.kinds(self.shape).items()]
        self.cells = [(cell, FORMS.get(kind)) for cell, kind in cells]

    def table(self, name):
        """With the prefix."""
        return self.connection.table(self.settings["tablePrefix"] + name)

    def value(self, raw, form):
        """Of a cell."""
        return raw.decode() if form is None else form.unpack(raw)[0]

    def close(self):
        self.connection.close()


class Cells(Driver):
    """scan(): names and cells as bytes, which is where happybase ends. Beside the others, as a limit."""

    def read(self, table, _count):
        return [data for _, data in self.table(table).scan(batch_size=PAGE)]

    def columns(self, found):
        return [
            {
                n: [self.value(one[c], f) for one in found]
                for n, (c, f) in zip(self.names, self.cells, strict=True)
            }
        ]


class Scan(Driver):
    """scan(), and each row as Python's values."""

    def read(self, table, _count):
        cells = self.cells
        return [
            [
                raw[cell].decode() if form is None else form.unpack(raw[cell])[0]
                for cell, form in cells
            ]
            for _, raw in self.table(table).scan(batch_size=PAGE)
        ]


class Batch(Driver):
    """batch(batch_size=500)."""

    def write(self, table, prepared):
        with self.table(table).batch(batch_size=MUTATIONS) as batch:
            for row in prepared:
                cells = zip(self.cells, row, strict=True)
                data = {c: v.encode() if form is None else form.pack(v) for (c, form), v in cells}
                batch.put(struct.pack(">Q", row[0] + SIGN), data)
