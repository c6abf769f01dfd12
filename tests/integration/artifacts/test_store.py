"""Objects in a real store, by files and by S3: what goes in comes out, or it is told why not."""

import threading

import pytest

from service.artifacts import Store
from service.domain.artifacts import Artifact
from service.domain.errors import ArtifactLost, StoreUnavailable
from tests.integration.artifacts.conftest import Place
from tests.servers import S3


def put(store: Store, *contents: bytes) -> list[Artifact]:
    made = [Artifact.of(store.new_url("some"), content) for content in contents]
    store.write({one.url: content for one, content in zip(made, contents, strict=True)})
    return made


def test_what_was_written_is_read_back(place: Place) -> None:
    contents = [b"", b"one", bytes(range(256)) * 4096]
    made = put(place.store, *contents)
    assert [place.store.read(one) for one in made] == contents
    assert place.urls() == sorted(one.url for one in made)


def test_an_object_that_is_gone_or_spoilt_is_lost(place: Place) -> None:
    gone, short, spoilt = put(place.store, b"first", b"second", b"third")
    place.delete(gone.url)
    place.overwrite(short.url, b"secon")
    place.overwrite(spoilt.url, b"thirD")
    for one, how in ((gone, "is gone"), (short, "5 bytes instead of 6"), (spoilt, "other bytes")):
        with pytest.raises(ArtifactLost, match=how):
            place.store.read(one)


def test_what_is_removed_is_gone_and_may_be_removed_again(place: Place) -> None:
    (one, other) = put(place.store, b"one", b"other")
    assert place.store.remove([one.url]) == [one.url]
    assert place.store.remove([one.url]) == [one.url]
    assert place.urls() == [other.url]


def test_a_bucket_that_is_not_there_is_no_empty_one(s3: S3) -> None:
    with pytest.raises(StoreUnavailable, match="s3://nobodys"):
        put(Store("s3://nobodys-bucket"), b"one")


def test_a_store_that_refuses_connections_is_away_and_used_again_afterwards(s3: S3) -> None:
    store = Store(s3.url)
    (one,) = put(store, b"one")
    s3.cut()
    with pytest.raises(StoreUnavailable, match=s3.url):
        store.read(one)
    with pytest.raises(StoreUnavailable, match=s3.url):
        put(store, b"two")
    assert store.remove([one.url]) == []
    s3.mend()
    assert store.read(one) == b"one"


def test_a_store_that_never_answers_is_not_waited_for_by_who_is_to_stop(s3: S3) -> None:
    stop = threading.Event()
    store = Store(s3.url, stop)
    (one,) = put(store, b"one")
    with s3.frozen():
        stop.set()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.read(one)


def test_a_store_of_a_kind_that_nobody_knows_says_so() -> None:
    with pytest.raises(StoreUnavailable, match="Protocol not known: gopher"):
        put(Store("gopher://old/objects"), b"one")
