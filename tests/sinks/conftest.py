"""The same tests on what is built in and, by `-m "kafka or servers"`, on real servers."""

from itertools import count

import pytest

from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka_config import KafkaConfig
from tests.kafka_servers import KafkaServer
from tests.postgres_servers import PostgresServer

PREFIXES = count(1)
DATABASES = count(1)


@pytest.fixture(scope="session")
def embedded_kafka():
    """Address of librdkafka's broker."""
    with EmbeddedBroker() as address:
        yield address


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory):
    """A running Apache Kafka; a test that stops it starts it again."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def kafka(request):
    """Settings for topics of the test's own, on each broker in turn."""
    if request.param == "embedded":
        address = request.getfixturevalue("embedded_kafka")
    else:
        address = request.getfixturevalue("apache_kafka").address
    return settings(address)


@pytest.fixture
def apache(apache_kafka):
    """Settings for topics of the test's own on Apache Kafka."""
    return settings(apache_kafka.address)


def settings(address):
    return KafkaConfig(
        bootstrap_servers=address, generation="g1", topic_prefix=f"t{next(PREFIXES)}."
    )


@pytest.fixture(scope="session")
def postgres():
    """A running PostgreSQL; a test that stops it starts it again."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres):
    """Address of an empty database."""
    import psycopg

    name = f"test{next(DATABASES)}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def store_url(request, tmp_path):
    """Address of an empty database, on each in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/ifd.sqlite3"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(store_url):
    from sinks.store import Store

    with Store(store_url) as opened:
        yield opened
