"""Process 1 of the virtual machine takes the commands of `lab` from lab-call (helpers/call.cpp) and
runs each in a child of its own, with the caller's streams, folder and environment."""

import contextlib
import os
import select
import signal
import socket
import sys
import traceback

SOCKET = "/run/lab-calls"


def serve(main):
    """Never returns. `main` is the lab's command line, of sys.argv."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SOCKET)
    listener.listen(64)
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    while True:
        # Orphans come to process 1: reaped in passing.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not poller.poll(500):
            continue
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _quietly(lambda: _attend(caller, main))
        caller.close()


def _quietly(work):
    """A child of process 1 must never go on as process 1 does."""
    try:
        work()
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        os._exit(1)


def _receive(caller):
    data, streams, _, _ = socket.recv_fds(caller, 65536, 3)
    length, _, body = data.partition(b"\0")
    while len(body) < int(length):
        more = caller.recv(65536)
        if not more:
            raise EOFError
        body += more
    folder, count, *words = os.fsdecode(body).split("\0")[:-1]
    return streams, folder, words[:int(count)], words[int(count):]


def _attend(caller, main):
    """Lives beside the command: hands its status back, ends it when the caller is gone."""
    os.setsid()
    streams, folder, arguments, variables = _receive(caller)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _quietly(lambda: _become(streams, folder, arguments, variables, caller, main))
    for fd in streams:
        os.close(fd)
    ended = os.pidfd_open(child)
    poller = select.poll()
    poller.register(ended, select.POLLIN)
    poller.register(caller, select.POLLIN)
    if not any(fd == ended for fd, _ in poller.poll()):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        caller.send(bytes([status if status >= 0 else 128 - status]))
    os._exit(0)


def _become(streams, folder, arguments, variables, caller, main):
    caller.close()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
    for fd in streams:
        if fd > 2:
            os.close(fd)
    with contextlib.suppress(OSError):
        os.chdir(folder)
    os.environ.clear()
    os.environ.update(v.split("=", 1) for v in variables if "=" in v)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = ["lab", *arguments]
    status = 1
    try:
        status = main()
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
