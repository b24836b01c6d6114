import os
import stat
from unittest import mock

from forebay.kube.port import Ref
from tests.component.local.kit import job, pod_spec, until

SECRET_VOLUME = {"name": "s", "secret": {"secretName": "shop-user"}}
CONFIG_VOLUME = {"name": "c", "configMap": {"name": "doc"}}


def secret(name="shop-user", **data):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "default"},
        "stringData": data,
    }


def config(**data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "doc", "namespace": "default"},
        "data": data,
    }


async def run(world, *volumes, code="", **container):
    await world.apply(job("a", "", pod=pod_spec(code, volumes=volumes, **container)))
    await world.condition("a", "Complete")
    return world.folder(await world.pod()) / "rootfs"


async def test_config_maps_and_secrets_are_files_and_secrets_are_private(world):
    async with world.running():
        await world.apply(config(**{"stage.json": "{}"}), secret(username="ann", password="hush"))
        root = await run(world, (CONFIG_VOLUME, "/etc/stage"), (SECRET_VOLUME, "/etc/secrets/shop"))
        assert (root / "etc/stage/stage.json").read_text() == "{}"
        password = root / "etc/secrets/shop/password"
        assert password.read_text() == "hush"
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
        for name in ("spec.json", "log.txt", "exit.json"):
            assert "hush" not in (root.parent / name).read_text()


async def test_items_choose_keys_and_several_secrets_share_a_folder(world):
    sources = [
        {"secret": {"name": "shop-user"}},
        {"secret": {"name": "shop-ca", "items": [{"key": "cert", "path": "ca.crt"}]}},
    ]
    async with world.running():
        await world.apply(secret(username="ann"), secret("shop-ca", cert="C", other="O"))
        root = await run(world, ({"name": "p", "projected": {"sources": sources}}, "/etc/s"))
        assert {p.name for p in (root / "etc/s").iterdir()} == {"username", "ca.crt"}


async def test_a_claim_is_one_folder_for_all_pods_and_outlives_them(world):
    claim = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    write = "import os; open(os.environ['FOREBAY_ROOT'] + '/var/data/x', 'a').write('1')"
    async with world.running():
        await run(world, (claim, "/var/data"), code=write)
        await world.apply(job("b", "", pod=pod_spec(write, volumes=[(claim, "/var/data")])))
        await world.condition("b", "Complete")
        for name in ("a", "b"):
            await world.kube.delete(Ref.of(await world.job(name)))
        await until(lambda: not list((world.state / "pods").iterdir()))
        assert [p.read_text() for p in world.state.rglob("x")] == ["11"]


async def test_a_missing_secret_is_named_and_the_pod_starts_once_it_is_there(world):
    async with world.running():
        await world.apply(job("a", "", pod=pod_spec("", volumes=[(SECRET_VOLUME, "/etc/s")])))

        async def held():
            pods = await world.pods()
            status = (pods[0].get("status") or {}) if pods else {}
            return (status.get("containerStatuses") or [{}])[0].get("state", {}).get("waiting")

        waiting = await until(held)
        assert waiting["reason"] == "CreateContainerConfigError"
        assert waiting["message"] == 'secret "shop-user" not found'
        await world.apply(secret(username="ann"))
        await world.condition("a", "Complete")


async def test_what_a_process_cannot_have_is_said_not_ignored(world):
    async with world.running():
        odd = {"name": "h", "hostPath": {"path": "/"}}
        await world.apply(job("a", "", pod=pod_spec("", volumes=[(odd, "/host")])))

        async def held():
            pods = await world.pods()
            entries = (pods[0].get("status") or {}).get("containerStatuses") if pods else None
            return entries and entries[0]["state"].get("waiting")

        assert "cannot mount" in (await until(held))["message"]


async def test_the_environment_is_clean(world):
    code = "import json, os; json.dump(dict(os.environ), open('env.json', 'w'))"
    with mock.patch.dict(os.environ, {"AWS_SECRET_ACCESS_KEY": "hush"}):
        async with world.running():
            root = await run(
                world,
                ({"name": "tmp", "emptyDir": {}}, "/tmp"),
                code=code,
                env={"OMP_NUM_THREADS": "2"},
                ports=[{"name": "http", "containerPort": 1}],
            )
            text = (root / "env.json").read_text()
    assert "hush" not in text
    for word in (
        "FOREBAY_ROOT",
        "FOREBAY_PROGRESS",
        "FOREBAY_PORT_HTTP",
        "OMP_NUM_THREADS",
        "PATH",
        "HOME",
    ):
        assert f'"{word}"' in text
    assert str(root / "tmp") in text
