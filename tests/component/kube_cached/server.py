"""The embedded API as a `Source`: pages for lists, a log of watch events that a test delivers as it likes."""

from forebay.kube.embedded import EmbeddedKube


class Server:
    """Every verb of the embedded API; `reads` are the reads that reached it, `writes` what it was asked to write."""

    def __init__(self, path):
        self.kube = EmbeddedKube(path)
        self.reads = []
        self.writes = []
        self.answer = None  # the answer to the next apply waits for it
        self.gate = None  # the next list waits for it before it is read

    def __getattr__(self, name):
        return getattr(self.kube, name)

    async def pages(self, kind, namespace, labels):
        self.reads.append(("pages", kind.kind))
        found = await self.kube.list(kind, namespace, labels)
        gate, self.gate = self.gate, None
        if gate is not None:
            await gate.wait()
        for start in range(0, len(found), 2):
            yield found[start : start + 2]

    async def get(self, ref):
        self.reads.append(("get", ref.kind.kind))
        return await self.kube.get(ref)

    async def find(self, ref):
        self.reads.append(("find", ref.kind.kind))
        return await self.kube.get(ref)

    async def list(self, kind, namespace=None, labels=None):
        self.reads.append(("list", kind.kind))
        return await self.kube.list(kind, namespace, labels)

    async def create(self, obj, **more):
        self.writes.append(("create", obj["kind"], obj["metadata"]["name"]))
        return await self.kube.create(obj, **more)

    async def apply(self, obj, **more):
        self.writes.append(("apply", obj["kind"], obj["metadata"]["name"]))
        made = await self.kube.apply(obj, **more)
        answer, self.answer = self.answer, None
        if answer is not None:
            await answer.wait()
        return made

    async def delete(self, ref, **more):
        self.writes.append(("delete", ref.kind.kind, ref.name))
        await self.kube.delete(ref, **more)
