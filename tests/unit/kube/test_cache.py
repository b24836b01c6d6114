from forebay.kube.cache import Cache
from forebay.kube.port import JOB, POD, RUN, Ref

UID = "forebay.dev/owner-uid"


def obj(name="a", uid="u1", version=1, kind=JOB, namespace="shop", **labels):
    meta = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    named = {key.replace("_", "-"): value for key, value in labels.items()}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {**meta, "labels": named},
        "status": {"seen": version},
    }


def ref(name="a", kind=JOB):
    return Ref(kind, "shop", name)


def seen(cache, name="a"):
    found = cache.get(ref(name))
    return found and (found["metadata"]["uid"], found["status"]["seen"])


def test_the_newer_version_wins_whichever_comes_first():
    cache = Cache()
    assert cache.put(obj(version=2))
    assert not cache.put(obj(version=1))
    assert not cache.put(obj(version=2))
    assert seen(cache) == ("u1", 2)
    assert cache.put(obj(version=3))
    assert seen(cache) == ("u1", 3)


def test_what_was_deleted_is_not_brought_back_by_a_late_answer():
    cache = Cache()
    cache.put(obj(version=2))
    cache.remove(ref(), "u1", 5)
    assert not cache.put(obj(version=4))
    assert seen(cache) is None


def test_a_deletion_that_is_heard_before_the_object_counts():
    cache = Cache()
    cache.remove(ref(), "u1", 5)
    assert not cache.put(obj(version=4))
    assert len(cache) == 0


def test_an_object_that_took_the_name_stays_when_the_deletion_of_the_old_one_is_heard():
    cache = Cache()
    cache.put(obj(uid="u1", version=2))
    cache.put(obj(uid="u2", version=7))
    cache.remove(ref(), "u1", 5)
    assert seen(cache) == ("u2", 7)
    cache.remove(ref(), "u2", 9)
    assert not cache.put(obj(uid="u1", version=3)), "the old one was replaced, so it is gone too"


def test_an_object_that_waits_for_its_end_is_seen_again_and_then_goes():
    cache = Cache()
    cache.put(obj(version=2))
    cache.remove(ref(), "u1")
    assert seen(cache) is None
    cache.put(obj(version=3))
    assert seen(cache) == ("u1", 3)
    cache.remove(ref(), "u1", 4)
    assert seen(cache) is None


def test_a_list_removes_what_it_lacks_but_not_what_was_heard_meanwhile():
    cache = Cache()
    cache.put(obj("old", "u1", 1))
    since = cache.count
    cache.put(obj("new", "u2", 9))
    gone = cache.keep_only(JOB, "shop", set(), since)
    assert [o["metadata"]["name"] for o in gone] == ["old"]
    assert seen(cache, "new") == ("u2", 9)
    assert not cache.put(obj("old", "u1", 1))


def test_lists_are_by_kind_namespace_and_labels_in_order():
    cache = Cache(index=("owner",))
    for name, owner, app in (("c", "x", "1"), ("a", "x", "1"), ("b", "y", "1"), ("d", "x", "2")):
        cache.put(obj(name, f"u-{name}", owner=owner, app=app))
    cache.put(obj("p", "u-p", kind=POD, owner="x"))
    cache.put(obj("z", "u-z", namespace="other", owner="x"))
    names = lambda *args: [o["metadata"]["name"] for o in cache.list(*args)]  # noqa: E731
    assert names(JOB, "shop", {"owner": "x"}) == ["a", "c", "d"]
    assert names(JOB, "shop", {"owner": "x", "app": "1"}) == ["a", "c"]
    assert names(JOB, "shop", {"app": "1"}) == ["a", "b", "c"]
    assert names(JOB, None, {"owner": "x"}) == ["z", "a", "c", "d"]
    assert names(RUN, "shop", {}) == []


def test_a_changed_label_moves_the_object():
    cache = Cache(index=("owner",))
    cache.put(obj(version=1, owner="x"))
    cache.put(obj(version=2, owner="y"))
    assert cache.list(JOB, "shop", {"owner": "x"}) == []
    assert len(cache.list(JOB, "shop", {"owner": "y"})) == 1


def test_a_reader_changes_only_its_own_copy():
    cache = Cache()
    cache.put(obj())
    cache.get(ref())["status"]["seen"] = 99
    assert seen(cache) == ("u1", 1)


def test_deletions_are_forgotten_after_a_while():
    now = [0.0]
    cache = Cache(clock=lambda: now[0])
    for number in range(100):
        cache.remove(ref(f"j{number}"), f"u{number}", 5)
    now[0] = 1000.0
    cache.remove(ref(), "u", 5)
    assert cache.put(obj("j1", "u1", 4)), "nobody can still answer with this by then"
    assert len(cache._gone) == 1
