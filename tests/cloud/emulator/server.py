"""The endpoint: moto's application on a free port of the loopback interface, with the doubles put in."""

import logging
import os
import threading
import traceback

from flask import Flask, got_request_exception
from werkzeug.serving import make_server

from . import athena, catalogue, conditions, formation, redshift, states
from .gate import Gate
from .lambdas import Host

ACCOUNT = "123456789012"
REGION = "eu-west-1"


class Emulator:
    """A running endpoint; it lives until it is stopped."""

    def __init__(self, postgres: str | None = None, polls: int = 2, pace: float = 1.0):
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )

        # Requests are no news, and an error that an execution catches is none either. What CloudFormation passes over is
        # told by who deploys.
        for name in ("werkzeug", "moto"):
            logging.getLogger(name).setLevel(logging.ERROR)
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
        got_request_exception.connect(_tell)
        catalogue.install()
        conditions.install()
        formation.install()
        self.queries = athena.install(polls)
        states.install(pace)
        self.statements = None if postgres is None else redshift.install(postgres, polls)
        self.gate = Gate(DomainDispatcherApplication(create_backend_app), kill=lambda key: self.host.kill(key))
        self._server = make_server("127.0.0.1", 0, self.gate, threaded=True, request_handler=MotoRequestHandler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        os.environ["MOTO_PORT"] = str(self._server.server_port)
        self.host = Host(self.endpoint)
        self.host.install()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and with it every process of a function."""
        self.host.stop()
        self._server.shutdown()
        self._thread.join()


def _tell(application: Flask, exception: Exception, **_: object) -> None:
    """An error of the emulator itself is told where it can be seen; its caller gets status 500 alone."""
    traceback.print_exception(exception)


_ENVIRONMENT = {
    # What calls that the emulator makes to itself are signed with, and nothing is asked of the machine's own account.
    "AWS_ACCESS_KEY_ID": "emulator",
    "AWS_SECRET_ACCESS_KEY": "emulator",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
