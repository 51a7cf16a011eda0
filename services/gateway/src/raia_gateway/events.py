"""The event log as the gateway reads it: by a role that may read the log and nothing else."""

from contextlib import ExitStack

from raia_kit.events.log import EventLog
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.session import DirectSession
from sqlalchemy import create_engine

from raia_gateway.settings import GatewaySettings

_POOL = 3


def open_log(settings: GatewaySettings, stack: ExitStack) -> EventLog:
    """The log that the settings name; ``stack`` closes what it holds."""
    if settings.events == "kafka":
        # Imported here: the client library costs start-up time that PostgreSQL's users need not pay.
        from raia_kit.events.kafka import KafkaEventLog

        log = KafkaEventLog(settings.kafka_bootstrap, options=settings.kafka_options)
        stack.callback(log.close)
        return log
    url = settings.database_url.get_secret_value()
    engine = create_engine(
        "postgresql+psycopg://" + url.split("://", 1)[1],
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "prepare_threshold": None, "application_name": "raia-gateway"},
    )
    stack.callback(engine.dispose)
    session = DirectSession(settings.database_direct_url.get_secret_value() or url, service="gateway")
    session.start()
    stack.callback(session.stop)
    return PostgresEventLog(engine, session)
