"""Redis, Kafka and S3 for the session: the server that a setting names, or one started on a free port."""

import contextlib
import fcntl
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from raia_launcher.postgres import free_port

from raia_testing.processes import ServerDidNotStart, running
from raia_testing.requirement import missing
from raia_testing.settings import TestSettings

_INSTALL = {
    "redis": "apt-get install -y redis-server",
    "kafka": "apt-get install -y openjdk-17-jre-headless maven",
    "s3": "uv sync --all-groups",
    "spark": "apt-get install -y openjdk-17-jre-headless",
}

# 4.1.0 is the newest whose artifacts all resolve.
_KAFKA_VERSION = "4.1.0"
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>raia</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""
# The newest for which the connector to Kafka resolves, too.
_SPARK_VERSION = "4.0.0"
_BROKER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """URL of a Redis server."""
    settings = TestSettings()
    if settings.redis_url:
        yield settings.redis_url
        return
    program = shutil.which("redis-server") or missing("redis", _INSTALL["redis"], "redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _folder() as folder, _started("redis", command, folder, port, 20):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def kafka() -> Iterator[str]:
    """host:port of a Kafka broker."""
    settings = TestSettings()
    if settings.kafka_bootstrap:
        yield settings.kafka_bootstrap
        return
    java = shutil.which("java") or missing("kafka", _INSTALL["kafka"], "java is not installed")
    jars = _kafka_jars(settings.cache / f"kafka-{_KAFKA_VERSION}")
    port, controller = free_port(), free_port()
    with _folder() as folder:
        properties = folder / "server.properties"
        properties.write_text(_BROKER.format(port=port, controller=controller, folder=folder))
        base = [java, "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        storage = [*base, "kafka.tools.StorageTool", "format", "-t", "RAIAtestRAIAtestRAIAte", "-c", str(properties)]
        subprocess.run(storage, check=True, capture_output=True, cwd=folder)  # noqa: S603
        with _started("kafka", [*base, "kafka.Kafka", str(properties)], folder, port, 60):
            yield f"127.0.0.1:{port}"


def spark_packages() -> str:
    """Folder of the packages pyspark and py4j, fetched once; empty when they are installed."""
    if shutil.which("java") is None:
        missing("spark", _INSTALL["spark"], "java is not installed")
    if importlib.util.find_spec("pyspark") is not None:
        return ""
    folder = TestSettings().cache / f"pyspark-{_SPARK_VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return str(folder)
        uv = shutil.which("uv") or shutil.which("uv", path=".tools/bin")
        if uv is None:
            missing("spark", "pip install uv", "uv is not there to fetch pyspark")
        draft = Path(f"{folder}.new")
        shutil.rmtree(draft, ignore_errors=True)
        wanted = ["--python", sys.executable, "--target", str(draft), f"pyspark=={_SPARK_VERSION}"]
        done = subprocess.run([uv, "pip", "install", "-q", *wanted], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            missing("spark", _INSTALL["spark"], f"pyspark could not be fetched: {done.stderr.strip()[-300:]}")
        draft.rename(folder)
    return str(folder)


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """Endpoint of an S3 server."""
    settings = TestSettings()
    if settings.s3_url:
        yield settings.s3_url
        return
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _folder() as folder, _started("s3", command, folder, port, 60):
        # The port opens before the application answers.
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).close()
        yield f"http://127.0.0.1:{port}"


def s3_options(endpoint: str) -> dict[str, str]:
    """What an object store client needs to reach ``endpoint``, as ``objects_options`` takes it."""
    settings = TestSettings()
    return {
        "endpoint": endpoint,
        "access_key_id": settings.s3_access_key,
        "secret_access_key": settings.s3_secret_key,
        "region": "us-east-1",
        "allow_http": "true",
    }


def create_bucket(endpoint: str) -> str:
    """Makes a bucket with a name of its own and returns the name."""
    import boto3  # type: ignore[import-untyped,unused-ignore]

    name, options = f"raia-test-{uuid4().hex[:12]}", s3_options(endpoint)
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=options["access_key_id"],
        aws_secret_access_key=options["secret_access_key"],
        region_name=options["region"],
    ).create_bucket(Bucket=name)
    return name


def _kafka_jars(folder: Path) -> Path:
    """The broker's jars, fetched once; processes that start together wait for the first."""
    jars = folder / "libs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.is_dir():
            return jars
        maven = shutil.which("mvn") or missing("kafka", _INSTALL["kafka"], "maven is not installed")
        (folder / "pom.xml").write_text(_POM.format(version=_KAFKA_VERSION))
        draft = folder / "libs.new"
        shutil.rmtree(draft, ignore_errors=True)
        command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            missing("kafka", _INSTALL["kafka"], f"its jars could not be fetched: {done.stdout.strip()[-300:]}")
        draft.rename(jars)
    return jars


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="raia-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _started(name: str, command: list[str], folder: Path, port: int, timeout: float) -> Iterator[None]:
    def ready() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(running(command, folder / "log", ready, timeout=timeout))
        except ServerDidNotStart as error:
            missing(name, _INSTALL[name], str(error))
        yield
