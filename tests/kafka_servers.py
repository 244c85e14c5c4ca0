"""An Apache Kafka of the project's own, without Docker: jars by Maven, one process of Java 17.

`python -m tests.kafka_servers` runs one until it is interrupted and says its address.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from confluent_kafka import KafkaException, Producer

VERSION: Final = "4.1.0"
"""Apache Kafka; needs Java 17. Its log goes through log4j, in the version it is built with."""
CACHE: Final = Path(__file__).resolve().parent.parent / ".cache" / "kafka" / VERSION
CLUSTER_ID: Final = "aWZkLWthZmthLXRlc3RzMQ"
START_S: Final = 60.0
STOP_S: Final = 30.0

POM: Final = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ifd</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""

LOGGING: Final = """\
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""

PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_worker="secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
controlled.shutdown.enable=false
"""


class KafkaServer:
    """One broker on loopback; its data outlives a stop, so that it can be started again.

    At `address` everything is allowed; at `sasl_address` the user `worker`, password `secret`, may
    do what access rules allow.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        port, sasl, controller = _free_ports(3)
        self.address: str = f"127.0.0.1:{port}"
        self.sasl_address: str = f"127.0.0.1:{sasl}"
        self._properties = folder / "server.properties"
        folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(
            PROPERTIES.format(port=port, sasl=sasl, controller=controller, data=folder / "data")
        )
        (folder / "log4j2.properties").write_text(LOGGING)

    def start(self) -> Self:
        """Start it and wait until it answers."""
        jars = obtain_jars()
        if not (self._folder / "data").exists():
            tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", self._properties]
            subprocess.run([*self._java(jars, 128), *tool], check=True, capture_output=True)
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(jars, 512), "kafka.Kafka", self._properties],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_ready(self._process)
        return self

    def stop(self, *, hard: bool = False) -> None:
        """Stop it, by SIGKILL if `hard`; what it holds stays on disk."""
        if self._process is None:
            return
        if hard:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _java(self, jars: Path, heap_mb: int) -> list[str | Path]:
        return [
            "java",
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}",
            "-cp",
            f"{jars}/*",
        ]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        client = Producer({"bootstrap.servers": self.address, "log_level": 0})
        while time.monotonic() < deadline:
            try:
                client.list_topics(timeout=1)
            except KafkaException:
                if (code := process.poll()) is not None:
                    raise RuntimeError(f"Apache Kafka ended with {code}: {self._log()}") from None
            else:
                return
        self.stop(hard=True)
        raise RuntimeError(f"Apache Kafka did not answer within {START_S:g} s: {self._log()}")

    def _log(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")[-2_000:]


def obtain_jars() -> Path:
    """Folder with Kafka and all it needs; Maven fetches them the first time, checksums enforced."""
    if CACHE.exists():
        return CACHE
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise RuntimeError(f"Apache Kafka needs {program} on the path (Java 17 and Maven)")
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    # Complete or not there: the folder gets its name when everything is in it.
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        pom, jars = Path(folder) / "pom.xml", Path(folder) / "jars"
        pom.write_text(POM)
        command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", pom]
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        options = [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        done = subprocess.run([*command, goal, *options], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch Kafka: {done.stdout[-2_000:]}")
        jars.rename(CACHE)
    return CACHE


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def main() -> None:
    """Run a broker until interrupted."""
    with tempfile.TemporaryDirectory() as folder, KafkaServer(Path(folder)) as server:
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        try:
            assert server._process is not None
            server._process.wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
