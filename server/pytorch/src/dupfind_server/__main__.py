"""Run the server as `python -m dupfind_server`."""

from dupfind_server.cli import main

main()
