"""`python -m service` is `semblance`."""

from service.cli import main

main()
